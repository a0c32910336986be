//! When nobody speaks.

use super::*;

#[test]
fn a_filler_covers_the_wait_for_an_answer_and_is_no_part_of_it() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.wait(1_499);
    assert_eq!(talk.heard(), "");
    talk.wait(1);
    assert_eq!(talk.heard(), "Let me see.");
    assert!(!talk.cycle_open, "a cycle of its own");
    talk.tokens(turn, "Hello you.");
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "Hello you.");
    let next = talk.ask("Again?");
    talk.wait(1_500 + 2_000);
    assert_eq!(talk.heard(), "Hello you.One moment.", "another one");
    talk.tokens(next, "Yes.");
    talk.done(next);
    assert!(!talk.told().iter().any(|(_, words)| words.contains("moment")));
}

#[test]
fn there_are_two_fillers_a_turn_at_most_and_none_behind_the_first_word() {
    let mut talk = Talk::greeted();
    (talk.machine.rules.first_token, talk.machine.rules.turn) = (60_000, 60_000);
    let turn = talk.ask("Hello?");
    talk.wait(50_000);
    assert_eq!(talk.heard(), "Let me see.One moment.");
    talk.token(turn, "Well");
    talk.wait(2_400);
    assert_eq!(talk.heard(), "Well");
}

#[test]
fn no_filler_is_spoken_while_the_voice_is_still_busy_or_when_they_are_turned_off() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("One?");
    talk.tokens(turn, &"fourteen signs ".repeat(6));
    talk.done(turn);
    talk.ask("Two?");
    talk.look();
    talk.wait(3_900);
    assert_eq!(talk.heard(), "", "six seconds of speech are under way");

    let mut talk = Talk::greeted();
    talk.machine.rules.filler = 4_001;
    talk.ask("Hello?");
    talk.wait(3_999);
    assert_eq!(talk.heard(), "");
}

#[test]
fn an_interrupted_filler_leaves_the_answer_which_waits_for_what_the_caller_says() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.wait(1_600);
    talk.look();
    talk.interrupt("Let");
    talk.tokens(turn, "Hello you.");
    talk.done(turn);
    assert_eq!(talk.heard(), "", "nobody is talked over");
    let mut other = Talk::greeted();
    std::mem::swap(&mut talk, &mut other);
    other.wait(2_500);
    assert_eq!(other.heard(), "Hello you.", "nothing came");
    assert_eq!(other.agent(turn).text, "Hello you.");
}

#[test]
fn silence_is_asked_about_twice_from_the_end_of_what_was_heard_and_then_ends_the_call() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.tokens(turn, "Fourteen letters, and then many more of them.");
    talk.done(turn);
    talk.look();
    let speech = talk.machine.playback.ends_at().since(talk.now);
    talk.wait(speech + 11_999);
    assert_eq!(talk.heard(), "");
    talk.wait(1);
    assert_eq!(talk.heard(), "Are you there?");
    talk.wait(14_000);
    assert_eq!(talk.heard(), "Are you there?", "a second time");
    talk.wait(13_000);
    assert_eq!(talk.heard(), "Hello?", "the last phrase says that the call ends");
    talk.wait(1_000);
    assert!(talk.ended());
}

#[test]
fn a_caller_who_speaks_again_is_asked_from_the_beginning() {
    let mut talk = Talk::greeted();
    talk.wait(28_000);
    assert_eq!(talk.heard(), "Are you there?Are you there?");
    let turn = talk.ask("Yes!");
    talk.tokens(turn, "Good.");
    talk.done(turn);
    talk.look();
    talk.wait(28_000);
    assert_eq!(talk.heard(), "Are you there?Are you there?");
    assert!(!talk.ended());
}

#[test]
fn a_caller_who_only_hums_when_asked_is_there_and_is_left_in_peace() {
    let mut talk = Talk::greeted();
    talk.wait(9_000);
    for _ in 0..4 {
        assert_eq!(talk.heard(), "Are you there?", "from the beginning each time");
        talk.wait(6_000);
        talk.ask("Mm-hm. I see.");
        talk.wait(11_999);
        assert_eq!(talk.heard(), "", "a sign of life, no question");
        talk.wait(1);
    }
    assert!(talk.questions().is_empty() && !talk.ended());
    assert!(!talk.machine.transcript().turns().iter().any(|turn| turn.role == Role::Customer));
}

#[test]
fn whatever_else_is_said_to_the_question_of_silence_is_a_turn() {
    for words in ["Yes.", "Mm-hm, what is the fee?", "No."] {
        let mut talk = Talk::greeted();
        talk.wait(14_000);
        talk.ask(words);
        assert_eq!(talk.questions().len(), 1, "{words}");
    }
    let mut talk = Talk::greeted();
    talk.ask("Mm-hm.");
    assert_eq!(talk.questions().len(), 1, "nobody asked whether they are there");
}

#[test]
fn a_goodbye_for_silence_is_taken_back_when_the_caller_speaks() {
    for words in ["I am here.", "Mm-hm."] {
        let mut talk = Talk::greeted();
        talk.machine.persona = Arc::new(Persona {
            silence: vec!["There?".to_owned(), "I shall hang up now, goodbye.".to_owned()],
            ..persona()
        });
        talk.wait(34_000);
        assert!(talk.heard().ends_with("goodbye."));
        let rest = talk.machine.playback.ends_at().since(talk.now);
        talk.wait(rest.saturating_sub(500));
        talk.ask(words);
        talk.wait(3_000);
        assert!(!talk.ended(), "{words}");
        assert_eq!(talk.questions().len(), 1, "{words}");
    }
}

#[test]
fn a_caller_who_is_making_a_sound_or_waits_for_a_line_is_not_silent() {
    let mut talk = Talk::greeted();
    talk.wait(8_000);
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.wait(20_000);
    assert_eq!(talk.heard(), "");
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(false))));
    talk.wait(11_000);
    talk.on(Input::Relay(Inbound::Prompt(Prompted { last: false, ..prompt("I") })));
    talk.wait(11_000);
    talk.on(Input::LineLost { clean: false });
    talk.wait(20_000);
    assert_eq!(talk.heard(), "");
    talk.wait(9_000);
    talk.attach();
    talk.look();
    talk.wait(11_000);
    assert_eq!(talk.heard(), "", "it counts anew with the line");
}

#[test]
fn an_interrupt_without_words_is_followed_up_once() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "There are many things to be said about this.");
    talk.done(turn);
    talk.wait(1_000);
    talk.look();
    talk.interrupt("There are many");
    talk.wait(2_499);
    assert_eq!(talk.heard(), "");
    talk.wait(1);
    assert_eq!(talk.heard(), "Please go on.");
    talk.interrupt("Please");
    talk.wait(10_000);
    assert_eq!(talk.heard(), "", "noise is not answered for ever");
}

#[test]
fn an_interrupt_with_words_behind_it_is_not_followed_up() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "There are many things to be said about this.");
    talk.done(turn);
    talk.wait(1_000);
    talk.interrupt("There are many");
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(true))));
    talk.look();
    talk.wait(4_000);
    assert_eq!(talk.heard(), "", "the caller is speaking");
    talk.on(Input::Relay(Inbound::Info(Info::ClientSpeaking(false))));
    talk.wait(500);
    let next = talk.ask("Just the fee.");
    talk.tokens(next, "Twenty.");
    talk.done(next);
    talk.wait(5_000);
    assert_eq!(talk.heard(), "Twenty.");
}
