//! One ConversationRelay session: the socket, the voice, and what the person does.
//!
//! Frames, orders and the voice's own time meet in one loop, so nothing here is locked or shared
//! across threads. Source: <https://www.twilio.com/docs/voice/conversationrelay/websocket-messages>.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use awc::ws::{CloseCode, CloseReason, Frame, Message};
use serde_json::{Value, json};

pub(super) use self::ended::Ended;
use self::{
    recovery::{Progress, Recovery},
    socket::{Incoming, Socket},
};
use super::{
    CallerError,
    address::Target,
    documents::Document,
    happening::Happening,
    history::History,
    options::new_sid,
    phone::{Ask, Order, Phone},
    relay::{By, Relay},
    validate::{self, Text, Told},
    voice::{Cut, Piece, Voice, VoiceEvent},
};

mod ended;
mod orders;
mod recovery;
mod socket;

/// Per the reference: as many in a row end the session with close code 1007.
const MAX_MALFORMED: u32 = 10;
/// Twilio's error codes.
const CANNOT_CONNECT: u32 = 64102;
const SOCKET_ENDED: u32 = 64105;

/// How a session ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// By the caller.
    HungUp,
    /// By the engine's `end`.
    Ended { handoff: Option<String> },
    /// By an error, Twilio's code and message.
    Failed { code: u32, reason: String },
    /// By an error that was told to the action URL already, and this is its answer.
    Answered(Document),
}

/// Where a session's end is told.
pub(super) struct Action<'a> {
    /// As written.
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    /// The document that names it.
    pub(super) document: &'a str,
}

/// Why a socket is of no use any more.
struct Lost {
    reason: String,
    code: Option<CloseCode>,
}

/// A session.
pub(super) struct Line<'a> {
    phone: &'a mut Phone,
    target: &'a Target,
    relay: &'a Relay,
    session_id: String,
    /// None: nobody is told.
    action: Option<Action<'a>>,
    began: Instant,
    socket: Socket,
    /// The way back to a socket, when it was lost.
    recovery: Option<Recovery>,
    /// The engine said `end`; the inner part is its `handoffData`.
    end: Option<Option<String>>,
    /// Violations in a row.
    malformed: u32,
    /// What the recogniser reports.
    lang: String,
}

