//! How a call is made: where to, as whom, and how its voice behaves.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    hiccups::Hiccups,
    reconnect::Reconnect,
    relay::Relay,
    validate::Text,
    voice::{Pace, Played},
};
use crate::twilio::signature::Signatures;

/// Frames and notes a call remembers; the oldest make room. A call of an hour with a token every
/// 100 ms fits.
const DEFAULT_HISTORY: usize = 40_000;

/// Hears every text frame of the engine at the moment it arrives.
pub type Ear = Rc<dyn Fn(Instant, &Text)>;

/// What a telephone does that is dialled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialled {
    /// Somebody answers and speaks with the caller.
    Completed,
    /// Nobody answers.
    #[default]
    NoAnswer,
    /// It is busy.
    Busy,
}

impl Dialled {
    /// Twilio's `DialCallStatus`.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
        }
    }
}

/// How to ring. `RingOptions { url, ..RingOptions::default() }` is an ordinary call.
#[derive(Clone)]
pub struct RingOptions {
    /// Scheme, host and port to connect to.
    pub url: String,
    /// What the engine believes it is called (its `PUBLIC_URL`): addresses below it are signed as
    /// written and connected to at `url`. None: the same as `url`.
    pub public_url: Option<String>,
    /// Where the call is announced.
    pub incoming_path: String,
    /// Where the end of the call is reported (`CallStatus=completed`), if anywhere.
    pub status_path: Option<String>,
    /// A server that has only a socket: no webhooks, no TwiML, `direct` says what TwiML would.
    pub ws_url: Option<String>,
    /// The session's settings when there is no TwiML.
    pub direct: Relay,
    /// Signs webhooks and the upgrade.
    pub signatures: Option<Signatures>,
    /// `CA…`; None makes a new one.
    pub call_sid: Option<String>,
    /// `AC…`.
    pub account_sid: String,
    /// Who calls, E.164.
    pub from: String,
    /// Who is called, E.164.
    pub to: String,
    /// The name the network gives with the number.
    pub caller_name: String,
    /// The number that forwarded the call, if any.
    pub forwarded_from: String,
    /// How fast the voice speaks.
    pub pace: Pace,
    /// Whether subscribed events are sent. Twilio always does; older clones never do.
    pub info: bool,
    /// When `tokensPlayed` is sent.
    pub played: Played,
    /// `durationUntilInterruptMs` as a text, as Twilio once documented it.
    pub duration_as_text: bool,
    /// Whether `applicationReconnect` is honoured when the socket is lost. False: whatever `variant`
    /// says, only the action URL is asked.
    pub reconnect: bool,
    /// What Twilio does when the socket is lost.
    pub variant: Reconnect,
    /// Webhooks that are sent twice or late.
    pub hiccups: Hiccups,
    /// How many frames and notes are kept. With 0, for a load of thousands of calls, those who wait
    /// are woken when an answer begins and when it ends, and not by every word.
    pub history: usize,
    /// What a script takes for the answer goes on until nothing was said for so long: a filler or an
    /// apology is a talk cycle like an answer. Zero: the first talk cycle is the answer.
    pub answer_quiet: Duration,
    /// Whether what is said and heard is kept for a checker: see [`super::record`].
    pub record: bool,
    /// Hears the words as they arrive.
    pub ear: Option<Ear>,
    /// The fake Twilio whose people take the calls that are queued. None: nobody ever does.
    pub twilio: Option<String>,
    /// What a telephone does that is dialled.
    pub dialled: Dialled,
    /// The HTTP client; one a thread is enough for all its calls. None makes a new one.
    pub client: Option<awc::Client>,
}

impl Default for RingOptions {
    fn default() -> Self {
        let settings = [("dtmfDetection", "true"), ("events", "speaker-events tokens-played")];
        let attributes: BTreeMap<_, _> =
            settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self {
            url: "http://127.0.0.1:3000".to_owned(),
            public_url: None,
            incoming_path: "/voice/incoming".to_owned(),
            status_path: None,
            ws_url: None,
            direct: Relay { attributes, ..Relay::default() },
            signatures: None,
            call_sid: None,
            account_sid: format!("AC{:032}", 0),
            // Numbers that the North American plan keeps for fiction.
            from: "+12025550142".to_owned(),
            to: "+12025550100".to_owned(),
            caller_name: String::new(),
            forwarded_from: String::new(),
            pace: Pace::default(),
            info: true,
            played: Played::default(),
            duration_as_text: false,
            reconnect: true,
            variant: Reconnect::default(),
            hiccups: Hiccups::default(),
            history: DEFAULT_HISTORY,
            answer_quiet: Duration::ZERO,
            record: false,
            ear: None,
            twilio: None,
            dialled: Dialled::default(),
            client: None,
        }
    }
}

/// A new identifier in Twilio's form: two letters and 32 hex digits.
pub(super) fn new_sid(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_call_has_an_identifier_of_its_own() {
        let (one, other) = (super::new_sid("CA"), super::new_sid("CA"));
        assert_ne!(one, other);
        let hex = one.strip_prefix("CA").unwrap();
        assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
