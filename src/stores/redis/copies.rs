//! Calls that come from another store: a copy that restores what was lost, and turns that came too
//! late.

use std::sync::Arc;

use switchhook_actors::{
    domain::{
        ids::{CallSid, Epoch},
        record::{CallEventKind, CallRecord},
        transcript::LateTurn,
    },
    registry::store::{Restored, StoreError},
};

use super::{
    keys,
    operations::{Asked, Core, TRIES, done, function, must_last},
    record::{self, Mark},
};
use crate::stores::{index::without_words, sealed::CallKey};

impl Core {
    /// Unless somebody else has claimed the call since the claim `base`.
    pub(super) async fn restore(
        self: Arc<Self>,
        copy: CallRecord,
        base: Epoch,
    ) -> Result<Restored, StoreError> {
        let sid = copy.sid;
        for _ in 0..TRIES {
            let mut pipe = redis::pipe();
            pipe.hget(keys::call(sid), "k");
            let (wrapped,): (Option<Vec<u8>>,) = self.ask(&pipe).await?;
            if wrapped.is_none() && self.went_with_caller(&copy).await? {
                return Ok(Restored::Erased);
            }
            let (key, wrapped) = match wrapped {
                None => self.vault.fresh(sid),
                Some(wrapped) => {
                    let key = self.vault.unwrap(sid, &wrapped);
                    (key.map_err(|error| record::unreadable(sid, &error))?, wrapped)
                }
            };
            let done = done(self.ask_restore(&copy, base, &key, wrapped)?).await?;
            let (code, created): (i64, i64) = record::shape(done.value)?;
            match code {
                1 => {
                    self.learn(sid, key);
                    self.restored(&copy, created == 1);
                    must_last(!done.durable)?;
                    return Ok(Restored::Restored);
                }
                -2 => return Ok(Restored::Newer),
                -5 => return Ok(Restored::Erased),
                _ => {}
            }
        }
        Err(StoreError::Unavailable("others keep changing the call".to_owned()))
    }

    fn ask_restore(
        &self,
        copy: &CallRecord,
        base: Epoch,
        key: &CallKey,
        wrapped: Vec<u8>,
    ) -> Result<Asked, StoreError> {
        let sid = copy.sid;
        let owner = copy.instance.as_ref().map(|owner| owner.0.as_str()).unwrap_or_default();
        let ended = copy.ended_at.map(|at| at.0.to_string()).unwrap_or_default();
        let order = [keys::call(sid), keys::turns(sid), keys::erased(sid)];
        let mut order = function("sh1_restore", &order);
        order.arg(copy.epoch.0).arg(owner).arg(copy.next_seq).arg(record::word(copy.status));
        order.arg(copy.started_at.0).arg(ended).arg(copy.seen_at.0);
        order.arg(wrapped).arg(record::seal_record(key, copy)?).arg(base.0);
        // One mark for all: the newest that the copy can vouch for.
        let mark = Mark { epoch: copy.epoch, seq: copy.next_seq.saturating_sub(1) };
        for turn in copy.transcript.turns() {
            order.arg(keys::field(turn)).arg(record::seal_turn(sid, key, mark, turn)?);
        }
        match copy.ended_at.filter(|_| copy.status.is_final()) {
            Some(ended) => self.list_ended(sid, ended),
            None => self.list_live(sid, copy.seen_at),
        }
        self.list_caller(sid, &copy.caller);
        Ok(self.writes.put(order))
    }

    fn restored(&self, copy: &CallRecord, created: bool) {
        let sid = copy.sid;
        if created {
            let turns = copy.transcript.turns().len();
            let record = without_words(copy.clone());
            self.news.tell(sid, CallEventKind::Opened, Some(turns), Some(record));
        } else {
            // How it stands now is looked up.
            self.news.tell(sid, CallEventKind::Claimed, None, None);
        }
    }

    pub(super) async fn add_late(
        self: Arc<Self>,
        sid: CallSid,
        turns: Vec<LateTurn>,
    ) -> Result<bool, StoreError> {
        let Some(key) = self.fetch_key(sid).await? else { return Ok(false) };
        let mut order = function("sh1_late", &record::whole(sid));
        for late in &turns {
            order.arg(late.epoch.0).arg(late.seq).arg(keys::field(&late.turn));
            order.arg(record::seal_late(sid, &key, late)?);
        }
        let done = done(self.writes.put(order)).await?;
        let (code, _): (i64, i64) = record::shape(done.value)?;
        must_last(code == 1 && !done.durable)?;
        Ok(code == 1)
    }
}
