//! The keys of calls: at hand while a call is written to, and wrapped anew after a rotation.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    ops::Bound,
};

use redb::ReadableTable;
use switchhook_actors::domain::ids::CallSid;

use super::{
    Trouble,
    tables::{KEYS, Tables, parse_sid, unreadable},
};
use crate::stores::sealed::{CallKey, Vault};

/// How many keys are at hand at most. One that is not costs a look into the file.
const KNOWN_MAX: usize = 8_192;

/// What the store's thread knows of keys.
pub(super) struct Keyring {
    vault: Vault,
    /// Of the calls that were written to or read.
    known: RefCell<HashMap<CallSid, CallKey>>,
    /// The last call whose key was looked at for a rotation; none: all were, since the start.
    rewrapped: RefCell<Option<String>>,
    /// Whether a call's key could not be wrapped anew: it is said once.
    is_lost_told: Cell<bool>,
}

impl Keyring {
    pub(super) fn new(vault: Vault) -> Self {
        let rewrapped = RefCell::new(Some(String::new()));
        Self { vault, known: RefCell::default(), rewrapped, is_lost_told: Cell::new(false) }
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(super) fn known(&self, sid: CallSid) -> Option<CallKey> {
        self.known.borrow().get(&sid).cloned()
    }

    /// A key for a new call, as it is to be kept.
    pub(super) fn fresh(&self, sid: CallSid) -> Vec<u8> {
        let (key, wrapped) = self.vault.fresh(sid);
        self.learn(sid, key);
        wrapped
    }

    pub(super) fn unwrap(&self, sid: CallSid, wrapped: &[u8]) -> Result<CallKey, Trouble> {
        let key = self.vault.unwrap(sid, wrapped).map_err(|error| unreadable(sid, &error))?;
        self.learn(sid, key.clone());
        Ok(key)
    }

    fn learn(&self, sid: CallSid, key: CallKey) {
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(sid, key);
    }

    pub(super) fn forget(&self, sid: CallSid) {
        self.known.borrow_mut().remove(&sid);
    }

    /// What was written is not known: nor is which keys were.
    pub(super) fn forget_all(&self) {
        self.known.borrow_mut().clear();
    }

    /// A call's key wrapped by the newest of ours; none when it is, or cannot be.
    pub(super) fn rewrap(&self, sid: CallSid, wrapped: &[u8]) -> Option<Vec<u8>> {
        match self.vault.rewrap(sid, wrapped) {
            Ok(anew) => anew,
            Err(error) => {
                if !self.is_lost_told.replace(true) {
                    tracing::error!(call.sid = %sid, "a key cannot be wrapped anew: {error}");
                }
                None
            }
        }
    }

    /// Behind which call the rotation goes on; none when it is through.
    pub(super) fn rewrapped(&self) -> Option<String> {
        self.rewrapped.borrow().clone()
    }

    pub(super) fn rewrapped_until(&self, last: Option<&CallSid>) {
        *self.rewrapped.borrow_mut() = last.map(ToString::to_string);
    }
}

impl Tables<'_> {
    /// Gives a new call a key of its own.
    pub(super) fn put_key(&self, sid: CallSid) -> Result<(), Trouble> {
        let wrapped = self.keys.fresh(sid);
        let mut keys = self.write.open_table(KEYS)?;
        if wrapped.is_empty() {
            keys.remove(sid.as_str())?;
        } else {
            keys.insert(sid.as_str(), wrapped.as_slice())?;
        }
        Ok(())
    }

    /// Wraps a call's key with the newest of ours. False: it is already.
    pub(super) fn rewrap(&self, sid: CallSid) -> Result<bool, Trouble> {
        let mut keys = self.write.open_table(KEYS)?;
        let wrapped = keys.get(sid.as_str())?.map(|wrapped| wrapped.value().to_vec());
        let anew = match wrapped {
            None => return Ok(false),
            Some(wrapped) => self.keys.rewrap(sid, &wrapped),
        };
        match anew {
            Some(anew) => keys.insert(sid.as_str(), anew.as_slice())?,
            None => return Ok(false),
        };
        Ok(true)
    }

    /// Up to `most` calls that have a key, behind that one.
    pub(super) fn with_key(&self, after: &str, most: usize) -> Result<Vec<CallSid>, Trouble> {
        let keys = self.write.open_table(KEYS)?;
        let mut found = Vec::new();
        for row in keys.range::<&str>((Bound::Excluded(after), Bound::Unbounded))?.take(most) {
            found.push(parse_sid(row?.0.value())?);
        }
        Ok(found)
    }
}
