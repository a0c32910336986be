//! What the manager is asked and told, by sessions and by webhooks.

use actix::Message;

use super::desk::Handover;
use crate::{
    domain::{
        escalation::{Escalation, Step},
        handoff::Wanted,
        ids::{Alias, CallSid, Epoch, EscalationId},
        record::{CallRecord, NewCall},
    },
    registry::store::{Key, StoreError},
};

/// Why something about an escalation could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscalationError {
    /// It is not recorded.
    #[error("an escalation is not recorded: {0}")]
    Store(#[from] StoreError),
    /// A higher epoch owns the call: who asked is presumed dead.
    #[error("another engine owns the call")]
    Fenced,
    /// No such call, or it was erased.
    #[error("no such call")]
    Unknown,
    /// The desk could not do it.
    #[error("the desk failed: {0}")]
    Desk(String),
}

/// Record this escalation. A second one while one is under way changes nothing.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), EscalationError>")]
pub struct Escalate {
    /// Which call.
    pub sid: CallSid,
    /// The session's claim. None: the call is held without being stored.
    pub epoch: Option<Epoch>,
    /// As it begins.
    pub escalation: Box<Escalation>,
}

/// Record that something happened to an escalation, in the session that held the call.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), EscalationError>")]
pub struct Advance {
    /// Which call.
    pub sid: CallSid,
    /// Which escalation.
    pub id: EscalationId,
    /// What.
    pub step: Step,
}

/// A session has ended, and the caller shall be with a person: say where.
#[derive(Debug, Message)]
#[rtype(result = "HandedOver")]
pub struct HandOver {
    /// The call as the webhook names it: nothing else may be known of it.
    pub call: NewCall,
    /// Why, as the webhook knows it.
    pub wanted: Wanted,
}

/// Answer to [`HandOver`]; there always is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedOver {
    /// Twilio is to be told so.
    To(Handover),
    /// The caller goes (back) to the agent: nobody takes calls, or the wish is over.
    Back(Box<CallRecord>),
}

impl<A, M> actix::dev::MessageResponse<A, M> for HandedOver
where
    A: actix::Actor,
    M: Message<Result = Self>,
{
    fn handle(self, _: &mut A::Context, tx: Option<actix::dev::OneshotSender<Self>>) {
        if let Some(tx) = tx {
            // Whoever asked may have gone.
            let _ = tx.send(self);
        }
    }
}

/// Twilio told what happened to a call's escalation.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<CallRecord>, EscalationError>")]
pub struct Progress {
    /// The call, by its sid or any linked id.
    pub key: Key,
    /// What happened; none when only the names are news.
    pub step: Option<Step>,
    /// Names that the call is found by from now on.
    pub aliases: Vec<Alias>,
}

/// Have the caller called back.
#[derive(Debug, Message)]
#[rtype(result = "Result<Booked, EscalationError>")]
pub struct BookCallBack {
    /// Which call.
    pub sid: CallSid,
    /// Names the webhook that asks: however often and wherever it comes, it is one try.
    pub asking: String,
}

/// Answer to [`BookCallBack`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// Somebody will call back.
    Booked,
    /// This desk has nobody who calls back.
    Impossible,
}
