//! `<ConversationRelay>`: the session that turns a call into text and back.
//!
//! Configuration fills [`RelayAttributes`] once; the webhooks add what differs from call to call.
//! Names and values: twilio.com/docs/voice/twiml/connect/conversationrelay, and the changelogs of
//! 2026-10-28 and 2026-11-18.

use std::{fmt, io};

use super::{
    Xml, element, empty,
    values::{
        AttributeError, DebugMode, EotThreshold, Events, Interruptible, LanguageTag, Sensitivity,
        SpeechTimeout, Text, TextNormalization, TranscriptionProvider, TtsProvider, Value, Voice,
        Word,
    },
};

mod language;

pub use language::Language;

/// Attributes whose only documented value is `true`: off is to leave them out.
const ONLY_TRUE: [&str; 2] = ["dtmfDetection", "applicationReconnect"];

/// Deepgram's model with turn detection of its own.
const FLUX: &str = "flux";

/// Deepgram's models that follow a caller from language to language.
const MULTI_MODELS: [&str; 3] = ["nova-2-general", "nova-3-general", FLUX];

/// A session of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationRelay {
    /// The socket, `wss://`, with the CallSid in its path and no query.
    pub url: String,
    /// What Twilio says before we say anything. Not confidential.
    pub welcome_greeting: Option<String>,
    /// Everything that configuration decides.
    pub attributes: RelayAttributes,
    /// Languages the session may switch to. To declare one does not activate it.
    pub languages: Vec<Language>,
    /// Come back in `setup.customParameters`. Not confidential.
    pub parameters: Vec<Parameter>,
}

impl ConversationRelay {
    /// A session without greeting, languages and parameters.
    #[must_use]
    pub fn new(url: impl Into<String>, attributes: RelayAttributes) -> Self {
        Self {
            url: url.into(),
            welcome_greeting: None,
            attributes,
            languages: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// Combinations that Twilio is known to refuse, of the session and its languages.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let session = self.attributes.check().into_iter().map(|clash| clash.to_string());
        let languages = self.languages.iter().flat_map(|language| {
            let clashes = language.check(&self.attributes).into_iter();
            clashes.map(|clash| format!("Language {}: {clash}", language.code))
        });
        session.chain(languages).collect()
    }

    pub(super) fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let mut attributes = vec![("url", self.url.clone())];
        attributes.extend(self.welcome_greeting.clone().map(|text| ("welcomeGreeting", text)));
        attributes.extend(self.attributes.pairs());
        let languages = self.languages.iter().map(|language| ("Language", language.pairs()));
        let parameters = self.parameters.iter().map(|parameter| ("Parameter", parameter.pairs()));
        let children: Vec<_> = languages.chain(parameters).collect();
        element(xml, "ConversationRelay", &attributes, &children, |(name, pairs), xml| {
            empty(xml, name, pairs)
        })
    }
}

/// `<Parameter>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in `customParameters`.
    pub name: String,
    /// Its value there.
    pub value: String,
}

impl Parameter {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.clone()), ("value", self.value.clone())]
    }
}

/// Attributes that Twilio is known to refuse together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The attribute that can stay only when another one changes.
    pub attribute: &'static str,
    /// The attributes of the session that it clashes with, set or not.
    pub beside: Vec<&'static str>,
    /// What was expected of them.
    pub text: String,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.attribute, self.text)
    }
}

