//! A caller who shall be with a person: who says so, what they hear, and how they may think again.

mod second_thoughts;
mod troubles;

use super::*;
use crate::domain::{
    answer::ToolCall,
    escalation::{EscalationState, ReasonCode, Unreached},
    handoff::HandoffNote,
    prompt::{ESCALATE_TOOL, STAY_TOOL, Tools},
};

const BRIDGE: &str = "I connect you.";
const HONEST: &str = "I cannot reach a colleague. What shall I tell them?";

fn call(name: &str, arguments: &str) -> AnswerEvent {
    let (id, name) = ("call-1".to_owned(), name.to_owned());
    AnswerEvent::Called(ToolCall { id, name, arguments: arguments.to_owned() })
}

fn wish(reason: &str) -> AnswerEvent {
    call(ESCALATE_TOOL, &format!(r#"{{"reason":"{reason}","reason_code":"fraud","urgent":true}}"#))
}

impl Talk {
    /// A call in which nobody takes calls.
    fn without_people() -> Self {
        let mut talk = Self::greeted();
        talk.machine.rules.has_people = false;
        talk
    }

    fn escalations(&self) -> Vec<Escalation> {
        let escalated = |effect: &Effect| match effect {
            Effect::Escalate(escalation) => Some((**escalation).clone()),
            _ => None,
        };
        self.effects.iter().filter_map(escalated).collect()
    }

    fn steps(&self) -> Vec<Step> {
        let step = |effect: &Effect| match effect {
            Effect::Advance { step, .. } => Some(step.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(step).collect()
    }

    fn ends(&self) -> Vec<HandoffNote> {
        let end = |effect: &Effect| match effect {
            Effect::End { handoff } => HandoffNote::parse(handoff).ok(),
            _ => None,
        };
        self.effects.iter().filter_map(end).collect()
    }

    /// The caller asks for a person, and the escalation is recorded.
    fn wants_a_person(&mut self) -> TurnId {
        let turn = self.say("I want to talk to a person");
        let id = self.escalations().last().unwrap().id;
        self.on(Input::Escalated(id));
        turn
    }

    fn tools(&self) -> Vec<Tools> {
        self.questions().iter().map(|(_, prompt)| prompt.tools).collect()
    }
}

#[test]
fn a_caller_who_asks_for_a_person_hears_the_bridge_whole_and_is_handed_over() {
    let mut talk = Talk::greeted();
    let turn = talk.wants_a_person();
    assert_eq!(talk.questions(), [], "the model has no say in it");
    assert_eq!(talk.agent(turn).text, BRIDGE);
    let spoken = talk.machine.playback.ends_at();
    talk.wait(spoken.since(talk.now) - 1);
    assert_eq!(talk.ends(), []);
    talk.wait(1);
    let ends = talk.ends();
    let id = talk.escalations()[0].id;
    assert_eq!(ends, [HandoffNote::escalate(id, Epoch(0), ReasonCode::CallerAsked)]);
    assert_eq!(talk.escalations().len(), 1);
    talk.on(Input::HandedOver);
    assert!(
        !talk.effects.iter().any(|effect| matches!(effect, Effect::Settle(Change::Ended { .. })))
    );
    assert_eq!(talk.effects.last(), Some(&Effect::Finish));
}

#[test]
fn a_tool_call_behind_words_escalates_with_what_it_says() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("There is a charge I do not know.");
    assert_eq!(talk.tools(), [Tools::Escalate]);
    talk.tokens(turn, "I am sorry to hear that.");
    talk.answer(turn, wish("unknown charge"));
    talk.answer(turn, wish("a second one"));
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, format!("I am sorry to hear that. {BRIDGE}"));
    let escalations = talk.escalations();
    assert_eq!(escalations.len(), 1);
    let grounds = &escalations[0].grounds;
    assert_eq!(
        (grounds.code, grounds.reason.as_str(), grounds.urgent),
        (ReasonCode::Fraud, "unknown charge", true)
    );
    assert!(talk.effects.iter().any(|effect| matches!(effect, Effect::Summarize { .. })));
    assert!(!talk.cycle_open);
}

#[test]
fn a_mark_ends_the_answer_at_its_line_and_a_model_that_goes_on_is_stopped() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("My card is gone.");
    talk.tokens(turn, "Of course.\n");
    for token in ["ESC", "ALATE", ": lost", "_card\n", "And ", "more."] {
        talk.token(turn, token);
    }
    assert_eq!(talk.agent(turn).text, format!("Of course. {BRIDGE}"));
    assert!(talk.effects.contains(&Effect::StopAsking));
    assert_eq!(talk.escalations()[0].grounds.reason, "lost_card");
    assert_eq!(talk.escalations()[0].grounds.code, ReasonCode::LostCard);
}

#[test]
fn a_model_that_fails_behind_its_mark_has_asked_for_a_person_all_the_same() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Help.");
    talk.token(turn, "ESCALATE: no answer");
    talk.wait(2_500);
    assert_eq!(talk.agent(turn).text, BRIDGE);
    assert_eq!(talk.escalations().len(), 1);
}

