//! Calls that leave for another engine, and arrive there.

use super::*;
use crate::domain::handoff::{HandoffKind, HandoffNote};

/// The same call on the engine that it was moved to.
fn moved_on(talk: &Talk, note: bool) -> Talk {
    let mut record = record(Some("Hello, this is Owl."));
    record.epoch = Epoch(2);
    record.transcript = talk.machine.transcript().clone();
    let after = record.transcript.last_said();
    if note {
        record.apply(&Change::Moved { after }, talk.now);
    }
    let mut next = Talk::new(record);
    next.now = talk.now + 300;
    next.attach();
    next
}

fn moves(talk: &Talk) -> usize {
    let kind = |effect: &Effect| match effect {
        Effect::End { handoff } => HandoffNote::parse(handoff).ok().map(|note| note.kind),
        _ => None,
    };
    talk.effects.iter().filter(|effect| kind(effect) == Some(HandoffKind::Move)).count()
}

#[test]
fn a_call_in_which_nobody_speaks_is_moved_at_once() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    assert_eq!(moves(&talk), 1);
    talk.on(Input::HandedOver);
    let effects = talk.look();
    assert_eq!(effects.last(), Some(&Effect::Finish));
    let ended = |effect: &Effect| matches!(effect, Effect::Settle(Change::Ended { .. }));
    assert!(!effects.iter().any(ended), "the call goes on");
}

#[test]
fn an_answer_is_heard_to_its_end_before_the_call_is_moved() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    talk.on(Input::Move);
    talk.tokens(turn, "The fee is twenty dollars a month.");
    talk.done(turn);
    let spoken = talk.machine.playback.ends_at();
    talk.wait(spoken.since(talk.now) + MOMENT - 1);
    assert_eq!(moves(&talk), 0, "the voice still speaks, or the caller begins to answer");
    talk.wait(1);
    assert_eq!(moves(&talk), 1);
    assert!(!talk.agent(turn).interrupted);
}

#[test]
fn a_caller_who_speaks_or_has_cut_in_is_not_moved_in_mid_sentence() {
    let mut talk = Talk::greeted();
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.on(Input::Move);
    talk.wait(5_000);
    assert_eq!(moves(&talk), 0, "the caller speaks");
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(false))));
    assert_eq!(moves(&talk), 0, "their words are still to come");
    talk.wait(MOMENT);
    assert_eq!(moves(&talk), 1);
    let mut talk = Talk::greeted();
    talk.interrupt("Hello");
    talk.on(Input::Move);
    talk.wait(2_000);
    assert_eq!(moves(&talk), 0, "whoever cuts in has something to say");
}

/// Of the machine's.
const MOMENT: Millis = 1_000;

#[test]
fn a_caller_who_talks_on_and_on_is_moved_behind_the_next_answer() {
    let mut talk = Talk::greeted();
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.on(Input::Move);
    talk.wait(14_000);
    let turn = talk.ask("The fee?");
    talk.wait(1_000);
    talk.token(turn, "Nil.");
    assert_eq!(moves(&talk), 0, "they are answered first");
    talk.done(turn);
    assert_eq!(moves(&talk), 1, "twilio speaks what it has, and ends the session then");
}

#[test]
fn a_caller_in_the_middle_of_a_long_sentence_is_heard_to_its_end() {
    let mut talk = Talk::greeted();
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.on(Input::Move);
    talk.wait(29_000);
    assert_eq!(moves(&talk), 0);
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(false))));
    talk.wait(MOMENT);
    assert_eq!(moves(&talk), 1);
}

#[test]
fn a_call_on_its_way_to_a_person_or_to_its_end_is_left_to_end_by_itself() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    assert_eq!(moves(&talk), 1);
    let mut talk = Talk::greeted();
    talk.ask("I want to talk to a person.");
    talk.on(Input::Move);
    talk.wait(20_000);
    assert_eq!(moves(&talk), 0);
    assert!(talk.ended(), "the hand-off goes on");
    let mut talk = Talk::greeted();
    let turn = talk.ask("Bye.");
    talk.on(Input::Move);
    talk.tokens(turn, "Goodbye then.\nEND_CALL");
    talk.done(turn);
    talk.wait(20_000);
    assert_eq!(moves(&talk), 0);
    assert!(talk.ended(), "the call ends");
}

