//! The note that travels through Twilio when a session ends: `handoffData`, JSON in a string.
//!
//! It carries no words of the caller: Twilio does not treat it as confidential, and everything
//! said is in the registry.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::{
    escalation::{Grounds, ReasonCode},
    ids::{CallSid, Epoch, EscalationId},
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
#[serde(rename_all = "camelCase")]
pub struct HandoffNote {
    /// Version of the writer.
    pub v: u32,
    /// Why the session ended.
    pub kind: HandoffKind,
    /// Which call, so that a person who reads Twilio's log finds it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub call: Option<CallSid>,
    /// Which escalation: where no record could be written, it begins with this note.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub escalation: Option<EscalationId>,
    /// The claim of the session that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub epoch: Option<Epoch>,
    /// Why a person is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub reason_code: Option<ReasonCode>,
}

/// A field that another version may fill otherwise: what cannot be read is not known.
fn lenient<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

impl HandoffNote {
    /// A note of this engine's version.
    #[must_use]
    pub fn new(kind: HandoffKind) -> Self {
        Self { v: VERSION, kind, call: None, escalation: None, epoch: None, reason_code: None }
    }

    /// A note about an escalation.
    #[must_use]
    pub fn escalate(id: EscalationId, epoch: Epoch, code: ReasonCode) -> Self {
        Self {
            call: Some(id.call),
            escalation: Some(id),
            epoch: Some(epoch),
            reason_code: Some(code),
            ..Self::new(HandoffKind::Escalate)
        }
    }

    /// Reads `HandoffData` of the action webhook.
    ///
    /// # Errors
    /// When it is not a note of any version: not an object, or without `v` or `kind`.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The string for `end.handoffData`.
    #[must_use]
    pub fn encode(&self) -> String {
        // Plain fields: writing them to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What the person is told when another application's data say nothing.
const FOREIGN: &str = "another application ended the session and asked for a person";

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
    /// Somebody sent `end` with data that is not ours: another application on the number, or one
    /// that nobody can read. Whoever writes such data wants a person.
    EndedByOthers(Grounds),
    /// The socket or a provider failed, and the caller is still there.
    Failed {
        /// How long the session was, ms.
        lasted: Option<Millis>,
    },
}

impl SessionOver {
    /// A session that was ended with this `HandoffData`, if it came with any.
    #[must_use]
    pub fn ended(data: Option<&str>) -> Self {
        let Some(data) = data.filter(|data| !data.trim().is_empty()) else {
            return Self::EndedByUs(None);
        };
        match HandoffNote::parse(data) {
            Ok(note) => Self::EndedByUs(Some(note)),
            Err(_) => Self::EndedByOthers(foreign(data)),
        }
    }
}

/// What another application's data say about why a person is wanted.
fn foreign(data: &str) -> Grounds {
    let value = serde_json::from_str::<serde_json::Value>(data).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
    let code = text("reasonCode").map_or(ReasonCode::Foreign, |code| match ReasonCode::of(code) {
        ReasonCode::Other => ReasonCode::Foreign,
        known => known,
    });
    let given: Vec<&str> = [text("reasonCode"), text("reason")].into_iter().flatten().collect();
    if given.is_empty() {
        return Grounds::new(code, FOREIGN);
    }
    Grounds::new(code, &given.join(": "))
}

/// A person who shall take the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The escalation that the note names.
    pub id: Option<EscalationId>,
    /// Why, as far as the note says: what the record knows counts for more.
    pub grounds: Grounds,
}

/// What becomes of the caller then.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// A person.
    HandOver(Box<Wanted>),
    /// An apology and a goodbye.
    GiveUp,
}

impl Next {
    /// What becomes of them, for the log: no word of theirs.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Nothing(_) => "nothing",
            Self::HangUp => "hang_up",
            Self::Rejoin { .. } => "rejoin",
            Self::HandOver(_) => "hand_over",
            Self::GiveUp => "give_up",
        }
    }
}

