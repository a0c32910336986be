use super::*;
use crate::{
    config::variables::VARIABLES,
    twilio::twiml::{Connect, ConversationRelay, Response, TranscriptionProvider, Voice},
};

fn read(pairs: &[(&str, &str)]) -> (RelayConfig, Problems, Vec<String>) {
    let (mut problems, mut warnings) = (Problems::default(), Vec::new());
    let raw = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let relay = parse(raw, &mut problems, &mut warnings);
    (relay, problems, warnings)
}

/// An attribute as Twilio reads it.
fn attribute(relay: &RelayConfig, name: &str) -> Option<String> {
    let session = ConversationRelay::new("", relay.attributes.clone());
    let xml = Response::new().then(Connect::new("", session)).to_xml();
    let (_, value) = xml.split_once(&format!(" {name}=\""))?;
    Some(value.split_once('"')?.0.to_owned())
}

fn said(pairs: &[(&str, &str)]) -> Vec<String> {
    read(pairs).1.0.iter().map(ToString::to_string).collect()
}

/// How Twilio writes the name of a variable: `SPEECH_TIMEOUT` is `speechTimeout`.
fn camel(variable: &str) -> String {
    let mut words = variable.split('_').map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        format!("{name}{}{tail}", head.to_ascii_uppercase())
    })
}

#[test]
fn an_operator_guesses_each_variable_from_the_attribute() {
    let mut known: Vec<String> = RelayAttributes::NAMES.iter().map(|name| variable(name)).collect();
    for (variable, name) in known.iter().zip(RelayAttributes::NAMES) {
        assert_eq!(camel(variable.trim_start_matches(PREFIX)), *name);
    }
    let further = ["RELAY_WELCOME_GREETING", "RELAY_LANGUAGES", "RELAY_PARAMETERS"];
    known.extend(further.map(str::to_owned));
    for variable in VARIABLES.iter().filter(|variable| variable.name.starts_with(PREFIX)) {
        let before = known.len();
        known.retain(|name| name != variable.name);
        assert_eq!(known.len(), before - 1, "{}", variable.name);
    }
    assert_eq!(known, Vec::<String>::new());
}

#[test]
fn a_voice_carries_its_provider() {
    for (given, provider, voice) in [
        ("Google.en-US-Journey-F", "Google", "en-US-Journey-F"),
        ("amazon.Joanna-Neural", "Amazon", "Joanna-Neural"),
        ("ElevenLabs.abc-flash_v2_5-1.0_0.8_0.5", "ElevenLabs", "abc-flash_v2_5-1.0_0.8_0.5"),
    ] {
        let (relay, problems, warnings) = read(&[("voice", given)]);
        assert_eq!(attribute(&relay, "ttsProvider").as_deref(), Some(provider));
        assert_eq!(attribute(&relay, "voice").as_deref(), Some(voice));
        assert_eq!(relay.attributes.voice, given.parse().ok());
        assert!(problems.0.is_empty() && warnings.is_empty(), "{problems} {warnings:?}");
    }
    let tuned = "abc-flash_v2_5-1.0_0.8_0.5";
    let (relay, _, warnings) = read(&[("voice", tuned)]);
    assert_eq!(attribute(&relay, "voice").as_deref(), Some(tuned));
    assert_eq!(attribute(&relay, "ttsProvider"), None);
    assert!(warnings[0].contains("RELAY_VOICE names no provider"));
    let (relay, _, warnings) = read(&[("voice", tuned), ("tts_provider", "elevenlabs")]);
    assert_eq!(attribute(&relay, "ttsProvider").as_deref(), Some("ElevenLabs"));
    assert!(warnings.is_empty());
}

#[test]
fn the_usual_voice_speaks_its_own_language_alone() {
    let (relay, ..) = read(&[]);
    assert_eq!(attribute(&relay, "language").as_deref(), Some("en-US"));
    assert_eq!(relay.attributes.voice, Some(VOICE.parse::<Voice>().unwrap()));
    for other in [("language", "sv-SE"), ("tts_language", "multi"), ("tts_provider", "Amazon")] {
        let (relay, problems, warnings) = read(&[other]);
        assert_eq!(
            (&relay.attributes.voice, attribute(&relay, "voice")),
            (&None, None),
            "{other:?}"
        );
        assert!(problems.0.is_empty() && warnings.is_empty(), "{other:?}");
    }
    let (relay, ..) = read(&[("tts_provider", "google")]);
    assert_eq!(attribute(&relay, "voice").as_deref(), Some("en-US-Journey-F"));
}

#[test]
fn a_voice_that_contradicts_provider_or_language_is_told() {
    let (_, problems, _) = read(&[("voice", "Google.en-US-Journey-F"), ("tts_provider", "Amazon")]);
    assert!(problems.to_string().starts_with("RELAY_TTS_PROVIDER: expected Google"), "{problems}");
    let (_, problems, warnings) =
        read(&[("voice", "Google.en-US-Journey-F"), ("language", "sv-SE")]);
    assert!(problems.0.is_empty());
    assert!(warnings[0].contains("not a voice of sv-SE"), "{warnings:?}");
}

