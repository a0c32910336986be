//! The socket of a session: frames in and out, each with a deadline, and one buffer for replay.

use std::{collections::VecDeque, time::Duration};

use actix_http::ws::Item;
use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};

use super::{CloseCode, CloseReason, Frame, Lost, Message};
use crate::caller::{
    reconnect::{MAX_REPLAY, Replay},
    wire::Frames,
};

/// A peer that takes no frame for so long is not there any more.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How long a peer may take to answer our close; then the connection is cut.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// A message in pieces is refused above this size, bytes.
const MAX_MESSAGE: usize = 1024 * 1024;

/// What came in.
pub(super) enum Incoming {
    /// A whole text message.
    Text(String),
    /// A message that no ConversationRelay server may send.
    Wrong(String),
    /// Something of the WebSocket protocol itself.
    Control,
}

/// A socket, or the lack of one.
#[derive(Default)]
pub(super) struct Socket {
    frames: Option<Box<dyn Frames>>,
    /// It has not taken a frame: it takes none any more, though nobody has left it yet.
    is_broken: bool,
    /// A message in pieces, as far as it has come.
    pieces: BytesMut,
    /// What is sent as soon as there is a socket again.
    replay: VecDeque<String>,
    /// The last events that were sent: they are replayed too.
    tail: VecDeque<String>,
    /// How many they are.
    tail_length: usize,
    /// Sockets that the network has lost and the engine still holds; nobody reads them.
    left: Vec<Box<dyn Frames>>,
}

impl Socket {
    /// No socket yet; so many events will be replayed though they were sent.
    pub(super) fn remembering(tail_length: usize) -> Self {
        Self { tail_length, ..Self::default() }
    }

    pub(super) fn put(&mut self, frames: Box<dyn Frames>) {
        self.pieces.clear();
        (self.frames, self.is_broken) = (Some(frames), false);
    }

    pub(super) fn is_open(&self) -> bool {
        self.frames.is_some()
    }

    /// Cuts the connection without a word.
    pub(super) fn cut(&mut self) {
        self.frames = None;
    }

    /// Leaves the connection as it is: the engine believes that it stands.
    pub(super) fn leave(&mut self) {
        self.left.extend(self.frames.take());
    }

    /// The next message. Without a socket there never is one.
    pub(super) async fn next(&mut self) -> Result<Incoming, Lost> {
        let Some(frames) = &mut self.frames else { return std::future::pending().await };
        let lost = |reason: String| Lost { reason, code: None };
        match frames.next().await {
            None => Err(lost("the engine cut the connection".to_owned())),
            Some(Err(error)) => Err(lost(format!("the connection failed: {error}"))),
            Some(Ok(frame)) => self.frame(frame).await,
        }
    }

