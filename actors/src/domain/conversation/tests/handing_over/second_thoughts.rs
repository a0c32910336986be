//! Callers who have something to say about being handed over, and may stay.

use super::*;

#[test]
fn a_caller_who_cuts_in_and_says_nothing_is_handed_over_after_six_seconds() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.interrupt("I con");
    talk.wait(5_999);
    assert_eq!((talk.ends().len(), talk.heard().as_str()), (0, BRIDGE));
    talk.wait(1);
    assert_eq!(talk.ends().len(), 1);
}

#[test]
fn a_caller_who_would_rather_stay_is_asked_about_it_by_the_model_and_stays() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.interrupt("I con");
    let turn = talk.say("Never mind, one more question.");
    assert_eq!(talk.tools(), [Tools::Stay]);
    talk.answer(turn, call(STAY_TOOL, "{}"));
    assert_eq!(talk.agent(turn).text, "Let us go on.");
    assert_eq!(talk.steps(), [Step::Withdrawn]);
    talk.look();
    let next = talk.ask("What is the fee?");
    talk.tokens(next, "Five dollars.");
    talk.done(next);
    talk.wait(10_000);
    assert_eq!((talk.heard().as_str(), talk.ends().len()), ("Five dollars.", 0));
    talk.wants_a_person();
    assert_eq!(talk.escalations().last().map(|it| it.id.number), Some(2));
}

#[test]
fn anything_but_staying_goes_on_with_the_hand_off_and_is_not_spoken() {
    let cases: [fn(&mut Talk, TurnId); 4] = [
        |talk, turn| {
            talk.tokens(turn, "All right, ");
            talk.done(turn);
        },
        |talk, turn| talk.fail(turn),
        |talk, turn| talk.answer(turn, call("dance", "")),
        |talk, _| talk.wait(6_000),
    ];
    for case in cases {
        let mut talk = Talk::greeted();
        talk.wants_a_person();
        let turn = talk.say("And my name is Jo.");
        assert_eq!(talk.ends(), []);
        case(&mut talk, turn);
        assert_eq!(talk.ends().len(), 1);
        let words = talk.machine.transcript().get(turn, Role::Customer).unwrap();
        assert_eq!(
            (words.text.as_str(), words.reason),
            ("And my name is Jo.", Some(Reason::HandedOver))
        );
        assert_eq!(talk.machine.transcript().get(turn, Role::Agent), None);
        assert_eq!(talk.steps(), []);
    }
}

#[test]
fn where_the_model_does_not_say_the_personas_phrases_tell_who_stays() {
    let silent: [fn(&mut Talk, TurnId); 2] =
        [|talk, turn| talk.fail(turn), |talk, _| talk.wait(6_000)];
    for case in silent {
        let mut talk = Talk::greeted();
        talk.wants_a_person();
        let turn = talk.say("Oh, never mind.");
        case(&mut talk, turn);
        assert_eq!((talk.agent(turn).text.as_str(), talk.ends().len()), ("Let us go on.", 0));
        assert_eq!(talk.steps(), [Step::Withdrawn]);
    }
    // A model that answers has decided.
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    let turn = talk.say("Oh, never mind.");
    talk.tokens(turn, "All right.");
    talk.done(turn);
    assert_eq!((talk.ends().len(), talk.steps()), (1, vec![]));
}

#[test]
fn a_caller_who_talks_on_and_on_holds_the_hand_off_for_six_seconds_behind_their_first_words() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    for _ in 0..5 {
        talk.say("And another thing.");
        talk.wait(1_000);
    }
    assert_eq!(talk.ends(), []);
    talk.wait(1_000);
    assert_eq!(talk.ends().len(), 1);
}

#[test]
fn keys_that_are_pressed_into_the_bridge_are_words_like_any_other() {
    let mut talk = Talk::greeted();
    talk.wants_a_person();
    talk.on(Input::Relay(Inbound::Dtmf('1')));
    talk.wait(3_000);
    assert_eq!(talk.tools(), [Tools::Stay]);
    talk.wait(6_000);
    assert_eq!(talk.ends().len(), 1);
}
