//! What all gateways of the process share: how many answers may be written at once, and whether the
//! model is asked at all.
//!
//! There is one model a process today, so there is one breaker: it stands for a base URL and model.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    breaker::{Breaker, Shift, Ticket, Verdict},
    messages::Refused,
};
use crate::{
    clock::Clock,
    domain::time::{Millis, Timestamp},
};

/// How long a caller waits for the model before the conversation gives an answer up.
///
/// The deadlines are the conversation's; the gateway only sees that nobody listens any more, and
/// tells a slow model from a caller who went by how long it had been silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the question to the first token, ms.
    pub first_token: Millis,
    /// From token to token, ms.
    pub token_gap: Millis,
}

/// The policy of the process towards its model.
pub struct Policy {
    permits: Arc<Semaphore>,
    patience: Patience,
    breaker: Mutex<Breaker>,
    /// Mirrors the breaker for those who only look.
    open: AtomicBool,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Policy {
    /// At most that many answers at once, from a model that is late after that long.
    #[must_use]
    pub fn new(answers: usize, patience: Patience) -> Self {
        let clock = Clock::start();
        Self::at(answers, patience, Box::new(move || clock.now()))
    }

    pub(super) fn at(
        answers: usize,
        patience: Patience,
        now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        gauge(false);
        Self {
            permits: Arc::new(Semaphore::new(answers.min(Semaphore::MAX_PERMITS))),
            patience,
            breaker: Mutex::default(),
            open: AtomicBool::new(false),
            now,
        }
    }

    /// Whether the model failed so often of late that it is not asked, but for a probe now and then.
    #[must_use]
    pub fn is_breaker_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Leave to write one answer, for as long as it lives.
    ///
    /// # Errors
    /// [`Refused`]: a caller who would have to wait in line for an answer, or for one that will not
    /// come, is better told at once.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Admission, Refused> {
        let admitted = self.try_admit();
        if let Err(refused) = admitted {
            metrics::counter!("switchhook_model_refusals_total", "reason" => refused.label())
                .increment(1);
        }
        admitted
    }

    fn try_admit(self: &Arc<Self>) -> Result<Admission, Refused> {
        // The permit first: a probe that finds none would be wasted.
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Refused::Saturated)?;
        let ticket = self.breaker().admit((self.now)()).ok_or(Refused::Unavailable)?;
        Ok(Admission { policy: Arc::clone(self), ticket: Some(ticket), _permit: permit })
    }

    fn report(&self, ticket: Ticket, verdict: Verdict) {
        let mut breaker = self.breaker();
        let Some(shift) = breaker.report((self.now)(), ticket, verdict) else { return };
        self.open.store(breaker.is_open(), Ordering::Relaxed);
        gauge(breaker.is_open());
        drop(breaker);
        match shift {
            Shift::Opened(wait) => tracing::error!("the model is not asked for {wait} ms"),
            Shift::Closed => tracing::info!("the model is asked again"),
        }
    }

    /// How many more answers may be written now.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to write one answer. Dropping it frees the place, and a probe's place without a verdict.
pub(super) struct Admission {
    policy: Arc<Policy>,
    /// Gone with the verdict.
    ticket: Option<Ticket>,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn patience(&self) -> Patience {
        self.policy.patience
    }

    /// Whether the breaker waits for this answer.
    pub(super) fn is_probe(&self) -> bool {
        self.ticket.is_some_and(|ticket| ticket.probe)
    }

    /// What the answer says about the model. Only the first word counts.
    pub(super) fn report(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            self.policy.report(ticket, verdict);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.report(Verdict::Nothing);
    }
}

fn gauge(open: bool) {
    metrics::gauge!("switchhook_model_breaker_open").set(f64::from(u8::from(open)));
}
