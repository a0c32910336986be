//! Desks: who takes calls, and what they are told.
//!
//! The EscalationManager asks one of them, chosen by configuration: [`TaskRouter`] where there is a
//! workflow, [`Phone`] where there is a number, else [`Message`]. [`Briefing`] is what a person gets
//! to know of a call, and [`extract`] its summary where no model has written one.

mod attributes;
mod cut;
mod extract;
mod message;
mod phone;
mod taskrouter;

pub use self::{
    attributes::{ATTRIBUTES_MAX, Briefing, CALL_BACK},
    extract::{EXTRACT_MAX, extract},
    message::Message,
    phone::Phone,
    taskrouter::TaskRouter,
};
