//! What the callers of all threads count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::process::Process;

/// Reasons and violations that are told one by one; the rest is only counted.
const TOLD: usize = 10;

/// The longest delay that is told apart, microseconds: beyond every deadline of a caller.
const LONGEST: u64 = 600_000_000;

/// Durations, in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Delays(Histogram<u64>);

impl Default for Delays {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constants that the library accepts")]
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("a range and digits that fit"))
    }
}

impl Delays {
    pub(super) fn add(&mut self, delay: Duration) {
        self.0.saturating_record(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn all(&self) -> &Histogram<u64> {
        &self.0
    }
}

/// What became of the calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// That were begun.
    pub started: u64,
    /// That had every question answered and ended with the caller hanging up.
    pub served: u64,
    /// All others.
    pub failed: u64,
}

/// What became of the questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Turns {
    /// Questions.
    pub asked: u64,
    /// That got a whole answer.
    pub answered: u64,
    /// Whose answer the caller cut in on.
    pub interrupted: u64,
    /// That were put late, since the answer before was still being given.
    pub delayed: u64,
    /// Answered without a single stamped word, by an apology for example.
    pub unstamped: u64,
}

/// What became of the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// That came, of any kind.
    pub received: u64,
    /// That carry a stamp.
    pub stamped: u64,
    /// That an answer lacked.
    pub lost: u64,
    /// That came again.
    pub doubled: u64,
    /// Of another caller's answer.
    pub foreign: u64,
    /// Of the caller's own answer before, which was cut off; more than a moment after that.
    pub stale: u64,
    /// Written by a clock that is ahead of this machine's: their delay is not known.
    pub ahead: u64,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) calls: Calls,
    pub(super) turns: Turns,
    pub(super) tokens: Tokens,
    /// Why calls failed, and how many for each.
    pub(super) reasons: BTreeMap<String, u64>,
    /// What Twilio would not have accepted.
    pub(super) violations: u64,
    pub(super) violations_told: Vec<String>,
    /// From a question to the first word.
    pub(super) first_token: Delays,
    /// From the writing of a word to its arrival.
    pub(super) added: Delays,
    pub(super) webhook: Delays,
    pub(super) connect: Delays,
    /// How long after cutting in words of the old answer still came.
    pub(super) after_interrupt: Delays,
    /// How late the callers' own timers were.
    pub(super) tick: Delays,
    /// When the first and the last word came.
    pub(super) span: Option<(Instant, Instant)>,
    /// The engine and the words that had come, twice while all callers were on the line.
    pub(super) talking: Option<((Process, u64), (Process, u64))>,
}

impl Tally {
    pub(super) fn fail(&mut self, reason: String) {
        self.calls.failed += 1;
        let full = self.reasons.len() >= TOLD;
        let reason = if full && !self.reasons.contains_key(&reason) {
            "something else".to_owned()
        } else {
            reason
        };
        *self.reasons.entry(reason).or_default() += 1;
    }

    pub(super) fn violate(&mut self, violations: Vec<String>) {
        self.violations += violations.len() as u64;
        let room = TOLD.saturating_sub(self.violations_told.len());
        self.violations_told.extend(violations.into_iter().take(room));
    }

    pub(super) fn word(&mut self, at: Instant) {
        self.tokens.received += 1;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first, last.max(at))));
    }
}

/// The tally as the threads share it. Each word takes the lock for a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Tally>>);

impl Shared {
    pub(super) fn count<R>(&self, count: impl FnOnce(&mut Tally) -> R) -> R {
        // Numbers stay numbers, whoever panicked between two of them.
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
