//! What the registry can be asked: one message for each operation of the store. Every part of a
//! call sends them; answers come back as the message's result.

use std::{fmt, time::Duration};

use actix::Message;

use super::store::{Appended, CallStore, Claimed, Feed, Key, Opened, Settled, StoreError, Stored};
use crate::domain::{
    ids::{Alias, CallSid, Epoch, InstanceId},
    order::{Order, Ordered},
    record::{CallRecord, CallSummary, Change, NewCall, Position, Status},
    time::{Millis, Timestamp},
    transcript::{LateTurn, Turn},
};

/// A message that is one operation of the store.
pub trait Operation: Message<Result = Result<Self::Answer, StoreError>> + Send + 'static {
    /// What the store answers.
    type Answer: Send + 'static;

    /// Its name in metrics.
    const NAME: &'static str;

    /// Asks the store; takes its place in the order of operations at once.
    fn ask(self, store: &dyn CallStore) -> Stored<Self::Answer>;

    /// What else is to be counted of it.
    fn observe(_: &Self::Answer) {}

    /// What became of it, in metrics.
    fn outcome(_: &Self::Answer) -> &'static str {
        "ok"
    }
}

/// Notes a call that begins to ring. Idempotent: Twilio repeats its webhooks.
#[derive(Debug, Message)]
#[rtype(result = "Result<Opened, StoreError>")]
pub struct Open {
    /// What is known of it.
    pub call: NewCall,
}

/// Makes a call the claimant's, at a higher epoch than any before.
#[derive(Debug, Message)]
#[rtype(result = "Result<Claimed, StoreError>")]
pub struct Claim {
    /// Which call.
    pub sid: CallSid,
    /// The engine that claims it.
    pub by: InstanceId,
    /// Now.
    pub at: Timestamp,
}

/// Adds a turn, or a later version of one.
#[derive(Debug, Message)]
#[rtype(result = "Result<Appended, StoreError>")]
pub struct Append {
    /// Which call.
    pub sid: CallSid,
    /// The writer's claim.
    pub epoch: Epoch,
    /// The record's `next_seq`; the same again when the answer to an append was lost.
    pub seq: u64,
    /// The turn.
    pub turn: Turn,
}

/// Keeps turns beside the transcript of a call that has moved on.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, StoreError>")]
pub struct AddLate {
    /// Which call.
    pub sid: CallSid,
    /// What was said to the engine that the call has left.
    pub turns: Vec<LateTurn>,
}

/// Changes a record besides its turns.
#[derive(Debug, Message)]
#[rtype(result = "Result<Settled, StoreError>")]
pub struct Settle {
    /// Which call.
    pub sid: CallSid,
    /// The writer's claim.
    pub epoch: Epoch,
    /// What changes.
    pub change: Change,
    /// Now.
    pub at: Timestamp,
}

/// Keeps a webhook's reply; answered with the first reply under that key.
#[derive(Debug, Message)]
#[rtype(result = "Result<String, StoreError>")]
pub struct Remember {
    /// Which call it is about.
    pub sid: CallSid,
    /// What identifies the webhook.
    pub key: String,
    /// The bytes to answer with.
    pub reply: String,
    /// Now.
    pub now: Timestamp,
    /// How long it is kept, ms.
    pub ttl: Millis,
}

/// Asks for the reply under a key.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<String>, StoreError>")]
pub struct Answered {
    /// Which call it is about.
    pub sid: CallSid,
    /// What identifies the webhook.
    pub key: String,
    /// Now.
    pub now: Timestamp,
}

/// Makes a call findable under another id.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, StoreError>")]
pub struct Link {
    /// The other id.
    pub alias: Alias,
    /// Which call.
    pub sid: CallSid,
}

/// Asks for a call with its transcript.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<CallRecord>, StoreError>")]
pub struct Find {
    /// By which name.
    pub key: Key,
}

/// Asks for all live calls, by start.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<CallSummary>, StoreError>")]
pub struct Live;

/// Asks what happened since a position of the feed.
#[derive(Debug, Message)]
#[rtype(result = "Result<Feed, StoreError>")]
pub struct Follow {
    /// What the reader knows already; none for one that begins.
    pub after: Option<Position>,
}

/// Has the engine that owns a call carry out an order.
#[derive(Debug, Message)]
#[rtype(result = "Result<Ordered, StoreError>")]
pub struct Tell {
    /// Which call.
    pub sid: CallSid,
    /// What is to be done.
    pub order: Order,
}

/// Deletes a call, its words and its links.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, StoreError>")]
pub struct Erase {
    /// Which call.
    pub sid: CallSid,
}

/// Deletes all calls from a number; how many.
#[derive(Message)]
#[rtype(result = "Result<usize, StoreError>")]
pub struct EraseCaller {
    /// Whose.
    pub number: String,
}

