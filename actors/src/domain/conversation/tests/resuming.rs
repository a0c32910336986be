//! Engines that die in the middle of an answer, and those that go on with it.

use super::*;
use crate::domain::{escalation::ReasonCode, transcript::Played};

pub(super) const BREAK: &str = "Sorry, I lost you. Go on.";

/// Twilio gave a session up at that moment.
pub(super) fn rejoined(at: Timestamp) -> Change {
    Change::Rejoined { failure: Failure::new(at) }
}

/// An engine goes on with what the store has of that call; `failed`: Twilio gave up the session then.
fn go_on(talk: &Talk, failed: Option<Timestamp>) -> Talk {
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    record.epoch = Epoch(2);
    if let Some(at) = failed {
        record.apply(&rejoined(at), at);
    }
    let mut next = Talk::new(record);
    next.now = talk.now + 1_000;
    next.attach();
    next
}

/// An answer of which one second of twelve was spoken when its engine dies.
pub(super) fn half_said() -> (Talk, TurnId) {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second. And then comes some more of it ");
    talk.wait(1_000);
    (talk, turn)
}

#[test]
fn an_answer_is_stored_with_its_first_word_and_then_now_and_then() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("The fee?");
    talk.look();
    talk.token(turn, "It ");
    assert_eq!(appended(&talk.look()), [(turn.0, Role::Agent, "It".to_owned())]);
    let mut said = "It".to_owned();
    for (pause, words) in [(100, "is "), (100, "a "), (200, "fee "), (400, "of "), (500, "one ")] {
        talk.token(turn, words);
        talk.wait(pause - 1);
        assert_eq!(appended(&talk.look()), [], "{words}");
        talk.wait(1);
        said = format!("{said} {}", words.trim());
        assert_eq!(appended(&talk.look()), [(turn.0, Role::Agent, said.clone())]);
    }
    assert_eq!(talk.agent(turn).played, Some(Played { chars: 18, at: Some(talk.now) }));
    talk.wait(1_900);
    assert_eq!(appended(&talk.look()), [], "there is nothing new to be stored");
}

#[test]
fn of_a_session_that_twilio_gave_up_what_the_voice_had_reached_stays_and_the_rest_is_asked_for() {
    let (talk, turn) = half_said();
    let mut next = go_on(&talk, Some(talk.now));
    let heard = next.agent(turn);
    assert_eq!(heard.text, "Fourteen");
    assert_eq!((heard.interrupted, heard.estimated, heard.open), (true, true, false));
    assert_eq!(next.heard(), BREAK);
    let told: Vec<_> = next.told().into_iter().map(|(_, words)| words).collect();
    assert_eq!(told[told.len() - 2..], ["Fourteen [the line failed here]", BREAK]);
    let (rest, _) = next.questions().pop().expect("the model is asked");
    next.tokens(rest, "letters in a second.");
    next.done(rest);
    assert_eq!(next.heard(), " letters in a second.");
}

#[test]
fn a_voice_that_speaks_on_between_the_last_draft_and_the_end_of_its_session_is_counted() {
    let (talk, turn) = half_said();
    let stored = talk.agent(turn).played;
    assert!(stored.is_some_and(|played| played.chars < 14), "it was stored before: {stored:?}");
    let next = go_on(&talk, Some(talk.now + 1_100));
    assert_eq!(next.agent(turn).text, "Fourteen letters in a");
}

#[test]
fn a_socket_that_twilio_connects_anew_has_a_voice_that_has_gone_on() {
    let (talk, turn) = half_said();
    let mut next = go_on(&talk, None);
    let all = "Fourteen letters in a second. And then comes some more of it";
    assert_eq!(next.agent(turn).text, all, "nothing of it is said again");
    assert_eq!(next.heard(), BREAK);
    assert_eq!(next.questions().len(), 1);
}

#[test]
fn an_answer_of_which_nothing_was_heard_is_given_anew() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "It is nil. ");
    let mut next = go_on(&talk, Some(talk.now));
    assert_eq!(next.heard(), "");
    assert_eq!(next.questions().last().map(|(turn, _)| *turn), Some(turn));
    assert_eq!(next.told().last().map(|(_, words)| words.clone()), Some("Tell me all.".to_owned()));
    next.tokens(turn, "It is nil.");
    next.done(turn);
    assert_eq!(
        (next.heard().as_str(), next.agent(turn).text.as_str()),
        ("It is nil.", "It is nil.")
    );
}

