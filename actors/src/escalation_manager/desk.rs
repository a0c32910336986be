//! The port to who takes calls: a queue with people, a telephone number, or nobody.

use futures_util::{FutureExt as _, future::LocalBoxFuture};

use crate::domain::{
    escalation::Escalation,
    record::CallRecord,
    time::{Millis, Timestamp},
};

/// All that is known of a caller who shall be with a person.
#[derive(Debug, Clone)]
pub struct Case {
    /// The call, with its words.
    pub record: CallRecord,
    /// Its escalation.
    pub escalation: Escalation,
    /// Now.
    pub now: Timestamp,
}

/// Where a caller goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handover {
    /// Into a queue of TaskRouter's.
    Queue {
        /// `WW…`.
        workflow: String,
        /// The attributes of the task: JSON.
        attributes: String,
        /// Higher goes first.
        priority: u32,
        /// How long the task waits for somebody, s.
        timeout_s: u32,
    },
    /// To a telephone.
    Dial {
        /// E.164.
        number: String,
    },
    /// Nowhere: nobody takes calls, and the agent takes a message.
    TakeMessage,
}

/// The desk could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Nobody calls back from here.
    #[error("this desk books no call-backs")]
    NoCallBacks,
    /// It failed, and nothing was booked.
    #[error("{0}")]
    Failed(String),
    /// It failed, and whether something was booked is not known.
    #[error("{0}")]
    Unknown(String),
}

/// Who takes calls. It lives on one thread, so it may hold what cannot move.
pub trait Desk: 'static {
    /// What it is called in logs.
    fn name(&self) -> &'static str;

    /// Where the caller goes. Decided from what is known: nothing outside is asked, the caller waits.
    fn hand_over(&self, case: &Case) -> Handover;

    /// Books a call-back and returns its name; never twice by itself. Most desks have nobody for it.
    fn book_call_back(&self, _: Case) -> LocalBoxFuture<'static, Result<String, DeskError>> {
        async { Err(DeskError::NoCallBacks) }.boxed_local()
    }

    /// The call-back that was booked for this escalation, if there is one.
    fn find_call_back(
        &self,
        _: &Case,
    ) -> LocalBoxFuture<'static, Result<Option<String>, DeskError>> {
        async { Err(DeskError::NoCallBacks) }.boxed_local()
    }

    /// Whether it can ever say how long callers wait.
    fn knows_waits(&self) -> bool {
        false
    }

    /// How long callers wait now, ms; none when that is not known.
    fn expected_wait(&self) -> LocalBoxFuture<'static, Option<Millis>> {
        async { None }.boxed_local()
    }
}
