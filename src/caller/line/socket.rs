//! The socket of a session: frames in and out, each with a deadline, and one buffer for replay.

use std::{collections::VecDeque, time::Duration};

use actix_http::ws::Item;
use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};

use super::{CloseCode, CloseReason, Frame, Lost, Message};
use crate::caller::wire::Frames;

/// A peer that takes no frame for so long is not there any more.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How long a peer may take to answer our close; then the connection is cut.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// Twilio keeps as many events of a lost socket for its `applicationReconnect`.
const MAX_REPLAY: usize = 500;
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
    /// A message in pieces, as far as it has come.
    pieces: BytesMut,
    /// What is sent as soon as there is a socket again.
    replay: VecDeque<Message>,
}

impl Socket {
    pub(super) fn put(&mut self, frames: Box<dyn Frames>) {
        self.pieces.clear();
        self.frames = Some(frames);
    }

    pub(super) fn is_open(&self) -> bool {
        self.frames.is_some()
    }

    /// Cuts the connection without a word.
    pub(super) fn cut(&mut self) {
        self.frames = None;
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

    /// Sends now, or keeps it for replay when there is no socket and that was agreed.
    pub(super) async fn send(&mut self, message: Message, replayed: bool) -> Result<(), Lost> {
        if self.is_open() {
            return self.write(message).await;
        }
        if replayed && self.replay.len() < MAX_REPLAY {
            self.replay.push_back(message);
            return Ok(());
        }
        Err(Lost { reason: "there is no socket".to_owned(), code: None })
    }

    /// Sends what was kept.
    pub(super) async fn replay(&mut self) -> Result<(), Lost> {
        while let Some(message) = self.replay.pop_front() {
            self.write(message).await?;
        }
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), Lost> {
        let lost = |reason: String| Lost { reason, code: None };
        let Some(frames) = &mut self.frames else {
            return Err(lost("there is no socket".to_owned()));
        };
        match tokio::time::timeout(SEND_DEADLINE, frames.send(message)).await {
            Ok(sent) => sent.map_err(|error| lost(format!("a frame could not be sent: {error}"))),
            Err(_) => Err(lost("the engine takes no frames".to_owned())),
        }
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
