//! What happens to calls, told to all engines, and the live calls as all of them see them.
//!
//! An event says which call, what, and how many turns: no words, so that an erased call leaves
//! none. Whoever reads it looks the rest up, but for its own events, which it knows already.

mod reading;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{RedisError, aio::MultiplexedConnection, streams::StreamRangeReply};
use serde::{Deserialize, Serialize};
use switchhook_actors::{
    domain::{
        ids::{CallSid, InstanceId},
        record::{CallEventKind, CallRecord, Position},
        time::Timestamp,
    },
    registry::store::StoreError,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use self::reading::Place;
use super::{
    keys,
    link::{self, Link, State, Wires},
    mail::Mail,
    record::{self, Fields},
};
use crate::stores::{
    index::{Effect, Index, Said},
    locked,
    sealed::Vault,
};

#[cfg(test)]
mod tests;

/// How many events Redis keeps, about: a minute of a thousand calls for an engine that was away.
const KEPT: usize = 10_000;

/// How many events share an order.
const TOGETHER: usize = 256;

/// How many calls are looked up at once.
const LOOKED_UP: usize = 500;

/// How long a list waits for what this engine has done itself to come back: it shows its own deeds.
const OWN_DEEDS: Duration = Duration::from_millis(250);

/// Pause before a follower that failed begins anew.
const AGAIN: Duration = Duration::from_millis(100);

/// An event in the stream.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// Which call.
    s: CallSid,
    /// What happened.
    k: CallEventKind,
    /// How many turns it has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<usize>,
    /// Who tells, and its own count.
    b: String,
    c: u64,
}

/// An event, and what is known of it.
struct Event {
    position: Position,
    told: Told,
    /// The call after it, where this engine has told it.
    record: Option<CallRecord>,
    mine: bool,
}

/// Tells and follows. Clones share it.
#[derive(Clone)]
pub(super) struct News {
    teller: mpsc::UnboundedSender<Told>,
    shared: Arc<Shared>,
}

struct Shared {
    me: InstanceId,
    index: Mutex<Index>,
    /// It holds what there was when it was looked for first.
    looked: AtomicBool,
    /// The records of this engine's own events that have not come back yet.
    own: Mutex<HashMap<u64, CallRecord>>,
    told: AtomicU64,
    /// The last of this engine's own events that came back.
    seen: watch::Sender<u64>,
}

