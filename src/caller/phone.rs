//! The phone in the caller's hand: whose it is, what the person wants, and what has happened on it.
//!
//! The call and its line both work on it; it knows neither.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    CallerError, address::Route, happening::Happening, history::Shared, options::RingOptions,
    voice::Cut, wire::Wire,
};

/// The keys of a telephone.
const KEYS: &str = "0123456789*#ABCD";

/// What the person on the phone does.
#[derive(Debug)]
pub(super) enum Ask {
    Say(String),
    Partial(String),
    Press(String),
    Interrupt,
    HangUp,
    DropLine,
    LoseLine,
    Reconnect,
    Fail(u32),
    Raw(String),
}

/// An order and who waits for it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) ask: Ask,
    pub(super) reply: oneshot::Sender<Result<Option<Cut>, CallerError>>,
}

impl Order {
    /// Nobody needs to listen: a test may have given up.
    pub(super) fn answer(self, result: Result<Option<Cut>, CallerError>) {
        let _ = self.reply.send(result);
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// At its time.
    Over,
    /// The person hung up.
    HungUp,
}

/// A phone with its call: what every part of it has in hand.
pub(super) struct Phone {
    pub(super) options: RingOptions,
    pub(super) wire: Wire,
    pub(super) route: Route,
    pub(super) call_sid: String,
    pub(super) shared: Rc<Shared>,
    pub(super) orders: mpsc::Receiver<Order>,
}

impl Phone {
    /// What every voice webhook carries.
    pub(super) fn fields(&self, call_status: &str) -> Vec<(String, String)> {
        call_fields(&self.options, &self.call_sid, call_status)
    }

    pub(super) fn note(&self, note: String) {
        self.shared.change(|history| history.record(Happening::Note(note)));
    }

    /// Has Twilio say something by itself.
    pub(super) async fn speak(&mut self, text: &str) -> Result<Waited, CallerError> {
        self.shared.change(|history| history.speak(text));
        while let Some(wakes) = self.shared.change(|history| history.wakes()) {
            if self.wait(wakes.saturating_duration_since(Instant::now())).await? == Waited::HungUp {
                return Ok(Waited::HungUp);
            }
        }
        Ok(Waited::Over)
    }

    /// Lets time pass in which nobody listens to the person.
    pub(super) async fn wait(&mut self, length: Duration) -> Result<Waited, CallerError> {
        let mut over = std::pin::pin!(tokio::time::sleep(length));
        loop {
            tokio::select! {
                () = &mut over => return Ok(Waited::Over),
                order = self.orders.recv() => match order {
                    None => return Err(CallerError::Over),
                    Some(order) if matches!(order.ask, Ask::HangUp) => {
                        order.answer(Ok(None));
                        return Ok(Waited::HungUp);
                    }
                    Some(order) => order.answer(Err(CallerError::Unheard)),
                },
            }
        }
    }
}

/// Whether these keys can be pressed.
pub(super) fn check_keys(keys: &str) -> Result<(), CallerError> {
    match keys.chars().find(|key| !KEYS.contains(*key)) {
        Some(key) => Err(CallerError::NoSuchKey(key)),
        None if keys.is_empty() => Err(CallerError::NoKey),
        None => Ok(()),
    }
}

/// What every voice webhook carries.
pub(super) fn call_fields(
    options: &RingOptions,
    call_sid: &str,
    call_status: &str,
) -> Vec<(String, String)> {
    let mut fields = vec![
        ("CallSid", call_sid),
        ("AccountSid", options.account_sid.as_str()),
        ("From", options.from.as_str()),
        ("To", options.to.as_str()),
        ("Caller", options.from.as_str()),
        ("Called", options.to.as_str()),
        ("CallStatus", call_status),
        ("Direction", "inbound"),
        ("ApiVersion", "2010-04-01"),
    ];
    for (name, value) in
        [("CallerName", &options.caller_name), ("ForwardedFrom", &options.forwarded_from)]
    {
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
