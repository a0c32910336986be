use super::*;

/// Names and values, as configured.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn of(pairs: Pairs<'_>) -> RelayAttributes {
    let mut attributes = RelayAttributes::none();
    for (name, value) in pairs {
        attributes.set(name, value).unwrap();
    }
    attributes
}

#[test]
fn an_operator_sets_any_attribute_by_either_spelling_of_its_name() {
    for name in RelayAttributes::NAMES {
        let value = [
            "true",
            "Google",
            "medium",
            "auto",
            "0.7",
            "600",
            "debugging",
            "tokens-played",
            "en-US",
        ]
        .into_iter()
        .find(|value| RelayAttributes::none().set(name, value).is_ok());
        let value = value.unwrap_or_else(|| panic!("no value for {name}"));
        let variable: String = name
            .chars()
            .flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain([c]))
            .collect::<String>()
            .to_uppercase();
        let attributes = of(&[(&variable, value)]);
        assert_eq!(attributes, of(&[(name, value)]), "{variable}");
        assert_ne!(attributes, RelayAttributes::none(), "{variable}");
    }
}

#[test]
fn what_cannot_be_set_is_named() {
    for name in ["url", "welcomeGreeting", "SPEECH_TIMEOUTS", ""] {
        let refused = RelayAttributes::none().set(name, "600");
        assert_eq!(refused, Err(AttributeError::Unknown(name.to_owned())));
    }
    let refused = RelayAttributes::none().set("LANGUAGE", " ");
    assert_eq!(refused, Err(AttributeError::Expected("BCP-47 such as en-US, or multi")));
}

#[test]
fn a_wrong_value_leaves_the_attribute_as_it_was() {
    let mut attributes = RelayAttributes::default();
    assert!(attributes.set("INTERRUPTIBLE", "sometimes").is_err());
    assert_eq!(attributes, RelayAttributes::default());
}

#[test]
fn a_switch_that_knows_only_true_is_left_out_when_off() {
    let off = of(&[
        ("dtmfDetection", "false"),
        ("applicationReconnect", "false"),
        ("preemptible", "false"),
    ]);
    assert_eq!(off.pairs(), [("preemptible", "false".to_owned())]);
}

#[test]
fn the_provider_in_the_voice_is_written_where_twilio_reads_it() {
    let voice = of(&[("VOICE", "Google.en-US-Journey-F")]);
    let expected = [("ttsProvider", "Google".to_owned()), ("voice", "en-US-Journey-F".to_owned())];
    assert_eq!(voice.pairs(), expected);
    let apart = of(&[("TTS_PROVIDER", "google"), ("VOICE", "en-US-Journey-F")]);
    assert_eq!(apart.pairs(), expected);
}

#[test]
fn the_defaults_are_no_problem() {
    assert_eq!(RelayAttributes::default().check(), Vec::<Clash>::new());
}

const DEEPGRAM: (&str, &str) = ("transcriptionProvider", "Deepgram");
const FLUX_MODEL: (&str, &str) = ("speechModel", "flux");
const EVERY_LANGUAGE: (&str, &str) = ("language", "multi");