/// The struct, its names in TwiML and its reading, from one table.
macro_rules! attributes {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $name:literal,)+) => {
        /// The attributes that configuration sets; an absent one leaves the choice to Twilio.
        #[derive(Debug, Clone, PartialEq)]
        pub struct RelayAttributes {
            $($(#[$doc])* pub $field: Option<$type>,)+
        }

        impl RelayAttributes {
            /// The names in TwiML of all that can be set.
            pub const NAMES: &[&str] = &[$($name),+];

            /// Nothing set, not even our defaults.
            #[must_use]
            pub fn none() -> Self {
                Self { $($field: None),+ }
            }

            /// Sets one attribute from text. `name` is the one in TwiML or the rest of a
            /// `RELAY_…` variable: `speechTimeout` and `SPEECH_TIMEOUT` are the same.
            ///
            /// # Errors
            /// When there is no such attribute or it does not take this value.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), AttributeError> {
                let plain = name.replace('_', "");
                $(if plain.eq_ignore_ascii_case($name) {
                    self.$field = Some(Value::read(value)?);
                    return Ok(());
                })+
                Err(AttributeError::Unknown(name.to_owned()))
            }

            fn given(&self) -> Vec<(&'static str, String)> {
                let all = [$(($name, self.$field.as_ref().map(Value::written))),+];
                all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }
        }
    };
}

attributes! {
    /// What stops the greeting.
    welcome_greeting_interruptible: Interruptible = "welcomeGreetingInterruptible",
    /// BCP-47, or `multi`: of both directions.
    language: LanguageTag = "language",
    /// BCP-47, or `multi` with ElevenLabs: what we speak.
    tts_language: LanguageTag = "ttsLanguage",
    /// Who speaks, unless the voice says so.
    tts_provider: TtsProvider = "ttsProvider",
    /// In which voice.
    voice: Voice = "voice",
    /// BCP-47, or `multi` with Deepgram: what the caller speaks.
    transcription_language: LanguageTag = "transcriptionLanguage",
    /// Who listens.
    transcription_provider: TranscriptionProvider = "transcriptionProvider",
    /// The listener's model.
    speech_model: Word = "speechModel",
    /// Whether Deepgram writes numbers and dates as such.
    deepgram_smart_format: bool = "deepgramSmartFormat",
    /// How sure Deepgram's `flux` must be that the caller has finished.
    eot_threshold: EotThreshold = "eotThreshold",
    /// Prompts before the final one, with Deepgram's `flux`.
    partial_prompts: bool = "partialPrompts",
    /// Silence before the final prompt.
    speech_timeout: SpeechTimeout = "speechTimeout",
    /// What stops our voice.
    interruptible: Interruptible = "interruptible",
    /// How readily.
    interrupt_sensitivity: Sensitivity = "interruptSensitivity",
    /// Whether "yeah" and "uh-huh" are passed over.
    ignore_backchannel: bool = "ignoreBackchannel",
    /// What of the caller is told to us while we speak. Twilio's default is nothing, which would
    /// lose the very words that interrupt.
    report_input_during_agent_speech: Interruptible = "reportInputDuringAgentSpeech",
    /// Whether keys are told to us.
    dtmf_detection: bool = "dtmfDetection",
    /// Whether our next words cut the ones being spoken.
    preemptible: bool = "preemptible",
    /// Phrases to expect, with commas between. Not confidential.
    hints: Text = "hints",
    /// Whether swear words are hidden.
    profanity_filter: bool = "profanityFilter",
    /// Undocumented values.
    background_noise_reduction: Word = "backgroundNoiseReduction",
    /// Whether prompts that are our own echo are dropped; undocumented values.
    echo_prompt_filtering: Word = "echoPromptFiltering",
    /// Whether Twilio opens a lost socket again by itself.
    application_reconnect: bool = "applicationReconnect",
    /// The `info` messages to send.
    events: Events = "events",
    /// Messages for debugging.
    debug: DebugMode = "debug",
    /// Whether ElevenLabs spells out numbers.
    elevenlabs_text_normalization: TextNormalization = "elevenlabsTextNormalization",
    /// A Conversational Intelligence service.
    intelligence_service: Text = "intelligenceService",
    /// A Conversation Orchestrator configuration.
    conversation_configuration: Word = "conversationConfiguration",
    /// A Conversation Orchestrator conversation.
    conversation_id: Word = "conversationId",
}

