use super::*;

const SOME_EVENTS: &str =
    "expected some of speaker-events, tokens-played, config-updated, with spaces between";

#[test]
fn a_voice_says_whose_it_is_or_leaves_it_open() {
    let tuned = "UgBBYS2sOqTuMpoF3BR0-flash_v2_5-0.8_0.8_0.6";
    for (text, provider, name) in [
        ("Google.en-US-Journey-F", Some(TtsProvider::Google), "en-US-Journey-F"),
        ("amazon.Joanna-Neural", Some(TtsProvider::Amazon), "Joanna-Neural"),
        ("ELEVENLABS.UgBBYS2sOqTuMpoF3BR0", Some(TtsProvider::ElevenLabs), "UgBBYS2sOqTuMpoF3BR0"),
        ("en-US-Journey-F", None, "en-US-Journey-F"),
        (tuned, None, tuned),
    ] {
        let voice = Voice { provider, name: name.parse().unwrap() };
        assert_eq!(text.parse(), Ok(voice), "{text}");
    }
    for wrong in ["", "Google.", "Polly.Joanna", ".Joanna", "two words"] {
        assert!(wrong.parse::<Voice>().is_err(), "{wrong}");
    }
    let said = "Polly.Joanna".parse::<Voice>().map_err(|error| error.to_string());
    assert!(said.is_err_and(|said| {
        ["Google.", "Amazon.", "ElevenLabs."].iter().all(|name| said.contains(name))
    }));
}

#[test]
fn a_value_outside_its_set_is_refused_with_all_that_would_do() {
    for (refused, expected) in [
        ("loud".parse::<Interruptible>().err(), "expected none, dtmf, speech or any"),
        ("".parse::<Sensitivity>().err(), "expected low, medium or high"),
        ("Whisper".parse::<TranscriptionProvider>().err(), "expected Google or Deepgram"),
        ("yes".parse::<TextNormalization>().err(), "expected on, auto or off"),
        ("all".parse::<DebugMode>().err(), "expected debugging"),
        (bool::read("yes").err(), "expected true or false"),
        ("speaker-events all".parse::<Events>().err(), SOME_EVENTS),
        (" , ".parse::<Events>().err(), SOME_EVENTS),
        (
            "rate".parse::<Subscription>().err(),
            "expected speaker-events, tokens-played or config-updated",
        ),
    ] {
        assert_eq!(refused.map(|error| error.to_string()).as_deref(), Some(expected));
    }
}

#[test]
fn the_old_words_for_interruptible_are_read_and_not_written() {
    for (text, written) in [("true", "any"), ("false", "none"), ("Speech", "speech")] {
        let read = text.parse::<Interruptible>().map(|value| value.to_string());
        assert_eq!(read.as_deref(), Ok(written), "{text}");
    }
}

#[test]
fn numbers_stay_in_their_ranges() {
    for text in ["auto", "600", "5000"] {
        let read = text.parse::<SpeechTimeout>().map(|value| value.to_string());
        assert_eq!(read.as_deref(), Ok(text));
    }
    for wrong in ["", "599", "5001", "1.5", "-600", "99999", "1s"] {
        let refused = Err(AttributeError::Expected("600 to 5000 milliseconds, or auto"));
        assert_eq!(wrong.parse::<SpeechTimeout>(), refused, "{wrong}");
    }
    for text in ["0.5", "0.75", "0.9"] {
        let read = text.parse::<EotThreshold>().map(|value| value.to_string());
        assert_eq!(read.as_deref(), Ok(text));
    }
    for wrong in ["", "0.49", "0.91", "1", "NaN", "inf", "high"] {
        let refused = Err(AttributeError::Expected("a number from 0.5 to 0.9"));
        assert_eq!(wrong.parse::<EotThreshold>(), refused, "{wrong}");
    }
}

#[test]
fn events_are_a_set_with_spaces_or_commas_between() {
    for (text, written) in [
        ("tokens-played,speaker-events", "tokens-played speaker-events"),
        (" Tokens-Played, speaker-events,tokens-played", "tokens-played speaker-events"),
        ("config-updated config-updated", "config-updated"),
    ] {
        let read = text.parse::<Events>().map(|events| events.to_string());
        assert_eq!(read.as_deref(), Ok(written), "{text}");
    }
    assert_eq!("speaker-events tokens-played".parse(), Ok(Events::usual()));
}

fn read<T: FromStr<Err = AttributeError> + fmt::Display>(text: &str) -> Result<String, String> {
    let read = text.parse::<T>().map(|value| value.to_string());
    read.map_err(|error| error.to_string())
}

#[test]
fn a_language_has_the_form_of_bcp_47_or_is_multi() {
    for right in ["en-US", "sv", "zh-Hant-TW", "es-419", "fil-PH", "multi"] {
        assert_eq!(read::<LanguageTag>(right).as_deref(), Ok(right));
        assert_eq!(right.parse::<LanguageTag>().map(|tag| tag.is_multi()), Ok(right == "multi"));
    }
    let refused = Err("expected BCP-47 such as en-US, or multi".to_owned());
    for wrong in [
        "",
        " ",
        "e",
        "english",
        "en_US",
        "en-",
        "-US",
        "en--US",
        "en-123456789",
        "sv SE",
        "Multi",
        "2en",
    ] {
        assert_eq!(read::<LanguageTag>(wrong), refused, "{wrong}");
    }
}

#[test]
fn an_id_is_one_word() {
    let long = "x".repeat(4_096);
    for right in ["telephony", "nova-3-general", "conv_1", "true", "å", long.as_str()] {
        assert_eq!(read::<Word>(right).as_deref(), Ok(right));
    }
    let refused = Err("expected one word".to_owned());
    for wrong in ["", " ", "a b", "a\tb", "a\u{7}", "a\u{a0}b", &format!("{long}x")] {
        assert_eq!(read::<Word>(wrong), refused, "{wrong}");
    }
    let voice = format!("Google.{long}x");
    assert!(voice.parse::<Voice>().is_err() && "Google.a\u{7}".parse::<Voice>().is_err());
}

#[test]
fn phrases_are_short_and_on_one_line() {
    let long = "é".repeat(4_096);
    for right in ["OWL Bank, savings account", "a \"b\" & <c>", long.as_str()] {
        assert_eq!(read::<Text>(right).as_deref(), Ok(right));
    }
    let refused =
        Err("expected words of at most 4096 characters, none of them a control character"
            .to_owned());
    for wrong in ["", "  ", "a\nb", "a\tb", "a\0", &format!("{long}x")] {
        assert_eq!(read::<Text>(wrong), refused, "{wrong}");
    }
}
