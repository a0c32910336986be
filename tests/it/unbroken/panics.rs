//! A fault in the program itself, planted where it hurts: what dies is that part alone.

use switchhook::caller::RingOptions;

use crate::harness::{
    door::Ask,
    engine::{Engine, SOON, turns, words},
    model::{ScriptedModel, Step},
};

/// A program that takes orders, in which nothing is quiet but what the story says.
const ORDERS: &[(&str, &str)] = &[("FAILPOINTS", "session=off"), ("SILENCE_SECONDS", "600")];

const PANICS: &str = "switchhook_panics_total";

async fn ask_and_hear(caller: &switchhook::caller::Caller, question: &str, answer: &str) {
    caller.say(question).await.expect("a conversation");
    let heard = caller.answer(SOON).await;
    assert_eq!((heard.text.as_str(), heard.complete), (answer, true), "{}", caller.log());
}

#[actix_web::test]
async fn an_answer_that_panics_is_asked_for_once_more_and_then_apologised_for() {
    let model = ScriptedModel::saying("One two three.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let (caller, other) = (engine.ring().await, engine.ring().await);
    ask_and_hear(&other, "Hello?", "One two three.").await;
    engine.order("answer=1*panic(planted)->off").await;
    ask_and_hear(&caller, "Hello?", "One two three.").await;
    assert_eq!(engine.metric(PANICS).await, 1.0);
    engine.order("answer=2*panic(planted)->off").await;
    caller.say("Hello?").await.expect("a conversation");
    let answer = caller.answer(SOON).await;
    assert!(answer.complete && answer.text.contains("sorry"), "{answer:?}");
    assert_eq!(engine.metric(PANICS).await, 3.0);
    ask_and_hear(&caller, "Hello?", "One two three.").await;
    ask_and_hear(&other, "Hello?", "One two three.").await;
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 7).await;
    assert_eq!(call["transcript"][4]["reason"], "cut");
    assert_eq!(engine.metric("switchhook_calls_live").await, 2.0);
}

#[actix_web::test]
async fn a_session_that_panics_ends_alone_and_its_call_goes_on_with_the_next() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let other = engine.ring().await;
    ask_and_hear(&other, "One?", "Yes.").await;
    for reconnect in [true, false] {
        let caller = engine.ring_as(RingOptions { reconnect, ..engine.caller() }).await;
        ask_and_hear(&caller, "One?", "Yes.").await;
        engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
        engine.order("session=1*panic(planted)->off").await;
        caller.say("Two?").await.expect("a conversation");
        let resumed = |heard: &str| heard.contains("back") || heard.contains("sorry");
        let heard = caller.answer(SOON).await.text;
        assert!(resumed(&heard.to_lowercase()), "{heard}\n{}", caller.log());
        ask_and_hear(&caller, "Three?", "Yes.").await;
        assert!(caller.log().contains("closed the socket: 1011"), "{}", caller.log());
        let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 6).await;
        assert_eq!(words(&call)[1].1, "One?");
        assert_eq!(call["status"], "active");
        ask_and_hear(&other, "Two?", "Yes.").await;
        caller.hang_up().await.expect("a line");
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    }
    assert_eq!(engine.metric(PANICS).await, 2.0);
    assert_eq!(other.sessions(), 1);
    // Nobody is left in the directory, and nobody is missing in it.
    engine.when("/readyz", |ready| ready["calls"] == 1).await;
    assert_eq!(engine.metric("switchhook_calls_live").await, 1.0);
    assert_eq!(engine.json("/livez").await["status"], "live");
}

#[actix_web::test]
async fn a_gateway_that_panics_is_replaced_and_its_callers_are_answered() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?", "Yes.").await;
    engine.order("gateway=1*panic(planted)->off").await;
    caller.say("Two?").await.expect("a conversation");
    let answer = caller.answer(SOON).await;
    assert!(
        answer.complete && (answer.text.contains("sorry") || answer.text == "Yes."),
        "{answer:?}"
    );
    ask_and_hear(&caller, "Three?", "Yes.").await;
    assert_eq!(caller.sessions(), 1);
    let replaced = "switchhook_actors_replaced_total{actor=\"gateway\"}";
    assert_eq!(engine.metric(replaced).await, 1.0);
    assert_eq!(engine.json("/livez").await["status"], "live");
    assert_eq!(engine.json("/readyz").await["status"], "ready");
}

#[actix_web::test]
async fn a_registry_that_panics_is_replaced_and_nothing_that_was_said_is_lost() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?", "Yes.").await;
    engine.order("registry=1*panic(planted)->off").await;
    ask_and_hear(&caller, "Two?", "Yes.").await;
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 5).await;
    assert_eq!(words(&call)[3].1, "Two?");
    let replaced = "switchhook_actors_replaced_total{actor=\"registry\"}";
    assert_eq!(engine.metric(replaced).await, 1.0);
    assert_eq!(engine.json("/livez").await["status"], "live");
    // Another call, from its ring to its end.
    let other = engine.ring().await;
    ask_and_hear(&other, "One?", "Yes.").await;
    other.hang_up().await.expect("a line");
    engine.transcript_when(other.call_sid(), |call| call["status"] == "completed").await;
}

#[actix_web::test]
async fn calls_outlive_the_stores_thread_and_the_probes_ask_for_a_restart() {
    let model = ScriptedModel::start(|_, _| Step::answer("Yes."));
    let mut engine = Engine::with_model(&model, ORDERS);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    ask_and_hear(&caller, "One?", "Yes.").await;
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    engine.order("store=panic(planted)").await;
    ask_and_hear(&caller, "Two?", "Yes.").await;
    ask_and_hear(&caller, "Three?", "Yes.").await;
    let live = Ask::get("/livez").at(&engine).await;
    assert_eq!(live.status, 503);
    assert!(live.body.contains("store"), "{live:?}");
    let ready = engine.json("/readyz").await;
    assert_eq!(
        (&ready["status"], &ready["degraded"]),
        (&"degraded".into(), &serde_json::json!(["store"]))
    );
    assert!(engine.metric("switchhook_unsaved_turns_total").await >= 1.0);
    // A new caller is served as well.
    let new = engine.ring().await;
    ask_and_hear(&new, "One?", "Yes.").await;
    assert_eq!(engine.metric(PANICS).await, 1.0);

    engine.kill();
    engine.restart();
    let call = engine.transcript(caller.call_sid()).await;
    assert_eq!((call["status"].as_str(), turns(&call)), (Some("active"), 3));
    caller.fail(64105).await.expect("a new session");
    assert!(caller.answer(SOON).await.complete);
    ask_and_hear(&caller, "Four?", "Yes.").await;
}
