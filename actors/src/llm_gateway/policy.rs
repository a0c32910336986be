//! What all gateways of the process share: how many answers may be written at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::messages::Refused;

/// The policy of the process towards its model.
#[derive(Debug)]
pub struct Policy {
    permits: Arc<Semaphore>,
}

impl Policy {
    /// At most that many answers at once.
    #[must_use]
    pub fn new(answers: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(answers.min(Semaphore::MAX_PERMITS))) }
    }

    /// Leave to write one answer, for as long as the permit lives.
    ///
    /// # Errors
    /// [`Refused::Saturated`] when all permits are taken: a caller who would have to wait in line
    /// for an answer is better told at once.
    pub(super) fn admit(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Refused::Saturated)
    }
}