impl Default for RelayAttributes {
    /// What the engine needs to know what was heard and to be interrupted; voices and languages are
    /// left open.
    fn default() -> Self {
        Self {
            application_reconnect: Some(true),
            events: Some(Events::usual()),
            report_input_during_agent_speech: Some(Interruptible::Any),
            interruptible: Some(Interruptible::Any),
            dtmf_detection: Some(true),
            ..Self::none()
        }
    }
}

impl RelayAttributes {
    /// What we speak.
    #[must_use]
    pub fn spoken_language(&self) -> Option<&LanguageTag> {
        self.tts_language.as_ref().or(self.language.as_ref())
    }

    /// Who speaks.
    #[must_use]
    pub fn spoken_by(&self) -> Option<TtsProvider> {
        provider_of(self.voice.as_ref(), self.tts_provider)
    }

    /// Names and values for TwiML, in the order of the table.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Self { tts_provider: self.spoken_by(), ..self.clone() }.given();
        pairs.retain(|(name, value)| value != "false" || !ONLY_TRUE.contains(name));
        pairs
    }

    /// Combinations that Twilio is known to refuse. Single values are right by their types.
    #[must_use]
    pub fn check(&self) -> Vec<Clash> {
        let mut clashes = Vec::new();
        let deepgram = self.transcription_provider == Some(TranscriptionProvider::Deepgram);
        let model = self.speech_model.as_ref().map(Word::as_str);
        let needs_flux = [
            ("eotThreshold", self.eot_threshold.is_some()),
            ("partialPrompts", self.partial_prompts == Some(true)),
        ];
        for (attribute, is_set) in needs_flux {
            if is_set && !(deepgram && model == Some(FLUX)) {
                let text =
                    format!("expected transcriptionProvider Deepgram and speechModel {FLUX}");
                let beside = vec!["transcriptionProvider", "speechModel"];
                clashes.push(Clash { attribute, beside, text });
            }
        }
        let model_fits = model.is_none_or(|model| MULTI_MODELS.contains(&model));
        clashes.extend(self.check_multi(deepgram && model_fits));
        let by_voice = self.voice.as_ref().and_then(|voice| voice.provider);
        if let (Some(by_voice), Some(by_name)) = (by_voice, self.tts_provider)
            && by_voice != by_name
        {
            let text = format!("expected {by_voice}, as the voice says, found {by_name}");
            clashes.push(Clash { attribute: "ttsProvider", beside: vec!["voice"], text });
        }
        clashes
    }

    /// The rules for `multi`. An absent `transcriptionProvider` is Google on older accounts, so it
    /// must be said; an absent `ttsProvider` is ElevenLabs everywhere.
    fn check_multi(&self, is_understood: bool) -> Vec<Clash> {
        let mut clashes = Vec::new();
        let is_multi = |tag: Option<&LanguageTag>| tag.is_some_and(LanguageTag::is_multi);
        let named = |own: &Option<LanguageTag>, name| if own.is_some() { name } else { "language" };
        let heard = self.transcription_language.as_ref().or(self.language.as_ref());
        if is_multi(heard) && !is_understood {
            clashes.push(Clash {
                attribute: named(&self.transcription_language, "transcriptionLanguage"),
                beside: vec!["transcriptionProvider", "speechModel"],
                text: format!(
                    "expected transcriptionProvider Deepgram and speechModel {} to understand multi",
                    MULTI_MODELS.join(" or ")
                ),
            });
        }
        let is_spoken = self.spoken_by().is_none_or(|who| who == TtsProvider::ElevenLabs);
        if is_multi(self.spoken_language()) && !is_spoken {
            clashes.push(Clash {
                attribute: named(&self.tts_language, "ttsLanguage"),
                beside: vec!["ttsProvider", "voice"],
                text: "expected ttsProvider ElevenLabs to speak multi".to_owned(),
            });
        }
        clashes
    }
}

/// Who speaks: the voice knows best.
fn provider_of(voice: Option<&Voice>, named: Option<TtsProvider>) -> Option<TtsProvider> {
    voice.and_then(|voice| voice.provider).or(named)
}

#[cfg(test)]
mod tests;
