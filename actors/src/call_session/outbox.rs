//! What waits to be durable, in order and bounded. Pure: `recording.rs` writes what it gives out.

use std::collections::VecDeque;

use crate::domain::{
    ids::TurnId,
    record::Change,
    time::Timestamp,
    transcript::{Role, Turn},
};

/// Entries that wait at most: ten of the longest calls there are, 200 turns on both sides.
const ENTRIES_MAX: usize = 2_000;

/// Words that wait at most, bytes: a caller and an agent who talk for ten hours.
const BYTES_MAX: usize = 1 << 20;

/// What an entry takes besides its words, bytes, about.
const ENTRY: usize = 128;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Turn(Turn),
    Change(Change, Timestamp),
}

impl Entry {
    fn len(&self) -> usize {
        ENTRY
            + match self {
                Self::Turn(turn) => turn.text.len(),
                Self::Change(..) => 0,
            }
    }

    fn is(&self, id: TurnId, role: Role) -> bool {
        matches!(self, Self::Turn(turn) if (turn.id, turn.role) == (id, role))
    }
}

/// The queue of a session.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Entry>,
    bytes: usize,
    /// Whether the first of `waiting` was sent, and may be stored: then it stays as it is, since a
    /// repetition under the same number would be taken for the old version.
    sent: bool,
    /// Turns that were dropped with none behind them: the next one tells.
    lost: u32,
}

impl Outbox {
    /// Queues a turn. A version of it that waits already is not worth writing any more.
    ///
    /// Returns how many turns had to be dropped for it.
    pub(super) fn put_turn(&mut self, mut turn: Turn) -> u32 {
        let under_way = usize::from(self.sent);
        let mut unsent = self.waiting.iter_mut().skip(under_way);
        if let Some(entry) = unsent.find(|entry| entry.is(turn.id, turn.role)) {
            self.bytes -= entry.len();
            if let Entry::Turn(known) = entry {
                turn.lost_before = turn.lost_before.max(known.lost_before);
            }
            *entry = Entry::Turn(turn);
            self.bytes += entry.len();
        } else {
            turn.lost_before = turn.lost_before.saturating_add(std::mem::take(&mut self.lost));
            self.push(Entry::Turn(turn));
        }
        self.make_room()
    }

    /// Queues a change. Returns how many turns had to be dropped for it.
    pub(super) fn put_change(&mut self, change: Change, at: Timestamp) -> u32 {
        self.push(Entry::Change(change, at));
        self.make_room()
    }

    /// What is to be written next.
    pub(super) fn begin(&mut self) -> Option<Entry> {
        let first = self.waiting.front().cloned();
        self.sent |= first.is_some();
        first
    }

    /// The first was written.
    pub(super) fn done(&mut self) -> Option<Entry> {
        self.sent = false;
        let first = self.waiting.pop_front()?;
        self.bytes -= first.len();
        Some(first)
    }

    /// The first was not written, nor will be as it was sent.
    pub(super) fn take_back(&mut self) {
        self.sent = false;
    }

    /// Nothing of it can be written any more.
    pub(super) fn give_up(&mut self) -> Vec<Entry> {
        let Self { waiting, .. } = std::mem::take(self);
        waiting.into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.len();
        self.waiting.push_back(entry);
    }

