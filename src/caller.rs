//! Plays Twilio and the person on the phone, against any ConversationRelay server.
//!
//! Used by `switchhook call`, by the stories in `tests/` and by a load of thousands of callers in
//! one process: a [`Caller`] is a handle, its call is one task on the same thread (an actix or
//! tokio `LocalSet`), and every wait has a deadline. Frames from the engine are checked as strictly
//! as Twilio does; see [`Caller::violations`].

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

mod address;
mod call;
mod dial;
mod documents;
mod element;
mod error;
mod happening;
mod hearing;
mod hiccups;
mod history;
mod line;
mod options;
mod phone;
mod queue;
mod reconnect;
pub mod record;
mod relay;
pub mod script;
mod switchboard;
mod twiml_reader;
mod validate;
mod voice;
mod whereabouts;
mod wire;

use self::{
    address::Route,
    history::{History, Shared},
    options::new_sid,
    phone::{Ask, Order, Phone, call_fields},
    record::{What, millis},
    voice::Voice,
    wire::Wire,
};
pub use self::{
    address::{AddressError, check_base, loopback_port},
    element::XmlError,
    error::CallerError,
    happening::{Ending, Entry, Happening, Place},
    hiccups::Hiccups,
    history::{Answer, StaleToken},
    options::{Dialled, Ear, RingOptions},
    reconnect::{Clean, NoSuchVariant, Reconnect, Replay, Way},
    relay::{By, Relay},
    twiml_reader::{Connect, Dial, Enqueue, Gather, Task, TwimlError, Verb, read as read_twiml},
    validate::{Text, Told, Violation, read as read_frame},
    voice::{Cut, DEFAULT_PACE, Pace, Played},
    wire::{Reply, WireError, client},
};

/// From ringing to the socket; a call may be passed on a few times before.
const RING_DEADLINE: Duration = Duration::from_secs(30);
/// An order is done at once, but for a reconnect that tries for some seconds.
const ORDER_DEADLINE: Duration = Duration::from_secs(30);
/// One order at a time is the rule; the rest is slack.
const ORDERS: usize = 16;

/// One call, from ringing to its end. Dropping it cuts the line without a word.
pub struct Caller {
    shared: Rc<Shared>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
    call_sid: String,
    options: RingOptions,
    wire: Wire,
    route: Route,
    /// How far [`Caller::next_entry`] has read.
    entries_read: Cell<u64>,
    /// How far [`Caller::next_frame`] has read.
    frames_read: Cell<u64>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caller {
    /// Rings, follows the TwiML, and returns once the conversation is open, the call is passed on or
    /// over.
    /// Must be called on a thread that runs a `LocalSet`, as every actix thread does.
    ///
    /// # Errors
    /// When the call fails before a conversation opens.
    pub async fn ring(options: RingOptions) -> Result<Self, CallerError> {
        let public = options.public_url.as_deref().unwrap_or(&options.url);
        let route = Route::new(&options.url, public)?;
        options.twilio.as_deref().map_or(Ok(()), check_base)?;
        let wire = Wire {
            client: options.client.clone().unwrap_or_else(client),
            signatures: options.signatures.clone(),
        };
        let call_sid = options.call_sid.clone().unwrap_or_else(|| new_sid("CA"));
        let voice = Voice::new(options.pace, options.played);
        let mut history = History::new(voice, options.history);
        if options.record {
            history.keep_facts();
        }
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        history.fact(|_| What::Rang {
            call: call_sid.clone(),
            unix_ms: millis(unix),
            variant: options.variant.to_string(),
        });
        let shared = Rc::new(Shared::new(history));
        let (orders, received) = mpsc::channel(ORDERS);
        let phone = Phone {
            options: options.clone(),
            wire: wire.clone(),
            route: route.clone(),
            call_sid: call_sid.clone(),
            shared: Rc::clone(&shared),
            orders: received,
        };
        let task = tokio::task::spawn_local(phone.run());
        let caller = Self {
            shared,
            orders,
            task,
            call_sid,
            options,
            wire,
            route,
            entries_read: Cell::new(0),
            frames_read: Cell::new(0),
        };
        match caller.connected_after(0, RING_DEADLINE).await {
            Err(_) => Err(CallerError::NotAnswered(format!("no answer\n{}", caller.log()))),
            Ok(()) => match caller.ending() {
                Some(Ending::Failed { reason }) => Err(CallerError::NotAnswered(reason)),
                _ => Ok(caller),
            },
        }
    }

    /// `CA…`.
    #[must_use]
    pub fn call_sid(&self) -> &str {
        &self.call_sid
    }

    // What the person does.

    /// Says something, as one final prompt. The voice is not interrupted by it.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn say(&self, text: &str) -> Result<(), CallerError> {
        self.order(Ask::Say(text.to_owned())).await.map(drop)
    }

