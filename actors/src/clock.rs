//! The only file that looks at time. Everybody else is told.

use std::time::{Duration, Instant, SystemTime};

use crate::domain::time::{Millis, Timestamp};

/// Wall time, taken once and advanced by the monotonic clock: it never runs backwards, whatever
/// becomes of the machine's time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Timestamp,
    since: Stopwatch,
}

impl Clock {
    /// A clock that shows the wall time of this moment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where wall time comes from")]
    pub fn start() -> Self {
        // A machine that believes it is before 1970 is told that it is 1970.
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: Timestamp(millis(wall)), since: Stopwatch::start() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall + millis(self.since.elapsed())
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where durations come from")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has been.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A moment until which something may be done. It goes on in a process that is stopped.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    since: Stopwatch,
    patience: Duration,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn within(patience: Duration) -> Self {
        Self::after(Stopwatch::start(), patience)
    }

    /// So long from when that stopwatch was started.
    #[must_use]
    pub fn after(since: Stopwatch, patience: Duration) -> Self {
        Self { since, patience }
    }

    /// How long it is until then.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.patience.saturating_sub(self.since.elapsed())
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_never_runs_backwards() {
        let clock = Clock::start();
        let times: Vec<_> = (0..1_000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
        // The year 2020: it is wall time, in milliseconds.
        assert!(times[0] > Timestamp(1_577_836_800_000));
    }

    #[test]
    fn a_deadline_counts_from_its_stopwatch_and_ends() {
        let deadline = Deadline::within(Duration::from_secs(60));
        assert!(!deadline.is_over() && deadline.left() <= Duration::from_secs(60));
        let since = Stopwatch::start();
        assert!(Deadline::after(since, Duration::ZERO).is_over());
        while since.elapsed() < Duration::from_millis(1) {}
        assert!(Deadline::after(since, Duration::from_millis(1)).is_over());
        assert!(Deadline::after(since, Duration::from_secs(60)).left() < Duration::from_secs(60));
    }
}
