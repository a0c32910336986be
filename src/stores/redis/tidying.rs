//! Replies, links and erasure; and what becomes of calls that nobody looks after any more.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, InstanceId},
        record::{CallEventKind, CallRecord, Change, Status},
        time::{Millis, Timestamp},
    },
    registry::store::{StoreError, Sweep, Swept},
};

use super::{
    keys,
    operations::{Core, done, function},
    record::{self, Kept},
};
use crate::{
    clock,
    stores::{locked, sealed::Place, unannounced},
};

/// How many calls one round deletes or closes at most.
const AT_ONCE: isize = 1_000;

/// For how long nobody may restore a call that was erased, ms: longer than any engine holds one.
const ERASED_FOR: Millis = 7 * 24 * 3_600_000;

/// What a reply is kept for besides its own time, ms: clocks differ.
const REPLY_SLACK: Millis = 60_000;

/// How many keys of calls that are over one round looks at.
const REWRAPPED: isize = 200;

/// A key of a call that was not used for so long is not kept in memory.
const KEY_UNUSED: Duration = Duration::from_secs(600);

impl Core {
    /// A reply has a key of its own beside it: the call may not be known here.
    pub(super) async fn remember(
        self: Arc<Self>,
        sid: CallSid,
        name: String,
        reply: String,
        now: Timestamp,
        ttl: Millis,
    ) -> Result<String, StoreError> {
        let place = Place::Reply { sid, key: name.clone() };
        let value = self.vault.enclose(&place, reply.as_bytes());
        let mut order = function("sh1_remember", &[keys::replies(sid)]);
        let expires = now + ttl;
        order.arg(&name).arg(now.0).arg(expires.0).arg(value).arg(ttl.saturating_add(REPLY_SLACK));
        let stands: Vec<u8> = record::shape(done(self.writes.put(order)).await?.value)?;
        let (_, reply) = self.read_reply(sid, &name, &stands)?;
        Ok(reply)
    }

    pub(super) async fn answered(
        self: Arc<Self>,
        sid: CallSid,
        name: String,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.hget(keys::replies(sid), &name);
        let (kept,): (Option<Vec<u8>>,) = self.ask(&pipe).await?;
        let Some(kept) = kept else { return Ok(None) };
        let (expires, reply) = self.read_reply(sid, &name, &kept)?;
        Ok((now < expires).then_some(reply))
    }

    fn read_reply(
        &self,
        sid: CallSid,
        name: &str,
        kept: &[u8],
    ) -> Result<(Timestamp, String), StoreError> {
        let wrong = || record::unreadable(sid, &"a reply is damaged");
        let mut parts = kept.splitn(2, |&byte| byte == b':');
        let expires = parts.next().and_then(|part| std::str::from_utf8(part).ok());
        let expires = expires.and_then(|part| part.parse().ok()).ok_or_else(wrong)?;
        let place = Place::Reply { sid, key: name.to_owned() };
        let plain = self.vault.disclose(&place, parts.next().ok_or_else(wrong)?);
        let plain = plain.map_err(|error| record::unreadable(sid, &error))?;
        let reply = String::from_utf8(plain).map_err(|_| wrong())?;
        Ok((Timestamp(expires), reply))
    }

    pub(super) async fn link(
        self: Arc<Self>,
        alias: Alias,
        sid: CallSid,
    ) -> Result<bool, StoreError> {
        let mut pipe = redis::pipe();
        pipe.exists(keys::call(sid));
        let (known,): (bool,) = self.ask(&pipe).await?;
        if known {
            let mut pipe = redis::pipe();
            pipe.set(keys::alias(alias.as_str()), sid.as_str()).ignore();
            pipe.sadd(keys::links(sid), alias.as_str()).ignore();
            self.ask::<()>(&pipe).await?;
        }
        Ok(known)
    }

    /// Works on a record that cannot be read, too: erasure must not depend on what is erased.
    pub(super) async fn erase(self: Arc<Self>, sid: CallSid) -> Result<bool, StoreError> {
        let record = match self.record(sid).await {
            Err(StoreError::Unreadable(_)) => None,
            Err(error) => return Err(error),
            Ok(None) => return Ok(false),
            Ok(Some(kept)) => Some(kept.record),
        };
        let there = self.delete(sid, record.as_ref(), ERASED_FOR).await?;
        if there {
            let gone =
                record.unwrap_or_else(|| CallRecord::ringing(unannounced(sid, Timestamp(0))));
            self.news.tell(sid, CallEventKind::Erased, Some(0), Some(gone));
        }
        Ok(there)
    }

