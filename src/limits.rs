//! File descriptors: how many the process may open, and so how many calls and connections it may
//! take; and how many are open.
//!
//! `serve` asks before anything listens, admission with every new call.

use std::{
    fs, io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::signal::unix::SignalKind;

use crate::config::CALLS_MAX;

/// How often open descriptors are counted: within that time calls and connections are counted one
/// by one.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// "File size limit exceeded", on Linux and the BSDs alike.
const SIGXFSZ: i32 = 25;

/// Descriptors of a call that talks: its line, and its connection to the model.
const PER_CALL: u64 = 2;

/// Descriptors for everything else: the store, webhooks, supervisors, the log.
const RESERVE: u64 = 256;

/// What POSIX grants at least. Assumed when the system does not tell.
const LEAST: u64 = 20;

/// How many descriptors the process may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    /// Now.
    pub soft: u64,
    /// At most.
    pub hard: u64,
}

/// Raises the number of descriptors as far as the system lets us, and tells what came of it.
#[must_use]
pub fn raise_nofile() -> Nofile {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the number of file descriptors cannot be raised");
    }
    match rlimit::Resource::NOFILE.get() {
        Ok((soft, hard)) => Nofile { soft, hard },
        Err(error) => {
            tracing::warn!(%error, "the number of file descriptors is unknown");
            Nofile { soft: LEAST, hard: LEAST }
        }
    }
}

/// How many calls an instance takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimit {
    /// So many at the same time, at least one.
    pub calls: usize,
    /// What the operator should know about it.
    pub warning: Option<String>,
}

/// How many calls an instance takes: `configured`, or as many as `soft` descriptors allow.
#[must_use]
pub fn max_calls(configured: Option<usize>, soft: u64) -> CallLimit {
    let fit = usize::try_from(soft.saturating_sub(RESERVE) / PER_CALL).unwrap_or(CALLS_MAX);
    let room = fit.clamp(1, CALLS_MAX);
    let wanted = configured.unwrap_or(room);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX);
    let needed = needed.saturating_mul(PER_CALL).saturating_add(RESERVE);
    let warning = (wanted > fit).then(|| match configured {
        Some(wanted) => format!(
            "MAX_CALLS is {wanted}, but {soft} file descriptors allow {room}: raise the limit \
             (nofile) to {needed}"
        ),
        None => format!("{soft} file descriptors are hardly enough for one call"),
    });
    CallLimit { calls: wanted.min(room), warning }
}

/// Descriptors of the engine itself: the store, the log, the threads, names being looked up.
const OWN: u64 = 128;

/// Descriptors, and connections, that new calls never get: live calls may need them to come back,
/// and probes to ask.
const SPARE: usize = 16;

/// Of these each worker keeps so many at least.
const SPARE_EACH: usize = 4;

/// Where Linux lists the open descriptors.
const OPEN: &str = "/proc/self/fd";

/// What is open, against what may be.
///
/// Connections are accepted only as long as every call could still reach its model: a flood of
/// sockets waits outside, and a live call talks on. See [`Descriptors::connections_max`].
#[derive(Debug)]
pub struct Descriptors {
    /// Connections at most.
    connections_max: usize,
    /// Connections that each worker has open now; all together until they are shared.
    workers: OnceLock<Box<[AtomicUsize]>>,
    /// How many descriptors may be open. Somebody may change it from outside.
    soft: AtomicUsize,
    /// How many were, at the last look.
    open: AtomicUsize,
}

impl Default for Descriptors {
    /// Without bounds.
    fn default() -> Self {
        Self {
            connections_max: usize::MAX,
            workers: OnceLock::new(),
            soft: AtomicUsize::new(usize::MAX),
            open: AtomicUsize::new(0),
        }
    }
}

impl Descriptors {
    /// Of a process that may open `soft` descriptors and takes that many calls.
    #[must_use]
    pub fn new(soft: u64, calls: usize) -> Self {
        let own = OWN.min(soft / 2);
        let left = usize::try_from(soft.saturating_sub(own)).unwrap_or(usize::MAX);
        Self {
            connections_max: left.saturating_sub(calls).max(1),
            soft: AtomicUsize::new(usize::try_from(soft).unwrap_or(usize::MAX)),
            ..Self::default()
        }
    }

    /// How many connections may be accepted: what is left when the engine has its own descriptors
    /// and every call its connection to the model.
    #[must_use]
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Shares connections among so many workers, once; how many each may accept.
    pub fn share_among(&self, workers: usize) -> usize {
        let shares =
            self.workers.get_or_init(|| (0..workers).map(|_| AtomicUsize::new(0)).collect());
        (self.connections_max / shares.len().max(1)).max(1)
    }

    /// That worker has accepted a connection: it counts until what is returned is dropped.
    #[must_use]
    pub fn accepted(self: &Arc<Self>, worker: usize) -> Accepted {
        let accepted = Accepted { descriptors: Arc::clone(self), worker };
        if let Some(connections) = accepted.connections() {
            connections.fetch_add(1, Ordering::Relaxed);
        }
        accepted
    }