impl News {
    /// Begins, on the runtime that this is called in. `anew` changes when the store has lost what
    /// it had.
    pub(super) fn start(
        link: Link,
        vault: Vault,
        me: InstanceId,
        now: Timestamp,
        anew: watch::Receiver<u64>,
        mail: Mail,
    ) -> Self {
        let (teller, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            me,
            index: Mutex::new(Index::new(Vec::new(), now)),
            looked: AtomicBool::new(false),
            own: Mutex::default(),
            told: AtomicU64::new(0),
            seen: watch::channel(0).0,
        });
        tokio::spawn(tell(link.clone(), told));
        let follower = Follower { link, vault, shared: Arc::clone(&shared), anew, mail };
        tokio::spawn(follower.run());
        Self { teller, shared }
    }

    /// Tells everybody. `record` is the call after it, where that is known here.
    pub(super) fn tell(
        &self,
        sid: CallSid,
        kind: CallEventKind,
        turns: Option<usize>,
        record: Option<CallRecord>,
    ) {
        let count = self.shared.told.fetch_add(1, Ordering::AcqRel) + 1;
        if let Some(record) = record {
            self.shared.own().insert(count, record);
        }
        let told = Told { s: sid, k: kind, n: turns, b: self.shared.me.0.clone(), c: count };
        let _ = self.teller.send(told);
    }

    /// Whether the live calls have been looked at once.
    pub(super) fn has_looked(&self) -> bool {
        self.shared.looked.load(Ordering::Acquire)
    }

    /// A live call without its words, as far as this engine has heard.
    pub(super) fn known(&self, sid: CallSid) -> Option<CallRecord> {
        self.shared.index().record(sid).cloned()
    }

    /// Looks at the live calls, once everything that this engine has done is among them.
    pub(super) async fn look<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        let own = self.shared.told.load(Ordering::Acquire);
        let mut seen = self.shared.seen.subscribe();
        // Where it does not come back, Redis is away: then what was known is shown.
        let _ = timeout(OWN_DEEDS, seen.wait_for(|seen| *seen >= own)).await;
        read(&self.shared.index())
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        locked(&self.index)
    }

    fn own(&self) -> MutexGuard<'_, HashMap<u64, CallRecord>> {
        locked(&self.own)
    }

    /// The events with what this engine knows of its own, and the calls that have to be looked up.
    fn sort(&self, news: Vec<(Position, Told)>) -> (Vec<Event>, Vec<CallSid>) {
        let (mut unknown, mut brought) = (HashSet::new(), HashSet::new());
        let sorted = news.into_iter().map(|(position, told)| {
            let mine = told.b == self.me.0;
            let record = if mine { self.own().remove(&told.c) } else { None };
            // A turn leaves the rest of a call as the events before it have.
            let is_turn = matches!(told.k, CallEventKind::Turn) && told.n.is_some();
            let is_there = || brought.contains(&told.s) || self.index().record(told.s).is_some();
            if record.is_some() {
                brought.insert(told.s);
            } else if !is_turn || !is_there() {
                unknown.insert(told.s);
            }
            Event { position, told, record, mine }
        });
        (sorted.collect(), unknown.into_iter().collect())
    }

    /// Takes the events one after the other, with what was found of the calls that were looked up.
    fn apply(&self, news: Vec<Event>, found: &HashMap<CallSid, Option<(CallRecord, usize)>>) {
        let mut index = self.index();
        for Event { position, told, record, mine } in news {
            let looked_up = found.get(&told.s).and_then(Option::as_ref);
            let turns = told.n.or(looked_up.map(|(_, turns)| *turns));
            let record = record
                .or_else(|| looked_up.map(|(record, _)| record.clone()))
                .or_else(|| index.record(told.s).cloned());
            // Nothing is left of a call that was erased meanwhile.
            if let Some(record) = record {
                let said = turns.map_or(Said::Nothing, Said::Count);
                let record = Box::new(record);
                index.apply_at(position, Effect::Event { kind: told.k, record, said });
            }
            if mine {
                self.seen.send_modify(|seen| *seen = (*seen).max(told.c));
            }
        }
    }
}

/// Sends what is to be told, in order. What cannot be sent is left out: whoever follows looks at
/// everything anew when Redis is back.
async fn tell(link: Link, mut told: mpsc::UnboundedReceiver<Told>) {
    let mut batch = Vec::with_capacity(TOGETHER);
    while told.recv_many(&mut batch, TOGETHER).await > 0 {
        let Ok(mut wires) = link.wires() else {
            batch.clear();
            continue;
        };
        let mut order = redis::cmd("FCALL");
        order.arg("sh1_publish").arg(1).arg(keys::EVENTS).arg(KEPT);
        for told in batch.drain(..) {
            if let Ok(json) = serde_json::to_string(&told) {
                order.arg(json);
            }
        }
        let sent: Result<String, RedisError> = order.query_async(&mut wires.plain).await;
        if let Err(error) = sent {
            link.report(wires.number, &error);
        }
    }
}

struct Follower {
    link: Link,
    vault: Vault,
    shared: Arc<Shared>,
    anew: watch::Receiver<u64>,
    /// Lies beside the feed, so that both are read over one connection.
    mail: Mail,
}

impl Follower {
    async fn run(mut self) {
        let mut state = self.link.watch();
        loop {
            let Some(wires) = up(&mut state).await else { return };
            if let Err(error) = self.follow(wires).await {
                tracing::debug!("the feed begins anew: {error}");
                sleep(AGAIN).await;
            }
        }
    }

    /// Follows one server, until something is wrong with it.
    async fn follow(&mut self, wires: Wires) -> Result<(), StoreError> {
        let broken = |error: RedisError| {
            self.link.report(wires.number, &error);
            StoreError::Unavailable(link::in_words(&error))
        };
        let mut feed = link::open(&wires.client, None).await.map_err(broken)?;
        self.anew.borrow_and_update();
        let events = self.begin(wires.plain.clone()).await?;
        // What was read of the mailbox before is known again by its ids.
        let mut place = Place { events, mail: "0-0".to_owned() };
        while !self.anew.has_changed().unwrap_or(true) {
            for stream in self.read_on(&wires, &mut feed, &place).await? {
                if stream.key == keys::EVENTS {
                    let news = place.go_on(stream.ids)?;
                    self.take(wires.plain.clone(), news).await?;
                } else if let Some(last) = stream.ids.last() {
                    place.mail.clone_from(&last.id);
                    self.mail.take(stream.ids);
                }
            }
        }
        Ok(())
    }

