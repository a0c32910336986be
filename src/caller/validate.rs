//! The strict half of Twilio: is this frame one that ConversationRelay accepts?
//!
//! A frame that is not is dropped and answered with an `error` message (64107), ten in a row end
//! the session. Source: <https://www.twilio.com/docs/voice/conversationrelay/websocket-messages>.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What the engine told Twilio to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Words for the voice.
    Text(Text),
    /// An audio file.
    Play {
        /// Where it is.
        source: String,
        /// How often; 0 is a thousand times.
        times: u64,
        /// Whether the caller may cut it off, if said.
        interruptible: Option<bool>,
        /// Whether the next cycle may cut it off, if said.
        preemptible: Option<bool>,
    },
    /// Keys pressed on the line.
    SendDigits {
        /// The keys.
        digits: String,
    },
    /// Another language.
    Language {
        /// Of the voice.
        tts: Option<String>,
        /// Of the recogniser.
        transcription: Option<String>,
    },
    /// The session is over once everything was heard.
    End {
        /// What the action URL gets back, exactly.
        handoff_data: Option<String>,
    },
}

/// A piece of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The words, spaces and all.
    pub token: String,
    /// Whether it closes the talk cycle.
    pub last: bool,
    /// Its language, if said.
    pub lang: Option<String>,
    /// Whether the caller may cut it off, if said.
    pub interruptible: Option<bool>,
    /// Whether the next cycle may cut it off, if said.
    pub preemptible: Option<bool>,
}

/// A frame that Twilio drops; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

/// Reads one text frame of the engine.
///
/// # Errors
/// When Twilio would answer it with `Invalid message received`.
pub fn read(frame: &str) -> Result<Told, Violation> {
    match serde_json::from_str::<PlainText<'_>>(frame) {
        Ok(plain) if plain.kind == "text" => Ok(Told::Text(plain.into())),
        _ => read_any(frame),
    }
}

/// A text frame as it should be, which nearly all frames are. What does not fit in here is read
/// again, with words for what is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainText<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    token: String,
    #[serde(default)]
    last: bool,
    #[serde(default, deserialize_with = "not_null")]
    interruptible: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    preemptible: Option<bool>,
}

/// `null` is not the same as nothing.
fn not_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(from).map(Some)
}

impl From<PlainText<'_>> for Text {
    fn from(plain: PlainText<'_>) -> Self {
        let PlainText { token, last, interruptible, preemptible, .. } = plain;
        Self { token, last, lang: None, interruptible, preemptible }
    }
}

fn read_any(frame: &str) -> Result<Told, Violation> {
    let value: Value = serde_json::from_str(frame).map_err(|error| wrong("not JSON", error))?;
    let Value::Object(fields) = value else {
        return Err(Violation("not a JSON object".to_owned()));
    };
    let mut fields = Fields(fields);
    let kind = fields.required_text("type")?;
    let told = match kind.as_str() {
        "text" => text(&mut fields),
        "play" => play(&mut fields),
        "sendDigits" => digits(&mut fields),
        "language" => language(&mut fields),
        "end" => Ok(Told::End { handoff_data: fields.text("handoffData")? }),
        _ => return Err(Violation(format!("unknown type {kind:?}"))),
    };
    let told = told.map_err(|problem| wrong(&kind, problem))?;
    match fields.0.keys().next() {
        Some(unknown) => Err(wrong(&kind, format!("unknown field {unknown:?}"))),
        None => Ok(told),
    }
}

fn text(fields: &mut Fields) -> Result<Told, Violation> {
    Ok(Told::Text(Text {
        token: fields.required_text("token")?,
        last: fields.switch("last")?.unwrap_or(false),
        lang: fields.language("lang")?,
        interruptible: fields.switch("interruptible")?,
        preemptible: fields.switch("preemptible")?,
    }))
}

fn play(fields: &mut Fields) -> Result<Told, Violation> {
    let source = fields.required_text("source")?;
    let is_web = url::Url::parse(&source).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web {
        return Err(Violation(format!("source {source:?} is not an http address")));
    }
    let times = match fields.0.remove("loop") {
        None => 1,
        Some(value) => value
            .as_u64()
            .ok_or_else(|| Violation(format!("loop is {value}, not a whole number")))?,
    };
    Ok(Told::Play {
        source,
        times,
        interruptible: fields.switch("interruptible")?,
        preemptible: fields.switch("preemptible")?,
    })
}

fn digits(fields: &mut Fields) -> Result<Told, Violation> {
    let digits = fields.required_text("digits")?;
    let known = |key: char| key.is_ascii_digit() || matches!(key, 'w' | '#' | '*');
    if digits.is_empty() || !digits.chars().all(known) {
        return Err(Violation(format!("digits are {digits:?}, not some of 0-9 w # *")));
    }
    Ok(Told::SendDigits { digits })
}

fn language(fields: &mut Fields) -> Result<Told, Violation> {
    let tts = fields.language("ttsLanguage")?;
    let transcription = fields.language("transcriptionLanguage")?;
    if tts.is_none() && transcription.is_none() {
        return Err(Violation("neither ttsLanguage nor transcriptionLanguage".to_owned()));
    }
    Ok(Told::Language { tts, transcription })
}

/// The fields that nobody has read yet: what is left in the end was not documented.
struct Fields(Map<String, Value>);

impl Fields {
    /// An optional text; `null` is not one.
    fn text(&mut self, name: &str) -> Result<Option<String>, Violation> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Violation(format!("{name} is {}, not a string", kind(&other)))),
        }
    }

    fn required_text(&mut self, name: &str) -> Result<String, Violation> {
        self.text(name)?.ok_or_else(|| Violation(format!("no {name}")))
    }

    fn switch(&mut self, name: &str) -> Result<Option<bool>, Violation> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Bool(on)) => Ok(Some(on)),
            Some(other) => Err(Violation(format!("{name} is {}, not a boolean", kind(&other)))),
        }
    }

    fn language(&mut self, name: &str) -> Result<Option<String>, Violation> {
        let tag = self.text(name)?;
        match tag {
            Some(tag) if !is_language(&tag) => {
                Err(Violation(format!("{name} is {tag:?}, not a language tag")))
            }
            tag => Ok(tag),
        }
    }
}

/// The shape of BCP-47, since the list of what a provider supports is not public: `en`, `en-US`,
/// `cmn-Hans-CN`, `multi`.
fn is_language(tag: &str) -> bool {
    if tag == "multi" {
        return true;
    }
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|letter| letter.is_ascii_alphabetic())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong(place: &str, problem: impl std::fmt::Display) -> Violation {
    Violation(format!("{place}: {problem}"))
}

#[cfg(test)]
mod tests;
