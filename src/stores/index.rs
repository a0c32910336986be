//! What an engine knows of the live calls without asking its store, and the feed of events.
//!
//! A store applies to it what is committed, never more; lists and the feed are read from it, so that
//! any number of monitors costs the store nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};

use switchhook_actors::{
    domain::{
        ids::{CallSid, TurnId},
        record::{CallEvent, CallEventKind, CallRecord, CallSummary, Position},
        time::Timestamp,
        transcript::{Role, Transcript},
    },
    registry::store::{Feed, News, Sweep},
};

/// How many events the feed keeps: a monitor that asks every second can be away for as long as a
/// thousand calls take to have one event each, and is given a snapshot after that.
pub(super) const FEED_KEPT: usize = 1024;

/// What a committed operation means for the index.
#[derive(Debug)]
pub(super) enum Effect {
    /// Something happened that a monitor shows.
    Event {
        kind: CallEventKind,
        /// The record after it; with its words where the call may not be in the index, or not all
        /// of them.
        record: Box<CallRecord>,
        /// What is known of its turns.
        said: Said,
    },
    /// The call was seen alive. Kept in memory alone: after a start the count begins anew anyway.
    Seen(CallSid, Timestamp),
    /// The call was deleted, and nothing could be read of it that would make an event.
    Gone(CallSid),
}

/// What an event tells of a call's turns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
    /// Nothing new.
    Nothing,
    /// This one was stored.
    Turn(TurnId, Role),
    /// So many there are.
    Count(usize),
}

#[derive(Debug)]
struct Live {
    /// Without its words.
    record: CallRecord,
    /// Which turns it has: a later version of a turn is not one more.
    said: BTreeSet<(TurnId, Role)>,
    /// How many it has, where the store counts them.
    counted: Option<usize>,
    seen: Timestamp,
}

impl Live {
    fn new(record: CallRecord, since: Timestamp) -> Self {
        let said = record.transcript.turns().iter().map(|turn| (turn.id, turn.role)).collect();
        let seen = record.seen_at.max(since);
        Self { record: without_words(record), said, counted: None, seen }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Nothing => {}
            Said::Turn(id, role) => drop(self.said.insert((id, role))),
            Said::Count(turns) => self.counted = Some(turns),
        }
    }

    fn turns(&self) -> usize {
        self.counted.unwrap_or(self.said.len())
    }

    fn summary(&self) -> CallSummary {
        self.record.summary(self.turns())
    }
}

/// The live calls and the last events.
#[derive(Debug)]
pub(super) struct Index {
    live: HashMap<CallSid, Live>,
    events: VecDeque<CallEvent>,
    /// Position of the newest event.
    head: Position,
    /// Position before the oldest event that is kept.
    floor: Position,
    /// No call counts as silent since before that.
    since: Timestamp,
}

impl Index {
    /// An index of these calls. Positions go on from `now`, so that one of an earlier run is
    /// never taken for one of this run.
    pub(super) fn new(live: Vec<CallRecord>, now: Timestamp) -> Self {
        let start = Position(now.0);
        let mut index = Self {
            live: HashMap::new(),
            events: VecDeque::new(),
            head: start,
            floor: start,
            since: now,
        };
        index.take(live);
        index
    }

    /// Takes the calls as they were found after a failure of which nobody knows what it wrote.
    /// Whoever follows gets a snapshot.
    pub(super) fn reload(&mut self, live: Vec<CallRecord>) {
        let before = std::mem::take(&mut self.live);
        self.take(live);
        for (sid, entry) in &mut self.live {
            if let Some(old) = before.get(sid) {
                entry.seen = entry.seen.max(old.seen);
            }
        }
        self.events.clear();
        self.head = Position(self.head.0.saturating_add(1));
        self.floor = self.head;
    }

    fn take(&mut self, live: Vec<CallRecord>) {
        let since = self.since;
        self.live = live.into_iter().map(|r| (r.sid, Live::new(r, since))).collect();
    }

