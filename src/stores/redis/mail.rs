//! Letters between engines: an order to the one that owns a call, and what became of it.
//!
//! Each engine has a mailbox, a stream that the reader of the feed ([`super::news`]) reads beside it,
//! and deletes letters as it reads them. An order has a deadline in the time of Redis, and is carried
//! out before that or never: whoever gave it is told by then that nobody answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use redis::{RedisError, aio::MultiplexedConnection, streams::StreamId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchhook_actors::{
    clock::{Deadline, Stopwatch},
    domain::{
        ids::{CallSid, InstanceId},
        order::{Order, Ordered},
    },
    registry::store::{ORDER_PATIENCE, StoreError},
};
use tokio::{sync::oneshot, time::timeout};

use super::{
    Engine, Hands, keys,
    link::{self, Link},
    writes,
};
use crate::stores::locked;
use crate::stores::sealed::{Place, SealError, Vault};

/// How many letters a mailbox holds, about.
const LETTERS: usize = 1_000;

/// How long a mailbox stays behind its last letter, ms: its engine may be dead.
const MAILBOX_MS: u64 = 60_000;

/// Of the patience with an order so much is for its answer's way back.
const WAY_BACK: Duration = Duration::from_millis(500);

/// For how long an id is known, so that nothing is carried out twice: as long as its letter may lie
/// there, and more.
const IDS_KEPT: Duration = Duration::from_millis(2 * MAILBOX_MS);

/// What a letter says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Letter {
    Order {
        /// Who waits for the answer.
        from: InstanceId,
        /// When they wait no more: ms of Redis's time.
        until: u64,
        /// An engine of another version may not know it.
        order: Value,
    },
    Answer(Ordered),
}

/// Writes letters and takes them. Clones share it.
#[derive(Clone)]
pub(super) struct Mail(Arc<Desk>);

struct Desk {
    link: Link,
    vault: Vault,
    me: InstanceId,
    hands: Hands,
    /// Who waits for an answer, by the id of the order.
    waiting: Mutex<HashMap<String, oneshot::Sender<Ordered>>>,
    /// The orders that came, and when.
    known: Mutex<HashMap<String, Stopwatch>>,
}

impl Mail {
    pub(super) fn new(link: Link, vault: Vault, engine: Engine) -> Self {
        let Engine { instance: me, hands, .. } = engine;
        let (waiting, known) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Desk { link, vault, me, hands, waiting, known }))
    }

    /// Where the letters to this engine lie.
    pub(super) fn mailbox(&self) -> String {
        keys::mailbox(&self.0.me)
    }

    /// Has the owner of the call carry it out. One who has given the call away is asked only once:
    /// the next owner is looked for.
    pub(super) async fn order(&self, sid: CallSid, order: Order) -> Result<Ordered, StoreError> {
        let ordered = match timeout(ORDER_PATIENCE, self.0.order(sid, order)).await {
            Ok(ordered) => ordered?,
            Err(_) => Ordered::Silent,
        };
        count("sent", ordered.label());
        Ok(ordered)
    }

    /// Takes what has come.
    pub(super) fn take(&self, letters: Vec<StreamId>) {
        let ids: Vec<_> = letters.iter().map(|letter| letter.id.clone()).collect();
        for letter in letters {
            tokio::spawn(Arc::clone(&self.0).take(letter));
        }
        let desk = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut delete = redis::pipe();
            delete.cmd("XDEL").arg(keys::mailbox(&desk.me)).arg(ids).ignore();
            // What stays is known by its id, and expires.
            let _: Result<(), _> = desk.ask(&delete).await;
        });
    }
}

impl Desk {
    async fn order(&self, sid: CallSid, order: Order) -> Result<Ordered, StoreError> {
        let by = Deadline::within(ORDER_PATIENCE.saturating_sub(WAY_BACK));
        let mut asked = None;
        loop {
            let (owner, now) = self.owner(sid).await?;
            let Some(owner) = owner.filter(|owner| asked.as_ref() != Some(owner)) else {
                return Ok(Ordered::NotHere);
            };
            if owner == self.me {
                return Ok((self.hands.0)(sid, order, by).await);
            }
            let left = u64::try_from(by.left().as_millis()).unwrap_or(0);
            let answer = self.write(sid, &owner, &order, now.saturating_add(left)).await?;
            if answer != Ordered::NotHere || asked.replace(owner).is_some() {
                return Ok(answer);
            }
        }
    }

    /// Who owns the call, and what time it is.
    async fn owner(&self, sid: CallSid) -> Result<(Option<InstanceId>, u64), StoreError> {
        let mut pipe = redis::pipe();
        pipe.hget(keys::call(sid), "o").cmd("TIME");
        let (owner, time): (Option<String>, (u64, u64)) = self.ask(&pipe).await?;
        let owner = owner.filter(|owner| !owner.is_empty()).map(InstanceId);
        Ok((owner, millis(time)))
    }

    /// Writes to an engine that lives, and waits for its answer.
    async fn write(
        &self,
        sid: CallSid,
        to: &InstanceId,
        order: &Order,
        until: u64,
    ) -> Result<Ordered, StoreError> {
        let mut pipe = redis::pipe();
        pipe.exists(keys::heartbeat(to));
        let (lives,): (bool,) = self.ask(&pipe).await?;
        if !lives {
            return Ok(Ordered::OwnerGone);
        }
        let id = uuid::Uuid::now_v7().simple().to_string();
        let order = serde_json::to_value(order).map_err(|error| unavailable(&error))?;
        let letter = Letter::Order { from: self.me.clone(), until, order };
        let (tell, answer) = oneshot::channel();
        locked(&self.waiting).insert(id.clone(), tell);
        let _gone = Waiting { desk: self, id: &id };
        self.post(sid, to, &id, &letter).await?;
        // The sender lies in the map until the end of this.
        Ok(answer.await.unwrap_or(Ordered::Silent))
    }

