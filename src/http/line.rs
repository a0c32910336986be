//! A line: the socket of a call, and nothing but the socket.
//!
//! The only file that names actix_web_actors, which is deprecated in favour of actix-ws: to change
//! over is to change this file. Its actor lives inside the HTTP response body, so a peer that stops
//! reading freezes it, timers and all. That is why it only moves frames and pings: the call itself
//! is held by a CallSession, which no socket can stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, StreamHandler, fut};
use actix_http::ws::Item;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{
    CloseCode, Message, ProtocolError, WebsocketContext, WsResponseBuilder,
};
use bytes::BytesMut;
use futures_util::stream::poll_fn;
use switchhook_actors::{
    call_session::{
        CallSession, Peers,
        messages::{Attach, Heard, LineFrame, LineGone, Silenced},
    },
    directory::Directory,
    domain::{
        ids::{CallSid, LineId},
        relay::Outbound,
    },
};
use tokio::sync::mpsc;

use super::error::HttpError;

/// A text message, fragments joined, at most: 64 KiB, as OpenAI's and other servers bound it.
const MESSAGE_MAX: usize = 64 * 1024;

/// Frames on their way to the socket. When they are that many, the session joins words.
const FRAMES_OUT: usize = 64;

/// How often the peer is pinged; also keeps proxies from reaping an idle line.
const PING_EVERY: Duration = Duration::from_secs(10);

/// A peer that has answered a ping, and is then silent for this long, is dead. Whether every
/// Twilio edge answers pings is not documented: one that never did is not judged by it.
const SILENT_MAX: Duration = Duration::from_secs(25);

/// Answers the upgrade and attaches a new line to the call's session, here or on another worker,
/// or to one that starts now.
pub(super) fn connect(
    request: &HttpRequest,
    payload: web::Payload,
    sid: CallSid,
    directory: &Directory<CallSession>,
    peers: &Arc<Peers>,
) -> Result<HttpResponse, actix_web::Error> {
    // A request that is no upgrade must not start a session.
    actix_http::ws::handshake(request.head())
        .map_err(|error| HttpError::BadRequest(format!("expected a WebSocket upgrade: {error}")))?;
    let session = directory.seat(sid, || CallSession::begin(sid, Arc::clone(peers)));
    let line = Line {
        sid,
        id: directory.next_line(),
        session,
        silenced: Silenced::default(),
        fragments: Fragments::default(),
        heard_at: Instant::now(),
        answers_pings: false,
        clean: false,
    };
    WsResponseBuilder::new(line, request, payload).frame_size(MESSAGE_MAX).start()
}

struct Line {
    sid: CallSid,
    id: LineId,
    session: Addr<CallSession>,
    /// Which turns the session has silenced: their words may still be in the channel.
    silenced: Silenced,
    fragments: Fragments,
    /// When the peer last gave a sign of life.
    heard_at: Instant,
    answers_pings: bool,
    /// Whether the peer closed in good order; told to the session at the end.
    clean: bool,
}

impl Actor for Line {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (out, mut frames) = mpsc::channel(FRAMES_OUT);
        let frames = fut::wrap_stream::<_, Self>(poll_fn(move |cx| frames.poll_recv(cx)));
        // The session drops its end when it is over, or when a newer line has taken its place.
        let all_sent = actix::ActorStreamExt::map(
            frames,
            |frame, line: &mut Self, ctx: &mut Self::Context| {
                line.send(frame, ctx);
            },
        );
        ctx.spawn(actix::ActorStreamExt::finish(all_sent).map(|(), line, ctx| {
            line.close(CloseCode::Normal, ctx);
        }));
        ctx.run_interval(PING_EVERY, Self::ping);
        let attach = Attach { line: self.id, out, silenced: self.silenced.clone() };
        if self.session.try_send(attach).is_err() {
            tracing::error!(call.sid = %self.sid, "the session of a new line is not there");
            self.close(CloseCode::Error, ctx);
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        #[expect(
            clippy::disallowed_methods,
            reason = "it must reach a session whose mailbox is full; one that is gone needs it not"
        )]
        self.session.do_send(LineGone { line: self.id, clean: self.clean });
    }
}

impl Line {
    fn send(&mut self, frame: LineFrame, ctx: &mut WebsocketContext<Self>) {
        match frame {
            LineFrame::Words { turn, frame, .. } if self.silenced.allows(turn) => ctx.text(frame),
            // Silenced while it waited. The cycle it would have closed still ends.
            LineFrame::Words { last: true, .. } => ctx.text(Outbound::text("", true).encode()),
            LineFrame::Words { .. } => {}
            LineFrame::Control(frame) => ctx.text(frame),
            LineFrame::Close => self.close(CloseCode::Policy, ctx),
        }
    }

    fn hear(&mut self, frame: String, ctx: &mut WebsocketContext<Self>) {
        if self.session.try_send(Heard { line: self.id, frame }).is_err() {
            tracing::error!(call.sid = %self.sid, "the session does not keep up: its line is closed");
            self.close(CloseCode::Again, ctx);
        }
    }

