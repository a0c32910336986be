//! Callers who say nothing, and calls that last too long.

use std::time::{Duration, Instant};

use serde_json::Value;
use switchhook::caller::{Ending, Pace, RingOptions};

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{ScriptedModel, Step},
};

#[actix_web::test]
async fn a_silent_caller_is_asked_twice_and_then_told_goodbye() {
    let engine = Engine::start(&[("SILENCE_SECONDS", "1")]);
    let caller = engine.ring().await;
    assert!(caller.quiet(SOON).await, "the greeting is over");
    let begun = Instant::now();
    let asked = [caller.answer(SOON).await, caller.answer(SOON).await, caller.answer(SOON).await];
    assert!(asked.iter().all(|phrase| phrase.complete), "{}", caller.log());
    assert!(begun.elapsed() >= Duration::from_millis(2_900), "{:?}", begun.elapsed());
    assert!(asked[0].text != asked[1].text && asked[2].text.contains("end the call"));
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let over = |call: &Value| call["status"] == "completed";
    let call = engine.transcript_when(caller.call_sid(), over).await;
    assert_eq!(turns(&call), 4);
}

#[actix_web::test]
async fn silence_counts_from_the_end_of_what_the_voice_speaks() {
    let text = "a long answer that takes the voice a while, ".repeat(3);
    let model = ScriptedModel::saying(&text);
    let engine = Engine::with_model(&model, &[("SILENCE_SECONDS", "1")]);
    let pace = Pace::CharsPerSecond(60.0);
    let caller = engine.ring_as(RingOptions { pace, ..engine.caller() }).await;
    assert!(caller.quiet(SOON).await, "the greeting is over");
    caller.say("Tell me.").await.expect("a conversation");
    let sent = caller.answer(SOON).await;
    assert!(sent.complete && caller.is_agent_speaking(), "the voice is behind");
    assert!(caller.quiet(SOON).await);
    let quiet = Instant::now();
    assert!(caller.answer(SOON).await.text.contains("there"), "{}", caller.log());
    assert!(quiet.elapsed() >= Duration::from_millis(900), "{:?}", quiet.elapsed());
}

#[actix_web::test]
async fn a_caller_who_cuts_in_and_says_nothing_is_told_to_go_on() {
    let model = ScriptedModel::saying(&"one word after the other ".repeat(8));
    let engine = Engine::with_model(&model, &[]);
    let pace = Pace::CharsPerSecond(30.0);
    let caller = engine.ring_as(RingOptions { pace, ..engine.caller() }).await;
    caller.interrupt().await.expect("a conversation");
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.len() > 20).await, "{}", caller.log());
    let cut = Instant::now();
    caller.interrupt().await.expect("a conversation").expect("a voice to cut off");
    let told = |heard: &str| heard.contains("Please go on");
    assert!(caller.heard_until(SOON, told).await, "{}", caller.log());
    assert!(cut.elapsed() >= Duration::from_millis(2_400), "{:?}", cut.elapsed());
    assert_eq!(model.requests().len(), 1);
}

#[actix_web::test]
async fn a_call_that_lasts_too_long_is_ended_politely() {
    for limit in [("MAX_CALL_SECONDS", "2"), ("MAX_TURNS", "1")] {
        let model = ScriptedModel::saying("As you wish.");
        let engine = Engine::with_model(&model, &[limit]);
        let caller = engine.ring().await;
        caller.say("One more?").await.expect("a conversation");
        assert_eq!(caller.answer(SOON).await.text, "As you wish.");
        if limit.0 == "MAX_TURNS" {
            caller.say("And one more?").await.expect("a conversation");
        }
        let last = caller.answer(SOON).await.text;
        let why = "talking for quite a while";
        assert!(last.contains(why) && last.ends_with("Goodbye."), "{last}");
        assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
        assert_eq!(model.requests().len(), 1);
        let over = |call: &Value| call["status"] == "completed";
        let call = engine.transcript_when(caller.call_sid(), over).await;
        assert_eq!(words(&call).last().map(|(role, _)| role.as_str()), Some("agent"));
        let reason = &call["transcript"][turns(&call) - 1]["reason"];
        assert_eq!(reason, "limit");
    }
}

#[actix_web::test]
async fn after_its_end_the_socket_stays_open_until_the_goodbye_was_heard() {
    let model = ScriptedModel::start(|_, _| {
        Step::answer("Goodbye, and thank you very much for calling us today.\nEND_CALL")
    });
    let engine = Engine::with_model(&model, &[]);
    let pace = Pace::CharsPerSecond(40.0);
    let caller = engine.ring_as(RingOptions { pace, ..engine.caller() }).await;
    assert!(caller.quiet(SOON).await, "the greeting is over");
    caller.say("Bye.").await.expect("a conversation");
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    assert!(caller.heard().trim_end().ends_with("calling us today."), "{}", caller.heard());
    assert_eq!(caller.violations(), Vec::<String>::new());
}
