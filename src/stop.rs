//! How the engine stops: signals, then no new calls, then the calls end or move, then the server, then
//! the store.
//!
//! The order matters: actix tells a socket's actor nothing when it stops, so the calls must be gone
//! before the server is. Every further signal shortens it by a stage: the first begins to drain, the
//! next has the calls moved at once, the next cuts what is left. An engine that is alone has nowhere
//! to move a call to: there the second signal cuts.

mod moving;

use std::{io, time::Duration};

use actix::clock::{Instant, sleep, timeout};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{app::Engine, http::Web};

/// How often the number of live calls is looked at while they end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long the store may take to write what it has accepted.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// What makes the engine stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Serves until a signal says otherwise, then stops in order.
///
/// # Errors
/// When signals cannot be listened to, or the server fails.
pub async fn run_until_stopped(engine: Engine, drain: Duration) -> io::Result<()> {
    let Engine { web, store, servers, .. } = engine;
    let mut signals = Signals::listen()?;
    let stop = servers.stop();
    let serving = actix::spawn(servers.serve());
    let name = signals.next().await;
    tracing::info!(calls = web.directory.len(), "{name}: no new calls, waiting for the live ones");
    web.readiness.drain();
    leave_calls(&web, drain, &mut signals).await;
    stop.gracefully().await;
    let served = serving.await;
    if timeout(CLOSE_PATIENCE, store.close()).await.is_err() {
        tracing::error!("the store did not write what it had accepted in time");
    }
    tracing::info!("stopped");
    served.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Waits for the live calls to end, moves those that go on, and cuts those that do not leave.
async fn leave_calls(web: &Web, drain: Duration, signals: &mut Signals) {
    tokio::select! {
        () = ended(web, Instant::now() + drain) => {}
        name = signals.next() => tracing::warn!("{name} again: not waiting any longer"),
    }
    if !web.alone && !web.directory.is_empty() {
        tracing::info!(calls = web.directory.len(), "calls are moved to other engines");
        tokio::select! {
            () = moving::move_calls(&web.directory) => {}
            name = signals.next() => tracing::warn!("{name} again: calls are not moved any more"),
        }
        moving::let_go(&web.directory, web.directory.calls());
        ended(web, Instant::now() + moving::LEAVE).await;
    }
    let left = web.directory.len();
    if left > 0 {
        tracing::warn!(
            left,
            "calls are cut: Twilio connects them again, to whichever engine is there then"
        );
    }
}

/// Until no call is left, or until then.
async fn ended(web: &Web, deadline: Instant) {
    while !web.directory.is_empty() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
}
