//! The first line, a new one, and another engine's call.

use super::{resuming::BREAK, *};

fn taken_over(turns: Vec<Turn>) -> Talk {
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = turns.into_iter().collect();
    Talk::new(record)
}

fn turn(id: u32, role: Role, text: &str) -> Turn {
    Turn::new(TurnId(id), role, text, START)
}

#[test]
fn a_greeting_that_twilio_speaks_is_noted_and_not_said_again() {
    let mut talk = Talk::new(record(Some("Hello, this is Owl.")));
    talk.attach();
    assert_eq!(talk.heard(), "");
    assert_eq!(talk.agent(TurnId(0)).text, "Hello, this is Owl.");
}

#[test]
fn a_call_that_no_webhook_opened_is_greeted_by_the_engine_and_learns_who_calls() {
    let mut opened = record(None);
    opened.caller = String::new();
    let mut talk = Talk::new(opened);
    talk.on(Input::Attached);
    assert_eq!(talk.heard(), "", "not before the line has spoken");
    let setup = Setup { from: "+1415".to_owned(), to: "+1800".to_owned(), ..Setup::default() };
    talk.on(Input::Relay(Inbound::Setup(Box::new(setup))));
    let effects = talk.look();
    let identified = Change::Identified { caller: "+1415".to_owned(), called: "+1800".to_owned() };
    assert!(effects.contains(&Effect::Settle(identified)));
    let text = "Hello, this is Owl.".to_owned();
    assert!(effects.contains(&Effect::Say { turn: TurnId(0), text, last: true }));
}

#[test]
fn a_setup_of_another_call_is_refused() {
    let mut talk = Talk::new(record(Some("Hi.")));
    talk.on(Input::Attached);
    let setup =
        Setup { call_sid: "CAffffffffffffffffffffffffffffffff".to_owned(), ..Setup::default() };
    talk.on(Input::Relay(Inbound::Setup(Box::new(setup))));
    assert_eq!(talk.look(), [Effect::RefuseLine]);
}

#[test]
fn an_unanswered_question_is_answered_after_a_take_over() {
    let mut talk = taken_over(vec![
        turn(0, Role::Agent, "Hello."),
        turn(1, Role::Customer, "One?"),
        turn(1, Role::Agent, "First."),
        turn(2, Role::Customer, "Two?"),
    ]);
    talk.attach();
    let (asked, _) = talk.questions().pop().expect("the model is asked");
    assert_eq!((asked, talk.questions().len()), (TurnId(2), 1));
    let told: Vec<_> = talk.told().into_iter().map(|(_, words)| words).collect();
    assert_eq!(told, ["Hello.", "One?", "First.", "Two?"]);
    talk.tokens(asked, "Second.");
    assert_eq!(talk.heard(), "Second.", "the question is durable already");
}

#[test]
fn an_answered_question_is_not_answered_again_after_a_take_over() {
    let mut talk = taken_over(vec![
        turn(0, Role::Agent, "Hello."),
        turn(1, Role::Customer, "One?"),
        turn(1, Role::Agent, "First."),
    ]);
    talk.attach();
    assert!(talk.questions().is_empty());
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on.");
    assert_eq!(talk.ask("Two?"), TurnId(3));
}

#[test]
fn an_answer_that_was_being_written_is_gone_on_with_after_a_take_over() {
    let mut half = turn(1, Role::Agent, "The fee is");
    half.open = true;
    let mut talk = taken_over(vec![turn(1, Role::Customer, "One?"), half]);
    talk.attach();
    assert_eq!(talk.questions().len(), 1);
    let told: Vec<_> = talk.told().into_iter().map(|(_, words)| words).collect();
    assert_eq!(told, ["One?", "The fee is [the line failed here]", "Sorry, I lost you. Go on."]);
    talk.tokens(TurnId(2), "twenty dollars.");
    talk.done(TurnId(2));
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on. twenty dollars.");
    let half = talk.agent(TurnId(1));
    assert_eq!((half.text.as_str(), half.interrupted, half.open), ("The fee is", true, false));
    assert_eq!(half.reason, Some(Reason::TakenOver));
    assert_eq!(talk.agent(TurnId(2)).text, "Sorry, I lost you. Go on. twenty dollars.");
}

#[test]
fn a_line_that_brings_no_setup_is_spoken_to_all_the_same() {
    let mut talk = taken_over(vec![turn(1, Role::Customer, "One?")]);
    talk.on(Input::Attached);
    assert!(talk.questions().is_empty());
    talk.wait(500);
    assert_eq!(talk.questions().len(), 1);
}

#[test]
fn a_caller_whose_line_was_gone_for_a_while_is_told_so_and_one_whose_line_blinked_is_not() {
    for (gone, word) in [(1_900, ""), (2_000, "Sorry, I lost you. Go on.")] {
        let mut talk = Talk::greeted();
        talk.on(Input::LineLost { clean: false });
        talk.wait(gone);
        talk.attach();
        assert_eq!(talk.heard(), word, "{gone} ms");
    }
}

