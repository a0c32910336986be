//! Escalations: from the wish for a person to the end of their talk, whoever tells of it.
//!
//! Sessions ask it to record one; webhooks ask it where the caller goes, book call-backs and pass
//! on what Twilio tells of queues and tasks. It records before it answers, and every step goes
//! through [`Escalation::apply`](crate::domain::escalation::Escalation::apply), so that what is told
//! twice, late, or on two instances at once changes nothing. The [`Desk`] behind it is who takes
//! calls. What happens to one call happens one after the other.

mod calling_back;
pub mod desk;
mod handing_over;
pub mod messages;
mod outlook;
mod owing;
mod recording;

#[cfg(test)]
mod tests;

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture, WrapFuture};
use tokio::sync::{Mutex, MutexGuard};

pub use self::outlook::Outlook;
use self::{
    desk::Desk,
    messages::{
        Advance, BookCallBack, Booked, Escalate, EscalationError, HandOver, HandedOver, Progress,
    },
    owing::Owing,
    recording::Records,
};
use crate::{
    domain::{
        escalation::{Escalation, EscalationState, Step},
        ids::{CallSid, EscalationId},
        record::CallRecord,
        time::Timestamp,
    },
    keeper::Keeper,
    registry::{
        Registry,
        store::{Key, StoreError},
    },
};

/// How often the desk is asked how long callers wait: Twilio asks to cache its statistics, and
/// nobody notices a wait that is ten seconds old.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long after the wish for a person Twilio may take to have the caller in a queue: the bridge
/// sentence and a caller's second thoughts take less than half of it.
const OVERDUE: Duration = Duration::from_secs(60);

/// Calls that share a lane wait for each other for moments; so few is enough, and bounds the memory.
const LANES: usize = 64;

/// Between the tries to pass a message on: a desk that is away for a few minutes gets it all the same.
const MESSAGE_PAUSES: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(180)];

/// Gives the time.
pub type Now = Rc<dyn Fn() -> Timestamp>;

/// The actor. One for the process, on an arbiter that no call keeps busy.
#[derive(Clone)]
pub struct EscalationManager {
    records: Records,
    desk: Rc<dyn Desk>,
    now: Now,
    outlook: Arc<Outlook>,
    lanes: Rc<[Mutex<()>; LANES]>,
    owing: Rc<Owing>,
}

impl EscalationManager {
    /// A manager that records in that registry. `desk` takes the callers; what it tells of their
    /// wait is kept in `outlook`.
    #[must_use]
    pub fn new(
        registry: Arc<Keeper<Registry>>,
        desk: Rc<dyn Desk>,
        now: Now,
        outlook: Arc<Outlook>,
    ) -> Self {
        let lanes = Rc::new(std::array::from_fn(|_| Mutex::new(())));
        let records = Records::new(registry);
        Self { records, desk, now, outlook, lanes, owing: Rc::default() }
    }

    /// What happens to a call happens one after the other: a withdrawal never overtakes the wish.
    async fn lane(&self, sid: CallSid) -> Option<MutexGuard<'_, ()>> {
        let sum: usize = sid.as_str().bytes().map(usize::from).sum();
        match self.lanes.get(sum % LANES) {
            Some(lane) => Some(lane.lock().await),
            None => None,
        }
    }

    fn look_ahead(&mut self, ctx: &mut Context<Self>) {
        let (desk, outlook) = (Rc::clone(&self.desk), Arc::clone(&self.outlook));
        let look = async move { outlook.set(desk.expected_wait().await) };
        ctx.spawn(look.into_actor(self));
    }

    /// An escalation that nobody hears of any more is a caller who may be lost: somebody has to know.
    async fn watch(self, sid: CallSid, id: EscalationId) {
        tokio::time::sleep(OVERDUE).await;
        let Ok(Some(record)) = self.records.find(Key::Sid(sid)).await else { return };
        let waits = |escalation: &&Escalation| {
            let on_the_way = [EscalationState::Requested, EscalationState::HandedOff];
            escalation.id == id && on_the_way.contains(&escalation.state)
        };
        if !record.status.is_final()
            && let Some(escalation) = record.escalation.as_ref().filter(waits)
        {
            let state = escalation.state.label();
            tracing::error!(call.sid = %sid, state, "a caller was to be with a person, and nothing is heard of it");
            metrics::counter!("switchhook_escalations_overdue_total", "state" => state)
                .increment(1);
        }
    }

    async fn advance(self, order: Advance) -> Result<(), EscalationError> {
        let message = matches!(order.step, Step::MessageLeft { .. });
        let lane = self.lane(order.sid).await;
        let found = self.step(order.sid, Some(order.id), order.step).await?;
        // Whatever a desk takes to answer, the call's next step does not wait for it.
        drop(lane);
        if message && found.is_some() && !self.pass_on(order.sid).await {
            actix::spawn(self.clone().insist(order.sid));
        }
        Ok(())
    }

    /// A message is a call-back with words. Where the desk books none it stays with the call. False
    /// when another try may help.
    async fn pass_on(&self, sid: CallSid) -> bool {
        match self.book(sid, None).await {
            Ok(Booked::Booked) => tracing::info!(call.sid = %sid, "a message was passed on"),
            Ok(Booked::Impossible) => {
                tracing::warn!(call.sid = %sid, "a caller left a message: it is in the transcript, and nobody is told");
            }
            Err(error) => {
                tracing::error!(call.sid = %sid, %error, "a message is noted, and nobody was told");
                return false;
            }
        }
        true
    }

    /// Nobody waits for a message that could not be passed on, so that there is time to try again.
    async fn insist(self, sid: CallSid) {
        for pause in MESSAGE_PAUSES {
            tokio::time::sleep(pause).await;
            if self.pass_on(sid).await {
                return;
            }
        }
    }
}

