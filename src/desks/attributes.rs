//! The attributes of a TaskRouter task: what workflows route by, and what the person reads.
//!
//! The hand-off's webhook puts them into `<Task>`. They are flat, so that expressions and Flex reach
//! them by name; `conversations` alone is an object, since Flex Insights wants it so.
//! `deploy/twilio/task_attributes.schema.json` describes each.

use serde::Serialize;
use switchhook_actors::domain::{
    escalation::{Escalation, ReasonCode},
    ids::{CallSid, EscalationId},
    record::CallRecord,
    time::Timestamp,
    transcript::{Role, Transcript, Turn},
};

use super::{
    cut::{to_units, units},
    extract::{extract, without_keys},
};
use crate::clock::rfc3339;

/// Bound on the JSON, UTF-16 code units, before it is escaped for XML. Twilio allows 4,096 with the
/// 25 attributes that it adds itself, which take 600.
pub const ATTRIBUTES_MAX: usize = 3_300;

/// Of the transcript at most so many turns go along: the rest is behind the link.
const TURNS_MAX: usize = 20;

/// So much of the newest turn stays whatever else there is to say, units with its frame.
const NEWEST_LEAST: usize = 240;

/// Bounds that only the odd value meets, units: together with the frame they leave a third of
/// [`ATTRIBUTES_MAX`] to the words.
const NUMBER_MAX: usize = 100;
const REASON_MAX: usize = 400;
const SKILL_MAX: usize = 40;
const TRIED_MAX: usize = 160;
const MESSAGE_MAX: usize = 500;
const URL_MAX: usize = 600;

/// The type of a task whose caller is to be called back.
pub const CALL_BACK: &str = "callback";

/// The name of a caller who hides their number.
const UNKNOWN_CALLER: &str = "Unknown caller";

/// What is known of a call when it goes to a person.
#[derive(Debug, Clone)]
pub struct Briefing<'a> {
    /// The call, with its transcript.
    pub record: &'a CallRecord,
    /// Why it goes to a person.
    pub escalation: &'a Escalation,
    /// What the caller speaks, BCP-47. Only the primary tag goes along: agents have `en`, hardly
    /// `en-GB`, among their languages.
    pub language: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The signed link to the transcript, when links can be signed.
    pub transcript_url: Option<String>,
    /// Whether the caller is to be called back, rather than waits.
    pub call_back: bool,
}

impl Briefing<'_> {
    /// The attributes as JSON: one object, at most [`ATTRIBUTES_MAX`] UTF-16 code units.
    ///
    /// What does not fit is left out in this order: the oldest of the last turns, the end of the
    /// summary, the end of the reason. The newest turn stays, shortened when it has to be.
    #[must_use]
    pub fn attributes(&self) -> String {
        let mut task = self.frame();
        let mut room = ATTRIBUTES_MAX.saturating_sub(length(&task));
        let mut turns = self.newest_first().peekable();
        let newest = turns.peek().map_or(0, LastTurn::cost).min(NEWEST_LEAST);
        let grounds = &self.escalation.grounds;
        task.reason = to_units(&grounds.reason, room.saturating_sub(newest).min(REASON_MAX));
        room = room.saturating_sub(units(&task.reason));
        task.summary = to_units(&self.summary(), room.saturating_sub(newest));
        room = room.saturating_sub(units(&task.summary));
        for turn in turns {
            let cost = turn.cost();
            if cost <= room {
                room -= cost;
                task.last_turns.push(turn);
                continue;
            }
            if task.last_turns.is_empty() {
                task.last_turns.push(turn.within(room));
            }
            break;
        }
        task.last_turns.reverse();
        json(&task)
    }

    /// Everything whose length hardly differs from call to call.
    fn frame(&self) -> Attributes {
        let (record, escalation) = (self.record, self.escalation);
        let turns_of =
            |role| record.transcript.turns().iter().filter(move |turn: &&Turn| turn.role == role);
        let caller = to_units(&record.caller, NUMBER_MAX);
        let code = escalation.grounds.code;
        let skill = to_units(escalation.grounds.skill.as_deref().unwrap_or_default(), SKILL_MAX);
        let seconds = self.now.since(record.started_at) / 1_000;
        let language = primary_tag(self.language);
        let before = self.before();
        let tried = before.turns().iter().rfind(|turn| turn.role == Role::Agent);
        let tried = tried.map_or("", |turn| turn.text.trim());
        Attributes {
            source: "ai",
            r#type: if self.call_back { CALL_BACK } else { "inbound" },
            name: if caller.is_empty() { UNKNOWN_CALLER.to_owned() } else { caller.clone() },
            direction: "inbound",
            customer_number: caller,
            called_number: to_units(&record.called, NUMBER_MAX),
            message: self.message(),
            reason: String::new(),
            reason_code: code.label(),
            summary: String::new(),
            sentiment: sentiment(code),
            urgent: escalation.grounds.urgent,
            escalation_id: escalation.id,
            call_id: record.sid,
            turns: turns_of(Role::Customer).count(),
            seconds,
            started_at: rfc3339(record.started_at),
            tried: to_units(tried, TRIED_MAX),
            last_turns: Vec::new(),
            // Part of a link leads nowhere.
            transcript_url: self.transcript_url.clone().filter(|url| units(url) <= URL_MAX),
            conversations: Conversations {
                conversation_id: record.sid,
                communication_channel: "Call",
                initiated_by: "Customer",
                language: language.clone(),
                conversation_attribute_1: code.label(),
                conversation_attribute_2: skill.clone(),
                conversation_attribute_3: sentiment(code),
                conversation_measure_1: seconds,
                conversation_measure_2: turns_of(Role::Agent).count(),
                conversation_label_1: escalation.id,
            },
            skill,
            language,
        }
    }

    /// What the caller left to be passed on.
    fn message(&self) -> Option<String> {
        let message = self.escalation.message.as_deref().filter(|_| self.call_back)?;
        Some(to_units(message.trim(), MESSAGE_MAX))
    }

    fn summary(&self) -> String {
        let grounds = &self.escalation.grounds;
        let written = grounds.summary.clone().filter(|summary| !summary.trim().is_empty());
        written.unwrap_or_else(|| extract(&self.before(), grounds))
    }

    /// What was said between the greeting and the sentence that a person takes over: those two tell
    /// nobody what the call is about.
    fn before(&self) -> Transcript {
        let turns = self.record.transcript.turns().iter();
        let idle = |turn: &&Turn| {
            let is_greeting = turn.id.0 == 0;
            turn.role == Role::Agent && (is_greeting || turn.at >= self.escalation.at)
        };
        turns.filter(|turn| !idle(turn)).cloned().collect()
    }

    fn newest_first(&self) -> impl Iterator<Item = LastTurn> {
        let turns = self.record.transcript.turns().iter().rev();
        turns.map(LastTurn::new).filter(|turn| !turn.text.is_empty()).take(TURNS_MAX)
    }
}

