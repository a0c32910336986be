//! The file of calls: where it lies, who may read it, and why it cannot be opened.

use std::{
    fmt,
    fs::{self, DirBuilder, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use redb::{Database, DatabaseError, StorageError};

use super::{compaction, tables};

/// The file within the data directory.
pub(super) const FILE: &str = "calls.redb";

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

/// Opens or creates the file of calls in that directory.
pub(super) fn open_file(dir: &Path) -> Result<Database, OpenError> {
    let path = dir.join(FILE);
    create_private(dir, &path)
        .map_err(|source| OpenError::Directory { path: dir.to_owned(), source })?;
    let unreadable =
        |why: &dyn fmt::Display| OpenError::Unreadable { path: path.clone(), why: why.to_string() };
    let database = create(&path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse(dir.to_owned())
        }
        other => unreadable(&other),
    })?;
    match tables::prepare(&database).map_err(|trouble| unreadable(&trouble))? {
        found if found > tables::FORMAT => {
            Err(OpenError::Newer { path, found, known: tables::FORMAT })
        }
        _ => {
            // An earlier run was stopped while it wrote that; nobody else can be at it.
            match fs::remove_file(compaction::beside(&path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unreadable(&error)),
                _ => Ok(database),
            }
        }
    }
}

/// Opens or creates a file of calls.
pub(super) fn create(path: &Path) -> Result<Database, DatabaseError> {
    let file = private().open(path).map_err(StorageError::Io)?;
    drop(file);
    Database::builder().set_cache_size(CACHE).create(path)
}

/// Readable by its owner alone: callers' words are in it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false);
    options
}

/// Creates what is missing so that only the owner can read it: callers' words are in it.
fn create_private(dir: &Path, file: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)?;
    private().open(file).map(drop)
}
