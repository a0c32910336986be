//! Values in words of the operator: a language, an id, phrases, a voice.

use std::{fmt, str::FromStr};

use super::{AttributeError, TtsProvider, Value};

/// Characters of a value: a bound against a file pasted by mistake.
const TEXT_MAX: usize = 4_096;

/// A text that has passed a check.
macro_rules! checked {
    ($(#[$about:meta])* $name:ident, $expected:literal, $is_right:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = AttributeError;

            fn from_str(text: &str) -> Result<Self, AttributeError> {
                let is_right: fn(&str) -> bool = $is_right;
                if is_right(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(AttributeError::Expected($expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        value!($name);
    };
}

/// The language that stands for "whichever is spoken".
const MULTI: &str = "multi";

checked! {
    /// A language in the form of BCP-47 that speech providers use, or `multi`.
    LanguageTag, "BCP-47 such as en-US, or multi", |text| text == MULTI || is_bcp47(text)
}

impl LanguageTag {
    /// Whether it stands for whichever is spoken.
    #[must_use]
    pub fn is_multi(&self) -> bool {
        self.0 == MULTI
    }
}

/// A language, then script, region and the like.
fn is_bcp47(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

checked! {
    /// An id, or a value that Twilio documents nowhere.
    Word, "one word", |text| {
        !text.is_empty()
            && text.len() <= TEXT_MAX
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    }
}

checked! {
    /// Phrases.
    Text, "words of at most 4096 characters, none of them a control character", |text| {
        !text.trim().is_empty()
            && text.chars().count() <= TEXT_MAX
            && !text.contains(char::is_control)
    }
}

/// A voice, and whose it is when that is said: `Google.en-US-Journey-F`, `Joanna-Neural`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Written as `ttsProvider`.
    pub provider: Option<TtsProvider>,
    /// The provider's name of the voice. For ElevenLabs an id, which may go on with a model and
    /// its tuning.
    pub name: Word,
}

impl FromStr for Voice {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let wrong = |_| {
            AttributeError::Expected(
                "a voice in one word, or Google., Amazon. or ElevenLabs. before it",
            )
        };
        let (provider, name) = match text.split_once('.') {
            // The tuning of an ElevenLabs voice has dots too (`<id>-flash_v2_5-0.8_0.8`): what is
            // before the first is a provider only when it is one word.
            Some((word, name)) if word.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                (Some(word.parse().map_err(wrong)?), name)
            }
            _ => (None, text),
        };
        Ok(Self { provider, name: name.parse().map_err(wrong)? })
    }
}

impl Value for Voice {
    fn read(text: &str) -> Result<Self, AttributeError> {
        text.parse()
    }

    fn written(&self) -> String {
        self.name.to_string()
    }
}
