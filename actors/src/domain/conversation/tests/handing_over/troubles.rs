//! Hand-offs that go wrong half-way: what the simulation found.

use super::*;
use crate::domain::order::{Order, Ordered};

#[test]
fn a_voice_that_stops_may_have_been_stopped_by_the_caller() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.wait(300);
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(false))));
    assert_eq!(talk.ends(), []);
    talk.interrupt("I con");
    talk.wait(5_999);
    assert_eq!(talk.ends(), [], "the interrupt holds it");
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.wait(300);
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(false))));
    talk.wait(1_500);
    assert_eq!(talk.ends().len(), 1, "nobody has cut in");
}

#[test]
fn an_order_before_the_caller_can_hear_is_carried_out_when_they_can() {
    let order = || Input::Ordered(Grounds::new(ReasonCode::Supervisor, "by Ada"));
    let mut talk = Talk::new(record(Some("Hello, this is Owl.")));
    talk.on(order());
    assert_eq!(talk.escalations(), []);
    talk.attach();
    assert_eq!(talk.agent(TurnId(0)).text, "Hello, this is Owl.");
    assert_eq!((talk.heard().as_str(), talk.escalations().len()), (BRIDGE, 1));
}

#[test]
fn an_order_does_not_erase_what_an_earlier_session_said_of_the_answer() {
    let mut record = record(None);
    record.transcript.put(Turn::new(TurnId(1), Role::Customer, "The fee?", START));
    let half = Turn { open: true, ..Turn::new(TurnId(1), Role::Agent, "The fee is", START) };
    record.transcript.put(half);
    let mut talk = Talk::new(record);
    talk.attach();
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "by Ada")));
    assert_eq!(talk.agent(TurnId(1)).text, "The fee is");
    assert_eq!(talk.agent(TurnId(3)).text, BRIDGE);
}

#[test]
fn words_that_wait_for_a_line_are_said_before_what_a_supervisor_orders() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("What is the fee?");
    talk.on(Input::LineLost { clean: false });
    talk.tokens(turn, "It is ");
    talk.look();
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "by Ada")));
    assert!(!talk.look().contains(&Effect::Silence));
}

#[test]
fn a_wish_that_is_known_is_not_lost_by_asking_again() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Fraud!");
    talk.answer(turn, wish("fraud"));
    talk.fail_with(turn, failure(FailureKind::Cut));
    assert_eq!((talk.questions().len(), talk.escalations().len()), (1, 1));
    assert_eq!(talk.agent(turn).text, BRIDGE);
}

#[test]
fn a_bridge_sentence_that_was_held_back_is_not_said_behind_the_end() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Help.");
    talk.wait(1_500);
    talk.interrupt("");
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.answer(turn, wish("help"));
    talk.done(turn);
    talk.look();
    talk.interrupt("");
    talk.wait(6_000);
    assert_eq!(talk.ends().len(), 1);
    talk.wait(9_000);
    assert_eq!(talk.heard(), "");
}

#[test]
fn a_caller_who_is_back_before_a_word_of_the_bridge_was_said_hears_it() {
    let mut talk = Talk::greeted();
    let turn = talk.say("Help.");
    talk.answer(turn, wish("help"));
    talk.done(turn);
    talk.on(Input::LineLost { clean: true });
    talk.look();
    talk.attach();
    assert_eq!(talk.heard(), BRIDGE);
    talk.wait(10_000);
    assert_eq!(talk.ends().len(), 1);
}

#[test]
fn a_caller_who_would_rather_stay_and_asks_four_times_for_nothing_may_still_have_a_person() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    let turn = talk.say("Never mind.");
    talk.answer(turn, call(STAY_TOOL, "{}"));
    for _ in 0..4 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
    }
    assert_eq!(talk.escalations().len(), 2, "the first was not in vain");
}

#[test]
fn a_message_is_not_taken_before_the_caller_was_asked_for_one() {
    let mut talk = Talk::without_people();
    let turn = talk.say("Help.");
    talk.answer(turn, wish("help"));
    talk.done(turn);
    talk.ask("My card is gone.");
    assert_eq!((talk.steps(), talk.questions().len()), (vec![], 2));
}

