//! The ConversationRelay session that every call gets: configuration and persona, made one.

use std::str::FromStr;

use switchhook_actors::domain::persona::Persona;

use super::twiml::{
    AttributeError, ConversationRelay, LanguageTag, RelayAttributes, TtsProvider, Voice,
};
use crate::config::RelayConfig;

/// The session, less its URL and greeting, which differ from call to call. The persona's voice and
/// language go before those of the configuration: they were chosen together. Its hints stand in
/// where the configuration has none.
///
/// # Errors
/// Every value and combination that Twilio is known to refuse.
pub fn relay(config: &RelayConfig, persona: &Persona) -> Result<ConversationRelay, Vec<String>> {
    let mut problems = Vec::new();
    let mut attributes = config.attributes.clone();
    let voice = read("voice", persona.voice.as_deref(), &mut problems);
    if let Some(language) = read("language", persona.language.as_deref(), &mut problems) {
        attributes.language = Some(language);
        leave_foreign_voice(&mut attributes);
    }
    if let Some(voice) = voice {
        attributes.tts_provider = None;
        attributes.voice = Some(voice);
    }
    if !persona.hints.is_empty() && attributes.hints.is_none() {
        attributes.hints = read("hints", Some(&persona.hints.join(", ")), &mut problems);
    }
    let mut relay = ConversationRelay::new(String::new(), attributes);
    relay.languages.clone_from(&config.languages);
    relay.parameters.clone_from(&config.parameters);
    problems.extend(relay.check());
    if problems.is_empty() { Ok(relay) } else { Err(problems) }
}

/// Leaves the voice to Twilio when the configured one is Google's for another language than the
/// persona's: Twilio would refuse every call (64106). Google's voices begin with their language.
fn leave_foreign_voice(attributes: &mut RelayAttributes) {
    let spoken = attributes.spoken_language().map_or("", LanguageTag::as_str);
    let is_foreign = |voice: &Voice| {
        voice.provider == Some(TtsProvider::Google) && !voice.name.as_str().starts_with(spoken)
    };
    if attributes.voice.as_ref().is_some_and(is_foreign) {
        attributes.voice = None;
    }
}

/// A value of the persona's header.
fn read<T: FromStr<Err = AttributeError>>(
    key: &str,
    text: Option<&str>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let text = text?;
    let told = |error| problems.push(format!("the persona's {key}: {error}, found `{text:.80}`"));
    text.parse().map_err(told).ok()
}

#[cfg(test)]
mod tests;
