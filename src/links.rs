//! Signed links to a transcript: they read one call, for a while, without an access token.
//!
//! The hand-off puts a [`Links::link`] into the task, since the person's browser has no token of
//! ours; the transcript's route asks [`Links::permits`] before it asks for one. Every
//! instance has the same keys, so any of them reads what another has signed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use switchhook_actors::domain::{
    ids::CallSid,
    time::{Millis, Timestamp},
};
use url::form_urlencoded;

use crate::config::Key;

/// How long a link is valid: an assigned task lives for a day at most (TaskRouter's own bound), and
/// whoever comes later has the record in their CRM.
const VALID: Millis = 24 * 3_600_000;

/// Makes links and checks them. Without keys there are none.
pub struct Links {
    /// Name and key; the first signs, all check.
    keys: Vec<(String, Hmac<Sha256>)>,
    /// `https://host[:port]`, as people's browsers see us.
    origin: String,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|(kid, _)| kid.as_str()).collect();
        f.debug_struct("Links").field("keys", &names).finish_non_exhaustive()
    }
}

impl Links {
    /// Links to `origin` (scheme, host and port), signed with the first of the keys.
    #[must_use]
    pub fn new(keys: &[Key], origin: &str) -> Self {
        // HMAC takes a key of any length, so none is left out.
        let keyed =
            |key: &Key| Some((key.kid.clone(), Hmac::<Sha256>::new_from_slice(key.expose()).ok()?));
        Self { keys: keys.iter().filter_map(keyed).collect(), origin: origin.to_owned() }
    }

    /// The link to a call's transcript, valid for [`VALID`]; None without keys.
    ///
    /// `{origin}/api/transcript/{CallSid}?exp={Unix seconds}&kid={name of the key}&sig={base64url}`
    #[must_use]
    pub fn link(&self, sid: CallSid, now: Timestamp) -> Option<String> {
        let (kid, key) = self.keys.first()?;
        let path = path(sid);
        let expires = ((now + VALID).0 / 1_000).to_string();
        let signature = BASE64.encode(signed(key, &path, &expires).finalize().into_bytes());
        // Names of keys, digits and base64url need no escapes.
        Some(format!("{}{path}?exp={expires}&kid={kid}&sig={signature}", self.origin))
    }

    /// Whether the query of a GET holds a valid signature for the transcript of that call. Other
    /// parameters may stand beside it.
    #[must_use]
    pub fn permits(&self, sid: CallSid, query: &str, now: Timestamp) -> bool {
        let (Some(expires), Some(kid), Some(signature)) =
            (only(query, "exp"), only(query, "kid"), only(query, "sig"))
        else {
            return false;
        };
        let Some((_, key)) = self.keys.iter().find(|(name, _)| *name == kid) else { return false };
        let Ok(signature) = BASE64.decode(signature) else { return false };
        // The text that was signed, and in constant time; what it says counts only then.
        let genuine = signed(key, &path(sid), &expires).verify_slice(&signature).is_ok();
        genuine && expires.parse::<u64>().is_ok_and(|expires| now.0 / 1_000 < expires)
    }
}

fn path(sid: CallSid) -> String {
    format!("/api/transcript/{sid}")
}

/// What is signed: the method, the path and the expiry as it is written, a line each.
fn signed(key: &Hmac<Sha256>, path: &str, expires: &str) -> Hmac<Sha256> {
    key.clone().chain_update(format!("GET\n{path}\n{expires}"))
}

/// The value of a parameter that is there once: of two, the reader could mean the other.
fn only(query: &str, name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}

#[cfg(test)]
mod tests;