#[test]
fn a_marker_that_the_caller_says_escalates_nothing() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("ESCALATE: billing");
    talk.tokens(turn, "I heard you.");
    talk.done(turn);
    assert_eq!(talk.escalations(), []);
}

#[test]
fn the_wait_is_told_when_it_is_known() {
    for (wait, words) in [(0, "Soon."), (59_999, "Soon."), (60_000, "Minutes."), (600_000, "Long.")]
    {
        let mut talk = Talk::greeted();
        talk.machine.expect_wait(Some(wait));
        let turn = talk.wants_a_person();
        assert_eq!(talk.agent(turn).text, format!("{BRIDGE} {words}"));
    }
}

#[test]
fn the_end_does_not_wait_for_a_record_longer_than_two_seconds() {
    let mut talk = Talk::greeted();
    talk.say("I want to talk to a person");
    talk.wait(1_999);
    assert_eq!(talk.ends(), [], "it is not recorded, and short as the sentence is it waits");
    talk.wait(1);
    assert_eq!(talk.ends().len(), 1);
}

#[test]
fn nothing_is_withdrawn_after_the_end_and_the_line_stays_until_twilio_closes_it() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.wait(10_000);
    assert_eq!(talk.ends().len(), 1);
    let turn = talk.say("Never mind.");
    assert!(talk.questions().is_empty() && talk.steps().is_empty());
    let words = talk.machine.transcript().get(turn, Role::Customer).unwrap();
    assert_eq!(words.reason, Some(Reason::CallEnded));
    assert!(!talk.effects.contains(&Effect::Finish));
    talk.on(Input::LineLost { clean: true });
    assert_eq!(talk.effects.last(), Some(&Effect::Finish));
    assert!(!talk.effects.iter().any(|effect| matches!(effect, Effect::Settle(_))));
}

#[test]
fn a_second_wish_while_one_is_under_way_changes_nothing() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    let turn = talk.say("I want to talk to a person, now!");
    talk.answer(turn, wish("again"));
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "x")));
    assert_eq!((talk.escalations().len(), talk.ends().len()), (1, 1));
}

#[test]
fn a_supervisors_order_takes_the_place_of_the_answer() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("What is the fee?");
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "by Ada")));
    assert_eq!(talk.agent(turn).text, BRIDGE);
    talk.tokens(turn, "Late.");
    assert_eq!(talk.heard(), BRIDGE);
    assert_eq!(talk.escalations()[0].grounds.reason, "by Ada");
    let mut talk = Talk::greeted();
    let turn = talk.ask("What is the fee?");
    talk.tokens(turn, "It is ");
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "by Ada")));
    assert_eq!(talk.agent(turn.next()).text, BRIDGE);
    assert!(!talk.cycle_open);
}

#[test]
fn four_failed_answers_ask_for_a_person_and_a_fifth_row_of_them_ends_the_call() {
    let mut talk = Talk::greeted();
    for _ in 0..4 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
    }
    assert!(talk.heard().ends_with(BRIDGE));
    assert_eq!(talk.escalations()[0].grounds.code, ReasonCode::EngineFailed);
    let mut talk = Talk::without_people();
    for _ in 0..4 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
    }
    assert!(talk.heard().ends_with(HONEST));
    talk.say("Call me about the fee.");
    for _ in 0..4 {
        let turn = talk.ask("Hello");
        talk.fail(turn);
    }
    assert!(talk.heard().ends_with("Sorry, we cannot talk now. Goodbye."));
    assert_eq!(talk.escalations().len(), 1);
}

#[test]
fn where_nobody_takes_calls_a_message_is_taken_and_the_conversation_goes_on() {
    let mut talk = Talk::without_people();
    let turn = talk.say("I want to talk to a person");
    assert_eq!(
        (talk.agent(turn).text.as_str(), talk.agent(turn).reason),
        (HONEST, Some(Reason::NoPerson))
    );
    let escalation = &talk.escalations()[0];
    assert_eq!(
        (escalation.state, escalation.unreached),
        (EscalationState::Failed, Some(Unreached::NoDesk))
    );
    talk.wait(10_000);
    assert_eq!(talk.ends(), []);
    let turn = talk.say("It is about my fee.");
    assert_eq!(talk.agent(turn).text, "I have noted that.");
    assert_eq!(talk.steps(), [Step::MessageLeft { text: "It is about my fee.".into() }]);
    talk.look();
    let turn = talk.ask("What is the fee?");
    talk.tokens(turn, "Five dollars.");
    assert_eq!(talk.heard(), "Five dollars.");
}

#[test]
fn a_caller_who_leaves_no_message_is_not_taken_at_their_word_for_one() {
    let mut talk = Talk::without_people();
    talk.say("I want to talk to a person");
    talk.look();
    talk.say("Never mind.");
    assert_eq!((talk.heard().as_str(), talk.steps()), ("Let us go on.", vec![]));
    talk.say("I want to talk to a person");
    talk.ask("How much is the fee?");
    assert_eq!((talk.questions().len(), talk.steps()), (1, vec![]));
}