#[test]
fn values_of_closed_sets_are_written_as_twilio_spells_them() {
    for (variable, value, name, written) in [
        ("tts_provider", "elevenlabs", "ttsProvider", "ElevenLabs"),
        ("interruptible", "true", "interruptible", "any"),
        ("interruptible", "false", "interruptible", "none"),
        ("report_input_during_agent_speech", "Speech", "reportInputDuringAgentSpeech", "speech"),
        ("dtmf_detection", "TRUE", "dtmfDetection", "true"),
        (
            "events",
            "tokens-played, speaker-events,tokens-played",
            "events",
            "tokens-played speaker-events",
        ),
    ] {
        let (relay, problems, _) = read(&[(variable, value)]);
        assert_eq!(attribute(&relay, name).as_deref(), Some(written), "{problems}");
    }
}

#[test]
fn what_is_not_set_is_left_to_the_defaults_of_the_session() {
    let (relay, ..) = read(&[("dtmf_detection", "false")]);
    let expected = RelayAttributes {
        language: LANGUAGE.parse().ok(),
        voice: VOICE.parse().ok(),
        dtmf_detection: Some(false),
        ..RelayAttributes::default()
    };
    assert_eq!(relay.attributes, expected);
}

#[test]
fn a_greeting_is_not_an_attribute_among_others() {
    let (relay, ..) = read(&[("welcome_greeting", "Hello, \"OWL\" & friends")]);
    assert_eq!(relay.welcome_greeting.as_deref(), Some("Hello, \"OWL\" & friends"));
    assert_eq!(attribute(&relay, "welcomeGreeting"), None);
}

#[test]
fn a_wrong_value_is_told_with_what_would_do_and_cut() {
    let long = format!("x\n{}", "é".repeat(5_000));
    for (name, wrong, told) in [
        (
            "voice",
            "Polly.Joanna",
            "RELAY_VOICE: expected a voice in one word, or Google., Amazon. or ElevenLabs. before it, found \"Polly.Joanna\"",
        ),
        (
            "language",
            "english",
            "RELAY_LANGUAGE: expected BCP-47 such as en-US, or multi, found \"english\"",
        ),
        ("speech_model", "nova 3", "RELAY_SPEECH_MODEL: expected one word, found \"nova 3\""),
        (
            "hints",
            &long,
            "RELAY_HINTS: expected words of at most 4096 characters, none of them a control character, found \"x\\né",
        ),
        (
            "speech_timeout",
            "1s",
            "RELAY_SPEECH_TIMEOUT: expected 600 to 5000 milliseconds, or auto, found \"1s\"",
        ),
        (
            "eot_threshold",
            "1",
            "RELAY_EOT_THRESHOLD: expected a number from 0.5 to 0.9, found \"1\"",
        ),
        (
            "events",
            "all",
            "RELAY_EVENTS: expected some of speaker-events, tokens-played, config-updated, with spaces between, found \"all\"",
        ),
        (
            "interruptible",
            "on",
            "RELAY_INTERRUPTIBLE: expected none, dtmf, speech or any, found \"on\"",
        ),
    ] {
        let said = said(&[(name, wrong)]);
        let [line] = said.as_slice() else { panic!("{said:?}") };
        assert!(line.starts_with(told), "{line}");
        assert!(!line.contains('\n') && line.chars().count() < 200, "{line}");
    }
}

