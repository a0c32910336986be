use proptest::prelude::*;
use switchhook_actors::domain::answer::FailureKind;

use super::*;

/// The events of these data, in words: a token as it is, an end in angle brackets.
fn hear(data: &[&str]) -> Vec<String> {
    let mut parser = AnswerParser::default();
    let mut events = VecDeque::new();
    for data in data {
        parser.take(data, &mut events);
    }
    parser.end(&mut events);
    assert!(parser.is_over());
    events.iter().map(in_words).collect()
}

fn hear_whole(body: &str) -> Vec<String> {
    let mut events = VecDeque::new();
    AnswerParser::default().take_whole(body.as_bytes(), &mut events);
    events.iter().map(in_words).collect()
}

fn in_words(event: &AnswerEvent) -> String {
    match event {
        AnswerEvent::Token(text) => text.clone(),
        AnswerEvent::Called(call) => format!("[{} {} {}]", call.id, call.name, call.arguments),
        AnswerEvent::Done(finish) => format!("<{finish:?}>"),
        AnswerEvent::Failed(failure) => format!("<{}>", failure.kind),
    }
}

const ROLE: &str =
    r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const HELLO: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;

#[test]
fn an_answer_is_its_tokens_and_one_end() {
    assert_eq!(hear(&[ROLE, HELLO, STOP, USAGE, DONE]), ["Hello", "<Stop>"]);
}

#[test]
fn the_end_is_known_with_the_finish_reason_or_with_done() {
    assert_eq!(hear(&[HELLO, STOP]), ["Hello", "<Stop>"]);
    assert_eq!(hear(&[HELLO, DONE]), ["Hello", "<Stop>"]);
    assert_eq!(hear(&[HELLO, " [DONE] "]), ["Hello", "<Stop>"]);
    assert_eq!(hear(&[HELLO]), ["Hello", "<cut>"]);
    assert_eq!(hear(&[]), ["<cut>"]);
}

#[test]
fn nothing_is_heard_after_the_end() {
    assert_eq!(hear(&[STOP, HELLO, r#"{"error":"late"}"#, "{"]), ["<Stop>"]);
    assert_eq!(hear(&["{", HELLO, STOP]), ["<garbage>"]);
}

#[test]
fn every_finish_reason_has_a_meaning() {
    for (reason, heard) in [
        ("stop", "<Stop>"),
        ("length", "<Length>"),
        ("content_filter", "<Filtered>"),
        ("tool_calls", "<Stop>"),
        ("function_call", "<Stop>"),
        ("eos", "<Stop>"),
    ] {
        let chunk = STOP.replace("stop", reason);
        assert_eq!(hear(&[HELLO, &chunk]), ["Hello", heard]);
    }
    assert_eq!(hear(&[&STOP.replace("stop", ""), HELLO, STOP]), ["Hello", "<Stop>"]);
}

#[test]
fn chunks_without_words_are_passed_over() {
    for silent in [
        ROLE,
        USAGE,
        "",
        " ",
        "{}",
        r#"{"choices":null}"#,
        r#"{"choices":[{"delta":null}]}"#,
        r#"{"choices":[{}]}"#,
        r#"{"choices":[{"delta":{"content":null,"refusal":null}}],"error":null}"#,
        r#"{"choices":[{"delta":{"reasoning_content":"I think"}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":null,"function_call":null}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{},7,null],"function_call":{"name":""}}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":"none","function_call":"none"}}]}"#,
        r#"{"type":"ping"}"#,
    ] {
        assert_eq!(hear(&[silent, HELLO, STOP]), ["Hello", "<Stop>"], "{silent}");
    }
}

#[test]
fn the_last_words_may_come_with_the_finish_reason() {
    let last = r#"{"choices":[{"delta":{"content":" Bye."},"finish_reason":"length"}]}"#;
    assert_eq!(hear(&[HELLO, last]), ["Hello", " Bye.", "<Length>"]);
}

#[test]
fn a_refusal_is_spoken() {
    let refusal = r#"{"choices":[{"delta":{"refusal":"I can't help with that."}}]}"#;
    let words = "I can't help with that.";
    assert_eq!(hear(&[refusal, STOP]), [words, "<Refused>"]);
    assert_eq!(hear(&[refusal, DONE]), [words, "<Refused>"]);
    assert_eq!(hear(&[refusal, &STOP.replace("stop", "length")]), [words, "<Length>"]);
    assert_eq!(hear(&[HELLO, &STOP.replace("stop", "refusal")]), ["Hello", "<Refused>"]);
    assert_eq!(hear(&[r#"{"choices":[{"delta":{"refusal":""}}]}"#, STOP]), ["<Stop>"]);
    let whole =
        r#"{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}"#;
    assert_eq!(hear_whole(whole), ["No.", "<Refused>"]);
}

const CALL: &str = r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"c1",
    "type":"function","function":{"name":"stay","arguments":"{"}}]}}]}"#;
