use futures_util::{StreamExt as _, stream};
use switchhook_actors::domain::answer::{FailureKind, Finish};

use super::*;

const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const WHOLE: &str =
    "{\"choices\":[{\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}";

type Piece = Result<Bytes, String>;

async fn hear(kind: BodyKind, pieces: Vec<Piece>) -> (String, AnswerEvent) {
    let mut events: Vec<AnswerEvent> = Answer::new(stream::iter(pieces), kind).collect().await;
    let end = events.pop().expect("an answer without end");
    let text = events.into_iter().map(|event| match event {
        AnswerEvent::Token(text) => text,
        other => panic!("{other:?} before the end"),
    });
    (text.collect(), end)
}

fn piece(text: impl AsRef<[u8]>) -> Piece {
    Ok(Bytes::copy_from_slice(text.as_ref()))
}

fn kind(end: &AnswerEvent) -> Option<FailureKind> {
    match end {
        AnswerEvent::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

#[actix::test]
async fn a_stream_may_say_that_it_is_json() {
    for kind in [BodyKind::Events, BodyKind::Json] {
        let pieces = vec![piece("\r\n"), piece(": hi\n"), piece(HELLO), piece(STOP)];
        let heard = hear(kind, pieces).await;
        assert_eq!(heard, ("Hello".to_owned(), AnswerEvent::Done(Finish::Stop)));
    }
}

#[actix::test]
async fn a_whole_answer_is_taken_only_where_it_is_announced() {
    let pieces = || WHOLE.as_bytes().chunks(7).map(piece).collect::<Vec<_>>();
    let heard = hear(BodyKind::Json, pieces()).await;
    assert_eq!(heard, ("Hello".to_owned(), AnswerEvent::Done(Finish::Stop)));
    let (text, end) = hear(BodyKind::Events, pieces()).await;
    assert_eq!((text.as_str(), kind(&end)), ("", Some(FailureKind::Garbage)));
}

#[actix::test]
async fn a_page_is_garbage_whatever_it_is_called() {
    for body in [BodyKind::Events, BodyKind::Json] {
        let (text, end) = hear(body, vec![piece("\n<!doctype html>"), piece(HELLO)]).await;
        assert_eq!((text.as_str(), kind(&end)), ("", Some(FailureKind::Garbage)));
    }
}

#[test]
fn a_mark_or_blanks_before_an_answer_say_nothing_even_in_pieces_of_their_own() {
    let events = [HELLO, STOP].concat();
    let cases = [(BodyKind::Events, events.as_bytes()), (BodyKind::Json, WHOLE.as_bytes())];
    for (kind, body) in cases {
        let bare = read_answer(kind, [body]);
        assert_eq!(bare.last(), Some(&AnswerEvent::Done(Finish::Stop)));
        for leading in [&b"\xEF\xBB\xBF"[..], b" ", b"\r\n \t"] {
            let whole = [leading, body].concat();
            assert_eq!(read_answer(kind, [whole.as_slice()]), bare, "{leading:?}");
            for at in 0..=leading.len() {
                let (one, other) = whole.split_at(at);
                assert_eq!(read_answer(kind, [one, other]), bare, "{leading:?} cut at {at}");
            }
        }
    }
}

#[actix::test]
async fn a_body_without_end_is_given_up() {
    let endless = stream::repeat(()).map(|()| piece(vec![b'{'; 4096]));
    let events: Vec<_> = Answer::new(endless, BodyKind::Json).collect().await;
    assert_eq!(events.len(), 1);
    assert_eq!(kind(&events[0]), Some(FailureKind::Garbage));

    let endless = stream::repeat(()).map(|()| piece(vec![b'x'; 4096]));
    let events: Vec<_> = Answer::new(endless, BodyKind::Events).collect().await;
    assert_eq!(events.len(), 1);
    assert_eq!(kind(&events[0]), Some(FailureKind::Garbage));
}

#[actix::test]
async fn a_body_that_breaks_off_is_a_cut_unless_the_answer_was_over() {
    let broken = || Err("reset".to_owned());
    let (text, end) = hear(BodyKind::Events, vec![piece(HELLO), broken()]).await;
    assert_eq!((text.as_str(), kind(&end)), ("Hello", Some(FailureKind::Cut)));
    let (text, end) = hear(BodyKind::Events, vec![piece(HELLO)]).await;
    assert_eq!((text.as_str(), kind(&end)), ("Hello", Some(FailureKind::Cut)));
    let heard = hear(BodyKind::Events, vec![piece(HELLO), piece(STOP), broken()]).await;
    assert_eq!(heard, ("Hello".to_owned(), AnswerEvent::Done(Finish::Stop)));
    assert_eq!(kind(&hear(BodyKind::Events, vec![]).await.1), Some(FailureKind::Cut));
    assert_eq!(kind(&hear(BodyKind::Events, vec![piece("\n")]).await.1), Some(FailureKind::Cut));
}

#[actix::test]
async fn the_end_of_an_answer_does_not_wait_for_the_end_of_the_body() {
    let open = stream::iter([piece(HELLO), piece(STOP)]).chain(stream::pending());
    let events: Vec<_> = Answer::new(open, BodyKind::Events).collect().await;
    assert_eq!(events.last(), Some(&AnswerEvent::Done(Finish::Stop)));
}

#[actix::test]
async fn the_rest_of_a_finished_body_is_read_and_that_of_a_failed_one_is_not() {
    for (last, read) in [(STOP, true), ("data: {\n\n", false)] {
        let (told, ended) = tokio::sync::oneshot::channel();
        let rest = stream::once(async move {
            told.send(()).expect("nobody listens");
            piece("data: [DONE]\n\n")
        });
        let body = stream::iter([piece(HELLO), piece(last)]).chain(rest.boxed_local());
        let events: Vec<_> = Answer::new(body, BodyKind::Events).collect().await;
        assert_eq!(events.len(), 3, "{events:?}");
        assert_eq!(ended.await.is_ok(), read);
    }
}
