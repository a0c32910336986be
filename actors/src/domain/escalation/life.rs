//! The life of an escalation: from the wish for a person to the end of their talk.
//!
//! Webhooks, task events and sessions say what happened ([`Step`]), in any order and any number of
//! times, on any instance; the state only ever moves where [`Escalation::apply`] lets it. The end
//! states absorb everything.

use serde::{Deserialize, Serialize};

use super::{Grounds, grounds::fit};
use crate::domain::{ids::EscalationId, record::Status, time::Timestamp};

/// Reservations that are over and remembered, so that a late event about one changes nothing. A
/// task is offered to a handful of people.
const RESERVATIONS_KEPT: usize = 8;

/// Bound on a message of the caller's, characters: a minute of speech.
pub const MESSAGE_MAX: usize = 1_000;

/// Where an escalation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// A person was asked for; the caller hears the bridge sentence.
    Requested,
    /// Twilio was told where the caller goes.
    HandedOff,
    /// The caller waits.
    Queued,
    /// The call rings at a person.
    Reserved,
    /// They talk.
    WithAgent,
    /// They have talked, or the caller will be called back.
    Finished,
    /// The caller went back to the agent.
    Withdrawn,
    /// No person could be had.
    Failed,
}

impl EscalationState {
    /// The state as text: `with_agent`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::HandedOff => "handed_off",
            Self::Queued => "queued",
            Self::Reserved => "reserved",
            Self::WithAgent => "with_agent",
            Self::Finished => "finished",
            Self::Withdrawn => "withdrawn",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing changes it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Withdrawn | Self::Failed)
    }

    /// How the call stands then, while it is not over.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Requested | Self::HandedOff => Status::Escalating,
            Self::Queued | Self::Reserved => Status::Queued,
            Self::WithAgent => Status::WithAgent,
            Self::Finished => Status::Completed,
            Self::Withdrawn | Self::Failed => Status::Active,
        }
    }

    /// The way there: a step never leads back, but from a reservation that came to nothing.
    fn rank(self) -> u8 {
        match self {
            Self::Requested => 0,
            Self::HandedOff => 1,
            Self::Queued => 2,
            Self::Reserved => 3,
            Self::WithAgent => 4,
            Self::Finished | Self::Withdrawn | Self::Failed => 5,
        }
    }
}

/// Why no person could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreached {
    /// Nobody is configured to take calls.
    NoDesk,
    /// The queue took no more callers.
    QueueFull,
    /// The queue failed.
    QueueError,
    /// Nobody took the task in time.
    TimedOut,
    /// The number that was dialled was busy, or nobody answered.
    NotAnswered,
    /// The caller hung up before a person was there.
    CallerLeft,
    /// The call failed.
    CallFailed,
    /// Anything else, and what a newer engine knows.
    #[serde(other)]
    Other,
}

impl Unreached {
    /// The reason as text.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoDesk => "no_desk",
            Self::QueueFull => "queue_full",
            Self::QueueError => "queue_error",
            Self::TimedOut => "timed_out",
            Self::NotAnswered => "not_answered",
            Self::CallerLeft => "caller_left",
            Self::CallFailed => "call_failed",
            Self::Other => "other",
        }
    }
}

/// A call-back that the caller was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBack {
    /// The task of those who call back; none while it is only noted here.
    #[serde(default)]
    pub task: Option<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// How often it could not be booked.
    #[serde(default)]
    pub failures: u32,
}

/// What happened to an escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A summary was written.
    Summarized {
        /// Its words.
        summary: String,
    },
    /// Twilio was told where the caller goes.
    HandedOff,
    /// The caller waits.
    Queued {
        /// TaskRouter's task (`WT…`), when it is known.
        task: Option<String>,
    },
    /// The call rings at a person.
    Reserved {
        /// `WR…`.
        reservation: String,
        /// Their name, when said.
        worker: Option<String>,
    },
    /// A reservation came to nothing: rejected, timed out, rescinded or cancelled.
    Unreserved {
        /// `WR…`.
        reservation: String,
    },
    /// They talk.
    Accepted {
        /// Their name, when said.
        worker: Option<String>,
    },
    /// They have talked.
    Finished,
    /// The caller wants to be called back.
    CallBackAsked,
    /// It is booked.
    CallBackBooked {
        /// The task of those who call back.
        task: String,
    },
    /// It could not be booked.
    CallBackFailed,
    /// The caller goes back to the agent.
    Withdrawn,
    /// No person could be had.
    Failed {
        /// Why.
        why: Unreached,
    },
    /// The caller left a message.
    MessageLeft {
        /// Its words.
        text: String,
    },
}

impl Step {
    /// The step as text, for the log.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Summarized { .. } => "summarized",
            Self::HandedOff => "handed_off",
            Self::Queued { .. } => "queued",
            Self::Reserved { .. } => "reserved",
            Self::Unreserved { .. } => "unreserved",
            Self::Accepted { .. } => "accepted",
            Self::Finished => "finished",
            Self::CallBackAsked => "call_back_asked",
            Self::CallBackBooked { .. } => "call_back_booked",
            Self::CallBackFailed => "call_back_failed",
            Self::Withdrawn => "withdrawn",
            Self::Failed { .. } => "failed",
            Self::MessageLeft { .. } => "message_left",
        }
    }
}

