//! The one thread that touches the file. It takes what waits, does it in order within one
//! transaction, commits once, and answers everybody: a commit costs about the same for one write
//! as for hundreds.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use redb::{Database, Durability};
use switchhook_actors::{clock::Stopwatch, registry::store::StoreError};
use tokio::sync::oneshot;

use super::{
    OpenError, Trouble,
    compaction::{self, Compaction},
    keyring::Keyring,
    operations::Round,
    tables::{self, Tables},
};
use crate::stores::{index::Index, locked};

/// How many operations may wait for the thread. At the 2,000 writes a second for which the store
/// is meant that is two seconds of a stuck disk; whoever comes after that is told at once.
pub(super) const QUEUE: usize = 4_096;

/// How many operations share a commit at most: it bounds what one failed commit can fail.
const BATCH: usize = 256;

/// From the end of one commit to the next at least: a commit costs as much as the words of ten
/// answers, and takes all that waits for it. More would show in webhooks and connects, which wait for
/// their call to be stored (8 ms: p99 38 instead of 7 ms at 1,000 calls); an operation that comes
/// alone does not wait.
const PACE: Duration = Duration::from_millis(2);

/// How long the caller's words may wait for others to share their commit: their answer waits for
/// them, but the model's first word takes much longer than that.
pub(super) const CALLERS_WORDS: Duration = Duration::from_millis(10);

/// The same of the agent's words, for which nobody waits.
pub(super) const AGENTS_WORDS: Duration = Duration::from_millis(50);

/// How often a file that failed is opened again and written to, whether or not anybody asks: it
/// shows at once that there is room again. Opening it reads it through, so not more often.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Opens the file, at the start and again after an I/O error: redb refuses every write after one.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, OpenError> + Send>;

/// Where the calls lie.
pub(super) struct Disk {
    pub(super) open: Opener,
    /// The file, where there is one that can be replaced by another.
    pub(super) file: Option<PathBuf>,
}

/// An operation that waits for its turn.
pub(super) trait Job: Send {
    /// How long it may wait for others to share its commit.
    fn patience(&self) -> Duration;

    /// Does it. May be called again when the transaction around it came to nothing.
    fn run(&mut self, round: &mut Round<'_>) -> Result<(), Trouble>;

    /// Notes that it failed without having written anything: the others are not concerned.
    fn refuse(&mut self, error: StoreError);

    /// Tells the asker: what `run` found, or why it did not come to be.
    fn answer(self: Box<Self>, done: Result<(), StoreError>);
}

struct Asked<T, F> {
    patience: Duration,
    work: F,
    found: Option<Result<T, StoreError>>,
    asker: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send,
{
    fn patience(&self) -> Duration {
        self.patience
    }

    fn run(&mut self, round: &mut Round<'_>) -> Result<(), Trouble> {
        self.found = Some(Ok((self.work)(round)?));
        Ok(())
    }

    fn refuse(&mut self, error: StoreError) {
        self.found = Some(Err(error));
    }

    fn answer(self: Box<Self>, done: Result<(), StoreError>) {
        let Self { found, asker, .. } = *self;
        let lost = || Err(StoreError::Unavailable("the operation left no answer".into()));
        let answer = done.and_then(|()| found.unwrap_or_else(lost));
        // Whoever no longer waits does not need the answer.
        let _ = asker.send(answer);
    }
}

/// A job that answers through the receiver.
pub(super) fn job<T, F>(
    patience: Duration,
    work: F,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send + 'static,
{
    let (asker, answer) = oneshot::channel();
    (Box::new(Asked { patience, work, found: None, asker }), answer)
}

/// The state of the thread.
pub(super) struct Writer {
    disk: Disk,
    keys: Keyring,
    compaction: Compaction,
    /// None after an I/O error, until it could be opened again.
    database: Option<Database>,
    index: Arc<Mutex<Index>>,
    /// Told to the world: the last commit came to nothing.
    failing: Arc<AtomicBool>,
    /// When it was last tried in vain, and with what result.
    tried: Option<(Stopwatch, String)>,
}

impl Writer {
    pub(super) fn new(
        disk: Disk,
        keys: Keyring,
        database: Database,
        index: Arc<Mutex<Index>>,
        failing: Arc<AtomicBool>,
    ) -> Self {
        // Where that cannot be read, the next operation will say so.
        let compaction = Compaction::new(tables::is_stale(&database).unwrap_or(false));
        Self { disk, keys, compaction, database: Some(database), index, failing, tried: None }
    }

    /// Works until nobody can ask any more and everything that was asked is answered.
    #[expect(
        clippy::disallowed_methods,
        reason = "the thread is the store's own: it blocks no call"
    )]
    pub(super) fn run(mut self, asked: &Receiver<Box<dyn Job>>) {
        let mut committed = Stopwatch::start();
        loop {
            let mut batch = match self.next(asked) {
                Ok(first) => gather(first, asked),
                Err(RecvTimeoutError::Timeout) if self.tried.is_none() => continue,
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => {
                    if self.compaction.is_urgent() {
                        self.compact();
                    }
                    return;
                }
            };
            fail::fail_point!("store");
            if let Some(rest) = PACE.checked_sub(committed.elapsed()) {
                std::thread::sleep(rest);
            }
            let room = BATCH.saturating_sub(batch.len());
            batch.extend(asked.try_iter().take(room));
            self.settle(batch);
            committed = Stopwatch::start();
        }
    }

