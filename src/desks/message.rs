//! The desk that is nobody: the agent says so and takes a message, which stays with the call.

use switchhook_actors::escalation_manager::desk::{Case, Desk, Handover};

/// No queue and no number is configured.
#[derive(Debug)]
pub struct Message;

impl Desk for Message {
    fn name(&self) -> &'static str {
        "message"
    }

    fn hand_over(&self, _: &Case) -> Handover {
        Handover::TakeMessage
    }
}
