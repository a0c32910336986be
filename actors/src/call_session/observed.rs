//! What the conversation observes, as metrics. Their names are documented in `src/telemetry/table.rs`.

use crate::domain::{conversation::Observation, transcript::Reason};

pub(super) fn count(observation: Observation) {
    match observation {
        Observation::FirstToken(after) => {
            metrics::histogram!("switchhook_first_token_seconds").record(seconds(after));
        }
        Observation::Interrupted { located } => {
            let located = if located { "yes" } else { "no" };
            metrics::counter!("switchhook_interrupts_total", "located" => located).increment(1);
        }
        Observation::Answered { reason } => {
            metrics::counter!("switchhook_turns_total", "outcome" => outcome(reason)).increment(1);
        }
        Observation::Unsaved => metrics::counter!("switchhook_unsaved_turns_total").increment(1),
        Observation::Escalated(code) => {
            metrics::counter!("switchhook_escalations_total", "code" => code.label()).increment(1);
        }
        Observation::Stayed => {
            metrics::counter!("switchhook_escalations_stayed_total").increment(1)
        }
        Observation::MessageTaken => metrics::counter!("switchhook_messages_total").increment(1),
        Observation::CallRefused(why) => {
            metrics::counter!("switchhook_tool_calls_refused_total", "why" => why).increment(1);
        }
        Observation::AskedAgain => {
            metrics::counter!("switchhook_model_retries_total").increment(1);
        }
        Observation::Filled => metrics::counter!("switchhook_fillers_total").increment(1),
        Observation::Reprompted(after) => {
            metrics::counter!("switchhook_reprompts_total", "after" => after).increment(1);
        }
        Observation::Ignored(what) => {
            metrics::counter!("switchhook_inputs_ignored_total", "input" => what).increment(1);
        }
    }
}

/// Counts turns that will never be stored.
pub(super) fn lost(turns: u32) {
    if turns > 0 {
        tracing::error!(turns, "what was said will not be in the record");
        metrics::counter!("switchhook_lost_turns_total").increment(turns.into());
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no wait comes near the 285,000 years that are exact"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

fn outcome(reason: Option<Reason>) -> &'static str {
    match reason {
        None => "answered",
        Some(Reason::Superseded) => "superseded",
        Some(Reason::CallEnded) => "call_ended",
        Some(Reason::TakenOver) => "taken_over",
        Some(Reason::FirstTokenTimeout) => "first_token_timeout",
        Some(Reason::Stalled) => "stalled",
        Some(Reason::TurnTimeout) => "turn_timeout",
        Some(Reason::ModelFailed) => "model_failed",
        Some(Reason::Cut) => "cut",
        Some(Reason::Garbage) => "garbage",
        Some(Reason::Empty) => "empty",
        Some(Reason::Length) => "length",
        Some(Reason::Filtered) => "filtered",
        Some(Reason::Refused) => "refused",
        Some(Reason::HandedOver) => "handed_over",
        Some(Reason::NoPerson) => "no_person",
        Some(Reason::Limit) => "limit",
        Some(Reason::Other) => "other",
    }
}
