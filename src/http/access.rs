//! Who may read, act and erase: access tokens with a role each.

use actix_web::{HttpRequest, http::header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::HttpError;
use crate::config::Role;

/// The access rules of this engine.
pub struct Access {
    /// Digests, so that comparing takes the same time for every token, whatever its length.
    tokens: Vec<(Role, [u8; 32])>,
    /// Without tokens, and not public, everything is open.
    open: bool,
}

impl Access {
    /// These tokens; `open` when there are none and the engine is not public.
    pub fn new(tokens: &[(Role, SecretString)], open: bool) -> Self {
        let digest = |(role, token): &(Role, SecretString)| {
            (*role, Sha256::digest(token.expose_secret().as_bytes()).into())
        };
        Self { tokens: tokens.iter().map(digest).collect(), open }
    }

    /// Lets the request pass when its token has that role or a higher one; returns the role it has
    /// (None where everything is open).
    ///
    /// # Errors
    /// [`HttpError::Unauthorized`] without a known token, [`HttpError::Role`] with too low a one.
    pub(super) fn require(
        &self,
        request: &HttpRequest,
        role: Role,
    ) -> Result<Option<Role>, HttpError> {
        if self.open {
            return Ok(None);
        }
        let refused = match self.role_of(request) {
            None => HttpError::Unauthorized,
            Some(given) if given < role => HttpError::Role(role.as_str()),
            Some(given) => return Ok(Some(given)),
        };
        let route = request.match_pattern().unwrap_or_default();
        metrics::counter!("switchhook_access_refused_total", "route" => route).increment(1);
        Err(refused)
    }

    fn role_of(&self, request: &HttpRequest) -> Option<Role> {
        let given = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = given.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        // Every token is compared, whichever matches.
        self.tokens.iter().fold(None, |found, (role, known)| {
            let same = bool::from(known.ct_eq(&digest));
            if same { found.max(Some(*role)) } else { found }
        })
    }
}
