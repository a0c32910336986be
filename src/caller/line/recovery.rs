//! Opening the socket, and what happens when the engine or the network has lost it: the variant that
//! the options name. Meanwhile the caller goes on to speak and the voice to be heard.

use std::pin::Pin;

use super::*;
use crate::caller::{
    WireError,
    history::History,
    reconnect::{Clean, Way},
    record::What,
    wire::{Frames, Wire},
};

/// A socket or why there is none, and how long that took.
type Opened = (Duration, Result<Box<dyn Frames>, WireError>);

/// A lost socket, and how far the way back is.
pub(super) struct Recovery {
    /// Why the socket is gone.
    lost: String,
    /// How often the address was tried.
    attempts: u32,
    phase: Phase,
}

enum Phase {
    /// For the next attempt.
    Waits(Instant),
    /// It is being tried.
    Opens(Pin<Box<dyn Future<Output = Opened>>>),
}

/// What the recovery waited for.
pub(super) enum Progress {
    Due,
    Opened(Opened),
}

/// The next thing that happens; never, when nothing is lost.
pub(super) async fn progress(recovery: &mut Option<Recovery>) -> Progress {
    match recovery.as_mut().map(|recovery| &mut recovery.phase) {
        None => std::future::pending().await,
        Some(Phase::Waits(until)) => {
            tokio::time::sleep_until((*until).into()).await;
            Progress::Due
        }
        Some(Phase::Opens(opening)) => Progress::Opened(opening.await),
    }
}

async fn open(wire: Wire, target: Target) -> Opened {
    let began = Instant::now();
    let opened = wire.open(&target).await;
    (began.elapsed(), opened)
}