#[test]
fn of_a_whole_answer_the_caller_hears_what_the_voice_had_not_spoken() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut next = go_on(&talk, Some(talk.now));
    let rest = "letters in a second. And then comes some more of it";
    assert_eq!(next.heard(), format!("{BREAK} {rest}"));
    assert_eq!(next.questions().len(), 0, "the model has said it all");
    let heard = next.agent(turn);
    assert_eq!((heard.text.as_str(), heard.interrupted), ("Fourteen", true));
    next.wait(3_000);
    next.interrupt(&format!("{BREAK} letters in"));
    assert_eq!(next.agent(TurnId(turn.0 + 1)).text, format!("{BREAK} letters in"));
}

#[test]
fn a_whole_answer_whose_voice_speaks_on_is_left_to_it() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut next = go_on(&talk, None);
    assert_eq!(next.heard(), BREAK, "behind what it says");
    next.interrupt("Fourteen letters in a second. And then");
    assert_eq!(next.agent(turn).text, "Fourteen letters in a second. And then");
    assert_eq!(next.agent(TurnId(turn.0 + 1)).text, "");
    // Once it has been heard to its end, the break is spoken of.
    talk.now = talk.now + 10_000;
    assert_eq!(go_on(&talk, None).heard(), BREAK);
}

#[test]
fn an_engine_that_dies_over_the_word_about_the_break_leaves_the_rest_to_the_next() {
    let (talk, turn) = half_said();
    let next = go_on(&talk, Some(talk.now));
    let mut last = go_on(&next, None);
    assert_eq!(last.agent(TurnId(turn.0 + 1)).text, BREAK);
    assert_eq!(last.heard(), BREAK);
    assert_eq!(last.questions().last().map(|(turn, _)| *turn), Some(TurnId(turn.0 + 2)));
}

#[test]
fn an_engine_that_had_no_time_to_note_what_it_was_about_to_say_leaves_the_rest_to_the_next() {
    for whole in [false, true] {
        let (mut talk, turn) = half_said();
        if whole {
            talk.done(turn);
        }
        let next = go_on(&talk, Some(talk.now));
        // Of what it writes only that the answer was cut gets through.
        let cut = next.agent(turn);
        assert_eq!((cut.text.as_str(), cut.reason), ("Fourteen", Some(Reason::TakenOver)));
        let mut half = talk.machine.transcript().clone();
        half.put(cut);
        let mut kept = record(Some("Hello, this is Owl."));
        kept.transcript = half;
        let mut last = Talk::new(kept);
        last.now = talk.now + 1_100;
        last.attach();
        assert_eq!(last.heard(), BREAK, "{whole}");
        let (rest, _) = last.questions().pop().expect("the model is asked");
        assert!(rest > turn);
    }
}

#[test]
fn a_socket_that_twilio_gives_up_after_all_leaves_what_its_voice_had_not_spoken_to_the_next() {
    for whole in [false, true] {
        let (mut talk, turn) = half_said();
        if whole {
            talk.done(turn);
        }
        // The voice has spoken for two seconds when the socket is given up.
        let mut next = go_on(&talk, None);
        next.on(Input::SessionFailed(Failure::new(next.now)));
        next.attach();
        let rest = " second. And then comes some more of it";
        assert_eq!(next.heard().trim_end(), format!("{BREAK}{rest}{BREAK}"), "{whole}");
    }
}

#[test]
fn a_socket_on_a_second_engine_that_twilio_gives_up_leaves_what_its_voice_had_not_spoken_to_a_third()
 {
    for whole in [false, true] {
        let (mut talk, turn) = half_said();
        if whole {
            talk.done(turn);
        }
        // The voice has spoken for two seconds when the socket is given up.
        let mut second = go_on(&talk, None);
        assert_eq!(second.heard(), BREAK);
        let mut third = go_on(&second, Some(second.now));
        // Of what was said in the last third of a second nobody knows whether it was heard.
        let rest = format!("{BREAK} second. And then comes some more of it");
        assert_eq!(third.heard(), rest, "{whole}");
        // Cut again, the turn holds what was heard of it.
        third.wait(500);
        third.interrupt(&rest[..rest.len() - " comes some more of it".len()]);
        let last = third.machine.transcript().turns().iter().rfind(|turn| !turn.text.is_empty());
        assert!(last.unwrap().text.ends_with("And then"), "{whole}: {last:?}");
    }
}

#[test]
fn how_far_a_new_voice_is_with_the_rest_of_an_answer_is_stored_for_the_next_engine() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    talk.on(Input::SessionFailed(Failure::new(talk.now)));
    talk.wait(1_000);
    talk.attach();
    let played = talk.agent(turn).played.expect("it is still being spoken");
    assert_eq!((played.chars, played.at), (8, Some(talk.now)));
    // A second later its engine is gone, and the session with it.
    talk.now = talk.now + 1_000;
    let mut next = go_on(&talk, Some(talk.now));
    assert_eq!(next.heard(), format!("{BREAK} in a second. And then comes some more of it"));
}

