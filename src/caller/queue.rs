//! The caller in a queue: the wait loop, the keys, and the person who takes the call.
//!
//! Twilio requests `waitUrl` again and again and performs what it gets, until the call leaves the
//! queue. Who takes the call is the [`Switchboard`]'s affair; without one nobody ever does.

use std::time::{Duration, Instant};

use self::sounds::Flow;
use super::{
    CallerError,
    documents::Document,
    happening::{Ending, Happening, Place},
    history::History,
    options::new_sid,
    phone::{Ask, Order, Phone, check_keys},
    switchboard::{Entered, Stage, Standing, Switchboard},
    twiml_reader::Enqueue,
};

mod sounds;

/// How often the switchboard is asked.
const POLL: Duration = Duration::from_millis(250);
/// Between two wait documents: an empty one would be asked for without end.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(250);
/// Without `waitUrl` there is silence, in pieces of this length.
const SILENCE: Duration = Duration::from_secs(1);
/// Documents that a wait document may lead to before the loop begins anew.
const MAX_DOCUMENTS: u32 = 50;
/// A queue's size at Twilio, where nobody has set another.
const QUEUE_MAX: u32 = 100;

/// How a call left the queue.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// `QueueResult`
    pub(super) result: String,
    pub(super) queue_sid: String,
    /// `QueueTime`
    pub(super) seconds: u64,
    /// The call ended with it.
    pub(super) ending: Option<Ending>,
    /// What Twilio goes on with instead of the action's answer: a document, or where it is.
    pub(super) redirect: Option<String>,
}

/// What cuts short whatever the caller hears.
#[derive(Debug)]
enum Cut {
    HungUp,
    Key(char),
    /// A person takes the call.
    Bridged(String),
    /// That is over.
    Ended,
    /// It left the queue from outside.
    Canceled(String),
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// It is acted upon.
    Awaited,
    /// It is kept for the next `<Gather>`.
    Kept,
    /// Nobody hears it.
    Lost,
}

pub(super) struct Queue<'a> {
    phone: &'a mut Phone,
    enqueue: &'a Enqueue,
    /// Where the TwiML with it came from.
    document: &'a str,
    switchboard: Option<Switchboard>,
    standing: Standing,
    since: Instant,
    next_poll: Instant,
    /// The switchboard does not answer, which was told.
    is_lost: bool,
    /// Keys that were pressed and not taken.
    keys: Vec<char>,
}

impl<'a> Queue<'a> {
    pub(super) fn new(phone: &'a mut Phone, enqueue: &'a Enqueue, document: &'a str) -> Self {
        let address = phone.options.twilio.as_deref().filter(|_| enqueue.workflow_sid.is_some());
        let switchboard =
            address.map(|address| Switchboard::new(address, &phone.wire, &phone.call_sid));
        let standing = Standing {
            stage: Stage::Waiting,
            queue_result: None,
            position: 1,
            queue_time: 0,
            avg_queue_time: 0,
            current_size: 1,
            max_size: QUEUE_MAX,
            worker: None,
            queue_sid: new_sid("QU"),
            twiml: Vec::new(),
        };
        let now = Instant::now();
        Self {
            phone,
            enqueue,
            document,
            switchboard,
            standing,
            since: now,
            next_poll: now,
            is_lost: false,
            keys: Vec::new(),
        }
    }

    /// Waits until the call has left.
    pub(super) async fn run(mut self) -> Result<Left, CallerError> {
        let enqueue = self.enqueue.clone();
        self.change(|history| {
            history.enqueue = Some(enqueue.clone());
            history.rounds = 0;
            history.record(Happening::Queued(enqueue));
        });
        let left = match self.enter().await? {
            Some(left) => left,
            None => match self.wait().await {
                Ok(left) => left,
                Err(error) => {
                    // Twilio ends such a call; the people need not look for it.
                    self.tell_leave("hangup").await;
                    return Err(error);
                }
            },
        };
        let result = left.result.clone();
        self.change(|history| {
            history.place = Place::Between;
            history.record(Happening::Left { result });
        });
        Ok(left)
    }

