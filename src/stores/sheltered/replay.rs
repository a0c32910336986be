//! The way back: what the journal has is copied to Redis, call by call, when Redis can be reached.
//!
//! A call that has moved on meanwhile keeps what came too late beside its transcript. A store that
//! has lost everything is given the calls of this engine again.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use switchhook_actors::{
    domain::{
        ids::CallSid,
        record::{CallRecord, Change},
        transcript::LateTurn,
    },
    registry::store::{CallStore, Claimed, Key, Restored, Settled, StoreError},
};
use tokio::time::{sleep, timeout};

use super::{
    Inner,
    held::{Held, Shift, Where},
};
use crate::clock;

/// How often Redis is tried while something waits for it.
const EVERY: Duration = Duration::from_millis(200);

/// How often nothing is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// How long one step of the way back may take.
const STEP: Duration = Duration::from_secs(2);

/// How a copy went.
enum Copied {
    /// It is there, and so the journal need not have it.
    Durable,
    /// It is there, and no replica has it.
    Weak,
}

/// Copies back, until the store is dropped.
pub(super) async fn run(inner: Weak<Inner>) {
    let Some(mut lost) = inner.upgrade().map(|inner| inner.redis.lost()) else { return };
    let mut left = None;
    loop {
        let Some(this) = inner.upgrade() else { return };
        let left = left.get_or_insert(this.left_behind().await);
        if lost.has_changed().unwrap_or(false) {
            lost.borrow_and_update();
            this.publish_anew().await;
        }
        let busy = this.is_away() || !left.is_empty() || this.calls.journaled() > 0;
        metrics::gauge!("switchhook_journal_calls").set(count(this.calls.journaled() + left.len()));
        if busy && this.redis.check().is_ok() {
            this.copy_back(left).await;
        }
        let pause = if busy { EVERY } else { IDLE };
        // Held only while there is something to do: the store must be able to go.
        let work = async { this.work.notified().await };
        tokio::select! {
            () = work => sleep(Duration::from_millis(20)).await,
            () = sleep(pause) => {}
            _ = lost.changed() => lost.mark_changed(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no engine holds 2^52 calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}

async fn step<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| StoreError::Unavailable("Redis did not answer in time".to_owned());
    timeout(STEP, asked).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

impl Inner {
    /// What an earlier run of this engine has left in the journal.
    async fn left_behind(&self) -> Vec<CallSid> {
        match self.journal.all().await {
            Ok(left) => {
                if !left.is_empty() {
                    tracing::warn!(calls = left.len(), "the journal has calls of an earlier run");
                }
                left
            }
            Err(error) => {
                tracing::error!("the journal cannot be read: {error}");
                Vec::new()
            }
        }
    }

    async fn copy_back(&self, left: &mut Vec<CallSid>) {
        let confirmed = match step(self.redis.probe()).await {
            Err(error) => {
                tracing::debug!("Redis is not back: {error}");
                return;
            }
            Ok(confirmed) => confirmed,
        };
        if self.misses.swap(0, Ordering::Relaxed) >= super::MISSES {
            tracing::warn!("Redis is back");
        }
        for held in self.calls.all() {
            let _turn = self.calls.turn(held.sid()).await;
            let wanted = held.is_journaled() && (confirmed || held.is_dirty());
            if wanted && let Err(error) = self.bring_back(&held).await {
                tracing::warn!(call.sid = %held.sid(), "a call stays in the journal: {error}");
                return;
            }
        }
        while confirmed && let Some(sid) = left.last().copied() {
            let _turn = self.calls.turn(sid).await;
            // One that is held again was brought back above.
            if self.calls.get(sid).is_none_or(|held| !held.is_journaled())
                && let Err(error) = self.bring_back_left(sid).await
            {
                tracing::warn!(call.sid = %sid, "a call stays in the journal: {error}");
                return;
            }
            left.pop();
        }
    }

    /// Brings one call back. Its operations wait meanwhile.
    async fn bring_back(&self, held: &Held) -> Result<(), StoreError> {
        if held.is_born_here() && !self.find_place(held).await? {
            return Ok(());
        }
        match step(self.redis.restore(held.copy_for_redis())).await {
            Ok(Restored::Restored) => self.bring_changes(held, Copied::Durable).await,
            Err(StoreError::NotDurable) => self.bring_changes(held, Copied::Weak).await,
            Err(error) => Err(error),
            Ok(Restored::Erased) => {
                held.erase();
                self.clear(held.sid()).await
            }
            Ok(Restored::Newer) => {
                held.lose();
                let stands = step(self.redis.find(Key::Sid(held.sid()))).await?;
                let late = held.late(&stands.unwrap_or_else(|| held.copy()).transcript);
                self.add_late(held.sid(), late).await?;
                self.clear(held.sid()).await
            }
        }
    }

    /// A call that Redis did not know when it was taken may be known there after all. False: it
    /// cannot be brought back, and what was said is kept beside the transcript.
    async fn find_place(&self, held: &Held) -> Result<bool, StoreError> {
        let sid = held.sid();
        let Some(known) = step(self.redis.find(Key::Sid(sid))).await? else { return Ok(true) };
        let copy = held.copy();
        if known.epoch == copy.epoch && known.instance == copy.instance {
            return Ok(true);
        }
        // A claim of this engine's own, whose answer did not come in time, stands in nobody's way.
        let ours = known.instance == copy.instance;
        let by = copy.instance.clone().filter(|_| ours || known.epoch < copy.epoch);
        let claimed = match by {
            Some(by) => step(self.redis.claim(sid, by, clock::now())).await?,
            None => Claimed::Ended,
        };
        let Claimed::Yours(record) = claimed else {
            held.lose();
            self.add_late(sid, held.late(&known.transcript)).await?;
            self.clear(sid).await?;
            return Ok(false);
        };
        let turns = record.transcript.turns().last().map_or(0, |turn| turn.id.0.saturating_add(1));
        let seqs = record.next_seq.saturating_sub(1);
        held.shift(Shift { epoch: record.epoch, seqs, turns });
        Ok(true)
    }

    async fn bring_changes(&self, held: &Held, copied: Copied) -> Result<(), StoreError> {
        let (changes, links) = held.unsent();
        let mut durable = matches!(copied, Copied::Durable);
        for pending in changes {
            let epoch = held.epoch_in_redis();
            let settle = self.redis.settle(held.sid(), epoch, pending.change, pending.at);
            match step(settle).await {
                Ok(Settled::Settled(record)) => held.settled(&record),
                Ok(Settled::Fenced | Settled::Unknown) => {}
                Err(StoreError::NotDurable) => durable = false,
                Err(error) => return Err(error),
            }
        }
        for alias in links {
            step(self.redis.link(alias, held.sid())).await?;
        }
        held.sent();
        if durable {
            self.clear(held.sid()).await?;
            held.arrive();
            tracing::info!(call.sid = %held.sid(), "a call is back in Redis");
        }
        Ok(())
    }

    async fn add_late(&self, sid: CallSid, late: Vec<LateTurn>) -> Result<(), StoreError> {
        if late.is_empty() {
            return Ok(());
        }
        let turns = u64::try_from(late.len()).unwrap_or(u64::MAX);
        tracing::warn!(call.sid = %sid, turns, "the call has moved on: what came late is kept beside it");
        metrics::counter!("switchhook_late_turns_total").increment(turns);
        step(self.redis.add_late(sid, late)).await.map(drop)
    }

    /// The journal need not have it any more.
    async fn clear(&self, sid: CallSid) -> Result<(), StoreError> {
        self.journal.discard(sid).await.map(drop)
    }

    /// A call of an earlier run: nobody holds it here, its owner of then is gone.
    async fn bring_back_left(&self, sid: CallSid) -> Result<(), StoreError> {
        let Some(copy) = self.journal.find(Key::Sid(sid)).await? else { return Ok(()) };
        match step(self.redis.restore(copy.clone())).await? {
            Restored::Erased => {}
            Restored::Restored => {
                for change in changes(&copy) {
                    step(self.redis.settle(sid, copy.epoch, change, copy.seen_at)).await?;
                }
            }
            Restored::Newer => {
                let stands = step(self.redis.find(Key::Sid(sid))).await?;
                self.add_late(sid, late(&copy, stands.as_ref())).await?;
            }
        }
        self.clear(sid).await
    }

    /// Redis has lost what it had.
    async fn publish_anew(&self) {
        for held in self.calls.all() {
            let _turn = self.calls.turn(held.sid()).await;
            if held.whereabouts() == Where::Redis
                && let Err(error) = step(self.redis.restore(held.copy_for_redis())).await
                && error != StoreError::NotDurable
            {
                tracing::warn!(call.sid = %held.sid(), "a call is not published anew: {error}");
            }
        }
    }
}

/// What may have been changed in the journal besides turns.
fn changes(copy: &CallRecord) -> Vec<Change> {
    let escalated = copy
        .escalation
        .clone()
        .map(|escalation| Change::Escalated { escalation: Box::new(escalation) });
    let ended = copy.status.is_final().then_some(Change::Ended { status: copy.status });
    escalated.into_iter().chain(ended).collect()
}

/// What of a copy does not stand in a call that has moved on.
fn late(copy: &CallRecord, stands: Option<&CallRecord>) -> Vec<LateTurn> {
    let Some(instance) = &copy.instance else { return Vec::new() };
    let turns = (1..).zip(copy.transcript.turns());
    let there = |turn| stands.is_some_and(|call| call.transcript.turns().contains(turn));
    let late = turns.filter(|(_, turn)| !there(*turn)).map(|(seq, turn)| LateTurn {
        instance: instance.clone(),
        epoch: copy.epoch,
        seq,
        turn: turn.clone(),
    });
    late.collect()
}
