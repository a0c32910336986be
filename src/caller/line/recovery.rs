//! Opening the socket, and opening it again when the engine has lost it.

use super::*;

/// Waits before the attempts of Twilio's own reconnect. How often it really tries is not public;
/// 8 s outlast the restart of an instance.
const RECONNECT_AFTER_MS: [u64; 6] = [0, 250, 500, 1_000, 2_000, 4_000];

impl Line<'_> {
    /// Connects and introduces the call.
    pub(super) async fn open(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let opened = self.phone.wire.open(self.target).await;
        let frames = opened.map_err(|error| {
            self.broken(error.to_string());
            error.to_string()
        })?;
        self.socket.put(frames);
        self.phone.shared.with(|history| history.connects.push(began.elapsed()));
        let setup = self.setup();
        self.phone.note(format!("connected to {}", self.target.connect));
        if let Err(lost) = self.send(&setup).await {
            return Err(lost.reason);
        }
        self.phone.shared.change(|history| history.sessions += 1);
        Ok(())
    }

    /// The same session over a new socket.
    pub(super) async fn reopen(&mut self) -> Result<(), String> {
        if !self.phone.options.keep_session_id {
            self.session_id = new_sid("VX");
        }
        self.malformed = 0;
        self.open().await?;
        self.socket.replay().await.map_err(|lost| lost.reason)
    }

    /// The socket is gone and nobody on this side wanted it.
    pub(super) async fn lost(&mut self, lost: Lost) -> ControlFlow<Outcome> {
        self.socket.cut();
        self.broken(lost.reason.clone());
        if self.end.is_some() {
            let early = "the engine closed the socket before its goodbye was heard".to_owned();
            self.phone.shared.change(|history| history.violation(early));
        }
        // A normal close or a refusal is meant; everything else is an accident.
        let meant = matches!(lost.code, Some(CloseCode::Normal | CloseCode::Policy));
        let again = self.phone.options.reconnect && self.relay.application_reconnect();
        if again && !meant && self.end.is_none() {
            for pause in RECONNECT_AFTER_MS {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if self.reopen().await.is_ok() {
                    return ControlFlow::Continue(());
                }
            }
        }
        ControlFlow::Break(Outcome::Failed { code: SOCKET_ENDED, reason: lost.reason })
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
