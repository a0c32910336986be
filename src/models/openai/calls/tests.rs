//! Tool calls as servers write them, in fragments of any size.

use proptest::{prelude::*, sample::Index};
use serde_json::json;
use switchhook_actors::domain::answer::{AnswerEvent, Finish};

use super::*;
use crate::models::openai::{BodyKind, read_answer};

const NAME: &str = "escalate_to_human";

/// The calls of these chunks' `tool_calls`: id, name and arguments.
#[track_caller]
fn assert_called(chunks: &[Value], expected: &[[&str; 3]]) {
    let mut calls = Calls::default();
    chunks.iter().for_each(|list| calls.take(list));
    let finished = calls.finish();
    let called: Vec<[&str; 3]> =
        finished.iter().map(|call| [call.id.as_str(), &call.name, &call.arguments]).collect();
    assert_eq!(called, expected, "{chunks:?}");
    assert_eq!(calls.finish(), [], "each comes once");
}

/// A fragment with whatever its server gives.
fn fragment(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let mut fragment = json!({"type": "function", "function": {"arguments": arguments}});
    if let Some(index) = index {
        fragment["index"] = index.into();
    }
    if let Some(id) = id {
        fragment["id"] = id.into();
    }
    if let Some(name) = name {
        fragment["function"]["name"] = name.into();
    }
    fragment
}

#[test]
fn fragments_are_joined_however_a_server_marks_them() {
    let (i, c, n) = (Some(0), Some("c1"), Some("f"));
    for (first, second, third) in [
        // OpenAI: index every time, the rest once.
        ((i, c, n), (i, None, None), (i, None, None)),
        // The name, or the name and the id, every time.
        ((i, c, n), (i, None, n), (i, None, n)),
        ((i, c, n), (i, c, n), (i, c, n)),
        ((i, c, n), (i, Some(""), Some("")), (i, Some(""), Some(""))),
        // Another id every time.
        ((i, c, n), (i, Some("c2"), None), (i, Some("c3"), None)),
        ((i, c, n), (i, Some("c2"), n), (i, Some("c3"), n)),
        // No index.
        ((None, c, n), (None, None, None), (None, None, None)),
        ((None, c, n), (None, c, None), (None, c, None)),
        ((None, c, n), (None, c, n), (None, c, n)),
        ((None, c, n), (None, None, n), (None, None, n)),
        // The id before the name, or the name in pieces.
        ((i, c, None), (i, None, n), (i, None, None)),
    ] {
        let chunks = [(first, ""), (second, "{\"a\":"), (third, "1}")]
            .map(|((index, id, name), arguments)| json!([fragment(index, id, name, arguments)]));
        assert_called(&chunks, &[["c1", "f", "{\"a\":1}"]]);
    }
    let pieces = [("esca", ""), ("late", ""), ("", "{}")];
    let chunks = pieces.map(|(name, arguments)| json!([fragment(i, c, Some(name), arguments)]));
    assert_called(&chunks, &[["c1", "escalate", "{}"]]);
    let chunks = ["esca", "escalate"].map(|name| json!([fragment(i, c, Some(name), "")]));
    assert_called(&chunks, &[["c1", "escalate", ""]]);
}

#[test]
fn a_call_without_an_id_gets_one_of_its_own() {
    let nameless = [
        json!([fragment(Some(0), None, Some("f"), "{}")]),
        json!([fragment(Some(1), None, Some("g"), "")]),
    ];
    assert_called(&nameless, &[["call_0", "f", "{}"], ["call_1", "g", ""]]);
}

