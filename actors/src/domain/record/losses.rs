//! Sessions of a call that were lost: when, and whether one has gone on since.

use super::CallRecord;
use crate::domain::time::{Millis, Timestamp};

/// How often a call goes on after the loss of a session within [`RESUME_WINDOW`].
pub(in crate::domain) const RESUMES_MAX: u32 = 5;

/// The window of [`RESUMES_MAX`], ms.
const RESUME_WINDOW: Millis = 60_000;

/// Losses of a session that are remembered at most.
pub(super) const LOSSES_KEPT: usize = 8;

impl CallRecord {
    /// Twilio gave up a session of the call at that moment.
    pub(super) fn lose_session(&mut self, at: Timestamp) {
        self.moved = None;
        note(&mut self.rejoins, at);
    }

    /// When Twilio gave up the last session of the call, if none has gone on since.
    #[must_use]
    pub fn failed_at(&self) -> Option<Timestamp> {
        self.rejoins.last().copied().filter(|at| self.resumed_after < Some(*at))
    }

    /// Whether the call's sessions were lost so often of late that the next one will not hold either:
    /// the caller hears silence in between.
    #[must_use]
    pub fn keeps_failing(&self, now: Timestamp) -> bool {
        let of_late = |losses: &[Timestamp]| {
            losses.iter().filter(|&&at| now.since(at) < RESUME_WINDOW).count()
        };
        let (rejoins, resumes) = (of_late(&self.rejoins), of_late(&self.resumes));
        // Of one that Twilio gave up the next session has gone on: that is no second loss.
        rejoins.max(resumes.saturating_sub(rejoins)) >= RESUMES_MAX as usize
    }
}

/// Remembers the loss of a session, in the order of time whenever it is told; one that is told again, as
/// the same, counts once.
pub(super) fn note(losses: &mut Vec<Timestamp>, at: Timestamp) {
    if losses.contains(&at) {
        return;
    }
    if losses.len() >= LOSSES_KEPT {
        losses.remove(0);
    }
    let place = losses.partition_point(|known| *known < at);
    losses.insert(place, at);
}