    async fn enter(&mut self) -> Result<Option<Left>, CallerError> {
        if let Some(switchboard) = &self.switchboard {
            match switchboard.enqueue(&self.phone.options, self.enqueue).await? {
                Entered::Waits => {}
                Entered::Full => return Ok(Some(self.left("queue-full"))),
                Entered::Refused(why) => {
                    self.change(|history| history.violation(format!("<Enqueue>: {why}")));
                    return Ok(Some(self.left("error")));
                }
            }
        }
        self.change(|history| history.place = Place::Queue);
        Ok(None)
    }

    async fn wait(&mut self) -> Result<Left, CallerError> {
        loop {
            // The document tells the caller their place.
            let cut = match self.poll().await {
                Some(cut) => Some(cut),
                None => self.round().await?,
            };
            let left = match cut {
                Some(Cut::Bridged(worker)) => Some(self.talk(worker).await?),
                Some(cut) => Some(self.leave_by(cut).await),
                None => None,
            };
            if let Some(left) = left {
                return Ok(left);
            }
        }
    }

    /// One wait document, from its request to its end. What it says of `<Leave>` and `<Hangup>` is
    /// a cut like any other.
    async fn round(&mut self) -> Result<Option<Cut>, CallerError> {
        let begun = Instant::now();
        let Some(address) = self.enqueue.wait_url.clone().filter(|url| !url.trim().is_empty())
        else {
            return self.pass(begun + SILENCE, Keys::Lost).await;
        };
        let (position, seconds) = (self.standing.position, self.seconds());
        self.change(|history| history.record(Happening::Waiting { position, seconds }));
        let fields = self.fields(None);
        let method = self.enqueue.wait_method.clone();
        let mut document = self.phone.follow(&address, self.document, &method, &fields).await?;
        for _ in 0..MAX_DOCUMENTS {
            match self.perform(&document).await? {
                Flow::Over => {
                    self.change(|history| history.rounds += 1);
                    return self.pass(Instant::now() + BETWEEN_ROUNDS, Keys::Kept).await;
                }
                Flow::Next(next) => document = next,
                Flow::Cut(cut) => return Ok(Some(cut)),
            }
        }
        Err(CallerError::Circles(MAX_DOCUMENTS))
    }

    /// What every request of the loop carries.
    fn fields(&self, digits: Option<&str>) -> Vec<(String, String)> {
        let Standing { position, avg_queue_time, current_size, max_size, queue_sid, .. } =
            &self.standing;
        let mut fields = self.phone.fields("in-progress");
        for (name, value) in [
            ("QueueSid", queue_sid.clone()),
            ("QueuePosition", position.to_string()),
            ("QueueTime", self.seconds().to_string()),
            ("AvgQueueTime", avg_queue_time.to_string()),
            ("CurrentQueueSize", current_size.to_string()),
            ("MaxQueueSize", max_size.to_string()),
        ] {
            fields.push((name.to_owned(), value));
        }
        fields.extend(digits.map(|digits| ("Digits".to_owned(), digits.to_owned())));
        fields
    }

    fn seconds(&self) -> u64 {
        match self.switchboard {
            Some(_) => self.standing.queue_time,
            None => self.since.elapsed().as_secs(),
        }
    }

    /// The person speaks with the caller, for as long as the two want.
    async fn talk(&mut self, worker: String) -> Result<Left, CallerError> {
        self.change(|history| {
            history.place = Place::Talk { worker: worker.clone() };
            history.record(Happening::Talking { worker });
        });
        loop {
            match self.pass(Instant::now() + SILENCE, Keys::Lost).await? {
                Some(Cut::HungUp) => {
                    self.tell_leave("hangup").await;
                    let ending = Some(Ending::HungUp);
                    return Ok(Left { ending, ..self.left("bridged") });
                }
                Some(cut) => return Ok(self.leave_by(cut).await),
                None => {}
            }
        }
    }