    async fn frame(&mut self, frame: Frame) -> Result<Incoming, Lost> {
        Ok(match frame {
            Frame::Text(bytes) => text(&bytes),
            Frame::Continuation(Item::FirstText(bytes)) => {
                self.pieces = BytesMut::from(bytes.as_ref());
                Incoming::Control
            }
            Frame::Continuation(Item::Continue(bytes)) => {
                self.append(&bytes)?;
                Incoming::Control
            }
            Frame::Continuation(Item::Last(bytes)) => {
                self.append(&bytes)?;
                text(&std::mem::take(&mut self.pieces))
            }
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => {
                Incoming::Wrong("a binary message".to_owned())
            }
            Frame::Ping(bytes) => {
                self.write(Message::Pong(bytes)).await?;
                Incoming::Control
            }
            Frame::Pong(_) => Incoming::Control,
            Frame::Close(reason) => {
                // The answer to a close may find nobody; the close counts all the same.
                let _ = self.write(Message::Close(reason.clone())).await;
                let code = reason.as_ref().map_or(CloseCode::Normal, |reason| reason.code);
                let words = reason.and_then(|reason| reason.description).unwrap_or_default();
                let number = u16::from(code);
                return Err(Lost {
                    reason: format!("the engine closed the socket: {number} {words}"),
                    code: Some(code),
                });
            }
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        if self.pieces.len() + bytes.len() > MAX_MESSAGE {
            let reason = format!("a message of more than {MAX_MESSAGE} bytes");
            return Err(Lost { reason, code: None });
        }
        self.pieces.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends now, or keeps it for replay, if that was agreed, when there is no socket, or none that
    /// takes it.
    pub(super) async fn send(&mut self, event: String, replayed: bool) -> Result<(), Lost> {
        if self.is_open() {
            let sent = self.write(Message::Text(event.clone().into())).await;
            match &sent {
                Ok(()) => self.remember(event),
                Err(_) if replayed => self.keep(event),
                Err(_) => {}
            }
            return sent;
        }
        if !replayed {
            return Err(Lost { reason: "there is no socket".to_owned(), code: None });
        }
        self.keep(event);
        Ok(())
    }

    /// Of more than Twilio keeps the last are dropped.
    fn keep(&mut self, event: String) {
        if self.replay.len() < MAX_REPLAY {
            self.replay.push_back(event);
        }
    }

    fn remember(&mut self, event: String) {
        if self.tail_length == 0 {
            return;
        }
        if self.tail.len() >= self.tail_length {
            self.tail.pop_front();
        }
        self.tail.push_back(event);
    }

    /// Sends what was kept, and what was sent last; how many frames that were. A socket that fails
    /// meanwhile loses none of them.
    pub(super) async fn replay(&mut self, how: Replay) -> Result<usize, Lost> {
        let events: Vec<_> = self.tail.iter().chain(&self.replay).cloned().collect();
        let events: Vec<_> = match how {
            Replay::Never => Vec::new(),
            Replay::Once => events,
            Replay::Doubles => {
                events.into_iter().flat_map(|event| [event.clone(), event]).collect()
            }
            Replay::Twice => [events.clone(), events].concat(),
        };
        let count = events.len();
        for event in events {
            self.write(Message::Text(event.into())).await?;
        }
        let kept = std::mem::take(&mut self.replay);
        kept.into_iter().for_each(|event| self.remember(event));
        Ok(count)
    }

    /// Sends now, and only now.
    pub(super) async fn write(&mut self, message: Message) -> Result<(), Lost> {
        let lost = |reason: String| Lost { reason, code: None };
        let Some(frames) = &mut self.frames else {
            return Err(lost("there is no socket".to_owned()));
        };
        if self.is_broken {
            return Err(lost("the socket is broken".to_owned()));
        }
        let sent = match tokio::time::timeout(SEND_DEADLINE, frames.send(message)).await {
            Ok(sent) => sent.map_err(|error| lost(format!("a frame could not be sent: {error}"))),
            Err(_) => Err(lost("the engine takes no frames".to_owned())),
        };
        self.is_broken = sent.is_err();
        sent
    }

    /// Closes as the protocol wants it: says so, and waits for the answer.
    pub(super) async fn close(&mut self, code: CloseCode, why: &str) {
        let description = (!why.is_empty()).then(|| why.to_owned());
        let close = Message::Close(Some(CloseReason { code, description }));
        let said = self.write(close).await.is_ok();
        let Some(mut frames) = self.frames.take().filter(|_| said) else { return };
        let answered = async {
            while let Some(Ok(frame)) = frames.next().await {
                if matches!(frame, Frame::Close(_)) {
                    break;
                }
            }
        };
        // Late or not, the socket is over.
        let _ = tokio::time::timeout(CLOSE_DEADLINE, answered).await;
    }
}

fn text(bytes: &[u8]) -> Incoming {
    match std::str::from_utf8(bytes) {
        Ok(text) => Incoming::Text(text.to_owned()),
        Err(_) => Incoming::Wrong("a text message that is not UTF-8".to_owned()),
    }
}

#[cfg(test)]
mod tests;
