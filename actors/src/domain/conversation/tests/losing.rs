//! What tells of a session that failed: the record, the address of the next line, a webhook behind its time.

use super::{
    resuming::{BREAK, half_said, rejoined},
    *,
};
use crate::domain::transcript::Played;

#[test]
fn a_failure_that_no_record_tells_of_is_learned_from_the_next_address() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let failed = talk.now;
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    let mut next = Talk::new(record.clone());
    next.now = failed + 1_000;
    next.on(Input::FailedBefore(Failure::new(failed)));
    next.attach();
    let rest = "letters in a second. And then comes some more of it";
    assert_eq!(next.heard(), format!("{BREAK} {rest}"));
    assert!(!next.look().contains(&Effect::RefuseLine));
    let failure = Failure::new(failed);
    let resumed = Change::Resumed { after: Some(failure), addressed: Some(failed) };
    assert!(next.effects.contains(&Effect::Settle(resumed.clone())));
    record.apply(&resumed, next.now);
    assert_eq!(
        (record.failures.as_slice(), record.unresumed().last().map(|last| last.at)),
        ([failure].as_slice(), None)
    );
    // Told again when Twilio connects the socket anew, by whatever clock, it is no second failure.
    next.wait(2_000);
    for at in [failed, failed + 1, next.now] {
        next.on(Input::LineLost { clean: false });
        next.on(Input::FailedBefore(Failure { at, ..failure }));
        next.attach();
        assert_eq!(next.heard(), "");
    }
}

#[test]
fn a_session_that_lives_learns_of_its_failure_from_the_next_address() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let failed = talk.now;
    // Its line is still there, for all that is known here.
    talk.wait(1_000);
    talk.look();
    talk.on(Input::FailedBefore(Failure::new(failed)));
    assert_eq!(talk.heard(), " letters in a second. And then comes some more of it ");
    assert!(talk.effects.contains(&Effect::RefuseLine));
    let refused = talk.effects.len();
    talk.attach();
    // Its voice goes on with that when Twilio connects to the same address again.
    talk.wait(5_000);
    talk.on(Input::LineLost { clean: false });
    talk.on(Input::FailedBefore(Failure::new(failed)));
    talk.attach();
    assert_eq!(talk.heard(), "");
    // Nor is one before it that is told when its line is there.
    talk.on(Input::SessionFailed(Failure::new(failed - 3_000)));
    assert_eq!(talk.heard(), "");
    assert!(!talk.effects.iter().skip(refused).any(|effect| *effect == Effect::RefuseLine));
}

#[test]
fn who_greets_behind_a_failure_is_said_by_the_address_alone() {
    let mut record = record(Some("Hello, this is Owl."));
    let failed = Timestamp(5_000);
    record.apply(&rejoined(failed), failed);
    // An engine that has gone on since may have died before its first word.
    let mut resumed = record.clone();
    let after = Some(Failure::new(failed));
    resumed.apply(&Change::Resumed { after, addressed: Some(failed) }, failed + 500);
    for record in [record, resumed] {
        for (address, heard) in [(None, ""), (Some(failed), "Hello, this is Owl.")] {
            let mut next = Talk::new(record.clone());
            next.now = failed + 1_000;
            if let Some(at) = address {
                next.on(Input::FailedBefore(Failure::new(at)));
            }
            next.attach();
            assert_eq!(next.heard(), heard);
        }
    }
}

#[test]
fn a_failure_that_two_engines_tell_costs_one_line() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let failed = talk.now;
    talk.on(Input::SessionFailed(Failure::new(failed)));
    talk.wait(50);
    talk.on(Input::FailedBefore(Failure::new(failed)));
    talk.attach();
    let told = talk.effects.len();
    // The other dates it by the moment at which it was asked, and says so when the next line is there: it
    // may have been asked behind that.
    for at in [failed + 30, talk.now + 10] {
        let failure = Failure { ended: failed, at };
        for input in [Input::SessionFailed(failure), Input::FailedBefore(failure)] {
            talk.wait(10);
            talk.on(input);
        }
    }
    let later = talk.effects.get(told..).unwrap_or_default();
    assert!(!later.contains(&Effect::RefuseLine) && !later.contains(&Effect::Silence));
    // One that fails as soon is a second one.
    talk.wait(400);
    talk.on(Input::SessionFailed(Failure::new(talk.now)));
    assert!(talk.effects.get(told..).unwrap_or_default().contains(&Effect::RefuseLine));
}

