//! What the person on the phone does, as frames.

use super::*;
use crate::caller::{phone::check_keys, record::What};

impl Line<'_> {
    /// Does what the person wants, and tells the handle when it is done.
    pub(super) async fn order(&mut self, order: Order) -> ControlFlow<Outcome> {
        let done = match &order.ask {
            Ask::HangUp => {
                self.socket.close(CloseCode::Normal, "").await;
                order.answer(Ok(None));
                return ControlFlow::Break(Outcome::HungUp);
            }
            Ask::Fail(code) => {
                self.socket.cut();
                let (code, reason) = (*code, meaning(*code).to_owned());
                order.answer(Ok(None));
                return ControlFlow::Break(Outcome::Failed { code, reason });
            }
            Ask::LoseLine => {
                let reason = "the network lost the line".to_owned();
                self.leave_socket();
                order.answer(Ok(None));
                return self.lost(Lost { reason, code: None }).await;
            }
            Ask::DropLine => {
                self.leave_socket();
                self.phone.note("the line was cut".to_owned());
                order.answer(Ok(None));
                return ControlFlow::Continue(());
            }
            Ask::Reconnect => {
                self.leave_socket();
                let opened = self.reopen().await.map_err(CallerError::NotReconnected);
                order.answer(opened.map(|()| None));
                return ControlFlow::Continue(());
            }
            Ask::Press(keys) => {
                if let Err(error) = self.may_press(keys) {
                    order.answer(Err(error));
                    return ControlFlow::Continue(());
                }
                self.press(keys).await
            }
            Ask::Say(text) => self.say(text).await,
            Ask::Partial(text) => self.prompt(text, false).await,
            Ask::Interrupt => self.interrupt(false).await,
            Ask::Raw(frame) => self.send_text(frame.clone()).await.map(|()| None),
        };
        match done {
            Ok(cut) => {
                order.answer(Ok(cut));
                ControlFlow::Continue(())
            }
            Err(lost) => {
                let was_open = self.socket.is_open();
                order.answer(Err(CallerError::NoLine));
                // A line that was cut on purpose stays cut.
                if was_open { self.lost(lost).await } else { ControlFlow::Continue(()) }
            }
        }
    }

    /// The network has lost the line, and the engine may not know it yet.
    fn leave_socket(&mut self) {
        self.note_lost("the network lost the line");
        if self.phone.options.variant.early {
            self.socket.leave();
        } else {
            self.socket.cut();
        }
    }

    /// Whether what the person does goes anywhere, now or later.
    fn may_be_heard(&self) -> Result<(), Lost> {
        if self.socket.is_open() || self.relay.application_reconnect() {
            return Ok(());
        }
        Err(Lost { reason: "there is no socket".to_owned(), code: None })
    }

    /// A socket that breaks under it takes nothing of what was said.
    async fn say(&mut self, text: &str) -> Result<Option<Cut>, Lost> {
        self.may_be_heard()?;
        let mut sent = Ok(());
        for switch in ["on", "off"] {
            sent = sent.and(self.info("speaker-events", "clientSpeaking", switch).await);
        }
        let open = self.socket.is_open() && sent.is_ok();
        self.phone.shared.change(|history| history.ask(Instant::now(), text, open));
        let prompt = self.prompt(text, true).await;
        sent.and(prompt)
    }

    async fn prompt(&mut self, text: &str, last: bool) -> Result<Option<Cut>, Lost> {
        let prompt =
            json!({"type": "prompt", "voicePrompt": text, "lang": self.lang, "last": last});
        self.send(&prompt).await?;
        Ok(None)
    }

    fn may_press(&self, keys: &str) -> Result<(), CallerError> {
        if !self.relay.dtmf_detection() {
            return Err(CallerError::NoDtmf);
        }
        check_keys(keys)
    }

    async fn press(&mut self, keys: &str) -> Result<Option<Cut>, Lost> {
        self.may_be_heard()?;
        let mut sent = self.interrupt(true).await;
        for key in keys.chars() {
            // The answer belongs to the last of them; until then each may be it.
            let (open, key) = (self.socket.is_open() && sent.is_ok(), key.to_string());
            self.phone.shared.change(|history| history.ask(Instant::now(), &key, open));
            let pressed = self.send(&json!({"type": "dtmf", "digit": key})).await;
            sent = sent.and_then(|cut| pressed.map(|()| cut));
        }
        sent
    }

    /// Cuts the voice, if it speaks and may be cut.
    async fn interrupt(&mut self, by_key: bool) -> Result<Option<Cut>, Lost> {
        let cut = self.voice(|voice, now| voice.interrupt(now, by_key));
        let Some(cut) = cut else { return Ok(None) };
        let millis = u64::try_from(cut.after.as_millis()).unwrap_or(u64::MAX);
        let after = if self.phone.options.duration_as_text {
            json!(millis.to_string())
        } else {
            json!(millis)
        };
        self.phone.shared.change(|history| {
            history.fact(|_| What::Cut { words: cut.utterance.clone() });
            history.interrupt();
        });
        self.send(&json!({
            "type": "interrupt",
            "utteranceUntilInterrupt": cut.utterance,
            "durationUntilInterruptMs": after,
        }))
        .await?;
        Ok(Some(cut))
    }
}

/// Twilio's words for its codes; most of them are not public.
fn meaning(code: u32) -> &'static str {
    match code {
        64105 => "WebSocket ended",
        64102 => "Unable to connect to WebSocket URL",
        64104 => "Maximum call duration reached",
        39001 => "Network connection to WebSocket server failed.",
        _ => "ConversationRelay error",
    }
}
