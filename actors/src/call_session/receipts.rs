//! What the peer of a line has surely not got: the words that were sent after a ping which it never
//! answered.
//!
//! A socket takes what nobody reads. The line pings its peer between the words of an answer; should
//! the line be lost with such a ping unanswered for a while, what came behind the ping was lost as
//! well, and is for the next line. What lies before it counts as received: no word is said twice.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    clock::Stopwatch,
    domain::{ids::TurnId, time::Millis},
};

/// An answer to a ping that takes longer than this, ms, does not come any more.
const ANSWERED_WITHIN: u64 = 300;

/// Frames that are remembered at most: an answer of a model that writes a word a frame.
const KEPT: usize = 256;

/// No ping is without its answer.
const NONE: u64 = u64::MAX;

/// Shared by a session and one of its lines.
#[derive(Debug, Clone)]
pub struct Receipts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    since: Stopwatch,
    /// Frames of words that were sent before the first ping without an answer; [`NONE`] otherwise.
    before: AtomicU64,
    /// When that ping was sent, ms.
    pinged_at: AtomicU64,
    /// Frames of words that were sent before the last ping that was answered.
    received: AtomicU64,
}

impl Default for Receipts {
    fn default() -> Self {
        Self(Arc::new(Shared {
            since: Stopwatch::start(),
            before: AtomicU64::new(NONE),
            pinged_at: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }))
    }
}

impl Receipts {
    /// A ping goes out behind so many frames of words. One that is not answered yet stands for all that
    /// follow it.
    pub fn pinged(&self, frames: u64) {
        self.0.pinged_at.store(self.now(), Ordering::Relaxed);
        self.0.before.store(frames, Ordering::Release);
    }

    /// Whether a ping waits for its answer.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.before.load(Ordering::Acquire) != NONE
    }

    /// It is answered.
    pub fn answered(&self) {
        let before = self.0.before.swap(NONE, Ordering::AcqRel);
        if before != NONE {
            self.0.received.fetch_max(before, Ordering::AcqRel);
        }
    }

    fn now(&self) -> Millis {
        u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Behind how many frames everything is lost, should the line be so.
    fn lost_behind(&self, now: Millis) -> Option<u64> {
        let before = self.0.before.load(Ordering::Acquire);
        let waits = now.saturating_sub(self.0.pinged_at.load(Ordering::Relaxed));
        (before != NONE && waits >= ANSWERED_WITHIN).then_some(before)
    }
}

/// Words that a line was given.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) turn: TurnId,
    pub(super) text: String,
    pub(super) last: bool,
}

/// What a session has given a line, as far as it may have to be given again.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    receipts: Receipts,
    /// The number of the first of `given`.
    first: u64,
    given: VecDeque<Given>,
}

impl Ledger {
    pub(super) fn new(receipts: Receipts) -> Self {
        Self { receipts, ..Self::default() }
    }

    /// The line is given a frame of words.
    pub(super) fn note(&mut self, given: Given) {
        let received = self.receipts.0.received.load(Ordering::Acquire);
        while self.first < received || self.given.len() >= KEPT {
            self.given.pop_front();
            self.first += 1;
        }
        self.given.push_back(given);
    }

    /// The talk cycle of the words before ends.
    pub(super) fn end_cycle(&mut self) {
        if let Some(given) = self.given.back_mut() {
            given.last = true;
        }
    }

    /// What was said is not said again.
    pub(super) fn forget(&mut self) {
        self.first += self.given.len() as u64;
        self.given.clear();
    }

    /// The line is lost: what its peer has surely not got, in order.
    pub(super) fn lost(&mut self) -> impl DoubleEndedIterator<Item = Given> + use<> {
        self.lost_at(self.receipts.now())
    }

    fn lost_at(&mut self, now: Millis) -> impl DoubleEndedIterator<Item = Given> + use<> {
        let behind = self.receipts.lost_behind(now).unwrap_or(NONE);
        let kept = usize::try_from(behind.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let lost = self.given.split_off(kept.min(self.given.len()));
        self.forget();
        lost.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(ledger: &mut Ledger, words: &str) {
        ledger.note(Given { turn: TurnId(1), text: words.to_owned(), last: false });
    }

    /// So long after now, ms.
    fn lost(ledger: &mut Ledger, after: Millis) -> Vec<String> {
        let now = ledger.receipts.now() + after;
        ledger.lost_at(now).map(|given| given.text).collect()
    }

    fn line() -> (Receipts, Ledger) {
        let receipts = Receipts::default();
        (receipts.clone(), Ledger::new(receipts))
    }

    #[test]
    fn words_behind_a_ping_that_nobody_answers_are_lost_with_the_line_and_those_before_are_not() {
        let (receipts, mut ledger) = line();
        receipts.pinged(0);
        say(&mut ledger, "one");
        receipts.answered();
        say(&mut ledger, "two");
        receipts.pinged(2);
        say(&mut ledger, "three");
        say(&mut ledger, "four");
        assert_eq!(lost(&mut ledger, ANSWERED_WITHIN), ["three", "four"]);
        assert_eq!(lost(&mut ledger, ANSWERED_WITHIN), [""; 0], "once");
    }

    #[test]
    fn a_line_whose_peer_answers_or_has_hardly_been_asked_loses_nothing() {
        let (receipts, mut ledger) = line();
        receipts.pinged(0);
        say(&mut ledger, "one");
        assert_eq!(lost(&mut ledger, 0), [""; 0], "the answer may be on its way");
        let (receipts, mut ledger) = line();
        receipts.pinged(0);
        say(&mut ledger, "one");
        receipts.answered();
        assert_eq!(lost(&mut ledger, ANSWERED_WITHIN), [""; 0]);
        let (_, mut ledger) = line();
        say(&mut ledger, "one");
        assert_eq!(lost(&mut ledger, ANSWERED_WITHIN), [""; 0], "nobody was asked");
    }

    #[test]
    fn what_the_caller_has_cut_is_not_said_again_and_the_count_goes_on() {
        let (receipts, mut ledger) = line();
        say(&mut ledger, "one");
        receipts.pinged(1);
        say(&mut ledger, "two");
        ledger.forget();
        say(&mut ledger, "three");
        ledger.end_cycle();
        let now = receipts.now() + ANSWERED_WITHIN;
        let lost: Vec<_> = ledger.lost_at(now).map(|given| (given.text, given.last)).collect();
        assert_eq!(lost, [("three".to_owned(), true)]);
    }

    #[test]
    fn no_more_is_remembered_than_a_long_answer() {
        let (receipts, mut ledger) = line();
        receipts.pinged(0);
        (0..2 * KEPT).for_each(|nth| say(&mut ledger, &nth.to_string()));
        let lost = lost(&mut ledger, ANSWERED_WITHIN);
        assert_eq!((lost.len(), lost.last().unwrap().as_str()), (KEPT, "511"));
    }
}
