//! What must be known to undo the set-up: a file beside the settings, written before Twilio is asked
//! to change anything.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Resource, SetupError, resource::same};

/// The form of the file.
const VERSION: u32 = 1;

/// A thing that was made or changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) resource: Resource,
    /// Its workspace; empty for what has none.
    pub(super) workspace: String,
    pub(super) name: String,
    /// Empty while it is only intended, and when nobody lived to write it down.
    pub(super) sid: String,
    /// Whether we made it: then undoing is deleting.
    pub(super) made: bool,
    /// What the fields were before we changed them first.
    #[serde(default)]
    pub(super) before: BTreeMap<String, Value>,
    /// What we have set them to, ever: another value is somebody else's.
    #[serde(default)]
    pub(super) set: BTreeMap<String, Vec<Value>>,
}

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    v: u32,
    account: String,
    pub(super) entries: Vec<Entry>,
    #[serde(skip)]
    file: PathBuf,
}

impl Kept {
    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be read or belongs to another account.
    pub(super) fn load(file: &Path, account: &str) -> Result<Self, SetupError> {
        let unreadable = |why: String| SetupError::Unreadable { file: file.to_owned(), why };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let account = account.to_owned();
                return Ok(Self {
                    v: VERSION,
                    account,
                    entries: Vec::new(),
                    file: file.to_owned(),
                });
            }
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let mut kept: Self =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if kept.v > VERSION {
            return Err(unreadable("it was written by a newer version".to_owned()));
        }
        if kept.account != account {
            return Err(SetupError::OtherAccount { file: file.to_owned() });
        }
        kept.file = file.to_owned();
        Ok(kept)
    }

    /// The entry of a thing, by its SID, or by its name while it has none.
    fn entry(
        &mut self,
        resource: Resource,
        workspace: &str,
        name: &str,
        sid: &str,
    ) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| {
            let is_it = if entry.sid.is_empty() { entry.name == name } else { entry.sid == sid };
            entry.resource == resource && entry.workspace == workspace && is_it
        })
    }

    /// Notes that a thing is going to be made.
    pub(super) fn intend(
        &mut self,
        resource: Resource,
        workspace: &str,
        name: &str,
    ) -> Result<(), SetupError> {
        if self.entry(resource, workspace, name, "").is_some() {
            return Ok(());
        }
        // Of one that was made and then deleted by somebody nothing is left to undo.
        self.entries.retain(|entry| {
            !(entry.resource == resource && entry.workspace == workspace && entry.name == name)
        });
        self.push(resource, workspace, name, "", true);
        self.write()
    }

    /// Notes the SID of a thing if it was going to be made.
    pub(super) fn found(
        &mut self,
        resource: Resource,
        workspace: &str,
        name: &str,
        sid: &str,
    ) -> Result<(), SetupError> {
        match self.entry(resource, workspace, name, sid) {
            Some(entry) if entry.sid.is_empty() => sid.clone_into(&mut entry.sid),
            _ => return Ok(()),
        }
        self.write()
    }

    /// Notes what fields were, and what they are going to be.
    pub(super) fn change(
        &mut self,
        resource: Resource,
        workspace: &str,
        name: &str,
        sid: &str,
        changes: &[Change],
    ) -> Result<(), SetupError> {
        if self.entry(resource, workspace, name, sid).is_none() {
            self.push(resource, workspace, name, sid, false);
        }
        if let Some(entry) = self.entry(resource, workspace, name, sid) {
            for Change { field, was, is } in changes {
                let set = entry.set.entry(field.clone()).or_default();
                // A value of ours is not what was before.
                if !set.iter().any(|ours| same(field, ours, was)) {
                    entry.before.entry(field.clone()).or_insert_with(|| was.clone());
                }
                if !set.iter().any(|ours| same(field, ours, is)) {
                    set.push(is.clone());
                }
            }
        }
        self.write()
    }

    fn push(&mut self, resource: Resource, workspace: &str, name: &str, sid: &str, made: bool) {
        self.entries.push(Entry {
            resource,
            workspace: workspace.to_owned(),
            name: name.to_owned(),
            sid: sid.to_owned(),
            made,
            before: BTreeMap::new(),
            set: BTreeMap::new(),
        });
    }

    /// Forgets the last entry; without any the file is gone.
    pub(super) fn pop(&mut self, at: usize) -> Result<(), SetupError> {
        if at < self.entries.len() {
            self.entries.remove(at);
        }
        if !self.entries.is_empty() {
            return self.write();
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.unwritable(&error))
            }
            _ => Ok(()),
        }
    }

    /// Writes the whole file or nothing of it. Old addresses may hold passwords: only its owner may
    /// read it.
    fn write(&self) -> Result<(), SetupError> {
        let write = || -> std::io::Result<()> {
            let next = self.file.with_extension("json.next");
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&next)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&next, &self.file)?;
            let folder = self.file.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &std::io::Error) -> SetupError {
        SetupError::Unwritable { file: self.file.clone(), why: error.to_string() }
    }
}
