//! The messages of Twilio ConversationRelay, one JSON object a text frame.
//!
//! What comes in is read leniently (unknown fields and types, missing and oddly typed values are
//! Twilio's right); what goes out is written strictly, since Twilio counts every field it does not
//! know as a malformed message and hangs up after ten of them.
//! Source: <https://www.twilio.com/docs/voice/conversationrelay/websocket-messages>.

use std::collections::BTreeMap;

use super::time::Millis;

mod nesting;
mod outbound;
mod reading;

pub use self::{outbound::Outbound, reading::Reading};

/// A frame that is not a ConversationRelay message.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Not JSON, or with a `type` that is no text.
    #[error("not a JSON message: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON perhaps, but `null`, a list or a bare value.
    #[error("not a JSON object")]
    NotObject,
    /// Values within values within values, deeper than any message is.
    #[error("nested too deeply")]
    Nested,
    /// An object without a text `type`.
    #[error("a message without a type")]
    Untyped,
    /// A known type that lacks what makes it useful.
    #[error("a {kind} message without {field}")]
    Missing {
        /// The message's type.
        kind: &'static str,
        /// The field that is missing or of the wrong shape.
        field: &'static str,
    },
}

impl RelayError {
    /// A bounded label for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::NotObject => "not_object",
            Self::Nested => "nested",
            Self::Untyped => "untyped",
            Self::Missing { .. } => "incomplete",
        }
    }
}

/// What Twilio tells us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// The first message of a session.
    Setup(Box<Setup>),
    /// The caller said something.
    Prompt(Prompted),
    /// The caller said something, and the message that says what cannot be read.
    Garbled,
    /// The caller cut the voice short; Twilio has stopped it already.
    Interrupt(Interrupted),
    /// The caller pressed a key: one of `0-9 * # A-D`.
    Dtmf(char),
    /// Twilio did not like a message of ours, or something failed on its side.
    Error {
        /// Twilio's words.
        description: String,
    },
    /// The session is over.
    End,
    /// A subscribed event (`events="speaker-events tokens-played"`).
    Info(Info),
    /// A type this engine does not know: newer Twilios must not break older engines.
    Unknown {
        /// The type as Twilio spelt it.
        kind: String,
    },
}

/// Who is calling whom. Only `callSid` can be relied upon, and not even that by every client.
/// Texts are legible and of bounded length, whatever Twilio was given by others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// `VX…`, new for every session, so a reconnected call has several.
    pub session_id: String,
    /// `CA…`, compared with the one in the signed path.
    pub call_sid: String,
    /// E.164, or `client:…`, `sip:…`, `anonymous`.
    pub from: String,
    /// E.164, or `sip:…`.
    pub to: String,
    /// `inbound`, `outbound`, in any letter case.
    pub direction: String,
    /// The `<Parameter>`s of the TwiML: texts, numbers and truths.
    pub custom_parameters: BTreeMap<String, serde_json::Value>,
}

/// What the caller said, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompted {
    /// The recognised words, legible and of bounded length; may be empty.
    pub text: String,
    /// BCP-47 tag of what was heard, when Twilio says it.
    pub lang: Option<String>,
    /// False for a partial result, which never starts a turn. Missing means true.
    pub last: bool,
}

/// Where the caller cut in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interrupted {
    /// What of the interrupted utterance was spoken before the cut. May be missing or reworded.
    pub utterance: Option<String>,
    /// How long that utterance had been speaking, ms.
    pub after: Option<Millis>,
}

/// A subscribed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Info {
    /// The voice starts (`on`) or stops speaking.
    AgentSpeaking(bool),
    /// The caller starts (`on`) or stops speaking.
    ClientSpeaking(bool),
    /// These words have been spoken. The only proof of playback; may repeat or come in pieces.
    TokensPlayed(String),
    /// Something else, by name.
    Other(String),
}

impl Inbound {
    /// The message's type as a bounded label for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Prompt(_) => "prompt",
            Self::Garbled => "garbled",
            Self::Interrupt(_) => "interrupt",
            Self::Dtmf(_) => "dtmf",
            Self::Error { .. } => "error",
            Self::End => "end",
            Self::Info(_) => "info",
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(test)]
mod tests;
