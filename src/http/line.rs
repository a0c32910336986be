//! A line: the socket of a call, and nothing but the socket.
//!
//! The only file that names actix_web_actors, which is deprecated in favour of actix-ws: to change
//! over is to change this file. Its actor lives inside the HTTP response body, so a peer that stops
//! reading freezes it, timers and all. That is why it only moves frames and pings: the call itself
//! is held by a CallSession, which no socket can stop.

mod fragments;
mod pace;
mod wire;

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, StreamHandler, fut};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{
    CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder,
};
use futures_util::stream::poll_fn;
use switchhook_actors::{
    call_session::{
        CallSession, Peers,
        messages::{Attach, Heard, LineFrame, LineGone, Receipts, Silenced},
    },
    directory::Directory,
    domain::{
        ids::{CallSid, LineId},
        record::Failure,
        relay::{Inbound, Outbound},
    },
};
use tokio::sync::mpsc;

use self::{
    fragments::{Fragments, Unfit},
    wire::{Guarded, MESSAGE_MAX, Refusal, Wire},
};
use super::error::HttpError;

/// Frames on their way to the socket. When they are that many, the session joins words.
const FRAMES_OUT: usize = 64;

/// What such a ping carries, so that its answer is no other's.
const RECEIPT: &[u8] = b"r";

/// How often the peer is pinged while words go out: of words that a lost socket took as much as leaves
/// in that time may be neither heard nor said again.
const RECEIPT_EVERY: Duration = Duration::from_millis(25);

/// Text frames in a row that are no messages: as many as Twilio takes from us.
const UNREADABLE_MAX: u32 = 10;

/// How long a line may be quiet before its peer counts as dead.
#[derive(Debug, Clone, Copy)]
pub struct Pings {
    /// How often the peer is pinged; also keeps proxies from reaping an idle line.
    pub ping: Duration,
    /// A peer that has answered a ping, and is then silent for this long, is dead. So is one that
    /// never said anything, and one that does not end what it has begun to say. Whether every
    /// Twilio edge answers pings is not documented: one that speaks and never did is not judged.
    pub silent: Duration,
}

/// Whose line it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) sid: CallSid,
    /// The failure of the session before this line, if its address tells of one.
    pub(super) failed_before: Option<Failure>,
}

/// Answers the upgrade and attaches a new line to the call's session, here or on another worker,
/// or to one that starts now.
pub(super) fn connect(
    request: &HttpRequest,
    payload: web::Payload,
    call: Call,
    directory: &Directory<CallSession>,
    peers: &Arc<Peers>,
    pings: Pings,
) -> Result<HttpResponse, actix_web::Error> {
    // A request that is no upgrade must not start a session.
    actix_http::ws::handshake(request.head())
        .map_err(|error| HttpError::BadRequest(format!("expected a WebSocket upgrade: {error}")))?;
    let Call { sid, failed_before } = call;
    let session = directory.seat(sid, || CallSession::begin(sid, Arc::clone(peers)));
    let now = Instant::now();
    let wire = Rc::new(RefCell::new(Wire::new(now)));
    let payload = Guarded::new(payload, Rc::clone(&wire));
    let line = Line {
        sid,
        failed_before,
        pings,
        wire,
        id: directory.next_line(),
        session,
        silenced: Silenced::default(),
        receipts: Receipts::default(),
        words: 0,
        asked_at: now,
        cycle_open: false,
        fragments: Fragments::default(),
        heard_at: now,
        spoken: false,
        answers_pings: false,
        unreadable: 0,
        clean: false,
        closed: false,
    };
    WsResponseBuilder::new(line, request, payload).frame_size(MESSAGE_MAX).start()
}

