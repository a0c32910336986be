//! The registry in Redis: calls that several engines share.
//!
//! A thread of its own holds all connections ([`link`]). Writes go through one task ([`writes`]),
//! which makes them durable together; what has to happen at once is a function in Redis
//! (`functions.lua`); [`record`] says how a call lies there and [`keys`] how everything is named;
//! [`news`] keeps the list of live calls, [`mail`] brings orders to other engines, [`tidying`], [`rotation`] and [`heartbeat`] look after
//! what nobody looks after, and [`erasing`] leaves nothing. It never hides that Redis is away.

mod copies;
mod erasing;
mod heartbeat;
mod keys;
mod link;
mod lists;
mod mail;
mod news;
mod operations;
mod record;
mod rotation;
mod tidying;
mod writes;

#[cfg(test)]
pub(super) mod tests;

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    thread,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use switchhook_actors::{
    clock::Deadline,
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
    runtime::{Builder, Handle},
    sync::{oneshot, watch},
};

pub use self::link::LinkError;
use self::{
    heartbeat::Heartbeat,
    link::{Link, State},
    mail::Mail,
    news::News,
    operations::Core,
    writes::Writes,
};
use super::{index::Index, sealed::Vault};
use crate::config::RedisAddress;

/// How long the trace of a probe stays, ms.
const PROBE_MS: u64 = 60_000;

/// What an engine says of itself to the others.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Which it is.
    pub instance: InstanceId,
    /// How many calls it holds.
    pub calls: Calls,
    /// Carries out what others order.
    pub hands: Hands,
}

/// Counts the calls of an engine.
#[derive(Clone)]
pub struct Calls(pub Arc<dyn Fn() -> usize + Send + Sync>);

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// Carries out orders about the calls of an engine, until then.
#[derive(Clone)]
pub struct Hands(
    pub Arc<dyn Fn(CallSid, Order, Deadline) -> BoxFuture<'static, Ordered> + Send + Sync>,
);

impl Hands {
    /// Those of an engine that holds no calls.
    #[must_use]
    pub fn idle() -> Self {
        Self(Arc::new(|_, _, _| ready(Ordered::NotHere).boxed()))
    }
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands")
    }
}

/// The registry in Redis. Dropping it ends its thread.
pub struct Redis {
    core: Arc<Core>,
    mail: Mail,
    runtime: Handle,
    /// Dropped to end the thread.
    _stop: Mutex<oneshot::Sender<()>>,
}

impl Redis {
    /// Begins to look for Redis, and to go on doing so whenever it is lost. `now` is when live calls
    /// begin to count as silent.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        address: RedisAddress,
        vault: Vault,
        engine: Engine,
        now: Timestamp,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (core, mail) = {
            let _in = handle.enter();
            let link = Link::start(address);
            let writes = Writes::start(link.clone());
            let heartbeat = Heartbeat::start(link.clone(), engine.clone());
            let mail = Mail::new(link.clone(), vault.clone(), engine.clone());
            let news = News::start(
                link.clone(),
                vault.clone(),
                engine.instance.clone(),
                now,
                heartbeat.lost(),
                mail.clone(),
            );
            let core = Core::new(link, writes, news, heartbeat, vault, engine.instance, now);
            (Arc::new(core), mail)
        };
        thread::Builder::new().name("redis".into()).spawn(move || {
            // An error means that the store was dropped.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { core, mail, runtime: handle, _stop: Mutex::new(stop) })
    }

    /// Whether it can be reached now; why not.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub fn check(&self) -> Result<(), LinkError> {
        self.core.link.wires().map(drop)
    }

    /// Resolves when it can be reached.
    ///
    /// # Errors
    /// When it will never do, or the store is being dropped.
    pub async fn ready(&self) -> Result<(), LinkError> {
        let mut state = self.core.link.watch();
        let there = |state: &State| match state {
            State::Up(_) => true,
            State::Down(error) => matches!(error, LinkError::Unusable(_)),
        };
        match state.wait_for(there).await.as_deref() {
            Ok(State::Up(_)) => Ok(()),
            Ok(State::Down(error)) => Err(error.clone()),
            Err(_) => Err(LinkError::Unreachable("the registry is closed".to_owned())),
        }
    }

    /// How many replicas the server had when it was found, where it can be told: with fewer than two
    /// not everything holds that is promised of what was acknowledged.
    #[must_use]
    pub fn replicas(&self) -> Option<u64> {
        self.core.link.wires().ok().map(|wires| wires.replicas)
    }

    /// Changes whenever the store turns out to have lost everything it had.
    #[must_use]
    pub fn lost(&self) -> watch::Receiver<u64> {
        self.core.heartbeat.lost()
    }

    /// Whether the live calls have been looked at once.
    pub(super) fn has_looked(&self) -> bool {
        self.core.news.has_looked()
    }

