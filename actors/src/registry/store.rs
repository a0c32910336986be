//! The port to where calls are kept.
//!
//! Every write about a claimed call carries the writer's epoch: a lower one than the record's is
//! refused as `Fenced`, so an owner that was presumed dead can do no harm. Turns carry a sequence
//! number as well, so that a write whose answer was lost can be repeated.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use crate::domain::{
    ids::{Alias, CallSid, Epoch, InstanceId},
    order::{Order, Ordered},
    record::{CallEvent, CallRecord, CallSummary, Change, NewCall, Position, Status},
    time::{Millis, Timestamp},
    transcript::{LateTurn, Turn},
};

/// What every operation returns.
pub type Stored<T> = BoxFuture<'static, Result<T, StoreError>>;

/// The store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or cannot write now; the same call may work later. Whether a write
    /// landed is not known: repeat it with the same sequence number.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It is written, and no replica has confirmed it: it may be lost with the server. The same
    /// write again, under the same sequence number, tells whether it is durable by now.
    #[error("the store has written it, and no replica has confirmed it")]
    NotDurable,
    /// What it holds cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(String),
}

/// Answer to `open`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The call as it stands.
    pub record: CallRecord,
    /// False when it had been opened before: Twilio repeats its webhooks.
    pub fresh: bool,
}

/// Answer to `claim`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The call is the claimant's, at `record.epoch`, higher than any before.
    Yours(Box<CallRecord>),
    /// The call is over.
    Ended,
}

/// Answer to `append`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is stored, durably.
    Appended,
    /// A turn with this sequence number is stored already; nothing was changed.
    Duplicate,
    /// A higher epoch owns the call. Nothing was written; the writer must fall silent.
    Fenced,
    /// An earlier sequence number is missing.
    Gap {
        /// The one that must come next.
        expected: u64,
    },
    /// No such call, or it was erased.
    Unknown,
}

/// Answer to `settle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is stored, durably; the call as it stands now, without its words.
    Settled(Box<CallRecord>),
    /// A higher epoch owns the call.
    Fenced,
    /// No such call, or it was erased.
    Unknown,
}

/// Answer to `restore`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The store has all of the copy, durably.
    Restored,
    /// A higher epoch, or another engine at the same, owns the call: nothing was written.
    Newer,
    /// The call was erased: nothing was written.
    Erased,
}

/// The name a call is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Its CallSid.
    Sid(CallSid),
    /// A linked id.
    Alias(Alias),
}

/// Answer to `follow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Where to go on.
    pub position: Position,
    /// What the reader missed.
    pub news: News,
}

/// What a reader of the feed missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All live calls, by start: for a reader that begins, or was away for too long.
    Snapshot(Vec<CallSummary>),
    /// What happened since, in order; may be empty.
    Events(Vec<CallEvent>),
}

/// How many times longer a caller who is on the way to a person may show no sign of life: their
/// signs are webhooks, which come only when something happens.
const SILENCE_ON_THE_WAY: u64 = 5;

/// How long a caller and a person may talk, ms: TaskRouter gives a task no longer, and nothing is
/// heard of the two before they part.
const TALK_MAX: Millis = 24 * 3_600_000;

/// A round of tidying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The calls that have a session on this engine: a sign of life for each.
    pub attended: Vec<CallSid>,
    /// Now.
    pub now: Timestamp,
    /// A live call without a sign of life for this long, ms, is closed as failed (later where a
    /// person takes it, see [`Sweep::silence_of`]). After a start the count begins anew: Twilio may be reconnecting to us.
    pub silence: Millis,
    /// An ended call is deleted this long after its end, ms.
    pub retention: Millis,
}

impl Sweep {
    /// How long a live call of that status may show no sign of life, ms.
    #[must_use]
    pub fn silence_of(&self, status: Status) -> Millis {
        match status {
            Status::Escalating | Status::Queued => self.silence.saturating_mul(SILENCE_ON_THE_WAY),
            Status::WithAgent => self.silence.max(TALK_MAX),
            _ => self.silence,
        }
    }
}

