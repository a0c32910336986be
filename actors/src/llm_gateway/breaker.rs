//! The breaker of a model: when it failed too often of late, it is not asked for a while.
//!
//! A pure state machine, one per base URL and model; `policy` holds it and tells it the time. A
//! caller whose question it refuses hears the apology at once instead of after a deadline.

use crate::domain::{
    answer::{FailureKind, ModelFailure},
    time::{Millis, Timestamp},
};

/// So many failed requests in a row open it: fewer may be one caller's bad luck.
const FAILURES: u32 = 5;

/// How long it stays open at first, ms: a restart behind a balancer is over by then.
const FIRST_WAIT: Millis = 5_000;

/// The wait doubles with every failed probe up to this, ms: the first caller a minute after the
/// outage is answered again.
const LONGEST_WAIT: Millis = 60_000;

/// The longest wait that a provider is granted, ms. One probe in five minutes is no burden, and a
/// quota that was raised is noticed.
const LONGEST_ASKED: Millis = 300_000;

/// What a request says about its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answered to the end. The first token alone proves nothing: a model that always stalls
    /// writes one, too.
    Answered,
    /// It failed, and asks to be left alone for so long, ms (0 when it does not).
    Failed(Millis),
    /// The provider wants money; every request fails until somebody pays.
    Exhausted(Millis),
    /// Nothing: the caller went, or the question itself was at fault.
    Nothing,
}

/// Leave to ask once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// The state of the breaker it was given in; what it reports later is no news.
    generation: u64,
    /// Whether the breaker waits for this one request.
    pub(super) probe: bool,
}

/// What changed for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    /// Nobody asks for so long, ms.
    Opened(Millis),
    /// Everybody may ask again.
    Closed,
}

#[derive(Debug)]
enum State {
    /// All requests pass.
    Closed {
        /// In a row, so far.
        failed: u32,
        /// The longest wait asked for meanwhile ends then.
        asked: Timestamp,
    },
    /// None passes before `until`; the first after it is the probe.
    Open { until: Timestamp },
    /// The probe is out; no other passes.
    Probing,
}

/// Whether a model is asked.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Counts the changes of state.
    generation: u64,
    /// How long it stays open the next time.
    wait: Millis,
}

impl Default for Breaker {
    fn default() -> Self {
        let state = State::Closed { failed: 0, asked: Timestamp::default() };
        Self { state, generation: 0, wait: FIRST_WAIT }
    }
}

impl Breaker {
    /// Whether requests are refused: open, or waiting for its probe.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// Leave to ask, unless it is open. Whoever gets it must [`report`](Self::report) once.
    pub(super) fn admit(&mut self, now: Timestamp) -> Option<Ticket> {
        let probe = match self.state {
            State::Closed { .. } => false,
            State::Open { until } if until <= now => true,
            State::Open { .. } | State::Probing => return None,
        };
        if probe {
            self.turn_to(State::Probing);
        }
        Some(Ticket { generation: self.generation, probe })
    }

    /// What came of a request. One that was admitted before the last change of state says nothing.
    pub(super) fn report(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        verdict: Verdict,
    ) -> Option<Shift> {
        if ticket.generation != self.generation {
            return None;
        }
        match (&mut self.state, verdict) {
            (State::Closed { failed, asked }, Verdict::Answered) => {
                (*failed, *asked) = (0, Timestamp::default());
                None
            }
            (State::Closed { failed, asked }, Verdict::Failed(wish)) => {
                *failed += 1;
                *asked = (*asked).max(now + wish.min(LONGEST_ASKED));
                let (failed, wish) = (*failed, asked.since(now));
                (failed >= FAILURES).then(|| self.open(now, wish))
            }
            (State::Probing, Verdict::Answered) => {
                self.wait = FIRST_WAIT;
                self.turn_to(State::Closed { failed: 0, asked: Timestamp::default() });
                Some(Shift::Closed)
            }
            (State::Probing, Verdict::Failed(wish)) => Some(self.open(now, wish)),
            (State::Closed { .. } | State::Probing, Verdict::Exhausted(wish)) => {
                self.wait = LONGEST_WAIT;
                Some(self.open(now, wish))
            }
            // The next request is the probe.
            (State::Probing, Verdict::Nothing) => {
                self.turn_to(State::Open { until: now });
                None
            }
            (State::Closed { .. }, Verdict::Nothing) | (State::Open { .. }, _) => None,
        }
    }

    fn open(&mut self, now: Timestamp, wish: Millis) -> Shift {
        let wait = self.wait.max(wish.min(LONGEST_ASKED));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.turn_to(State::Open { until: now + wait });
        Shift::Opened(wait)
    }

    fn turn_to(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

impl Verdict {
    /// What a failure says about the model.
    ///
    /// A wrong key, address or model (401, 403, 404, a redirect) meets every caller alike: it
    /// counts, so that readiness shows it and the provider is spared. A request that was refused
    /// for what it says (400 and its kin) does not. Nor does a connection that was closed before a
    /// byte of the response, unless it was a `fresh` one: an idle one may have been stale.
    pub(super) fn of(failure: &ModelFailure, fresh: bool) -> Self {
        let wish = failure.after.unwrap_or_default();
        match failure.kind {
            FailureKind::Saturated | FailureKind::Unavailable => Self::Nothing,
            FailureKind::Dropped if !fresh => Self::Nothing,
            FailureKind::Status(402) => Self::Exhausted(wish),
            FailureKind::Status(429) if !failure.retryable => Self::Exhausted(wish),
            FailureKind::Status(429 | 503) => Self::Failed(wish),
            FailureKind::Status(401 | 403 | 404 | 408 | 409) => Self::Failed(0),
            FailureKind::Status(400..=499) => Self::Nothing,
            FailureKind::Status(_)
            | FailureKind::Connect
            | FailureKind::Dropped
            | FailureKind::Garbage
            | FailureKind::Cut
            | FailureKind::Upstream
            | FailureKind::Timeout => Self::Failed(0),
        }
    }
}

#[cfg(test)]
mod tests;
