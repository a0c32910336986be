//! Erasure, by call and by the caller's number: nothing is left, nothing comes back, and a replica knows
//! it before it is acknowledged.

use std::sync::Arc;

use switchhook_actors::{
    domain::{
        ids::CallSid,
        record::{CallEventKind, CallRecord},
        time::{Millis, Timestamp},
    },
    registry::store::StoreError,
};

use super::{
    keys,
    operations::{Core, done, function, must_last},
    record,
};
use crate::{clock, stores::unannounced};

/// For how long nobody may restore a call that was erased, ms: longer than any engine holds one.
const ERASED_FOR: Millis = 7 * 24 * 3_600_000;

impl Core {
    /// Works on a record that cannot be read, too: erasure must not depend on what is erased. Of a call
    /// that is not there its trace is left all the same: an engine's journal may have it.
    pub(super) async fn erase(self: Arc<Self>, sid: CallSid) -> Result<bool, StoreError> {
        let record = match self.record(sid).await {
            Err(StoreError::Unreadable(_)) => None,
            found => found?.map(|kept| kept.record),
        };
        let deleted = self.delete(sid, record.as_ref(), ERASED_FOR).await?;
        if deleted.there {
            let gone =
                record.unwrap_or_else(|| CallRecord::ringing(unannounced(sid, Timestamp(0))));
            self.news.tell(sid, CallEventKind::Erased, Some(0), Some(gone));
        }
        must_last(!deleted.durable)?;
        Ok(deleted.there)
    }

    /// A call that was deleted otherwise may still be in the lists of its caller's: they go. One that
    /// is in another engine's journal meanwhile finds the trace of it.
    pub(super) async fn erase_caller(self: Arc<Self>, number: String) -> Result<usize, StoreError> {
        let (mut erased, mut is_weak) = (0, false);
        for name in self.traced(&number) {
            let mut order = redis::cmd("SET");
            order.arg(keys::caller_erased(&name)).arg(clock::now().0).arg("PX").arg(ERASED_FOR);
            is_weak |= !done(self.writes.put(order)).await?.durable;
        }
        for name in self.vault.caller_names(&number) {
            let mut pipe = redis::pipe();
            pipe.smembers(keys::caller(&name));
            let (sids,): (Vec<String>,) = self.ask(&pipe).await?;
            for sid in &sids {
                let Ok(call) = sid.parse() else { continue };
                match Arc::clone(&self).erase(call).await {
                    Ok(there) => erased += usize::from(there),
                    Err(StoreError::NotDurable) => is_weak = true,
                    Err(error) => return Err(error),
                }
                let mut pipe = redis::pipe();
                pipe.srem(keys::caller(&name), sid).ignore();
                self.ask::<()>(&pipe).await?;
            }
        }
        must_last(is_weak)?;
        Ok(erased)
    }

    /// The names under which the erasure of a caller's calls leaves its trace: with keys of ours none
    /// that can be had from the number alone.
    fn traced(&self, number: &str) -> Vec<String> {
        let mut names = self.vault.caller_names(number);
        if names.len() > 1 {
            names.pop();
        }
        names
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

    /// Deletes a call with all that belongs to it. What leads to it goes first, and the lists by which
    /// it is found to be deleted go last: who dies in between leaves nothing that nobody finds.
    pub(super) async fn delete(
        &self,
        sid: CallSid,
        record: Option<&CallRecord>,
        remembered: Millis,
    ) -> Result<Deleted, StoreError> {
        let mut pipe = redis::pipe();
        pipe.smembers(keys::links(sid));
        let (links,): (Vec<String>,) = self.ask(&pipe).await?;
        self.unlink(sid, links);
        let [call, turns, late, erased] = record::whole(sid);
        let places = [call, turns, late, keys::replies(sid), keys::links(sid), erased];
        let mut order = function("sh1_erase", &places);
        order.arg(remembered);
        let erased = done(self.writes.put(order)).await?;
        let (there, links): (i64, Vec<String>) = record::shape(erased.value)?;
        // Those that came in between.
        self.unlink(sid, links);
        self.forget(sid);
        let mut lists = redis::pipe();
        for name in record.iter().flat_map(|record| self.vault.caller_names(&record.caller)) {
            lists.srem(keys::caller(&name), sid.as_str()).ignore();
        }
        lists.zrem(keys::LIVE, sid.as_str()).ignore();
        lists.zrem(keys::ENDED, sid.as_str()).ignore();
        self.ask::<()>(&lists).await?;
        Ok(Deleted { there: there == 1, durable: erased.durable })
    }

    /// Takes its links from a call, in the order of writes.
    fn unlink(&self, sid: CallSid, links: Vec<String>) {
        for link in links {
            let mut order = function("sh1_unlink", &[keys::alias(&link)]);
            order.arg(sid.as_str());
            drop(self.writes.put(order));
        }
    }
}

/// What became of a call that was to be deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deleted {
    /// There was one.
    pub(super) there: bool,
    /// A replica knows that it is gone.
    pub(super) durable: bool,
}