#[test]
fn several_calls_are_told_apart_by_what_there_is() {
    let f = |index, id| fragment(index, id, Some("f"), "{\"a\":1}");
    let g = |index, id| fragment(index, id, Some("g"), "{}");
    let expected = |one, other| [[one, "f", "{\"a\":1}"], [other, "g", "{}"]];
    let (one, two) = (Some("c1"), Some("c2"));
    let made = ("call_0", "call_1");
    for (f, g, ids) in [
        (f(Some(0), one), g(Some(1), two), ("c1", "c2")),
        // All numbered alike, or not at all; with and without ids.
        (f(Some(0), one), g(Some(0), two), ("c1", "c2")),
        (f(None, one), g(None, two), ("c1", "c2")),
        (f(Some(0), None), g(Some(0), None), made),
        (f(None, None), g(None, None), made),
    ] {
        assert_called(&[json!([f, g])], &expected(ids.0, ids.1));
        assert_called(&[json!([f]), json!([g])], &expected(ids.0, ids.1));
    }
    // Listed, with nothing but names.
    let bare = ["stay", "stay"].map(|name| json!({"function": {"name": name}}));
    assert_called(&[json!(bare)], &[["call_0", "stay", ""], ["call_1", "stay", ""]]);
    // In turns.
    let begun = json!([
        fragment(Some(0), one, Some("f"), "{\"a\""),
        fragment(Some(1), two, Some("g"), "{")
    ]);
    let ended = json!([fragment(Some(1), None, None, "}"), fragment(Some(0), None, None, ":1}")]);
    assert_called(&[begun, ended], &expected("c1", "c2"));
    // The same tool twice, with the same words.
    assert_called(
        &[json!([f(None, one), f(None, two)])],
        &[["c1", "f", "{\"a\":1}"], ["c2", "f", "{\"a\":1}"]],
    );
}

