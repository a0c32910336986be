//! Events that Twilio says once more on the next line, and callers who say the same twice.

use super::*;

/// The line breaks and is there again.
fn reconnect(talk: &mut Talk) {
    talk.on(Input::LineLost { clean: false });
    talk.wait(300);
    talk.attach();
}

/// The call on the engine after this one.
fn elsewhere(talk: &Talk) -> Talk {
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    let mut next = Talk::new(record);
    next.now = talk.now + 1_000;
    next.attach();
    next
}

fn answered(talk: &mut Talk, words: &str) {
    let turn = talk.ask(words);
    talk.token(turn, "Nil.");
    talk.done(turn);
    talk.wait(1_000);
}

fn customers(talk: &Talk) -> Vec<&str> {
    let turns = talk.machine.transcript().turns().iter();
    turns.filter(|turn| turn.role == Role::Customer).map(|turn| turn.text.as_str()).collect()
}

#[test]
fn the_last_words_of_the_call_on_its_next_line_are_old_ones_until_the_first_new_one() {
    let mut talk = Talk::greeted();
    for words in ["One?", "Two?", "Three?"] {
        answered(&mut talk, words);
    }
    for mut next in [elsewhere(&talk), {
        reconnect(&mut talk);
        talk
    }] {
        for words in ["Two?", "Three?", "Four?"] {
            next.say(words);
        }
        next.wait(101);
        next.say("Four?");
        assert_eq!(customers(&next), ["One?", "Two?", "Three?", "Four?", "Four?"]);
    }
}

#[test]
fn a_caller_may_say_the_same_twice_on_one_line_and_after_a_break_that_repeats_it() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "Yes.");
    answered(&mut talk, "Yes.");
    assert_eq!(customers(&talk), ["Yes."; 2]);
    reconnect(&mut talk);
    // Two old ones, and a new one.
    for pause in [0, 101, 0] {
        talk.say("Yes.");
        talk.wait(pause);
    }
    assert_eq!(customers(&talk), ["Yes."; 3]);
}

#[test]
fn who_says_the_same_a_while_after_the_break_says_it_again() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "Yes.");
    reconnect(&mut talk);
    talk.wait(501);
    talk.say("Yes.");
    assert_eq!(customers(&talk), ["Yes."; 2]);
}

#[test]
fn words_in_another_order_are_new() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "One?");
    answered(&mut talk, "Two?");
    reconnect(&mut talk);
    talk.say("Two?");
    talk.say("One?");
    assert_eq!(customers(&talk), ["One?", "Two?", "One?"]);
}

#[test]
fn keys_and_interrupts_that_are_said_again_change_nothing() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("All?");
    talk.tokens(turn, "Fourteen letters in a second and more. ");
    talk.wait(1_000);
    talk.interrupt("Fourteen");
    for key in ['1', '2', '#'] {
        talk.press(key);
    }
    let known = talk.machine.transcript().clone();
    let mut next = elsewhere(&talk);
    reconnect(&mut talk);
    talk.interrupt("Fourteen");
    for key in ['1', '2', '#'] {
        talk.press(key);
        next.press(key);
    }
    assert_eq!(talk.machine.transcript(), &known);
    assert_eq!(customers(&next), ["All?", "[keys] 12"]);
    next.press('3');
    next.press('#');
    assert_eq!(customers(&next), ["All?", "[keys] 12", "[keys] 3"]);
}

#[test]
fn a_hum_between_the_old_words_makes_none_of_them_new() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "One?");
    answered(&mut talk, "Two?");
    let mut next = elsewhere(&talk);
    for words in ["One?", "mm-hm", "Two?"] {
        next.say(words);
    }
    assert!(
        !customers(&next).iter().skip(2).any(|words| words.contains('?')),
        "{:?}",
        customers(&next)
    );
}

#[test]
fn a_question_that_is_asked_again_by_the_next_engine_is_not_one_more_turn() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    let mut next = elsewhere(&talk);
    next.say("The fee?");
    let asked: Vec<_> = next.questions().into_iter().map(|(turn, _)| turn).collect();
    assert_eq!((asked, customers(&next)), (vec![turn], vec!["The fee?"]));
}

#[test]
fn a_sentence_that_comes_twice_in_one_go_on_a_new_line_was_said_once() {
    let (old, new) = ("What is the late fee?", "And when is it due?");
    let mut talk = Talk::greeted();
    answered(&mut talk, old);
    let frames = [[old, old, new, new], [old, new, old, new]];
    for frames in frames {
        let mut next = elsewhere(&talk);
        for words in frames {
            next.say(words);
        }
        assert_eq!(customers(&next), [old, new]);
        // Later it is a question again.
        next.wait(3_000);
        next.say(new);
        assert_eq!(customers(&next), [old, new, new]);
    }
}

#[test]
fn a_word_that_comes_twice_at_once_on_a_new_line_was_said_once() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "Yes.");
    for frames in [["Yes.", "Yes.", "No.", "No."], ["Yes.", "No.", "Yes.", "No."]] {
        let mut next = elsewhere(&talk);
        for words in frames {
            next.say(words);
        }
        assert_eq!(customers(&next), ["Yes.", "No."], "{frames:?}");
        next.wait(101);
        next.say("No.");
        assert_eq!(customers(&next), ["Yes.", "No.", "No."], "{frames:?}");
    }
}

#[test]
fn keys_are_dropped_only_where_words_have_shown_that_all_is_said_twice() {
    let mut talk = Talk::greeted();
    answered(&mut talk, "Yes.");
    let keys = |talk: &mut Talk, keys: &str| keys.chars().for_each(|key| talk.press(key));
    let mut once = elsewhere(&talk);
    keys(&mut once, "1122#");
    assert_eq!(customers(&once), ["Yes.", "[keys] 1122"]);
    let mut after = elsewhere(&talk);
    after.say("Yes.");
    keys(&mut after, "1122#");
    assert_eq!(customers(&after), ["Yes.", "[keys] 1122"]);
    let mut doubled = elsewhere(&talk);
    doubled.say("Yes.");
    doubled.say("Yes.");
    keys(&mut doubled, "111122##");
    assert_eq!(customers(&doubled), ["Yes.", "[keys] 112"]);
    let mut twice = elsewhere(&talk);
    for _ in 0..2 {
        twice.say("Yes.");
        keys(&mut twice, "112#");
    }
    assert_eq!(customers(&twice), ["Yes.", "[keys] 112"]);
}
