//! The phone in the caller's hand: whose it is, what the person wants, and what has happened on it.
//!
//! The call and its line both work on it; it knows neither.

use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};

use super::{
    CallerError,
    address::Route,
    history::{Happening, Shared},
    options::RingOptions,
    voice::Cut,
    wire::Wire,
};

/// What the person on the phone does.
#[derive(Debug)]
pub(super) enum Ask {
    Say(String),
    Partial(String),
    Press(String),
    Interrupt,
    HangUp,
    DropLine,
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
