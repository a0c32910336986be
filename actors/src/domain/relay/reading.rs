//! How a frame becomes a message: leniently, and without believing any of its lengths.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::Value;

use super::{Inbound, Info, Interrupted, Prompted, RelayError, Setup, nesting::deeper_than};
use crate::domain::{
    legible::{label, speech},
    time::Millis,
};

/// Levels of a message at most: `customParameters` and `info` make two or three, and a parser that
/// goes down for every bracket is not to be led on.
const DEPTH_MAX: usize = 32;

/// What one utterance may be, bytes: four minutes of speech, and a share of the model's context
/// that leaves room for the rest.
const SPEECH_MAX: usize = 4 * 1024;

/// A name, a number, a label, characters.
const LABEL_MAX: usize = 256;

/// `<Parameter>`s of one session that are kept.
const PARAMETERS_MAX: usize = 64;

/// Twilio's words about a message that it refused, characters.
const DESCRIPTION_MAX: usize = 1_024;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The message.
    pub message: Inbound,
    /// Whether the caller said more than is taken at once.
    pub shortened: bool,
}

impl From<Inbound> for Reading {
    fn from(message: Inbound) -> Self {
        Self { message, shortened: false }
    }
}

impl Inbound {
    /// Reads one text frame.
    ///
    /// # Errors
    /// When it is not a JSON object with a `type`, or is a `dtmf` without one key. A `prompt` that
    /// cannot be read is no error: see [`Inbound::Garbled`].
    pub fn parse(frame: &str) -> Result<Self, RelayError> {
        Self::read(frame).map(|reading| reading.message)
    }

    /// Reads one text frame, and tells whether all of it was taken.
    ///
    /// # Errors
    /// As [`Inbound::parse`].
    pub fn read(frame: &str) -> Result<Reading, RelayError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, default, rename = "type")]
            kind: Option<Cow<'a, str>>,
        }
        if deeper_than(frame, DEPTH_MAX) {
            return Err(RelayError::Nested);
        }
        // A list would be taken for the fields of an object in their order.
        if !matches!(frame.trim_start().bytes().next(), Some(b'{') | None) {
            serde_json::from_str::<serde::de::IgnoredAny>(frame)?;
            return Err(RelayError::NotObject);
        }
        let envelope: Envelope<'_> = serde_json::from_str(frame)?;
        let message = match envelope.kind.as_deref().ok_or(RelayError::Untyped)? {
            "prompt" => return Ok(prompt(serde_json::from_str(frame))),
            "setup" => Self::Setup(Box::new(serde_json::from_str::<RawSetup>(frame)?.into())),
            "interrupt" => Self::Interrupt(serde_json::from_str::<RawInterrupt>(frame)?.into()),
            "dtmf" => dtmf(&serde_json::from_str(frame)?)?,
            "error" => serde_json::from_str::<RawError>(frame)?.into(),
            "end" => Self::End,
            "info" => Self::Info(serde_json::from_str::<RawInfo>(frame)?.into()),
            kind => Self::Unknown { kind: label(kind, LABEL_MAX) },
        };
        Ok(message.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RawSetup {
    session_id: Value,
    call_sid: Value,
    from: Value,
    to: Value,
    direction: Value,
    custom_parameters: Value,
}

impl From<RawSetup> for Setup {
    fn from(raw: RawSetup) -> Self {
        let text = |value: &Value| label(value.as_str().unwrap_or_default(), LABEL_MAX);
        let parameter = |(name, value): (String, Value)| {
            let value = match value {
                Value::String(text) => Value::String(label(&text, LABEL_MAX)),
                Value::Bool(_) | Value::Number(_) => value,
                // Twilio makes texts of them all.
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            Some((label(&name, LABEL_MAX), value))
        };
        let parameters: BTreeMap<_, _> = match raw.custom_parameters {
            Value::Object(fields) => {
                fields.into_iter().filter_map(parameter).take(PARAMETERS_MAX).collect()
            }
            _ => BTreeMap::new(),
        };
        Self {
            session_id: text(&raw.session_id),
            call_sid: text(&raw.call_sid),
            from: text(&raw.from),
            to: text(&raw.to),
            direction: text(&raw.direction),
            custom_parameters: parameters,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPrompt {
    #[serde(default)]
    voice_prompt: Value,
    #[serde(default)]
    lang: Value,
    #[serde(default)]
    last: Value,
}

/// The caller spoke, whatever became of the words on the way here.
fn prompt(raw: Result<RawPrompt, serde_json::Error>) -> Reading {
    let Ok(raw) = raw else { return Inbound::Garbled.into() };
    let last = raw.last.as_bool() != Some(false) && raw.last.as_str() != Some("false");
    let words = match raw.voice_prompt.as_str() {
        Some(words) => speech(words, SPEECH_MAX),
        None if last => return Inbound::Garbled.into(),
        // More is to come, and the whole with it.
        None => Default::default(),
    };
    let lang = raw.lang.as_str().map(|lang| label(lang, LABEL_MAX));
    let message = Inbound::Prompt(Prompted { text: words.text, lang, last });
    Reading { message, shortened: words.shortened }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawInterrupt {
    #[serde(default)]
    utterance_until_interrupt: Value,
    /// Once documented as the text "460", later as the number 460.
    #[serde(default)]
    duration_until_interrupt_ms: Value,
}

impl From<RawInterrupt> for Interrupted {
    fn from(raw: RawInterrupt) -> Self {
        Self {
            utterance: raw.utterance_until_interrupt.as_str().map(str::to_owned),
            after: millis(&raw.duration_until_interrupt_ms),
        }
    }
}

fn millis(value: &Value) -> Option<Millis> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
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
    digit: Value,
}

fn dtmf(raw: &RawDtmf) -> Result<Inbound, RelayError> {
    let mut keys = raw.digit.as_str().unwrap_or_default().chars();
    match (keys.next(), keys.next()) {
        (Some(key @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(Inbound::Dtmf(key)),
        _ => Err(RelayError::Missing { kind: "dtmf", field: "a digit" }),
    }
}

#[derive(Deserialize)]
struct RawError {
    #[serde(default)]
    description: Value,
}

impl From<RawError> for Inbound {
    fn from(raw: RawError) -> Self {
        let description = label(raw.description.as_str().unwrap_or_default(), DESCRIPTION_MAX);
        Self::Error { description }
    }
}

#[derive(Deserialize)]
struct RawInfo {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    value: Value,
}

impl From<RawInfo> for Info {
    fn from(raw: RawInfo) -> Self {
        let text = raw.value.as_str();
        let switch = match (text, raw.value.as_bool()) {
            (Some("on" | "true"), _) | (_, Some(true)) => Some(true),
            (Some("off" | "false"), _) | (_, Some(false)) => Some(false),
            _ => None,
        };
        match (raw.name.as_str().unwrap_or_default(), switch, text) {
            ("agentSpeaking", Some(on), _) => Self::AgentSpeaking(on),
            ("clientSpeaking", Some(on), _) => Self::ClientSpeaking(on),
            ("tokensPlayed", _, Some(words)) => Self::TokensPlayed(words.to_owned()),
            (name, ..) => Self::Other(label(name, LABEL_MAX)),
        }
    }
}
