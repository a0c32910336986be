//! The registry: the one place where calls are kept, found and listed.
//!
//! It asks the store and adds nothing but measurements and the tidying of what nobody looks after.
//! Sessions, webhooks and monitors ask it; it asks no other actor.

pub mod messages;
pub mod store;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, ResponseFuture, WrapFuture};

use crate::{
    clock::Stopwatch,
    domain::{
        ids::CallSid,
        time::{Millis, Timestamp},
    },
};
use messages::Operation;
use store::{CallStore, StoreError, Sweep, Swept};

/// How often it tidies: a closed call shows up in the monitor this much late at most, and live
/// ones are given eight signs of life before [`SILENCE`] is over.
const TIDY_EVERY: Duration = Duration::from_secs(15);

/// How long a live call may show no sign of life before it is closed as failed, ms: eight rounds,
/// and far beyond the 15 s after which Twilio gives up on a webhook.
const SILENCE: Millis = 120_000;

/// Gives the calls that have a session on this engine.
pub type Attended = Box<dyn Fn() -> Vec<CallSid> + Send>;

/// Gives the time.
pub type Now = Box<dyn Fn() -> Timestamp + Send>;

/// The actor. One for the process, on an arbiter that no call keeps busy.
pub struct Registry {
    store: Arc<dyn CallStore>,
    attended: Attended,
    now: Now,
    retention: Millis,
    tidy_every: Duration,
    /// A round is under way: the next waits for its turn rather than for it.
    tidying: bool,
}

impl Registry {
    /// A registry on that store. `attended` gives the calls with a session here; an ended call is
    /// deleted `retention` ms after its end.
    #[must_use]
    pub fn new(store: Arc<dyn CallStore>, attended: Attended, now: Now, retention: Millis) -> Self {
        Self { store, attended, now, retention, tidy_every: TIDY_EVERY, tidying: false }
    }

    fn tidy(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.tidying, true) {
            tracing::warn!("the call store has not finished tidying since the last round");
            return;
        }
        let round = self.store.sweep(Sweep {
            attended: (self.attended)(),
            now: (self.now)(),
            silence: SILENCE,
            retention: self.retention,
        });
        let round = measured("sweep", round, |_| "ok").into_actor(self);
        ctx.spawn(round.map(|swept, this, _| {
            this.tidying = false;
            report(swept);
        }));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.tidy_every, Self::tidy);
    }
}

/// Every operation is handled alike: the store is asked at once, which keeps the order, and
/// answers in a task of its own.
impl<M: Operation> Handler<M> for Registry {
    type Result = ResponseFuture<Result<M::Answer, StoreError>>;

    fn handle(&mut self, operation: M, _: &mut Self::Context) -> Self::Result {
        fail::fail_point!("registry");
        let answer = measured(M::NAME, operation.ask(&*self.store), M::outcome);
        Box::pin(async move {
            let answer = answer.await;
            if let Ok(answer) = &answer {
                M::observe(answer);
            }
            answer
        })
    }
}

/// Counts and times an operation. Awaited elsewhere, asked already.
fn measured<T>(
    operation: &'static str,
    answer: store::Stored<T>,
    outcome: impl Fn(&T) -> &'static str,
) -> impl Future<Output = Result<T, StoreError>> {
    let stopwatch = Stopwatch::start();
    async move {
        let answer = answer.await;
        let outcome = match &answer {
            Ok(answer) => outcome(answer),
            Err(StoreError::Unavailable(_)) => "unavailable",
            Err(StoreError::NotDurable) => "not_durable",
            Err(StoreError::Unreadable(_)) => "unreadable",
        };
        let labels = [("operation", operation), ("outcome", outcome)];
        metrics::counter!("switchhook_store_operations_total", &labels).increment(1);
        metrics::histogram!("switchhook_store_operation_seconds", "operation" => operation)
            .record(stopwatch.elapsed());
        answer
    }
}

fn report(swept: Result<Swept, StoreError>) {
    match swept {
        Ok(swept) => {
            for sid in &swept.closed {
                tracing::warn!(call.sid = %sid, "closed as failed: no sign of life");
                metrics::counter!("switchhook_calls_abandoned_total").increment(1);
            }
            if swept.deleted > 0 {
                tracing::info!(calls = swept.deleted, "deleted after their retention");
            }
        }
        Err(error) => tracing::warn!(%error, "the calls could not be tidied"),
    }
}