#[test]
fn a_second_session_that_fails_at_once_is_heeded_though_it_is_told_of_late() {
    for by_address in [false, true] {
        let (mut talk, turn) = half_said();
        talk.done(turn);
        let first = Failure::new(talk.now);
        talk.on(Input::SessionFailed(first));
        talk.wait(400);
        talk.on(Input::FailedBefore(first));
        talk.attach();
        talk.look();
        talk.wait(500);
        talk.on(Input::LineLost { clean: false });
        // Twilio's third try tells: by whole seconds it had lasted not at all, and was asked for before
        // its line came.
        talk.wait(4_000);
        let second = Failure::told(Some(first.at + 100), Some(0), talk.now);
        assert_eq!(second, Failure::new(first.at + 100));
        if by_address {
            talk.on(Input::FailedBefore(second));
        } else {
            talk.on(Input::SessionFailed(second));
        }
        talk.attach();
        assert_eq!(talk.heard(), " letters in a second. And then comes some more of it ");
    }
}

#[test]
fn a_failure_that_the_record_tells_of_is_of_the_last_line_or_of_one_before_it() {
    for came_back in [false, true] {
        let (mut talk, turn) = half_said();
        talk.done(turn);
        let failure = Failure::new(talk.now);
        talk.on(Input::LineLost { clean: false });
        talk.wait(1_400);
        if came_back {
            // Twilio connected the socket anew, and its voice has gone on since.
            talk.attach();
            talk.wait(16_000);
            talk.on(Input::LineLost { clean: false });
        }
        talk.look();
        talk.on(Input::FailureNoted(failure));
        talk.attach();
        let rest =
            if came_back { "" } else { " letters in a second. And then comes some more of it " };
        assert_eq!(talk.heard(), rest);
    }
}

#[test]
fn of_sessions_that_failed_one_after_another_the_first_took_the_voice_along() {
    for by_address in [false, true] {
        let (mut talk, turn) = half_said();
        talk.done(turn);
        let mut record = record(Some("Hello, this is Owl."));
        record.transcript = talk.machine.transcript().clone();
        let [first, second] = [talk.now, talk.now + 3_000];
        record.apply(&rejoined(first), first);
        if !by_address {
            record.apply(&rejoined(second), second);
        }
        let mut next = Talk::new(record);
        next.now = second + 500;
        next.on(Input::FailedBefore(Failure::new(second)));
        next.attach();
        let rest = "letters in a second. And then comes some more of it";
        assert_eq!(next.heard(), format!("{BREAK} {rest}"));
    }
}

#[test]
fn a_line_that_came_with_an_older_address_did_not_go_on_behind_the_failure() {
    for on_another in [false, true] {
        let (mut talk, turn) = half_said();
        talk.done(turn);
        let mut record = record(Some("Hello, this is Owl."));
        record.transcript = talk.machine.transcript().clone();
        let failure = Failure::new(talk.now);
        record.apply(&Change::Rejoined { failure }, failure.at);
        // Twilio connects the old address before it asks, and the record tells already what it was told.
        let mut next = Talk::new(record.clone());
        next.now = failure.at + 100;
        next.attach();
        let said = next.heard();
        assert!(said.ends_with("letters in a second. And then comes some more of it"), "{said}");
        next.on(Input::LineLost { clean: false });
        if on_another {
            let resumed = Change::Resumed { after: Some(failure), addressed: None };
            assert!(next.effects.contains(&Effect::Settle(resumed.clone())));
            // What that one has said never came to the store.
            record.apply(&resumed, next.now);
            let now = next.now;
            next = Talk::new(record.clone());
            next.now = now;
        }
        next.wait(50);
        next.on(Input::FailedBefore(failure));
        next.attach();
        assert_eq!(next.heard().trim(), said.trim(), "{on_another}");
        next.look();
        // With the same address its voice goes on.
        next.on(Input::LineLost { clean: false });
        next.on(Input::FailedBefore(failure));
        next.attach();
        assert_eq!(next.heard(), "", "{on_another}");
    }
}

/// Twilio was told so late that much was said on a line that nobody heard.
#[test]
fn what_was_said_on_an_older_address_long_after_the_failure_was_said_to_nobody() {
    let (mut talk, turn) = half_said();
    talk.done(turn);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    let failure = Failure::new(talk.now);
    record.apply(&rejoined(failure.at), failure.at);
    let mut deaf = Talk::new(record.clone());
    deaf.now = failure.at + 1_400;
    deaf.attach();
    let said = deaf.heard();
    assert!(said.ends_with("letters in a second. And then comes some more of it"), "{said}");
    // All that it has said and noted came to the store.
    let resumed = Change::Resumed { after: Some(failure), addressed: None };
    record.apply(&resumed, deaf.now);
    record.transcript = deaf.machine.transcript().clone();
    let mut next = Talk::new(record.clone());
    next.now = deaf.now + 1_000;
    next.on(Input::FailedBefore(failure));
    next.attach();
    assert_eq!(next.heard(), said);
    // Where the caller has said something there, the session lived.
    record.transcript.put(Turn::new(TurnId(9), Role::Customer, "And then?", deaf.now + 500));
    record.transcript.put(Turn {
        played: Some(Played { chars: 0, at: Some(deaf.now + 600) }),
        ..Turn::new(TurnId(9), Role::Agent, "Then nothing.", deaf.now + 600)
    });
    let mut next = Talk::new(record);
    next.now = deaf.now + 3_000;
    next.on(Input::FailedBefore(failure));
    next.attach();
    assert_eq!(next.heard(), BREAK);
}