#[test]
fn a_question_behind_a_withdrawn_wish_is_answered_by_the_next_session() {
    let mut record = escalated(EscalationState::Requested);
    let mut put = |id, role, text: &str, at| {
        record.transcript.put(Turn::new(TurnId(id), role, text, START + at));
    };
    put(2, Role::Customer, "Never mind.", 1_000);
    put(2, Role::Agent, "Let us go on.", 2_000);
    put(3, Role::Customer, "The fee?", 3_000);
    let id = record.escalation.as_ref().unwrap().id;
    // A store that was slow.
    record.apply(&Change::Escalation { id, step: Step::Withdrawn }, START + 9_000);
    let mut talk = Talk::new(record);
    talk.attach();
    assert_eq!((talk.heard().as_str(), talk.questions().len()), ("", 1));
}

#[test]
fn a_caller_who_left_a_message_is_not_asked_for_it_again() {
    let mut record = escalated(EscalationState::Failed);
    let id = record.escalation.as_ref().unwrap().id;
    let step = Step::MessageLeft { text: "x".to_owned() };
    record.apply(&Change::Escalation { id, step }, START + 9_000);
    let mut talk = Talk::new(record);
    talk.attach();
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on.");
}

#[test]
fn an_end_that_a_failed_session_lost_is_repeated_on_the_next_line() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.wait(5_000);
    assert_eq!(talk.ends().len(), 1);
    talk.on(Input::SessionFailed(Failure::new(talk.now)));
    talk.wait(300);
    talk.attach();
    assert_eq!(talk.ends().len(), 2);
}

#[test]
fn news_of_the_voice_that_open_a_line_are_not_about_the_bridge_sentence() {
    let mut talk = Talk::new(escalated(EscalationState::Requested));
    talk.on(Input::Attached);
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(false))));
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(true))));
    assert_eq!((talk.heard().as_str(), talk.ends().len()), (BRIDGE, 0));
}

#[test]
fn who_asks_again_for_a_person_where_there_is_none_has_left_that_as_a_message() {
    let mut talk = Talk::without_people();
    talk.say("I want to talk to a person");
    talk.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, "x")));
    let turn = talk.say("I want to talk to a person!");
    assert_eq!(talk.agent(turn).text, "I have noted that.");
    assert_eq!(talk.escalations().len(), 1);
    assert_eq!(talk.steps(), [Step::MessageLeft { text: "I want to talk to a person!".into() }]);
}

#[test]
fn a_hum_a_refusal_and_a_goodbye_are_no_messages() {
    for words in ["um", "Okay.", "yes"] {
        let mut talk = Talk::without_people();
        talk.say("I want to talk to a person");
        let turn = talk.say(words);
        assert_eq!(
            (talk.agent(turn).text.as_str(), talk.steps()),
            ("Please go on.", vec![]),
            "{words}"
        );
        talk.say("It is about my fee.");
        assert_eq!(talk.steps().len(), 1, "{words}");
    }
    let mut talk = Talk::without_people();
    let persona = Arc::make_mut(&mut talk.machine.persona);
    (persona.goodbye_phrases, persona.stay_phrases) =
        (vec!["bye".to_owned()], vec!["no".to_owned()]);
    talk.say("I want to talk to a person");
    let turn = talk.say("No.");
    assert_eq!(talk.agent(turn).text, "Let us go on.");
    talk.say("I want to talk to a person");
    talk.ask("Bye, bye!");
    assert_eq!((talk.questions().len(), talk.steps()), (1, vec![]));
}

#[test]
fn who_comes_back_to_a_new_session_is_asked_for_the_message_again() {
    let mut record = super::escalated(EscalationState::Failed);
    let mut asked =
        Turn::new(TurnId(2), Role::Agent, "Nobody was free. What shall I tell them?", START + 5);
    asked.reason = Some(Reason::NoPerson);
    record.transcript.put(asked);
    let mut talk = Talk::new(record);
    talk.now = START + 9_000;
    talk.attach();
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on. Nobody was free. What shall I tell them?");
    talk.say("It is about my fee.");
    assert_eq!(talk.steps().len(), 1);
}

