//! A store that takes its time: what is durable, and what a successor would find.

use std::collections::VecDeque;

use switchhook_actors::domain::{
    record::{CallRecord, Change},
    time::{Millis, Timestamp},
    transcript::Turn,
};

/// What is written.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Turn(Turn),
    Change(Change),
}

#[derive(Debug)]
pub(crate) struct Store {
    after: Millis,
    waiting: VecDeque<(Timestamp, Entry)>,
    pub(crate) stalled: bool,
    pub(crate) durable: CallRecord,
}

impl Store {
    pub(crate) fn new(after: Millis, durable: CallRecord) -> Self {
        Self { after, waiting: VecDeque::new(), stalled: false, durable }
    }

    pub(crate) fn write(&mut self, now: Timestamp, entry: Entry) {
        self.waiting.push_back((now + self.after, entry));
    }

    /// When the next entry is durable.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(at, _)| *at).filter(|_| !self.stalled)
    }

    /// The next entry that is durable by now.
    pub(crate) fn written(&mut self, now: Timestamp) -> Option<Entry> {
        self.due().filter(|due| *due <= now)?;
        let (_, entry) = self.waiting.pop_front()?;
        match &entry {
            Entry::Turn(turn) => self.durable.transcript.put(turn.clone()),
            Entry::Change(change) => self.durable.apply(change, now),
        }
        Some(entry)
    }

    /// Who keeps escalations has one order of things: what a session told it comes before what it
    /// tells Twilio.
    pub(crate) fn catch_up(&mut self, now: Timestamp) {
        for (_, entry) in &self.waiting {
            if let Entry::Change(change) = entry {
                self.durable.apply(change, now);
            }
        }
        self.waiting.retain(|(_, entry)| matches!(entry, Entry::Turn(_)));
    }

    /// An engine that takes leave writes what it has to write.
    pub(crate) fn flush(&mut self, now: Timestamp) {
        for (at, _) in self.waiting.iter_mut().filter(|_| !self.stalled) {
            *at = now;
        }
        while self.written(now).is_some() {}
    }

    /// The engine died with what it had not written.
    pub(crate) fn lose(&mut self) {
        self.waiting.clear();
    }
}
