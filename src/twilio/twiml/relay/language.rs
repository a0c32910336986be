//! `<Language>`: how another language of a session is spoken and understood.

use super::{
    super::values::{
        AttributeError, LanguageTag, TranscriptionProvider, TtsProvider, Value, Voice, Word,
    },
    Clash, RelayAttributes, provider_of,
};

/// `<Language>`: what is absent is inherited from the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// BCP-47, or `multi`.
    pub code: LanguageTag,
    /// Who speaks it, unless the voice says so.
    pub tts_provider: Option<TtsProvider>,
    /// In which voice.
    pub voice: Option<Voice>,
    /// Who understands it.
    pub transcription_provider: Option<TranscriptionProvider>,
    /// With which model.
    pub speech_model: Option<Word>,
}

impl Language {
    /// The names in TwiML of all that can be set.
    pub const NAMES: [&str; 5] =
        ["code", "ttsProvider", "voice", "transcriptionProvider", "speechModel"];

    /// A language that inherits everything.
    #[must_use]
    pub fn new(code: LanguageTag) -> Self {
        Self {
            code,
            tts_provider: None,
            voice: None,
            transcription_provider: None,
            speech_model: None,
        }
    }

    /// Sets one attribute from text, by its name in TwiML.
    ///
    /// # Errors
    /// When there is no such attribute or it does not take this value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), AttributeError> {
        match name {
            "code" => self.code = Value::read(value)?,
            "ttsProvider" => self.tts_provider = Some(Value::read(value)?),
            "voice" => self.voice = Some(Value::read(value)?),
            "transcriptionProvider" => self.transcription_provider = Some(Value::read(value)?),
            "speechModel" => self.speech_model = Some(Value::read(value)?),
            _ => return Err(AttributeError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let voiced = provider_of(self.voice.as_ref(), self.tts_provider);
        [
            Some(("code", self.code.written())),
            voiced.map(|provider| ("ttsProvider", provider.written())),
            self.voice.as_ref().map(|voice| ("voice", voice.written())),
            self.transcription_provider.map(|who| ("transcriptionProvider", who.written())),
            self.speech_model.as_ref().map(|model| ("speechModel", model.written())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Combinations that Twilio is known to refuse, inside a session of these attributes: as with
    /// a session of its own. Beside a clash stand only attributes that come from the session.
    #[must_use]
    pub fn check(&self, session: &RelayAttributes) -> Vec<Clash> {
        let own_voice = self.voice.is_some() || self.tts_provider.is_some();
        let (voice, tts_provider) = if own_voice {
            (self.voice.clone(), self.tts_provider)
        } else {
            (session.voice.clone(), session.spoken_by())
        };
        let alone = RelayAttributes {
            language: Some(self.code.clone()),
            tts_provider,
            voice,
            transcription_provider: self.transcription_provider.or(session.transcription_provider),
            speech_model: self.speech_model.clone().or_else(|| session.speech_model.clone()),
            ..RelayAttributes::none()
        };
        let mut clashes = alone.check();
        for clash in &mut clashes {
            if clash.attribute == "language" {
                clash.attribute = "code";
            }
            clash.beside.retain(|name| match *name {
                "transcriptionProvider" => self.transcription_provider.is_none(),
                "speechModel" => self.speech_model.is_none(),
                _ => !own_voice,
            });
        }
        clashes
    }
}
