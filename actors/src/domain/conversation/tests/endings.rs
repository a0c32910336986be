//! How calls end.

use super::*;

fn ended(effects: &[Effect]) -> Option<Status> {
    effects.iter().find_map(|effect| match effect {
        Effect::Settle(Change::Ended { status }) => Some(*status),
        _ => None,
    })
}

#[test]
fn a_caller_who_hangs_up_in_mid_answer_has_heard_what_the_voice_had_spoken() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second and then some more ");
    talk.wait(2_000);
    talk.look();
    talk.on(Input::LineLost { clean: true });
    assert!(talk.look().contains(&Effect::StopAsking), "nobody is there to answer");
    talk.wait(5_000);
    talk.on(Input::Concluded(Status::Completed));
    let effects = talk.look();
    assert_eq!(effects.last(), Some(&Effect::Finish));
    assert_eq!(ended(&effects), Some(Status::Completed));
    let heard = talk.agent(turn);
    assert_eq!(heard.text, "Fourteen letters in a second");
    assert_eq!((heard.interrupted, heard.reason), (true, Some(Reason::CallEnded)));
    talk.say("Anybody?");
    assert_eq!(talk.look(), []);
    assert_eq!(talk.machine.next_deadline(), None);
}

#[test]
fn a_line_that_comes_back_after_a_good_end_finds_the_answer_gone_on_with() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "The fee is high and will be ");
    talk.wait(800);
    talk.on(Input::LineLost { clean: true });
    talk.look();
    talk.wait(3_000);
    talk.attach();
    assert_eq!(talk.questions().len(), 2);
    let rest = TurnId(turn.0 + 1);
    talk.tokens(rest, "high.");
    talk.done(rest);
    let heard = talk.agent(turn);
    assert_eq!((heard.text.as_str(), heard.interrupted), ("The fee is", true));
    assert_eq!(talk.heard(), "Sorry, I lost you. Go on. high.");
}

#[test]
fn a_question_that_the_end_of_the_call_left_open_says_so() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.on(Input::Concluded(Status::Completed));
    assert_eq!(talk.turn(turn, Role::Customer).reason, Some(Reason::CallEnded));
}

#[test]
fn a_line_that_does_not_come_back_ends_the_call_by_how_it_went() {
    for (clean, status) in [(true, Status::Completed), (false, Status::Failed)] {
        let mut talk = Talk::greeted();
        talk.on(Input::LineLost { clean });
        talk.wait(29_999);
        assert_eq!(ended(&talk.look()), None);
        talk.wait(1);
        assert_eq!(ended(&talk.look()), Some(status));
    }
}

#[test]
fn a_goodbye_is_heard_out_before_the_session_ends() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Thank you, goodbye.");
    talk.tokens(turn, "Goodbye, have a nice day.\nEND_CALL");
    talk.done(turn);
    assert!(!talk.agent(turn).text.contains("END_CALL"));
    let speech = 1_000 * talk.agent(turn).text.len() as u64 / 14;
    talk.wait(speech - 500);
    let ends = |effects: Vec<Effect>| effects.iter().any(|e| matches!(e, Effect::End { .. }));
    assert!(!ends(talk.look()));
    talk.wait(600);
    assert!(ends(talk.look()));
    talk.say("One more thing!");
    assert_eq!(talk.questions().len(), 1, "too late");
    talk.on(Input::LineLost { clean: true });
    talk.on(Input::Concluded(Status::Completed));
    assert_eq!(ended(&talk.look()), Some(Status::Completed));
}

#[test]
fn a_caller_who_interrupts_the_goodbye_is_not_hung_up_on() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Goodbye.");
    talk.tokens(turn, "Goodbye, it was a pleasure.\nEND_CALL");
    talk.done(turn);
    talk.wait(300);
    talk.interrupt("Goodbye");
    let next = talk.ask("Wait, what about the fee?");
    talk.tokens(next, "Twenty.");
    talk.done(next);
    talk.wait(20_000);
    assert!(!talk.look().iter().any(|effect| matches!(effect, Effect::End { .. })));
}

#[test]
fn a_session_that_twilio_does_not_close_after_the_end_is_over_ten_seconds_later() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Bye.");
    talk.tokens(turn, "Bye.\nEND_CALL");
    talk.done(turn);
    talk.wait(1_000);
    assert!(talk.look().iter().any(|effect| matches!(effect, Effect::End { .. })));
    talk.wait(10_000);
    assert_eq!(ended(&talk.look()), Some(Status::Completed));
}

#[test]
fn a_goodbye_without_words_of_its_own_is_the_personas() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Bye.");
    talk.tokens(turn, "END_CALL");
    talk.done(turn);
    assert_eq!(talk.agent(turn).text, "Goodbye.");
}

#[test]
fn a_session_whose_call_another_engine_owns_falls_silent_and_writes_nothing() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Hello?");
    talk.tokens(turn, "Hello ");
    talk.look();
    talk.on(Input::Fenced);
    let effects = talk.look();
    assert_eq!(effects, [Effect::StopAsking, Effect::Silence, Effect::RefuseLine, Effect::Finish]);
    talk.token(turn, "you");
    assert_eq!(talk.look(), []);
}