/// What a round of tidying did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Closed as failed.
    pub closed: Vec<CallSid>,
    /// Deleted after their retention.
    pub deleted: usize,
}

/// How long an order to another engine may take, there and back.
pub const ORDER_PATIENCE: Duration = Duration::from_secs(2);

/// Where calls are kept. One contract suite (`src/stores/contract.rs`) holds for every back end.
///
/// Operations of one caller about one call take effect in the order in which they were called,
/// even when their futures are awaited in another.
pub trait CallStore: Send + Sync + 'static {
    /// Notes a call that begins to ring. Idempotent: the first one stands.
    fn open(&self, call: NewCall) -> Stored<Opened>;

    /// Makes the call the claimant's, at a higher epoch than any before, and at least as high as the
    /// time in ms, so that a store that was rolled back gives no epoch twice; never waits for the
    /// old owner. Opens a call that nobody opened. The record comes with its transcript, and is
    /// `Active` unless it was further along.
    fn claim(&self, sid: CallSid, by: InstanceId, at: Timestamp) -> Stored<Claimed>;

    /// Adds a turn, or a later version of one; `seq` counts appends from 1 without a hole.
    fn append(&self, sid: CallSid, epoch: Epoch, seq: u64, turn: Turn) -> Stored<Appended>;

    /// Changes the record besides its turns.
    fn settle(&self, sid: CallSid, epoch: Epoch, change: Change, at: Timestamp) -> Stored<Settled>;

    /// Takes a copy of a call, words and all, that another store has kept or a session still knows:
    /// what the store has lost is there again, what it has is kept. A call that is missing is
    /// created as the copy has it; of one that is there the epoch, the next sequence number and
    /// the turns are brought up to the copy's. Lists and the feed are brought up to it as well.
    fn restore(&self, copy: CallRecord) -> Stored<Restored>;

    /// Keeps turns of an owner that the call had moved on from, beside the transcript. One that is
    /// there already, in either place, is not kept twice. False when there is no such call.
    fn add_late(&self, sid: CallSid, turns: Vec<LateTurn>) -> Stored<bool>;

    /// Keeps a reply to a webhook about that call for `ttl` ms. The first reply under a key stands
    /// and is returned, so that a repeated webhook gets the same bytes. It goes with the call when
    /// that is erased.
    fn remember(
        &self,
        sid: CallSid,
        key: String,
        reply: String,
        now: Timestamp,
        ttl: Millis,
    ) -> Stored<String>;

    /// The reply kept under that key of the call, if its time is not over.
    fn answered(&self, sid: CallSid, key: String, now: Timestamp) -> Stored<Option<String>>;

    /// Makes the call findable under another id. The newest link of an id stands. False when there
    /// is no such call.
    fn link(&self, alias: Alias, sid: CallSid) -> Stored<bool>;

    /// The call with its transcript.
    fn find(&self, key: Key) -> Stored<Option<CallRecord>>;

    /// All live calls, by start.
    fn live(&self) -> Stored<Vec<CallSummary>>;

    /// What happened since that position; a snapshot without one, or when it is too old. Returns
    /// at once.
    fn follow(&self, after: Option<Position>) -> Stored<Feed>;

    /// Deletes the call, its words, its links and the replies about it, readable or not. Nothing that
    /// was written before comes back, not even into a call that goes on under its name. False when
    /// there is no such call.
    fn erase(&self, sid: CallSid) -> Stored<bool>;

    /// Erases every call from that number; how many. One that begins meanwhile may stay, and so may
    /// one that cannot be read.
    fn erase_caller(&self, number: String) -> Stored<usize>;

    /// Has the engine that owns the call carry out an order, if that is another one: a store of one
    /// engine alone knows none. An answer comes within [`ORDER_PATIENCE`]; nothing is carried out
    /// later.
    fn order(&self, sid: CallSid, order: Order) -> Stored<Ordered> {
        let _ = (sid, order);
        ready(Ok(Ordered::NotHere)).boxed()
    }

    /// Tidies up.
    fn sweep(&self, sweep: Sweep) -> Stored<Swept>;

    /// Resolves when everything accepted before is durable.
    fn flush(&self) -> Stored<()>;
}
