//! Keys that a caller presses.

use std::time::{Duration, Instant};

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{ScriptedModel, Step},
};

#[actix_web::test]
async fn keys_become_one_turn_at_the_hash_key_or_after_three_seconds_and_are_never_logged() {
    let model = ScriptedModel::saying("Thank you.");
    let engine = Engine::with_model(&model, &[("LOG", "debug,switchhook=trace")]);
    let caller = engine.ring().await;
    caller.press("73519#").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Thank you.");
    assert_eq!(model.requests()[0].last_words(), "[keys] 73519");

    let pressed = Instant::now();
    caller.press("86420").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Thank you.");
    assert!(pressed.elapsed() >= Duration::from_millis(2_900), "{:?}", pressed.elapsed());
    assert_eq!(model.requests()[1].last_words(), "[keys] 86420");

    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 5).await;
    assert_eq!(words(&call)[1], ("customer".to_owned(), "[keys] 73519".to_owned()));
    let log = engine.log();
    assert!(!log.contains("73519") && !log.contains("86420"), "{log}");
    assert!(!log.contains("\"digit\""), "{log}");
}

#[actix_web::test]
async fn a_key_interrupts_like_speech_where_twilios_voice_goes_on() {
    let words = "one more word and ".repeat(60);
    let model = ScriptedModel::start(move |_, nth| match nth {
        0 => Step::answer_slowly(&words, Duration::from_millis(20)),
        _ => Step::answer("Key one."),
    });
    let engine = Engine::with_model(&model, &[("RELAY_INTERRUPTIBLE", "speech")]);
    let caller = engine.ring().await;
    caller.say("Tell me everything.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.len() > 20).await, "{}", caller.log());
    caller.press("1").await.expect("a conversation");
    assert!(model.aborted(0, SOON).await.is_some(), "the model is stopped at the first key");
    caller.press("#").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains("Key one.")).await, "{}", caller.log());
    assert_eq!(caller.violations(), Vec::<String>::new());
}
