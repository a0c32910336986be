//! The messages of Twilio ConversationRelay, one JSON object a text frame.
//!
//! What comes in is read leniently (unknown fields and types, missing and oddly typed values are
//! Twilio's right); what goes out is written strictly, since Twilio counts every field it does not
//! know as a malformed message and hangs up after ten of them.
//! Source: <https://www.twilio.com/docs/voice/conversationrelay/websocket-messages>.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer, Serialize};

use super::time::Millis;

/// A frame that is not a ConversationRelay message.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Setup {
    /// `VX…`, new for every session, so a reconnected call has several.
    #[serde(deserialize_with = "text_or_default")]
    pub session_id: String,
    /// `CA…`, compared with the one in the signed path.
    #[serde(deserialize_with = "text_or_default")]
    pub call_sid: String,
    /// E.164, or `client:…`, `sip:…`, `anonymous`.
    #[serde(deserialize_with = "text_or_default")]
    pub from: String,
    /// E.164, or `sip:…`.
    #[serde(deserialize_with = "text_or_default")]
    pub to: String,
    /// `inbound`, `outbound`, in any letter case.
    #[serde(deserialize_with = "text_or_default")]
    pub direction: String,
    /// The `<Parameter>`s of the TwiML.
    #[serde(deserialize_with = "object_or_default")]
    pub custom_parameters: BTreeMap<String, serde_json::Value>,
}

/// What the caller said, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompted {
    /// The recognised words.
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
    /// Reads one text frame.
    ///
    /// # Errors
    /// When it is not a JSON object with a `type`, or is a `prompt` or `dtmf` without its content.
    pub fn parse(frame: &str) -> Result<Self, RelayError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, default, rename = "type")]
            kind: Option<Cow<'a, str>>,
        }
        let envelope: Envelope<'_> = serde_json::from_str(frame)?;
        match envelope.kind.as_deref().ok_or(RelayError::Untyped)? {
            "setup" => Ok(Self::Setup(serde_json::from_str(frame)?)),
            "prompt" => prompt(serde_json::from_str(frame)?),
            "interrupt" => Ok(Self::Interrupt(serde_json::from_str::<RawInterrupt>(frame)?.into())),
            "dtmf" => dtmf(serde_json::from_str(frame)?),
            "error" => Ok(Self::Error {
                description: serde_json::from_str::<RawError>(frame)?.description,
            }),
            "end" => Ok(Self::End),
            "info" => Ok(Self::Info(serde_json::from_str::<RawInfo>(frame)?.into())),
            kind => Ok(Self::Unknown { kind: kind.to_owned() }),
        }
    }

    /// The message's type as a bounded label for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Prompt(_) => "prompt",
            Self::Interrupt(_) => "interrupt",
            Self::Dtmf(_) => "dtmf",
            Self::Error { .. } => "error",
            Self::End => "end",
            Self::Info(_) => "info",
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPrompt {
    #[serde(default)]
    voice_prompt: Option<String>,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    last: Option<bool>,
}

