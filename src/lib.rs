//! The program around `switchhook-actors`: everything that touches the outside.
//!
//! [`app`] wires it; [`http`] is the door for Twilio and for people; [`desks`] are who takes calls,
//! and [`links`] show them what was said; [`twilio`], [`models`] and [`stores`] speak with the
//! outside; [`caller`] plays Twilio and [`load`] a thousand of it; [`setup`] prepares an account;
//! [`commands`] are what a person types.

pub mod app;
pub mod caller;
pub mod clock;
pub mod commands;
pub mod config;
pub mod desks;
pub mod faults;
pub mod http;
pub mod limits;
pub mod links;
pub mod load;
pub mod models;
pub mod outgoing;
pub mod setup;
pub mod stop;
pub mod stores;
pub mod telemetry;
pub mod tls;
pub mod twilio;