    /// The next operation. While none waits and nothing is wrong, the file is written anew if that
    /// is due.
    fn next(&mut self, asked: &Receiver<Box<dyn Job>>) -> Result<Box<dyn Job>, RecvTimeoutError> {
        if let Some((at, _)) = &self.tried {
            return asked.recv_timeout(TRY_EVERY.saturating_sub(at.elapsed()));
        }
        let is_quiet = locked(&self.index).is_empty();
        match self.compaction.due(is_quiet) {
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(Duration::ZERO) => {
                self.compact();
                Err(RecvTimeoutError::Timeout)
            }
            Some(wait) => asked.recv_timeout(wait),
        }
    }

    /// Writes the file anew, without what was deleted. In vain, the old one stands.
    fn compact(&mut self) {
        let began = Stopwatch::start();
        let Some(old) = &self.database else { return };
        let new = match &self.disk.file {
            None => return self.compaction.done(Duration::ZERO, true),
            Some(file) => compaction::rewrite(old, file),
        };
        self.compaction.done(began.elapsed(), new.is_ok());
        match new {
            Ok(new) => {
                self.database = Some(new);
                tracing::info!(took = ?began.elapsed(), "the call store was written anew");
            }
            Err(why) => tracing::error!(%why, "what was erased is still in the call store's file"),
        }
    }

    /// Does the batch and answers it. A batch in which one job failed half done is done again one
    /// by one, so that the failure is that asker's alone.
    fn settle(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let done = self.attempt(&mut batch);
        if done.is_err() {
            // Keys of calls that were not written after all.
            self.keys.forget_all();
        }
        match done {
            Ok(()) => batch.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(Trouble::Disk(why)) => {
                self.fail(&why, batch.len());
                let error = StoreError::Unavailable(why);
                batch.into_iter().for_each(|job| job.answer(Err(error.clone())));
            }
            Err(_) if batch.len() > 1 => {
                batch.into_iter().for_each(|job| self.settle(vec![job]));
            }
            Err(trouble) => {
                tracing::error!(%trouble, "an operation of the call store failed");
                batch.into_iter().for_each(|job| job.answer(Err(trouble.clone().into())));
            }
        }
    }

    /// What was written is not known, nor is the state of the file.
    fn fail(&mut self, why: &str, operations: usize) {
        if self.database.take().is_none() && self.tried.as_ref().is_some_and(is_recent) {
            return;
        }
        tracing::error!(%why, operations, "the call store cannot write");
        self.failing.store(true, Ordering::Relaxed);
        self.tried = Some((Stopwatch::start(), why.to_owned()));
    }

