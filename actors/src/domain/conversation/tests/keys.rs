//! Keys that are pressed, and words that only say that somebody listens.

use super::*;

#[test]
fn keys_are_one_turn_when_the_hash_key_or_a_pause_ends_them() {
    let mut talk = Talk::greeted();
    for key in ['4', '2'] {
        talk.press(key);
        talk.wait(2_900);
    }
    assert!(talk.questions().is_empty());
    talk.wait(100);
    assert_eq!(talk.told().last().map(|(_, words)| words.as_str()), Some("[keys] 42"));
    let turn = talk.machine.turn;
    talk.on(Input::Saved(turn));
    talk.tokens(turn, "Forty-two.");
    talk.done(turn);
    talk.press('7');
    talk.press('#');
    assert_eq!(talk.told().last().map(|(_, words)| words.as_str()), Some("[keys] 7"));
}

#[test]
fn a_key_interrupts_like_speech() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "There are many ");
    talk.look();
    talk.press('1');
    let effects = talk.look();
    assert!(effects.contains(&Effect::StopAsking) && effects.contains(&Effect::Silence));
    assert_eq!(talk.agent(turn).reason, Some(Reason::Superseded));
    talk.token(turn, "things");
    assert_eq!(talk.heard(), "");
    assert!(!talk.cycle_open);
}

#[test]
fn a_caller_who_speaks_while_pressing_keys_loses_none_of_them() {
    let mut talk = Talk::greeted();
    talk.press('5');
    talk.ask("No, forget it.");
    let told: Vec<_> = talk.told().into_iter().map(|(_, words)| words).collect();
    assert_eq!(told.get(1..), Some(&["[keys] 5".to_owned(), "No, forget it.".to_owned()][..]));
    assert_eq!(talk.questions().len(), 1);
    assert_eq!(talk.turn(TurnId(1), Role::Customer).reason, Some(Reason::Superseded));
}

#[test]
fn keys_that_the_end_of_the_call_cuts_off_are_kept() {
    let mut talk = Talk::greeted();
    talk.press('5');
    talk.on(Input::Concluded(Status::Completed));
    let pressed = talk.turn(TurnId(1), Role::Customer);
    assert_eq!((pressed.text.as_str(), pressed.reason), ("[keys] 5", Some(Reason::CallEnded)));
}

#[test]
fn a_caller_who_says_that_they_listen_does_not_end_the_answer() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "There are many ");
    talk.say("Mm-hm.");
    talk.say("Yeah, I see.");
    talk.tokens(turn, "things.");
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "There are many things.");
    assert_eq!(talk.machine.transcript().turns().len(), 3, "it is no turn");
    talk.wait(700);
    talk.say("Yeah.");
    assert_eq!(talk.questions().len(), 2, "at its end it may be an answer");
}

#[test]
fn the_same_words_after_an_interrupt_or_in_a_silence_are_a_turn() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Shall I block the card? Then I also need ");
    talk.wait(1_800);
    talk.interrupt("Shall I block the card?");
    talk.ask("Yeah.");
    assert_eq!(talk.questions().len(), 2);
    let mut talk = Talk::greeted();
    talk.say("Yeah.");
    assert_eq!(talk.questions().len(), 1);
}
