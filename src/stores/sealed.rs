//! What is said in a call, sealed before it is kept.
//!
//! Each call has a key of its own, which lies beside it, wrapped by the first of `TRANSCRIPT_KEYS`:
//! a rotation wraps the calls' keys anew and leaves their words alone, and whoever deletes a call's
//! key has deleted its words, wherever copies of them are. XChaCha20-Poly1305 with random nonces, so
//! that a store which was rolled back uses none twice. Every value is bound to its place: it cannot
//! be taken for another turn, another call or another side. Without keys values are kept readable.

#[cfg(test)]
pub(super) mod tests;

use std::{fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Key as CipherKey, Payload},
};
use hmac::Mac;
use sha2::{Digest, Sha256};
use switchhook_actors::domain::{
    ids::{CallSid, Epoch},
    transcript::Role,
};

use crate::config::Key;

/// The first byte of what is sealed in this way.
const VERSION: u8 = 1;

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Digits of a caller's name: half of a digest finds a number as well.
const NAME_DIGITS: usize = 32;

/// A sealed value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The call's key was wrapped by a key that is not among `TRANSCRIPT_KEYS`.
    #[error("its key is wrapped by {0}, which is not among TRANSCRIPT_KEYS")]
    UnknownKey(String),
    /// It is not sealed, and should be.
    #[error("it is not sealed, though there are TRANSCRIPT_KEYS")]
    Open,
    /// It is damaged, or does not belong there.
    #[error("it is damaged or belongs elsewhere")]
    Damaged,
}

/// What a value is bound to.
#[derive(Debug, Clone)]
pub enum Place {
    /// The record of a call.
    Record(CallSid),
    /// A turn of a call.
    Turn {
        /// Whose.
        sid: CallSid,
        /// The claim under which it was written.
        epoch: Epoch,
        /// Which write it was.
        seq: u64,
        /// Whose words.
        role: Role,
    },
    /// A turn that came too late.
    Late {
        /// Whose.
        sid: CallSid,
        /// The claim under which it was written.
        epoch: Epoch,
        /// Which write it was.
        seq: u64,
    },
    /// A reply to a webhook.
    Reply {
        /// Whose.
        sid: CallSid,
        /// Under which name it is kept.
        key: String,
    },
    /// A letter from one engine to another.
    Letter {
        /// About which call.
        sid: CallSid,
        /// The order that it is, or answers.
        id: String,
        /// To whom.
        to: String,
    },
}

impl Place {
    /// Of which call it is.
    fn sid(&self) -> CallSid {
        match self {
            Self::Record(sid)
            | Self::Turn { sid, .. }
            | Self::Late { sid, .. }
            | Self::Reply { sid, .. }
            | Self::Letter { sid, .. } => *sid,
        }
    }

    /// As it is authenticated: no place is the beginning of another.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Record(sid) => format!("{sid} record"),
            Self::Turn { sid, epoch, seq, role } => {
                let side = match role {
                    Role::Customer => "customer",
                    Role::Agent => "agent",
                };
                format!("{sid} turn {epoch} {seq} {side}")
            }
            Self::Late { sid, epoch, seq } => format!("{sid} late {epoch} {seq}"),
            Self::Reply { sid, key } => format!("{sid} reply {key}"),
            Self::Letter { sid, id, to } => format!("{sid} letter {id} {to}"),
        }
        .into_bytes()
    }
}

/// The keys of `TRANSCRIPT_KEYS`. Clones share them.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<[Key]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

/// The key of one call.
#[derive(Clone)]
pub struct CallKey {
    /// None: the call is kept readable.
    cipher: Option<XChaCha20Poly1305>,
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cipher.is_some() { "CallKey" } else { "CallKey (readable)" })
    }
}

impl Vault {
    /// The first key wraps, all unwrap. Without any, new calls are kept readable.
    #[must_use]
    pub fn new(keys: &[Key]) -> Self {
        Self { keys: keys.into() }
    }

    /// A key for a new call, and how it is to be kept: nothing, for a call that is kept readable.
    #[must_use]
    pub fn fresh(&self, sid: CallSid) -> (CallKey, Vec<u8>) {
        let Some(first) = self.keys.first() else { return (CallKey { cipher: None }, Vec::new()) };
        let key = CipherKey::<XChaCha20Poly1305>::generate();
        (CallKey { cipher: Some(XChaCha20Poly1305::new(&key)) }, wrap(first, sid, &key))
    }

    /// The key of a call, from how it is kept.
    ///
    /// # Errors
    /// When it was wrapped by a key that is not known, was damaged, or belongs to another call.
    pub fn unwrap(&self, sid: CallSid, wrapped: &[u8]) -> Result<CallKey, SealError> {
        if wrapped.is_empty() {
            return Ok(CallKey { cipher: None });
        }
        let key = self.open(sid, wrapped)?;
        Ok(CallKey { cipher: Some(XChaCha20Poly1305::new(&key)) })
    }

