//! ConversationRelay: how Twilio shall listen and speak.
//!
//! What an attribute takes is known to the types of [`twiml`](crate::twilio::twiml); here stand the
//! variables, the defaults, and what to tell the operator. A wrong value ends a call in its first
//! second, so it must end the start of the engine instead.

use std::{collections::BTreeMap, iter};

use super::{
    problems::{Problems, found},
    values::words,
};
use crate::twilio::twiml::{
    AttributeError, Clash, Language, LanguageTag, Parameter, RelayAttributes, TtsProvider,
};

/// `RELAY_VOICE`, while the agent speaks [`LANGUAGE`] and nobody chose another provider.
const VOICE: &str = "Google.en-US-Journey-F";

/// `RELAY_LANGUAGE`.
const LANGUAGE: &str = "en-US";

/// Beginning of all these variables.
const PREFIX: &str = "RELAY_";

/// `<Language>` and `<Parameter>` elements of a session: the TwiML is fetched for each call.
const ELEMENTS_MAX: usize = 64;

/// Attributes that a persona may bring along. What they clash with is known only with the persona,
/// where the session is made.
const OF_PERSONAS: [&str; 2] = ["language", "voice"];

/// What all calls have in common on Twilio's side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelayConfig {
    /// `RELAY_WELCOME_GREETING`. None: the persona's.
    pub welcome_greeting: Option<String>,
    /// Attributes of the session. What is absent is left to Twilio.
    pub attributes: RelayAttributes,
    /// `RELAY_LANGUAGES`.
    pub languages: Vec<Language>,
    /// `RELAY_PARAMETERS`.
    pub parameters: Vec<Parameter>,
}

/// Reads the variables that begin with `RELAY_`, by the rest of their names in lower case.
pub(super) fn parse(
    mut raw: BTreeMap<String, String>,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> RelayConfig {
    let mut relay = RelayConfig::default();
    let greeting = raw.remove("welcome_greeting");
    relay.welcome_greeting = words("RELAY_WELCOME_GREETING", greeting, problems);
    relay.languages = elements("RELAY_LANGUAGES", raw.remove("languages"), languages, problems);
    relay.parameters = elements("RELAY_PARAMETERS", raw.remove("parameters"), parameters, problems);
    for (name, value) in raw {
        if let Err(error) = relay.attributes.set(&name, &value) {
            let text = format!("{error}, {}", found(&value));
            problems.add(format!("{PREFIX}{}", name.to_ascii_uppercase()), text);
        }
    }
    if relay.attributes.language.is_none() {
        relay.attributes.language = LANGUAGE.parse().ok();
    }
    voice(&mut relay.attributes, warnings);
    combinations(&relay, problems);
    relay
}

/// Chooses the voice, or warns of the chosen one.
fn voice(attributes: &mut RelayAttributes, warnings: &mut Vec<String>) {
    let spoken = attributes.spoken_language().map_or("", LanguageTag::as_str);
    let Some(voice) = &attributes.voice else {
        // A voice of another language or provider would end the call (Twilio errors 64101, 64106).
        let is_google = attributes.tts_provider.is_none_or(|who| who == TtsProvider::Google);
        if spoken == LANGUAGE && is_google {
            attributes.voice = VOICE.parse().ok();
        }
        return;
    };
    let Some(provider) = attributes.spoken_by() else {
        warnings.push(
            "RELAY_VOICE names no provider, so Twilio takes it for a voice of ElevenLabs: write \
             Google., Amazon. or ElevenLabs. before it"
                .to_owned(),
        );
        return;
    };
    // Google's voices begin with their language: `en-US-Journey-F`.
    let is_foreign = spoken.contains('-') && !voice.name.as_str().starts_with(spoken);
    if provider == TtsProvider::Google && is_foreign {
        warnings.push(format!("RELAY_VOICE is not a voice of {spoken}: Twilio may refuse calls"));
    }
}

/// Tells of values that Twilio refuses together, whoever the persona is.
fn combinations(relay: &RelayConfig, problems: &mut Problems) {
    let unread: Vec<String> = problems.0.iter().map(|problem| problem.variable.clone()).collect();
    let is_certain = |clash: &Clash| {
        let mut involved = iter::once(&clash.attribute).chain(&clash.beside);
        // Two variables that contradict each other are wrong beside any persona.
        let is_a_personas =
            clash.attribute != "ttsProvider" && involved.any(|name| OF_PERSONAS.contains(name));
        // Of a value that could not be read nobody knows what it goes with.
        !is_a_personas && !clash.beside.iter().any(|name| unread.contains(&variable(name)))
    };
    for clash in relay.attributes.check().into_iter().filter(is_certain) {
        problems.add(variable(clash.attribute), clash.text);
    }
    for (at, language) in relay.languages.iter().enumerate() {
        for clash in language.check(&relay.attributes).into_iter().filter(is_certain) {
            problems.add("RELAY_LANGUAGES", format!("language {}: {clash}", at + 1));
        }
    }
}

/// The variable of an attribute: `speechTimeout` is set by `RELAY_SPEECH_TIMEOUT`.
fn variable(attribute: &str) -> String {
    let mut variable = PREFIX.to_owned();
    for letter in attribute.chars() {
        if letter.is_ascii_uppercase() {
            variable.push('_');
        }
        variable.push(letter.to_ascii_uppercase());
    }
    variable
}

/// Nested elements, written as JSON.
fn elements<T>(
    variable: &str,
    raw: Option<String>,
    read: fn(&str) -> Result<Vec<T>, String>,
    problems: &mut Problems,
) -> Vec<T> {
    let elements = raw.map_or_else(|| Ok(Vec::new()), |text| read(&text));
    elements.map_err(|text| problems.add(variable, text)).unwrap_or_default()
}

fn languages(text: &str) -> Result<Vec<Language>, String> {
    const EXPECTED: &str = r#"expected a JSON array such as [{"code":"sv-SE"}]"#;
    let raw: Vec<BTreeMap<String, String>> =
        serde_json::from_str(text).map_err(|_| EXPECTED.to_owned())?;
    if raw.len() > ELEMENTS_MAX {
        return Err(format!("expected at most {ELEMENTS_MAX} languages"));
    }
    raw.iter()
        .enumerate()
        .map(|(at, raw)| language(raw).map_err(|text| format!("language {}: {text}", at + 1)))
        .collect()
}

fn language(raw: &BTreeMap<String, String>) -> Result<Language, String> {
    let told = |name: &str, value: &str, error| match error {
        AttributeError::Unknown(name) => {
            format!("expected {} alone, {}", Language::NAMES.join(", "), found(&name))
        }
        error => format!("{name}: {error}, {}", found(value)),
    };
    let code = raw.get("code").ok_or("expected a code")?;
    let code_tag = code.parse().map_err(|error| told("code", code, error))?;
    let mut language = Language::new(code_tag);
    for (name, value) in raw {
        language.set(name, value).map_err(|error| told(name, value, error))?;
    }
    Ok(language)
}

fn parameters(text: &str) -> Result<Vec<Parameter>, String> {
    const EXPECTED: &str = r#"expected a JSON object of texts such as {"tenant":"42"}"#;
    let parameters: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|_| EXPECTED.to_owned())?;
    if parameters.len() > ELEMENTS_MAX || parameters.keys().any(|name| name.trim().is_empty()) {
        return Err(format!("expected at most {ELEMENTS_MAX} parameters, each with a name"));
    }
    Ok(parameters.into_iter().map(|(name, value)| Parameter { name, value }).collect())
}

#[cfg(test)]
mod tests;
