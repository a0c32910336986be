//! Machines that lose, repeat or hurry the way to a person.

use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Effect, Input, Observation},
    escalation::{Escalation, Grounds, ReasonCode, Step},
    handoff::HandoffNote,
    ids::{Epoch, EscalationId},
    relay::Inbound,
};

use super::{Broken, Cast, Invariant, found, seen_through};

/// A second escalation of the same call.
fn another(before: &Escalation) -> Escalation {
    let id = EscalationId { number: before.id.number + 1, ..before.id };
    Escalation::new(id, Grounds::new(ReasonCode::Other, "again"), before.at)
}

#[test]
fn a_hand_off_that_cuts_its_own_announcement_off_is_noticed() {
    found("an end before the bridge was spoken", &[Invariant::Bridged], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            let under_way = |effect: &Effect| match effect {
                Effect::Escalate(escalation) => {
                    escalation.is_under_way().then(|| escalation.clone())
                }
                _ => None,
            };
            let said =
                effects.iter().any(|effect| matches!(effect, Effect::Say { last: true, .. }));
            if let Some(escalation) = effects.iter().find_map(under_way).filter(|_| said)
                && this.wanted.is_none()
            {
                let code = escalation.grounds.code;
                let note = HandoffNote::escalate(escalation.id, Epoch(0), code);
                effects.push(Effect::End { handoff: note.encode() });
            }
        })
    });
}

#[test]
fn a_second_escalation_while_one_is_under_way_is_noticed() {
    found("a second escalation", &[Invariant::Escalated], |machine| {
        Broken::boxed(machine, |this, _, effects| {
            let again = Effect::Observe(Observation::Ignored("order"));
            if let Some(wanted) = this.wanted.as_ref().filter(|_| effects.contains(&again)) {
                effects.push(Effect::Escalate(Box::new(another(wanted))));
            }
        })
    });
}

#[test]
fn a_word_to_a_caller_who_was_only_asked_whether_they_stay_is_noticed() {
    found("a word of the plea", &[Invariant::Bridged], |machine| {
        Broken::boxed(machine, |this, input, effects| {
            if let Input::Answer(turn, AnswerEvent::Token(token)) = input
                && this.plea == Some(*turn)
                && effects.is_empty()
                && !this.ended
            {
                let (turn, text) = (*turn, token.clone());
                effects.push(Effect::Say { turn, text, last: true });
            }
        })
    });
}

#[test]
fn a_hand_off_that_is_taken_back_after_the_end_is_noticed() {
    found("a withdrawal after the end", &[Invariant::Escalated], |machine| {
        Broken::boxed(machine, |this, input, effects| {
            let id = this.wanted.as_ref().map(|wanted| wanted.id);
            if let Some(id) = id.filter(|_| this.ended && !this.finished)
                && matches!(input, Input::Relay(Inbound::Prompt(_)))
            {
                effects.push(Effect::Advance { id, step: Step::Withdrawn });
            }
        })
    });
}

#[test]
fn a_hand_off_that_is_never_carried_out_is_noticed() {
    let promises = [Invariant::Escalated, Invariant::Bridged, Invariant::Deadline];
    found("an end that is forgotten", &promises, |machine| {
        Broken::boxed(machine, |_, _, effects| {
            effects.retain(|effect| !matches!(effect, Effect::End { .. }));
        })
    });
}

#[test]
fn a_message_that_is_taken_twice_is_noticed() {
    found("a message twice", &[Invariant::Escalated], |machine| {
        Broken::boxed(machine, |_, _, effects| {
            let left = |effect: &&Effect| {
                matches!(effect, Effect::Advance { step: Step::MessageLeft { .. }, .. })
            };
            if let Some(again) = effects.iter().find(left).cloned() {
                effects.push(again);
            }
        })
    });
}

#[test]
fn an_escalation_that_a_successor_forgets_is_noticed() {
    let forgetful = Cast::forgetful(|mut record| {
        record.escalation = None;
        record
    });
    seen_through("a forgotten escalation", &[Invariant::Escalated], &forgetful);
}