    /// A call that was deleted otherwise may still be in the lists of its caller's: they go. One that
    /// is in another engine's journal meanwhile finds the trace of it.
    pub(super) async fn erase_caller(self: Arc<Self>, number: String) -> Result<usize, StoreError> {
        let mut erased = 0;
        for name in self.vault.caller_names(&number) {
            let mut pipe = redis::pipe();
            pipe.cmd("SET").arg(keys::caller_erased(&name)).arg(clock::now().0);
            pipe.arg("PX").arg(ERASED_FOR).ignore();
            pipe.smembers(keys::caller(&name));
            let (sids,): (Vec<String>,) = self.ask(&pipe).await?;
            for sid in &sids {
                let Ok(call) = sid.parse() else { continue };
                erased += usize::from(Arc::clone(&self).erase(call).await?);
                let mut pipe = redis::pipe();
                pipe.srem(keys::caller(&name), sid).ignore();
                self.ask::<()>(&pipe).await?;
            }
        }
        Ok(erased)
    }

    /// Whether all calls of its caller's were erased after it had begun.
    pub(super) async fn went_with_caller(&self, record: &CallRecord) -> Result<bool, StoreError> {
        if record.caller.is_empty() {
            return Ok(false);
        }
        let mut pipe = redis::pipe();
        for name in self.vault.caller_names(&record.caller) {
            pipe.get(keys::caller_erased(&name));
        }
        let erased: Vec<Option<u64>> = self.ask(&pipe).await?;
        Ok(erased.into_iter().flatten().any(|at| record.started_at <= Timestamp(at)))
    }

    /// Deletes a call with all that belongs to it.
    async fn delete(
        &self,
        sid: CallSid,
        record: Option<&CallRecord>,
        remembered: Millis,
    ) -> Result<bool, StoreError> {
        let mut places = record::whole(sid).to_vec();
        places.pop();
        places.extend([keys::replies(sid), keys::links(sid), keys::erased(sid)]);
        let mut order = function("sh1_erase", &places);
        order.arg(remembered);
        let erased = done(self.writes.put(order)).await?;
        let (there, links): (i64, Vec<String>) = record::shape(erased.value)?;
        self.forget(sid);
        let mut lists = redis::pipe();
        for link in links {
            lists.add_command(
                function("sh1_unlink", &[keys::alias(&link)]).arg(sid.as_str()).to_owned(),
            );
            lists.ignore();
        }
        for name in record.iter().flat_map(|record| self.vault.caller_names(&record.caller)) {
            lists.srem(keys::caller(&name), sid.as_str()).ignore();
        }
        lists.zrem(keys::LIVE, sid.as_str()).ignore();
        lists.zrem(keys::ENDED, sid.as_str()).ignore();
        self.ask::<()>(&lists).await?;
        Ok(there == 1)
    }

