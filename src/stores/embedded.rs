//! The embedded store: calls in one redb file of one engine, nothing else to install.
//!
//! The registry asks; a thread of its own writes (`embedded/writer.rs`); lists and the feed come
//! from memory (`embedded/index.rs`). An operation is answered when it is on the disk.

mod operations;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    fs::{DirBuilder, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::ready};
use redb::{Database, DatabaseError};
use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, Epoch, InstanceId},
        record::{CallRecord, CallSummary, Change, NewCall, Position},
        time::{Millis, Timestamp},
        transcript::{LateTurn, Role, Turn},
    },
    registry::store::{
        Appended, CallStore, Claimed, Feed, Key, Opened, Restored, Settled, StoreError, Stored,
        Sweep, Swept,
    },
};
use tokio::sync::watch;

use super::index::Index;
use operations::Round;
use writer::{Job, Opener, Writer};

/// The file within the data directory.
const FILE: &str = "calls.redb";

/// Memory for pages of the file, bytes: those of the calls that are being written. What is read, an
/// index in memory finds; more pages were measured to save no time. The library's own default is a
/// gibibyte.
const CACHE: usize = 2 << 20;

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be created, or the file in it not be opened.
    #[error("the data directory {path} cannot be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// One directory belongs to one engine.
    #[error("the data directory {0} is in use by another engine")]
    InUse(PathBuf),
    /// A newer engine wrote it: reading it as something else would destroy it.
    #[error("{path} was written by a newer engine: its format is {found}, this one knows {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The newest format that this engine knows.
        known: u64,
    },
    /// It is damaged, or no call store at all.
    #[error("{path} cannot be read as a call store: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system gives no thread to write with.
    #[error("the call store's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Why an operation came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
enum Trouble {
    /// The file cannot be written or read; what was written is not known.
    #[error("{0}")]
    Disk(String),
    /// A value makes no sense.
    #[error("{0}")]
    Unreadable(String),
    /// A fault of ours.
    #[error("the operation panicked")]
    Panicked,
}

impl Trouble {
    fn disk(error: &dyn fmt::Display) -> Self {
        Self::Disk(error.to_string())
    }

    fn unreadable(error: &dyn fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::disk(&error.into())
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unreadable(why) => Self::Unreadable(why),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The embedded store. Dropping it lets its thread finish what was accepted, without waiting.
pub struct Embedded {
    /// None once it is closed.
    jobs: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    index: Arc<Mutex<Index>>,
    /// Whether the last commit came to nothing.
    failing: Arc<AtomicBool>,
    /// Closed when the thread is over and has let go of the file.
    ended: watch::Receiver<()>,
}

impl Embedded {
    /// Opens the store in that directory, which is created if need be, readable by its owner
    /// alone. `now` is when live calls begin to count as silent.
    ///
    /// # Errors
    ///
    /// When another engine uses the directory, when it cannot be used, and when the file in it was
    /// written by a newer engine or cannot be read.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let dir = dir.to_owned();
        Self::with_opener(Box::new(move || open_file(&dir)), now)
    }

    fn with_opener(opener: Opener, now: Timestamp) -> Result<Self, OpenError> {
        let database = opener()?;
        let live = tables::live_calls(&database).map_err(|trouble| OpenError::Unreadable {
            path: FILE.into(),
            why: trouble.to_string(),
        })?;
        let index = Arc::new(Mutex::new(Index::new(live, now)));
        let failing = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(opener, database, Arc::clone(&index), Arc::clone(&failing));
        let (jobs, asked) = sync_channel(writer::QUEUE);
        let (end, ended) = watch::channel(());
        let work = move || {
            // Dropped last: it tells that all the rest is gone.
            let _end = end;
            let asked = asked;
            writer.run(&asked);
        };
        std::thread::Builder::new()
            .name("call-store".into())
            .spawn(work)
            .map_err(OpenError::Thread)?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), index, failing, ended })
    }

    /// Whether the store still works. Once false, it stays so.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.ended.has_changed().is_ok()
    }

    /// Whether it cannot write now: the disk is full or broken. It goes on trying by itself.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Takes no more operations, and resolves when all that were accepted are durable and the
    /// directory is free for another engine.
    pub async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it resolves when the thread is over.
        while ended.changed().await.is_ok() {}
    }

    /// All calls that are kept, live or over.
    pub(super) fn all(&self) -> Stored<Vec<CallSid>> {
        self.ask(|round| round.all())
    }

    /// Queues an operation that somebody waits for.
    fn ask<T, F>(&self, work: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.queue(Duration::ZERO, work)
    }

    /// Queues an operation that may wait so long for others, at once: the order of the calls is the order of their effects.
    fn queue<T, F>(&self, patience: Duration, work: F) -> Stored<T>
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
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Disconnected(_) => gone(),
            TrySendError::Full(_) => StoreError::Unavailable(format!(
                "the call store is behind: {} operations wait for the disk",
                writer::QUEUE
            )),
        })
    }

    /// Reads from memory: what is committed.
    fn look<T: Send + 'static>(&self, read: impl FnOnce(&Index) -> T) -> Stored<T> {
        if !self.is_alive() {
            return ready(Err(gone())).boxed();
        }
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        ready(Ok(read(&index))).boxed()
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the call store is closed".into())
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("alive", &self.is_alive()).finish_non_exhaustive()
    }
}

