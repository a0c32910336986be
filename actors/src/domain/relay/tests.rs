use super::*;

fn parsed(frame: &str) -> Inbound {
    Inbound::parse(frame).unwrap_or_else(|error| panic!("{frame}: {error}"))
}

#[test]
fn a_setup_is_read_with_unknown_fields_or_with_the_call_sid_alone() {
    let full = r#"{"type":"setup","sessionId":"VX1","accountSid":"AC1","parentCallSid":"","callSid":"CA1",
        "from":"+14155550100","to":"+18005550199","forwardedFrom":"","callerName":"","direction":"inbound",
        "callType":"PSTN","callStatus":"RINGING","customParameters":{"tenant":"42"},"streamSid":"MZ1","new":{"a":[1]}}"#;
    let Inbound::Setup(setup) = parsed(full) else { panic!("no setup") };
    assert_eq!((setup.session_id.as_str(), setup.from.as_str()), ("VX1", "+14155550100"));
    assert_eq!(setup.custom_parameters.get("tenant"), Some(&"42".into()));
    let Inbound::Setup(setup) = parsed(r#"{"type":"setup","callSid":"CA1"}"#) else {
        panic!("no setup")
    };
    assert_eq!(*setup, Setup { call_sid: "CA1".to_owned(), ..Setup::default() });
    let odd =
        r#"{"type":"setup","callSid":"CA1","from":null,"customParameters":null,"sessionId":7}"#;
    assert!(matches!(parsed(odd), Inbound::Setup(setup) if setup.call_sid == "CA1"));
}

