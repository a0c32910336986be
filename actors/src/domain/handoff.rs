//! The note that travels through Twilio when a session ends: `handoffData`, JSON in a string.
//!
//! It carries no words of the caller: Twilio does not treat it as confidential, and everything
//! said is in the registry.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::{
    escalation::{Escalation, EscalationState, Grounds, ReasonCode},
    ids::{CallSid, Epoch, EscalationId},
    record::{CallRecord, Status, losses::RESUMES_MAX},
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

    /// A note about a call that another engine shall go on with.
    #[must_use]
    pub fn moving(call: CallSid, epoch: Epoch) -> Self {
        Self { call: Some(call), epoch: Some(epoch), ..Self::new(HandoffKind::Move) }
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

/// What the person is told to whom a call goes whose sessions keep failing.
pub(super) const KEEPS_FAILING: &str =
    "the connection between the caller and the assistant kept failing";

/// A session shorter than this, ms, failed early: of a call of which nothing is known, so many in a
/// row are too many as a call's record allows.
const EARLY: Millis = 10_000;

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
        /// How many in a row failed early before it, as its action URL says: where no record can be
        /// had, the call itself carries the count.
        failures: u32,
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
        /// What the next session's action URL says of those before it.
        failures: u32,
    },
    /// A new session on another engine, of which the caller hears nothing.
    Move,
    /// A person.
    HandOver(Box<Wanted>),
    /// A person, since no session holds; where none can be had, an apology and a goodbye.
    SeekPerson(Box<Wanted>),
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
            Self::Move => "move",
            Self::HandOver(_) => "hand_over",
            Self::SeekPerson(_) => "seek_person",
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
            Self::EndedByUs(Some(note)) if note.kind == HandoffKind::Escalate => {
                let code = note.reason_code.unwrap_or(ReasonCode::Other);
                hand_over(note.escalation, Grounds::new(code, code.label()))
            }
            Self::EndedByOthers(grounds) => hand_over(None, grounds.clone()),
            Self::EndedByUs(note)
                if note.as_ref().is_none_or(|note| note.kind != HandoffKind::Move) =>
            {
                Next::HangUp
            }
            _ if record.is_some_and(|record| record.status.is_final()) => Next::HangUp,
            // The caller was promised a person: a line that broke meanwhile changes nothing.
            Self::EndedByUs(_) | Self::Failed { .. } if record.is_some_and(is_promised) => {
                match record {
                    Some(CallRecord { escalation: Some(known), .. }) => {
                        hand_over(Some(known.id), known.grounds.clone())
                    }
                    _ => Next::GiveUp,
                }
            }
            Self::EndedByUs(_) => Next::Move,
            Self::Failed { lasted, failures } => match record {
                Some(record) => after_failure(record, now),
                None => after_uncounted(*lasted, *failures),
            },
        }
    }
}

/// What becomes of a caller whose session failed: a new one, unless they keep failing.
fn after_failure(record: &CallRecord, now: Timestamp) -> Next {
    if !record.keeps_failing(now) {
        let greet = record.transcript.turns().is_empty();
        return Next::Rejoin { greet, failures: 0 };
    }
    // Who was sent to a person for it before, and is back, has waited in vain.
    let in_vain = |known: &Escalation| {
        known.state == EscalationState::Failed && known.grounds.code == ReasonCode::EngineFailed
    };
    if record.escalation.as_ref().is_some_and(in_vain) {
        return Next::GiveUp;
    }
    let grounds = Grounds::new(ReasonCode::EngineFailed, KEEPS_FAILING);
    Next::SeekPerson(Box::new(Wanted { id: None, grounds }))
}

fn hand_over(id: Option<EscalationId>, grounds: Grounds) -> Next {
    Next::HandOver(Box::new(Wanted { id, grounds }))
}

/// Whether the caller heard that a person takes over, and none has yet.
fn is_promised(record: &CallRecord) -> bool {
    !record.status.is_final() && record.escalation_under_way().is_some()
}

/// The same where nothing is known of the call, because the store is away as well as the engine that
/// held it.
fn after_uncounted(lasted: Option<Millis>, failures: u32) -> Next {
    let failed_early = lasted.is_none_or(|lasted| lasted < EARLY);
    match if failed_early { failures.saturating_add(1) } else { 0 } {
        failures if failures > RESUMES_MAX => Next::GiveUp,
        failures => Next::Rejoin { greet: false, failures },
    }
}

#[cfg(test)]
mod tests;
