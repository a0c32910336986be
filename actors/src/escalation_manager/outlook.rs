//! How long callers wait for a person now: read in the background, shared by all calls.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::time::Millis;

/// No wait is so long.
const UNKNOWN: u64 = u64::MAX;

/// The expected wait. Sessions read it at every step: it costs one load.
#[derive(Debug)]
pub struct Outlook(AtomicU64);

impl Default for Outlook {
    fn default() -> Self {
        Self(AtomicU64::new(UNKNOWN))
    }
}

impl Outlook {
    /// How long callers wait, ms, when that is known.
    #[must_use]
    pub fn expected_wait(&self) -> Option<Millis> {
        Some(self.0.load(Ordering::Relaxed)).filter(|wait| *wait != UNKNOWN)
    }

    /// Takes a newer figure; none when it is not known any more.
    pub fn set(&self, wait: Option<Millis>) {
        self.0.store(wait.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }
}
