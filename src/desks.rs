//! Desks: how people are reached, and what they are told.
//!
//! [`Case`] is what is known of a call when it goes to a person, and writes the attributes of its
//! task; [`extract`] is the summary where no model has written one. The hand-off's webhook and the
//! call-back use them. Everything here is pure.

mod attributes;
mod cut;
mod extract;

pub use self::{
    attributes::{ATTRIBUTES_MAX, Case},
    extract::{EXTRACT_MAX, extract},
};
