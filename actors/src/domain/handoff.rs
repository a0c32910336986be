//! The note that travels through Twilio when a session ends: `handoffData`, JSON in a string.
//!
//! It carries no words of the caller: Twilio does not treat it as confidential, and everything
//! said is in the registry.

use serde::{Deserialize, Serialize};

use super::{
    record::{CallRecord, Status},
    time::{Millis, Timestamp},
};

/// Version of the note. A reader takes what it knows and ignores the rest.
const VERSION: u32 = 1;

/// Why we ended the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffKind {
    /// The caller shall speak with a person.
    Escalate,
    /// Another engine shall go on with the call.
    Move,
    /// Everything is said: hang up. Also how a kind that this engine does not know is read, since
    /// its session is over and nothing else is known to be wanted.
    #[serde(other)]
    Goodbye,
}

/// The note itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffNote {
    /// Version of the writer.
    #[serde(default)]
    pub v: u32,
    /// Why the session ended.
    pub kind: HandoffKind,
}

impl HandoffNote {
    /// A note of this engine's version.
    #[must_use]
    pub fn new(kind: HandoffKind) -> Self {
        Self { v: VERSION, kind }
    }

    /// Reads `HandoffData` of the action webhook.
    ///
    /// # Errors
    /// When it is not a note of any version: not an object, or without a `kind`.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The string for `end.handoffData`.
    #[must_use]
    pub fn encode(&self) -> String {
        // Two plain fields: writing them to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How often a call is connected again within [`REJOIN_WINDOW`]: a socket that fails so often will
/// not hold the next time either, and the caller hears silence in between.
const REJOINS_MAX: usize = 5;

/// The window of [`REJOINS_MAX`], ms.
const REJOIN_WINDOW: Millis = 60_000;

/// A session shorter than this, ms, that failed for a call of which nothing is known is not tried
/// again: nobody could count how often.
const WORTH_REJOINING: Millis = 10_000;

/// How a ConversationRelay session ended, as its action webhook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOver {
    /// The call itself is over.
    CallOver {
        /// The caller hung up, rather than the call failing.
        completed: bool,
    },
    /// We sent `end`, with this note if it had one.
    EndedByUs(Option<HandoffNote>),
    /// The socket or a provider failed, and the caller is still there.
    Failed {
        /// How long the session was, ms.
        lasted: Option<Millis>,
    },
}

/// What becomes of the caller then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is nobody to speak to any more; the call ends so.
    Nothing(Status),
    /// Everything is said.
    HangUp,
    /// A new session, which goes on from the record.
    Rejoin {
        /// Whether the caller has heard no greeting yet.
        greet: bool,
    },
    /// An apology and a goodbye.
    GiveUp,
}

impl SessionOver {
    /// What becomes of the caller, given what is known of the call.
    #[must_use]
    pub fn next(&self, record: Option<&CallRecord>, now: Timestamp) -> Next {
        match self {
            Self::CallOver { completed: true } => Next::Nothing(Status::Completed),
            Self::CallOver { completed: false } => Next::Nothing(Status::Failed),
            Self::EndedByUs(Some(HandoffNote { kind: HandoffKind::Move, .. })) => rejoin(record),
            // Nobody is there to take the caller yet: the conversation goes on.
            Self::EndedByUs(Some(HandoffNote { kind: HandoffKind::Escalate, .. })) => {
                rejoin(record)
            }
            Self::EndedByUs(_) => Next::HangUp,
            Self::Failed { lasted } => match record {
                Some(record) if record.status.is_final() => Next::HangUp,
                Some(record) if record.rejoins_within(REJOIN_WINDOW, now) >= REJOINS_MAX => {
                    Next::GiveUp
                }
                None if lasted.is_none_or(|lasted| lasted < WORTH_REJOINING) => Next::GiveUp,
                record => rejoin(record),
            },
        }
    }
}