/// The fields, in the order in which people look at them. No name has a hyphen, which an
/// expression takes for a minus; none is one of the 25 that Twilio adds, but for `direction`, where
/// both say the same.
#[derive(Serialize)]
struct Attributes {
    source: &'static str,
    r#type: &'static str,
    name: String,
    direction: &'static str,
    customer_number: String,
    called_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    reason: String,
    reason_code: &'static str,
    summary: String,
    sentiment: &'static str,
    skill: String,
    language: String,
    urgent: bool,
    escalation_id: EscalationId,
    call_id: CallSid,
    turns: usize,
    seconds: u64,
    started_at: String,
    tried: String,
    last_turns: Vec<LastTurn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript_url: Option<String>,
    conversations: Conversations,
}

/// What Flex Insights reads. Values that are another one for every call are labels: attributes count
/// against a bound on unique values. `outcome` is left to the person, who knows it.
#[derive(Serialize)]
struct Conversations {
    conversation_id: CallSid,
    communication_channel: &'static str,
    initiated_by: &'static str,
    language: String,
    conversation_attribute_1: &'static str,
    conversation_attribute_2: String,
    conversation_attribute_3: &'static str,
    conversation_measure_1: u64,
    conversation_measure_2: usize,
    conversation_label_1: EscalationId,
}

/// One of the last turns.
#[derive(Serialize)]
struct LastTurn {
    role: Role,
    text: String,
}

impl LastTurn {
    fn new(turn: &Turn) -> Self {
        // More than all attributes may have is not even copied.
        let text = to_units(without_keys(turn.text.trim()), ATTRIBUTES_MAX);
        Self { role: turn.role, text }
    }

    /// Units in the list, with the comma.
    fn cost(&self) -> usize {
        length(self) + 1
    }

    /// Shortened to cost no more than `room`.
    fn within(self, room: usize) -> Self {
        let frame = self.cost().saturating_sub(units(&self.text));
        Self { text: to_units(&self.text, room.saturating_sub(frame)), ..self }
    }
}

/// Nobody here measures a mood, and a guess would be believed. These two reasons are a displeasure
/// that was put into words; of the others nothing is known.
fn sentiment(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::Complaint | ReasonCode::Misunderstanding => "negative",
        _ => "unknown",
    }
}

/// `en` of `en-GB`; empty where the tag is none.
fn primary_tag(language: &str) -> String {
    let tag = language.trim().split(['-', '_']).next().unwrap_or_default();
    // BCP 47 has 8 letters at most.
    let fits = tag.len() <= 8 && tag.bytes().all(|byte| byte.is_ascii_alphabetic());
    if fits { tag.to_ascii_lowercase() } else { String::new() }
}

/// UTF-16 code units of the JSON.
fn length(value: &impl Serialize) -> usize {
    json(value).encode_utf16().count()
}

fn json(value: &impl Serialize) -> String {
    // Texts, numbers and lists of ours: JSON takes all of them, and the default is never used.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests;