/// One escalation of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Its name.
    pub id: EscalationId,
    /// Where it stands.
    pub state: EscalationState,
    /// Why, and for whom.
    pub grounds: Grounds,
    /// When it was asked for.
    pub at: Timestamp,
    /// Since when it stands where it stands.
    pub since: Timestamp,
    /// TaskRouter's task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The reservation that rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<String>,
    /// Reservations that came to nothing, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<String>,
    /// Who takes the call, or took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached: Option<Unreached>,
    /// The call-back that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back: Option<CallBack>,
    /// What the caller left to be passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Escalation {
    /// A wish for a person.
    #[must_use]
    pub fn new(id: EscalationId, grounds: Grounds, at: Timestamp) -> Self {
        Self {
            id,
            state: EscalationState::Requested,
            grounds,
            at,
            since: at,
            task: None,
            reservation: None,
            spent: Vec::new(),
            worker: None,
            unreached: None,
            call_back: None,
            message: None,
        }
    }

    /// How the call stands with it, while it is not over otherwise.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.unreached {
            // Nobody is on the line for whom it could go on.
            Some(Unreached::CallerLeft) => Status::Completed,
            _ => self.state.status(),
        }
    }

    /// Whether it is still going on.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !self.state.is_final()
    }

    /// Whether somebody will call the caller back.
    #[must_use]
    pub fn is_promised(&self) -> bool {
        self.call_back.as_ref().is_some_and(|call_back| call_back.task.is_some())
    }

    /// Takes a step, if it leads anywhere from here; says whether anything changed.
    pub fn apply(&mut self, step: &Step, at: Timestamp) -> bool {
        let before = self.clone();
        self.take(step, at);
        *self != before
    }

    fn take(&mut self, step: &Step, at: Timestamp) {
        match step {
            // What is known stands beside the state and is welcome at any time.
            Step::Summarized { summary } if self.grounds.summary.is_none() => {
                let summary = fit(summary, super::SUMMARY_MAX);
                self.grounds.summary = Some(summary).filter(|summary| !summary.is_empty());
            }
            Step::MessageLeft { text } => {
                self.message = Some(text.chars().take(MESSAGE_MAX).collect());
            }
            Step::CallBackBooked { task } => {
                let asked = self.call_back.get_or_insert(CallBack { task: None, at, failures: 0 });
                asked.task = Some(task.clone());
            }
            Step::CallBackAsked if self.call_back.is_none() => {
                self.call_back = Some(CallBack { task: None, at, failures: 0 });
            }
            Step::CallBackFailed => {
                if let Some(asked) = &mut self.call_back {
                    asked.failures = asked.failures.saturating_add(1);
                }
            }
            Step::Summarized { .. } | Step::CallBackAsked => {}
            Step::HandedOff => self.advance(EscalationState::HandedOff, at),
            Step::Queued { task } => {
                self.task = self.task.take().or_else(|| task.clone());
                self.advance(EscalationState::Queued, at);
            }
            Step::Reserved { reservation, worker } => self.reserve(reservation, worker, at),
            Step::Unreserved { reservation } => self.unreserve(reservation, at),
            Step::Accepted { worker } => {
                self.worker = worker.clone().or_else(|| self.worker.take());
                self.advance(EscalationState::WithAgent, at);
            }
            Step::Finished => self.advance(EscalationState::Finished, at),
            // Who will be called back has what they wanted.
            Step::Failed { why: Unreached::CallerLeft } if self.is_promised() => {
                self.advance(EscalationState::Finished, at);
            }
            // Who is with a person does not go back: they finish.
            Step::Withdrawn | Step::Failed { .. } if self.state == EscalationState::WithAgent => {
                self.advance(EscalationState::Finished, at);
            }
            Step::Withdrawn => self.advance(EscalationState::Withdrawn, at),
            Step::Failed { why } => {
                if self.is_under_way() {
                    self.unreached = Some(*why);
                    // It rang at somebody who did not take it.
                    self.worker = None;
                }
                self.advance(EscalationState::Failed, at);
            }
        }
    }

    fn reserve(&mut self, reservation: &str, worker: &Option<String>, at: Timestamp) {
        let over = self.spent.iter().any(|spent| spent == reservation);
        if over || self.state.rank() >= EscalationState::WithAgent.rank() {
            return;
        }
        self.reservation = Some(reservation.to_owned());
        self.worker.clone_from(worker);
        self.advance(EscalationState::Reserved, at);
    }

    fn unreserve(&mut self, reservation: &str, at: Timestamp) {
        if self.spent.iter().all(|spent| spent != reservation) && self.is_under_way() {
            if self.spent.len() >= RESERVATIONS_KEPT {
                self.spent.remove(0);
            }
            self.spent.push(reservation.to_owned());
        }
        let rings = self.reservation.as_deref() == Some(reservation);
        if rings && self.state == EscalationState::Reserved {
            (self.reservation, self.worker) = (None, None);
            (self.state, self.since) = (EscalationState::Queued, at);
        }
    }

    fn advance(&mut self, to: EscalationState, at: Timestamp) {
        if to.rank() > self.state.rank() {
            (self.state, self.since) = (to, at);
        }
    }
}

#[cfg(test)]
mod tests;