impl CallStore for Embedded {
    fn open(&self, call: NewCall) -> Stored<Opened> {
        self.ask(move |round| round.open(&call))
    }

    fn claim(&self, sid: CallSid, by: InstanceId, at: Timestamp) -> Stored<Claimed> {
        self.ask(move |round| round.claim(sid, &by, at))
    }

    fn append(&self, sid: CallSid, epoch: Epoch, seq: u64, turn: Turn) -> Stored<Appended> {
        let patience = match turn.role {
            Role::Customer => writer::CALLERS_WORDS,
            Role::Agent => writer::AGENTS_WORDS,
        };
        self.queue(patience, move |round| round.append(sid, epoch, seq, &turn))
    }

    fn settle(&self, sid: CallSid, epoch: Epoch, change: Change, at: Timestamp) -> Stored<Settled> {
        self.ask(move |round| round.settle(sid, epoch, &change, at))
    }

    fn restore(&self, copy: CallRecord) -> Stored<Restored> {
        self.ask(move |round| round.restore(&copy))
    }

    fn add_late(&self, sid: CallSid, turns: Vec<LateTurn>) -> Stored<bool> {
        self.ask(move |round| round.add_late(sid, &turns))
    }

    fn remember(
        &self,
        sid: CallSid,
        key: String,
        reply: String,
        now: Timestamp,
        ttl: Millis,
    ) -> Stored<String> {
        self.ask(move |round| round.remember(sid, &key, &reply, now, ttl))
    }

    fn answered(&self, sid: CallSid, key: String, now: Timestamp) -> Stored<Option<String>> {
        self.ask(move |round| round.answered(sid, &key, now))
    }

    fn link(&self, alias: Alias, sid: CallSid) -> Stored<bool> {
        self.ask(move |round| round.link(&alias, sid))
    }

    fn find(&self, key: Key) -> Stored<Option<CallRecord>> {
        self.ask(move |round| round.find(&key))
    }

    fn live(&self) -> Stored<Vec<CallSummary>> {
        self.look(Index::calls)
    }

    fn follow(&self, after: Option<Position>) -> Stored<Feed> {
        self.look(|index| index.follow(after))
    }

    fn erase(&self, sid: CallSid) -> Stored<bool> {
        self.ask(move |round| round.erase(sid))
    }

    fn sweep(&self, sweep: Sweep) -> Stored<Swept> {
        self.ask(move |round| round.sweep(&sweep))
    }

    fn flush(&self) -> Stored<()> {
        self.ask(|_| Ok(()))
    }
}

/// Opens or creates the file of calls in that directory.
fn open_file(dir: &Path) -> Result<Database, OpenError> {
    let path = dir.join(FILE);
    create_private(dir, &path)
        .map_err(|source| OpenError::Directory { path: dir.to_owned(), source })?;
    let unreadable =
        |why: &dyn fmt::Display| OpenError::Unreadable { path: path.clone(), why: why.to_string() };
    let opened = Database::builder().set_cache_size(CACHE).create(&path);
    let database = opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse(dir.to_owned())
        }
        other => unreadable(&other),
    })?;
    match tables::prepare(&database).map_err(|trouble| unreadable(&trouble))? {
        found if found > tables::FORMAT => {
            Err(OpenError::Newer { path, found, known: tables::FORMAT })
        }
        _ => Ok(database),
    }
}

/// Creates what is missing so that only the owner can read it: callers' words are in it.
fn create_private(dir: &Path, file: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    builder.recursive(true).create(dir)?;
    options.read(true).write(true).create(true).truncate(false).open(file).map(drop)
}
