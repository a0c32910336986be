//! Who may look, act and erase, and from which pages a browser may ask.

use std::{collections::HashSet, ops::Range, str::FromStr};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{
    problems::{Problems, found},
    values::{entries, is_word, secret, secret_entries},
};

/// Length of an access token. 16 characters cannot be guessed over a network; the upper end keeps
/// the header within what servers read.
const TOKEN_LENGTH: Range<usize> = 16..513;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    #[serde(default, deserialize_with = "secret")]
    access_tokens: Option<SecretString>,
    cors_origins: Option<String>,
}

/// What a token allows. Each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads the monitor, transcripts and metrics.
    Viewer,
    /// Acts on calls.
    Supervisor,
    /// Erases.
    Admin,
}

/// A text that is none of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected viewer, supervisor or admin")]
pub struct UnknownRole;

impl Role {
    /// As it is written in `ACCESS_TOKENS`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "supervisor" => Ok(Self::Supervisor),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole),
        }
    }
}

/// Who may use the routes of supervisors and agents.
#[derive(Debug, Clone)]
pub struct Access {
    /// `ACCESS_TOKENS`, in the order written; no token stands twice.
    pub tokens: Vec<(Role, SecretString)>,
    /// Whether everybody may do everything: no tokens, and nobody outside can connect.
    pub open: bool,
}

/// The tokens and `CORS_ORIGINS`.
pub(super) fn parse(raw: Raw, is_public: bool, problems: &mut Problems) -> (Access, Vec<String>) {
    if is_public && raw.access_tokens.is_none() {
        problems.add(
            "ACCESS_TOKENS",
            "required, since BIND or PUBLIC_URL is not loopback: expected role:token, \
             comma-separated, roles viewer, supervisor and admin",
        );
    }
    let open = raw.access_tokens.is_none() && !is_public;
    let tokens = tokens(raw.access_tokens.as_ref(), problems);
    (Access { tokens, open }, origins(raw.cors_origins.as_deref(), problems))
}

fn tokens(raw: Option<&SecretString>, problems: &mut Problems) -> Vec<(Role, SecretString)> {
    const VARIABLE: &str = "ACCESS_TOKENS";
    let mut seen = HashSet::new();
    let mut tokens = Vec::new();
    for (number, entry) in secret_entries(VARIABLE, raw, problems) {
        let Some((role, token)) = entry.split_once(':') else {
            problems.add(VARIABLE, format!("entry {number}: expected role:token"));
            continue;
        };
        let role = match role.parse::<Role>() {
            Ok(role) => role,
            Err(error) => {
                problems.add(VARIABLE, format!("entry {number}: {error} before the colon"));
                continue;
            }
        };
        if !is_word(token, TOKEN_LENGTH) {
            let (low, high) = (TOKEN_LENGTH.start, TOKEN_LENGTH.end - 1);
            problems.add(
                VARIABLE,
                format!(
                    "entry {number}: expected a token of {low} to {high} visible ASCII characters"
                ),
            );
        } else if !seen.insert(token) {
            problems.add(VARIABLE, format!("entry {number}: the token stands in the list twice"));
        } else {
            tokens.push((role, token.into()));
        }
    }
    tokens
}

fn origins(raw: Option<&str>, problems: &mut Problems) -> Vec<String> {
    const VARIABLE: &str = "CORS_ORIGINS";
    let mut origins = Vec::new();
    for (number, entry) in raw.map(|raw| entries(VARIABLE, raw, problems)).unwrap_or_default() {
        // A browser sends exactly this form, and it is compared as text.
        let origin = Url::parse(entry).ok().map(|url| url.origin().ascii_serialization());
        let exact = |origin: &String| {
            origin.starts_with("http") && origin == entry && !origin.contains('*')
        };
        match origin.filter(exact) {
            Some(origin) => origins.push(origin),
            None => problems.add(
                VARIABLE,
                format!(
                    "entry {number}: expected an origin as browsers send it, such as \
                     https://host or https://host:8443, {}",
                    found(entry)
                ),
            ),
        }
    }
    origins
}
