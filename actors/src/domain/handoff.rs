//! The note that travels through Twilio when a session ends: `handoffData`, JSON in a string.
//!
//! It carries no words of the caller: Twilio does not treat it as confidential, and everything
//! said is in the registry.

use serde::{Deserialize, Serialize};

/// Version of the note. A reader takes what it knows and ignores the rest.
const VERSION: u32 = 1;

/// Why we ended the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffKind {
    /// The caller shall speak with a person.
    Escalate,
    /// Another engine shall go on with the call.
    Move,
    /// Everything is said: hang up. Also how a kind that this engine does not know is read, since
    /// its session is over and nothing else is known to be wanted.
    #[serde(other)]
    Goodbye,
}

/// The note itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffNote {
    /// Version of the writer.
    #[serde(default)]
    pub v: u32,
    /// Why the session ended.
    pub kind: HandoffKind,
}

impl HandoffNote {
    /// A note of this engine's version.
    #[must_use]
    pub fn new(kind: HandoffKind) -> Self {
        Self { v: VERSION, kind }
    }

    /// Reads `HandoffData` of the action webhook.
    ///
    /// # Errors
    /// When it is not a note of any version: not an object, or without a `kind`.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The string for `end.handoffData`.
    #[must_use]
    pub fn encode(&self) -> String {
        // Two plain fields: writing them to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_the_trip_through_twilio_and_newer_engines() {
        let note = HandoffNote::new(HandoffKind::Goodbye);
        assert_eq!(note.encode(), r#"{"v":1,"kind":"goodbye"}"#);
        let newer = r#"{"v":9,"kind":"move","since":"2031","to":["x"]}"#;
        assert_eq!(HandoffNote::parse(newer).map(|note| note.kind).ok(), Some(HandoffKind::Move));
        let unknown = r#"{"v":9,"kind":"teleport"}"#;
        assert_eq!(
            HandoffNote::parse(unknown).map(|note| note.kind).ok(),
            Some(HandoffKind::Goodbye)
        );
        for wrong in ["", "null", "[]", "{}", "bye"] {
            assert!(HandoffNote::parse(wrong).is_err(), "{wrong}");
        }
    }
}