struct Line {
    sid: CallSid,
    failed_before: Option<Failure>,
    pings: Pings,
    /// Shared with the stream of what comes in.
    wire: Rc<RefCell<Wire>>,
    id: LineId,
    session: Addr<CallSession>,
    /// How often the caller has cut in: words from before may still be in the channel.
    silenced: Silenced,
    /// What the peer has got of the words.
    receipts: Receipts,
    /// Frames of words that were sent, or dropped.
    words: u64,
    /// When the peer was pinged for them last.
    asked_at: Instant,
    /// Whether a talk cycle was opened on this socket and not closed yet.
    cycle_open: bool,
    fragments: Fragments,
    /// When the peer last gave a sign of life.
    heard_at: Instant,
    /// Whether it has said anything at all.
    spoken: bool,
    answers_pings: bool,
    /// Text frames in a row that were no messages.
    unreadable: u32,
    /// Whether the peer closed in good order; told to the session at the end.
    clean: bool,
    /// Whether its last frame is out: nothing is sent or heard after a close.
    closed: bool,
}

impl Actor for Line {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let thread = std::thread::current();
        let worker = thread.name().unwrap_or("unnamed");
        tracing::info!(call.sid = %self.sid, line = self.id.0, worker, "a line is open");
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
        // At once as well: a peer that answers is known before it can fall silent.
        ctx.ping(b"");
        ctx.run_interval(self.pings.ping, Self::ping);
        let (silenced, receipts) = (self.silenced.clone(), self.receipts.clone());
        let failed_before = self.failed_before;
        let attach = Attach { line: self.id, out, silenced, receipts, failed_before };
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
        if let LineFrame::Words { .. } = &frame {
            self.ask_for_receipt(ctx);
            self.words += 1;
        }
        match frame {
            _ if self.closed => {}
            LineFrame::Words { cuts, last, frame } if self.silenced.allows(cuts) => {
                self.cycle_open = !last;
                ctx.text(frame);
            }
            // Words that were silenced while they waited. The cycle they would have closed still ends.
            LineFrame::Words { last: false, .. } => {}
            LineFrame::Words { last: true, .. } | LineFrame::EndCycle => {
                if std::mem::take(&mut self.cycle_open) {
                    ctx.text(Outbound::text("", true).encode());
                }
            }
            LineFrame::Control(frame) => ctx.text(frame),
            LineFrame::Close => self.close(CloseCode::Policy, ctx),
            LineFrame::Broken => self.close(CloseCode::Error, ctx),
        }
    }

    /// Before words go out: a peer that does not answer will not have got them.
    fn ask_for_receipt(&mut self, ctx: &mut WebsocketContext<Self>) {
        let due = || self.asked_at.elapsed() >= RECEIPT_EVERY;
        if self.answers_pings && !self.closed && !self.receipts.is_awaited() && due() {
            self.asked_at = Instant::now();
            self.receipts.pinged(self.words);
            ctx.ping(RECEIPT);
        }
    }

    fn hear(&mut self, frame: &str, ctx: &mut WebsocketContext<Self>) {
        let reading = match Inbound::read(frame) {
            Ok(reading) => reading,
            Err(error) => return self.ignore(error.label(), ctx),
        };
        self.unreadable = 0;
        metrics::counter!("switchhook_relay_frames_total", "type" => reading.message.label())
            .increment(1);
        if reading.shortened {
            tracing::warn!(call.sid = %self.sid, "the caller's words were too many: the last are dropped");
            metrics::counter!("switchhook_inputs_ignored_total", "input" => "prompt_tail")
                .increment(1);
        }
        if self.session.try_send(Heard { line: self.id, message: reading.message }).is_err() {
            tracing::error!(call.sid = %self.sid, "the session does not keep up: its line is closed");
            self.close(CloseCode::Again, ctx);
        }
    }

    /// A frame that is no message; a peer that says nothing else is not Twilio's.
    fn ignore(&mut self, reason: &'static str, ctx: &mut WebsocketContext<Self>) {
        self.unreadable += 1;
        if self.unreadable >= UNREADABLE_MAX {
            return self.reject(reason, CloseCode::Invalid, ctx);
        }
        tracing::warn!(call.sid = %self.sid, reason, "a frame that is no message was ignored");
        rejected(reason);
    }

    fn close(&mut self, code: CloseCode, ctx: &mut WebsocketContext<Self>) {
        self.hang_up(Some(code.into()), ctx);
    }

    fn hang_up(&mut self, reason: Option<CloseReason>, ctx: &mut WebsocketContext<Self>) {
        if !std::mem::replace(&mut self.closed, true) {
            ctx.close(reason);
            ctx.stop();
        }
    }

    fn ping(&mut self, ctx: &mut WebsocketContext<Self>) {
        let now = Instant::now();
        let silent = now.duration_since(self.heard_at) >= self.pings.silent;
        if silent && (self.answers_pings || !self.spoken) {
            tracing::warn!(call.sid = %self.sid, "the line is dead: its peer gives no sign of life");
            return ctx.stop();
        }
        let unfinished = self.wire.borrow().unfinished(now);
        if unfinished.is_some_and(|since| since >= self.pings.silent) {
            return self.reject("unfinished", CloseCode::Policy, ctx);
        }
        ctx.ping(b"");
    }

    /// The peer broke the protocol: this socket ends, the call can come back on another.
    fn reject(&mut self, reason: &'static str, code: CloseCode, ctx: &mut WebsocketContext<Self>) {
        tracing::warn!(call.sid = %self.sid, reason, "a frame was rejected and its line closed");
        rejected(reason);
        self.close(code, ctx);
    }
}