    /// Takes the calls as another store has them, at that position of its feed.
    pub(super) fn reset(&mut self, live: Vec<(CallRecord, usize)>, position: Position) {
        let (records, counts): (Vec<_>, Vec<_>) =
            live.into_iter().map(|(record, turns)| ((record.sid, turns), record)).unzip();
        self.reload(counts);
        for (sid, turns) in records {
            if let Some(live) = self.live.get_mut(&sid) {
                live.counted = Some(turns);
            }
        }
        self.head = position;
        self.floor = position;
    }

    /// Takes an event that has its place in the feed already.
    pub(super) fn apply_at(&mut self, position: Position, effect: Effect) {
        self.head = Position(position.0.saturating_sub(1));
        self.apply(effect);
        self.head = position;
    }

    /// The record of a live call, without its words.
    pub(super) fn record(&self, sid: CallSid) -> Option<&CallRecord> {
        self.live.get(&sid).map(|live| &live.record)
    }

    /// Takes what was committed.
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Seen(sid, at) => {
                if let Some(live) = self.live.get_mut(&sid) {
                    live.seen = live.seen.max(at);
                }
            }
            Effect::Gone(sid) => drop(self.live.remove(&sid)),
            Effect::Event { kind, record, said } => {
                let call = self.note(kind, *record, said);
                self.publish(kind, call);
            }
        }
    }

    /// Brings the call up to date and returns its short form.
    fn note(&mut self, kind: CallEventKind, record: CallRecord, said: Said) -> CallSummary {
        let gone = kind == CallEventKind::Erased;
        if gone || record.status.is_final() {
            let turns = match self.live.remove(&record.sid) {
                _ if gone => 0,
                Some(live) => live.turns(),
                None => record.transcript.turns().len(),
            };
            let turns = match said {
                Said::Count(turns) if !gone => turns,
                _ => turns,
            };
            return record.summary(turns);
        }
        let (sid, seen, since) = (record.sid, record.seen_at, self.since);
        let live = match self.live.entry(sid) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                let live = entry.into_mut();
                live.said.extend(record.transcript.turns().iter().map(|turn| (turn.id, turn.role)));
                live.record = without_words(record);
                live.seen = live.seen.max(seen);
                live
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Live::new(record, since))
            }
        };
        live.hear(said);
        live.summary()
    }

    fn publish(&mut self, kind: CallEventKind, call: CallSummary) {
        self.head = Position(self.head.0.saturating_add(1));
        if self.events.len() >= FEED_KEPT
            && let Some(oldest) = self.events.pop_front()
        {
            self.floor = oldest.position;
        }
        self.events.push_back(CallEvent { position: self.head, kind, call });
    }

    /// Whether no call is live.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// All live calls, by start.
    pub(super) fn calls(&self) -> Vec<CallSummary> {
        let mut calls: Vec<_> = self.live.values().map(Live::summary).collect();
        calls.sort_unstable_by_key(|call| (call.started_at, call.sid));
        calls
    }

    /// What happened after that position.
    pub(super) fn follow(&self, after: Option<Position>) -> Feed {
        let news = match after {
            Some(after) if (self.floor..=self.head).contains(&after) => {
                let start = self.events.partition_point(|event| event.position <= after);
                News::Events(self.events.range(start..).cloned().collect())
            }
            _ => News::Snapshot(self.calls()),
        };
        Feed { position: self.head, news }
    }

    /// The calls without a sign of life for too long, and when the last was.
    pub(super) fn silent(&self, sweep: &Sweep) -> Vec<(CallSid, Timestamp)> {
        let silent =
            |live: &&Live| sweep.now.since(live.seen) >= sweep.silence_of(live.record.status);
        self.live.values().filter(silent).map(|live| (live.record.sid, live.seen)).collect()
    }
}

/// A record as lists hold it.
pub(super) fn without_words(record: CallRecord) -> CallRecord {
    CallRecord { transcript: Transcript::default(), late: Vec::new(), ..record }
}
