//! A store that takes its time: what is durable, and what a successor would find.

use std::collections::VecDeque;

use switchhook_actors::domain::{
    time::{Millis, Timestamp},
    transcript::{Transcript, Turn},
};

#[derive(Debug)]
pub(crate) struct Store {
    after: Millis,
    waiting: VecDeque<(Timestamp, Turn)>,
    pub(crate) stalled: bool,
    pub(crate) durable: Transcript,
}

impl Store {
    pub(crate) fn new(after: Millis) -> Self {
        let (waiting, durable) = (VecDeque::new(), Transcript::default());
        Self { after, waiting, stalled: false, durable }
    }

    pub(crate) fn write(&mut self, now: Timestamp, turn: Turn) {
        self.waiting.push_back((now + self.after, turn));
    }

    /// When the next turn is durable.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(at, _)| *at).filter(|_| !self.stalled)
    }

    /// The next turn that is durable by now.
    pub(crate) fn written(&mut self, now: Timestamp) -> Option<Turn> {
        self.due().filter(|due| *due <= now)?;
        let (_, turn) = self.waiting.pop_front()?;
        self.durable.put(turn.clone());
        Some(turn)
    }

    /// The engine died with what it had not written.
    pub(crate) fn lose(&mut self) {
        self.waiting.clear();
    }
}
