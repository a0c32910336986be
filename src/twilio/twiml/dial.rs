//! `<Dial>`: the desk is a phone number.
//!
//! The hand-off's webhook answers with it where no workflow is configured. Names and values:
//! twilio.com/docs/voice/twiml/dial and twilio.com/docs/voice/twiml/number.

use std::io;

use super::{Method, Xml, element, text};

/// `<Dial>` with one `<Number>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call, E.164.
    pub number: String,
    /// Where Twilio posts how it went (`DialCallStatus`), see [`action_url`](super::action_url).
    /// Of an answered call only when it ends.
    pub action: String,
    /// For how many seconds it may ring.
    pub timeout_s: u32,
    /// The number that rings there: one of the account's, or the caller's own where Twilio allows
    /// it, which is what happens without it.
    pub caller_id: Option<String>,
    /// Where Twilio posts when somebody has answered.
    pub answered: Option<String>,
}

impl Dial {
    pub(super) fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let mut attributes = vec![
            ("action", self.action.clone()),
            ("method", Method::Post.as_str().to_owned()),
            ("timeout", self.timeout_s.to_string()),
        ];
        attributes.extend(self.caller_id.clone().map(|number| ("callerId", number)));
        element(xml, "Dial", &attributes, std::slice::from_ref(self), Self::write_number)
    }

    fn write_number(&self, xml: &mut Xml) -> io::Result<()> {
        let attributes = match &self.answered {
            None => Vec::new(),
            // "answered" alone: everything else comes with the action.
            Some(url) => vec![
                ("statusCallback", url.clone()),
                ("statusCallbackEvent", "answered".to_owned()),
                ("statusCallbackMethod", Method::Post.as_str().to_owned()),
            ],
        };
        text(xml, "Number", &attributes, &self.number)
    }
}