enum Step {
    Incoming(Result<Incoming, Lost>),
    Order(Option<Order>),
    Recovery(Progress),
    Woke,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        phone: &'a mut Phone,
        target: &'a Target,
        relay: &'a Relay,
        session_id: String,
        action: Option<Action<'a>>,
    ) -> Self {
        phone.shared.with(|history| {
            let now = history.clock(Instant::now());
            history.voice.stop(now);
            history.voice.take_events();
        });
        let lang = relay.transcription_language().to_owned();
        let socket = Socket::remembering(phone.options.variant.tail);
        Self {
            phone,
            target,
            relay,
            session_id,
            action,
            began: Instant::now(),
            socket,
            recovery: None,
            end: None,
            malformed: 0,
            lang,
        }
    }

    pub(super) fn into_session_id(self) -> String {
        self.session_id
    }

    pub(super) async fn run(&mut self) -> Outcome {
        if let Err(reason) = self.open().await {
            return Outcome::Failed { code: CANNOT_CONNECT, reason };
        }
        self.greet();
        loop {
            if let ControlFlow::Break(outcome) = self.turn().await {
                return outcome;
            }
        }
    }

    /// Waits for one thing and deals with it.
    async fn turn(&mut self) -> ControlFlow<Outcome> {
        if let Err(lost) = self.tell_events().await {
            return self.lost(lost).await;
        }
        if let Some(handoff) = self.drained() {
            self.socket.close(CloseCode::Normal, "").await;
            return ControlFlow::Break(Outcome::Ended { handoff });
        }
        let wake = self.phone.shared.with(|history| {
            let now = history.clock(Instant::now());
            history.voice.wakes_at(now).map(|at| history.instant(at))
        });
        let step = tokio::select! {
            incoming = self.socket.next() => Step::Incoming(incoming),
            order = self.phone.orders.recv() => Step::Order(order),
            progress = recovery::progress(&mut self.recovery) => Step::Recovery(progress),
            () = sleep_until(wake) => Step::Woke,
        };
        let result = match step {
            Step::Woke => {
                self.phone.shared.change(|history| {
                    let now = history.clock(Instant::now());
                    history.voice.advance(now);
                });
                Ok(())
            }
            Step::Incoming(Ok(Incoming::Text(frame))) => return self.frame(frame).await,
            Step::Incoming(Ok(Incoming::Wrong(what))) => {
                return self.malformed(&what, what.clone()).await;
            }
            Step::Incoming(Ok(Incoming::Control)) => Ok(()),
            Step::Incoming(Err(lost)) => Err(lost),
            Step::Order(Some(order)) => return self.order(order).await,
            Step::Recovery(progress) => return self.recover(progress).await,
            // The handle is gone, and the line goes with it.
            Step::Order(None) => {
                return ControlFlow::Break(Outcome::HungUp);
            }
        };
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(lost) => self.lost(lost).await,
        }
    }

    /// The engine's `end` takes effect once everything was heard.
    fn drained(&self) -> Option<Option<String>> {
        let quiet = self.phone.shared.with(|history| !history.voice.is_speaking());
        self.end.clone().filter(|_| quiet)
    }

    fn greet(&mut self) {
        let Some(greeting) = self.relay.greeting() else { return };
        self.phone.shared.change(|history| {
            history.record(Happening::Said(greeting.to_owned()));
        });
        let piece = Piece {
            text: greeting.to_owned(),
            interruptible: self.relay.greeting_interruptible(),
            preemptible: false,
            last: true,
        };
        self.voice(|voice, now| voice.push(now, piece));
    }

    /// Passes on what the voice did, to those who subscribed it.
    async fn tell_events(&mut self) -> Result<(), Lost> {
        let events = self.phone.shared.with(|history| history.voice.take_events());
        for event in events {
            match event {
                VoiceEvent::Speaking(on) => {
                    self.info("speaker-events", "agentSpeaking", if on { "on" } else { "off" })
                        .await?;
                }
                VoiceEvent::Played(words) => {
                    self.info("tokens-played", "tokensPlayed", &words).await?;
                }
            }
        }
        Ok(())
    }

    async fn info(&mut self, event: &str, name: &str, value: &str) -> Result<(), Lost> {
        let heard = self.socket.is_open() || self.relay.application_reconnect();
        if !heard || !self.phone.options.info || !self.relay.subscribes(event) {
            return Ok(());
        }
        self.send(&json!({"type": "info", "name": name, "value": value})).await
    }

    /// A text frame of the engine.
    async fn frame(&mut self, frame: String) -> ControlFlow<Outcome> {
        let at = Instant::now();
        match validate::read(&frame) {
            Ok(told) => {
                self.malformed = 0;
                self.received(frame);
                self.perform(at, told);
                ControlFlow::Continue(())
            }
            Err(violation) => {
                self.received(frame.clone());
                self.malformed(&frame, format!("{violation} in {frame}")).await
            }
        }
    }

    fn received(&self, frame: String) {
        if self.is_kept() {
            self.phone.shared.change(|history| history.record(Happening::Received(frame)));
        }
    }

    fn is_kept(&self) -> bool {
        self.phone.shared.with(|history| history.is_kept())
    }

    async fn malformed(&mut self, frame: &str, problem: String) -> ControlFlow<Outcome> {
        self.phone.shared.change(|history| history.violation(problem));
        self.malformed += 1;
        if self.malformed >= MAX_MALFORMED {
            let reason = "Too many consecutive malformed messages";
            self.socket.close(CloseCode::Invalid, reason).await;
            let reason = reason.to_owned();
            return ControlFlow::Break(Outcome::Failed { code: SOCKET_ENDED, reason });
        }
        let description = format!("Invalid message received: {frame}");
        match self.send(&json!({"type": "error", "description": description})).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(lost) => self.lost(lost).await,
        }
    }

    fn perform(&mut self, at: Instant, told: Told) {
        match told {
            Told::Text(text) => self.text(at, text),
            Told::Play { times, interruptible, preemptible, .. } => {
                let text = Text { interruptible, preemptible, last: true, ..Text::default() };
                let piece = self.piece(text);
                self.voice(|voice, now| voice.play(now, times, piece));
            }
            Told::SendDigits { .. } => {}
            Told::Language { transcription, .. } => {
                self.lang = transcription.unwrap_or_else(|| std::mem::take(&mut self.lang));
            }
            Told::End { handoff_data } => {
                self.phone.shared.change(|history| history.handoff.clone_from(&handoff_data));
                self.end = Some(handoff_data);
            }
        }
    }

    fn text(&mut self, at: Instant, text: Text) {
        if let Some(ear) = &self.phone.options.ear {
            ear(at, &text);
        }
        let shared = &self.phone.shared;
        let news = shared.with(|history| history.text(at, &text) || history.is_kept());
        let piece = self.piece(text);
        let push = |history: &mut History| {
            let now = history.clock(at);
            history.voice.push(now, piece);
        };
        if news { shared.change(push) } else { shared.with(push) }
    }

    fn piece(&self, text: Text) -> Piece {
        let interruptible = match text.interruptible {
            Some(true) => By::Any,
            Some(false) => By::None,
            None => self.relay.interruptible(),
        };
        Piece {
            text: text.token,
            interruptible,
            preemptible: text.preemptible.unwrap_or_else(|| self.relay.preemptible()),
            last: text.last,
        }
    }

    fn voice<R>(&mut self, act: impl FnOnce(&mut Voice, Duration) -> R) -> R {
        self.phone.shared.change(|history| {
            let now = history.clock(Instant::now());
            act(&mut history.voice, now)
        })
    }

    async fn send(&mut self, message: &Value) -> Result<(), Lost> {
        self.send_text(message.to_string()).await
    }

    async fn send_text(&mut self, frame: String) -> Result<(), Lost> {
        let replayed = self.relay.application_reconnect();
        let kept = self.is_kept().then(|| frame.clone());
        self.socket.send(frame, replayed).await?;
        self.noted(kept);
        Ok(())
    }

    /// Sends what is never replayed.
    async fn send_once(&mut self, frame: String) -> Result<(), Lost> {
        let kept = self.is_kept().then(|| frame.clone());
        self.socket.write(Message::Text(frame.into())).await?;
        self.noted(kept);
        Ok(())
    }

    fn noted(&self, sent: Option<String>) {
        if let Some(frame) = sent {
            self.phone.shared.change(|history| history.record(Happening::Sent(frame)));
        }
    }
}

/// Never, when there is nothing to wait for.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