    pub(super) async fn sweep(self: Arc<Self>, sweep: Sweep) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        locked(&self.known).retain(|_, (_, used)| used.elapsed() < KEY_UNUSED);
        let attended: HashSet<_> = sweep.attended.iter().copied().collect();
        let silent = self.silent(&sweep, &attended).await?;
        self.see(&sweep).await?;
        for sid in silent {
            if self.close(sid, &sweep).await? {
                swept.closed.push(sid);
            }
        }
        for sid in self.over(&sweep).await? {
            let record = self.record(sid).await.ok().flatten().map(|kept| kept.record);
            if self.delete(sid, record.as_ref(), 0).await? {
                swept.deleted += 1;
            }
        }
        self.rewrap_some().await?;
        Ok(swept)
    }

    /// A sign of life for each call that has a session here.
    async fn see(&self, sweep: &Sweep) -> Result<(), StoreError> {
        for sids in sweep.attended.chunks(500) {
            let mut pipe = redis::pipe();
            pipe.cmd("ZADD").arg(keys::LIVE).arg("GT");
            for sid in sids {
                pipe.arg(sweep.now.0).arg(sid.as_str());
            }
            pipe.ignore();
            self.ask::<()>(&pipe).await?;
        }
        Ok(())
    }

    /// The calls whose last sign of life in the list is old, and that nobody here attends.
    async fn silent(
        &self,
        sweep: &Sweep,
        attended: &HashSet<CallSid>,
    ) -> Result<Vec<CallSid>, StoreError> {
        if sweep.now.since(self.since) < sweep.silence {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        let until = (sweep.now - sweep.silence).0;
        pipe.zrangebyscore_limit(keys::LIVE, 0, until, 0, AT_ONCE);
        let (sids,): (Vec<String>,) = self.ask(&pipe).await?;
        let sids = sids.iter().filter_map(|sid| sid.parse().ok());
        Ok(sids.filter(|sid| !attended.contains(sid)).collect())
    }

    /// Closes a call as failed, if it still is silent and no living engine has it.
    async fn close(&self, sid: CallSid, sweep: &Sweep) -> Result<bool, StoreError> {
        let kept = match self.record(sid).await {
            // It would hold up all tidying for ever.
            Err(StoreError::Unreadable(why)) => {
                tracing::error!(call.sid = %sid, %why, "a silent call cannot be read");
                return Ok(false);
            }
            Err(error) => return Err(error),
            Ok(None) => return self.strike(sid, None).await,
            Ok(Some(kept)) if kept.record.status.is_final() => {
                return self.strike(sid, Some(&kept.record)).await;
            }
            Ok(Some(kept)) => kept,
        };
        let seen = kept.record.seen_at.max(self.listed(sid).await?).max(self.since);
        let silence = sweep.now.since(seen);
        if silence < sweep.silence_of(kept.record.status) || self.is_held(&kept).await? {
            return Ok(false);
        }
        let mut record = kept.record.clone();
        record.apply(&Change::Ended { status: Status::Failed }, sweep.now);
        let closed = done(self.ask_settle(&kept, &record)?).await?;
        let (code, turns): (i64, usize) = record::shape(closed.value)?;
        if code == 1 {
            self.settled(&kept.record, &record, turns).await;
        }
        Ok(code == 1)
    }

    async fn listed(&self, sid: CallSid) -> Result<Timestamp, StoreError> {
        let mut pipe = redis::pipe();
        pipe.zscore(keys::LIVE, sid.as_str());
        let (score,): (Option<f64>,) = self.ask(&pipe).await?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "milliseconds of this millennium"
        )]
        Ok(Timestamp(score.unwrap_or(0.0) as u64))
    }

    /// Takes a call from the live ones that is none: its end was not noted there.
    async fn strike(&self, sid: CallSid, over: Option<&CallRecord>) -> Result<bool, StoreError> {
        let mut lists = redis::pipe();
        lists.zrem(keys::LIVE, sid.as_str()).ignore();
        if let Some(record) = over {
            let ended = record.ended_at.unwrap_or(record.seen_at);
            lists.zadd(keys::ENDED, sid.as_str(), ended.0).ignore();
        }
        self.ask::<()>(&lists).await?;
        Ok(false)
    }

    /// Whether another engine that lives has claimed it: that one looks after it.
    async fn is_held(&self, kept: &Kept) -> Result<bool, StoreError> {
        let owner = kept.record.instance.as_ref().filter(|owner| **owner != self.me);
        let Some(owner) = owner else { return Ok(false) };
        self.is_alive(owner).await
    }

    /// Whether an engine has given a sign of life in the last seconds.
    pub(super) async fn is_alive(&self, engine: &InstanceId) -> Result<bool, StoreError> {
        let mut pipe = redis::pipe();
        pipe.exists(keys::heartbeat(engine));
        let (alive,): (bool,) = self.ask(&pipe).await?;
        Ok(alive)
    }

    /// The calls whose time is over.
    async fn over(&self, sweep: &Sweep) -> Result<Vec<CallSid>, StoreError> {
        let mut pipe = redis::pipe();
        let until = (sweep.now - sweep.retention).0;
        pipe.zrangebyscore_limit(keys::ENDED, 0, until, 0, AT_ONCE);
        let (sids,): (Vec<String>,) = self.ask(&pipe).await?;
        Ok(sids.iter().filter_map(|sid| sid.parse().ok()).collect())
    }

    /// Wraps the keys of calls that are over anew, where an older key of ours wraps them: those of
    /// live calls were when they were claimed. Once after each start, some a round.
    async fn rewrap_some(&self) -> Result<(), StoreError> {
        let from = self.rewrapped.load(Ordering::Relaxed);
        if from < 0 {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.zrange(keys::ENDED, from, from + REWRAPPED - 1);
        let (sids,): (Vec<String>,) = self.ask(&pipe).await?;
        for sid in sids.iter().filter_map(|sid| sid.parse().ok()) {
            let mut pipe = redis::pipe();
            pipe.hget(keys::call(sid), "k");
            let (wrapped,): (Option<Vec<u8>>,) = self.ask(&pipe).await?;
            if let Some(wrapped) = wrapped {
                self.rewrap(sid, &wrapped).await;
            }
        }
        let next = if sids.is_empty() { -1 } else { from + REWRAPPED };
        self.rewrapped.store(next, Ordering::Relaxed);
        Ok(())
    }
}
