//! The registry that callers never wait for: Redis, and a journal for when Redis is away.
//!
//! What Redis does not take in time, or takes without a replica, goes into the journal, which is the
//! embedded store of this engine; from then on the call is written there, in order, until
//! [`replay`] has copied it back ([`routing`] decides). [`held`] knows a call of this engine as its
//! owner knows it, so that a store that lost something can be given it again.

mod calls;
mod held;
mod replay;
mod routing;
mod shift;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::ready};
use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, Epoch, InstanceId},
        order::{Order, Ordered},
        record::{CallRecord, CallSummary, Change, NewCall, Position},
        time::{Millis, Timestamp},
        transcript::{LateTurn, Turn},
    },
    registry::store::{
        Appended, CallStore, Claimed, Feed, Key, Opened, Restored, Settled, StoreError, Stored,
        Sweep, Swept,
    },
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use self::calls::Calls;
use super::{embedded::Embedded, redis::Redis};

/// How long Redis may take for a turn: it hides beside the model's time to its first token.
const APPEND: Duration = Duration::from_millis(80);

/// How long it may take for anything else: webhooks give the registry 300 ms.
const ASK: Duration = Duration::from_millis(200);

/// How long a caller whose engine is gone waits for what was said there, when Redis cannot be
/// reached: a failover is over by then, and longer silence is worse than what is not known.
const FOR_WORDS: Duration = Duration::from_millis(4_000);

/// How often an engine that has just started looks whether it knows the calls there are.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Pause before Redis is asked for it again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What is left for Redis at least when an operation had to wait for its turn.
const LEAST: Duration = Duration::from_millis(20);

/// So many answers in a row that did not come open the breaker: the journal is asked at once.
const MISSES: u32 = 3;

/// For how long after an outage the journal is asked for replies as well, ms: Twilio repeats no
/// webhook later than that.
const REPLIES_KEPT: Millis = 120_000;

/// Redis with a journal.
pub struct Sheltered {
    inner: Arc<Inner>,
    /// Brings calls back from the journal as long as the store lives.
    way_back: JoinHandle<()>,
}

/// What all operations share.
struct Inner {
    redis: Redis,
    journal: Embedded,
    calls: Calls,
    /// Answers of Redis in a row that did not come.
    misses: AtomicU32,
    /// Something waits to be copied back.
    work: Arc<Notify>,
}

impl Sheltered {
    /// Shelters Redis behind that journal. What an earlier run has left in it is copied back as soon
    /// as Redis can be reached.
    #[must_use]
    pub fn new(redis: Redis, journal: Embedded) -> Self {
        let inner = Arc::new(Inner {
            redis,
            journal,
            calls: Calls::default(),
            misses: AtomicU32::new(0),
            work: Arc::default(),
        });
        let way_back = inner.redis.runtime().spawn(replay::run(Arc::downgrade(&inner)));
        Self { inner, way_back }
    }

    /// The registry that all engines share.
    #[must_use]
    pub fn redis(&self) -> &Redis {
        &self.inner.redis
    }

    /// Whether the journal works, and all that has to go on does. Once false, it stays so.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let is_way_open = !self.way_back.is_finished();
        self.inner.journal.is_alive() && self.inner.redis.is_alive() && is_way_open
    }

    /// Whether calls are kept in the journal for now, or cannot be kept at all.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.inner.journal.is_failing()
            || self.inner.is_away()
            || self.inner.redis.check().is_err()
            || self.inner.calls.journaled() > 0
    }

    /// Resolves when all that was accepted is durable and the journal's directory is free.
    pub async fn close(&self) {
        let _ = self.flush().await;
        self.inner.journal.close().await;
    }

    /// Does it on the store's own thread, in the order of the calls, whether or not anybody waits.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Stored<T> {
        let task = self.inner.redis.runtime().spawn(work);
        let closed = || StoreError::Unavailable("the registry is closed".to_owned());
        async move { task.await.unwrap_or_else(|_| Err(closed())) }.boxed()
    }
}

impl std::fmt::Debug for Sheltered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheltered").field("redis", &self.inner.redis).finish_non_exhaustive()
    }
}

impl Inner {
    /// Whether Redis is not asked at all.
    fn is_away(&self) -> bool {
        self.misses.load(Ordering::Relaxed) >= MISSES
    }

    /// Asks Redis, until that moment.
    async fn ask<T>(
        &self,
        by: Instant,
        asked: impl FnOnce(&Redis) -> Stored<T>,
    ) -> Result<T, StoreError> {
        if self.is_away() {
            return Err(StoreError::Unavailable("Redis is away".to_owned()));
        }
        let by = by.max(Instant::now() + LEAST);
        let answer = match timeout_at(by, asked(&self.redis)).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unavailable("Redis did not answer in time".to_owned())),
        };
        match &answer {
            Err(StoreError::Unavailable(_)) => self.missed(),
            _ => self.misses.store(0, Ordering::Relaxed),
        }
        answer
    }

    fn missed(&self) {
        metrics::counter!("switchhook_redis_misses_total").increment(1);
        if self.misses.fetch_add(1, Ordering::Relaxed) + 1 == MISSES {
            tracing::error!("Redis is away: calls go on, and are kept in the journal");
        }
        self.work.notify_one();
    }

    /// Whether replies of an outage may still be wanted.
    fn has_replies(&self, now: Timestamp) -> bool {
        self.calls.last_journaled().is_some_and(|at| now.since(at) < REPLIES_KEPT)
    }
}

/// What was erased. That no replica knows of it keeps nothing else from being erased.
fn counted<T: Default>(answer: Result<T, StoreError>, is_weak: &mut bool) -> Result<T, StoreError> {
    if matches!(answer, Err(StoreError::NotDurable)) {
        *is_weak = true;
        return Ok(T::default());
    }
    answer
}

