//! Deadlines and bounds, from the configuration.

use std::time::Duration;

use switchhook_actors::domain::{conversation::Rules, persona::Persona};

use crate::{config::Config, http::Pings};

/// Deadlines and bounds of a conversation with that persona.
#[must_use]
pub fn rules(config: &Config, persona: &Persona) -> Rules {
    let spoken = config.relay.attributes.spoken_language();
    let language = persona.language.clone().or_else(|| spoken.map(ToString::to_string));
    Rules {
        first_token: config.model.first_token_ms,
        token_gap: config.model.token_gap_ms,
        turn: config.model.turn_ms,
        filler: config.model.filler_ms,
        silence: config.limits.silence_seconds * 1_000,
        max_call: config.limits.max_call_seconds * 1_000,
        max_turns: config.limits.max_turns,
        line_grace: config.limits.line_grace_seconds * 1_000,
        history_tokens: config.model.history_tokens,
        language: language.unwrap_or_default(),
        has_people: false,
    }
}

pub(super) fn pings(config: &Config) -> Pings {
    Pings {
        ping: Duration::from_secs(config.limits.line_ping_seconds),
        silent: Duration::from_secs(config.limits.line_silent_seconds),
    }
}
