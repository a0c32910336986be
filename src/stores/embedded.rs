//! The embedded store: calls in one redb file of one engine, nothing else to install.
//!
//! The registry asks; a thread of its own writes (`embedded/writer.rs`); lists and the feed come
//! from memory (`stores/index.rs`). An operation is answered when it is on the disk. Calls are sealed
//! with a key each (`embedded/keyring.rs`), and what is erased leaves the file
//! (`embedded/compaction.rs`).

mod compaction;
mod keyring;
mod links;
mod open;
mod operations;
mod queue;
mod replies;
mod tables;
mod tidying;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::sync_channel,
    },
};

use futures_util::{FutureExt, future::ready};
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

pub use self::open::OpenError;
use self::{
    keyring::Keyring,
    open::{FILE, create, open_file},
    operations::Round,
    queue::{Queue, gone},
    tidying::Scanned,
    writer::{Disk, Writer},
};
use super::{index::Index, locked, sealed::Vault};

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
    jobs: Queue,
    index: Arc<Mutex<Index>>,
    /// Whether the last commit came to nothing.
    failing: Arc<AtomicBool>,
    /// Closed when the thread is over and has let go of the file.
    ended: watch::Receiver<()>,
}

impl Embedded {
    /// Opens the store in that directory, which is created if need be, readable by its owner
    /// alone; what is said is sealed with the keys of that vault. `now` is when live calls begin to
    /// count as silent.
    ///
    /// # Errors
    ///
    /// When another engine uses the directory, when it cannot be used, and when the file in it was
    /// written by a newer engine or cannot be read.
    pub fn open(dir: &Path, vault: Vault, now: Timestamp) -> Result<Self, OpenError> {
        let (dir, file) = (dir.to_owned(), dir.join(FILE));
        let open = Box::new(move || open_file(&dir));
        Self::on_disk(Disk { open, file: Some(file) }, vault, now)
    }

    fn on_disk(disk: Disk, vault: Vault, now: Timestamp) -> Result<Self, OpenError> {
        let (database, keys) = ((disk.open)()?, Keyring::new(vault));
        let live = tables::live_calls(&database, &keys).map_err(|trouble| {
            OpenError::Unreadable { path: FILE.into(), why: trouble.to_string() }
        })?;
        let index = Arc::new(Mutex::new(Index::new(live, now)));
        let failing = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(disk, keys, database, Arc::clone(&index), Arc::clone(&failing));
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
        Ok(Self { jobs: Queue::new(jobs), index, failing, ended })
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
        self.jobs.close();
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it resolves when the thread is over.
        while ended.changed().await.is_ok() {}
    }

    /// Deletes a call that another store has by now, but for the replies about it, which expire. It
    /// leaves the file with the last of them.
    pub(super) fn discard(&self, sid: CallSid) -> Stored<bool> {
        self.ask(move |round| round.discard(sid))
    }

    /// All calls that are kept, live or over.
    pub(super) fn all(&self) -> Stored<Vec<CallSid>> {
        self.ask(|round| round.all())
    }

    /// The turns of a call, each with the number that it was written under.
    pub(super) fn written(&self, sid: CallSid) -> Stored<Vec<LateTurn>> {
        self.ask(move |round| round.written(sid))
    }

    /// Queues an operation that somebody waits for.
    fn ask<T, F>(&self, work: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Round<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.jobs.ask(work)
    }

    /// Reads from memory: what is committed.
    fn look<T: Send + 'static>(&self, read: impl FnOnce(&Index) -> T) -> Stored<T> {
        if !self.is_alive() {
            return ready(Err(gone())).boxed();
        }
        let index = locked(&self.index);
        ready(Ok(read(&index))).boxed()
    }
}

/// Looks through all calls, some at a time: others are served in between. All that are found go in
/// one step, so that the file is written anew once.
async fn erase_caller(jobs: Queue, number: String) -> Result<usize, StoreError> {
    let number: Arc<str> = number.into();
    let (mut theirs, mut after) = (Vec::new(), String::new());
    loop {
        let (number, behind) = (Arc::clone(&number), after);
        let Scanned { last, found } =
            jobs.ask(move |round| round.calls_of(&number, &behind)).await?;
        theirs.extend(found);
        match last {
            Some(last) => after = last.to_string(),
            None => break,
        }
    }
    jobs.ask(move |round| round.erase_all(&theirs)).await
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
        self.jobs.queue(patience, move |round| round.append(sid, epoch, seq, &turn))
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

    fn erase_caller(&self, number: String) -> Stored<usize> {
        erase_caller(self.jobs.clone(), number).boxed()
    }

    fn sweep(&self, sweep: Sweep) -> Stored<Swept> {
        self.ask(move |round| round.sweep(&sweep))
    }

    fn flush(&self) -> Stored<()> {
        self.ask(|_| Ok(()))
    }
}