    fn make_room(&mut self) -> u32 {
        let mut dropped = 0_u32;
        while self.waiting.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(at) = self.least_missed() else { break };
            dropped = dropped.saturating_add(self.forget(at));
        }
        dropped
    }

    /// What is missed least: an answer that was not whole, then answers, then questions, the
    /// oldest first; what became of the call is never dropped.
    fn least_missed(&self) -> Option<usize> {
        let under_way = usize::from(self.sent);
        let entries = || self.waiting.iter().enumerate().skip(under_way);
        let first =
            |fits: fn(&Entry) -> bool| entries().find(|(_, entry)| fits(entry)).map(|(at, _)| at);
        first(|entry| matches!(entry, Entry::Turn(turn) if turn.open))
            .or_else(|| {
                first(|entry| matches!(entry, Entry::Turn(turn) if turn.role == Role::Agent))
            })
            .or_else(|| first(|entry| matches!(entry, Entry::Turn(_))))
            .or_else(|| first(|entry| !matches!(entry, Entry::Change(Change::Ended { .. }, _))))
    }

    /// Drops an entry; the turn behind it tells what is missing before it.
    fn forget(&mut self, at: usize) -> u32 {
        let Some(entry) = self.waiting.remove(at) else { return 0 };
        self.bytes -= entry.len();
        let Entry::Turn(turn) = entry else { return 0 };
        let missing = turn.lost_before.saturating_add(1);
        let next = self.waiting.iter_mut().skip(at).find_map(|entry| match entry {
            Entry::Turn(turn) => Some(&mut turn.lost_before),
            Entry::Change(..) => None,
        });
        let count = next.unwrap_or(&mut self.lost);
        *count = count.saturating_add(missing);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Status;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn turn(id: u32, role: Role) -> Turn {
        Turn::new(TurnId(id), role, "words", NOW)
    }

    fn open(id: u32) -> Turn {
        Turn { open: true, ..turn(id, Role::Agent) }
    }

    fn written(outbox: &mut Outbox) -> Vec<Turn> {
        let mut turns = Vec::new();
        while let Some(entry) = outbox.begin() {
            assert_eq!(outbox.done(), Some(entry.clone()));
            if let Entry::Turn(turn) = entry {
                turns.push(turn);
            }
        }
        assert_eq!(outbox.bytes, 0);
        turns
    }

    #[test]
    fn a_later_version_takes_the_place_of_one_that_waits_and_not_of_one_under_way() {
        let mut outbox = Outbox::default();
        outbox.put_turn(open(1));
        outbox.put_turn(turn(1, Role::Agent));
        assert_eq!(outbox.begin(), Some(Entry::Turn(turn(1, Role::Agent))));
        outbox.put_turn(open(1));
        outbox.put_turn(Turn { interrupted: true, ..turn(1, Role::Agent) });
        let last = Turn { interrupted: true, ..turn(1, Role::Agent) };
        assert_eq!(written(&mut outbox), [turn(1, Role::Agent), last]);
    }

    #[test]
    fn unwhole_answers_go_first_then_answers_then_questions_and_never_the_end() {
        let mut outbox = Outbox::default();
        outbox.put_change(Change::Ended { status: Status::Completed }, NOW);
        outbox.put_turn(turn(1, Role::Customer));
        outbox.put_turn(turn(1, Role::Agent));
        outbox.put_turn(open(2));
        let order: Vec<_> = std::iter::from_fn(|| {
            let at = outbox.least_missed()?;
            let entry = outbox.waiting.get(at).cloned();
            outbox.forget(at);
            entry
        })
        .collect();
        let turns = [open(2), Turn { lost_before: 1, ..turn(1, Role::Agent) }];
        assert_eq!(order.first(), Some(&Entry::Turn(turns[0].clone())));
        assert_eq!(order.len(), 3);
        assert_eq!((outbox.len(), outbox.lost), (1, 3));
    }

    #[test]
    fn what_had_to_be_dropped_is_said_on_the_next_turn_and_counted_once() {
        let mut outbox = Outbox::default();
        outbox.put_turn(turn(0, Role::Agent));
        let first = outbox.begin();
        let entries = u32::try_from(ENTRIES_MAX).unwrap();
        let dropped: u32 =
            (1..=entries + 5).map(|id| outbox.put_turn(turn(id, Role::Customer))).sum();
        assert_eq!((dropped, outbox.len()), (6, ENTRIES_MAX));
        let turns = written(&mut outbox);
        assert_eq!(first, Some(Entry::Turn(turns[0].clone())), "what is under way is not dropped");
        assert_eq!((turns[1].id, turns[1].lost_before), (TurnId(7), 6));
        assert!(turns[2..].iter().all(|turn| turn.lost_before == 0));
        assert_eq!(u32::try_from(turns.len()).unwrap() + dropped, entries + 6, "none is missing");
    }

    #[test]
    fn words_are_bounded_as_entries_are_and_a_loss_at_the_end_is_told_by_the_next() {
        let mut outbox = Outbox::default();
        let long = |id| Turn { text: "x".repeat(BYTES_MAX), ..turn(id, Role::Customer) };
        assert_eq!(outbox.put_turn(long(1)), 1);
        assert_eq!(outbox.put_turn(long(2)), 1);
        outbox.put_turn(turn(3, Role::Customer));
        // A later version of a turn keeps what is known of the ones before it.
        outbox.put_turn(turn(3, Role::Customer));
        assert_eq!(written(&mut outbox), [Turn { lost_before: 2, ..turn(3, Role::Customer) }]);
    }
}