    /// Looks at everything. What this engine has told before is part of it.
    async fn begin(&self, mut redis: MultiplexedConnection) -> Result<u64, StoreError> {
        let own = self.shared.told.load(Ordering::Acquire);
        let mut last = redis::cmd("XREVRANGE");
        last.arg(keys::EVENTS).arg("+").arg("-").arg("COUNT").arg(1);
        let last: StreamRangeReply = last.query_async(&mut redis).await.map_err(unavailable)?;
        let position = match last.ids.first() {
            Some(entry) => number(&entry.id),
            // The first event will say what counts.
            None => self.first(&mut redis).await?,
        };
        let live: Vec<String> = redis::cmd("ZRANGE")
            .arg(keys::LIVE)
            .arg(0)
            .arg(-1)
            .query_async(&mut redis)
            .await
            .map_err(unavailable)?;
        let sids: Vec<CallSid> = live.iter().filter_map(|sid| sid.parse().ok()).collect();
        let mut calls = Vec::with_capacity(sids.len());
        for sids in sids.chunks(LOOKED_UP) {
            let found = self.look_up(&mut redis, sids).await?;
            calls.extend(found.into_iter().flatten().filter(|(call, _)| !call.status.is_final()));
        }
        self.shared.own().retain(|count, _| *count > own);
        self.shared.index().reset(calls, Position(position));
        self.shared.looked.store(true, Ordering::Release);
        self.shared.seen.send_modify(|seen| *seen = (*seen).max(own));
        Ok(position)
    }

    /// An empty feed is given its first event, so that whatever follows has a place behind it.
    async fn first(&self, redis: &mut MultiplexedConnection) -> Result<u64, StoreError> {
        let mut order = redis::cmd("FCALL");
        order.arg("sh1_publish").arg(1).arg(keys::EVENTS).arg(KEPT).arg("{}");
        let position: String = order.query_async(redis).await.map_err(unavailable)?;
        Ok(number(&position))
    }

    async fn take(
        &self,
        mut redis: MultiplexedConnection,
        news: Vec<(Position, Told)>,
    ) -> Result<(), StoreError> {
        let (news, unknown) = self.shared.sort(news);
        let mut found = HashMap::new();
        for sids in unknown.chunks(LOOKED_UP) {
            let calls = self.look_up(&mut redis, sids).await?;
            found.extend(sids.iter().copied().zip(calls));
        }
        self.shared.apply(news, &found);
        Ok(())
    }

    /// The calls without their words, and how many turns each has.
    async fn look_up(
        &self,
        redis: &mut MultiplexedConnection,
        sids: &[CallSid],
    ) -> Result<Vec<Option<(CallRecord, usize)>>, StoreError> {
        let mut pipe = redis::pipe();
        for sid in sids {
            pipe.hgetall(keys::call(*sid)).hlen(keys::turns(*sid));
        }
        let answers: Vec<redis::Value> = pipe.query_async(redis).await.map_err(unavailable)?;
        let mut found = Vec::with_capacity(sids.len());
        for (sid, pair) in sids.iter().zip(answers.chunks(2)) {
            let [fields, turns] = pair else { continue };
            let fields: Fields = record::shape(fields.clone())?;
            let turns: usize = record::shape(turns.clone())?;
            found.push(self.read(*sid, &fields).map(|record| (record, turns)));
        }
        Ok(found)
    }

    /// One that cannot be read must not hide the others.
    fn read(&self, sid: CallSid, fields: &Fields) -> Option<CallRecord> {
        if fields.is_empty() {
            return None;
        }
        let none = Fields::new();
        match record::read(&self.vault, sid, fields, &none, &none) {
            Ok(kept) => Some(kept.record),
            Err(error) => {
                tracing::error!(call.sid = %sid, %error, "a live call cannot be read");
                None
            }
        }
    }
}

/// Waits for Redis; none when the store is dropped.
async fn up(state: &mut watch::Receiver<State>) -> Option<Wires> {
    match &*state.wait_for(|state| matches!(state, State::Up(_))).await.ok()? {
        State::Up(wires) => Some((**wires).clone()),
        State::Down(_) => None,
    }
}

fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable(link::in_words(&error))
}

/// Positions are the first half of the stream's ids; the second is always 0.
fn number(id: &str) -> u64 {
    id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