impl SessionOver {
    /// What becomes of the caller, given what is known of the call.
    #[must_use]
    pub fn next(&self, record: Option<&CallRecord>, now: Timestamp) -> Next {
        match self {
            Self::CallOver { completed: true } => Next::Nothing(Status::Completed),
            Self::CallOver { completed: false } => Next::Nothing(Status::Failed),
            Self::EndedByUs(Some(HandoffNote { kind: HandoffKind::Move, .. })) => rejoin(record),
            Self::EndedByUs(Some(note)) if note.kind == HandoffKind::Escalate => {
                let code = note.reason_code.unwrap_or(ReasonCode::Other);
                hand_over(note.escalation, Grounds::new(code, code.label()))
            }
            Self::EndedByOthers(grounds) => hand_over(None, grounds.clone()),
            Self::EndedByUs(_) => Next::HangUp,
            // The caller was promised a person: a line that broke meanwhile changes nothing.
            Self::Failed { .. } if record.is_some_and(is_promised) => match record {
                Some(CallRecord { escalation: Some(known), .. }) => {
                    hand_over(Some(known.id), known.grounds.clone())
                }
                _ => Next::GiveUp,
            },
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

fn hand_over(id: Option<EscalationId>, grounds: Grounds) -> Next {
    Next::HandOver(Box::new(Wanted { id, grounds }))
}

/// Whether the caller heard that a person takes over, and none has yet.
fn is_promised(record: &CallRecord) -> bool {
    !record.status.is_final() && record.escalation_under_way().is_some()
}

fn rejoin(record: Option<&CallRecord>) -> Next {
    Next::Rejoin { greet: record.is_some_and(|record| record.transcript.turns().is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        escalation::{Escalation, Step},
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
    }

    #[test]
    fn a_caller_who_shall_speak_with_a_person_is_handed_over_whoever_wrote_the_data() {
        let next = |data: &str| SessionOver::ended(Some(data)).next(Some(&record()), Timestamp(0));
        let cases = [
            (r#"{"v":1,"kind":"escalate","reasonCode":"fraud"}"#, ReasonCode::Fraud, "fraud"),
            (
                r#"{"reasonCode":"live-agent-handoff","reason":"wants\nJo"}"#,
                ReasonCode::Foreign,
                "live-agent-handoff: wants Jo",
            ),
            (r#"{"v":1,"reason":"no kind"}"#, ReasonCode::Foreign, "no kind"),
            ("to a person", ReasonCode::Foreign, FOREIGN),
            ("[1]", ReasonCode::Foreign, FOREIGN),
        ];
        for (data, code, reason) in cases {
            let grounds = Grounds::new(code, reason);
            assert_eq!(next(data), hand_over(None, grounds), "{data}");
        }
        assert_eq!(SessionOver::ended(Some(" ")), SessionOver::EndedByUs(None));
    }

    #[test]
    fn a_caller_who_was_promised_a_person_gets_one_though_the_line_broke() {
        let mut record = record();
        let grounds = Grounds::new(ReasonCode::LostCard, "lost");
        let id = record.next_escalation();
        let escalation = Box::new(Escalation::new(id, grounds.clone(), Timestamp(0)));
        record.apply(&Change::Escalated { escalation }, Timestamp(0));
        let failed = SessionOver::Failed { lasted: Some(0) };
        assert_eq!(failed.next(Some(&record), Timestamp(1)), hand_over(Some(id), grounds));
        record.apply(&Change::Escalation { id, step: Step::Withdrawn }, Timestamp(2));
        assert_eq!(failed.next(Some(&record), Timestamp(3)), Next::Rejoin { greet: false });
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
        let id: EscalationId = "CA0123456789abcdef0123456789abcdef.e2".parse().unwrap();
        let escalate = HandoffNote::escalate(id, Epoch(3), ReasonCode::Fraud);
        let text = r#"{"v":1,"kind":"escalate","call":"CA0123456789abcdef0123456789abcdef","escalation":"CA0123456789abcdef0123456789abcdef.e2","epoch":3,"reasonCode":"fraud"}"#;
        assert_eq!(escalate.encode(), text);
        assert_eq!(HandoffNote::parse(text).ok(), Some(escalate));
        let odd =
            r#"{"v":2,"kind":"escalate","call":7,"escalation":"x","epoch":"y","reasonCode":[]}"#;
        let expected = HandoffNote { v: 2, ..HandoffNote::new(HandoffKind::Escalate) };
        assert_eq!(HandoffNote::parse(odd).ok(), Some(expected));
        let newer = r#"{"v":9,"kind":"move","since":"2031","to":["x"]}"#;
        assert_eq!(HandoffNote::parse(newer).map(|note| note.kind).ok(), Some(HandoffKind::Move));
        let unknown = r#"{"v":9,"kind":"teleport"}"#;
        assert_eq!(
            HandoffNote::parse(unknown).map(|note| note.kind).ok(),
            Some(HandoffKind::Goodbye)
        );
        for wrong in ["", "null", "[]", "{}", "bye", r#"{"kind":"escalate"}"#] {
            assert!(HandoffNote::parse(wrong).is_err(), "{wrong}");
        }
    }
}
