//! What each operation of the port asks of Redis, and what its answer means.
//!
//! An operation that writes takes its place in the order of writes when it is called; what is left
//! of it (the answer, the news, the lists) is done on the store's own thread.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use redis::{Cmd, FromRedisValue};
use switchhook_actors::{
    clock::Stopwatch,
    domain::{
        ids::{CallSid, Epoch, InstanceId},
        record::{CallEventKind, CallRecord, Change, NewCall},
        time::Timestamp,
        transcript::{Role, Turn},
    },
    registry::store::{Appended, Claimed, Key, Opened, Settled, StoreError},
};
use tokio::sync::oneshot;

use super::{
    closed,
    heartbeat::Heartbeat,
    keys,
    link::{self, Link},
    news::News,
    record::{self, Fields, Kept, Mark},
    rotation::Rewrapped,
    writes::{self, Done, Writes},
};
use crate::stores::{
    index::without_words,
    locked,
    sealed::{CallKey, Vault},
    unannounced,
};

/// How often a change is made anew when somebody else's came in between.
pub(super) const TRIES: usize = 8;

/// A write that is on its way.
pub(super) type Asked = oneshot::Receiver<Result<Done, StoreError>>;

/// A call as a function answers it: a code, the record, the turns, what came late.
type Whole = (i64, Fields, Fields, Fields);

/// What all operations share.
pub(super) struct Core {
    pub(super) link: Link,
    pub(super) writes: Writes,
    pub(super) news: News,
    pub(super) heartbeat: Heartbeat,
    pub(super) vault: Vault,
    pub(super) me: InstanceId,
    /// No call counts as silent since before that.
    pub(super) since: Timestamp,
    /// The keys of the calls that this engine has opened or claimed, and when they were used.
    pub(super) known: Mutex<HashMap<CallSid, (CallKey, Stopwatch)>>,
    /// How far the keys of calls that are over were wrapped anew.
    pub(super) rewrapped: Mutex<Rewrapped>,
}

impl Core {
    pub(super) fn new(
        link: Link,
        writes: Writes,
        news: News,
        heartbeat: Heartbeat,
        vault: Vault,
        me: InstanceId,
        since: Timestamp,
    ) -> Self {
        let (known, rewrapped) = (Mutex::default(), Mutex::default());
        Self { link, writes, news, heartbeat, vault, me, since, known, rewrapped }
    }

    /// The key of a call, where this engine has it.
    pub(super) fn key(&self, sid: CallSid) -> Option<CallKey> {
        let mut known = locked(&self.known);
        let (key, used) = known.get_mut(&sid)?;
        *used = Stopwatch::start();
        Some(key.clone())
    }

    pub(super) fn learn(&self, sid: CallSid, key: CallKey) {
        locked(&self.known).insert(sid, (key, Stopwatch::start()));
    }

    pub(super) fn forget(&self, sid: CallSid) {
        locked(&self.known).remove(&sid);
    }