/// It names nobody.
impl fmt::Debug for EraseCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EraseCaller").finish_non_exhaustive()
    }
}

impl Operation for Open {
    type Answer = Opened;
    const NAME: &'static str = "open";

    fn ask(self, store: &dyn CallStore) -> Stored<Opened> {
        store.open(self.call)
    }
}

impl Operation for Claim {
    type Answer = Claimed;
    const NAME: &'static str = "claim";

    fn ask(self, store: &dyn CallStore) -> Stored<Claimed> {
        store.claim(self.sid, self.by, self.at)
    }

    fn outcome(claimed: &Claimed) -> &'static str {
        match claimed {
            Claimed::Yours(_) => "ok",
            Claimed::Ended => "ended",
        }
    }
}

impl Operation for Append {
    type Answer = Appended;
    const NAME: &'static str = "append";

    fn ask(self, store: &dyn CallStore) -> Stored<Appended> {
        store.append(self.sid, self.epoch, self.seq, self.turn)
    }

    fn outcome(appended: &Appended) -> &'static str {
        match appended {
            Appended::Appended => "ok",
            Appended::Duplicate => "duplicate",
            Appended::Fenced => "fenced",
            Appended::Gap { .. } => "gap",
            Appended::Unknown => "unknown",
        }
    }
}

impl Operation for AddLate {
    type Answer = bool;
    const NAME: &'static str = "add_late";

    fn ask(self, store: &dyn CallStore) -> Stored<bool> {
        store.add_late(self.sid, self.turns)
    }
}

impl Operation for Settle {
    type Answer = Settled;
    const NAME: &'static str = "settle";

    fn ask(self, store: &dyn CallStore) -> Stored<Settled> {
        store.settle(self.sid, self.epoch, self.change, self.at)
    }

    /// A call may end in a session, by a webhook or behind a hand-off: it is counted where it ends.
    fn observe(settled: &Settled) {
        let Settled::Settled(record) = settled else { return };
        // Whatever is settled later moves the last sign of life on.
        if let Some(ended) = record.ended_at.filter(|at| *at == record.seen_at) {
            let status = if record.status == Status::Completed { "completed" } else { "failed" };
            metrics::counter!("switchhook_calls_ended_total", "status" => status).increment(1);
            let lasted = Duration::from_millis(ended.since(record.started_at));
            metrics::histogram!("switchhook_call_seconds").record(lasted);
        }
    }

    fn outcome(settled: &Settled) -> &'static str {
        match settled {
            Settled::Settled(_) => "ok",
            Settled::Fenced => "fenced",
            Settled::Unknown => "unknown",
        }
    }
}

impl Operation for Remember {
    type Answer = String;
    const NAME: &'static str = "remember";

    fn ask(self, store: &dyn CallStore) -> Stored<String> {
        store.remember(self.sid, self.key, self.reply, self.now, self.ttl)
    }
}

impl Operation for Answered {
    type Answer = Option<String>;
    const NAME: &'static str = "answered";

    fn ask(self, store: &dyn CallStore) -> Stored<Option<String>> {
        store.answered(self.sid, self.key, self.now)
    }
}

impl Operation for Link {
    type Answer = bool;
    const NAME: &'static str = "link";

    fn ask(self, store: &dyn CallStore) -> Stored<bool> {
        store.link(self.alias, self.sid)
    }
}

impl Operation for Find {
    type Answer = Option<CallRecord>;
    const NAME: &'static str = "find";

    fn ask(self, store: &dyn CallStore) -> Stored<Option<CallRecord>> {
        store.find(self.key)
    }
}

impl Operation for Live {
    type Answer = Vec<CallSummary>;
    const NAME: &'static str = "live";

    fn ask(self, store: &dyn CallStore) -> Stored<Vec<CallSummary>> {
        store.live()
    }
}

impl Operation for Follow {
    type Answer = Feed;
    const NAME: &'static str = "follow";

    fn ask(self, store: &dyn CallStore) -> Stored<Feed> {
        store.follow(self.after)
    }
}

impl Operation for Tell {
    type Answer = Ordered;
    const NAME: &'static str = "order";

    fn ask(self, store: &dyn CallStore) -> Stored<Ordered> {
        store.order(self.sid, self.order)
    }

    fn outcome(ordered: &Ordered) -> &'static str {
        ordered.label()
    }
}

impl Operation for Erase {
    type Answer = bool;
    const NAME: &'static str = "erase";

    fn ask(self, store: &dyn CallStore) -> Stored<bool> {
        store.erase(self.sid)
    }
}

impl Operation for EraseCaller {
    type Answer = usize;
    const NAME: &'static str = "erase_caller";

    fn ask(self, store: &dyn CallStore) -> Stored<usize> {
        store.erase_caller(self.number)
    }
}