    /// Looks how many descriptors are open. To be called every [`LOOK_EVERY`].
    pub fn look(&self) {
        if let Ok(soft) = rlimit::Resource::NOFILE.get_soft() {
            self.soft.store(usize::try_from(soft).unwrap_or(usize::MAX), Ordering::Relaxed);
        }
        let open = match count_open() {
            Ok(open) => open,
            // Where there is no such list, connections alone are counted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            // It takes a descriptor to count them.
            Err(_) => self.soft.load(Ordering::Relaxed),
        };
        self.open.store(open, Ordering::Relaxed);
        metrics::gauge!("switchhook_descriptors_open").set(u32::try_from(open).unwrap_or(u32::MAX));
    }

    /// For how many more calls there is room.
    #[must_use]
    pub fn room(&self) -> usize {
        let soft = self.soft.load(Ordering::Relaxed);
        let spare = SPARE.min(soft / 4);
        let free = soft.saturating_sub(self.open.load(Ordering::Relaxed)).saturating_sub(spare);
        self.connections_left(spare).min(free / PER_CALL as usize)
    }

    /// Connections that may still come, wherever they go: nobody chooses the worker, and at one that is
    /// full a held call could not come back.
    fn connections_left(&self, spare: usize) -> usize {
        let workers = self.workers.get().map_or(&[][..], |workers| workers);
        let count = workers.len().max(1);
        let share = self.connections_max / count;
        let share = share - share.min(spare.div_ceil(count).max(SPARE_EACH).min(share / 4));
        let fullest = workers.iter().map(|open| open.load(Ordering::Relaxed)).max();
        share.saturating_sub(fullest.unwrap_or(0)).saturating_mul(count)
    }
}

/// A connection that is open.
#[derive(Debug)]
pub struct Accepted {
    descriptors: Arc<Descriptors>,
    worker: usize,
}

impl Accepted {
    fn connections(&self) -> Option<&AtomicUsize> {
        self.descriptors.workers.get()?.get(self.worker)
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if let Some(connections) = self.connections() {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn count_open() -> io::Result<usize> {
    // Since Linux 6.2 the size of the list is its length, which costs no descriptor.
    let size = fs::metadata(OPEN)?.len();
    if size > 0 {
        return Ok(usize::try_from(size).unwrap_or(usize::MAX));
    }
    Ok(fs::read_dir(OPEN)?.count())
}

/// Lets a write beyond the largest file that the process may make fail, instead of ending the
/// process: a store that cannot grow is survived like a disk that is full.
///
/// # Errors
/// When the signal cannot be taken.
pub fn survive_file_size_limit() -> io::Result<()> {
    tokio::signal::unix::signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_takes_as_many_calls_as_its_descriptors_allow() {
        for (configured, soft, calls, warned) in [
            (None, 1024, 384, false),
            (None, 20_000, 9872, false),
            (None, u64::MAX, CALLS_MAX, false),
            (Some(100), 1024, 100, false),
            (Some(384), 1024, 384, false),
            (Some(385), 1024, 384, true),
            (Some(usize::MAX), 1024, 384, true),
            (None, 256, 1, true),
            (None, 0, 1, true),
            (Some(1), 0, 1, true),
        ] {
            let limit = max_calls(configured, soft);
            assert_eq!(limit.calls, calls, "{configured:?} {soft}");
            assert_eq!(limit.warning.is_some(), warned, "{limit:?}");
        }
    }

    #[test]
    fn an_operator_reads_which_limit_would_do() {
        let told = max_calls(Some(1000), 1024).warning.unwrap_or_default();
        for word in ["MAX_CALLS is 1000", "1024", "384", "2256"] {
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn descriptors_are_raised_to_what_the_system_grants() {
        let raised = raise_nofile();
        assert_eq!(raised.soft, raised.hard);
        assert_eq!(raise_nofile(), raised);
    }

    #[test]
    fn connections_leave_every_call_its_way_to_the_model() {
        for (soft, calls, connections) in
            [(1_024, 384, 512), (20_000, 9_872, 10_000), (128, 1, 63), (64, 1, 31), (2, 1, 1)]
        {
            let descriptors = Descriptors::new(soft, calls);
            assert_eq!(descriptors.connections_max(), connections, "{soft} {calls}");
            assert!(connections + calls <= usize::try_from(soft).unwrap());
        }
    }

    #[test]
    fn there_is_room_until_connections_or_descriptors_come_near_their_end() {
        let descriptors = Arc::new(Descriptors::new(1_024, 384));
        assert_eq!(descriptors.room(), 496);
        assert_eq!(descriptors.share_among(2), 256);
        let mut held: Vec<_> = (0..240).map(|nth| descriptors.accepted(nth % 2)).collect();
        assert_eq!(descriptors.room(), 2 * (256 - 8 - 120));
        // One worker is nearly full: the next call might be its.
        held.extend((0..127).map(|_| descriptors.accepted(1)));
        assert_eq!(descriptors.room(), 2);
        held.push(descriptors.accepted(1));
        assert_eq!(descriptors.room(), 0);
        drop(held);
        assert_eq!(descriptors.room(), 496);
        descriptors.open.store(1_004, Ordering::Relaxed);
        assert_eq!(descriptors.room(), 2);
        descriptors.open.store(1_024, Ordering::Relaxed);
        assert_eq!(descriptors.room(), 0);
        descriptors.look();
        assert!(descriptors.open.load(Ordering::Relaxed) > 2);
    }
}
