//! Plays many schedules on all cores and looks for one that breaks a promise.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::{
    generator,
    machine::Cast,
    oracle::{Invariant, Verdict, Violation},
    schedule::Schedule,
    shrink,
    world::play,
};

/// How many seeds a thread takes at a time.
const CHUNK: u64 = 256;

/// A seed whose call broke a promise.
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
    /// The shortest schedule that breaks the same promise.
    pub(crate) schedule: Schedule,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} broke a promise", self.seed)?;
        writeln!(f, "{}", self.violation)?;
        write!(f, "the shortest schedule that does:\n{}", self.schedule)
    }
}

/// How the call of a schedule went. A panic of the machine is a broken promise, too.
pub(crate) fn verdict(cast: &Cast, schedule: &Schedule) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| play(cast, schedule))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied().unwrap_or("it panicked");
        Err(Violation::of(Invariant::Panic, message))
    })
}

/// The lowest seed in `first..first + count` whose call breaks a promise, with the shortest
/// schedule that does.
pub(crate) fn search(cast: &Cast, first_seed: u64, count: u64) -> Option<Failure> {
    first(cast, first_seed, count).and_then(|(seed, _)| failure(cast, seed))
}

/// The lowest seed in `first..first + count` whose call breaks a promise.
pub(crate) fn first(cast: &Cast, first: u64, count: u64) -> Option<(u64, Violation)> {
    let (next, found) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    let end = first.saturating_add(count);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|threads| {
        for _ in 0..cores {
            threads.spawn(|| play_chunks(cast, end, &next, &found));
        }
    });
    let seed = found.into_inner();
    let violation = (seed != u64::MAX).then(|| verdict(cast, &generator::schedule(seed)).err());
    violation.flatten().map(|violation| (seed, violation))
}

/// Plays chunks of seeds until there are none left, or none that could be lower than `found`.
fn play_chunks(cast: &Cast, end: u64, next: &AtomicU64, found: &AtomicU64) {
    loop {
        let from = next.fetch_add(CHUNK, Ordering::Relaxed);
        if from >= end || found.load(Ordering::Relaxed) < from {
            return;
        }
        let mut seeds = from..end.min(from + CHUNK);
        if let Some(seed) = seeds.find(|seed| verdict(cast, &generator::schedule(*seed)).is_err()) {
            found.fetch_min(seed, Ordering::Relaxed);
        }
    }
}

/// What a failing seed comes down to.
pub(crate) fn failure(cast: &Cast, seed: u64) -> Option<Failure> {
    let schedule = generator::schedule(seed);
    let broken = verdict(cast, &schedule).err()?;
    let schedule = shrink::shortest(cast, schedule, broken.invariant);
    let violation = verdict(cast, &schedule).err().unwrap_or(broken);
    Some(Failure { seed, violation, schedule })
}
