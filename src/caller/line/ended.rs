//! A session that is over, and what its action URL is told.

use super::*;

/// A session that is over.
pub(in crate::caller) struct Ended {
    pub(in crate::caller) session_id: String,
    pub(in crate::caller) seconds: u64,
    pub(in crate::caller) outcome: Outcome,
}

impl Ended {
    /// What the action URL is told.
    pub(in crate::caller) fn told(&self, phone: &Phone) -> Vec<(String, String)> {
        let (status, call_status) = match self.outcome {
            Outcome::HungUp => ("completed", "completed"),
            Outcome::Ended { .. } => ("ended", "in-progress"),
            Outcome::Failed { .. } | Outcome::Answered(_) => ("failed", "in-progress"),
        };
        let mut fields = phone.fields(call_status);
        let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
        add("SessionId", self.session_id.clone());
        add("SessionStatus", status.to_owned());
        add("SessionDuration", self.seconds.to_string());
        match &self.outcome {
            Outcome::Ended { handoff: Some(handoff) } => add("HandoffData", handoff.clone()),
            Outcome::Failed { code, reason } => {
                add("ErrorCode", code.to_string());
                add("ErrorMessage", reason.clone());
            }
            Outcome::HungUp | Outcome::Ended { handoff: None } | Outcome::Answered(_) => {}
        }
        fields
    }
}
