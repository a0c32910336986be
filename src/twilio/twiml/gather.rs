//! `<Gather>` and `<Play>`: what a waiting caller hears, and the keys they may press meanwhile.
//!
//! The wait loop's webhook answers with them. Names and values:
//! twilio.com/docs/voice/twiml/gather and twilio.com/docs/voice/twiml/play.

use std::io;

use super::{Method, Verb, Xml, element, text};

/// `<Gather>` of keys.
///
/// Without a key Twilio goes on with the verb behind it, and `action` is not called.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// Where Twilio posts the keys (`Digits`), see [`action_url`](super::action_url).
    pub action: String,
    /// How many keys are awaited; with the last one Twilio goes on at once.
    pub digits: u8,
    /// For how many seconds Twilio waits behind the last child, and behind a key.
    pub timeout_s: u32,
    /// What the caller hears until they press one: [`Verb::Say`], [`Verb::Play`] and
    /// [`Verb::Pause`]. Twilio refuses a document with others in it.
    pub children: Vec<Verb>,
}

impl Gather {
    pub(super) fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let attributes = [
            // Not speech: music and talk in a caller's room would be taken for words.
            ("input", "dtmf".to_owned()),
            ("action", self.action.clone()),
            ("method", Method::Post.as_str().to_owned()),
            ("numDigits", self.digits.to_string()),
            ("timeout", self.timeout_s.to_string()),
            ("actionOnEmptyResult", "false".to_owned()),
        ];
        element(xml, "Gather", &attributes, &self.children, Verb::write)
    }
}

/// `<Play>` of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// Where it is: WAV, MP3, AIFF, GSM or µ-law.
    pub url: String,
    /// How often; 0 is for ever (`loop`).
    pub times: u32,
}

impl Play {
    pub(super) fn write(&self, xml: &mut Xml) -> io::Result<()> {
        text(xml, "Play", &[("loop", self.times.to_string())], &self.url)
    }
}