#[test]
fn combinations_that_would_end_the_call_are_found_before() {
    #[rustfmt::skip]
    let cases: &[(Pairs<'_>, &[&str])] = &[
        (&[DEEPGRAM, FLUX_MODEL, ("eotThreshold", "0.7"), ("partialPrompts", "true")], &[]),
        (&[("eotThreshold", "0.7")], &["eotThreshold: expected"]),
        (&[FLUX_MODEL, ("eotThreshold", "0.7")], &["eotThreshold: expected"]),
        (&[DEEPGRAM, ("partialPrompts", "true")], &["partialPrompts: expected"]),
        (&[DEEPGRAM, ("partialPrompts", "false")], &[]),
        (&[("transcriptionProvider", "Google"), FLUX_MODEL, ("partialPrompts", "true"), ("eotThreshold", "0.5")],
         &["eotThreshold: expected", "partialPrompts: expected"]),
        (&[EVERY_LANGUAGE], &["language: expected transcriptionProvider Deepgram"]),
        (&[EVERY_LANGUAGE, DEEPGRAM], &[]),
        (&[EVERY_LANGUAGE, DEEPGRAM, ("speechModel", "nova-3-general"), ("ttsProvider", "ElevenLabs")], &[]),
        (&[EVERY_LANGUAGE, DEEPGRAM, FLUX_MODEL], &[]),
        (&[EVERY_LANGUAGE, DEEPGRAM, ("speechModel", "nova-2-phonecall")],
         &["language: expected transcriptionProvider Deepgram and speechModel nova-2-general"]),
        (&[EVERY_LANGUAGE, DEEPGRAM, ("voice", "Google.en-US-Journey-F")],
         &["language: expected ttsProvider ElevenLabs"]),
        (&[EVERY_LANGUAGE, ("transcriptionLanguage", "sv-SE")], &[]),
        (&[("transcriptionLanguage", "multi"), ("transcriptionProvider", "Google")],
         &["transcriptionLanguage: expected transcriptionProvider Deepgram"]),
        (&[("ttsLanguage", "multi"), ("ttsProvider", "Amazon")], &["ttsLanguage: expected ttsProvider ElevenLabs"]),
        (&[("ttsProvider", "Amazon"), ("voice", "Google.en-US-Journey-F")],
         &["ttsProvider: expected Google, as the voice says, found Amazon"]),
    ];
    for (pairs, expected) in cases {
        let problems = of(pairs).check();
        assert_eq!(problems.len(), expected.len(), "{pairs:?}: {problems:?}");
        for (problem, beginning) in problems.iter().zip(*expected) {
            let problem = problem.to_string();
            assert!(problem.starts_with(beginning), "{pairs:?}: {problem}");
        }
    }
}

fn language(code: &str) -> Language {
    Language::new(code.parse().unwrap())
}

#[test]
fn a_language_is_judged_with_what_it_inherits() {
    let mut relay = ConversationRelay::new("wss://host/conversation", of(&[DEEPGRAM]));
    relay.languages = vec![language("sv-SE"), language("multi")];
    assert_eq!(relay.check(), Vec::<String>::new());

    relay.attributes = of(&[("voice", "Amazon.Joanna-Neural")]);
    let problems = relay.check();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("Language multi: code: expected ")));

    relay.languages = vec![Language {
        transcription_provider: Some(TranscriptionProvider::Deepgram),
        tts_provider: Some(TtsProvider::ElevenLabs),
        ..language("multi")
    }];
    assert_eq!(relay.check(), Vec::<String>::new());
}

#[test]
fn a_language_is_set_like_the_session() {
    let mut set = language("en-US");
    for (name, value) in Language::NAMES.into_iter().zip([
        "sv-SE",
        "amazon",
        "Amazon.Elin-Neural",
        "deepgram",
        "nova-3-general",
    ]) {
        set.set(name, value).unwrap();
    }
    let written = ["sv-SE", "Amazon", "Elin-Neural", "Deepgram", "nova-3-general"];
    let expected: Vec<_> =
        Language::NAMES.into_iter().zip(written.map(ToOwned::to_owned)).collect();
    assert_eq!(set.pairs(), expected);
    assert_eq!(set.set("rate", "2"), Err(AttributeError::Unknown("rate".to_owned())));
    for name in Language::NAMES {
        assert!(set.set(name, "two words").is_err(), "{name}");
    }
    assert_eq!(set.pairs(), expected);
}

#[test]
fn a_clash_of_the_session_is_not_told_again_for_each_language() {
    let contradictory = of(&[("ttsProvider", "Amazon"), ("voice", "Google.en-US-Journey-F")]);
    assert_eq!(language("sv-SE").check(&contradictory), Vec::<Clash>::new());
    let mut own = language("sv-SE");
    own.set("voice", "Amazon.Elin-Neural").unwrap();
    own.set("ttsProvider", "Google").unwrap();
    let clashes = own.check(&RelayAttributes::none());
    let [clash] = clashes.as_slice() else { panic!("{clashes:?}") };
    assert_eq!(clash.to_string(), "ttsProvider: expected Amazon, as the voice says, found Google");
    assert_eq!(clash.beside, Vec::<&str>::new());
}
