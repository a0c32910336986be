//! The caller cuts in.

use super::*;

#[test]
fn an_interrupt_silences_the_answer_at_once_and_keeps_what_was_heard() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "The annual fee is twenty dollars and ");
    talk.wait(1_000);
    talk.look();
    talk.interrupt("The annual fee");
    let effects = talk.look();
    assert!(effects.contains(&Effect::StopAsking) && effects.contains(&Effect::Silence));
    assert!(effects.contains(&Effect::Say { turn, text: String::new(), last: true }));
    assert!(effects.contains(&Effect::Observe(Observation::Interrupted { located: true })));
    let heard = talk.agent(turn);
    assert_eq!(
        (heard.text.as_str(), heard.interrupted, heard.estimated),
        ("The annual fee", true, false)
    );
    talk.token(turn, "more");
    talk.done(turn);
    assert_eq!(talk.heard(), "");
    assert!(!talk.cycle_open);
}

#[test]
fn an_interrupt_long_after_the_last_token_still_cuts_what_the_voice_had_not_spoken() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "One sentence here. Another sentence that is never heard.");
    talk.done(turn);
    assert!(!talk.agent(turn).interrupted);
    talk.wait(1_500);
    talk.look();
    talk.interrupt("one sentence, HERE");
    let effects = talk.look();
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Say { .. })),
        "its cycle was closed"
    );
    let heard = talk.agent(turn);
    assert!(heard.text.starts_with("One sentence here") && !heard.text.contains("Another"));
    assert!(heard.interrupted);
}

#[test]
fn words_of_twilios_that_are_not_ours_are_located_by_time_and_marked() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Fourteen letters in a second and then some more.");
    talk.wait(2_000);
    talk.interrupt("etwas ganz anderes");
    let heard = talk.agent(turn);
    assert!(heard.estimated && heard.interrupted);
    assert_eq!(heard.text, "Fourteen letters in a second");
}

#[test]
fn an_interrupt_of_the_greeting_cuts_the_greeting() {
    let mut talk = Talk::new(record(Some("Hello, this is Owl. How can I help?")));
    talk.attach();
    talk.wait(500);
    talk.look();
    talk.interrupt("Hello, this is");
    assert_eq!(talk.agent(TurnId(0)).text, "Hello, this is");
    assert!(!talk.look().iter().any(|effect| matches!(effect, Effect::Say { .. })));
}

#[test]
fn an_interrupt_of_old_audio_leaves_an_answer_that_has_not_begun() {
    let mut talk = Talk::greeted();
    let first = talk.ask("One?");
    talk.tokens(first, "A long answer that the voice needs some time for.");
    talk.done(first);
    let second = talk.ask("Two?");
    talk.look();
    talk.interrupt("A long answer");
    assert!(!talk.look().contains(&Effect::StopAsking));
    assert_eq!(talk.agent(first).text, "A long answer");
    talk.tokens(second, "Second.");
    assert_eq!(talk.heard(), "Second.");
}

#[test]
fn an_interrupt_of_old_audio_takes_the_new_answer_behind_it_along() {
    let mut talk = Talk::greeted();
    let first = talk.ask("One?");
    talk.tokens(first, "A long answer that the voice needs some time for.");
    talk.done(first);
    let second = talk.ask("Two?");
    talk.tokens(second, "Second.");
    talk.look();
    talk.interrupt("A long answer");
    assert!(talk.look().contains(&Effect::StopAsking));
    assert_eq!(talk.agent(first).text, "A long answer");
    assert_eq!(talk.agent(second).text, "");
    assert!(!talk.cycle_open);
}

#[test]
fn an_interrupt_with_nothing_said_says_nothing() {
    let mut talk = Talk::greeted();
    talk.on(Input::Relay(Inbound::Interrupt(Interrupted::default())));
    talk.on(Input::Relay(Inbound::Interrupt(Interrupted::default())));
    assert_eq!(talk.heard(), "");
    assert!(!talk.agent(TurnId(0)).interrupted);
}

#[test]
fn an_interrupt_long_after_the_voice_was_done_erases_nothing() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me.");
    talk.tokens(turn, "Short answer.");
    talk.done(turn);
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(true))));
    let played = Inbound::Info(Info::TokensPlayed("Short answer.".to_owned()));
    talk.on(Input::Relay(played));
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(false))));
    talk.wait(4_000);
    let nothing = Interrupted { utterance: Some(String::new()), after: Some(0) };
    talk.on(Input::Relay(Inbound::Interrupt(nothing)));
    assert_eq!(talk.agent(turn).text, "Short answer.");
    assert!(!talk.agent(turn).interrupted && !talk.agent(TurnId(0)).interrupted);
}

#[test]
fn tokens_played_prove_more_than_the_clock() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "Spoken fast by a hurried voice. Not this.");
    talk.done(turn);
    talk.wait(1_500);
    let played = Inbound::Info(Info::TokensPlayed("Spoken fast by a hurried voice.".to_owned()));
    talk.on(Input::Relay(played));
    talk.on(Input::Relay(Inbound::Interrupt(Interrupted::default())));
    assert_eq!(talk.agent(turn).text, "Spoken fast by a hurried voice.");
}

#[test]
fn a_voice_that_stopped_by_itself_has_said_all() {
    let mut talk = Talk::greeted();
    let turn = talk.ask("Tell me all.");
    talk.tokens(turn, "A fast voice says a lot of words in hardly any time at all.");
    talk.done(turn);
    talk.wait(1_000);
    talk.on(Input::Relay(Inbound::Info(Info::AgentSpeaking(false))));
    talk.wait(2_000);
    talk.on(Input::LineLost { clean: true });
    talk.on(Input::Concluded(Status::Completed));
    assert!(!talk.agent(turn).interrupted);
}
