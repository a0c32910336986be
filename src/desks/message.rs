//! The desk that is nobody: the agent says so and takes a message, which stays with the call.

use futures_util::{FutureExt as _, future::LocalBoxFuture};
use switchhook_actors::{
    domain::time::Millis,
    escalation_manager::desk::{Case, Desk, DeskError, Handover},
};

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

    fn book_call_back(&self, _: Case) -> LocalBoxFuture<'static, Result<String, DeskError>> {
        async { Err(DeskError::NoCallBacks) }.boxed_local()
    }

    fn find_call_back(
        &self,
        _: &Case,
    ) -> LocalBoxFuture<'static, Result<Option<String>, DeskError>> {
        async { Err(DeskError::NoCallBacks) }.boxed_local()
    }

    fn knows_waits(&self) -> bool {
        false
    }

    fn expected_wait(&self) -> LocalBoxFuture<'static, Option<Millis>> {
        async { None }.boxed_local()
    }
}