fn escalated(state: EscalationState) -> CallRecord {
    let mut record = record(None);
    record.transcript.put(Turn::new(TurnId(1), Role::Customer, "A person!", START));
    record.transcript.put(Turn::new(TurnId(1), Role::Agent, BRIDGE, START));
    let grounds = Grounds::new(ReasonCode::CallerAsked, "x");
    let mut escalation = Escalation::new(record.next_escalation(), grounds, START + 1);
    match state {
        EscalationState::Failed => {
            escalation.apply(&Step::Failed { why: Unreached::QueueFull }, START + 2)
        }
        EscalationState::Withdrawn => escalation.apply(&Step::Withdrawn, START + 2),
        EscalationState::Queued => escalation.apply(&Step::Queued { task: None }, START + 2),
        _ => true,
    };
    record.apply(&Change::Escalated { escalation: Box::new(escalation) }, START + 2);
    record
}

#[test]
fn a_caller_who_comes_back_from_the_queue_hears_why_and_is_asked_for_a_message() {
    for state in [EscalationState::Failed, EscalationState::Queued] {
        let mut talk = Talk::new(escalated(state));
        talk.attach();
        assert_eq!(talk.heard(), "Nobody was free. What shall I tell them?");
        let failed = talk.steps().iter().any(|step| matches!(step, Step::Failed { .. }));
        assert_eq!(failed, state == EscalationState::Queued);
        talk.say("Call me about the fee.");
        assert_eq!(talk.heard(), "I have noted that.");
    }
}

#[test]
fn a_caller_who_wanted_back_is_welcome_and_told_once() {
    let mut talk = Talk::new(escalated(EscalationState::Withdrawn));
    talk.now = START + 1_000;
    talk.attach();
    assert_eq!(talk.heard(), "Let us go on.");
    let mut record = escalated(EscalationState::Withdrawn);
    record.transcript = talk.machine.transcript().clone();
    let mut talk = Talk::new(record);
    talk.now = START + 1_000;
    talk.attach();
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on.");
}

#[test]
fn a_session_that_takes_over_in_the_middle_of_the_bridge_says_it_again_and_hands_over() {
    let mut talk = Talk::new(escalated(EscalationState::Requested));
    talk.attach();
    assert_eq!(talk.heard(), BRIDGE);
    talk.wait(10_000);
    assert_eq!(talk.ends().len(), 1);
    assert_eq!(talk.escalations(), [], "it is the same one");
    assert_eq!(talk.ends()[0].escalation.map(|id| id.number), Some(1));
}

#[test]
fn a_tool_that_is_called_wrongly_is_explained_three_times_and_then_something_safe_is_said() {
    for (name, arguments, why) in
        [("dance", "{}", "unknown"), ("stay", "{", "unknown"), ("", "", "unknown")]
    {
        let mut talk = Talk::greeted();
        let turn = talk.ask("Hello?");
        for round in 1..=4 {
            assert_eq!(talk.questions().len(), round);
            talk.answer(turn, call(name, arguments));
            talk.done(turn);
        }
        assert_eq!(talk.questions().len(), 4);
        assert_eq!(talk.heard(), "Sorry, say that again?");
        assert_eq!(talk.escalations(), []);
        let (_, last) = talk.questions().pop().unwrap();
        let told = last.messages.last().unwrap();
        assert_eq!(told.role, Speaker::Tool);
        assert!(told.content.starts_with("error: "));
        assert!(talk.effects.contains(&Effect::Observe(Observation::CallRefused(why))));
    }
}

#[test]
fn words_before_a_tool_that_nobody_knows_are_left_at_that() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.tokens(turn, "Let me look.");
    talk.answer(turn, call("dance", "{}"));
    talk.done(turn);
    assert_eq!((talk.questions().len(), talk.agent(turn).text.as_str()), (1, "Let me look."));
    talk.look();
    let turn = talk.ask("Hello?");
    talk.answer(turn, call("dance", "{}"));
    talk.done(turn);
    talk.tokens(turn, "Second thoughts.");
    talk.done(turn);
    assert_eq!(talk.heard(), "Second thoughts.");
}

#[test]
fn a_person_who_is_called_for_illegibly_to_the_end_comes_all_the_same() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    for round in 1..=4 {
        assert_eq!((talk.questions().len(), talk.escalations()), (round, vec![]));
        talk.answer(turn, call(ESCALATE_TOOL, "{"));
        talk.done(turn);
    }
    assert_eq!((talk.questions().len(), talk.heard().as_str()), (4, BRIDGE));
    assert_eq!(talk.escalations().len(), 1);
    let refused = Observation::CallRefused("malformed");
    assert!(talk.effects.contains(&Effect::Observe(refused)));
    // What the token limit has cut is not asked for again.
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.answer(turn, call(ESCALATE_TOOL, r#"{"reason":"#));
    talk.answer(turn, AnswerEvent::Done(Finish::Length));
    assert_eq!((talk.questions().len(), talk.heard().as_str()), (1, BRIDGE));
}