fn rejoin(record: Option<&CallRecord>) -> Next {
    Next::Rejoin { greet: record.is_some_and(|record| record.transcript.turns().is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::TurnId,
        record::{Change, NewCall},
        transcript::{Role, Turn},
    };

    fn record() -> CallRecord {
        let sid = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
        let (caller, called) = (String::new(), String::new());
        let new = NewCall { sid, caller, called, greeting: None, at: Timestamp(0) };
        let mut record = CallRecord::ringing(new);
        record.transcript.put(Turn::new(TurnId(0), Role::Agent, "Hello.", Timestamp(0)));
        record
    }

    #[test]
    fn a_caller_whose_session_failed_is_connected_again_five_times_a_minute() {
        let failed = SessionOver::Failed { lasted: Some(2_000) };
        let mut record = record();
        for second in 0..5 {
            let now = Timestamp(second * 1_000);
            assert_eq!(failed.next(Some(&record), now), Next::Rejoin { greet: false });
            record.apply(&Change::Rejoined, now);
        }
        assert_eq!(failed.next(Some(&record), Timestamp(59_000)), Next::GiveUp);
        assert_eq!(failed.next(Some(&record), Timestamp(60_000)), Next::Rejoin { greet: false });
    }

    #[test]
    fn a_caller_who_heard_no_greeting_yet_hears_it_on_the_next_line() {
        let mut record = record();
        record.transcript = crate::domain::transcript::Transcript::default();
        let failed = SessionOver::Failed { lasted: Some(0) };
        assert_eq!(failed.next(Some(&record), Timestamp(0)), Next::Rejoin { greet: true });
    }

    #[test]
    fn a_call_of_which_nothing_is_known_is_not_connected_again_for_ever() {
        let next = |lasted| SessionOver::Failed { lasted }.next(None, Timestamp(0));
        assert_eq!(next(Some(30_000)), Next::Rejoin { greet: false });
        assert_eq!(next(Some(10_000)), Next::Rejoin { greet: false });
        assert_eq!(next(Some(9_999)), Next::GiveUp);
        assert_eq!(next(None), Next::GiveUp);
    }

    #[test]
    fn a_session_that_we_ended_ends_the_call_or_moves_it() {
        let ended = |kind| SessionOver::EndedByUs(Some(HandoffNote::new(kind)));
        let record = record();
        let next = |over: SessionOver| over.next(Some(&record), Timestamp(0));
        assert_eq!(next(ended(HandoffKind::Goodbye)), Next::HangUp);
        assert_eq!(next(SessionOver::EndedByUs(None)), Next::HangUp);
        assert_eq!(next(ended(HandoffKind::Move)), Next::Rejoin { greet: false });
        assert_eq!(next(ended(HandoffKind::Escalate)), Next::Rejoin { greet: false });
    }

    #[test]
    fn a_call_that_is_over_is_not_connected_again() {
        let mut record = record();
        record.apply(&Change::Ended { status: Status::Completed }, Timestamp(1));
        let failed = SessionOver::Failed { lasted: None };
        assert_eq!(failed.next(Some(&record), Timestamp(2)), Next::HangUp);
        let over = SessionOver::CallOver { completed: true };
        assert_eq!(over.next(Some(&record), Timestamp(2)), Next::Nothing(Status::Completed));
    }

    #[test]
    fn a_note_survives_the_trip_through_twilio_and_newer_engines() {
        let note = HandoffNote::new(HandoffKind::Goodbye);
        assert_eq!(note.encode(), r#"{"v":1,"kind":"goodbye"}"#);
        let newer = r#"{"v":9,"kind":"move","since":"2031","to":["x"]}"#;
        assert_eq!(HandoffNote::parse(newer).map(|note| note.kind).ok(), Some(HandoffKind::Move));
        let unknown = r#"{"v":9,"kind":"teleport"}"#;
        assert_eq!(
            HandoffNote::parse(unknown).map(|note| note.kind).ok(),
            Some(HandoffKind::Goodbye)
        );
        for wrong in ["", "null", "[]", "{}", "bye"] {
            assert!(HandoffNote::parse(wrong).is_err(), "{wrong}");
        }
    }
}
