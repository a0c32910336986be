//! What a call is, without a phone, a network or a clock.
//!
//! Nothing here does I/O, waits, logs or looks at the time: a moment is an argument, what shall
//! happen is a return value. That is what lets tables, property tests and a simulation try every
//! order of events.

pub mod answer;
pub mod conversation;
pub mod digits;
pub mod escalation;
pub mod handoff;
pub mod heard;
pub mod ids;
pub mod legible;
pub mod order;
pub mod persona;
pub mod phrases;
pub mod playback;
pub mod prompt;
pub mod record;
pub mod relay;
pub(crate) mod script;
pub mod speech;
pub mod time;
pub mod transcript;