    /// The key of a call as the first key wraps it; none when that one does already.
    ///
    /// # Errors
    /// As [`Self::unwrap`].
    pub fn rewrap(&self, sid: CallSid, wrapped: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let Some(first) = self.keys.first().filter(|_| !wrapped.is_empty()) else {
            return Ok(None);
        };
        let (kid, _) = split(wrapped)?;
        if kid == first.kid.as_bytes() {
            return Ok(None);
        }
        let key = self.open(sid, wrapped)?;
        Ok(Some(wrap(first, sid, &key)))
    }

    /// A value with a key of its own beside it: whoever reads it may not know the call.
    #[must_use]
    pub fn enclose(&self, place: &Place, plain: &[u8]) -> Vec<u8> {
        let (key, wrapped) = self.fresh(place.sid());
        let mut value = (wrapped.len() as u64).to_be_bytes().to_vec();
        value.extend(wrapped);
        value.extend(key.seal(place, plain));
        value
    }

    /// The value that was enclosed for that place. Where there are keys, nobody without one may have
    /// written a letter.
    ///
    /// # Errors
    /// As [`Self::unwrap`], and when it was damaged or belongs elsewhere.
    pub fn disclose(&self, place: &Place, value: &[u8]) -> Result<Vec<u8>, SealError> {
        let (length, rest) = value.split_first_chunk::<8>().ok_or(SealError::Damaged)?;
        let length =
            usize::try_from(u64::from_be_bytes(*length)).map_err(|_| SealError::Damaged)?;
        let (wrapped, sealed) = rest.split_at_checked(length).ok_or(SealError::Damaged)?;
        let key = self.unwrap(place.sid(), wrapped)?;
        let is_open_letter = key.is_readable() && matches!(place, Place::Letter { .. });
        if is_open_letter && !self.keys.is_empty() {
            return Err(SealError::Open);
        }
        key.open(place, sealed)
    }

    fn open(
        &self,
        sid: CallSid,
        wrapped: &[u8],
    ) -> Result<CipherKey<XChaCha20Poly1305>, SealError> {
        let (kid, sealed) = split(wrapped)?;
        let known = self.keys.iter().find(|key| key.kid.as_bytes() == kid);
        let known = known
            .ok_or_else(|| SealError::UnknownKey(String::from_utf8_lossy(kid).into_owned()))?;
        let key = open(&cipher(known), sid.as_str().as_bytes(), sealed)?;
        key.as_slice().try_into().map_err(|_| SealError::Damaged)
    }

    /// The names under which a caller's calls are found by the number, the current one first, the one
    /// of calls from before the first key last: the number itself is in none of them.
    #[must_use]
    pub fn caller_names(&self, number: &str) -> Vec<String> {
        let named = |mut digits: String| {
            digits.truncate(NAME_DIGITS);
            digits
        };
        let readable = named(hex(&Sha256::digest(number.as_bytes())));
        let name = |key: &Key| {
            let mut mac =
                <hmac::Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.expose()).ok()?;
            mac.update(number.as_bytes());
            Some(named(hex(&mac.finalize().into_bytes())))
        };
        self.keys.iter().filter_map(name).chain([readable]).collect()
    }
}

impl CallKey {
    /// Whether there is none: the call is kept readable.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.cipher.is_none()
    }

    /// A value as it is to be kept in that place.
    #[must_use]
    pub fn seal(&self, place: &Place, plain: &[u8]) -> Vec<u8> {
        match &self.cipher {
            None => plain.to_vec(),
            Some(cipher) => seal(cipher, &place.bytes(), plain),
        }
    }

    /// The value that was kept in that place. A call that has a key takes no readable one.
    ///
    /// # Errors
    /// When it was damaged, or belongs elsewhere.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match &self.cipher {
            None => Ok(sealed.to_vec()),
            Some(cipher) => open(cipher, &place.bytes(), sealed),
        }
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

/// Version, length of the name, name, then the key as any value is sealed.
fn wrap(with: &Key, sid: CallSid, key: &CipherKey<XChaCha20Poly1305>) -> Vec<u8> {
    // Names have 32 characters at most.
    let length = u8::try_from(with.kid.len()).unwrap_or(u8::MAX);
    let mut wrapped = vec![VERSION, length];
    wrapped.extend(with.kid.as_bytes());
    wrapped.extend(seal(&cipher(with), sid.as_str().as_bytes(), key));
    wrapped
}

/// The name of the key that wraps, and what it has sealed.
fn split(wrapped: &[u8]) -> Result<(&[u8], &[u8]), SealError> {
    match wrapped {
        [VERSION, length, rest @ ..] => {
            rest.split_at_checked(usize::from(*length)).ok_or(SealError::Damaged)
        }
        _ => Err(SealError::Damaged),
    }
}

/// Version, nonce, and what the cipher makes of it.
fn seal(cipher: &XChaCha20Poly1305, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let nonce = XNonce::generate();
    let mut sealed = vec![VERSION];
    sealed.extend_from_slice(&nonce);
    // It only refuses what is longer than 256 GiB.
    sealed.extend(cipher.encrypt(&nonce, Payload { msg, aad }).unwrap_or_default());
    sealed
}

fn open(cipher: &XChaCha20Poly1305, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let [VERSION, rest @ ..] = sealed else { return Err(SealError::Damaged) };
    let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Damaged)?;
    let opened = cipher.decrypt(nonce.into(), Payload { msg, aad });
    opened.map_err(|_| SealError::Damaged)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
