//! The values of ConversationRelay's attributes: here closed sets and ranges, in a chapter words.
//!
//! Each is read from text (configuration) with an error that says what is allowed, and written to
//! TwiML. A wrong value there would end the call (Twilio error 64101), so it cannot be made.

use std::{fmt, str::FromStr};

/// Why an attribute cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// It does not take this value: all that would do.
    #[error("expected {0}")]
    Expected(&'static str),
    /// No attribute has this name, or it is not for configuration to set.
    #[error("there is no ConversationRelay attribute `{0}` to set")]
    Unknown(String),
}

/// How an attribute's value is read from configuration and written to TwiML.
pub(super) trait Value: Sized {
    fn read(text: &str) -> Result<Self, AttributeError>;
    fn written(&self) -> String;
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, AttributeError> {
        let wrong = |_| AttributeError::Expected("true or false");
        text.to_ascii_lowercase().parse().map_err(wrong)
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// Lets a type that has `FromStr` and `Display` be an attribute's value.
macro_rules! value {
    ($($name:ident),+) => {$(
        impl Value for $name {
            fn read(text: &str) -> Result<Self, AttributeError> {
                text.parse()
            }

            fn written(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

mod words;

pub use words::{LanguageTag, Text, Voice, Word};

/// An enum with Twilio's spelling of each variant; `alias` is read and never written.
macro_rules! closed_set {
    (
        $(#[$about:meta])* $name:ident, $allowed:literal,
        $($(#[$doc:meta])* $variant:ident = $text:literal $(alias $alias:literal)?),+ $(,)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl FromStr for $name {
            type Err = AttributeError;

            fn from_str(text: &str) -> Result<Self, AttributeError> {
                $(if text.eq_ignore_ascii_case($text) $(|| text.eq_ignore_ascii_case($alias))? {
                    return Ok(Self::$variant);
                })+
                Err(AttributeError::Expected($allowed))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)+ })
            }
        }

        value!($name);
    };
}

closed_set! {
    /// What of the caller counts while the agent speaks: for `interruptible` what stops the voice,
    /// for `reportInputDuringAgentSpeech` what is told to us.
    Interruptible, "none, dtmf, speech or any",
    /// Nothing.
    None = "none" alias "false",
    /// Keys.
    Dtmf = "dtmf",
    /// Words.
    Speech = "speech",
    /// Keys and words.
    Any = "any" alias "true",
}

closed_set! {
    /// How readily words interrupt.
    Sensitivity, "low, medium or high",
    /// Hardly.
    Low = "low",
    /// In between.
    Medium = "medium",
    /// At once.
    High = "high",
}

closed_set! {
    /// Who makes speech of text.
    TtsProvider, "Google, Amazon or ElevenLabs",
    /// Google.
    Google = "Google",
    /// Amazon Polly.
    Amazon = "Amazon",
    /// ElevenLabs.
    ElevenLabs = "ElevenLabs",
}

closed_set! {
    /// Who makes text of speech.
    TranscriptionProvider, "Google or Deepgram",
    /// Google.
    Google = "Google",
    /// Deepgram.
    Deepgram = "Deepgram",
}

closed_set! {
    /// Whether ElevenLabs spells out numbers and dates before it speaks; `off` is the fastest.
    TextNormalization, "on, auto or off",
    /// Yes.
    On = "on",
    /// As ElevenLabs likes; Twilio treats it as `off`.
    Auto = "auto",
    /// No.
    Off = "off",
}

closed_set! {
    /// What Twilio tells the socket for debugging.
    DebugMode, "debugging",
    /// Its own steps.
    Debugging = "debugging",
}

closed_set! {
    /// One kind of `info` message.
    Subscription, "speaker-events, tokens-played or config-updated",
    /// Who starts and stops to speak.
    SpeakerEvents = "speaker-events",
    /// What has been spoken.
    TokensPlayed = "tokens-played",
    /// That settings have changed, or a provider has failed over.
    ConfigUpdated = "config-updated",
}

/// The `info` messages to send: a set, read as words with spaces or commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(Vec<Subscription>);

impl Events {
    /// What the engine follows a call by: who speaks, and what has been heard.
    #[must_use]
    pub fn usual() -> Self {
        Self(vec![Subscription::SpeakerEvents, Subscription::TokensPlayed])
    }
}

impl FromStr for Events {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        const EXPECTED: &str =
            "some of speaker-events, tokens-played, config-updated, with spaces between";
        let mut events = Vec::new();
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            let event = word.parse().map_err(|_| AttributeError::Expected(EXPECTED))?;
            if !events.contains(&event) {
                events.push(event);
            }
        }
        if events.is_empty() { Err(AttributeError::Expected(EXPECTED)) } else { Ok(Self(events)) }
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, event) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{event}")?;
        }
        Ok(())
    }
}

/// Milliseconds of silence that Twilio takes for the end of an utterance.
const SPEECH_TIMEOUT_MS: std::ops::RangeInclusive<u16> = 600..=5000;

/// `speechTimeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeechTimeout(Option<u16>);

impl FromStr for SpeechTimeout {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(millis) if SPEECH_TIMEOUT_MS.contains(&millis) => Ok(Self(Some(millis))),
            _ => Err(AttributeError::Expected("600 to 5000 milliseconds, or auto")),
        }
    }
}

impl fmt::Display for SpeechTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(millis) => millis.fmt(f),
            None => f.write_str("auto"),
        }
    }
}

/// How sure Deepgram must be that the caller has finished.
const EOT_THRESHOLD: std::ops::RangeInclusive<f64> = 0.5..=0.9;

/// `eotThreshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EotThreshold(f64);

impl FromStr for EotThreshold {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        match text.parse() {
            Ok(sure) if EOT_THRESHOLD.contains(&sure) => Ok(Self(sure)),
            _ => Err(AttributeError::Expected("a number from 0.5 to 0.9")),
        }
    }
}

impl fmt::Display for EotThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

value!(Events, SpeechTimeout, EotThreshold);

#[cfg(test)]
mod tests;
