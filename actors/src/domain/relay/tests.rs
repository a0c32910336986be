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
fn messages_are_counted_by_a_few_names() {
    for (frame, label) in [
        (r#"{"type":"setup"}"#, "setup"),
        (r#"{"type":"prompt","voicePrompt":"Hi"}"#, "prompt"),
        (r#"{"type":"interrupt"}"#, "interrupt"),
        (r#"{"type":"dtmf","digit":"1"}"#, "dtmf"),
        (r#"{"type":"error"}"#, "error"),
        (r#"{"type":"end"}"#, "end"),
        (r#"{"type":"info"}"#, "info"),
        (r#"{"type":"hologram"}"#, "unknown"),
    ] {
        assert_eq!(parsed(frame).label(), label, "{frame}");
    }
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
        ("null", "not_object"),
        (" null", "not_object"),
        ("[]", "not_object"),
        (r#"["prompt","an ordered list is no message"]"#, "not_object"),
        ("[{}", "json"),
        ("7", "not_object"),
        ("\"prompt\"", "not_object"),
        ("hello", "json"),
        ("{", "json"),
        ("{}", "untyped"),
        (r#"{"type":null}"#, "untyped"),
        (r#"{"type":7}"#, "json"),
        (r#"{"type":"end","type":"end"}"#, "json"),
        (r#"{"type":"prompt","voicePrompt":"cut of"#, "json"),
        (r#"{"type":"dtmf"}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":"12"}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":"x"}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":1}"#, "incomplete"),
        (r#"{"type":"dtmf","digit":"\u0000"}"#, "incomplete"),
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

#[test]
fn a_prompt_that_cannot_be_read_still_says_that_the_caller_spoke() {
    for rest in [
        "",
        r#","voicePrompt":null"#,
        r#","voicePrompt":7"#,
        r#","voicePrompt":["What","is"]"#,
        r#","voicePrompt":{"text":"hello"}"#,
        r#","voicePrompt":"a","voicePrompt":"b""#,
        r#","voicePrompt":"\ud83d""#,
    ] {
        assert_eq!(parsed(&format!(r#"{{"type":"prompt"{rest}}}"#)), Inbound::Garbled, "{rest}");
    }
    // Of a partial result the whole is still to come.
    let partial = Prompted { text: String::new(), lang: None, last: false };
    assert_eq!(parsed(r#"{"type":"prompt","last":false}"#), Inbound::Prompt(partial));
    // Oddities beside the words cost no words.
    let odd = r#"{"type":"prompt","voicePrompt":"hi","lang":7,"last":"true"}"#;
    let said = Prompted { text: "hi".to_owned(), lang: None, last: true };
    assert_eq!(parsed(odd), Inbound::Prompt(said));
}

#[test]
fn a_speech_that_is_too_long_is_taken_as_far_as_it_goes() {
    let read = |words: &str| {
        let frame = serde_json::json!({"type": "prompt", "voicePrompt": words}).to_string();
        let reading = Inbound::read(&frame).unwrap_or_else(|error| panic!("{error}"));
        let Inbound::Prompt(prompt) = reading.message else { panic!("no prompt") };
        (prompt.text, reading.shortened)
    };
    let four_kib = "word".repeat(1_024);
    assert_eq!(read(&four_kib), (four_kib.clone(), false));
    assert_eq!(read(&format!("{four_kib}!")), (four_kib, true));
    let (text, shortened) = read(&"word ".repeat(4_000));
    assert!(shortened && text.len() <= 4_096 && text.ends_with("word"));
    assert_eq!(read("pay\u{200b}ment\u{e0041}\n\u{202e}now"), ("payment now".to_owned(), false));
}

#[test]
fn what_strangers_wrote_into_a_setup_is_legible_and_bounded() {
    let long = "x".repeat(60_000);
    let many: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("p{n}"), n.into())).collect();
    let mut setup = serde_json::json!({
        "type": "setup", "callSid": "CA1", "sessionId": long, "to": "+1\u{0}5", "direction": long,
        "from": format!("sip:\u{202e}eve\u{e0041}@{long}"),
        "customParameters": {"te\u{200b}nant": long, "n": 7, "deep": {"a": 1}, "none": null},
    });
    let Inbound::Setup(read) = parsed(&setup.to_string()) else { panic!("no setup") };
    assert_eq!((read.call_sid.as_str(), read.to.as_str()), ("CA1", "+15"));
    assert!(read.from.starts_with("sip:eve@xxx"), "{}", read.from);
    for text in [&read.from, &read.session_id, &read.direction] {
        assert_eq!(text.chars().count(), 256);
    }
    let names: Vec<_> = read.custom_parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["n", "tenant"]);
    assert_eq!(read.custom_parameters["tenant"].as_str().map(str::len), Some(256));
    setup["customParameters"] = many.into();
    let Inbound::Setup(read) = parsed(&setup.to_string()) else { panic!("no setup") };
    assert_eq!(read.custom_parameters.len(), 64);
}

#[test]
fn a_message_is_32_deep_at_most() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        let frame = format!(r#"{{"type":"hologram","x":{open}{close}}}"#);
        Inbound::parse(&frame).map(|message| message.label()).map_err(|error| error.label())
    };
    assert_eq!(nested(32), Ok("unknown"));
    assert_eq!(nested(33), Err("nested"));
    assert_eq!(nested(20_000), Err("nested"));
    let kind = format!(r#"{{"type":"{}"}}"#, "k".repeat(60_000));
    assert!(matches!(parsed(&kind), Inbound::Unknown { kind } if kind.len() == 256));
}

proptest::proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(frame in "\\PC{0,200}", kind in "setup|prompt|end|interrupt|dtmf|info|error", value in "\\PC{0,40}") {
        let _ = Inbound::parse(&frame);
        let _ = Inbound::parse(&format!(r#"{{"type":"{kind}","value":{value}}}"#));
    }

    #[test]
    fn whatever_a_prompt_holds_it_is_heard(value in "null|true|-1|\\[\\]|\\{\\}|\"[ -!#-\\[\\]-~]{0,20}\"", field in "voicePrompt|lang|last|other") {
        let frame = format!(r#"{{"type":"prompt","{field}":{value}}}"#);
        let read = Inbound::parse(&frame);
        proptest::prop_assert!(matches!(read, Ok(Inbound::Prompt(_) | Inbound::Garbled)), "{}", frame);
    }
}