fn prompt(raw: RawPrompt) -> Result<Inbound, RelayError> {
    let text =
        raw.voice_prompt.ok_or(RelayError::Missing { kind: "prompt", field: "voicePrompt" })?;
    Ok(Inbound::Prompt(Prompted { text, lang: raw.lang, last: raw.last.unwrap_or(true) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawInterrupt {
    #[serde(default)]
    utterance_until_interrupt: Option<String>,
    /// Once documented as the text "460", later as the number 460.
    #[serde(default)]
    duration_until_interrupt_ms: Option<serde_json::Value>,
}

impl From<RawInterrupt> for Interrupted {
    fn from(raw: RawInterrupt) -> Self {
        Self {
            utterance: raw.utterance_until_interrupt,
            after: raw.duration_until_interrupt_ms.as_ref().and_then(millis),
        }
    }
}

fn millis(value: &serde_json::Value) -> Option<Millis> {
    match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and no utterance lasts half a billion years"
        )]
        number => number.as_u64().or_else(|| number.as_f64().map(|ms| ms.max(0.0) as Millis)),
    }
}

#[derive(Deserialize)]
struct RawDtmf {
    #[serde(default)]
    digit: Option<Cow<'static, str>>,
}

fn dtmf(raw: RawDtmf) -> Result<Inbound, RelayError> {
    let missing = RelayError::Missing { kind: "dtmf", field: "a digit" };
    let digit = raw.digit.ok_or(missing)?;
    let mut keys = digit.chars();
    match (keys.next(), keys.next()) {
        (Some(key @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(Inbound::Dtmf(key)),
        _ => Err(RelayError::Missing { kind: "dtmf", field: "a digit" }),
    }
}

#[derive(Deserialize)]
struct RawError {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct RawInfo {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: serde_json::Value,
}

impl From<RawInfo> for Info {
    fn from(raw: RawInfo) -> Self {
        let text = raw.value.as_str();
        let switch = match (text, raw.value.as_bool()) {
            (Some("on" | "true"), _) | (_, Some(true)) => Some(true),
            (Some("off" | "false"), _) | (_, Some(false)) => Some(false),
            _ => None,
        };
        match (raw.name.as_str(), switch, text) {
            ("agentSpeaking", Some(on), _) => Self::AgentSpeaking(on),
            ("clientSpeaking", Some(on), _) => Self::ClientSpeaking(on),
            ("tokensPlayed", _, Some(words)) => Self::TokensPlayed(words.to_owned()),
            _ => Self::Other(raw.name),
        }
    }
}

fn text_or_default<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => text,
        _ => String::new(),
    })
}

fn object_or_default<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, serde_json::Value>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::Object(object) => object.into_iter().collect(),
        _ => BTreeMap::new(),
    })
}

/// What we tell Twilio. The shapes are closed: there is no room for an undocumented field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outbound<'a> {
    /// Words for the voice. `last` closes the talk cycle.
    Text {
        /// A piece of the answer, spaces and all; may be empty.
        token: &'a str,
        /// True on the final piece of a cycle.
        last: bool,
        /// BCP-47, when it differs from the session's.
        #[serde(skip_serializing_if = "Option::is_none")]
        lang: Option<&'a str>,
        /// Overrides the TwiML: may the caller cut this off?
        #[serde(skip_serializing_if = "Option::is_none")]
        interruptible: Option<bool>,
        /// Overrides the TwiML: may the next cycle cut this off?
        #[serde(skip_serializing_if = "Option::is_none")]
        preemptible: Option<bool>,
    },
    /// Plays an audio file.
    Play {
        /// Where Twilio fetches it.
        source: &'a str,
        /// How often; 0 means a thousand times.
        #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
        /// Overrides the TwiML.
        #[serde(skip_serializing_if = "Option::is_none")]
        preemptible: Option<bool>,
        /// Overrides the TwiML.
        #[serde(skip_serializing_if = "Option::is_none")]
        interruptible: Option<bool>,
    },
    /// Presses keys on the line.
    SendDigits {
        /// Non-empty, only `0-9 w # *`.
        digits: &'a str,
    },
    /// Switches languages; at least one must be given.
    Language {
        /// Of the voice.
        #[serde(skip_serializing_if = "Option::is_none")]
        tts_language: Option<&'a str>,
        /// Of the recogniser.
        #[serde(skip_serializing_if = "Option::is_none")]
        transcription_language: Option<&'a str>,
    },
    /// Ends the session; the call goes on at the `<Connect action>`.
    End {
        /// A string, even when it holds JSON: Twilio refuses an object.
        #[serde(skip_serializing_if = "Option::is_none")]
        handoff_data: Option<&'a str>,
    },
}

impl<'a> Outbound<'a> {
    /// A piece of an answer as the TwiML has it set up.
    #[must_use]
    pub fn text(token: &'a str, last: bool) -> Self {
        Self::Text { token, last, lang: None, interruptible: None, preemptible: None }
    }

    /// The frame.
    #[must_use]
    pub fn encode(&self) -> String {
        // Writing these shapes to memory cannot fail: no maps with odd keys, no I/O.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
