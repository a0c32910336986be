//! What Twilio's webhooks say: the form itself, as the signature covers it, and what each webhook
//! means by it.
//!
//! Phone numbers and fields are kept out of `Debug`, since what is debugged gets logged.

mod queue;
mod task_event;

use std::{fmt, time::Duration};

use percent_encoding::percent_decode;
use switchhook_actors::domain::{ids::CallSid, legible::label};
use url::form_urlencoded;

pub use self::{
    queue::{Left, QueueEnd, Waiting},
    task_event::TaskEvent,
};

/// Bound on the fields of a form. A voice webhook has about 40; custom SIP headers add to it.
const FIELDS_MAX: usize = 200;

/// Characters of a number or an address: a SIP address has about 100.
const PHONE_MAX: usize = 256;

/// Twilio's code for an error whose code cannot be read. It has none of this number.
const UNKNOWN_ERROR: u32 = 0;

/// A form that is not what Twilio sends. The texts name the field, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Escapes or bytes that are not UTF-8.
    #[error("the form is not UTF-8")]
    NotUtf8,
    /// Too many fields.
    #[error("the form has more than {FIELDS_MAX} fields")]
    TooMany,
    /// A field that must be there is not.
    #[error("the form has no {0}")]
    Missing(&'static str),
    /// A field that has one meaning is there twice.
    #[error("the form has {0} more than once")]
    Doubled(&'static str),
    /// A field that cannot be read.
    #[error("{field} is not {expected}")]
    Wrong {
        /// Its name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Decoded fields in the order in which they came.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form")?;
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads the body of a POST or the query of a GET. The caller bounds its length.
    ///
    /// # Errors
    /// When it is not UTF-8 after decoding, or has too many fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        // The parser would replace what is not UTF-8. Separators are ASCII, so the whole is UTF-8
        // exactly when every name and value is.
        percent_decode(bytes).decode_utf8().map_err(|_| FormError::NotUtf8)?;
        let fields: Vec<_> =
            form_urlencoded::parse(bytes).into_owned().take(FIELDS_MAX + 1).collect();
        if fields.len() > FIELDS_MAX { Err(FormError::TooMany) } else { Ok(Self(fields)) }
    }

    /// All fields, for the signature.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The only field of that name: of two, either could be the one that another reader takes.
    fn only(&self, name: &'static str) -> Result<Option<&str>, FormError> {
        let mut all = self.all(name);
        let first = all.next();
        if all.next().is_some() { Err(FormError::Doubled(name)) } else { Ok(first) }
    }

    fn required(&self, name: &'static str) -> Result<&str, FormError> {
        self.only(name)?.ok_or(FormError::Missing(name))
    }

    fn owned(&self, name: &'static str) -> Result<Option<String>, FormError> {
        Ok(self.only(name)?.map(str::to_owned))
    }

    /// A number that may be absent; Twilio sends some fields empty instead. One that cannot be
    /// read is unknown: no figure is worth a caller who is left in silence.
    fn number(&self, field: &'static str) -> Result<Option<Figure>, FormError> {
        let given = self.only(field)?.filter(|text| !text.is_empty());
        Ok(given.map(|text| text.parse().map_or(Figure::Unreadable, Figure::Known)))
    }

    fn call(&self) -> Result<CallSid, FormError> {
        const FIELD: &str = "CallSid";
        const EXPECTED: &str = "CA followed by 32 hexadecimal digits";
        let wrong = |_| FormError::Wrong { field: FIELD, expected: EXPECTED };
        self.required(FIELD)?.parse().map_err(wrong)
    }

    fn call_status(&self) -> Result<CallStatus, FormError> {
        Ok(CallStatus::from(self.required("CallStatus")?))
    }
}

/// A number of Twilio's.
enum Figure {
    Known(u32),
    Unreadable,
}

/// Who calls or is called: E.164, `client:…`, `sip:…`, or a word for a withheld number.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Takes it as far as it is legible, and no longer than names are: callers set it themselves.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(label(text, PHONE_MAX))
    }

    /// All of it: for the record of the call, never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the last two digits of a number, enough to tell two calls apart.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A shorter number would be shown by half.
        const MASKED_MIN: usize = 6;
        let end = self.0.char_indices().nth_back(1).and_then(|(at, _)| self.0.get(at..));
        match end {
            Some(end)
                if self.0.len() >= MASKED_MIN && end.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                write!(f, "…{end}")
            }
            _ => f.write_str("…"),
        }
    }
}

