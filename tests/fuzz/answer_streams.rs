//! A model's answer as a body in pieces: where it is cut changes nothing of what is read.
//!
//! The first bytes of an input say where the cuts are; the rest is the body.

use switchhook::models::{
    openai::{BodyKind, read_answer},
    sse::SseParser,
};
use switchhook_actors::domain::answer::AnswerEvent;

/// Bytes of the input that place the cuts.
const CUTS: usize = 4;

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

/// Tokens with text, then one end; all of it no longer than the body.
fn is_an_answer(events: &[AnswerEvent], body: &[u8]) {
    let Some((end, tokens)) = events.split_last() else { panic!("an answer without an end") };
    assert!(!matches!(end, AnswerEvent::Token(_)), "an answer without an end");
    let sizes = tokens.iter().map(|token| match token {
        AnswerEvent::Token(text) if !text.is_empty() => text.len(),
        other => panic!("{other:?} before the end"),
    });
    assert!(sizes.sum::<usize>() <= body.len(), "more was read than there was");
    if let AnswerEvent::Failed(failure) = end {
        assert!(failure.detail.len() < 1_000, "a long detail: {}", failure.detail.len());
    }
}
