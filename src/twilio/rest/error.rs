//! Why Twilio did not do what it was asked, and whether it may have done it all the same.
//!
//! The sentences hold statuses and codes alone, so that they may be logged: Twilio's own words quote
//! what it was sent. [`RestError::said`] has those, for a person at a terminal.

use std::time::Duration;

use awc::{
    error::{ConnectError, SendRequestError},
    http::StatusCode,
};
use serde::Deserialize;
use switchhook_actors::domain::legible::label;

/// Characters of Twilio's own words that are kept.
const WORDS_MAX: usize = 400;

/// Code of "too many requests".
const TOO_MANY: u32 = 20429;

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// Nothing can be sent with what is configured.
    #[error("{0}")]
    Settings(&'static str),
    /// No connection: nothing was sent.
    #[error("Twilio cannot be reached")]
    Unreachable,
    /// It was sent, or begun to be sent, and the connection ended.
    #[error("the connection to Twilio was cut before its answer came")]
    Lost,
    /// The deadline passed.
    #[error("Twilio did not answer in time")]
    Late,
    /// It was done, and the answer is not the JSON that was expected.
    #[error("Twilio's answer cannot be read")]
    Unreadable,
    /// A list goes on where it should not.
    #[error("a list of Twilio's {0}")]
    Pages(&'static str),
    /// The credentials are wrong (401).
    #[error("Twilio does not accept the credentials ({0})")]
    Unauthorized(Said),
    /// It is not there (404).
    #[error("Twilio does not know it ({0})")]
    Unknown(Said),
    /// Too many requests at once (429): it was not done.
    #[error("Twilio has too many requests ({said})")]
    Busy {
        /// What it said.
        said: Said,
        /// When it may be asked again.
        wait: Option<Duration>,
    },
    /// It will not be done, however often it is asked (other 4xx, and 3xx).
    #[error("Twilio refuses it ({0})")]
    Refused(Said),
    /// It is in trouble (5xx).
    #[error("Twilio fails ({said})")]
    Failing {
        /// What it said.
        said: Said,
        /// When it may be asked again.
        wait: Option<Duration>,
    },
}

/// What an error's body says. Shown as the status and the code alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The HTTP status.
    pub status: u16,
    /// Twilio's code, such as 20404.
    pub code: Option<u32>,
    /// Twilio's words, made legible. They may quote what was sent.
    pub words: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}, code {code}", self.status),
            None => write!(f, "{}", self.status),
        }
    }
}

/// Both forms: `{code,message,more_info,status}` and RFC 9457's `{type,title,status,code,detail}`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: Option<u32>,
    message: Option<String>,
    title: Option<String>,
    detail: Option<String>,
}

impl RestError {
    /// Reads a refusal.
    pub(super) fn answered(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Self {
        let Body { code, message, title, detail } =
            serde_json::from_slice(body).unwrap_or_default();
        let words = message.or(detail).or(title).unwrap_or_default();
        let said = Said { status: status.as_u16(), code, words: label(&words, WORDS_MAX) };
        match said.status {
            401 => Self::Unauthorized(said),
            404 => Self::Unknown(said),
            429 => Self::Busy { said, wait },
            500.. => Self::Failing { said, wait },
            _ if code == Some(TOO_MANY) => Self::Busy { said, wait },
            _ => Self::Refused(said),
        }
    }

    /// Whether Twilio may have done it: look before doing it again.
    #[must_use]
    pub fn maybe_done(&self) -> bool {
        match self {
            Self::Lost | Self::Late | Self::Unreadable | Self::Failing { .. } => true,
            Self::Settings(_)
            | Self::Unreachable
            | Self::Pages(_)
            | Self::Unauthorized(_)
            | Self::Unknown(_)
            | Self::Busy { .. }
            | Self::Refused(_) => false,
        }
    }

    /// What Twilio itself said. It may quote what was sent: for a terminal, never for a log.
    #[must_use]
    pub fn said(&self) -> Option<&Said> {
        match self {
            Self::Unauthorized(said)
            | Self::Unknown(said)
            | Self::Refused(said)
            | Self::Busy { said, .. }
            | Self::Failing { said, .. } => Some(said),
            _ => None,
        }
    }

    /// Whether another attempt may go better.
    pub(super) fn is_passing(&self) -> bool {
        let tried = matches!(self, Self::Busy { .. } | Self::Failing { .. });
        tried || matches!(self, Self::Unreachable | Self::Lost | Self::Late)
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized(_))
    }

    /// How long Twilio wants to be left alone.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } | Self::Failing { wait, .. } => *wait,
            _ => None,
        }
    }

    /// A bounded label for metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Unreadable | Self::Pages(_) => "unreadable",
            Self::Unauthorized(_) => "unauthorized",
            Self::Unknown(_) => "unknown",
            Self::Busy { .. } => "busy",
            Self::Refused(_) => "refused",
            Self::Failing { .. } => "failing",
        }
    }
}

/// What became of a request that has no response.
pub(super) fn sent(error: &SendRequestError) -> RestError {
    match error {
        // awc says so of a connection that ends before the response, too.
        SendRequestError::Connect(ConnectError::Disconnected) => RestError::Lost,
        SendRequestError::Connect(_) => RestError::Unreachable,
        SendRequestError::Url(_) => RestError::Settings("an address of Twilio's API is not one"),
        _ => RestError::Lost,
    }
}
