//! Webhooks that are being answered now: a repetition that comes meanwhile waits for the first.
//!
//! Twilio repeats a webhook, and balancers do; the reply that is kept for repetitions does not
//! exist before the first is through, and each would change the call by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

/// The keys of the webhooks that are being answered.
#[derive(Debug, Default)]
pub struct UnderWay {
    /// Locked for a look-up, never across a wait.
    gates: Mutex<HashMap<String, Arc<Gate<()>>>>,
}

/// Lets one webhook of its key through, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    under_way: &'a UnderWay,
    key: &'a str,
    through: Option<OwnedMutexGuard<()>>,
}

impl UnderWay {
    /// Waits until no other webhook has this key.
    pub(super) async fn pass<'a>(&'a self, key: &'a str) -> Pass<'a> {
        let gate = Arc::clone(self.gates().entry(key.to_owned()).or_default());
        // Made before the wait: a client that goes meanwhile leaves nothing behind.
        let mut pass = Pass { under_way: self, key, through: None };
        pass.through = Some(gate.lock_owned().await);
        pass
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<String, Arc<Gate<()>>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.through = None;
        let mut gates = self.under_way.gates();
        // Nobody else holds it or waits for it.
        if gates.get(self.key).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test]
    async fn a_repetition_waits_for_the_first_and_another_webhook_does_not() {
        let under_way = UnderWay::default();
        let first = under_way.pass("one").await;
        assert!(under_way.pass("one").now_or_never().is_none());
        assert!(under_way.pass("two").now_or_never().is_some());
        drop(first);
        assert!(under_way.pass("one").now_or_never().is_some());
    }

    #[tokio::test]
    async fn nothing_stays_behind_whoever_waited_or_went() {
        let under_way = UnderWay::default();
        let first = under_way.pass("one").await;
        let gone = under_way.pass("one").now_or_never();
        assert!(gone.is_none());
        drop(first);
        join_all((0..10).map(|_| async { drop(under_way.pass("one").await) })).await;
        assert!(under_way.gates().is_empty());
    }
}