#[test]
fn arguments_may_be_an_object() {
    let whole = json!([{"id": "c1", "function": {"name": "f", "arguments": {"b": "x", "a": [1]}}}]);
    assert_called(&[whole], &[["c1", "f", r#"{"a":[1],"b":"x"}"#]]);
    let bare = json!([{"id": "c1", "name": "f", "arguments": {}}]);
    assert_called(&[bare], &[["c1", "f", "{}"]]);
    let nothing = json!([{"id": "c1", "function": {"name": "f", "arguments": null}}, {"id": "c2", "function": {"name": "g"}}]);
    assert_called(&[nothing], &[["c1", "f", ""], ["c2", "g", ""]]);
}

#[test]
fn what_names_no_tool_is_a_call_without_a_name() {
    assert_called(&[json!([fragment(Some(0), Some("c1"), None, "{}")])], &[["c1", "", "{}"]]);
    assert_called(&[json!([{"function": {"arguments": "{}"}}])], &[["call_0", "", "{}"]]);
}

#[test]
fn what_is_no_call_says_nothing() {
    let odd = [
        json!(null),
        json!("f"),
        json!({}),
        json!([]),
        json!([null, 7, "f", {}, {"index": 0, "id": 3}]),
    ];
    assert_called(&odd, &[]);
}

#[test]
fn calls_beyond_the_eighth_are_ignored_with_their_fragments() {
    for numbered in [true, false] {
        let name = |at: u64| format!("f{at}");
        let id = |at: u64| format!("c{at}");
        let mut chunks = Vec::new();
        for at in 0..12u64 {
            let index = numbered.then_some(at);
            chunks.push(json!([fragment(index, Some(&id(at)), Some(&name(at)), "{")]));
            chunks.push(json!([fragment(index, None, None, "}")]));
        }
        let mut calls = Calls::default();
        chunks.iter().for_each(|list| calls.take(list));
        let finished = calls.finish();
        assert_eq!(finished.len(), CALLS_MAX);
        for (call, at) in finished.into_iter().zip(0..) {
            assert_eq!(call, ToolCall { id: id(at), name: name(at), arguments: "{}".to_owned() });
        }
    }
}

#[test]
fn what_is_too_long_is_empty_however_it_was_cut() {
    let cases = [("x".repeat(ARGUMENTS_MAX), true), ("x".repeat(ARGUMENTS_MAX + 1), false)];
    for (arguments, kept) in &cases {
        for size in [1_000, ARGUMENTS_MAX - 1, ARGUMENTS_MAX + 1] {
            let pieces =
                arguments.as_bytes().chunks(size).map(|piece| str::from_utf8(piece).unwrap());
            let chunks: Vec<Value> = pieces
                .map(|piece| json!([fragment(Some(0), Some("c"), Some("f"), piece)]))
                .collect();
            assert_called(&chunks, &[["c", "f", if *kept { arguments } else { "" }]]);
        }
    }
    let (id, name) = ("i".repeat(ID_MAX + 1), "n".repeat(NAME_MAX + 1));
    assert_called(
        &[json!([fragment(None, Some(&id), Some(&name), "{}")])],
        &[["call_0", "", "{}"]],
    );
}

#[test]
fn the_notation_before_counts_when_there_is_no_other() {
    let mut calls = Calls::default();
    for function in
        [json!({"name": "f"}), json!({"arguments": "{\"a\""}), json!({"arguments": ":1}"})]
    {
        calls.take_legacy(&function);
    }
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    assert_eq!(calls.finish(), [call("call_0", "f", "{\"a\":1}")]);
    calls.take_legacy(&json!({"name": "f", "arguments": "{}"}));
    calls.take(&json!([fragment(Some(0), Some("c1"), Some("f"), "{}")]));
    assert_eq!(calls.finish(), [call("c1", "f", "{}")]);
}

/// How a server marks the fragments behind the first.
#[derive(Debug, Clone, Copy)]
enum Marks {
    Index,
    IndexAndName,
    Id,
    Nothing,
}

/// A stream: words, then these calls with their arguments in pieces, then the end.
fn stream(words: &str, calls: &[(String, Vec<&str>)], marks: Marks) -> String {
    let mut stream = String::new();
    let mut say = |delta: &Value, finish: Option<&str>| {
        let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        stream.push_str(&format!("data: {chunk}\n\n"));
    };
    say(&json!({"content": words}), None);
    for ((id, pieces), index) in calls.iter().zip(0..) {
        let index = (!matches!(marks, Marks::Id | Marks::Nothing)).then_some(index);
        for (at, piece) in pieces.iter().enumerate() {
            let id = (at == 0 || matches!(marks, Marks::Id)).then_some(id.as_str());
            let name = (at == 0 || matches!(marks, Marks::IndexAndName)).then_some(NAME);
            say(&json!({"tool_calls": [fragment(index, id, name, piece)]}), None);
        }
    }
    say(&json!({}), Some("tool_calls"));
    stream
}

/// A text in pieces, cut between characters.
fn cut<'a>(text: &'a str, cuts: &[Index]) -> Vec<&'a str> {
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| bounds[cut.index(bounds.len())]).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn marks() -> impl Strategy<Value = Marks> {
    prop_oneof![
        Just(Marks::Index),
        Just(Marks::IndexAndName),
        Just(Marks::Id),
        Just(Marks::Nothing)
    ]
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_and_of_the_arguments_yields_the_same_events(
        reasons in prop::collection::vec("[a-z\"\\\\{}ü🦉\n ]{0,20}", 0..4),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
        bytes in prop::collection::vec(any::<Index>(), 0..8),
        marks in marks(),
    ) {
        let arguments: Vec<String> =
            reasons.iter().map(|reason| json!({"reason": reason}).to_string()).collect();
        let calls: Vec<(String, Vec<&str>)> = arguments
            .iter()
            .enumerate()
            .map(|(at, arguments)| (format!("id{at}"), cut(arguments, &cuts)))
            .collect();
        let body = stream("One moment.", &calls, marks);

        let called = arguments.iter().enumerate().map(|(at, arguments)| {
            let (id, name) = (format!("id{at}"), NAME.to_owned());
            AnswerEvent::Called(ToolCall { id, name, arguments: arguments.clone() })
        });
        let expected: Vec<AnswerEvent> = [AnswerEvent::Token("One moment.".to_owned())]
            .into_iter()
            .chain(called)
            .chain([AnswerEvent::Done(Finish::Stop)])
            .collect();
        let body = body.as_bytes();
        prop_assert_eq!(&read_answer(BodyKind::Events, [body]), &expected);
        prop_assert_eq!(&read_answer(BodyKind::Events, body.chunks(1)), &expected);
        let mut cuts: Vec<usize> = bytes.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
        prop_assert_eq!(&read_answer(BodyKind::Events, pieces), &expected);
    }

    #[test]
    fn whatever_a_list_holds_the_calls_are_few_and_bounded(
        lists in prop::collection::vec("\\[(\\{\"index\":[01],\"id\":\"[ab]\",\"function\":\\{\"name\":\"[fg]?\",\"arguments\":\"[{}1]{0,3}\"\\}\\},?){0,3}\\]", 0..9),
    ) {
        let mut calls = Calls::default();
        for list in &lists {
            if let Ok(list) = serde_json::from_str(list) {
                calls.take(&list);
            }
        }
        let finished = calls.finish();
        prop_assert!(finished.len() <= CALLS_MAX);
        prop_assert!(finished.iter().all(|call| !call.id.is_empty()));
    }
}