#[test]
fn a_short_question_about_the_request_is_answered_and_the_message_follows_it() {
    let mut talk = Talk::without_people();
    talk.say("I want to talk to a person");
    let turn = talk.ask("Why not?");
    talk.tokens(turn, "Nobody is here.");
    talk.done(turn);
    talk.say("It is about my fee.");
    assert_eq!(talk.steps().len(), 1);
    let mut talk = Talk::without_people();
    talk.say("I want to talk to a person");
    let turn = talk.ask("What is the fee of the gold card?");
    talk.tokens(turn, "Five dollars.");
    talk.done(turn);
    talk.ask("And the fee of the other one.");
    assert_eq!(talk.steps(), [], "they have gone on to something else");
}

#[test]
fn who_orders_is_told_beforehand_what_will_become_of_it() {
    let grounds = || Grounds::new(ReasonCode::Supervisor, "by Ada");
    let told = |talk: &Talk| talk.machine.answer_to(&Order::Escalate(grounds()));
    let mut early = Talk::new(record(Some("Hello, this is Owl.")));
    assert_eq!(told(&early), Ordered::Taken);
    early.on(Input::Ordered(grounds()));
    assert_eq!(told(&early), Ordered::UnderWay, "it is carried out when the caller can hear");
    let mut talk = Talk::greeted();
    talk.ask("What is the fee?");
    assert_eq!(told(&talk), Ordered::Taken);
    talk.on(Input::Ordered(grounds()));
    assert_eq!(told(&talk), Ordered::UnderWay, "the bridge sentence is spoken");
    talk.wait(10_000);
    assert_eq!((talk.ends().len(), told(&talk)), (1, Ordered::UnderWay));
    let mut asked_in_vain = Talk::without_people();
    asked_in_vain.say("I want to talk to a person");
    assert_eq!(told(&asked_in_vain), Ordered::UnderWay, "a message is waited for");
    let mut goodbye = Talk::greeted();
    let turn = goodbye.ask("That was all.");
    goodbye.tokens(turn, "Goodbye.\nEND_CALL");
    goodbye.done(turn);
    assert_eq!(told(&goodbye), Ordered::Ending);
    let mut moved = Talk::greeted();
    moved.on(Input::Move);
    moved.wait(60_000);
    assert_eq!((moved.ends().len(), told(&moved)), (1, Ordered::NotHere));
    let mut fenced = Talk::greeted();
    fenced.on(Input::Fenced);
    assert_eq!(told(&fenced), Ordered::NotHere);
}

#[test]
fn a_request_for_a_message_stands_on_the_next_engine_whatever_was_said_about_it_since() {
    let failed = || escalated(EscalationState::Failed);
    let mut talk = Talk::new(failed());
    talk.now = START + 1_000;
    talk.attach();
    talk.wait(20_000);
    assert!(talk.heard().ends_with("Are you there?"));
    let transcript = talk.machine.transcript().clone();
    let mut next = Talk::new(CallRecord { transcript: transcript.clone(), ..failed() });
    next.now = talk.now;
    next.attach();
    assert_eq!(next.heard(), "Sorry, I lost you. Go on. Nobody was free. What shall I tell them?");
    next.say("Call me about the fee.");
    assert_eq!(next.heard(), "I have noted that.");
    // The message itself may be all that the engine before this one had noted of it.
    let mut record = CallRecord { transcript, ..failed() };
    let turn = TurnId(record.transcript.last_id().0 + 1);
    let message = Turn::new(turn, Role::Customer, "Call me about the fee.", talk.now);
    record.transcript.put(message);
    let mut next = Talk::new(record);
    next.now = talk.now;
    next.attach();
    assert_eq!((next.heard().as_str(), next.questions().len()), ("I have noted that.", 0));
    assert!(next.steps().iter().any(|step| matches!(step, Step::MessageLeft { .. })));
}