    /// Does all jobs within one transaction and brings the index up to what was committed.
    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Trouble> {
        let index = Arc::clone(&self.index);
        self.open()?;
        let database = self.database.as_ref();
        let database = database.ok_or_else(|| Trouble::Disk("the file is not open".into()))?;
        let mut write = database.begin_write()?;
        write.set_durability(Durability::Immediate).map_err(|error| Trouble::disk(&error))?;
        let tables = Tables { write: &write, keys: &self.keys };
        let mut round = Round::new(tables, &index);
        for job in jobs {
            let before = round.writes;
            let run = AssertUnwindSafe(|| job.run(&mut round));
            match catch_unwind(run).unwrap_or(Err(Trouble::Panicked)) {
                Ok(()) => {}
                Err(trouble @ (Trouble::Unreadable(_) | Trouble::Panicked))
                    if round.writes == before =>
                {
                    tracing::error!(%trouble, "an operation of the call store failed");
                    job.refuse(trouble.into());
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let Round { effects, writes, stale, .. } = round;
        fail::fail_point!("disk", |_| Err(Trouble::Disk("no space left, on order".into())));
        if writes > 0 || self.tried.is_some() {
            write.commit()?;
            self.failing.store(false, Ordering::Relaxed);
            self.tried = None;
        } else {
            write.abort()?;
        }
        if let Some(stale) = stale {
            self.compaction.leave(stale);
        }
        let mut index = locked(&index);
        effects.into_iter().for_each(|effect| index.apply(effect));
        Ok(())
    }

    /// The open file; after an I/O error it is opened again, and the index is read from it anew.
    fn open(&mut self) -> Result<(), Trouble> {
        if self.database.is_none() {
            if let Some((_, why)) = self.tried.as_ref().filter(|tried| is_recent(tried)) {
                return Err(Trouble::Disk(why.clone()));
            }
            let database = (self.disk.open)().map_err(|error| Trouble::disk(&error))?;
            let live = tables::live_calls(&database, &self.keys)?;
            locked(&self.index).reload(live);
            tracing::warn!("the call store was opened again after a failure");
            self.database = Some(database);
        }
        Ok(())
    }
}

/// The first operation, and those that come until one of them can wait no longer.
fn gather(first: Box<dyn Job>, asked: &Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let began = Stopwatch::start();
    let mut until = first.patience();
    let mut batch = vec![first];
    while batch.len() < BATCH {
        let rest = until.saturating_sub(began.elapsed());
        let next = if rest.is_zero() { None } else { asked.recv_timeout(rest).ok() };
        let Some(next) = next else { break };
        until = until.min(began.elapsed() + next.patience());
        batch.push(next);
    }
    batch
}

/// Whether it is too early to open the file again.
fn is_recent((at, _): &(Stopwatch, String)) -> bool {
    at.elapsed() < TRY_EVERY
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn an_operation_waits_for_others_no_longer_than_any_of_them_may() {
        let (jobs, asked) = sync_channel(8);
        let for_ever = Duration::from_secs(3_600);
        for patience in [for_ever, for_ever, Duration::ZERO, for_ever] {
            jobs.send(job(patience, |_| Ok(())).0).unwrap();
        }
        let take = || gather(asked.recv().unwrap(), &asked).len();
        assert_eq!(take(), 3);
        drop(jobs);
        assert_eq!(take(), 1, "nobody can ask any more");
    }

    #[test]
    fn an_operation_that_somebody_waits_for_is_done_at_once() {
        let (_jobs, asked) = sync_channel(8);
        assert_eq!(gather(job(Duration::ZERO, |_| Ok(())).0, &asked).len(), 1);
        assert_eq!(gather(job(Duration::from_millis(1), |_| Ok(())).0, &asked).len(), 1);
    }
}
