//! A model that fails, and what the caller hears of it.

use super::*;

const SORRY: &str = "Sorry, say that again?";

#[test]
fn a_question_that_failed_before_a_word_was_spoken_is_put_once_more() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.look();
    talk.fail_with(turn, failure(FailureKind::Status(503)));
    assert_eq!(talk.questions().len(), 1, "not in the same instant");
    talk.wait(250);
    let (asked, again) = (talk.questions(), talk.look());
    assert_eq!((asked.len(), asked.first() == asked.last()), (2, true));
    assert!(again.contains(&Effect::Observe(Observation::AskedAgain)));
    assert!(again.iter().any(|effect| matches!(effect, Effect::Ask { again: true, .. })));
    talk.fail_with(turn, failure(FailureKind::Status(503)));
    talk.wait(250);
    assert_eq!(talk.questions().len(), 2, "once");
    assert_eq!(talk.agent(turn).text, SORRY);
    assert_eq!(talk.agent(turn).reason, Some(Reason::ModelFailed));
    assert!(!talk.agent(turn).interrupted && !talk.cycle_open);
}

#[test]
fn a_stale_connection_is_replaced_at_once_and_costs_no_retry() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.fail_with(turn, failure(FailureKind::Dropped));
    assert_eq!(talk.questions().len(), 2, "at once");
    talk.fail_with(turn, failure(FailureKind::Dropped));
    talk.wait(250);
    assert_eq!(talk.questions().len(), 3);
    talk.tokens(turn, "Hello you.");
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "Hello you.");
    assert_eq!(talk.agent(turn).reason, None);
}

#[test]
fn what_the_failed_attempt_wrote_and_nobody_heard_is_forgotten() {
    let mut talk = Talk::greeted();
    let turn = talk.say("Hello?");
    talk.tokens(turn, "First attempt ESCAL");
    talk.fail_with(turn, failure(FailureKind::Cut));
    talk.wait(250);
    talk.tokens(turn, "Second attempt.");
    talk.on(Input::Saved(turn));
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "Second attempt.");
}

#[test]
fn a_provider_is_waited_for_as_long_as_the_first_word_can_still_be_in_time() {
    for (after, asked) in [(0, 2), (3_999, 2), (4_000, 1), (60_000, 1)] {
        let mut talk = Talk::greeted();
        let turn = talk.ask("Hello?");
        talk.fail_with(
            turn,
            ModelFailure { after: Some(after), ..failure(FailureKind::Status(429)) },
        );
        let sorry = talk.machine.transcript().get(turn, Role::Agent).is_some();
        assert_eq!(sorry, asked == 1, "{after} ms: an apology at once, or not at all");
        talk.wait(after.min(3_999));
        assert_eq!(talk.questions().len(), asked, "{after} ms");
    }
}

#[test]
fn a_failure_that_no_second_request_mends_is_told_at_once() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.fail(turn);
    assert_eq!((talk.questions().len(), talk.heard().as_str()), (1, SORRY));
    assert_eq!(talk.agent(turn).reason, Some(Reason::ModelFailed));
}

#[test]
fn an_answer_that_was_begun_never_starts_again() {
    let cases = [
        ("Your card is ", "Your card is \u{2013} Sorry, say that again?"),
        ("Your card is blocked", "Your card is blocked \u{2013} Sorry, say that again?"),
        ("Your card is blocked.", "Your card is blocked."),
        ("He said \"no.\" ", "He said \"no.\""),
    ];
    for (said, heard) in cases {
        let mut talk = Talk::greeted();
        let turn = talk.ask("Hello?");
        talk.tokens(turn, said);
        talk.fail_with(turn, failure(FailureKind::Cut));
        talk.wait(300);
        assert_eq!(talk.questions().len(), 1, "{said}");
        let spoken = talk.agent(turn);
        assert_eq!(spoken.text, heard);
        assert_eq!((spoken.reason, spoken.interrupted), (Some(Reason::Cut), true));
        assert!(!talk.cycle_open);
    }
}

