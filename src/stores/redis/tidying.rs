//! Replies and links; and what becomes of calls that nobody looks after any more.

use std::{collections::HashSet, sync::Arc, time::Duration};

use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, InstanceId},
        record::{CallRecord, Change, Status},
        time::{Millis, Timestamp},
    },
    registry::store::{StoreError, Sweep, Swept},
};

use super::{
    keys,
    operations::{Core, done, function},
    record::{self, Kept},
    rotation,
};
use crate::stores::{locked, sealed::Place};

/// How many calls one round deletes or closes at most.
const AT_ONCE: isize = 1_000;

/// What a reply is kept for besides its own time, ms: clocks differ.
const REPLY_SLACK: Millis = 60_000;

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
            swept.deleted += usize::from(self.retire(sid).await?);
        }
        self.rewrap_some().await?;
        Ok(swept)
    }

    /// Deletes a call whose retention is over, one that cannot be read as well. One whose end was noted
    /// in the list and nowhere else is none of them.
    async fn retire(&self, sid: CallSid) -> Result<bool, StoreError> {
        let record = match self.record(sid).await {
            Err(StoreError::Unreadable(_)) => None,
            found => found?.map(|kept| kept.record),
        };
        if record.as_ref().is_some_and(|record| !record.status.is_final()) {
            let mut lists = redis::pipe();
            lists.zrem(keys::ENDED, sid.as_str()).ignore();
            self.ask::<()>(&lists).await?;
            return Ok(false);
        }
        Ok(self.delete(sid, record.as_ref(), 0).await?.there)
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
            // It must not hold up all tidying.
            Err(StoreError::Unreadable(why)) => {
                tracing::error!(call.sid = %sid, %why, "a silent call cannot be read");
                return self.give_up(sid, sweep).await;
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
        Ok(Timestamp(score.map_or(0, rotation::score)))
    }

    /// A silent call that cannot be read counts as over when nobody can have talked for so long.
    async fn give_up(&self, sid: CallSid, sweep: &Sweep) -> Result<bool, StoreError> {
        let seen = self.listed(sid).await?.max(self.since);
        if sweep.now.since(seen) >= sweep.silence_of(Status::WithAgent) {
            let mut lists = redis::pipe();
            lists.zadd(keys::ENDED, sid.as_str(), seen.0).ignore();
            lists.zrem(keys::LIVE, sid.as_str()).ignore();
            self.ask::<()>(&lists).await?;
        }
        Ok(false)
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
}
