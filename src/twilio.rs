//! The words of Twilio over HTTP: what its webhooks say, what we answer, and how each proves
//! who it is.
//!
//! Everything here is pure but [`rest`], which asks Twilio; the web handlers and the clients that
//! play Twilio use it.

pub mod forms;
pub mod rest;
pub mod session;
pub mod signature;
pub mod twiml;
