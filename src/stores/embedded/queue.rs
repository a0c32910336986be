//! The way to the store's thread.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::ready};
use switchhook_actors::registry::store::{StoreError, Stored};

use super::{
    Trouble,
    operations::Round,
    writer::{self, Job},
};
use crate::stores::locked;

type Jobs = SyncSender<Box<dyn Job>>;

/// Takes operations, until it is closed. Clones share it.
#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<Option<Jobs>>>);

impl Queue {
    pub(super) fn new(jobs: Jobs) -> Self {
        Self(Arc::new(Mutex::new(Some(jobs))))
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        locked(&self.0).take();
    }

    /// Queues an operation that somebody waits for.
    pub(super) fn ask<T, F>(&self, work: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.queue(Duration::ZERO, work)
    }

    /// Queues an operation that may wait so long for others, at once: the order of
    /// the calls is the order of their effects.
    pub(super) fn queue<T, F>(&self, patience: Duration, work: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        let (job, answer) = writer::job(patience, work);
        match self.enqueue(job) {
            Ok(()) => answer.map(|answer| answer.unwrap_or_else(|_| Err(gone()))).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let jobs = locked(&self.0);
        let jobs = jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Disconnected(_) => gone(),
            TrySendError::Full(_) => StoreError::Unavailable(format!(
                "the call store is behind: {} operations wait for the disk",
                writer::QUEUE
            )),
        })
    }
}

/// The thread is over.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("the call store is closed".into())
}
