//! Handing the caller to a person: when, why, and what becomes of it.
//!
//! [`marker`] takes the model's wishes out of what it writes, [`grounds`] say why a person is
//! wanted, [`policy`] holds the persona's rules, and [`life`] is the escalation from the wish to
//! the end. Sessions, webhooks and the EscalationManager use them; nothing here does anything.

mod grounds;
mod life;
mod marker;
mod policy;

pub use self::{
    grounds::{BadArguments, Grounds, ReasonCode, SUMMARY_MAX},
    life::{CallBack, Escalation, EscalationState, MESSAGE_MAX, Step, Unreached},
    marker::{MarkerScanner, REASON_MAX, REASON_UNSPECIFIED, Wish},
    policy::{Rule, asks_for_person, wanted_by_rule},
};
