//! Whether this thread has stood still: a machine that was paused, a process that was stopped, or a
//! thread that had no turn. Callers were heard by nobody meanwhile, and the sockets of some are gone
//! with what they said.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::Stopwatch;

/// How often it beats.
const BEAT: Duration = Duration::from_millis(100);

/// A pause between two beats that callers notice, ms.
const STILL: u64 = 1_000;

/// For so long afterwards lines may come back whose sockets were lost meanwhile, ms.
const RECENT: u64 = 5_000;

/// Beats as long as the thread runs that it was started on.
#[derive(Debug)]
pub struct Pulse {
    since: Stopwatch,
    /// The last beat, ms since the first.
    last: AtomicU64,
    /// When it beat again after a pause, ms since the first; 0: there was none.
    woken: AtomicU64,
}

impl Pulse {
    /// Begins to beat on this thread, until nobody asks it any more.
    #[must_use]
    pub fn start() -> Arc<Self> {
        let pulse = Arc::new(Self {
            since: Stopwatch::start(),
            last: AtomicU64::new(0),
            woken: AtomicU64::new(0),
        });
        let beats = Arc::downgrade(&pulse);
        actix::spawn(async move {
            while let Some(pulse) = beats.upgrade() {
                pulse.beat(pulse.now());
                drop(pulse);
                tokio::time::sleep(BEAT).await;
            }
        });
        pulse
    }

    /// One that has just beaten again.
    #[cfg(test)]
    pub(crate) fn woken() -> Arc<Self> {
        let since = Stopwatch::start();
        Arc::new(Self { since, last: AtomicU64::new(0), woken: AtomicU64::new(1) })
    }

    /// Whether this thread stood still until just now.
    #[must_use]
    pub fn stood_still(&self) -> bool {
        self.stood_still_at(self.now())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn beat(&self, now: u64) {
        if now.saturating_sub(self.last.swap(now, Ordering::Relaxed)) >= STILL {
            self.woken.store(now, Ordering::Relaxed);
        }
    }

    fn stood_still_at(&self, now: u64) -> bool {
        // What is asked first after the pause may come before the next beat.
        let still = now.saturating_sub(self.last.load(Ordering::Relaxed)) >= STILL;
        let woken = self.woken.load(Ordering::Relaxed);
        still || (woken > 0 && now.saturating_sub(woken) < RECENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_between_two_beats_is_remembered_for_a_while() {
        let pulse =
            Pulse { since: Stopwatch::start(), last: AtomicU64::new(0), woken: AtomicU64::new(0) };
        for now in [100, 200, 1_100] {
            pulse.beat(now);
            assert!(!pulse.stood_still_at(now + 999), "{now}");
        }
        assert!(pulse.stood_still_at(2_100), "before the beat");
        pulse.beat(2_100);
        for (now, still) in [(2_100, true), (7_000, true), (7_100, false)] {
            pulse.beat(now - 50);
            pulse.last.store(now, Ordering::Relaxed);
            pulse.woken.store(2_100, Ordering::Relaxed);
            assert_eq!(pulse.stood_still_at(now), still, "{now}");
        }
    }
}