#[test]
fn values_that_twilio_refuses_together_are_told_before_the_first_call() {
    let flux = "expected transcriptionProvider Deepgram and speechModel flux";
    let multi = "expected transcriptionProvider Deepgram and speechModel nova-2-general or \
                 nova-3-general or flux to understand multi";
    for (given, told) in [
        (vec![("eot_threshold", "0.7")], vec![format!("RELAY_EOT_THRESHOLD: {flux}")]),
        (
            vec![("partial_prompts", "true"), ("transcription_provider", "Deepgram")],
            vec![format!("RELAY_PARTIAL_PROMPTS: {flux}")],
        ),
        (
            vec![("transcription_language", "multi")],
            vec![format!("RELAY_TRANSCRIPTION_LANGUAGE: {multi}")],
        ),
        (
            vec![("languages", r#"[{"code":"sv-SE"},{"code":"multi"}]"#)],
            vec![format!("RELAY_LANGUAGES: language 2: code: {multi}")],
        ),
        (
            vec![(
                "languages",
                r#"[{"code":"multi","transcriptionProvider":"Deepgram","ttsProvider":"Google"}]"#,
            )],
            vec![
                "RELAY_LANGUAGES: language 1: code: expected ttsProvider ElevenLabs to speak multi"
                    .to_owned(),
            ],
        ),
        (
            vec![("eot_threshold", "0.7"), ("interruptible", "on")],
            vec![
                "RELAY_INTERRUPTIBLE: expected none, dtmf, speech or any, found \"on\"".to_owned(),
                format!("RELAY_EOT_THRESHOLD: {flux}"),
            ],
        ),
        (
            vec![
                ("tts_provider", "Amazon"),
                ("voice", VOICE),
                ("languages", r#"[{"code":"sv-SE"}]"#),
            ],
            vec!["RELAY_TTS_PROVIDER: expected Google, as the voice says, found Amazon".to_owned()],
        ),
        (
            vec![
                ("eot_threshold", "0.7"),
                ("transcription_provider", "Deepgram"),
                ("speech_model", "flux"),
            ],
            vec![],
        ),
    ] {
        assert_eq!(said(&given), told, "{given:?}");
    }
}

#[test]
fn what_a_persona_may_still_change_is_left_to_the_session() {
    for given in [
        &[("language", "multi")][..],
        &[("tts_language", "multi"), ("voice", VOICE)],
        &[("tts_language", "multi"), ("tts_provider", "Amazon")],
        &[
            ("voice", VOICE),
            ("transcription_provider", "Deepgram"),
            ("languages", r#"[{"code":"multi"}]"#),
        ],
    ] {
        assert_eq!(said(given), Vec::<String>::new(), "{given:?}");
    }
}

#[test]
fn a_value_that_could_not_be_read_clashes_with_nothing() {
    for (name, wrong) in [("transcription_provider", "Deepgran"), ("speech_model", "fl ux")] {
        let other = ("languages", r#"[{"code":"multi"}]"#);
        let flux = [("transcription_provider", "Deepgram"), ("speech_model", "flux")];
        let mut given = vec![("eot_threshold", "0.7"), ("partial_prompts", "true"), other];
        given.extend(flux.into_iter().filter(|(right, _)| *right != name));
        given.push((name, wrong));
        let said = said(&given);
        let [line] = said.as_slice() else { panic!("{said:?}") };
        assert!(line.starts_with(&variable(&camel(name))), "{line}");
    }
}

#[test]
fn further_languages_are_checked_like_the_first() {
    let text = r#"[{"code":"sv-SE","voice":"Amazon.Elin-Neural"},
                   {"code":"multi","transcriptionProvider":"deepgram","speechModel":"nova-3-general"}]"#;
    let (relay, problems, _) = read(&[("languages", text)]);
    assert!(problems.0.is_empty(), "{problems}");
    let [first, second] = relay.languages.as_slice() else { panic!("{:?}", relay.languages) };
    let mut expected = Language::new("sv-SE".parse().unwrap());
    expected.voice = "Amazon.Elin-Neural".parse().ok();
    assert_eq!(*first, expected);
    assert_eq!(second.transcription_provider, Some(TranscriptionProvider::Deepgram));
    assert_eq!(second.speech_model, "nova-3-general".parse().ok());
    for (wrong, told) in [
        ("sv-SE", "expected a JSON array"),
        (r#"[{"code":7}]"#, "expected a JSON array"),
        (r#"[{"voice":"x"}]"#, "language 1: expected a code"),
        (r#"[{"code":"sv-SE"},{"code":"swedish language"}]"#, "language 2: code: expected BCP-47"),
        (r#"[{"code":"sv-SE","rate":"2"}]"#, "language 1: expected code, ttsProvider"),
        (r#"[{"code":"sv-SE","ttsProvider":"Polly"}]"#, "expected Google, Amazon or ElevenLabs"),
        (r#"[{"code":"sv-SE","ttsProvider":"Google","voice":"Amazon.Elin"}]"#, "as the voice says"),
        (r#"[{"code":"sv-SE","speechModel":"a b"}]"#, "speechModel: expected one word, found"),
    ] {
        let (_, problems, _) = read(&[("languages", wrong)]);
        assert!(problems.to_string().contains(told), "{wrong}: {problems}");
    }
    let many = format!("[{}]", vec![r#"{"code":"sv"}"#; ELEMENTS_MAX + 1].join(","));
    assert_eq!(said(&[("languages", &many)]), ["RELAY_LANGUAGES: expected at most 64 languages"]);
}

#[test]
fn parameters_are_an_object_of_texts() {
    let (relay, ..) = read(&[("parameters", r#"{"tenant":"42"}"#)]);
    let tenant = Parameter { name: "tenant".to_owned(), value: "42".to_owned() };
    assert_eq!(relay.parameters, [tenant]);
    for wrong in ["tenant=4711", r#"{"tenant":4711}"#, r#"{"":"4711"}"#, "[]"] {
        let (_, problems, _) = read(&[("parameters", wrong)]);
        assert_eq!(problems.0.len(), 1, "{wrong}");
        assert!(!problems.to_string().contains("4711"), "{problems}");
    }
}
