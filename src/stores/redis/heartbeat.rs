//! The sign of life of this engine, once a second, and whether the store is still the one it was.

use std::time::Duration;

use serde_json::json;
use tokio::{sync::watch, time::sleep};

use super::{
    Engine, keys,
    link::{self, Link},
    tasks::Tasks,
};

/// How often an engine says that it lives.
const EVERY: Duration = Duration::from_secs(1);

/// Pause after a sign that could not be given.
const AGAIN: Duration = Duration::from_millis(100);

/// An engine that has said nothing for so long is dead, ms.
const LIFE_MS: u64 = 5_000;

/// Says that this engine lives.
pub(super) struct Heartbeat {
    lost: watch::Receiver<u64>,
}

impl Heartbeat {
    /// Begins.
    pub(super) fn start(tasks: &mut Tasks, link: Link, engine: Engine) -> Self {
        let (tell, lost) = watch::channel(0);
        tasks.spawn(beat(link, engine, tell));
        Self { lost }
    }

    /// Changes when the store has lost what it had: it was flushed, or is another one.
    pub(super) fn lost(&self) -> watch::Receiver<u64> {
        self.lost.clone()
    }
}

async fn beat(link: Link, engine: Engine, lost: watch::Sender<u64>) {
    let mut known: Option<String> = None;
    let mut state = link.watch();
    while !lost.is_closed() {
        state.mark_unchanged();
        let Some(sign) = sign_of_life(&link, &engine).await else {
            // At once when there is a connection: other engines take a silent one for gone.
            tokio::select! {
                () = sleep(AGAIN) => {}
                Ok(()) = state.changed() => {}
            }
            continue;
        };
        let before = known.replace(sign.now).unwrap_or(sign.before);
        if known.as_ref() != Some(&before) {
            tracing::error!("Redis has lost what it held; this engine's calls are published anew");
            metrics::counter!("switchhook_redis_losses_total").increment(1);
            lost.send_modify(|times| *times += 1);
        }
        sleep(EVERY).await;
    }
}

/// Which life of the store it was when it was connected to, and is now.
struct Sign {
    before: String,
    now: String,
}

/// Leaves the sign.
async fn sign_of_life(link: &Link, engine: &Engine) -> Option<Sign> {
    let wires = link.wires().ok()?;
    let mut redis = wires.plain;
    let sign = json!({
        "v": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "calls": (engine.calls.0)(),
    });
    let mut pipe = redis::pipe();
    pipe.cmd("SET").arg(keys::heartbeat(&engine.instance)).arg(sign.to_string());
    pipe.arg("PX").arg(LIFE_MS).ignore();
    let answer: Result<(), _> = pipe.query_async(&mut redis).await;
    let now = match answer {
        Ok(()) => link::generation(&mut redis).await,
        Err(error) => Err(error),
    };
    match now {
        Ok(now) => Some(Sign { before: wires.generation, now }),
        Err(error) => {
            link.report(wires.number, &error);
            None
        }
    }
}