/// The first of two engines says the rest of what its voice had not spoken, the other knows better.
#[test]
fn an_answer_of_which_nothing_was_heard_is_given_anew_though_a_session_took_it_for_heard() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second. And then comes some more of it ");
    let failed = talk.now + 50;
    talk.wait(200);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    let mut brief = Talk::new(record.clone());
    brief.now = talk.now;
    brief.attach();
    let noted = brief.machine.transcript().get(turn, Role::Agent).expect("it is there").clone();
    assert_eq!(noted.reason, Some(Reason::TakenOver));
    record.transcript.put(noted);
    record.apply(&rejoined(failed), failed);
    let mut next = Talk::new(record);
    next.now = talk.now + 500;
    next.on(Input::FailedBefore(Failure::new(failed)));
    next.attach();
    assert_eq!(next.heard(), "");
    assert!(next.effects.iter().any(|effect| matches!(effect, Effect::Ask { .. })));
    let noted = next.machine.transcript().get(turn, Role::Agent).expect("it is there");
    assert_eq!(
        (&*noted.text, noted.open, noted.interrupted, noted.reason),
        ("", true, false, None)
    );
}

/// As where several engines died within seconds: each was still saying what the one before had left.
#[test]
fn the_break_is_spoken_of_once_where_more_than_one_answer_was_cut_off() {
    for reason in [None, Some(Reason::TakenOver)] {
        let mut record = record(Some("Hello, this is Owl."));
        let at = Timestamp(1_010_000);
        let given = |id, words: &str, from| Turn {
            played: Some(Played { chars: 0, at: Some(from) }),
            ..Turn::new(TurnId(id), Role::Agent, words, from)
        };
        let last =
            Turn { open: reason.is_none(), reason, ..given(3, "And then some more", at + 50) };
        let asked = Turn::new(TurnId(1), Role::Customer, "Tell me all.", at - 100);
        record.transcript = [asked, given(2, "One thing after the other, in its order.", at), last]
            .into_iter()
            .collect();
        record.apply(&rejoined(at + 1_300), at + 1_300);
        let mut next = Talk::new(record);
        next.now = at + 1_500;
        next.on(Input::FailedBefore(Failure::new(at + 1_300)));
        next.attach();
        let said = next.heard();
        assert_eq!(said.matches(BREAK).count(), 1, "{said}");
        let asks = |effect: &&Effect| matches!(effect, Effect::Ask { .. });
        assert_eq!(next.effects.iter().filter(asks).count(), 1, "{reason:?}");
        let goes_on = next.machine.transcript().turns().last().expect("it is there");
        assert!(goes_on.open && goes_on.text.starts_with(BREAK), "{goes_on:?}");
    }
}

#[test]
fn a_session_that_took_the_voice_to_go_on_leaves_what_it_had_not_spoken() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second. And then comes some more of it ");
    talk.wait(1_000);
    let mut record = record(Some("Hello, this is Owl."));
    record.transcript = talk.machine.transcript().clone();
    // Twilio connects the old address before it gives the session up, and only the first that this
    // engine notes comes to the store.
    let mut brief = Talk::new(record.clone());
    brief.now = talk.now + 1_000;
    brief.attach();
    let noted = brief.machine.transcript().get(turn, Role::Agent).expect("it is there").clone();
    assert_eq!(noted.reason, Some(Reason::TakenOver));
    record.transcript.put(noted);
    let failed = brief.now + 100;
    record.apply(&rejoined(failed), failed);
    let mut next = Talk::new(record);
    next.now = failed + 100;
    next.on(Input::FailedBefore(Failure::new(failed)));
    next.attach();
    assert!(next.heard().starts_with(BREAK));
    let heard = next.machine.transcript().get(turn, Role::Agent).expect("it is there");
    // Two seconds, less what may have been silent.
    assert_eq!(heard.text, "Fourteen letters in a");
}