    /// A live call without its words, as far as this engine has heard.
    pub(super) fn known(&self, sid: CallSid) -> Option<CallRecord> {
        self.core.news.known(sid)
    }

    /// Whether it takes writes again, and whether a replica confirms them.
    pub(super) fn probe(&self) -> Stored<bool> {
        let mut order = redis::cmd("SET");
        order.arg(keys::PROBE).arg(1).arg("PX").arg(PROBE_MS);
        let asked = self.core.writes.put(order);
        self.spawn(async move { Ok(asked.await.map_err(|_| closed())??.durable) })
    }

    /// Restores a copy, unless somebody else has claimed the call since the claim `base`. The copy's
    /// own claim may be a later one, of which this store has not heard.
    pub(super) fn restore_over(&self, copy: CallRecord, base: Epoch) -> Stored<Restored> {
        self.spawn(Arc::clone(&self.core).restore(copy, base))
    }

    /// The store's own thread.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Does it on the store's own thread, whether or not anybody waits.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Stored<T> {
        let task = self.runtime.spawn(work);
        async move { task.await.unwrap_or_else(|_| Err(closed())) }.boxed()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("check", &self.check()).finish_non_exhaustive()
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the registry is closed".to_owned())
}

impl CallStore for Redis {
    fn open(&self, call: NewCall) -> Stored<Opened> {
        match self.core.ask_open(&call) {
            Ok(asked) => self.spawn(Arc::clone(&self.core).opened(call, asked)),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn claim(&self, sid: CallSid, by: InstanceId, at: Timestamp) -> Stored<Claimed> {
        match self.core.ask_claim(sid, &by, at) {
            Ok(asked) => self.spawn(Arc::clone(&self.core).claimed(sid, at, asked)),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn append(&self, sid: CallSid, epoch: Epoch, seq: u64, turn: Turn) -> Stored<Appended> {
        let mark = record::Mark { epoch, seq };
        let core = Arc::clone(&self.core);
        // Of a call that this engine has claimed the key is known, and the turn takes its place at
        // once.
        match self.core.key(sid) {
            Some(key) => match self.core.ask_append(sid, &key, mark, &turn) {
                Ok(asked) => self.spawn(core.appended(sid, turn.role, turn.open, asked)),
                Err(error) => ready(Err(error)).boxed(),
            },
            None => self.spawn(core.append_unknown(sid, mark, turn)),
        }
    }

    fn settle(&self, sid: CallSid, epoch: Epoch, change: Change, at: Timestamp) -> Stored<Settled> {
        self.spawn(Arc::clone(&self.core).settle(sid, epoch, change, at))
    }

    fn restore(&self, copy: CallRecord) -> Stored<Restored> {
        let base = copy.epoch;
        self.restore_over(copy, base)
    }

    fn add_late(&self, sid: CallSid, turns: Vec<LateTurn>) -> Stored<bool> {
        self.spawn(Arc::clone(&self.core).add_late(sid, turns))
    }

    fn remember(
        &self,
        sid: CallSid,
        key: String,
        reply: String,
        now: Timestamp,
        ttl: Millis,
    ) -> Stored<String> {
        self.spawn(Arc::clone(&self.core).remember(sid, key, reply, now, ttl))
    }

    fn answered(&self, sid: CallSid, key: String, now: Timestamp) -> Stored<Option<String>> {
        self.spawn(Arc::clone(&self.core).answered(sid, key, now))
    }

    fn link(&self, alias: Alias, sid: CallSid) -> Stored<bool> {
        self.spawn(Arc::clone(&self.core).link(alias, sid))
    }

    fn find(&self, key: Key) -> Stored<Option<CallRecord>> {
        self.spawn(Arc::clone(&self.core).find(key))
    }

    fn live(&self) -> Stored<Vec<CallSummary>> {
        let core = Arc::clone(&self.core);
        self.spawn(async move { Ok(core.news.look(Index::calls).await) })
    }

    fn follow(&self, after: Option<Position>) -> Stored<Feed> {
        let core = Arc::clone(&self.core);
        self.spawn(async move { Ok(core.news.look(|index| index.follow(after)).await) })
    }

    fn erase(&self, sid: CallSid) -> Stored<bool> {
        self.spawn(Arc::clone(&self.core).erase(sid))
    }

    fn erase_caller(&self, number: String) -> Stored<usize> {
        self.spawn(Arc::clone(&self.core).erase_caller(number))
    }

    fn order(&self, sid: CallSid, order: Order) -> Stored<Ordered> {
        let mail = self.mail.clone();
        self.spawn(async move { mail.order(sid, order).await })
    }

    fn sweep(&self, sweep: Sweep) -> Stored<Swept> {
        self.spawn(Arc::clone(&self.core).sweep(sweep))
    }

    fn flush(&self) -> Stored<()> {
        let asked = self.core.writes.put(redis::cmd("PING").to_owned());
        self.spawn(async move { asked.await.map_err(|_| closed())?.map(drop) })
    }
}