#[test]
fn a_prompt_without_last_is_final() {
    let prompt = |frame: &str| match parsed(frame) {
        Inbound::Prompt(prompt) => (prompt.text, prompt.last, prompt.lang),
        other => panic!("{other:?}"),
    };
    let words = "hello".to_owned();
    assert_eq!(prompt(r#"{"type":"prompt","voicePrompt":"hello"}"#), (words.clone(), true, None));
    assert_eq!(
        prompt(
            r#"{"type":"prompt","voicePrompt":"hello","lang":"en-US","last":false,"agentSpeaking":"x"}"#
        ),
        (words.clone(), false, Some("en-US".to_owned())),
    );
    assert_eq!(
        prompt(r#"{"type":"prompt","voicePrompt":"hello","last":null}"#),
        (words, true, None)
    );
}

#[test]
fn an_interrupt_is_read_with_a_duration_as_text_or_number_or_without_fields() {
    let cut = |frame: &str| match parsed(frame) {
        Inbound::Interrupt(cut) => (cut.utterance, cut.after),
        other => panic!("{other:?}"),
    };
    let words = Some("Life is".to_owned());
    let text = r#"{"type":"interrupt","utteranceUntilInterrupt":"Life is","durationUntilInterruptMs":"460"}"#;
    let number = r#"{"type":"interrupt","utteranceUntilInterrupt":"Life is","durationUntilInterruptMs":460}"#;
    assert_eq!(cut(text), (words.clone(), Some(460)));
    assert_eq!(cut(number), (words, Some(460)));
    assert_eq!(cut(r#"{"type":"interrupt"}"#), (None, None));
    for odd in ["-3", "1e3", "\"soon\"", "{}", "null"] {
        let frame = format!(r#"{{"type":"interrupt","durationUntilInterruptMs":{odd}}}"#);
        assert!(matches!(cut(&frame), (None, None | Some(0 | 1_000))), "{odd}");
    }
}

#[test]
fn events_of_playback_are_read_as_twilio_and_its_clones_send_them() {
    let info = |name: &str, value: &str| match parsed(&format!(
        r#"{{"type":"info","name":"{name}","value":{value}}}"#
    )) {
        Inbound::Info(info) => info,
        other => panic!("{other:?}"),
    };
    assert_eq!(info("agentSpeaking", "\"on\""), Info::AgentSpeaking(true));
    assert_eq!(info("agentSpeaking", "\"off\""), Info::AgentSpeaking(false));
    assert_eq!(info("clientSpeaking", "true"), Info::ClientSpeaking(true));
    assert_eq!(info("tokensPlayed", "\"Hi there.\""), Info::TokensPlayed("Hi there.".to_owned()));
    assert_eq!(info("agentSpeaking", "\"maybe\""), Info::Other("agentSpeaking".to_owned()));
    assert_eq!(info("configUpdated", "{\"a\":1}"), Info::Other("configUpdated".to_owned()));
    assert_eq!(parsed(r#"{"type":"info"}"#), Inbound::Info(Info::Other(String::new())));
}

#[test]
fn the_other_messages_are_read() {
    assert_eq!(parsed(r##"{"type":"dtmf","digit":"#"}"##), Inbound::Dtmf('#'));
    assert_eq!(parsed(r#"{"type":"end"}"#), Inbound::End);
    let error = parsed(r#"{"type":"error","description":"Invalid message received: {}"}"#);
    assert!(matches!(error, Inbound::Error { description } if description.contains("Invalid")));
}

#[test]
fn a_type_that_this_engine_does_not_know_is_no_error() {
    let kind = "hologram".to_owned();
    assert_eq!(parsed(r#"{"type":"hologram","depth":3}"#), Inbound::Unknown { kind });
}

#[test]
fn what_is_no_message_is_said_to_be_none() {
    let label = |frame: &str| Inbound::parse(frame).map_err(|error| error.label());
    for (frame, reason) in [
        ("", "json"),
        ("null", "json"),
        ("[]", "untyped"),
        ("\"prompt\"", "json"),
        ("{", "json"),
        ("{}", "untyped"),
        (r#"{"type":null}"#, "untyped"),
        (r#"{"type":7}"#, "json"),
        (r#"{"type":"prompt"}"#, "incomplete"),
        (r#"{"type":"prompt","voicePrompt":null}"#, "incomplete"),
        (r#"{"type":"prompt","voicePrompt":7}"#, "json"),
        (r#"{"type":"dtmf"}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":"12"}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":"x"}"#, "incomplete"),
    ] {
        assert_eq!(label(frame), Err(reason), "{frame}");
    }
}

#[test]
fn what_twilio_is_told_has_no_field_that_it_does_not_know() {
    let cases = [
        (
            Outbound::text(" 20 \"dollars\"", false),
            r#"{"type":"text","token":" 20 \"dollars\"","last":false}"#,
        ),
        (Outbound::text("", true), r#"{"type":"text","token":"","last":true}"#),
        (
            Outbound::Text {
                token: "hej",
                last: true,
                lang: Some("sv-SE"),
                interruptible: Some(false),
                preemptible: Some(true),
            },
            r#"{"type":"text","token":"hej","last":true,"lang":"sv-SE","interruptible":false,"preemptible":true}"#,
        ),
        (
            Outbound::Play {
                source: "https://x.example/a.mp3",
                times: Some(2),
                preemptible: None,
                interruptible: Some(true),
            },
            r#"{"type":"play","source":"https://x.example/a.mp3","loop":2,"interruptible":true}"#,
        ),
        (Outbound::SendDigits { digits: "12w#" }, r##"{"type":"sendDigits","digits":"12w#"}"##),
        (
            Outbound::Language { tts_language: Some("sv-SE"), transcription_language: None },
            r#"{"type":"language","ttsLanguage":"sv-SE"}"#,
        ),
        (Outbound::End { handoff_data: None }, r#"{"type":"end"}"#),
        (
            Outbound::End { handoff_data: Some(r#"{"v":1}"#) },
            r#"{"type":"end","handoffData":"{\"v\":1}"}"#,
        ),
    ];
    for (message, frame) in cases {
        assert_eq!(message.encode(), frame);
    }
}

proptest::proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(frame in "\\PC{0,200}", kind in "setup|prompt|interrupt|dtmf|info|error", value in "\\PC{0,40}") {
        let _ = Inbound::parse(&frame);
        let _ = Inbound::parse(&format!(r#"{{"type":"{kind}","value":{value}}}"#));
    }
}
