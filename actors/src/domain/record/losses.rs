//! Sessions of a call that were lost: when, and whether one has gone on since.

use serde::{Deserialize, Serialize};

use super::CallRecord;
use crate::domain::time::{Millis, Timestamp};

/// What Twilio takes to connect a session, ms, and the second that `SessionDuration` is exact to.
pub(in crate::domain) const CONNECTING: Millis = 1_300;

/// How late Twilio tells of the end of a session at most, ms: `tt` of the action URL, and connecting.
const TOLD_LATE: Millis = 16_000;

/// A session that Twilio gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it was over as Twilio counts, by whole seconds: the same whoever is told and whenever, and
    /// later for each later session of the call. It tells one failure from another, and no more.
    pub ended: Timestamp,
    /// When its voice fell silent, as near as is known to who was told.
    pub at: Timestamp,
}

impl Failure {
    /// A session failed that was asked for at a moment and lasted so long, of which Twilio told at
    /// another. An engine or a balancer that was away may have kept it from telling: then the session
    /// was shorter, by its `SessionDuration`, than until now. What was heard once more is better than
    /// what nobody heard.
    #[must_use]
    pub fn told(asked: Option<Timestamp>, lasted: Option<Millis>, told: Timestamp) -> Self {
        let Some((asked, lasted)) = asked.zip(lasted) else { return Self::new(told) };
        let ended = asked + lasted;
        match told.since(ended) {
            ..CONNECTING => Self { ended, at: told },
            CONNECTING..TOLD_LATE => Self::new(ended),
            // Whatever such a figure means, it is not that.
            TOLD_LATE.. => Self::new(told),
        }
    }

    /// A session that failed at that moment by every account.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { ended: at, at }
    }

    /// Whether that is the same session.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        self.ended == other.ended
    }

    /// Whether that may have been the session of a line that came then, as is told now.
    #[must_use]
    pub fn may_be_of(self, came: Timestamp, now: Timestamp) -> bool {
        // By whole seconds it may have failed just before its line came; what is told long after that is
        // of the session before it.
        let is_rounded = now.since(self.at) < TOLD_LATE;
        came <= if is_rounded { self.at + CONNECTING } else { self.at }
    }

    /// The same, should somebody have said something on it until that moment.
    #[must_use]
    pub fn not_before(self, said: Option<Timestamp>) -> Self {
        Self { at: self.at.max(said.unwrap_or_default()), ..self }
    }

    /// The same by what a record knows: a session that somebody has spoken on since lived longer than
    /// its `SessionDuration`, which then counts from no beginning of ours.
    #[must_use]
    pub fn by(self, record: &CallRecord) -> Self {
        let Some(said) = record.transcript.last_sign_of_life(self.at, CONNECTING) else {
            return self;
        };
        let is_disproved = self.ended + CONNECTING < said && !record.knows(self);
        let ended = if is_disproved { said } else { self.ended };
        Self { ended, ..self.not_before(Some(said)) }
    }

    /// When the next session may be asked for, lest its end be taken for that of this one.
    #[must_use]
    pub fn next_since(self, now: Timestamp) -> Timestamp {
        now.max(self.at + 1).max(self.ended + 1)
    }
}

/// How often a call goes on after the loss of a session within [`RESUME_WINDOW`].
pub(in crate::domain) const RESUMES_MAX: u32 = 5;

/// The window of [`RESUMES_MAX`], ms.
const RESUME_WINDOW: Millis = 60_000;

/// Losses of a session that are remembered at most.
pub(super) const LOSSES_KEPT: usize = 8;

impl CallRecord {
    /// Twilio gave up a session of the call at that moment.
    pub(super) fn lose_session(&mut self, failure: Failure) {
        // One that is told again, by another engine or because an answer was lost, is none more.
        if !self.knows(failure) {
            self.moved = None;
            note(&mut self.failures, failure, |known| known.ended);
        }
    }

    /// Whether that session is known to have failed.
    #[must_use]
    pub fn knows(&self, failure: Failure) -> bool {
        self.failures.iter().any(|known| known.is(failure))
    }

    /// The sessions that Twilio gave up and none has gone on after, oldest first.
    pub fn unresumed(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(|failure| self.resumed_after < Some(failure.ended))
    }

    /// Whether the call's sessions were lost so often of late that the next one will not hold either:
    /// the caller hears silence in between.
    #[must_use]
    pub fn keeps_failing(&self, now: Timestamp) -> bool {
        let is_late = |at: Timestamp| now.since(at) < RESUME_WINDOW;
        let failures = self.failures.iter().filter(|failure| is_late(failure.at)).count();
        let resumes = self.resumes.iter().filter(|&&at| is_late(at)).count();
        // Of one that Twilio gave up the next session has gone on: that is no second loss.
        failures.max(resumes.saturating_sub(failures)) >= RESUMES_MAX as usize
    }
}

/// Remembers the loss of a session, in the order of time whenever it is told.
pub(super) fn note<T>(losses: &mut Vec<T>, loss: T, when: impl Fn(&T) -> Timestamp) {
    if losses.len() >= LOSSES_KEPT {
        losses.remove(0);
    }
    let place = losses.partition_point(|known| when(known) < when(&loss));
    losses.insert(place, loss);
}