    async fn post(
        &self,
        sid: CallSid,
        to: &InstanceId,
        id: &str,
        letter: &Letter,
    ) -> Result<(), StoreError> {
        let json = serde_json::to_vec(letter).map_err(|error| unavailable(&error))?;
        let place = Place::Letter { sid, id: id.to_owned(), to: to.0.clone() };
        let mailbox = keys::mailbox(to);
        let mut pipe = redis::pipe();
        pipe.cmd("XADD").arg(&mailbox).arg("MAXLEN").arg("~").arg(LETTERS).arg("*");
        pipe.arg("s").arg(sid.as_str()).arg("i").arg(id);
        pipe.arg("m").arg(self.vault.enclose(&place, &json)).ignore();
        pipe.cmd("PEXPIRE").arg(&mailbox).arg(MAILBOX_MS).ignore();
        self.ask(&pipe).await
    }

    async fn take(self: Arc<Self>, entry: StreamId) {
        let (sid, id, letter) = match self.open(&entry) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%error, "a letter of another engine cannot be read");
                return count("received", "unreadable");
            }
        };
        match letter {
            Letter::Answer(ordered) => {
                if let Some(waiting) = locked(&self.waiting).remove(&id) {
                    // Who waits no more has been told that nobody answers.
                    let _ = waiting.send(ordered);
                }
            }
            Letter::Order { from, until, order } => {
                let Some(ordered) = self.carry_out(sid, &id, until, order).await else { return };
                if let Err(error) = self.post(sid, &from, &id, &Letter::Answer(ordered)).await {
                    tracing::warn!(call.sid = %sid, %error, "an order cannot be answered");
                }
            }
        }
    }

    fn open(&self, entry: &StreamId) -> Result<(CallSid, String, Letter), SealError> {
        let text = |name| entry.get::<String>(name).ok_or(SealError::Damaged);
        let sid: CallSid = text("s")?.parse().map_err(|_| SealError::Damaged)?;
        let id = text("i")?;
        let sealed: Vec<u8> = entry.get("m").ok_or(SealError::Damaged)?;
        let place = Place::Letter { sid, id: id.clone(), to: self.me.0.clone() };
        let json = self.vault.disclose(&place, &sealed)?;
        let letter = serde_json::from_slice(&json).map_err(|_| SealError::Damaged)?;
        Ok((sid, id, letter))
    }

    /// None where nobody waits for an answer.
    async fn carry_out(&self, sid: CallSid, id: &str, until: u64, order: Value) -> Option<Ordered> {
        if !self.is_new(id) {
            count("received", "repeated");
            return None;
        }
        // Started before Redis is asked for the time, so that an engine which is stopped behind
        // that counts the stop as well.
        let since = Stopwatch::start();
        let now = self.time().await;
        let left = now.map_or(0, |now| until.saturating_sub(now));
        let by = Deadline::after(since, ORDER_PATIENCE.min(Duration::from_millis(left)));
        let ordered = match serde_json::from_value(order) {
            _ if by.is_over() => Ordered::Silent,
            Ok(order) => (self.hands.0)(sid, order, by).await,
            Err(_) => Ordered::Unknown,
        };
        if ordered == Ordered::Silent {
            tracing::warn!(call.sid = %sid, "an order came too late and is not carried out");
            count("received", "late");
            return None;
        }
        count("received", ordered.label());
        tracing::info!(
            target: "audit", sid = %sid, outcome = ordered.label(), "an order of another engine"
        );
        Some(ordered)
    }

    fn is_new(&self, id: &str) -> bool {
        let mut known = locked(&self.known);
        known.retain(|_, since| since.elapsed() < IDS_KEPT);
        known.insert(id.to_owned(), Stopwatch::start()).is_none()
    }

    /// What time it is in Redis, ms; none when that cannot be told.
    async fn time(&self) -> Option<u64> {
        let mut pipe = redis::pipe();
        pipe.cmd("TIME");
        let (time,): ((u64, u64),) = self.ask(&pipe).await.ok()?;
        Some(millis(time))
    }

    async fn ask<T: redis::FromRedisValue>(
        &self,
        order: &redis::Pipeline,
    ) -> Result<T, StoreError> {
        let mut wires = self.link.wires().map_err(|error| writes::unavailable(&error))?;
        let redis: &mut MultiplexedConnection = &mut wires.plain;
        order.query_async(redis).await.map_err(|error: RedisError| {
            self.link.report(wires.number, &error);
            StoreError::Unavailable(link::in_words(&error))
        })
    }
}

/// Somebody who waits for an answer; nobody does any more when it is dropped.
struct Waiting<'a> {
    desk: &'a Desk,
    id: &'a str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        locked(&self.desk.waiting).remove(self.id);
    }
}

/// `way`: sent or received.
fn count(way: &'static str, outcome: &'static str) {
    metrics::counter!("switchhook_orders_total", "way" => way, "outcome" => outcome).increment(1);
}

fn millis((seconds, micros): (u64, u64)) -> u64 {
    seconds.saturating_mul(1_000).saturating_add(micros / 1_000)
}

fn unavailable(error: &serde_json::Error) -> StoreError {
    StoreError::Unavailable(format!("a letter cannot be written: {error}"))
}
