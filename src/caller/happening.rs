//! What can happen on a call, and where the call can be.

use std::{fmt, time::Instant};

use super::twiml_reader::{Dial, Enqueue};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A frame from the engine.
    Received(String),
    /// A frame to the engine.
    Sent(String),
    /// Words that Twilio speaks by itself: `<Say>`, the welcome greeting.
    Said(String),
    /// A recording that Twilio plays by itself.
    Plays(String),
    /// The engine passed the caller into a queue.
    Queued(Enqueue),
    /// The caller waits, and is about to hear something of it.
    Waiting {
        /// Their place, 1 for the next one.
        position: u32,
        /// For how long, s.
        seconds: u64,
    },
    /// Keys that the caller pressed outside of a session.
    Pressed(String),
    /// The engine has somebody else dialled.
    Dialled(Dial),
    /// A person speaks with the caller.
    Talking {
        /// Who.
        worker: String,
    },
    /// The caller has left the queue, or the telephone that was dialled.
    Left {
        /// Twilio's `QueueResult` or `DialCallStatus`.
        result: String,
    },
    /// The engine did what Twilio does not accept.
    Violation(String),
    /// A socket could not be opened, or was lost.
    Broken(String),
    /// A webhook, a socket, a document: for the reader of a log.
    Note(String),
    /// The call is over.
    Ended(Ending),
}

/// How a call came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The caller hung up.
    HungUp,
    /// The TwiML had nothing more to do, or said `<Hangup>`.
    Finished,
    /// Twilio would have told the caller that an application error has occurred.
    Failed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("the caller hung up"),
            Self::Finished => f.write_str("the engine ended the call"),
            Self::Failed { reason } => write!(f, "the call failed: {reason}"),
        }
    }
}

/// Where a call is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// Twilio asks the engine, or performs what it was answered.
    #[default]
    Between,
    /// In a session.
    Session,
    /// In a queue.
    Queue,
    /// With a person.
    Talk {
        /// Who.
        worker: String,
    },
    /// A telephone rings.
    Dial,
}

impl Place {
    /// Whether the engine has passed the call on.
    #[must_use]
    pub fn is_passed_on(&self) -> bool {
        matches!(self, Self::Queue | Self::Talk { .. } | Self::Dial)
    }
}

impl Happening {
    /// A mark and the words for a log.
    pub(super) fn told(&self) -> (&'static str, String) {
        match self {
            Self::Received(frame) => ("<-", frame.clone()),
            Self::Sent(frame) => ("->", frame.clone()),
            Self::Said(text) => ("<Say>", text.clone()),
            Self::Plays(url) => ("<Play>", url.clone()),
            Self::Queued(enqueue) => ("<Enqueue>", enqueue.shown.clone()),
            Self::Waiting { position, seconds } => {
                ("..", format!("position {position}, waited {seconds} s"))
            }
            Self::Pressed(keys) => ("#", keys.clone()),
            Self::Dialled(dial) => ("<Dial>", dial.number.clone()),
            Self::Talking { worker } => ("..", format!("talks with {worker}")),
            Self::Left { result } => ("..", format!("left: {result}")),
            Self::Broken(why) => ("##", why.clone()),
            Self::Violation(what) => ("!!", what.clone()),
            Self::Note(note) => ("--", note.clone()),
            Self::Ended(ending) => ("==", ending.to_string()),
        }
    }
}
