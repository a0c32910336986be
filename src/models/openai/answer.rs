//! One answer as a stream of events: body in, tokens out.
//!
//! The stream holds the response: to drop it closes the connection, and the model stops writing.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::Display,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use switchhook_actors::domain::answer::AnswerEvent;

use super::{chunk::AnswerParser, failure};
use crate::models::sse::SseParser;

/// The longest answer taken in one piece, bytes: far more than can be said in a turn.
const WHOLE_BYTES: usize = 1024 * 1024;

/// How long the rest of a finished body may take. It comes at once or is not worth waiting for.
const DRAIN_WAIT: Duration = Duration::from_secs(1);

/// How long the rest of a finished body may be: `[DONE]`, a usage chunk, some vendor's farewell.
const DRAIN_BYTES: usize = 64 * 1024;

/// What may stand before an answer: a byte order mark and blanks.
const LEADING: &[u8] = b" \t\r\n\xEF\xBB\xBF";

/// What the head of the response promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// An event stream.
    Events,
    /// JSON, from servers that do not heed `stream`; those that do may say so nevertheless.
    Json,
}

enum Shape {
    /// The first visible byte has not come.
    Unknown(BodyKind),
    Events(SseParser),
    Whole(Vec<u8>),
}

/// An answer on its way.
pub(super) struct Answer<S> {
    /// The response; gone once the answer is over.
    body: Option<S>,
    shape: Shape,
    parser: AnswerParser,
    /// What is known but not yet taken.
    events: VecDeque<AnswerEvent>,
}

impl<S, E> Answer<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + 'static,
    E: Display + 'static,
{
    pub(super) fn new(body: S, kind: BodyKind) -> Self {
        Self {
            body: Some(body),
            shape: Shape::Unknown(kind),
            parser: AnswerParser::default(),
            events: VecDeque::new(),
        }
    }

    fn take(&mut self, mut chunk: &[u8]) {
        if let Shape::Unknown(kind) = self.shape {
            // A byte order mark and blanks say nothing, in one piece with what follows or not.
            let Some(at) = chunk.iter().position(|byte| !LEADING.contains(byte)) else { return };
            chunk = chunk.get(at..).unwrap_or_default();
            self.shape = match (chunk.first(), kind) {
                (Some(b'<'), _) => return self.parser.fail(failure::page(), &mut self.events),
                (Some(b'{' | b'['), BodyKind::Json) => Shape::Whole(Vec::new()),
                (Some(b'{' | b'['), BodyKind::Events) => {
                    let failure = failure::garbage("not an event stream");
                    return self.parser.fail(failure, &mut self.events);
                }
                _ => Shape::Events(SseParser::new()),
            };
        }
        match &mut self.shape {
            Shape::Unknown(_) => {}
            Shape::Events(sse) => {
                let result = sse.push(chunk, &mut |data| self.parser.take(data, &mut self.events));
                if let Err(error) = result {
                    self.parser.fail(error.into(), &mut self.events);
                }
            }
            Shape::Whole(body) if body.len() + chunk.len() > WHOLE_BYTES => {
                let failure = failure::garbage("a JSON body without end");
                self.parser.fail(failure, &mut self.events);
            }
            Shape::Whole(body) => body.extend_from_slice(chunk),
        }
    }

    fn end(&mut self) {
        match &mut self.shape {
            Shape::Unknown(_) => {}
            Shape::Events(sse) => sse.end(&mut |data| self.parser.take(data, &mut self.events)),
            Shape::Whole(body) => self.parser.take_whole(body, &mut self.events),
        }
        self.parser.end(&mut self.events);
    }

    /// Lets go of the body: reads the rest of a finished one, since only a connection that was read
    /// to its end can be used again, and drops a failed one.
    fn release(&mut self) {
        let finished = matches!(self.events.back(), Some(AnswerEvent::Done(_)));
        if let Some(body) = self.body.take().filter(|_| finished) {
            actix::spawn(drain(body));
        }
    }
}

/// The events of a body that came in these pieces and then ended: what the stream of an answer
/// yields, without a connection.
pub fn read_answer<'a>(
    kind: BodyKind,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<AnswerEvent> {
    let mut answer = Answer::new(stream::empty::<Result<Bytes, Infallible>>(), kind);
    for piece in pieces {
        Answer::take(&mut answer, piece);
        if answer.parser.is_over() {
            return answer.events.into();
        }
    }
    answer.end();
    answer.events.into()
}

impl<S, E> Stream for Answer<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + 'static,
    E: Display + 'static,
{
    type Item = AnswerEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AnswerEvent>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            let Some(body) = &mut this.body else { return Poll::Ready(None) };
            match std::task::ready!(body.poll_next_unpin(cx)) {
                Some(Ok(chunk)) => this.take(&chunk),
                Some(Err(error)) => {
                    let failure = failure::cut(&format!("the body broke off: {error}"));
                    this.parser.fail(failure, &mut this.events);
                }
                None => {
                    this.body = None;
                    this.end();
                }
            }
            if this.parser.is_over() {
                this.release();
            }
        }
    }
}

async fn drain<S, E>(mut body: S)
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let rest = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = body.next().await {
            let Some(less) = left.checked_sub(chunk.len()) else { return };
            left = less;
        }
    };
    // Too late, and the connection is closed rather than kept.
    let _ = tokio::time::timeout(DRAIN_WAIT, rest).await;
}

#[cfg(test)]
mod tests;