fn rejected(reason: &'static str) {
    metrics::counter!("switchhook_relay_frames_rejected_total", "reason" => reason).increment(1);
}

impl StreamHandler<Result<Message, ProtocolError>> for Line {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        if self.closed {
            return;
        }
        self.heard_at = Instant::now();
        self.spoken = true;
        match message {
            Ok(Message::Text(text)) => self.hear(&text, ctx),
            Ok(Message::Continuation(part)) => match self.fragments.push(part) {
                Ok(Some(text)) => self.hear(&text, ctx),
                Ok(None) => {}
                Err(Unfit::Oversize) => self.reject("oversize", CloseCode::Size, ctx),
                Err(Unfit::NotText) => self.reject("binary", CloseCode::Unsupported, ctx),
                Err(Unfit::NotUtf8) => self.reject("not_utf8", CloseCode::Invalid, ctx),
            },
            Ok(Message::Binary(_)) => self.reject("binary", CloseCode::Unsupported, ctx),
            Ok(Message::Ping(data)) => ctx.pong(&data),
            Ok(Message::Pong(data)) => {
                self.answers_pings = true;
                if data == RECEIPT {
                    self.receipts.answered();
                }
            }
            Ok(Message::Close(reason)) => {
                self.clean = true;
                self.hang_up(reason, ctx);
            }
            Ok(Message::Nop) => {}
            Err(ProtocolError::Overflow) => self.reject("oversize", CloseCode::Size, ctx),
            // The stream gives no other error of this kind: it ends when the connection breaks.
            Err(ProtocolError::Io(_)) => self.reject("not_utf8", CloseCode::Invalid, ctx),
            Err(_) => self.reject("protocol", CloseCode::Protocol, ctx),
        }
    }

    /// Nothing more is read, by the peer's will or by ours.
    fn finished(&mut self, ctx: &mut Self::Context) {
        let refused = self.wire.borrow().refused();
        match refused {
            _ if self.closed => {}
            Some(Refusal::Oversize) => self.reject("oversize", CloseCode::Size, ctx),
            Some(Refusal::Flood) => self.reject("flood", CloseCode::Policy, ctx),
            Some(Refusal::Protocol) => self.reject("protocol", CloseCode::Protocol, ctx),
            Some(Refusal::Broken) | None => ctx.stop(),
        }
    }
}