impl CallStore for Sheltered {
    fn open(&self, call: NewCall) -> Stored<Opened> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            inner.begun().await;
            let by = Instant::now() + ASK;
            let _turn = inner.calls.turn(call.sid).await;
            inner.open(call, by).await
        })
    }

    fn claim(&self, sid: CallSid, engine: InstanceId, at: Timestamp) -> Stored<Claimed> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            inner.begun().await;
            let by = Instant::now() + ASK;
            let _turn = inner.calls.turn(sid).await;
            inner.claim(sid, engine, at, by).await
        })
    }

    fn append(&self, sid: CallSid, epoch: Epoch, seq: u64, turn: Turn) -> Stored<Appended> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + APPEND);
        self.spawn(async move {
            let _turn = inner.calls.turn(sid).await;
            inner.append(sid, epoch, seq, turn, by).await
        })
    }

    fn settle(&self, sid: CallSid, epoch: Epoch, change: Change, at: Timestamp) -> Stored<Settled> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + ASK);
        self.spawn(async move {
            let _turn = inner.calls.turn(sid).await;
            inner.settle(sid, epoch, change, at, by).await
        })
    }

    fn restore(&self, copy: CallRecord) -> Stored<Restored> {
        self.inner.redis.restore(copy)
    }

    fn add_late(&self, sid: CallSid, turns: Vec<LateTurn>) -> Stored<bool> {
        self.inner.redis.add_late(sid, turns)
    }

    fn remember(
        &self,
        sid: CallSid,
        key: String,
        reply: String,
        now: Timestamp,
        ttl: Millis,
    ) -> Stored<String> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + ASK);
        self.spawn(async move {
            let asked = |redis: &Redis| redis.remember(sid, key.clone(), reply.clone(), now, ttl);
            match inner.ask(by, asked).await {
                Err(StoreError::Unavailable(_)) => {
                    inner.journal.remember(sid, key, reply, now, ttl).await
                }
                answer => answer,
            }
        })
    }

    fn answered(&self, sid: CallSid, key: String, now: Timestamp) -> Stored<Option<String>> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + ASK);
        self.spawn(async move {
            match inner.ask(by, |redis| redis.answered(sid, key.clone(), now)).await {
                Ok(None) if inner.has_replies(now) => inner.journal.answered(sid, key, now).await,
                Err(StoreError::Unavailable(_)) => inner.journal.answered(sid, key, now).await,
                answer => answer,
            }
        })
    }

    fn link(&self, alias: Alias, sid: CallSid) -> Stored<bool> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + ASK);
        self.spawn(async move {
            let _turn = inner.calls.turn(sid).await;
            inner.link(alias, sid, by).await
        })
    }

    fn find(&self, key: Key) -> Stored<Option<CallRecord>> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            inner.begun().await;
            inner.find(key, Instant::now() + ASK).await
        })
    }

    fn live(&self) -> Stored<Vec<CallSummary>> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            let mut calls = inner.redis.live().await?;
            inner.calls.correct(&mut calls);
            Ok(calls)
        })
    }

    fn follow(&self, after: Option<Position>) -> Stored<Feed> {
        self.inner.redis.follow(after)
    }

    /// Only with Redis: another engine may hold the call.
    fn erase(&self, sid: CallSid) -> Stored<bool> {
        let (inner, by) = (Arc::clone(&self.inner), Instant::now() + 5 * ASK);
        self.spawn(async move {
            let _turn = inner.calls.turn(sid).await;
            let erased = inner.ask(by, |redis| redis.erase(sid)).await;
            if !matches!(erased, Ok(_) | Err(StoreError::NotDurable)) {
                return erased;
            }
            if let Some(held) = inner.calls.get(sid) {
                held.erase();
            }
            let here = inner.journal.erase(sid).await?;
            Ok(erased? || here)
        })
    }

    /// Only with Redis. What comes back from the journal meanwhile is caught by the second look.
    fn erase_caller(&self, number: String) -> Stored<usize> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            // Redis has never known one that was born in the journal.
            let mut here = inner.calls.from(&number);
            here.retain(|call| call.is_journaled() && call.is_born_here());
            let mut is_weak = false;
            let mut erased = counted(inner.redis.erase_caller(number.clone()).await, &mut is_weak)?;
            for call in inner.calls.from(&number) {
                let _turn = inner.calls.turn(call.sid()).await;
                let was_there = counted(inner.redis.erase(call.sid()).await, &mut is_weak)?;
                let was_here = here.iter().any(|here| here.sid() == call.sid());
                erased += usize::from(was_there || was_here);
                call.erase();
            }
            let here = inner.journal.erase_caller(number.clone()).await?;
            let back = counted(inner.redis.erase_caller(number).await, &mut is_weak)?;
            if is_weak { Err(StoreError::NotDurable) } else { Ok((erased + back).max(here)) }
        })
    }

    /// Only with Redis; how long another engine takes says nothing about it.
    fn order(&self, sid: CallSid, order: Order) -> Stored<Ordered> {
        if self.inner.is_away() {
            let away = StoreError::Unavailable("Redis is away".to_owned());
            return ready(Err(away)).boxed();
        }
        self.inner.redis.order(sid, order)
    }

    fn sweep(&self, sweep: Sweep) -> Stored<Swept> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            inner.calls.let_go(&sweep.attended);
            inner.journal.sweep(sweep.clone()).await?;
            inner.redis.sweep(sweep).await
        })
    }

    fn flush(&self) -> Stored<()> {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            inner.calls.all_done().await;
            inner.journal.flush().await
        })
    }
}