#[test]
fn every_way_to_stop_has_its_words_and_its_reason() {
    let cases = [
        (Finish::Stop, "It is paid.", "It is paid.", None, false),
        (Finish::Refused, "I cannot say.", "I cannot say.", Some(Reason::Refused), false),
        (Finish::Length, "It is", "It is \u{2013} Shall I go on?", Some(Reason::Length), true),
        (Finish::Length, "It is.", "It is. Shall I go on?", Some(Reason::Length), true),
        (
            Finish::Filtered,
            "It",
            "It \u{2013} Sorry, say that again?",
            Some(Reason::Filtered),
            true,
        ),
        (Finish::Filtered, "It is.", "It is.", Some(Reason::Filtered), true),
        (Finish::Filtered, "", SORRY, Some(Reason::Filtered), false),
        (Finish::Length, "", SORRY, Some(Reason::Empty), false),
        (Finish::Refused, " * ", SORRY, Some(Reason::Empty), false),
        (Finish::Stop, "*", SORRY, Some(Reason::Empty), false),
    ];
    for (finish, written, heard, reason, interrupted) in cases {
        let mut talk = Talk::greeted();
        let turn = talk.ask("Is it?");
        talk.tokens(turn, written);
        talk.finish(turn, finish);
        let spoken = talk.agent(turn);
        assert_eq!(spoken.text.trim(), heard, "{finish:?} {written:?}");
        assert_eq!((spoken.reason, spoken.interrupted), (reason, interrupted), "{finish:?}");
        assert!(!talk.cycle_open);
    }
}

#[test]
fn a_model_that_writes_without_end_is_stopped_as_by_its_own_limit() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.look();
    for _ in 0..8_000 {
        talk.token(turn, "and so on ");
    }
    let effects = talk.look();
    assert!(effects.contains(&Effect::StopAsking));
    let spoken = talk.agent(turn);
    assert_eq!(spoken.reason, Some(Reason::Length));
    assert!(spoken.text.len() < 66_000 && spoken.text.ends_with("Shall I go on?"));
}

#[test]
fn four_failed_answers_in_a_row_bring_a_person_and_three_do_not() {
    let mut talk = Talk::greeted();
    for _ in 0..3 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
        assert_eq!(talk.agent(turn).text, SORRY);
    }
    let turn = talk.ask("Hello?");
    talk.tokens(turn, "At last.");
    talk.done(turn);
    for _ in 0..3 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
        assert_eq!(talk.agent(turn).text, SORRY);
    }
    talk.wait(5_000);
    assert!(!talk.ended(), "the row was broken");
    let turn = talk.ask("Hello?");
    talk.fail(turn);
    assert_eq!(talk.agent(turn).text, "I connect you.");
    talk.wait(30_000);
    assert!(talk.ended());
}

#[test]
fn questions_to_the_caller_between_two_failures_do_not_break_their_row() {
    let mut talk = Talk::greeted();
    for _ in 0..3 {
        let turn = talk.ask("Hello?");
        talk.fail(turn);
        talk.wait(16_000);
        assert!(talk.heard().contains("Are you there?"));
    }
    let turn = talk.ask("Hello?");
    talk.fail(turn);
    assert_eq!(talk.agent(turn).text, "I connect you.");
}

#[test]
fn what_a_model_wrote_while_the_engine_stood_still_is_in_time() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    // Nobody looks for so long.
    talk.now = talk.now + 20_000;
    talk.on(Input::StoodStill);
    talk.wait(999);
    assert_eq!(talk.heard(), "");
    talk.token(turn, "Nil.");
    talk.done(turn);
    assert_eq!(talk.heard(), "Nil.");
}

#[test]
fn a_model_that_has_written_nothing_when_all_was_looked_at_is_late() {
    let mut talk = Talk::greeted();
    talk.ask("The fee?");
    talk.now = talk.now + 20_000;
    talk.on(Input::StoodStill);
    talk.wait(1_000);
    assert_eq!(talk.heard(), "Sorry, say that again?");
}