    /// What the recogniser makes of it so far: a prompt with `last: false`.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn partial(&self, text: &str) -> Result<(), CallerError> {
        self.order(Ask::Partial(text.to_owned())).await.map(drop)
    }

    /// Presses keys, one message each. The first one interrupts the voice where it may. Of a caller
    /// who waits, `<Gather>` takes them.
    ///
    /// # Errors
    /// When the engine does not listen to keys now.
    pub async fn press(&self, keys: &str) -> Result<Option<Cut>, CallerError> {
        self.order(Ask::Press(keys.to_owned())).await
    }

    /// Cuts in on the voice. None: it is silent, or must not be cut, and nothing was sent.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn interrupt(&self) -> Result<Option<Cut>, CallerError> {
        self.order(Ask::Interrupt).await
    }

    /// Cuts in and says something: what a caller who barges in sends.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn barge_in(&self, text: &str) -> Result<Option<Cut>, CallerError> {
        let cut = self.interrupt().await?;
        self.say(text).await?;
        Ok(cut)
    }

    /// Hangs up, and waits until the action URL has been told.
    ///
    /// # Errors
    /// When the call is over already.
    pub async fn hang_up(&self) -> Result<(), CallerError> {
        self.order(Ask::HangUp).await?;
        self.ended(ORDER_DEADLINE).await.map(drop).ok_or(CallerError::Stuck)
    }

    // What happens to the line.

    /// Cuts the connection without a close frame. The call goes on with [`Self::reconnect`],
    /// [`Self::fail`] or [`Self::hang_up`].
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn drop_line(&self) -> Result<(), CallerError> {
        self.order(Ask::DropLine).await.map(drop)
    }

    /// The network loses the line, and Twilio does what the options' variant says. The way back is
    /// awaited with [`Self::session_after`].
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn lose_line(&self) -> Result<(), CallerError> {
        self.order(Ask::LoseLine).await.map(drop)
    }

    /// Opens the same address again, as `applicationReconnect` does: new socket, new `setup`.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub async fn reconnect(&self) -> Result<(), CallerError> {
        self.order(Ask::Reconnect).await.map(drop)
    }

    /// Twilio gives the session up with an error such as 64105, tells the action URL, and follows
    /// its TwiML: returns once there is a conversation again or the call is over.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn fail(&self, code: u32) -> Result<(), CallerError> {
        let sessions = self.sessions();
        self.order(Ask::Fail(code)).await?;
        self.connected_after(sessions, RING_DEADLINE).await
    }

    /// Sends a frame as it is, valid or not: what a newer or a broken Twilio might say.
    ///
    /// # Errors
    /// When there is no conversation.
    pub async fn send_raw(&self, frame: &str) -> Result<(), CallerError> {
        self.order(Ask::Raw(frame.to_owned())).await.map(drop)
    }

    /// Sends any other webhook of this call, signed, such as `/voice/wait` with `QueuePosition`.
    ///
    /// # Errors
    /// When the engine cannot be reached. A refusal is a [`Reply`].
    pub async fn webhook(
        &self,
        path: &str,
        call_status: &str,
        extra: &[(&str, &str)],
    ) -> Result<Reply, CallerError> {
        let target = self.route.path(path)?;
        let mut fields = call_fields(&self.options, &self.call_sid, call_status);
        fields.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(self.wire.request(&target, "POST", &fields).await?)
    }

    async fn connected_after(&self, sessions: u32, deadline: Duration) -> Result<(), CallerError> {
        let connected = self.shared.until(deadline, |history| {
            let connected = history.sessions > sessions || history.place.is_passed_on();
            (connected || history.ending.is_some()).then_some(())
        });
        connected.await.ok_or(CallerError::Stuck)
    }

    async fn order(&self, ask: Ask) -> Result<Option<Cut>, CallerError> {
        let (reply, done) = oneshot::channel();
        let asked = async {
            let order = Order { ask, reply };
            self.orders.send(order).await.map_err(|_| CallerError::Over)?;
            done.await.map_err(|_| CallerError::Over)?
        };
        tokio::time::timeout(ORDER_DEADLINE, asked).await.map_err(|_| CallerError::Stuck)?
    }
}

#[cfg(test)]
mod tests;