    /// The call leaves, for this reason.
    async fn leave_by(&mut self, cut: Cut) -> Left {
        match cut {
            Cut::HungUp => {
                self.tell_leave("hangup").await;
                Left { ending: Some(Ending::HungUp), ..self.left("hangup") }
            }
            Cut::Canceled(result) => {
                let ending = (result == "hangup").then_some(Ending::Finished);
                let redirect = self.standing.twiml.last().cloned();
                let redirect = redirect.filter(|_| result.starts_with("redirected"));
                Left { ending, redirect, ..self.left(&result) }
            }
            Cut::Bridged(_) | Cut::Ended | Cut::Key(_) => self.left("bridged"),
        }
    }

    fn left(&self, result: &str) -> Left {
        Left {
            result: result.to_owned(),
            queue_sid: self.standing.queue_sid.clone(),
            seconds: self.seconds(),
            ..Left::default()
        }
    }

    async fn tell_leave(&self, reason: &str) {
        let Some(switchboard) = &self.switchboard else { return };
        if let Err(error) = switchboard.leave(reason).await {
            self.change(|history| history.record(Happening::Broken(error.to_string())));
        }
    }

    /// Lets time pass until something cuts it short.
    async fn pass(&mut self, until: Instant, keys: Keys) -> Result<Option<Cut>, CallerError> {
        loop {
            if keys == Keys::Awaited && !self.keys.is_empty() {
                return Ok(Some(Cut::Key(self.keys.remove(0))));
            }
            let asks = self.switchboard.is_some();
            let cut = tokio::select! {
                biased;
                order = self.phone.orders.recv() => {
                    self.order(order.ok_or(CallerError::Over)?, keys)
                }
                () = tokio::time::sleep_until(self.next_poll.into()), if asks => self.poll().await,
                () = tokio::time::sleep_until(until.into()) => return Ok(None),
            };
            if cut.is_some() {
                return Ok(cut);
            }
        }
    }

    /// What the person does who waits.
    fn order(&mut self, order: Order, keys: Keys) -> Option<Cut> {
        match &order.ask {
            Ask::HangUp => {
                order.answer(Ok(None));
                return Some(Cut::HungUp);
            }
            Ask::Interrupt => order.answer(Ok(None)),
            Ask::Press(pressed) => {
                let pressed = pressed.clone();
                let heard = match check_keys(&pressed) {
                    Ok(()) if keys == Keys::Lost => Err(CallerError::Unheard),
                    checked => checked,
                };
                if heard.is_ok() {
                    self.keys.extend(pressed.chars());
                    self.change(|history| {
                        history.ask(Instant::now(), &pressed, true);
                        history.record(Happening::Pressed(pressed));
                    });
                }
                order.answer(heard.map(|()| None));
            }
            _ => order.answer(Err(CallerError::Unheard)),
        }
        None
    }

    /// Asks the switchboard how the call stands.
    async fn poll(&mut self) -> Option<Cut> {
        self.next_poll = Instant::now() + POLL;
        match self.switchboard.as_ref()?.standing().await {
            Ok(standing) => {
                self.is_lost = false;
                self.standing = standing;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_lost, true) {
                    self.change(|history| history.record(Happening::Broken(error.to_string())));
                }
                return None;
            }
        }
        let talks = self.phone.shared.with(|history| matches!(history.place, Place::Talk { .. }));
        match self.standing.stage {
            Stage::Bridged if !talks => {
                Some(Cut::Bridged(self.standing.worker.clone().unwrap_or_default()))
            }
            Stage::Ended => Some(Cut::Ended),
            Stage::Canceled => {
                let result = self.standing.queue_result.clone();
                Some(Cut::Canceled(result.unwrap_or_else(|| "system-error".to_owned())))
            }
            Stage::Live | Stage::Waiting | Stage::Reserved | Stage::Bridged => None,
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut History) -> R) -> R {
        self.phone.shared.change(change)
    }
}