    fn close(&mut self, code: CloseCode, ctx: &mut WebsocketContext<Self>) {
        ctx.close(Some(code.into()));
        ctx.stop();
    }

    fn ping(&mut self, ctx: &mut WebsocketContext<Self>) {
        if self.answers_pings && self.heard_at.elapsed() >= SILENT_MAX {
            tracing::warn!(call.sid = %self.sid, "the line is dead: its peer answers no more pings");
            return ctx.stop();
        }
        ctx.ping(b"");
    }

    /// The peer broke the protocol: this socket ends, the call can come back on another.
    fn reject(&mut self, reason: &'static str, code: CloseCode, ctx: &mut WebsocketContext<Self>) {
        tracing::warn!(call.sid = %self.sid, reason, "a frame was rejected and its line closed");
        metrics::counter!("switchhook_relay_frames_rejected_total", "reason" => reason)
            .increment(1);
        self.close(code, ctx);
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Line {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        self.heard_at = Instant::now();
        match message {
            Ok(Message::Text(text)) => self.hear(text.into(), ctx),
            Ok(Message::Continuation(part)) => match self.fragments.push(part) {
                Ok(Some(text)) => self.hear(text, ctx),
                Ok(None) => {}
                Err(Unfit::Oversize) => self.reject("oversize", CloseCode::Size, ctx),
                Err(Unfit::NotText) => self.reject("binary", CloseCode::Unsupported, ctx),
                Err(Unfit::NotUtf8) => self.reject("not_utf8", CloseCode::Invalid, ctx),
            },
            Ok(Message::Binary(_)) => self.reject("binary", CloseCode::Unsupported, ctx),
            Ok(Message::Ping(data)) => ctx.pong(&data),
            Ok(Message::Pong(_)) => self.answers_pings = true,
            Ok(Message::Close(reason)) => {
                self.clean = true;
                ctx.close(reason);
                ctx.stop();
            }
            Ok(Message::Nop) => {}
            Err(ProtocolError::Overflow) => self.reject("oversize", CloseCode::Size, ctx),
            Err(ProtocolError::Io(error)) => {
                tracing::debug!(call.sid = %self.sid, "the line broke: {error}");
                ctx.stop();
            }
            Err(_) => self.reject("protocol", CloseCode::Protocol, ctx),
        }
    }
}

/// Joins the fragments of a text message.
#[derive(Default)]
struct Fragments {
    joined: BytesMut,
    /// False while the fragments of a binary message come in.
    text: bool,
}

/// A fragmented message that is not taken.
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    Oversize,
    NotText,
    NotUtf8,
}

impl Fragments {
    /// Takes a part; returns the message when it was the last one.
    fn push(&mut self, part: Item) -> Result<Option<String>, Unfit> {
        let (bytes, last) = match part {
            Item::FirstText(bytes) => {
                self.joined.clear();
                self.text = true;
                (bytes, false)
            }
            Item::FirstBinary(_) => {
                self.text = false;
                return Err(Unfit::NotText);
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if !self.text {
            return Err(Unfit::NotText);
        }
        if self.joined.len() + bytes.len() > MESSAGE_MAX {
            self.joined.clear();
            return Err(Unfit::Oversize);
        }
        self.joined.extend_from_slice(&bytes);
        if !last {
            return Ok(None);
        }
        let text = String::from_utf8(self.joined.split().to_vec()).map_err(|_| Unfit::NotUtf8)?;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn part(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn a_message_in_fragments_is_one_message() {
        let mut fragments = Fragments::default();
        let (head, tail) = "über".as_bytes().split_at(1);
        assert_eq!(fragments.push(Item::FirstText(Bytes::copy_from_slice(head))), Ok(None));
        assert_eq!(fragments.push(Item::Continue(Bytes::copy_from_slice(tail))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("!"))), Ok(Some("über!".to_owned())));
        assert_eq!(fragments.push(Item::FirstText(part("a"))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("b"))), Ok(Some("ab".to_owned())));
    }

    #[test]
    fn fragments_are_bounded_together() {
        let mut fragments = Fragments::default();
        let half = "x".repeat(MESSAGE_MAX / 2);
        assert_eq!(fragments.push(Item::FirstText(part(&half))), Ok(None));
        assert_eq!(fragments.push(Item::Continue(part(&half))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::Oversize));
    }

    #[test]
    fn binary_and_broken_text_are_refused() {
        let mut fragments = Fragments::default();
        assert_eq!(fragments.push(Item::FirstBinary(part("x"))), Err(Unfit::NotText));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::NotText));
        assert_eq!(fragments.push(Item::FirstText(Bytes::from_static(b"\xff"))), Ok(None));
        assert_eq!(fragments.push(Item::Last(part("x"))), Err(Unfit::NotUtf8));
    }
}