#[test]
fn the_caller_hears_nothing_of_the_move_and_the_silence_is_counted_anew() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    let mut next = moved_on(&talk, true);
    next.wait(11_000);
    assert_eq!(next.heard(), "");
    next.wait(1_000);
    assert_eq!(next.heard(), "Are you there?");
    // Without the note the line broke, and the caller is told so.
    assert_eq!(moved_on(&talk, false).heard(), "Sorry, I lost you. Go on.");
}

#[test]
fn a_caller_who_has_heard_something_since_the_move_hears_of_the_next_break() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    let mut next = moved_on(&talk, true);
    let turn = next.ask("The fee?");
    next.token(turn, "Nil.");
    next.done(turn);
    next.wait(5_000);
    let mut record = record(Some("Hello, this is Owl."));
    record.apply(&Change::Moved { after: TurnId(0) }, talk.now);
    record.transcript = next.machine.transcript().clone();
    let mut last = Talk::new(record);
    last.now = next.now;
    last.attach();
    assert_eq!(last.heard(), "Sorry, I lost you. Go on.");
}

#[test]
fn what_the_caller_says_on_the_way_is_answered_by_the_other_engine() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    talk.say("The fee?");
    talk.press('1');
    talk.on(Input::HandedOver);
    let mut next = moved_on(&talk, true);
    assert_eq!(next.turn(TurnId(1), Role::Customer).reason, Some(Reason::Superseded));
    assert_eq!(next.turn(TurnId(2), Role::Customer).reason, None);
    let (turn, _) = next.questions().pop().expect("the model is asked");
    assert_eq!((turn, next.heard()), (TurnId(2), String::new()));
    assert_eq!(next.told().last().map(|(_, words)| words.clone()), Some("[keys] 1".to_owned()));
}

#[test]
fn a_call_that_is_let_go_leaves_its_question_to_the_next_engine() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    talk.on(Input::LetGo);
    assert_eq!(talk.look().last(), Some(&Effect::Finish));
    assert_eq!(talk.machine.transcript().unanswered().map(|turn| turn.id), Some(turn));
    let next = moved_on(&talk, false);
    assert_eq!(next.questions().last().map(|(turn, _)| *turn), Some(turn));
}

#[test]
fn who_wants_a_person_on_the_way_is_sent_to_one_by_the_other_engine() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    talk.say("I want to talk to a person.");
    talk.on(Input::HandedOver);
    let mut next = moved_on(&talk, true);
    assert_eq!(next.heard(), "I connect you.");
    let escalates = |effect: &Effect| matches!(effect, Effect::Escalate(_));
    assert!(next.effects.iter().any(escalates));
    assert_eq!(next.questions(), [], "no model need say so");
}

#[test]
fn a_moved_call_whose_line_breaks_hears_no_answer_twice() {
    let mut talk = Talk::greeted();
    talk.on(Input::Move);
    talk.say("The fee?");
    talk.on(Input::HandedOver);
    let mut next = moved_on(&talk, true);
    let turn = TurnId(1);
    next.tokens(turn, "The fee is nil, and it will be nil for ever. ");
    next.interrupt("The fee is nil");
    next.say("For ever?");
    let answer = next.machine.turn;
    next.tokens(answer, "For ever and ever. ");
    next.on(Input::LineLost { clean: false });
    next.wait(300);
    next.attach();
    next.look();
    next.interrupt("The fee is nil");
    next.say("For ever?");
    assert_eq!(next.machine.turn, answer, "both are old");
    assert!(!next.look().contains(&Effect::StopAsking), "the answer is still being written");
}
