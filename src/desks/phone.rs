//! The desk that is a telephone: the number of `ESCALATION_NUMBER` is dialled.

use futures_util::{FutureExt as _, future::LocalBoxFuture};
use switchhook_actors::{
    domain::time::Millis,
    escalation_manager::desk::{Case, Desk, DeskError, Handover},
};

/// A number that was configured, and checked against the allow-list there: no words of a caller or
/// a model ever choose one.
#[derive(Debug)]
pub struct Phone {
    /// E.164.
    pub number: String,
}

impl Desk for Phone {
    fn name(&self) -> &'static str {
        "phone"
    }

    fn hand_over(&self, _: &Case) -> Handover {
        Handover::Dial { number: self.number.clone() }
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