const REST: &str =
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}"#;

#[test]
fn a_call_comes_once_and_whole_before_the_end() {
    let called = "[c1 stay {}]";
    for reason in ["tool_calls", "function_call", "stop", "eos"] {
        let end = STOP.replace("stop", reason);
        assert_eq!(hear(&[HELLO, CALL, REST, &end, DONE]), ["Hello", called, "<Stop>"], "{reason}");
    }
    assert_eq!(hear(&[CALL, REST, DONE]), [called, "<Stop>"]);
    assert_eq!(hear(&[CALL, REST, HELLO, DONE]), ["Hello", called, "<Stop>"]);
    let last = REST.replace("}]}}]}", "}]},\"finish_reason\":\"tool_calls\"}]}");
    assert_eq!(hear(&[CALL, &last]), [called, "<Stop>"]);
    let legacy = r#"{"choices":[{"delta":{"function_call":{"name":"stay","arguments":"{}"}}}]}"#;
    assert_eq!(
        hear(&[legacy, &STOP.replace("stop", "function_call")]),
        ["[call_0 stay {}]", "<Stop>"]
    );
    let thought = HELLO.replace("Hello", "<think>Hm.</think>Yes");
    assert_eq!(hear(&[&thought, CALL, REST, STOP]), ["Yes", called, "<Stop>"]);
}

