//! What the registry keeps of a call, and what the monitor shows of it.

pub(super) mod losses;

pub use losses::Failure;
use serde::{Deserialize, Serialize};

use super::{
    escalation::{Escalation, EscalationState, Step, Unreached},
    ids::{CallSid, Epoch, EscalationId, InstanceId, TurnId},
    time::Timestamp,
    transcript::{LateTurn, Transcript},
};

/// Version of the stored record. A reader takes what it knows and ignores the rest.
pub const RECORD_VERSION: u32 = 1;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The webhook was answered; nobody talks yet.
    Ringing,
    /// Caller and agent talk.
    Active,
    /// A person has been asked for.
    Escalating,
    /// The caller waits for a person.
    Queued,
    /// A person talks with the caller.
    WithAgent,
    /// Over, in good order.
    Completed,
    /// Over, and not as anybody wished.
    Failed,
}

impl Status {
    /// Whether the call is over. A final status never changes again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A call as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub v: u32,
    /// Twilio's name of the call.
    pub sid: CallSid,
    /// Who calls: E.164, `client:…`, `sip:…`; empty until Twilio has said it.
    #[serde(default)]
    pub caller: String,
    /// Who is called.
    #[serde(default)]
    pub called: String,
    /// Where the call stands.
    pub status: Status,
    /// When it was opened.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Last sign of life: a webhook, a claim, a turn, or a session that is still there.
    pub seen_at: Timestamp,
    /// The highest claim so far; 0 before the first.
    #[serde(default)]
    pub epoch: Epoch,
    /// The sequence number that the next append must carry; the first is 1.
    pub next_seq: u64,
    /// The engine that claimed it last.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    /// What the TwiML told Twilio to say first. None: the engine speaks its greeting itself.
    #[serde(default)]
    pub greeting: Option<String>,
    /// Why a person was asked for, last time.
    #[serde(default)]
    pub escalation_reason: Option<String>,
    /// The last escalation: there is one at a time.
    #[serde(default)]
    pub escalation: Option<Escalation>,
    /// The sessions that Twilio gave up, newest last, bounded: the call was connected again each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// When a session went on with the call on its next line, newest last, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumes: Vec<Timestamp>,
    /// The end of the last failed session that another has gone on after: its voice is not the one that
    /// fell silent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_after: Option<Timestamp>,
    /// The end of the last failed session that the address of a line told of on which one has gone on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressed: Option<Timestamp>,
    /// The last exchange that the agent had spoken in when another engine let the caller go, for as
    /// long as nothing else is known of it: who was moved has noticed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<TurnId>,
    /// Who said what. Stored turn by turn, not with the rest of the record.
    #[serde(skip)]
    pub transcript: Transcript,
    /// What earlier owners stored too late, by its time. Kept apart like the transcript.
    #[serde(skip)]
    pub late: Vec<LateTurn>,
    /// The store cannot be reached and had words of this call: it is no new one, and what was said is
    /// not known here.
    #[serde(skip)]
    pub words_missing: bool,
}

impl CallRecord {
    /// A call that just began to ring.
    #[must_use]
    pub fn ringing(new: NewCall) -> Self {
        Self {
            v: RECORD_VERSION,
            sid: new.sid,
            caller: new.caller,
            called: new.called,
            status: Status::Ringing,
            started_at: new.at,
            ended_at: None,
            seen_at: new.at,
            epoch: Epoch(0),
            next_seq: 1,
            instance: None,
            greeting: new.greeting,
            escalation_reason: None,
            escalation: None,
            failures: Vec::new(),
            resumes: Vec::new(),
            resumed_after: None,
            addressed: None,
            moved: None,
            transcript: Transcript::default(),
            late: Vec::new(),
            words_missing: false,
        }
    }

    /// Whether the engine still has to say its greeting: nobody has spoken, and no TwiML of ours
    /// told Twilio to.
    #[must_use]
    pub fn wants_greeting(&self) -> bool {
        self.greeting.is_none() && self.transcript.turns().is_empty()
    }

    /// Whether the caller was moved from one engine to another and has heard nothing since. Nobody
    /// knows where words are missing.
    #[must_use]
    pub fn was_moved(&self) -> bool {
        let unheard = |after| self.transcript.last_said() <= after;
        !self.words_missing && self.moved.is_some_and(unheard)
    }

    /// Whether what came late to one engine was heard by another as well: in the call, or beside it.
    #[must_use]
    pub fn has_heard(&self, late: &LateTurn) -> bool {
        let again = |it: &LateTurn| it.instance != late.instance && it.turn.says(&late.turn);
        self.transcript.says(&late.turn) || self.late.iter().any(again)
    }

    /// Takes a change. A final status stays as it is; everything else still lands.
    pub fn apply(&mut self, change: &Change, at: Timestamp) {
        self.seen_at = self.seen_at.max(at);
        match change {
            Change::Identified { caller, called } => {
                self.caller.clone_from(caller);
                self.called.clone_from(called);
            }
            Change::Escalated { escalation } => self.escalate(escalation),
            Change::Escalation { id, step } => self.step(*id, step, at),
            Change::Moved { after } => self.moved = Some(*after),
            Change::Rejoined { failure } => self.lose_session(*failure),
            Change::Resumed { after, addressed } => {
                self.addressed = self.addressed.max(*addressed);
                if !self.resumes.contains(&at) {
                    losses::note(&mut self.resumes, at, |known| *known);
                }
                if let Some(failure) = *after {
                    self.lose_session(failure);
                    self.resumed_after = self.resumed_after.max(Some(failure.ended));
                }
            }
            Change::Ended { status } if !self.status.is_final() => {
                self.end_escalation(*status, at);
                self.status = *status;
                self.ended_at = Some(at);
            }
            Change::Ended { .. } => {}
        }
    }