#[test]
fn what_the_voice_of_a_failed_session_had_not_spoken_is_said_on_the_next_line() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second and then some more.");
    talk.done(turn);
    talk.wait(1_200);
    talk.on(Input::LineLost { clean: false });
    talk.wait(3_000);
    talk.look();
    talk.on(Input::SessionFailed(Failure::new(talk.now)));
    talk.attach();
    assert_eq!(talk.heard(), " in a second and then some more.");
    assert!(!talk.cycle_open);
    let whole = talk.agent(turn);
    assert_eq!(whole.text, "Fourteen letters in a second and then some more.");
    assert!(!whole.interrupted);
    talk.wait(500);
    talk.interrupt("in a second");
    assert_eq!(talk.agent(turn).text, "Fourteen letters in a second");
}

#[test]
fn what_the_voice_had_reached_counts_from_the_failure_and_not_from_when_the_loss_was_noticed() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second and then some more.");
    talk.done(turn);
    talk.wait(1_500);
    let failed = talk.now;
    talk.wait(900);
    talk.on(Input::LineLost { clean: false });
    talk.wait(600);
    talk.look();
    // Another engine was told.
    talk.on(Input::SessionFailed(Failure::new(failed)));
    talk.attach();
    assert_eq!(talk.heard(), " in a second and then some more.");
}

#[test]
fn an_answer_that_is_still_written_when_the_session_fails_is_said_whole() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "One two ");
    talk.on(Input::SessionFailed(Failure::new(talk.now)));
    talk.tokens(turn, "three.");
    talk.attach();
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "One two three.");
    assert!(!talk.cycle_open);
}

#[test]
fn a_new_line_in_mid_answer_changes_nothing_about_the_answer() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "One ");
    talk.on(Input::LineLost { clean: false });
    talk.tokens(turn, "two ");
    talk.wait(2_000);
    talk.attach();
    talk.tokens(turn, "three.");
    talk.done(turn);
    assert_eq!(talk.heard(), "One two three.");
    assert_eq!(talk.questions().len(), 1);
    talk.wait(35_000);
    assert!(!talk.look().contains(&Effect::Finish));
}

/// The caller has heard all there was when the line breaks, for a moment only.
fn back_in_silence(stood_still: bool) -> Talk {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    talk.token(turn, "Nil.");
    talk.done(turn);
    talk.wait(1_000);
    assert_eq!(talk.heard(), "Nil.");
    talk.on(Input::LineLost { clean: false });
    talk.wait(100);
    if stood_still {
        talk.on(Input::StoodStill);
    }
    talk.attach();
    talk
}

#[test]
fn who_is_back_and_says_nothing_is_told_of_the_break_once() {
    let mut talk = back_in_silence(false);
    talk.wait(2_499);
    assert_eq!(talk.heard(), "");
    talk.wait(1);
    assert_eq!(talk.heard(), BREAK);
    talk.wait(5_000);
    assert_eq!(talk.heard(), "");
}

#[test]
fn who_is_back_and_speaks_is_answered_and_not_told_of_the_break() {
    let mut talk = back_in_silence(false);
    talk.wait(1_000);
    let turn = talk.ask("And the rate?");
    talk.token(turn, "Nil, too.");
    talk.done(turn);
    assert_eq!(talk.heard(), "Nil, too.");
    talk.wait(6_000);
    assert_eq!(talk.heard(), "");
}

#[test]
fn who_may_have_spoken_to_an_engine_that_stood_still_is_told_of_the_break_at_once() {
    assert_eq!(back_in_silence(true).heard(), BREAK);
}

#[test]
fn who_was_talked_with_before_is_not_greeted_again_where_the_words_are_missing() {
    for moved in [None, Some(TurnId(3))] {
        let mut record = record(None);
        (record.words_missing, record.moved) = (true, moved);
        let mut talk = Talk::new(record);
        talk.attach();
        assert_eq!(talk.heard(), BREAK, "{moved:?}");
    }
}

#[test]
fn a_line_that_takes_the_place_of_one_whose_loss_nobody_noticed_is_a_break_like_any_other() {
    let mut talk = Talk::greeted();
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.wait(500);
    talk.attach();
    talk.look();
    // What they said was lost with the old line; they may still be saying it.
    talk.wait(4_999);
    assert_eq!(talk.heard(), "");
    talk.wait(1);
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on.");
}

#[test]
fn what_a_caller_presses_or_says_when_the_engine_stands_still_is_looked_at_first() {
    let mut talk = Talk::greeted();
    talk.press('4');
    talk.now = talk.now + 8_000;
    talk.on(Input::StoodStill);
    talk.press('7');
    let turn = talk.machine.turn;
    talk.press('#');
    assert_eq!(talk.turn(TurnId(turn.0 + 1), Role::Customer).text, "[keys] 47");
    let mut talk = Talk::greeted();
    talk.interrupt("Hello");
    talk.look();
    talk.now = talk.now + 8_000;
    talk.on(Input::StoodStill);
    assert_eq!(talk.heard(), "", "the words may be there already");
    talk.wait(1_000);
    assert_eq!(talk.heard(), "Please go on.");
}
