//! The desk that is a telephone: the number of `ESCALATION_NUMBER` is dialled.

use switchhook_actors::escalation_manager::desk::{Case, Desk, Handover};

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
}
