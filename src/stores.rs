//! Where calls are kept: the back ends of [`switchhook_actors::registry::store::CallStore`].
//!
//! Every back end passes the one suite in `stores/contract.rs`; what differs is who may share it.
//! The [`embedded`] one belongs to a single engine. Several engines share [`redis`], each behind a
//! journal of its own ([`sheltered`]). What is said in a call is [`sealed`] before it is kept.

pub mod embedded;
mod index;
pub mod redis;
pub mod sealed;
pub mod sheltered;

#[cfg(test)]
mod contract;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchhook_actors::{
    domain::{ids::CallSid, record::NewCall, time::Timestamp},
    registry::store::CallStore,
};

use self::{embedded::Embedded, redis::LinkError, sheltered::Sheltered};

/// The store of an engine.
#[derive(Debug, Clone)]
pub enum Store {
    /// Its own.
    Own(Arc<Embedded>),
    /// The one that several engines share.
    Shared(Arc<Sheltered>),
}

impl Store {
    /// As the registry asks it.
    #[must_use]
    pub fn calls(&self) -> Arc<dyn CallStore> {
        match self {
            Self::Own(store) => Arc::<Embedded>::clone(store),
            Self::Shared(store) => Arc::<Sheltered>::clone(store),
        }
    }

    /// Whether it works, on the disk of this engine. Once false, it stays so.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match self {
            Self::Own(store) => store.is_alive(),
            Self::Shared(store) => store.is_alive(),
        }
    }

    /// Whether calls are not kept where they belong now, and that is tried again.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        match self {
            Self::Own(store) => store.is_failing(),
            Self::Shared(store) => store.is_failing(),
        }
    }

    /// Whether other engines take over what this one gives up.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Resolves when calls can be kept for the first time.
    ///
    /// # Errors
    /// When the shared store will never do.
    pub async fn ready(&self) -> Result<(), LinkError> {
        match self {
            Self::Own(_) => Ok(()),
            Self::Shared(store) => store.redis().ready().await,
        }
    }

    /// Resolves when all that was accepted is durable, and the directory is free.
    pub async fn close(&self) {
        match self {
            Self::Own(store) => store.close().await,
            Self::Shared(store) => store.close().await,
        }
    }
}

/// The lock of something that a panic left as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that no webhook of ours has opened.
fn unannounced(sid: CallSid, at: Timestamp) -> NewCall {
    NewCall { sid, caller: String::new(), called: String::new(), greeting: None, at }
}
