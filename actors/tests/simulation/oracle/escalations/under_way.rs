//! An escalation that is under way, and what has to be said about it.

use switchhook_actors::domain::{
    escalation::{Escalation, ReasonCode},
    ids::EscalationId,
    persona::Persona,
    time::{Millis, Timestamp},
};

/// How long `end` waits for the voice at most, behind the last word, ms.
pub(super) const BRIDGE_MAX: Millis = 8_000;

/// How long it waits for the escalation to be recorded, ms.
const RECORD_PATIENCE: Millis = 2_000;

/// How long a caller who has something to say holds it up, ms.
const HOLD_MAX: Millis = 6_000;

/// How long after the voice stopped an interrupt may still say why, ms.
const OFF_BY_INTERRUPT: Millis = 1_500;

/// News of the voice knows nothing of what was sent so lately, ms.
const CROSSING: Millis = 550;

/// What a caller has to hear next, before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sentence {
    /// A person takes over.
    Bridge,
    /// Nobody takes calls.
    Honest,
    /// Nobody could be reached.
    Unreached,
    /// Back again.
    Welcome,
}

impl Sentence {
    pub(super) fn words(self, persona: &Persona) -> &str {
        match self {
            Self::Bridge => &persona.bridge,
            Self::Honest => &persona.escalation,
            Self::Unreached => &persona.unreached,
            Self::Welcome => &persona.stay,
        }
    }
}

/// The bridge sentence was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bridge {
    pub(super) at: Timestamp,
    /// Within this step.
    pub(super) just_now: bool,
    /// Twilio says that its voice stopped.
    pub(super) stopped_at: Option<Timestamp>,
}

impl Bridge {
    /// Twilio says that its voice starts or stops: it may be of what was said before, and have passed
    /// the bridge sentence, which was sent when there was a line.
    pub(super) fn hear_of_voice(&mut self, on: bool, line: Option<Timestamp>, now: Timestamp) {
        let stops = !on && now.since(self.at.max(line.unwrap_or_default())) >= CROSSING;
        self.stopped_at = stops.then_some(now);
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    pub(super) id: EscalationId,
    pub(super) code: ReasonCode,
    pub(super) at: Timestamp,
    pub(super) recorded: bool,
    pub(super) bridge: Option<Bridge>,
    /// The caller cut in, or pressed a key.
    pub(super) held_at: Option<Timestamp>,
    /// They said something.
    pub(super) pleaded_at: Option<Timestamp>,
    /// They were gone since then.
    pub(super) gone: bool,
}

impl UnderWay {
    pub(super) fn of(escalation: &Escalation, recorded: bool) -> Self {
        Self {
            id: escalation.id,
            code: escalation.grounds.code,
            at: escalation.at,
            recorded,
            bridge: None,
            held_at: None,
            pleaded_at: None,
            gone: false,
        }
    }

    /// Until when a caller holds it up.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        self.pleaded_at.or(self.held_at).map(|at| at + HOLD_MAX)
    }

    /// When it is to end at the latest, given a line.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if let Some(until) = self.held_until() {
            return Some(until);
        }
        let Bridge { at, stopped_at, .. } = self.bridge?;
        let spoken = stopped_at
            .map_or(at + BRIDGE_MAX, |stopped| (stopped + OFF_BY_INTERRUPT).min(at + BRIDGE_MAX));
        Some(if self.recorded { spoken } else { spoken.max(self.at + RECORD_PATIENCE) })
    }
}