impl Line<'_> {
    /// Connects and introduces the call.
    pub(super) async fn open(&mut self) -> Result<(), String> {
        let opened = open(self.phone.wire.clone(), self.target.clone()).await;
        let frames = self.opened(opened).inspect_err(|reason| self.broken(reason.clone()))?;
        self.socket.put(frames);
        self.phone.note(format!("connected to {}", self.target.connect));
        self.introduce().await.map_err(|lost| lost.reason)
    }

    fn opened(&self, (took, opened): Opened) -> Result<Box<dyn Frames>, String> {
        let frames = opened.map_err(|error| error.to_string())?;
        self.phone.shared.with(|history| history.connects.push(took));
        Ok(frames)
    }

    async fn introduce(&mut self) -> Result<(), Lost> {
        let setup = self.setup();
        self.send_once(setup.to_string()).await?;
        self.count_socket();
        Ok(())
    }

    /// The same session over a new socket, at once.
    pub(super) async fn reopen(&mut self) -> Result<(), String> {
        self.recovery = None;
        let opened = open(self.phone.wire.clone(), self.target.clone()).await;
        let frames = self.opened(opened).inspect_err(|reason| self.broken(reason.clone()))?;
        self.go_on(frames).await.map_err(|lost| lost.reason)
    }

    /// The session goes on over this socket.
    async fn go_on(&mut self, frames: Box<dyn Frames>) -> Result<(), Lost> {
        let variant = self.phone.options.variant.clone();
        if !variant.keeps_session {
            self.session_id = new_sid("VX");
        }
        self.malformed = 0;
        self.socket.put(frames);
        self.phone.note(format!("connected again to {}", self.target.connect));
        if variant.setup {
            self.introduce().await?;
        } else {
            self.count_socket();
        }
        let replayed = self.socket.replay(variant.replay).await?;
        if replayed > 0 {
            self.phone.note(format!("{replayed} events were replayed"));
        }
        Ok(())
    }

    /// The socket is gone and nobody on this side wanted it.
    pub(super) async fn lost(&mut self, lost: Lost) -> ControlFlow<Outcome> {
        self.note_lost(&lost.reason);
        self.socket.cut();
        self.broken(lost.reason.clone());
        if self.end.is_some() {
            let early = "the engine closed the socket before its goodbye was heard".to_owned();
            self.phone.shared.change(|history| history.violation(early));
        }
        let gone = Outcome::Failed { code: SOCKET_ENDED, reason: lost.reason.clone() };
        let agreed = self.phone.options.reconnect && self.relay.application_reconnect();
        let way = if agreed { self.phone.options.variant.way } else { Way::Action };
        if self.is_meant(&lost) || self.end.is_some() {
            return ControlFlow::Break(gone);
        }
        let after = self.phone.options.variant.after;
        if way == Way::Action && after.is_zero() {
            return ControlFlow::Break(gone);
        }
        if way == Way::ActionThenSocket {
            // Twilio may ask and not need the answer any more.
            let _ = self.ask_action(&lost.reason).await;
        }
        let phase = Phase::Waits(Instant::now() + after);
        self.recovery = Some(Recovery { lost: lost.reason, attempts: 0, phase });
        ControlFlow::Continue(())
    }

    /// A refusal is meant, and a clean close perhaps; everything else is an accident.
    fn is_meant(&self, lost: &Lost) -> bool {
        match (lost.code, self.phone.options.variant.clean) {
            (Some(CloseCode::Policy), _) => true,
            (Some(CloseCode::Normal), clean) => clean != Clean::Drops,
            (Some(CloseCode::Away | CloseCode::Restart), clean) => clean == Clean::Ends,
            _ => false,
        }
    }

    /// One step on the way back.
    pub(super) async fn recover(&mut self, progress: Progress) -> ControlFlow<Outcome> {
        let Some(mut recovery) = self.recovery.take() else { return ControlFlow::Continue(()) };
        let options = &self.phone.options;
        let agreed = options.reconnect && self.relay.application_reconnect();
        let may_open = agreed && options.variant.way != Way::Action;
        match progress {
            Progress::Due if may_open => {
                recovery.attempts += 1;
                let opening = open(self.phone.wire.clone(), self.target.clone());
                recovery.phase = Phase::Opens(Box::pin(opening));
            }
            Progress::Due => {
                let outcome = Outcome::Failed { code: SOCKET_ENDED, reason: recovery.lost };
                return ControlFlow::Break(outcome);
            }
            Progress::Opened(opened) => {
                let again = match self.opened(opened) {
                    Ok(frames) => self.go_on(frames).await.map_err(|lost| lost.reason),
                    Err(reason) => Err(reason),
                };
                return match again {
                    Ok(()) => self.recovered(&recovery.lost).await,
                    Err(reason) => self.failed(recovery, reason),
                };
            }
        }
        self.recovery = Some(recovery);
        ControlFlow::Continue(())
    }

    /// There is a socket again; in one of the variants Twilio has asked the action URL besides.
    async fn recovered(&mut self, lost: &str) -> ControlFlow<Outcome> {
        if self.phone.options.variant.way != Way::SocketThenAction {
            return ControlFlow::Continue(());
        }
        match self.ask_action(lost).await {
            Some(document) => ControlFlow::Break(Outcome::Answered(document)),
            None => ControlFlow::Continue(()),
        }
    }

    /// An attempt has failed: another one is due, or the action URL.
    fn failed(&mut self, mut recovery: Recovery, reason: String) -> ControlFlow<Outcome> {
        self.socket.cut();
        self.broken(reason.clone());
        let variant = &self.phone.options.variant;
        if recovery.attempts >= variant.attempts {
            return ControlFlow::Break(Outcome::Failed { code: CANNOT_CONNECT, reason });
        }
        recovery.phase = Phase::Waits(Instant::now() + variant.pause(recovery.attempts));
        self.recovery = Some(recovery);
        ControlFlow::Continue(())
    }

    /// Tells the action URL that the session has failed, while it goes on. None: no action, or no
    /// document.
    async fn ask_action(&self, reason: &str) -> Option<Document> {
        let action = self.action.as_ref()?;
        let outcome = Outcome::Failed { code: SOCKET_ENDED, reason: reason.to_owned() };
        let seconds = self.began.elapsed().as_secs();
        let ended = Ended { session_id: self.session_id.clone(), seconds, outcome };
        let fields = ended.told(self.phone);
        self.phone.shared.change(History::fail_session);
        let asked = self.phone.follow(action.url, action.document, action.method, &fields).await;
        asked.inspect_err(|error| self.broken(error.to_string())).ok()
    }

    /// A socket that stood is gone; a checker counts from here.
    pub(super) fn note_lost(&self, why: &str) {
        if self.socket.is_open() {
            let lost = |socket| What::Lost { socket, why: why.to_owned() };
            self.phone.shared.with(|history| {
                history.connected = None;
                history.fact(lost);
            });
        }
    }

    /// There is one more socket in the call.
    fn count_socket(&self) {
        let session = self.session_id.clone();
        self.phone.shared.change(|history| {
            history.sessions += 1;
            history.connected = Some(Instant::now());
            history.fact(|socket| What::Opened { socket, session });
        });
    }

    fn broken(&self, why: String) {
        self.phone.shared.change(|history| history.record(Happening::Broken(why)));
    }

    /// Everything the reference documents.
    fn setup(&self) -> Value {
        let options = &self.phone.options;
        json!({
            "type": "setup",
            "sessionId": self.session_id,
            "accountSid": options.account_sid,
            "parentCallSid": "",
            "callSid": self.phone.call_sid,
            "from": options.from,
            "to": options.to,
            "forwardedFrom": options.forwarded_from,
            "callerName": options.caller_name,
            "direction": "inbound",
            "callType": "PSTN",
            "callStatus": "RINGING",
            "customParameters": self.relay.parameters,
        })
    }
}