    /// Asks for something that need not be durable, now.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        order: &redis::Pipeline,
    ) -> Result<T, StoreError> {
        let mut wires = self.link.wires().map_err(|error| writes::unavailable(&error))?;
        order.query_async(&mut wires.plain).await.map_err(|error| {
            self.link.report(wires.number, &error);
            StoreError::Unavailable(link::in_words(&error))
        })
    }

    pub(super) fn ask_open(&self, call: &NewCall) -> Result<Asked, StoreError> {
        let (wrapped, sealed) = self.fresh(call)?;
        let mut order = function("sh1_open", &record::whole(call.sid));
        order.arg(call.at.0).arg(wrapped).arg(sealed);
        self.list_live(call.sid, call.at);
        self.list_caller(call.sid, &call.caller);
        Ok(self.writes.put(order))
    }

    /// The key and the record of a call that may have to be created.
    fn fresh(&self, call: &NewCall) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let (key, wrapped) = self.vault.fresh(call.sid);
        let sealed = record::seal_record(&key, &CallRecord::ringing(call.clone()))?;
        Ok((wrapped, sealed))
    }

    pub(super) async fn opened(
        self: Arc<Self>,
        call: NewCall,
        asked: Asked,
    ) -> Result<Opened, StoreError> {
        let done = done(asked).await?;
        let (fresh, fields, turns, late): Whole = record::shape(done.value)?;
        let Kept { record, key, .. } = record::read(&self.vault, call.sid, &fields, &turns, &late)?;
        if fresh == 1 {
            self.learn(call.sid, key);
            self.news.tell(call.sid, CallEventKind::Opened, Some(0), Some(record.clone()));
        } else if record.status.is_final() {
            self.strike_live(call.sid).await;
        }
        Ok(Opened { record, fresh: fresh == 1 })
    }

    pub(super) fn ask_claim(
        &self,
        sid: CallSid,
        by: &InstanceId,
        at: Timestamp,
    ) -> Result<Asked, StoreError> {
        let (wrapped, sealed) = self.fresh(&unannounced(sid, at))?;
        let mut order = function("sh1_claim", &record::whole(sid));
        order.arg(at.0).arg(wrapped).arg(sealed).arg(&by.0);
        self.list_live(sid, at);
        Ok(self.writes.put(order))
    }

    /// A claim that no replica has stands all the same: a copy of it is restored where it is lost.
    pub(super) async fn claimed(
        self: Arc<Self>,
        sid: CallSid,
        at: Timestamp,
        asked: Asked,
    ) -> Result<Claimed, StoreError> {
        let done = done(asked).await?;
        let (yours, fields, turns, late, fresh): (i64, Fields, Fields, Fields, i64) =
            record::shape(done.value)?;
        if yours != 1 {
            self.strike_live(sid).await;
            return Ok(Claimed::Ended);
        }
        let Kept { record, key, .. } = record::read(&self.vault, sid, &fields, &turns, &late)?;
        self.learn(sid, key);
        let count = Some(turns.len());
        if fresh == 1 {
            let opened = CallRecord::ringing(unannounced(sid, at));
            self.news.tell(sid, CallEventKind::Opened, Some(0), Some(opened));
        }
        self.news.tell(sid, CallEventKind::Claimed, count, Some(without_words(record.clone())));
        let wrapped = fields.get("k").map(Vec::as_slice).unwrap_or_default();
        // Who does not succeed leaves it to the next claim or round of tidying.
        if let Err(error) = self.rewrap(sid, wrapped).await {
            tracing::debug!(call.sid = %sid, "a key is not wrapped anew yet: {error}");
        }
        Ok(Claimed::Yours(Box::new(record)))
    }

    pub(super) fn ask_append(
        &self,
        sid: CallSid,
        key: &CallKey,
        mark: Mark,
        turn: &Turn,
    ) -> Result<Asked, StoreError> {
        let value = record::seal_turn(sid, key, mark, turn)?;
        let mut order = function("sh1_append", &[keys::call(sid), keys::turns(sid)]);
        order.arg(mark.epoch.0).arg(mark.seq).arg(turn.at.0).arg(keys::field(turn)).arg(value);
        // Nobody waits for a draft.
        Ok(if turn.open { self.writes.put_at_leisure(order) } else { self.writes.put(order) })
    }

    pub(super) async fn append_unknown(
        self: Arc<Self>,
        sid: CallSid,
        mark: Mark,
        turn: Turn,
    ) -> Result<Appended, StoreError> {
        let Some(key) = self.fetch_key(sid).await? else { return Ok(Appended::Unknown) };
        let asked = self.ask_append(sid, &key, mark, &turn)?;
        self.appended(sid, turn.role, turn.open, asked).await
    }

    /// A caller's words are stored when a replica has them. That an `open` answer goes on is no news.
    pub(super) async fn appended(
        self: Arc<Self>,
        sid: CallSid,
        role: Role,
        open: bool,
        asked: Asked,
    ) -> Result<Appended, StoreError> {
        let done = done(asked).await?;
        let (code, number): (i64, u64) = record::shape(done.value)?;
        match code {
            1 | 2 => {
                let turns = usize::try_from(number).ok().filter(|_| code == 1 || !open);
                if turns.is_some() {
                    self.news.tell(sid, CallEventKind::Turn, turns, None);
                }
                must_last(role == Role::Customer && !done.durable)?;
                Ok(Appended::Appended)
            }
            0 => {
                must_last(role == Role::Customer && !done.durable)?;
                Ok(Appended::Duplicate)
            }
            -2 => Ok(Appended::Fenced),
            -3 => Ok(Appended::Gap { expected: number }),
            _ => Ok(Appended::Unknown),
        }
    }

    /// The key of a call that this engine has not claimed.
    pub(super) async fn fetch_key(&self, sid: CallSid) -> Result<Option<CallKey>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.hget(keys::call(sid), "k");
        let (wrapped,): (Option<Vec<u8>>,) = self.ask(&pipe).await?;
        let Some(wrapped) = wrapped else { return Ok(None) };
        let key = self.vault.unwrap(sid, &wrapped);
        key.map(Some).map_err(|error| record::unreadable(sid, &error))
    }

    /// Reads, changes and writes the record; anew when somebody else has changed it meanwhile.
    pub(super) async fn settle(
        self: Arc<Self>,
        sid: CallSid,
        epoch: Epoch,
        change: Change,
        at: Timestamp,
    ) -> Result<Settled, StoreError> {
        for _ in 0..TRIES {
            let Some(kept) = self.record(sid).await? else { return Ok(Settled::Unknown) };
            if kept.record.epoch != epoch {
                return Ok(Settled::Fenced);
            }
            let mut record = kept.record.clone();
            record.apply(&change, at);
            let done = done(self.ask_settle(&kept, &record)?).await?;
            let (code, turns): (i64, usize) = record::shape(done.value)?;
            match code {
                1 => {
                    self.settled(&kept.record, &record, turns).await;
                    must_last(lasts(&change) && !done.durable)?;
                    return Ok(Settled::Settled(Box::new(record)));
                }
                -2 => return Ok(Settled::Fenced),
                -4 => {}
                _ => return Ok(Settled::Unknown),
            }
        }
        Err(StoreError::Unavailable("others keep changing the record".to_owned()))
    }

    pub(super) fn ask_settle(&self, kept: &Kept, record: &CallRecord) -> Result<Asked, StoreError> {
        let sid = record.sid;
        let sealed = record::seal_record(&kept.key, record)?;
        let ended = record.ended_at.map(|at| at.0.to_string()).unwrap_or_default();
        let mut order = function("sh1_settle", &[keys::call(sid), keys::turns(sid)]);
        order.arg(kept.record.epoch.0).arg(kept.rev).arg(record::word(record.status)).arg(ended);
        order.arg(record.seen_at.0).arg(sealed);
        if record.caller != kept.record.caller {
            self.list_caller(sid, &record.caller);
        }
        if record.status.is_final() && !kept.record.status.is_final() {
            self.list_ended(sid, record.ended_at.unwrap_or(record.seen_at));
        }
        Ok(self.writes.put(order))
    }

    /// What follows from a change that was written.
    pub(super) async fn settled(&self, before: &CallRecord, record: &CallRecord, turns: usize) {
        let sid = record.sid;
        if record.status.is_final() && !before.status.is_final() {
            self.news.tell(sid, CallEventKind::Ended, Some(turns), Some(record.clone()));
            self.strike_live(sid).await;
            return;
        }
        // A sign of life alone is no news.
        if *record != (CallRecord { seen_at: record.seen_at, ..before.clone() }) {
            self.news.tell(sid, CallEventKind::Changed, Some(turns), Some(record.clone()));
        }
    }

    /// The record without its words.
    pub(super) async fn record(&self, sid: CallSid) -> Result<Option<Kept>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.hgetall(keys::call(sid));
        let (fields,): (Fields,) = self.ask(&pipe).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        let none = Fields::new();
        record::read(&self.vault, sid, &fields, &none, &none).map(Some)
    }

    pub(super) async fn find(self: Arc<Self>, key: Key) -> Result<Option<CallRecord>, StoreError> {
        let sid = match key {
            Key::Sid(sid) => sid,
            Key::Alias(alias) => {
                let mut pipe = redis::pipe();
                pipe.get(keys::alias(alias.as_str()));
                let (linked,): (Option<String>,) = self.ask(&pipe).await?;
                let Some(sid) = linked.and_then(|sid| sid.parse().ok()) else { return Ok(None) };
                sid
            }
        };
        let mut pipe = redis::pipe();
        pipe.add_command(function("sh1_read", &record::whole(sid)));
        let ((fields, turns, late),): ((Fields, Fields, Fields),) = self.ask(&pipe).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        let kept = record::read(&self.vault, sid, &fields, &turns, &late)?;
        Ok(Some(kept.record))
    }
}

/// An order to one of our functions.
pub(super) fn function(name: &str, keys: &[String]) -> Cmd {
    let mut order = redis::cmd("FCALL");
    order.arg(name).arg(keys.len()).arg(keys);
    order
}

/// Waits for a write.
pub(super) async fn done(asked: Asked) -> Result<Done, StoreError> {
    asked.await.map_err(|_| closed())?
}

/// What only counts as done when a replica has it.
pub(super) fn must_last(is_weak: bool) -> Result<(), StoreError> {
    if is_weak { Err(StoreError::NotDurable) } else { Ok(()) }
}

/// Whether a change must outlive the server: what was promised, and how a call ended.
fn lasts(change: &Change) -> bool {
    match change {
        Change::Escalated { .. } | Change::Escalation { .. } | Change::Ended { .. } => true,
        Change::Identified { .. }
        | Change::Rejoined { .. }
        | Change::Resumed { .. }
        | Change::Moved { .. } => false,
    }
}