    /// The escalation that is going on.
    #[must_use]
    pub fn escalation_under_way(&self) -> Option<&Escalation> {
        self.escalation.as_ref().filter(|escalation| escalation.is_under_way())
    }

    /// The name of the next escalation of this call.
    #[must_use]
    pub fn next_escalation(&self) -> EscalationId {
        let last = self.escalation.as_ref().map_or(0, |escalation| escalation.id.number);
        EscalationId { call: self.sid, number: last.saturating_add(1) }
    }

    /// A second wish while one is under way changes nothing, nor does one that was noted before.
    fn escalate(&mut self, escalation: &Escalation) {
        let known = |known: &Escalation| known.id.number >= escalation.id.number;
        if self.escalation_under_way().is_some() || self.escalation.as_ref().is_some_and(known) {
            return;
        }
        self.escalation_reason = Some(escalation.grounds.reason.clone());
        self.escalation = Some(escalation.clone());
        if self.status.is_final() {
            self.end_escalation(self.status, escalation.at);
        } else {
            self.status = escalation.state.status();
        }
    }

    fn step(&mut self, id: EscalationId, step: &Step, at: Timestamp) {
        let Some(escalation) = self.escalation.as_mut().filter(|known| known.id == id) else {
            return;
        };
        let before = escalation.state;
        escalation.apply(step, at);
        let state = escalation.state;
        if state == before || self.status.is_final() {
            return;
        }
        self.status = escalation.status();
        if self.status.is_final() {
            self.ended_at = Some(at);
        }
    }

    /// A call that is over leaves no escalation behind that is still going on.
    fn end_escalation(&mut self, status: Status, at: Timestamp) {
        let Some(escalation) = &mut self.escalation else { return };
        let promised = escalation.is_promised();
        let step = match status {
            Status::Completed if promised || escalation.state == EscalationState::WithAgent => {
                Step::Finished
            }
            Status::Completed => Step::Failed { why: Unreached::CallerLeft },
            _ => Step::Failed { why: Unreached::CallFailed },
        };
        escalation.apply(&step, at);
    }

    /// The short form, for lists.
    #[must_use]
    pub fn summary(&self, turns: usize) -> CallSummary {
        CallSummary {
            sid: self.sid,
            caller: self.caller.clone(),
            started_at: self.started_at,
            ended_at: self.ended_at,
            status: self.status,
            turns,
            instance: self.instance.clone(),
            escalation_reason: self.escalation_reason.clone(),
            escalation: self.escalation.as_ref().map(|escalation| escalation.state),
            worker: self.escalation.as_ref().and_then(|escalation| escalation.worker.clone()),
        }
    }
}

/// What is known when a call begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Twilio's name of the call.
    pub sid: CallSid,
    /// Who calls; may be empty.
    pub caller: String,
    /// Who is called; may be empty.
    pub called: String,
    /// What the TwiML tells Twilio to say first.
    pub greeting: Option<String>,
    /// Now.
    pub at: Timestamp,
}

/// A change to a record besides its turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Twilio said who is calling whom (a call that no webhook of ours opened).
    Identified {
        /// Who calls.
        caller: String,
        /// Who is called.
        called: String,
    },
    /// A person was asked for.
    Escalated {
        /// The escalation as it begins.
        escalation: Box<Escalation>,
    },
    /// Something happened to an escalation.
    Escalation {
        /// Which: one that is not the call's last is left alone.
        id: EscalationId,
        /// What.
        step: Step,
    },
    /// An engine let the caller go at a pause in the talk, and the call was connected again.
    Moved {
        /// The last exchange that the agent had spoken in.
        after: TurnId,
    },
    /// The session failed with the call still up, and the call was connected again.
    Rejoined {
        /// Which session, and when.
        failure: Failure,
    },
    /// A session went on with the call on its next line.
    Resumed {
        /// The last failure that it knew of: noted with it, where the store was away at the time.
        after: Option<Failure>,
        /// The end of the last one that the address of its lines told of.
        addressed: Option<Timestamp>,
    },
    /// The call is over.
    Ended {
        /// [`Status::Completed`] or [`Status::Failed`].
        status: Status,
    },
}

/// A call in a list: without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSummary {
    /// Twilio's name of the call.
    pub sid: CallSid,
    /// Who calls.
    pub caller: String,
    /// When it was opened.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// How many turns its transcript has.
    pub turns: usize,
    /// The engine that holds it.
    pub instance: Option<InstanceId>,
    /// Why a person was asked for.
    pub escalation_reason: Option<String>,
    /// Where the last escalation stands.
    #[serde(default)]
    pub escalation: Option<EscalationState>,
    /// The person who takes the call, or took it.
    #[serde(default)]
    pub worker: Option<String>,
}

/// Where a reader of the feed of events stands; grows by one with every event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// Something happened to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Its place in the feed.
    pub position: Position,
    /// What happened.
    pub kind: CallEventKind,
    /// The call as it stands after the event.
    pub call: CallSummary,
}

/// What can happen to a call, as the monitor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEventKind {
    /// It began to ring.
    Opened,
    /// An engine took it.
    Claimed,
    /// Somebody said something, or less of it was heard than had been noted.
    Turn,
    /// Its status, its names or its escalation changed.
    Changed,
    /// It is over.
    Ended,
    /// Its words were erased.
    Erased,
}

#[cfg(test)]
mod tests;
