//! How sessions end, and what becomes of the caller: the action webhook and the status callback.

use futures_util::future::join_all;
use serde_json::Value;
use switchhook::caller::{Pace, RingOptions, Verb};

use super::{GREETING, is_farewell, ring, session};
use crate::harness::{
    door::{Answer, Ask, Fields, call, counted, sid},
    engine::{Engine, SOON, turns},
    model::ScriptedModel,
};

/// The action webhook of a call that is still up.
fn over<'a>(sid: &'a str, session_id: &'a str, more: &[(&'a str, &'a str)]) -> Ask {
    let mut fields: Fields<'_> = call(sid, "in-progress");
    fields.extend([("SessionId", session_id), ("SessionDuration", "3")]);
    fields.extend(more);
    Ask::post("/voice/handoff", &fields)
}

const FAILED: [(&str, &str); 3] = [
    ("SessionStatus", "failed"),
    ("ErrorCode", "64105"),
    ("ErrorMessage", "WebSocket connection ended"),
];

async fn opened(engine: &Engine, number: u32) -> String {
    let sid = sid(number);
    session(&ring(&sid).at(engine).await);
    sid
}

async fn status_of(engine: &Engine, sid: &str) -> Value {
    engine.transcript(sid).await["status"].clone()
}

fn is_empty(answer: &Answer) {
    assert_eq!(answer.verbs(), [], "{answer:?}");
    assert!(answer.body.contains("<Response/>"), "{answer:?}");
}

#[actix_web::test]
async fn a_caller_who_hung_up_needs_no_more_twiml_and_the_call_is_completed() {
    let engine = Engine::start(&[]);
    let sid = opened(&engine, 1).await;
    let mut fields = call(&sid, "completed");
    fields.extend([("SessionId", "VX1"), ("SessionStatus", "completed")]);
    is_empty(&Ask::post("/voice/handoff", &fields).at(&engine).await);
    assert_eq!(status_of(&engine, &sid).await, "completed");
    assert_eq!(engine.json("/monitor").await, Value::Array(vec![]));
    // What comes late cannot open it again.
    let late = over(&sid, "VX0", &FAILED).at(&engine).await;
    assert_eq!(late.verbs(), [Verb::Hangup]);
    let ring = ring(&sid).header("I-Twilio-Idempotency-Token", "later").at(&engine).await;
    assert_eq!(ring.verbs(), [Verb::Hangup]);
    assert_eq!(status_of(&engine, &sid).await, "completed");
}

