//! A model's answer as a body in pieces: where it is cut changes nothing of what is read.
//!
//! The first bytes of an input say where the cuts are; the rest is the body.

use switchhook::models::{
    openai::{BodyKind, read_answer},
    sse::SseParser,
};
use switchhook_actors::domain::answer::{AnswerEvent, Finish, ToolCall};

/// Bytes of the input that place the cuts.
const CUTS: usize = 4;

/// Calls of one answer.
const CALLS_MAX: usize = 8;

/// Bytes of a call's arguments.
const ARGUMENTS_MAX: usize = 16 * 1024;

/// Bytes of its name and its id.
const TEXT_MAX: usize = 512;

/// How much longer arguments may become that came as an object: `1e9` is written `1000000000.0`.
const GROWTH: usize = 32;

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let (cuts, body) = bytes.split_at_checked(CUTS).unwrap_or((&[], bytes));
    let cut = cut(body, cuts);
    let byte_by_byte: Vec<&[u8]> = body.chunks(1).collect();
    let whole = events(&[body]);
    assert_eq!(events(&cut), whole, "the cuts changed the events");
    assert_eq!(events(&byte_by_byte), whole, "single bytes changed the events");
    for kind in [BodyKind::Events, BodyKind::Json] {
        let whole = answer(kind, &[body]);
        assert_eq!(answer(kind, &cut), whole, "the cuts changed the answer ({kind:?})");
        assert_eq!(answer(kind, &byte_by_byte), whole, "single bytes changed it ({kind:?})");
        is_an_answer(&whole, body);
    }
}

/// The body in pieces, some of them empty.
fn cut<'a>(body: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = body;
    for cut in cuts {
        let at = usize::from(*cut) % (rest.len() + 1);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// What the parser of event streams hands over, and how it ends.
fn events(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
    let (mut parser, mut events) = (SseParser::new(), Vec::new());
    for piece in pieces {
        if let Err(error) = parser.push(piece, &mut |event| events.push(event.to_owned())) {
            return (events, Some(error.to_string()));
        }
    }
    parser.end(&mut |event| events.push(event.to_owned()));
    (events, None)
}

fn answer(kind: BodyKind, pieces: &[&[u8]]) -> Vec<AnswerEvent> {
    read_answer(kind, pieces.iter().copied())
}

/// Tokens with text, then calls, then one end; all of it no longer than the body allows.
fn is_an_answer(events: &[AnswerEvent], body: &[u8]) {
    let Some((end, before)) = events.split_last() else { panic!("an answer without an end") };
    let calls = before.iter().rev().take_while(|event| matches!(event, AnswerEvent::Called(_)));
    let (tokens, calls) = before.split_at(before.len() - calls.count());
    let sizes = tokens.iter().map(|token| match token {
        AnswerEvent::Token(text) if !text.is_empty() => text.len(),
        other => panic!("{other:?} among the words"),
    });
    assert!(sizes.sum::<usize>() <= body.len(), "more was read than there was");
    are_bounded(calls, body);
    match end {
        AnswerEvent::Done(Finish::Stop) => {}
        AnswerEvent::Done(_) => assert!(calls.is_empty(), "half a call"),
        AnswerEvent::Failed(failure) => {
            assert!(calls.is_empty(), "half a call");
            assert!(failure.detail.len() < 1_000, "a long detail: {}", failure.detail.len());
        }
        other => panic!("{other:?} at the end"),
    }
}

/// Few calls, none of them long, each with an id.
fn are_bounded(calls: &[AnswerEvent], body: &[u8]) {
    assert!(calls.len() <= CALLS_MAX, "{} calls", calls.len());
    for call in calls {
        let AnswerEvent::Called(ToolCall { id, name, arguments }) = call else { continue };
        assert!(!id.is_empty() && id.len() <= TEXT_MAX && name.len() <= TEXT_MAX, "{call:?}");
        assert!(arguments.len() <= ARGUMENTS_MAX, "{} bytes of arguments", arguments.len());
        // Numbers and escapes of an object are written anew, and may become longer.
        assert!(arguments.len() <= GROWTH * body.len(), "more was read than there was");
    }
}
