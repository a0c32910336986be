//! Signals: an engine that is told to stop takes its leave, and one that is told twice goes.

use std::time::{Duration, Instant};

use switchhook::caller::{Caller, RingOptions};

use crate::harness::{
    door::Ask,
    engine::{Engine, SOON, turns},
    model::{Gate, ScriptedModel, Step},
};

/// A stop that waits for nothing, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(6);

async fn drains(engine: &Engine) {
    let begun = Instant::now();
    loop {
        let answer = Ask::get("/readyz").at(engine).await;
        if answer.status == 404 {
            assert_eq!(answer.json()["status"], "draining");
            return;
        }
        assert!(begun.elapsed() < SOON, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn talk(engine: &Engine) -> Caller {
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("Hello?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
    caller
}

#[actix_web::test]
async fn an_engine_without_calls_stops_when_it_is_told_to() {
    for signal in ["TERM", "INT"] {
        let mut engine = Engine::start(&[]);
        engine.when("/readyz", |ready| ready["status"] == "ready").await;
        engine.signal(signal);
        let begun = Instant::now();
        assert_eq!(engine.exited().await.code(), Some(0), "{signal}: {}", engine.log());
        assert!(begun.elapsed() < AT_ONCE, "{signal}: {:?}", begun.elapsed());
        let log = engine.log();
        assert!(log.contains(&format!("SIG{signal}: no new calls")), "{log}");
        assert!(log.contains("\"stopped\""), "{log}");
    }
}

#[actix_web::test]
async fn a_stop_waits_for_the_live_call_which_goes_on_to_its_end() {
    let gate = Gate::new();
    let model = ScriptedModel::start({
        let gate = gate.clone();
        move |_, nth| match nth {
            1 => vec![
                Step::Token("It is".to_owned()),
                Step::WaitFor(gate.clone()),
                Step::Token(" worth waiting for.".to_owned()),
                Step::Finish("stop".to_owned()),
                Step::Done,
            ],
            _ => Step::answer("Yes."),
        }
    });
    let mut engine = Engine::with_model(&model, &[]);
    let caller = talk(&engine).await;
    caller.say("What is the answer?").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("It is")).await);
    engine.signal("TERM");
    drains(&engine).await;
    assert_eq!(engine.json("/livez").await["status"], "live");
    gate.open();
    assert_eq!(caller.answer(SOON).await.text, "It is worth waiting for.");
    // Its line may drop and come back, and what it says is kept.
    caller.drop_line().await.expect("a line");
    caller.fail(64105).await.expect("a new session of the same call");
    caller.say("Still there?").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.matches("Yes.").count() == 2).await);
    assert!(engine.runs(), "{}", engine.log());
    engine.transcript_when(caller.call_sid(), |call| turns(call) >= 7).await;
    caller.hang_up().await.expect("a line");
    assert_eq!(engine.exited().await.code(), Some(0), "{}", engine.log());
    let log = engine.log();
    assert!(log.contains("the call is over") && !log.contains("calls are cut"), "{log}");

    engine.restart();
    let call = engine.transcript(caller.call_sid()).await;
    assert_eq!(call["status"], "completed");
    assert!(turns(&call) >= 7, "{call}");
}

#[actix_web::test]
async fn a_second_signal_stops_at_once_and_the_call_goes_on_in_the_next_engine() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, &[]);
    let caller = talk(&engine).await;
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    engine.signal("TERM");
    drains(&engine).await;
    assert!(engine.runs());
    engine.signal("TERM");
    let begun = Instant::now();
    assert_eq!(engine.exited().await.code(), Some(0), "{}", engine.log());
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let log = engine.log();
    assert!(log.contains("SIGTERM again") && log.contains("calls are cut"), "{log}");
    assert!(log.contains("\"stopped\""), "{log}");

    engine.restart();
    let call = engine.transcript(caller.call_sid()).await;
    assert_eq!((call["status"].as_str(), turns(&call)), (Some("active"), 3));
    let url = engine.url.replacen("http", "ws", 1);
    let again = engine
        .ring_as(RingOptions {
            ws_url: Some(format!("{url}/conversation/{}", caller.call_sid())),
            call_sid: Some(caller.call_sid().to_owned()),
            ..engine.caller()
        })
        .await;
    again.say("Still there?").await.expect("a conversation");
    assert!(again.heard_until(SOON, |heard| heard.contains("Yes.")).await, "{}", again.log());
}

#[actix_web::test]
async fn a_stop_does_not_wait_longer_than_it_was_told_to() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, &[("DRAIN_SECONDS", "0")]);
    let caller = talk(&engine).await;
    engine.signal("TERM");
    let begun = Instant::now();
    assert_eq!(engine.exited().await.code(), Some(0), "{}", engine.log());
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(engine.log().contains("calls are cut"), "{}", engine.log());
    drop(caller);
}
