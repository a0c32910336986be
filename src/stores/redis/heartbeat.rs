//! The sign of life of this engine, once a second, and whether the store is still the one it was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::Value;
use serde_json::json;
use tokio::{sync::watch, time::interval};

use super::{Engine, keys, link::Link};

/// How often an engine says that it lives.
const EVERY: Duration = Duration::from_secs(1);

/// An engine that has said nothing for so long is dead, ms.
const LIFE_MS: u64 = 5_000;

/// Says that this engine lives.
pub(super) struct Heartbeat {
    lost: watch::Receiver<u64>,
    /// When the store was last asked in vain, for its readers.
    failures: Arc<AtomicU64>,
}

impl Heartbeat {
    /// Begins, on the runtime that this is called in.
    pub(super) fn start(link: Link, engine: Engine) -> Self {
        let (tell, lost) = watch::channel(0);
        let failures = Arc::new(AtomicU64::new(0));
        tokio::spawn(beat(link, engine, tell, Arc::clone(&failures)));
        Self { lost, failures }
    }

    /// Changes when the store has lost what it had: it was flushed, or is another one.
    pub(super) fn lost(&self) -> watch::Receiver<u64> {
        self.lost.clone()
    }

    /// How many beats in a row failed.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

async fn beat(link: Link, engine: Engine, lost: watch::Sender<u64>, failures: Arc<AtomicU64>) {
    let mut ticks = interval(EVERY);
    let mut known: Option<String> = None;
    loop {
        ticks.tick().await;
        if lost.is_closed() {
            return;
        }
        match sign_of_life(&link, &engine).await {
            None => drop(failures.fetch_add(1, Ordering::Relaxed)),
            Some(generation) => {
                failures.store(0, Ordering::Relaxed);
                if known.as_ref().is_some_and(|known| *known != generation) {
                    tracing::error!(
                        "Redis has lost what it held; this engine's calls are published anew"
                    );
                    metrics::counter!("switchhook_redis_losses_total").increment(1);
                    lost.send_modify(|times| *times += 1);
                }
                known = Some(generation);
            }
        }
    }
}

/// Leaves the sign, and returns which life of the store this is.
async fn sign_of_life(link: &Link, engine: &Engine) -> Option<String> {
    let mut wires = link.wires().ok()?;
    let sign = json!({
        "v": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "calls": (engine.calls.0)(),
    });
    let mine = uuid::Uuid::now_v7().simple().to_string();
    let mut pipe = redis::pipe();
    pipe.cmd("SET").arg(keys::heartbeat(&engine.instance)).arg(sign.to_string());
    pipe.arg("PX").arg(LIFE_MS).ignore();
    pipe.sadd(keys::INSTANCES, &engine.instance.0).ignore();
    pipe.cmd("SET").arg(keys::GENERATION).arg(&mine).arg("NX").arg("GET");
    let answer: Result<(Value,), _> = pipe.query_async(&mut wires.plain).await;
    match answer {
        Ok((Value::Nil,)) => Some(mine),
        Ok((value,)) => redis::from_redis_value(value).ok(),
        Err(error) => {
            link.report(wires.number, &error);
            None
        }
    }
}
