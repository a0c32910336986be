//! Calls that have lasted long enough.

use super::*;

fn answer(talk: &mut Talk) {
    let turn = talk.ask("And?");
    talk.tokens(turn, "So.");
    talk.done(turn);
}

#[test]
fn a_call_ends_politely_at_its_longest_duration_behind_the_answer() {
    let mut talk = Talk::greeted();
    talk.machine.rules.max_turns = 1_000;
    while talk.now < START + 3_590_000 {
        answer(&mut talk);
        talk.wait(8_000);
    }
    talk.wait((START + 3_598_000).since(talk.now));
    let left = (START + 3_600_000).since(talk.now);
    let turn = talk.ask("One more?");
    talk.tokens(turn, "There is ");
    talk.wait(left);
    assert!(!talk.heard().contains("long enough"), "the answer is heard out");
    talk.tokens(turn, "none.");
    talk.done(turn);
    assert!(talk.heard().ends_with("That was long enough. Goodbye."));
    let last = talk.machine.transcript().turns().last().cloned().expect("a turn");
    assert_eq!(last.reason, Some(Reason::Limit));
    assert!(!talk.ended(), "it is heard out");
    talk.wait(5_000);
    assert!(talk.ended());
}

#[test]
fn a_caller_cannot_talk_the_last_goodbye_away() {
    let mut talk = Talk::greeted();
    talk.machine.rules.max_turns = 1;
    answer(&mut talk);
    assert!(!talk.heard().contains("long enough"));
    let turn = talk.ask("And?");
    assert_eq!(talk.agent(turn).reason, Some(Reason::Limit));
    let late = talk.say("No, wait!");
    assert_eq!(talk.turn(late, Role::Customer).reason, Some(Reason::CallEnded));
    talk.press('1');
    talk.interrupt("That was");
    assert_eq!(talk.agent(turn).text, "That was", "what was heard of it is noted all the same");
    talk.wait(1);
    assert!(talk.ended());
    assert_eq!(talk.questions().len(), 1);
}

#[test]
fn a_call_without_a_line_waits_for_it_whatever_its_length() {
    let mut talk = Talk::greeted();
    talk.machine.rules.max_call = 10_000;
    talk.on(Input::LineLost { clean: false });
    talk.wait(20_000);
    assert_eq!(talk.heard(), "");
    talk.attach();
    talk.wait(1_000);
    assert!(talk.heard().contains("long enough"));
}

#[test]
fn the_last_turn_is_the_caller_s_whether_it_was_answered_or_not() {
    let mut talk = Talk::greeted();
    talk.machine.rules.max_turns = 3;
    for words in ["One?", "Two?", "Three?"] {
        talk.ask(words);
    }
    assert!(!talk.heard().contains("long enough"));
    talk.say("Four?");
    assert!(talk.heard().contains("long enough"));
}
