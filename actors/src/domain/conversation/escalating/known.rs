//! What a session knows of the call's escalations when it begins: only what the record says.

use super::{Current, Escalating, message::is_aside};
use crate::domain::{
    escalation::{Escalation, EscalationState},
    persona::Persona,
    record::CallRecord,
    transcript::{Reason, Role, Turn},
};

impl Escalating {
    pub(in super::super) fn of(record: &CallRecord, persona: &Persona) -> Self {
        let Some(known) = &record.escalation else { return Self::default() };
        let asked = known.state == EscalationState::Failed && was_asked(known, record);
        let requested = known.state == EscalationState::Requested;
        let current = Current {
            id: known.id,
            code: known.grounds.code,
            at: known.at,
            recorded: true,
            inherited: true,
        };
        // While it stands open nobody has dealt with its caller being back.
        let told = known.state.is_final() && was_told(known, record, persona);
        let back = !requested && known.state != EscalationState::Finished && !told;
        Self {
            count: known.id.number,
            in_vain: known.state == EscalationState::Failed || back && !known.state.is_final(),
            current: requested.then_some(current),
            ordered: None,
            message_for: (asked && known.message.is_none()).then_some(known.id),
            back_from: back.then_some((known.id, known.state)),
            expected_wait: None,
        }
    }
}

/// Whether the caller was asked for a message, and has said nothing to it since but a question in
/// between, or what nobody has heeded yet.
fn was_asked(known: &Escalation, record: &CallRecord) -> bool {
    let unheeded = record.transcript.unanswered();
    let stands =
        |turn: &&Turn| turn.role == Role::Agent || Some(*turn) == unheeded || is_aside(&turn.text);
    let since = record.transcript.turns().iter().rev().take_while(stands);
    let request = |turn: &Turn| turn.reason == Some(Reason::NoPerson) && turn.at >= known.at;
    since.into_iter().any(request)
}

/// Whether the caller was told what became of it: since it is over, or by the session that ended it,
/// whose step may have been noted later than what it said about it.
fn was_told(known: &Escalation, record: &CallRecord, persona: &Persona) -> bool {
    let says_so = |turn: &Turn| match known.state {
        EscalationState::Withdrawn => !turn.text.is_empty() && persona.stay.starts_with(&turn.text),
        _ => turn.reason == Some(Reason::NoPerson),
    };
    let told = |turn: &Turn| {
        turn.role == Role::Agent && (turn.at >= known.since || turn.at > known.at && says_so(turn))
    };
    // Who stayed and asked something since then is to be answered.
    let asks = |turn: &Turn| turn.open || record.transcript.unanswered() == Some(turn);
    let last = record.transcript.turns().last();
    let goes_on = known.state == EscalationState::Withdrawn
        && last.is_some_and(|turn| turn.at > known.at && asks(turn));
    // Who left a message was asked for one.
    goes_on || known.message.is_some() || record.transcript.turns().iter().any(told)
}