#[test]
fn half_a_call_is_none() {
    assert_eq!(hear(&[HELLO, CALL]), ["Hello", "<cut>"]);
    assert_eq!(hear(&[CALL, REST]), ["<cut>"]);
    for (reason, end) in
        [("length", "<Length>"), ("content_filter", "<Filtered>"), ("refusal", "<Refused>")]
    {
        assert_eq!(hear(&[CALL, REST, &STOP.replace("stop", reason), DONE]), [end]);
    }
    assert_eq!(hear(&[CALL, r#"{"error":"overloaded"}"#, DONE]), ["<upstream>"]);
    let declined = r#"{"choices":[{"delta":{"refusal":"No."}}]}"#;
    assert_eq!(hear(&[declined, CALL, REST, STOP]), ["No.", "<Refused>"]);
}

#[test]
fn a_whole_answer_may_hold_calls() {
    let whole =
        |message: &str| format!(r#"{{"choices":[{{"message":{message},"finish_reason":null}}]}}"#);
    let calls = r#"{"content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"stay","arguments":"{}"}},
        {"id":"c2","type":"function","function":{"name":"f","arguments":{"a":1}}}]}"#;
    assert_eq!(hear_whole(&whole(calls)), ["[c1 stay {}]", r#"[c2 f {"a":1}]"#, "<Stop>"]);
    let legacy = r#"{"content":"Well.","function_call":{"name":"stay","arguments":"{}"}}"#;
    assert_eq!(hear_whole(&whole(legacy)), ["Well.", "[call_0 stay {}]", "<Stop>"]);
    assert_eq!(hear_whole(&whole(calls).replace("null}]", "\"length\"}]")), ["<Length>"]);
}

#[test]
fn an_error_in_mid_stream_ends_the_answer() {
    for error in [
        r#"{"error":{"message":"m","type":"server_error","code":"c"}}"#,
        r#"{"error":"overloaded"}"#,
        r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"error"}],"error":{"code":502}}"#,
        r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
    ] {
        assert_eq!(hear(&[HELLO, error, STOP]), ["Hello", "<upstream>"], "{error}");
    }
}

#[test]
fn garbage_is_not_spoken() {
    for garbage in [
        "<html>",
        "{",
        "null",
        "7",
        "[DONE",
        r#"{"choices":{}}"#,
        r#"{"choices":[{"delta":{"content":7}}]}"#,
        "\0",
        r#"{"choices":[{"delta":{"content":"x"}}]} tail"#,
    ] {
        assert_eq!(hear(&[HELLO, garbage, STOP]), ["Hello", "<garbage>"], "{garbage}");
    }
}

#[test]
fn a_character_that_cannot_be_spoken_costs_no_answer() {
    for (chunk, heard) in [
        (r#"{"choices":[{"delta":{"content":"a\u0000b\u0007"}}]}"#, "ab"),
        (r#"{"choices":[{"delta":{"content":"a\u200b\udb40\udc41b"}}]}"#, "ab"),
        ("{\"choices\":[{\"delta\":{\"content\":\"a\0b\"}}]}", "a b"),
    ] {
        assert_eq!(hear(&[HELLO, chunk, STOP]), ["Hello", heard, "<Stop>"], "{chunk}");
    }
    let nothing = r#"{"choices":[{"delta":{"content":"\u200b"}}]}"#;
    assert_eq!(hear(&[HELLO, nothing, STOP]), ["Hello", "<Stop>"]);
}

#[test]
fn thoughts_are_not_answers() {
    let say = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let pieces = ["<th", "ink>Hm, a ca", "ller.</", "think>\\n", "\\nYes."].map(say);
    let data: Vec<&str> = pieces.iter().map(String::as_str).chain([STOP]).collect();
    assert_eq!(hear(&data), ["Yes.", "<Stop>"]);
    assert_eq!(hear(&[&say("<think>Hm"), STOP]), ["<Stop>"]);
    assert_eq!(hear(&[&say("<thi"), STOP]), ["<thi", "<Stop>"]);
    assert_eq!(hear(&[&say("<thi")]), ["<cut>"]);
    let whole = r#"{"choices":[{"message":{"content":"<think>Hm.</think>Yes."}}]}"#;
    assert_eq!(hear_whole(whole), ["Yes.", "<Stop>"]);
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let whole = r#"{"object":"chat.completion","choices":[{"index":0,
        "message":{"role":"assistant","content":"Hello there."},"finish_reason":"length"}]}"#;
    assert_eq!(hear_whole(whole), ["Hello there.", "<Length>"]);
    assert_eq!(hear_whole(&whole.replace("\"length\"", "null")), ["Hello there.", "<Stop>"]);
    assert_eq!(hear_whole(r#"{"error":{"code":"server_error"}}"#), ["<upstream>"]);
    for garbage in ["{}", "[]", "{", r#"{"choices":[]}"#, &whole[..40], HELLO] {
        assert_eq!(hear_whole(garbage), ["<garbage>"], "{garbage}");
    }
}

#[test]
fn a_failure_names_codes_only() {
    let mut events = VecDeque::new();
    let error = r#"{"error":{"message":"you said: my pin is 1234","type":"server_error"}}"#;
    AnswerParser::default().take(error, &mut events);
    let Some(AnswerEvent::Failed(failure)) = events.pop_front() else { panic!("no failure") };
    assert_eq!((failure.kind, failure.detail.as_str()), (FailureKind::Upstream, "server_error"));
}

proptest! {
    #[test]
    fn whatever_comes_there_is_exactly_one_end(data in prop::collection::vec(
        prop_oneof![
            Just(HELLO.to_owned()), Just(STOP.to_owned()), Just(DONE.to_owned()),
            Just(r#"{"error":"e"}"#.to_owned()), "\\PC{0,20}", r#"\{"choices":\[.{0,20}"#,
        ],
        0..8,
    )) {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let heard = hear(&data);
        prop_assert_eq!(heard.iter().filter(|event| event.starts_with('<')).count(), 1);
        prop_assert!(heard.last().is_some_and(|last| last.starts_with('<')));
    }
}
