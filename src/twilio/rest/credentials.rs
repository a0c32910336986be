//! Who asks: the API key first, the account's auth token second.

use std::{cell::Cell, fmt};

use awc::http::header::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use secrecy::{ExposeSecret as _, SecretString};

use super::RestError;
use crate::config;

/// Twilio's own addresses.
const API: &str = "https://api.twilio.com";
const TASKROUTER: &str = "https://taskrouter.twilio.com";

/// Who asks, and where.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// `AC…`.
    pub account_sid: String,
    /// `SK…` and its secret.
    pub api_key: Option<(String, SecretString)>,
    /// The account's auth token, taken when there is no key or the key is refused.
    pub auth_token: Option<SecretString>,
    /// Where Calls, numbers and applications are.
    pub api_url: String,
    /// Where TaskRouter is.
    pub taskrouter_url: String,
}

impl RestSettings {
    /// What the configuration says, or none when it names no account or no credentials.
    #[must_use]
    pub fn of(twilio: &config::Twilio) -> Option<Self> {
        let account_sid = twilio.account_sid.clone()?;
        let api_key = twilio.api_key_sid.clone().zip(twilio.api_key_secret.clone());
        let auth_token = twilio.auth_tokens.first().cloned();
        if api_key.is_none() && auth_token.is_none() {
            return None;
        }
        let or = |url: &Option<String>, own: &str| url.clone().unwrap_or_else(|| own.to_owned());
        Some(Self {
            account_sid,
            api_key,
            auth_token,
            api_url: or(&twilio.api_url, API),
            taskrouter_url: or(&twilio.taskrouter_url, TASKROUTER),
        })
    }
}

/// The headers to try, and which of them was taken last.
pub(super) struct Credentials {
    headers: Vec<HeaderValue>,
    current: Cell<usize>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("known", &self.headers.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn new(settings: &RestSettings) -> Result<Self, RestError> {
        let key = settings.api_key.as_ref().map(|(sid, secret)| basic(sid, secret));
        let token = settings.auth_token.as_ref();
        let token = token.map(|token| basic(&settings.account_sid, token));
        let headers: Vec<_> = key.into_iter().chain(token).collect::<Result<_, _>>()?;
        if headers.is_empty() {
            return Err(RestError::Settings("there is neither an API key nor an auth token"));
        }
        Ok(Self { headers, current: Cell::new(0) })
    }

    /// Those that were taken last, with their number.
    pub(super) fn current(&self) -> (usize, HeaderValue) {
        let number = self.current.get();
        let header = self.headers.get(number).or(self.headers.first());
        (number, header.cloned().unwrap_or_else(|| HeaderValue::from_static("")))
    }

    /// Those to try when `number` is refused.
    pub(super) fn after(&self, number: usize) -> Option<(usize, HeaderValue)> {
        self.headers.get(number + 1).map(|header| (number + 1, header.clone()))
    }

    /// Begins with these from now on.
    pub(super) fn prefer(&self, number: usize) {
        self.current.set(number);
    }
}

/// Basic authentication (RFC 7617), marked so that it is not shown.
fn basic(user: &str, secret: &SecretString) -> Result<HeaderValue, RestError> {
    let text = BASE64.encode(format!("{user}:{}", secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {text}"))
        .map_err(|_| RestError::Settings("the credentials cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
