//! What went wrong at the provider, in words that may be logged.
//!
//! A provider's message may quote the prompt or the key, so only its codes are taken over, and those
//! only as far as they look like codes.

use std::time::{Duration, SystemTime};

use actix_http::error::ParseError;
use awc::{
    error::{ConnectError, SendRequestError},
    http::header::{HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use switchhook_actors::domain::{
    answer::{FailureKind, ModelFailure},
    time::Millis,
};

use crate::models::sse::SseError;

/// The longest code taken over, characters; the longest in OpenAI's list has 33.
const CODE_CHARS: usize = 48;

/// The longest wait believed, ms: a typing error in a header must not silence a model for a day.
const LONGEST_WAIT: Millis = 60 * 60 * 1000;

/// Codes of an empty purse: no wait helps.
const UNPAID: [&str; 3] =
    ["insufficient_quota", "credit_balance_exhausted", "insufficient_credits"];

/// The codes of an error object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    code: Option<String>,
    kind: Option<String>,
}

impl Cause {
    /// Reads the body of a refusal: an error object, or whatever stands there instead.
    pub(super) fn of_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            // Google's compatible endpoint wraps it in an array.
            Ok(Value::Array(list)) => list.first().map(Self::of_object).unwrap_or_default(),
            Ok(value) => Self::of_object(&value),
            Err(_) => Self::default(),
        }
    }

    fn of_object(value: &Value) -> Self {
        value.get("error").map_or_else(|| Self::of_error(value), Self::of_error)
    }

    /// Reads the value of `error`: an object, or a mere string, which may say anything.
    pub(super) fn of_error(error: &Value) -> Self {
        Self { code: code(error.get("code")), kind: code(error.get("type")) }
    }

    /// Whether asking again may help. `status` is that of the response, if it was a refusal; a
    /// failure in mid-stream may have one in its code (OpenRouter).
    pub(super) fn is_retryable(&self, status: Option<u16>) -> bool {
        let mut codes = self.code.iter().chain(&self.kind);
        if codes.any(|code| UNPAID.contains(&code.as_str()) || code.starts_with("billing")) {
            return false;
        }
        let status = status.or_else(|| self.code.as_deref()?.parse().ok());
        status.is_none_or(|status| matches!(status, 408 | 409 | 429 | 500..=599))
    }

    pub(super) fn detail(&self) -> String {
        match (&self.kind, &self.code) {
            (Some(kind), Some(code)) if kind != code => format!("{kind}, {code}"),
            (Some(known), _) | (None, Some(known)) => known.clone(),
            (None, None) => "no error code".to_owned(),
        }
    }
}

fn code(value: Option<&Value>) -> Option<String> {
    let code = match value? {
        Value::String(code) => code.clone(),
        Value::Number(code) => code.to_string(),
        _ => return None,
    };
    let plain = !code.is_empty()
        && code.len() <= CODE_CHARS
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    // A key that strays into a code field looks like a code, too.
    (plain && !code.starts_with("sk-")).then_some(code)
}

/// How long the provider asks us to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date
/// (RFC 9110, 10.2.3). What cannot be read is no wish.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Millis> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str, unit: f64| {
        let value: f64 = text.parse().ok()?;
        let bound = LONGEST_WAIT as f64;
        (value.is_finite() && value >= 0.0).then(|| (value * unit).min(bound) as Millis)
    };
    let date = |text: &str| {
        let wait = httpdate::parse_http_date(text).ok()?.duration_since(now);
        Some(millis(wait.unwrap_or(Duration::ZERO)).min(LONGEST_WAIT))
    };
    let exact = text("retry-after-ms").and_then(|text| number(text, 1.0));
    exact.or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        number(text, 1000.0).or_else(|| date(text))
    })
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// No response came.
pub(super) fn unsent(error: &SendRequestError) -> ModelFailure {
    let (kind, retryable, detail) = match error {
        SendRequestError::Url(error) => (FailureKind::Connect, false, error.to_string()),
        SendRequestError::Timeout => {
            (FailureKind::Timeout, true, "no response head in time".to_owned())
        }
        // awc's name for a stream that ended before a byte of the response.
        SendRequestError::Connect(ConnectError::Disconnected) => {
            (FailureKind::Dropped, true, "closed before the response".to_owned())
        }
        SendRequestError::Connect(error) => (FailureKind::Connect, true, error.to_string()),
        SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
            let kind = if is_closed(error) { FailureKind::Dropped } else { FailureKind::Connect };
            (kind, true, format!("no response: {error}"))
        }
        SendRequestError::Response(error) => {
            (FailureKind::Garbage, true, format!("not an HTTP response: {error}"))
        }
        other => (FailureKind::Connect, true, other.to_string()),
    };
    ModelFailure { kind, detail, retryable, after: None }
}

/// Whether the other end had closed an established connection: the ways TCP and TLS say so. A head
/// that broke off in the middle is another kind of error.
fn is_closed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
            | ErrorKind::WriteZero
    )
}

/// The prompt is no JSON. Cannot happen with what a prompt holds today.
pub(super) fn unsendable(error: &serde_json::Error) -> ModelFailure {
    let detail = format!("the prompt cannot be written: {error}");
    ModelFailure { kind: FailureKind::Garbage, detail, retryable: false, after: None }
}

/// A web page: a portal in between, or a wrong address. It will be there again.
pub(super) fn page() -> ModelFailure {
    let detail = "a web page instead of an answer".to_owned();
    ModelFailure { kind: FailureKind::Garbage, detail, retryable: false, after: None }
}

/// A body that awc cannot read. The server will do the same again.
pub(super) fn unframed() -> ModelFailure {
    let detail = "a body without length or chunks, which this client cannot read".to_owned();
    ModelFailure { kind: FailureKind::Garbage, detail, retryable: false, after: None }
}

/// The body, or an event of it, is not what it should be.
pub(super) fn garbage(what: &str) -> ModelFailure {
    let detail = what.to_owned();
    ModelFailure { kind: FailureKind::Garbage, detail, retryable: true, after: None }
}

impl From<SseError> for ModelFailure {
    fn from(error: SseError) -> Self {
        garbage(&error.to_string())
    }
}

/// The body ended, or broke, before the answer did.
pub(super) fn cut(how: &str) -> ModelFailure {
    let detail = how.to_owned();
    ModelFailure { kind: FailureKind::Cut, detail, retryable: true, after: None }
}

/// An error object where the answer should go on.
pub(super) fn upstream(cause: &Cause) -> ModelFailure {
    ModelFailure {
        kind: FailureKind::Upstream,
        detail: cause.detail(),
        retryable: cause.is_retryable(None),
        after: None,
    }
}

#[cfg(test)]
mod tests;