impl fmt::Debug for EscalationManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EscalationManager").field("desk", &self.desk.name()).finish_non_exhaustive()
    }
}

impl Actor for EscalationManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.desk.knows_waits() {
            self.look_ahead(ctx);
            ctx.run_interval(LOOK_EVERY, Self::look_ahead);
        }
    }
}

impl Handler<Escalate> for EscalationManager {
    type Result = ResponseFuture<Result<(), EscalationError>>;

    fn handle(&mut self, order: Escalate, _: &mut Self::Context) -> Self::Result {
        fail::fail_point!("escalations");
        let this = self.clone();
        Box::pin(async move {
            let _lane = this.lane(order.sid).await;
            let (sid, id) = (order.sid, order.escalation.id);
            this.records.begin(sid, order.epoch, order.escalation).await?;
            actix::spawn(this.clone().watch(sid, id));
            Ok(())
        })
    }
}

impl Handler<Advance> for EscalationManager {
    type Result = ResponseFuture<Result<(), EscalationError>>;

    fn handle(&mut self, order: Advance, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.clone().advance(order))
    }
}

impl Handler<HandOver> for EscalationManager {
    type Result = ResponseFuture<HandedOver>;

    fn handle(&mut self, order: HandOver, _: &mut Self::Context) -> Self::Result {
        let this = self.clone();
        Box::pin(async move {
            let _lane = this.lane(order.call.sid).await;
            this.hand_over(order).await
        })
    }
}

impl Handler<Progress> for EscalationManager {
    type Result = ResponseFuture<Result<Option<CallRecord>, EscalationError>>;

    fn handle(&mut self, told: Progress, _: &mut Self::Context) -> Self::Result {
        let this = self.clone();
        Box::pin(async move {
            let found = match (this.records.find(told.key.clone()).await, &told) {
                (Err(_), Progress { key: Key::Sid(sid), step: Some(step), .. }) => {
                    let _lane = this.lane(*sid).await;
                    return this.step(*sid, None, step.clone()).await;
                }
                (found, _) => found?,
            };
            let Some(record) = found else { return Ok(None) };
            let _lane = this.lane(record.sid).await;
            for alias in told.aliases {
                this.records.link(alias, record.sid).await?;
            }
            let Some(step) = told.step else { return Ok(Some(record)) };
            this.step(record.sid, record.escalation.map(|escalation| escalation.id), step).await
        })
    }
}

impl Handler<BookCallBack> for EscalationManager {
    type Result = ResponseFuture<Result<Booked, EscalationError>>;

    fn handle(&mut self, order: BookCallBack, _: &mut Self::Context) -> Self::Result {
        let this = self.clone();
        Box::pin(async move {
            let _lane = this.lane(order.sid).await;
            this.book(order.sid, Some(&order.asking)).await
        })
    }
}

/// A mailbox that is closed is a registry that is gone for the moment.
fn unanswered(error: &actix::MailboxError) -> EscalationError {
    EscalationError::Store(StoreError::Unavailable(error.to_string()))
}
