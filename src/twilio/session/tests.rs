use super::*;
use crate::twilio::twiml::Language;

const OWL_BANK: &str = include_str!("../../../deploy/personas/owl-bank.md");

fn persona(voice: Option<&str>, language: Option<&str>) -> Persona {
    Persona {
        voice: voice.map(str::to_owned),
        language: language.map(str::to_owned),
        hints: vec!["OWL Bank".to_owned(), "overdraft".to_owned()],
        ..Persona::parse(OWL_BANK).unwrap()
    }
}

fn config(pairs: &[(&str, &str)]) -> RelayConfig {
    let mut config = RelayConfig::default();
    for (name, value) in pairs {
        config.attributes.set(name, value).unwrap();
    }
    config
}

#[test]
fn the_personas_voice_and_language_go_before_the_configured_ones() {
    let config = config(&[
        ("ttsProvider", "Amazon"),
        ("voice", "Joanna-Neural"),
        ("language", "multi"),
        ("speechTimeout", "900"),
    ]);
    let relay = relay(&config, &persona(Some("Google.sv-SE-Chirp3"), Some("sv-SE"))).unwrap();
    let mut expected = config.attributes.clone();
    expected.tts_provider = None;
    expected.voice = "Google.sv-SE-Chirp3".parse().ok();
    expected.language = "sv-SE".parse().ok();
    expected.hints = "OWL Bank, overdraft".parse().ok();
    assert_eq!(relay.attributes, expected);
}

#[test]
fn configured_hints_stand_and_the_rest_is_taken_over() {
    let mut config = config(&[("hints", "mortgage")]);
    config.languages = vec![Language::new("sv-SE".parse().unwrap())];
    let relay = relay(&config, &persona(None, None)).unwrap();
    assert_eq!(relay.attributes, config.attributes);
    assert_eq!((relay.languages, relay.parameters), (config.languages, config.parameters));
}

#[test]
fn whatever_twilio_would_refuse_is_told_at_once() {
    let config = config(&[("language", "multi"), ("eotThreshold", "0.7")]);
    let problems = relay(&config, &persona(Some("Polly.Joanna"), Some("swedish"))).unwrap_err();
    let beginnings = [
        "the persona's voice: expected a voice in one word",
        "the persona's language: expected BCP-47",
        "eotThreshold: expected transcriptionProvider Deepgram",
        "language: expected transcriptionProvider Deepgram",
    ];
    assert_eq!(problems.len(), beginnings.len(), "{problems:?}");
    for (problem, beginning) in problems.iter().zip(beginnings) {
        assert!(problem.starts_with(beginning), "{problem}");
    }
    assert!(problems.iter().any(|problem| problem.ends_with("found `Polly.Joanna`")));
}

#[test]
fn a_configured_voice_that_does_not_speak_the_personas_language_is_left_to_twilio() {
    let config = config(&[("language", "en-US"), ("voice", "Google.en-US-Journey-F")]);
    let swedish = relay(&config, &persona(None, Some("sv-SE"))).unwrap();
    assert_eq!(swedish.attributes.voice, None);
    let english = relay(&config, &persona(None, Some("en-US"))).unwrap();
    assert_eq!(english.attributes.voice, config.attributes.voice);
}