/// Where a call is, in Twilio's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// Outbound, waiting to be dialled.
    Queued,
    /// Not answered yet.
    Ringing,
    /// Answered.
    InProgress,
    /// Was answered, is over.
    Completed,
    /// Never answered: the line was busy.
    Busy,
    /// Never answered: it could not be dialled.
    Failed,
    /// Never answered: nobody picked up.
    NoAnswer,
    /// Never answered: we or the caller gave up.
    Canceled,
    /// A word that this engine does not know: the call is not known to be over.
    Other,
}

impl CallStatus {
    /// Whether nobody is on the line any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => true,
            Self::Queued | Self::Ringing | Self::InProgress | Self::Other => false,
        }
    }
}

impl From<&str> for CallStatus {
    /// Upper and lower case are the same: Twilio's own examples differ.
    fn from(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "queued" => Self::Queued,
            "ringing" => Self::Ringing,
            "in-progress" => Self::InProgress,
            "completed" => Self::Completed,
            "busy" => Self::Busy,
            "failed" => Self::Failed,
            "no-answer" => Self::NoAnswer,
            "canceled" => Self::Canceled,
            _ => Self::Other,
        }
    }
}

/// How a ConversationRelay session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// We sent `end`.
    Ended,
    /// The caller hung up.
    Completed,
    /// Something broke; the call may still be up.
    Failed,
    /// A word that this engine does not know.
    Other,
}

impl From<&str> for SessionStatus {
    fn from(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "ended" => Self::Ended,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

/// `POST /voice/incoming`: a call rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Which call.
    pub sid: CallSid,
    /// Who calls.
    pub from: Phone,
    /// Whom.
    pub to: Phone,
    /// Mostly `ringing`.
    pub call_status: CallStatus,
    /// `inbound`, `outbound-api` or `outbound-dial`, when said.
    pub direction: Option<String>,
    /// The `I-Twilio-Idempotency-Token` header: the same one comes with every retry.
    pub idempotency_token: Option<String>,
}

impl Incoming {
    /// Reads the form and the header that came with it.
    ///
    /// # Errors
    /// When a field is missing, doubled or wrong.
    pub fn read(form: &Form, idempotency_token: Option<&str>) -> Result<Self, FormError> {
        Ok(Self {
            sid: form.call()?,
            from: Phone::new(form.required("From")?),
            to: Phone::new(form.required("To")?),
            call_status: form.call_status()?,
            direction: form.owned("Direction")?,
            idempotency_token: idempotency_token.map(str::to_owned),
        })
    }
}

/// `POST /voice/handoff`, the `action` of `<Connect>`: a session has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// Which call.
    pub sid: CallSid,
    /// Whether somebody is still on the line.
    pub call_status: CallStatus,
    /// How the session ended, when said.
    pub session_status: Option<SessionStatus>,
    /// The string of our `end` message, as it was; absent when it had none.
    pub handoff_data: Option<String>,
    /// Twilio's error, 64105 for a lost socket; 0 for one whose code cannot be read.
    pub error_code: Option<u32>,
    /// Its words for it.
    pub error_message: Option<String>,
    /// How long the session was, when that can be read.
    pub session_duration: Option<Duration>,
}

impl SessionEnd {
    /// Reads the form.
    ///
    /// # Errors
    /// When a field is missing, doubled or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let seconds = match form.number("SessionDuration")? {
            Some(Figure::Known(seconds)) => Some(seconds),
            Some(Figure::Unreadable) | None => None,
        };
        let error_code = form.number("ErrorCode")?.map(|code| match code {
            Figure::Known(code) => code,
            Figure::Unreadable => UNKNOWN_ERROR,
        });
        Ok(Self {
            sid: form.call()?,
            call_status: form.call_status()?,
            session_status: form.only("SessionStatus")?.map(SessionStatus::from),
            handoff_data: form.owned("HandoffData")?,
            error_code,
            error_message: form.owned("ErrorMessage")?,
            session_duration: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        })
    }
}

/// `POST /voice/status`: a call goes on to another status. May repeat, and come out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// Which call.
    pub sid: CallSid,
    /// Its status.
    pub call_status: CallStatus,
    /// The call that dialled this one: then it is a person's telephone.
    pub parent: Option<CallSid>,
}

impl StatusCallback {
    /// Reads the form.
    ///
    /// # Errors
    /// When a field is missing, doubled or wrong.
    pub fn read(form: &Form) -> Result<Self, FormError> {
        let parent = form.only("ParentCallSid")?.and_then(|sid| sid.parse().ok());
        Ok(Self { sid: form.call()?, call_status: form.call_status()?, parent })
    }
}

#[cfg(test)]
mod tests;
