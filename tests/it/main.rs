//! Stories of calls, over real sockets, against the real program.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is not as the story says fails it"
)]

mod checking;
mod cluster;
mod doors;
#[path = "../fake_twilio/server.rs"]
mod fake_twilio;
mod handing_over;
mod harness;
mod lines;
mod marks;
mod models;
mod operators;
mod sharing;
mod talking;
mod twilio_setup;
mod unbroken;
mod waiting;
mod webhooks;
