//! What we tell Twilio: closed shapes, since it hangs up after ten messages that it does not know.

use serde::Serialize;

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
