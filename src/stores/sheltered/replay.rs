//! The way back: what the journal has is copied to Redis, call by call, when Redis can be reached.
//!
//! A call that has moved on meanwhile keeps what came too late beside its transcript. A store that
//! has lost everything is given the calls of this engine again.

use std::{
    collections::HashSet,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use switchhook_actors::{
    domain::{
        ids::{CallSid, Epoch},
        record::{CallRecord, Change},
        transcript::LateTurn,
    },
    registry::store::{CallStore, Claimed, Key, Restored, Settled, StoreError},
};
use tokio::time::{sleep, timeout};

use super::{
    Inner,
    held::{Held, Where},
    shift::is_known,
};
use crate::clock;

/// How often Redis is tried while something waits for it.
const EVERY: Duration = Duration::from_millis(200);

/// How often nothing is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// How long one step of the way back may take.
const STEP: Duration = Duration::from_secs(2);

/// How often a call is claimed anew because others claim it as well.
const TRIES: usize = 3;

/// How a copy went.
enum Copied {
    /// It is there, and so the journal need not have it.
    Durable,
    /// It is there, and no replica has it.
    Weak,
}

/// What the way back remembers from one round to the next.
#[derive(Default)]
struct Way {
    /// What an earlier run has left in the journal is known.
    looked: bool,
    /// Redis has lost everything, and not all calls of this engine are there again.
    anew: bool,
    /// Calls that cannot be read: none of them holds up the others, nor is tried again in this run.
    aside: HashSet<CallSid>,
}

/// Copies back, until the store is dropped.
pub(super) async fn run(inner: Weak<Inner>) {
    let told = |inner: Arc<Inner>| (inner.redis.lost(), Arc::clone(&inner.work));
    let Some((mut lost, work)) = inner.upgrade().map(told) else { return };
    let mut way = Way::default();
    loop {
        let Some(this) = inner.upgrade() else { return };
        way.looked = way.looked || this.look_behind().await;
        way.anew |= lost.has_changed().unwrap_or(false);
        lost.borrow_and_update();
        way.anew = way.anew && !this.publish_anew().await;
        let (journaled, left) = (this.calls.journaled(), this.calls.left().len());
        let to_do = |held: &Arc<Held>| held.is_journaled() && !way.aside.contains(&held.sid());
        let is_waiting = left > 0 || this.calls.all().iter().any(to_do);
        let busy = !way.looked || way.anew || this.is_away() || is_waiting;
        metrics::gauge!("switchhook_journal_calls").set(count(journaled + left));
        if busy && this.redis.check().is_ok() {
            this.copy_back(&mut way.aside).await;
        }
        let pause = if busy { EVERY } else { IDLE };
        // Held only while there is something to do: the store must be able to go.
        drop(this);
        tokio::select! {
            () = work.notified() => sleep(Duration::from_millis(20)).await,
            () = sleep(pause) => {}
            told = lost.changed() => match told {
                Ok(()) => way.anew = true,
                // Nobody would tell that Redis has lost something: the store is at its end.
                Err(_) => return,
            },
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
    /// Looks what an earlier run of this engine has left in the journal. Whether that is known now.
    async fn look_behind(&self) -> bool {
        match self.journal.all().await {
            Ok(left) => {
                if !left.is_empty() {
                    tracing::warn!(calls = left.len(), "the journal has calls of an earlier run");
                }
                left.into_iter().for_each(|sid| self.calls.leave(sid));
                true
            }
            Err(error) => {
                tracing::error!("the journal cannot be read: {error}");
                false
            }
        }
    }

    async fn copy_back(&self, aside: &mut HashSet<CallSid>) {
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
            let sid = held.sid();
            let _turn = self.calls.turn(sid).await;
            let wanted = held.is_journaled() && (confirmed || held.is_dirty());
            if wanted && !aside.contains(&sid) {
                let Ok(()) = stays(sid, aside, self.bring_back(&held).await) else { return };
            }
        }
        for sid in self.calls.left().into_iter().filter(|_| confirmed) {
            let _turn = self.calls.turn(sid).await;
            // One that is held again goes back with what its owner says.
            if self.calls.get(sid).is_none_or(|held| !held.is_journaled()) {
                let brought = self.bring_back_left(sid).await;
                let is_to_be_tried_again = matches!(brought, Err(StoreError::NotDurable));
                let Ok(()) = stays(sid, aside, brought) else { return };
                if is_to_be_tried_again {
                    continue;
                }
            }
            self.calls.settle_left(sid);
        }
    }

    /// Brings one call back. Its operations wait meanwhile.
    pub(super) async fn bring_back(&self, held: &Held) -> Result<(), StoreError> {
        let brought = self.bring_copy(held).await;
        if brought.is_err() && !held.is_kept() {
            // Nobody holds it any more, and the journal has something of it.
            self.calls.leave(held.sid());
        }
        brought
    }

    async fn bring_copy(&self, held: &Held) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let copied = self.redis.restore_over(held.copy_for_redis(), held.base());
            let mut copied = match step(copied).await {
                Ok(Restored::Restored) => Copied::Durable,
                Err(StoreError::NotDurable) => Copied::Weak,
                Err(error) => return Err(error),
                Ok(Restored::Erased) => {
                    held.erase();
                    return self.journal.erase(held.sid()).await.map(drop);
                }
                Ok(Restored::Newer) if held.is_unconfirmed() && self.find_place(held).await? => {
                    continue;
                }
                Ok(Restored::Newer) => {
                    held.lose();
                    let stands = step(self.redis.find(Key::Sid(held.sid()))).await?;
                    let late = stands.map(|stands| held.late(&stands.transcript));
                    self.add_late(held.sid(), late.unwrap_or_default()).await?;
                    return self.clear(held.sid()).await;
                }
            };
            held.confirmed();
            match self.publish_beside(held).await {
                Err(StoreError::NotDurable) => copied = Copied::Weak,
                published => published?,
            }
            return self.bring_changes(held, copied).await;
        }
        Err(StoreError::Unavailable("others keep claiming the call".to_owned()))
    }

    /// A call that was claimed without Redis has been claimed there as well: by an engine that its
    /// caller has left since, or by this one, whose answer came too late. It is claimed anew, and
    /// what was said here comes behind what was said there. False: it has gone on elsewhere.
    async fn find_place(&self, held: &Held) -> Result<bool, StoreError> {
        let (sid, copy) = (held.sid(), held.copy());
        let Some(known) = step(self.redis.find(Key::Sid(sid))).await? else { return Ok(true) };
        let is_before = known.instance == copy.instance || known.epoch < copy.epoch;
        let Some(by) = copy.instance.filter(|_| is_before) else { return Ok(false) };
        let claimed = step(self.redis.claim(sid, by, clock::now())).await?;
        let Claimed::Yours(there) = claimed else { return Ok(false) };
        self.add_late(sid, held.stranded(&there)).await?;
        held.shift(&there);
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

    /// A call that nobody holds here: its owner of then is gone, or has lost it.
    async fn bring_back_left(&self, sid: CallSid) -> Result<(), StoreError> {
        let Some(copy) = self.journal.find(Key::Sid(sid)).await? else { return Ok(()) };
        let stands = step(self.redis.find(Key::Sid(sid))).await?;
        let restored = match base(&copy, stands.as_ref()) {
            Some(base) => step(self.redis.restore_over(copy.clone(), base)).await?,
            None => Restored::Newer,
        };
        match restored {
            Restored::Erased => return self.journal.erase(sid).await.map(drop),
            Restored::Restored => {
                for change in changes(&copy) {
                    step(self.redis.settle(sid, copy.epoch, change, copy.seen_at)).await?;
                }
            }
            Restored::Newer => {
                let mut late = self.journal.written(sid).await?;
                let stands = stands.map(|call| call.transcript).unwrap_or_default();
                late.retain(|late| stands.lacks(&late.turn, copy.transcript.turns()));
                self.add_late(sid, late).await?;
            }
        }
        self.clear(sid).await
    }

    /// Redis has lost what it had. Whether all calls of this engine are there again.
    async fn publish_anew(&self) -> bool {
        let mut is_done = true;
        for held in self.calls.all() {
            let _turn = self.calls.turn(held.sid()).await;
            if held.whereabouts() != Where::Redis {
                continue;
            }
            if let Err(error) = self.publish(&held).await
                && error != StoreError::NotDurable
            {
                tracing::warn!(call.sid = %held.sid(), "a call is not published anew: {error}");
                is_done &= matches!(error, StoreError::Unreadable(_));
            }
        }
        is_done
    }

    async fn publish(&self, held: &Held) -> Result<(), StoreError> {
        let restored = step(self.redis.restore(held.copy_for_redis())).await.map(drop);
        match restored {
            Ok(()) | Err(StoreError::NotDurable) => self.publish_beside(held).await.and(restored),
            Err(_) => restored,
        }
    }

    /// What stands beside a call, where it does not.
    async fn publish_beside(&self, held: &Held) -> Result<(), StoreError> {
        let beside = held.beside();
        if beside.is_empty() {
            return Ok(());
        }
        step(self.redis.add_late(held.sid(), beside)).await.map(drop)
    }
}

/// Notes that a call stays in the journal. An error: so do all others, Redis is away again.
fn stays(
    sid: CallSid,
    aside: &mut HashSet<CallSid>,
    brought: Result<(), StoreError>,
) -> Result<(), StoreError> {
    match brought {
        Err(StoreError::Unreadable(why)) => {
            tracing::error!(call.sid = %sid, %why, "a call that cannot be read stays in the journal");
            aside.insert(sid);
            Ok(())
        }
        Err(error) => {
            tracing::warn!(call.sid = %sid, "a call stays in the journal: {error}");
            if error == StoreError::NotDurable { Ok(()) } else { Err(error) }
        }
        Ok(()) => Ok(()),
    }
}

/// Up to which claim a copy that nobody holds may overwrite what stands. None: others have gone on
/// with the call.
fn base(copy: &CallRecord, stands: Option<&CallRecord>) -> Option<Epoch> {
    let Some(stands) = stands else { return Some(Epoch(0)) };
    let is_ours = stands.epoch == Epoch(0) || stands.instance == copy.instance;
    let mut turns = stands.transcript.turns().iter();
    (is_ours && turns.all(|turn| is_known(turn, &copy.transcript))).then_some(stands.epoch)
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