#[actix_web::test]
async fn a_session_that_the_engine_ended_ends_the_call_whatever_its_note_says() {
    let notes: [Option<&str>; 4] = [
        Some(r#"{"v":1,"kind":"goodbye"}"#),
        None,
        Some(r#"{"v":9,"kind":"teleport","to":["x"]}"#),
        Some(""),
    ];
    let engine = Engine::start(&[]);
    for (number, note) in (1..).zip(notes) {
        let sid = opened(&engine, number).await;
        let mut more = vec![("SessionStatus", "ended")];
        more.extend(note.map(|note| ("HandoffData", note)));
        let answer = over(&sid, "VX1", &more).at(&engine).await;
        assert_eq!(answer.verbs(), [Verb::Hangup], "{note:?}");
        assert_eq!(status_of(&engine, &sid).await, "completed", "{note:?}");
    }
}

#[actix_web::test]
async fn data_that_no_engine_wrote_ask_for_a_person_and_never_for_an_error() {
    let enormous = "{".repeat(15_000);
    let strange = [
        "null",
        "{\"v\":1,\"kind\":",
        "<Response><Dial>+12025550199</Dial></Response>",
        "[1,2,3]",
        "\u{0}\u{1f600}\u{202e}",
        r#"{"reasonCode":"live-agent","reason":"wants Jo"}"#,
        &enormous,
    ];
    let workflow = ("TWILIO_WORKFLOW_SID", "WW0000000000000000000000000000000a");
    let engine = Engine::start(&[workflow]);
    for (number, data) in (1..).zip(strange) {
        let sid = sid(number);
        let more = [("SessionStatus", "ended"), ("HandoffData", data)];
        let answer = over(&sid, "VX1", &more).at(&engine).await;
        let [Verb::Enqueue(enqueue)] = &answer.verbs()[..] else { panic!("{}", answer.body) };
        let task: Value = serde_json::from_str(&enqueue.task.as_ref().expect("a task").attributes)
            .expect("attributes");
        assert_eq!(task["reason_code"], "foreign", "{data:.80}");
        assert_eq!(task["call_id"], sid.as_str());
        assert!(!answer.body.contains("12025550199"), "nobody else chooses a number");
        assert_eq!(status_of(&engine, &sid).await, "escalating");
    }
    let call = engine.transcript(&sid(6)).await;
    assert_eq!(call["escalationReason"], "live-agent: wants Jo");
    // Where nobody takes calls the agent says so.
    let engine = Engine::start(&[]);
    let more = [("SessionStatus", "ended"), ("HandoffData", "x")];
    let relay = session(&over(&sid(1), "VX1", &more).at(&engine).await).relay;
    assert_eq!(relay.greeting(), None);
}

#[actix_web::test]
async fn a_session_that_is_to_move_is_connected_again() {
    let engine = Engine::start(&[]);
    let sid = opened(&engine, 1).await;
    let more = [("SessionStatus", "ended"), ("HandoffData", r#"{"v":1,"kind":"move"}"#)];
    let relay = session(&over(&sid, "VX1", &more).at(&engine).await).relay;
    assert!(relay.url().ends_with(&sid), "{relay:?}");
    assert_eq!(status_of(&engine, &sid).await, "ringing");
}

#[actix_web::test]
async fn a_session_that_failed_is_connected_again_and_greets_only_who_heard_nothing() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let unheard = opened(&engine, 1).await;
    let again = session(&over(&unheard, "VX1", &FAILED).at(&engine).await);
    assert_eq!(again.relay.greeting(), Some(GREETING));
    assert!(again.relay.url().ends_with(&format!("/conversation/{unheard}")));

    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("Hello?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    caller.drop_line().await.expect("a line");
    let again = session(&over(caller.call_sid(), "VX1", &FAILED).at(&engine).await);
    assert_eq!(again.relay.greeting(), None);
    assert_eq!(
        again.relay.attributes.get("applicationReconnect").map(String::as_str),
        Some("true")
    );
    assert!(
        again.action.is_some_and(
            |action| action.contains("/voice/handoff?since=") && action.contains("#rc=2")
        )
    );
    // Another reason to fail is no other case.
    let provider = [("SessionStatus", "failed"), ("ErrorCode", "64111")];
    let again = session(&over(caller.call_sid(), "VX2", &provider).at(&engine).await);
    assert_eq!(again.relay.greeting(), None);
    counted(&engine, r#"switchhook_lines_total{event="rejoined"}"#, 3.0).await;
}

#[actix_web::test]
async fn a_failed_session_of_a_call_that_nobody_knows_is_not_tried_for_ever() {
    let engine = Engine::start(&[]);
    let (mut path, mut last) = ("/voice/handoff".to_owned(), 0);
    for failed in 1..=5 {
        // A socket that is connected anew may keep its name.
        let mut short = call("CA00000000000000000000000000000001", "in-progress");
        short.extend(FAILED);
        short.extend([("SessionId", "VX1"), ("SessionDuration", "9")]);
        let again = session(&Ask::post(&path, &short).at(&engine).await);
        // The call itself carries the count, and when the last one failed: later each time, though
        // they last longer by Twilio's word than the test does.
        let moments =
            again.relay.url().rsplit_once("/after/").expect("it says so").1.split_once('/');
        let moments = moments.and_then(|(ended, at)| Some((ended.parse().ok()?, at.parse().ok()?)));
        let (ended, _): (u64, u64) = moments.expect("two moments");
        assert!(ended > std::mem::replace(&mut last, ended), "{again:?}");
        let action = again.action.expect("an action");
        assert!(action.contains(&format!("&failures={failed}#")), "{action}");
        let of_the_engine = action.strip_prefix(&engine.url).expect("an address of its own");
        of_the_engine.split('#').next().unwrap_or_default().clone_into(&mut path);
    }
    let mut short = call("CA00000000000000000000000000000001", "in-progress");
    short.extend(FAILED);
    is_farewell(&Ask::post(&path, &short).at(&engine).await);
    // One that has held for a while is worth another session.
    let mut long = call("CA00000000000000000000000000000003", "in-progress");
    long.extend(FAILED);
    long.extend([("SessionId", "VX1"), ("SessionDuration", "95")]);
    let relay = session(&Ask::post("/voice/handoff", &long).at(&engine).await).relay;
    assert_eq!(relay.greeting(), None);
    assert_eq!(engine.json("/monitor").await, Value::Array(vec![]));
}

#[actix_web::test]
async fn an_action_webhook_that_is_repeated_counts_once_and_gets_the_same_bytes() {
    let engine = Engine::start(&[]);
    let sid = opened(&engine, 1).await;
    let rejoined = r#"switchhook_lines_total{event="rejoined"}"#;
    let ask = over(&sid, "VX1", &FAILED).header("I-Twilio-Idempotency-Token", "one");
    let first = ask.at(&engine).await;
    session(&first);
    for _ in 0..3 {
        assert_eq!(ask.at(&engine).await.body, first.body);
    }
    assert_eq!(engine.metric(rejoined).await, 1.0);
    // Without a token it is the session that tells repetitions from news.
    let second = over(&sid, "VX2", &FAILED);
    let answers = [second.at(&engine).await, second.at(&engine).await];
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(engine.metric(rejoined).await, 2.0);
    // At the same moment, from two of Twilio's edges.
    let third = over(&sid, "VX3", &FAILED).header("I-Twilio-Idempotency-Token", "three");
    let answers = join_all((0..8).map(|_| third.at(&engine))).await;
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
    assert_eq!(engine.metric(rejoined).await, 3.0);
    let repeated = r#"switchhook_webhooks_total{route="handoff",outcome="repeated"}"#;
    assert_eq!(engine.metric(repeated).await, 3.0 + 1.0 + 7.0);
    // Five a minute are granted, so two are left.
    for session_id in ["VX4", "VX5"] {
        session(&over(&sid, session_id, &FAILED).at(&engine).await);
    }
    is_farewell(&over(&sid, "VX6", &FAILED).at(&engine).await);
    assert_eq!(status_of(&engine, &sid).await, "failed");
}

#[actix_web::test]
async fn a_status_callback_ends_a_call_as_twilio_says_it_ended() {
    let engine = Engine::start(&[]);
    let cases = [
        ("queued", "ringing"),
        ("initiated", "ringing"),
        ("ringing", "ringing"),
        ("in-progress", "ringing"),
        ("answered", "ringing"),
        ("busy", "failed"),
        ("failed", "failed"),
        ("no-answer", "failed"),
        ("canceled", "failed"),
        ("Canceled", "failed"),
        ("completed", "completed"),
    ];
    for (number, (said, wanted)) in (1..).zip(cases) {
        let sid = opened(&engine, number).await;
        let callback = Ask::post("/voice/status", &call(&sid, said));
        assert_eq!(callback.at(&engine).await.status, 204, "{said}");
        let found = engine.transcript(&sid).await;
        assert_eq!(found["status"], wanted, "{said}");
        assert_eq!(found["endTime"].is_string(), wanted != "ringing", "{found}");
        // The first end stands, whatever comes after it.
        let after = Ask::post("/voice/status", &call(&sid, "completed"));
        assert_eq!(after.at(&engine).await.status, 204);
        let ended = if wanted == "failed" { "failed" } else { "completed" };
        assert_eq!(status_of(&engine, &sid).await, ended, "{said}");
    }
    assert_eq!(engine.json("/monitor").await, Value::Array(vec![]));
}

#[actix_web::test]
async fn a_status_callback_of_a_call_that_nobody_knows_is_taken_and_forgotten() {
    let engine = Engine::start(&[]);
    for status in ["completed", "failed", "in-progress", "melted"] {
        let callback =
            Ask::post("/voice/status", &call("CA00000000000000000000000000000009", status));
        assert_eq!(callback.at(&engine).await.status, 204, "{status}");
    }
    let (status, _) = engine.get("/api/transcript/CA00000000000000000000000000000009").await;
    assert_eq!(status, 404);
}

#[actix_web::test]
async fn a_status_callback_in_mid_call_changes_nothing_for_the_caller() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring_as(RingOptions { pace: Pace::Instant, ..engine.caller() }).await;
    let told = caller.webhook("/voice/status", "in-progress", &[]).await.expect("an answer");
    assert_eq!(told.status, 204);
    caller.say("Hello?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
    assert_eq!(status_of(&engine, caller.call_sid()).await, "active");
}
