//! The file, written anew: what was deleted is still to be read in its free pages, and a file never
//! gets smaller by itself.
//!
//! The store's own thread copies what is kept into a new file, which takes the place of the old one
//! at once: a crash leaves either. Meanwhile all writes wait, so it is done rarely: see
//! [`Compaction::due`].

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use redb::{Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable};
use redb::{Key, TableDefinition, TableError, Value, WriteTransaction};
use switchhook_actors::clock::Stopwatch;

use super::{
    Trouble, create, links, replies,
    tables::{CALLS, ENDED, KEYS, LATE, LIVE, META, STALE_KEY, TURNS},
};

/// So many times as long as the last one took the next one waits at least: however much is erased,
/// the thread is at work for calls.
const REST: u32 = 20;

/// How long a rewrite that failed is not tried again: the disk may be full.
const RETRY: Duration = Duration::from_secs(60);

/// How long what retention has deleted waits for a moment without a live call.
const SWEPT: Duration = Duration::from_secs(3_600);

/// When it waits no longer.
const SWEPT_AT_LATEST: Duration = Duration::from_secs(6 * 3_600);

/// What a deletion has left in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stale {
    /// What nobody has asked to be gone at once.
    Swept,
    /// What somebody has erased.
    Erased,
}

/// When the file is to be written anew.
pub(super) struct Compaction {
    /// What is left in it, and since when.
    stale: Option<(Stale, Stopwatch)>,
    /// When the last one was over, and how long the next one waits from then on.
    last: Option<(Stopwatch, Duration)>,
}

impl Compaction {
    /// At a start nobody waits yet: what an earlier run has left goes first.
    pub(super) fn new(is_stale: bool) -> Self {
        let stale = is_stale.then(|| (Stale::Erased, Stopwatch::start()));
        Self { stale, last: None }
    }

    pub(super) fn leave(&mut self, what: Stale) {
        match &mut self.stale {
            Some((known, _)) => *known = what.max(*known),
            none => *none = Some((what, Stopwatch::start())),
        }
    }

    /// In how long it is to be done, if nothing comes in between. What was erased goes at once,
    /// unless one was done a moment ago; the rest when no call is live.
    pub(super) fn due(&self, is_quiet: bool) -> Option<Duration> {
        let (what, since) = self.stale.as_ref()?;
        let rest = self
            .last
            .as_ref()
            .map_or(Duration::ZERO, |(at, rest)| rest.saturating_sub(at.elapsed()));
        let patience = match what {
            Stale::Erased => Duration::ZERO,
            Stale::Swept if is_quiet => SWEPT,
            Stale::Swept => SWEPT_AT_LATEST,
        };
        Some(rest.max(patience.saturating_sub(since.elapsed())))
    }

    /// Whether something that was erased waits.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self.stale, Some((Stale::Erased, _)))
    }

    /// It was done, or tried in vain, and took so long.
    pub(super) fn done(&mut self, took: Duration, is_done: bool) {
        let rest = if is_done { took * REST } else { RETRY };
        self.last = Some((Stopwatch::start(), rest));
        if is_done {
            self.stale = None;
        }
    }
}

/// Where the new file is written.
pub(super) fn beside(file: &Path) -> PathBuf {
    file.with_extension("new")
}

/// Copies all that is kept into a new file and puts that in the old one's place.
pub(super) fn rewrite(old: &Database, file: &Path) -> Result<Database, Trouble> {
    let path = beside(file);
    let new = copy_all(old, &path).and_then(|new| {
        fs::rename(&path, file).map_err(|error| Trouble::disk(&error))?;
        Ok(new)
    });
    if new.is_err() {
        // Nothing is lost with it: the old file stands.
        let _ = fs::remove_file(&path);
    }
    let synced = file.parent().map(|dir| File::open(dir).and_then(|dir| dir.sync_all()));
    if let Some(Err(error)) = synced {
        tracing::warn!("the data directory cannot be synced: {error}");
    }
    new
}

fn copy_all(old: &Database, path: &Path) -> Result<Database, Trouble> {
    if path.exists() {
        fs::remove_file(path).map_err(|error| Trouble::disk(&error))?;
    }
    let new = create(path).map_err(|error| Trouble::disk(&error))?;
    let from = old.begin_read()?;
    let mut to = new.begin_write()?;
    to.set_durability(Durability::Immediate).map_err(|error| Trouble::disk(&error))?;
    copy(&from, &to, META)?;
    to.open_table(META)?.remove(STALE_KEY)?;
    copy(&from, &to, CALLS)?;
    copy(&from, &to, TURNS)?;
    copy(&from, &to, LATE)?;
    copy(&from, &to, LIVE)?;
    copy(&from, &to, ENDED)?;
    copy(&from, &to, KEYS)?;
    copy(&from, &to, links::ALIASES)?;
    copy(&from, &to, links::LINKS)?;
    copy(&from, &to, replies::REPLIES)?;
    copy(&from, &to, replies::EXPIRIES)?;
    to.commit()?;
    Ok(new)
}

fn copy<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Trouble> {
    let old = match from.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        old => old?,
    };
    let mut new = to.open_table(table)?;
    for row in old.iter()? {
        let (key, value) = row?;
        new.insert(key.value(), value.value())?;
    }
    Ok(())
}
