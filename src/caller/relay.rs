//! The settings of one ConversationRelay session, as its TwiML wrote them.
//!
//! Checked as Twilio does: a wrong value ends the call (64101), an unknown attribute is only a
//! warning (12200). Source: <https://www.twilio.com/docs/voice/twiml/connect/conversationrelay>.

use std::collections::BTreeMap;

/// What stops the voice, or starts a report: an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Nothing.
    None,
    /// A key.
    Dtmf,
    /// Speech.
    Speech,
    /// Both.
    #[default]
    Any,
}

impl By {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "none" | "false" => Some(Self::None),
            "dtmf" => Some(Self::Dtmf),
            "speech" => Some(Self::Speech),
            "any" | "true" => Some(Self::Any),
            _ => None,
        }
    }

    /// Whether speech is among it.
    #[must_use]
    pub fn speech(self) -> bool {
        matches!(self, Self::Speech | Self::Any)
    }

    /// Whether keys are among it.
    #[must_use]
    pub fn dtmf(self) -> bool {
        matches!(self, Self::Dtmf | Self::Any)
    }
}

/// `<ConversationRelay>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relay {
    /// Its attributes as written.
    pub attributes: BTreeMap<String, String>,
    /// The attributes of each `<Language>`.
    pub languages: Vec<BTreeMap<String, String>>,
    /// The `<Parameter>`s.
    pub parameters: BTreeMap<String, String>,
}

/// Attributes and the values they are limited to; none listed means any text.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("url", &[]),
    ("welcomeGreeting", &[]),
    ("welcomeGreetingInterruptible", STOPPERS),
    ("language", &[]),
    ("ttsLanguage", &[]),
    ("ttsProvider", &["google", "amazon", "elevenlabs", "deepgram"]),
    ("voice", &[]),
    ("transcriptionLanguage", &[]),
    ("transcriptionProvider", &["google", "deepgram"]),
    ("speechModel", &[]),
    ("deepgramSmartFormat", SWITCH),
    ("eotThreshold", &[]),
    ("partialPrompts", SWITCH),
    ("speechTimeout", &[]),
    ("interruptible", STOPPERS),
    ("interruptSensitivity", &["low", "medium", "high"]),
    ("ignoreBackchannel", SWITCH),
    ("reportInputDuringAgentSpeech", STOPPERS),
    ("dtmfDetection", SWITCH),
    ("preemptible", SWITCH),
    ("hints", &[]),
    ("profanityFilter", SWITCH),
    ("backgroundNoiseReduction", &[]),
    ("echoPromptFiltering", &[]),
    ("applicationReconnect", SWITCH),
    ("events", &[]),
    ("debug", &[]),
    ("elevenlabsTextNormalization", &["on", "auto", "off"]),
    ("intelligenceService", &[]),
    ("conversationConfiguration", &[]),
    ("conversationId", &[]),
];
const SWITCH: &[&str] = &["true", "false"];
const STOPPERS: &[&str] = &["none", "dtmf", "speech", "any", "true", "false"];
const EVENTS: &[&str] = &["speaker-events", "tokens-played", "config-updated", "debugging"];

impl Relay {
    /// Where the socket is, as written; empty in direct mode.
    #[must_use]
    pub fn url(&self) -> &str {
        self.text("url").unwrap_or_default()
    }

    /// What Twilio says before anything else.
    #[must_use]
    pub fn greeting(&self) -> Option<&str> {
        self.text("welcomeGreeting").filter(|greeting| !greeting.is_empty())
    }

    /// What cuts the greeting short.
    #[must_use]
    pub fn greeting_interruptible(&self) -> By {
        self.by("welcomeGreetingInterruptible")
    }

    /// What cuts the voice short.
    #[must_use]
    pub fn interruptible(&self) -> By {
        self.by("interruptible")
    }

    /// Whether the next talk cycle may cut the present one.
    #[must_use]
    pub fn preemptible(&self) -> bool {
        self.on("preemptible")
    }

    /// Whether keys are reported.
    #[must_use]
    pub fn dtmf_detection(&self) -> bool {
        self.on("dtmfDetection")
    }

    /// Whether Twilio opens a lost socket again by itself.
    #[must_use]
    pub fn application_reconnect(&self) -> bool {
        self.on("applicationReconnect")
    }

    /// Whether an event is subscribed; `debug` is the older spelling of `events`.
    #[must_use]
    pub fn subscribes(&self, event: &str) -> bool {
        ["events", "debug"]
            .iter()
            .filter_map(|name| self.text(name))
            .any(|list| list.split_ascii_whitespace().any(|name| name == event))
    }

    /// The language the recogniser reports.
    #[must_use]
    pub fn transcription_language(&self) -> &str {
        self.text("transcriptionLanguage").or_else(|| self.text("language")).unwrap_or("en-US")
    }

    /// What Twilio would log as a warning (12200): attributes it does not know.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.attributes
            .keys()
            .filter(|name| !ATTRIBUTES.iter().any(|(known, _)| known == name))
            .map(|name| {
                format!("12200: attribute {name:?} is not allowed in element ConversationRelay")
            })
            .collect()
    }

    /// What Twilio would end the call for (64101): values outside of the documented ones.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, allowed) in ATTRIBUTES {
            let Some(value) = self.text(name) else { continue };
            if !allowed.is_empty() && !allowed.contains(&value.to_ascii_lowercase().as_str()) {
                return Err(format!("has {name}={value:?}, not one of {}", allowed.join(", ")));
            }
        }
        self.check_numbers()?;
        for event in self.text("events").unwrap_or_default().split_ascii_whitespace() {
            if !EVENTS.contains(&event) {
                return Err(format!("subscribes the unknown event {event:?}"));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), String> {
        let timeout = self.text("speechTimeout").filter(|value| *value != "auto");
        if timeout.is_some_and(|ms| !ms.parse().is_ok_and(|ms: u32| (600..=5000).contains(&ms))) {
            return Err("has a speechTimeout that is neither auto nor 600 to 5000".to_owned());
        }
        let threshold = self.text("eotThreshold");
        if threshold.is_some_and(|of| !of.parse().is_ok_and(|of: f64| (0.5..=0.9).contains(&of))) {
            return Err("has an eotThreshold that is not 0.5 to 0.9".to_owned());
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn by(&self, name: &str) -> By {
        self.text(name).and_then(By::parse).unwrap_or_default()
    }

    fn on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}
