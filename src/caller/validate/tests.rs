use proptest::prelude::*;
use switchhook_actors::domain::relay::Outbound;

use super::*;

#[test]
fn every_documented_frame_is_understood() {
    let text = |token: &str, last| Text { token: token.to_owned(), last, ..Text::default() };
    for (frame, told) in [
        (r#"{"type":"text","token":" hi"}"#, Told::Text(text(" hi", false))),
        (r#"{"type":"text","token":"","last":true}"#, Told::Text(text("", true))),
        (
            r#"{"type":"text","token":"hej","last":false,"lang":"sv-SE","interruptible":false,"preemptible":true}"#,
            Told::Text(Text {
                lang: Some("sv-SE".to_owned()),
                interruptible: Some(false),
                preemptible: Some(true),
                ..text("hej", false)
            }),
        ),
        (
            r#"{"type":"play","source":"https://h/a.mp3","loop":0}"#,
            Told::Play {
                source: "https://h/a.mp3".to_owned(),
                times: 0,
                interruptible: None,
                preemptible: None,
            },
        ),
        (
            r##"{"type":"sendDigits","digits":"12w#*"}"##,
            Told::SendDigits { digits: "12w#*".to_owned() },
        ),
        (
            r#"{"type":"language","ttsLanguage":"cmn-Hans-CN"}"#,
            Told::Language { tts: Some("cmn-Hans-CN".to_owned()), transcription: None },
        ),
        (r#"{"type":"end"}"#, Told::End { handoff_data: None }),
        (
            r#"{"type":"end","handoffData":"{\"v\":1}"}"#,
            Told::End { handoff_data: Some(r#"{"v":1}"#.to_owned()) },
        ),
    ] {
        assert_eq!(read(frame), Ok(told), "{frame}");
    }
}

#[test]
fn every_frame_that_twilio_drops_is_a_violation_that_says_why() {
    for (frame, why) in [
        ("hello", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "no type"),
        (r#"{"type":7}"#, "type is a number"),
        (r#"{"type":"ping"}"#, "unknown type \"ping\""),
        (r#"{"type":"interrupt"}"#, "unknown type"),
        (r#"{"type":"Text","token":""}"#, "unknown type"),
        (r#"{"type":"text"}"#, "text: no token"),
        (r#"{"type":"text","token":null}"#, "token is null"),
        (r#"{"type":"text","token":5}"#, "token is a number"),
        (r#"{"type":"text","token":"a","last":"true"}"#, "last is a string"),
        (r#"{"type":"text","token":"a","lang":null}"#, "lang is null"),
        (r#"{"type":"text","token":"a","lang":"english"}"#, "not a language tag"),
        (r#"{"type":"text","token":"a","interruptible":"any"}"#, "interruptible is a string"),
        (r#"{"type":"text","token":"a","epoch":3}"#, "unknown field \"epoch\""),
        (r#"{"type":"play"}"#, "no source"),
        (r#"{"type":"play","source":"a.mp3"}"#, "not an http address"),
        (r#"{"type":"play","source":"https://h/a","loop":-1}"#, "loop is -1"),
        (r#"{"type":"sendDigits","digits":""}"#, "digits are"),
        (r#"{"type":"sendDigits","digits":"12A"}"#, "digits are"),
        (r#"{"type":"language"}"#, "neither"),
        (r#"{"type":"end","handoffData":{"v":1}}"#, "handoffData is an object"),
        (r#"{"type":"end","reason":"x"}"#, "unknown field"),
    ] {
        let violation = read(frame).expect_err(frame).to_string();
        assert!(violation.contains(why), "{frame}: {violation}");
    }
}

proptest! {
    #[test]
    fn the_short_way_to_read_a_text_frame_says_what_the_long_one_says(
        fields in proptest::sample::subsequence(
            vec![
                r#""type":"text""#,
                r#""type":"play""#,
                r#""token":"a \u0041\n""#,
                r#""token":5"#,
                r#""last":true"#,
                r#""last":null"#,
                r#""lang":"sv-SE""#,
                r#""interruptible":false"#,
                r#""interruptible":null"#,
                r#""preemptible":"true""#,
                r#""preemptible":true"#,
                r#""more":1"#,
            ],
            0..=7,
        ),
    ) {
        let frame = format!("{{{}}}", fields.join(","));
        prop_assert_eq!(read(&frame), read_any(&frame), "{}", frame);
    }
}

proptest! {
    #[test]
    fn whatever_the_engine_can_write_is_accepted(
        token in ".*", last: bool, interruptible: Option<bool>, handoff in proptest::option::of(".*"),
    ) {
        let text = Outbound::Text {
            token: &token, last, lang: None, interruptible, preemptible: None,
        };
        let wanted = Text { token: token.clone(), last, interruptible, ..Text::default() };
        prop_assert_eq!(read(&text.encode()), Ok(Told::Text(wanted)));
        let end = Outbound::End { handoff_data: handoff.as_deref() };
        prop_assert_eq!(read(&end.encode()), Ok(Told::End { handoff_data: handoff.clone() }));
    }

    #[test]
    fn no_frame_makes_it_panic(frame in ".*") {
        let _ = read(&frame);
    }
}