#[test]
fn a_call_whose_sessions_are_lost_five_times_a_minute_is_for_a_person() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    for resumes in 0..=5 {
        let mut next = Talk::new(record.clone());
        next.now = talk.now + 1_000 * (resumes + 1);
        next.attach();
        let resumed =
            next.look().contains(&Effect::Settle(Change::Resumed { after: None, addressed: None }));
        assert!(resumed, "{resumes}");
        let sought = next.effects.iter().find_map(|effect| match effect {
            Effect::Escalate(escalation) => Some(escalation.grounds.code),
            _ => None,
        });
        let wanted = (resumes == 5).then_some(ReasonCode::EngineFailed);
        assert_eq!(sought, wanted, "after {resumes}");
        record.apply(&Change::Resumed { after: None, addressed: None }, next.now);
    }
}

#[test]
fn an_engine_that_dies_over_the_rest_of_an_answer_leaves_the_rest_of_that_to_the_next() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut next = go_on(&talk, Some(talk.now));
    let rest = "letters in a second. And then comes some more of it";
    assert_eq!(next.heard(), format!("{BREAK} {rest}"));
    // Its voice has said the word about the break, and a little more.
    next.now = next.now + 3_000;
    let mut third = go_on(&next, Some(next.now));
    assert_eq!(third.heard(), format!("{BREAK} a second. And then comes some more of it"));
    // Of that one not even the word about the break was heard.
    let mut last = go_on(&third, Some(third.now + 500));
    assert_eq!(last.heard(), format!("{BREAK} a second. And then comes some more of it"));
}

#[test]
fn a_session_that_went_on_since_twilio_gave_one_up_has_a_voice_of_its_own() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    record.apply(&rejoined(talk.now), talk.now);
    assert_eq!(record.unresumed().last().map(|last| last.at), Some(talk.now));
    let mut next = Talk::new(record.clone());
    next.now = talk.now + 100;
    next.attach();
    let rest = "letters in a second. And then comes some more of it";
    assert_eq!(next.heard(), format!("{BREAK} {rest}"));
    let after = Some(Failure::new(talk.now));
    let resumed = Change::Resumed { after, addressed: None };
    assert!(next.effects.contains(&Effect::Settle(resumed.clone())));
    // One that was claimed before Twilio gave its session up has not gone on after that.
    record.apply(&Change::Resumed { after: None, addressed: None }, next.now);
    assert_eq!(record.unresumed().last().map(|last| last.at), Some(talk.now));
    record.apply(&resumed, next.now);
    record.transcript = next.machine.transcript().clone();
    assert_eq!(record.unresumed().last().map(|last| last.at), None);
    // Twilio connects its socket anew: the voice goes on.
    let mut last = Talk::new(record);
    last.now = next.now + 1_000;
    last.attach();
    assert_eq!(last.heard(), BREAK);
}

#[test]
fn old_news_of_the_voice_on_the_next_line_do_not_say_what_the_new_voice_has_spoken() {
    for news in [Info::AgentSpeaking(false), Info::TokensPlayed("Fourteen".to_owned())] {
        let (mut talk, turn) = half_said();
        talk.done(turn);
        talk.wait(1_000);
        let mut next = go_on(&talk, None);
        // Twilio says again what it said on the lost line, and gives the session up all the same.
        next.on(Input::Relay(Inbound::Info(news.clone())));
        next.look();
        next.on(Input::SessionFailed(Failure::new(next.now)));
        next.attach();
        let spoken = next.heard();
        assert!(spoken.contains("comes some more of it"), "{news:?}: {spoken:?}");
        assert!(!spoken.contains("second"), "{news:?}: {spoken:?}");
    }
}

#[test]
fn a_session_that_is_given_up_before_it_has_said_a_word_takes_the_voice_before_it_along() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    let mut next = Talk::new(record);
    next.now = talk.now;
    next.on(Input::Attached);
    next.on(Input::SessionFailed(Failure::new(next.now)));
    next.attach();
    let rest = "letters in a second. And then comes some more of it";
    assert_eq!(next.heard(), format!("{BREAK} {rest}"));
}

#[test]
fn an_answer_that_waits_behind_other_words_of_the_voice_has_not_begun_by_the_clock() {
    let mut talk = Talk::greeted();
    let first = talk.ask("Tell me all.");
    // Ten seconds of it.
    talk.tokens(first, &"Fourteen chars. Twelve ones. ".repeat(5));
    talk.done(first);
    talk.now = talk.now + 2_000;
    let second = talk.ask("And the fee?");
    talk.tokens(second, "The fee is five dollars.");
    talk.done(second);
    talk.now = talk.now + 3_000;
    let mut next = go_on(&talk, Some(talk.now));
    let spoken = next.heard();
    assert!(spoken.ends_with("The fee is five dollars."), "{spoken:?}");
}
