//! Lines that fall silent, freeze, vanish and come back.

mod reconnects;

use std::time::Duration;

use crate::harness::{
    door::{counted, sid},
    engine::{Engine, SOON},
    model::{ScriptedModel, Step, echo_of},
    proxy::{Failure, Proxy},
    raw::{CLOSE, PING, PONG, RawLine, TEXT, frame, prompt, unannounced},
};

/// Asked every second, dead after two; the system is far more patient, so it cannot be the one who
/// finds out.
const QUICK_PINGS: [(&str, &str); 3] =
    [("LINE_PING_SECONDS", "1"), ("LINE_SILENT_SECONDS", "2"), ("LINE_STALL_SECONDS", "600")];

/// The system gives up after a second; pings come far too late.
const QUICK_STALL: [(&str, &str); 4] = [
    ("LINE_PING_SECONDS", "60"),
    ("LINE_SILENT_SECONDS", "600"),
    ("LINE_STALL_SECONDS", "1"),
    ("LINE_GRACE_SECONDS", "1"),
];

/// What a stalled line and the answer that it does not take may cost, KiB.
const STALLED_MAX: u64 = 32 * 1024;

const LOST: &str = "switchhook_lines_total{event=\"lost\"}";

/// What is said about a line that its pings gave up.
const DEAD: &str = "gives no sign of life";

/// A model that says as fast as it can, and without end, what the smallest buffers of a connection do
/// not hold: the longest answer there is.
fn flooding() -> ScriptedModel {
    let words = format!("{} ", "la".repeat(2_000)).repeat(1_560);
    ScriptedModel::start(move |_, _| vec![Step::Tokens(words.clone(), Duration::ZERO), Step::Hang])
}

/// That a call ends by itself after its grace, and the engine takes others.
async fn is_over(engine: &Engine) {
    counted(engine, LOST, 1.0).await;
    counted(engine, "switchhook_calls_ended_total{status=\"failed\"}", 1.0).await;
    counted(engine, "switchhook_calls_live", 0.0).await;
    let other = engine.ring().await;
    assert!(other.quiet(SOON).await);
}

#[actix_web::test]
async fn a_peer_that_answered_a_ping_and_then_falls_silent_is_dead_and_its_call_waits_for_it() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &QUICK_PINGS);
    let sid = sid(1);
    let mut line = RawLine::of_call(&engine, &sid).await;
    line.pinged().await;
    assert!(line.send(&frame(true, PONG, b"")).await);
    // The connection stands and takes everything; only nobody answers any more.
    assert_eq!(line.closed().await, None);
    assert!(engine.log().contains(DEAD), "{}", engine.log());
    counted(&engine, LOST, 1.0).await;
    assert_eq!(engine.transcript(&sid).await["status"], "active");
    let again = engine.ring_as(unannounced(&engine, &sid)).await;
    again.say("Here I am.").await.expect("a conversation");
    let answered = |heard: &str| heard.contains(&echo_of("Here I am."));
    assert!(again.heard_until(SOON, answered).await, "{}", again.log());
}

#[actix_web::test]
async fn a_peer_that_speaks_and_never_answers_a_ping_is_not_judged_by_pings() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &QUICK_PINGS);
    let mut line = RawLine::of_call(&engine, &sid(1)).await;
    // Five pings are longer than its silence may be.
    for _ in 0..5 {
        line.pinged().await;
    }
    assert!(line.send(&prompt("Still here?")).await);
    line.hears(&echo_of("Still here?")).await;
}

#[actix_web::test]
async fn a_socket_that_never_says_anything_is_closed_and_its_call_is_over() {
    let engine = Engine::start(&[&QUICK_PINGS[..], &[("LINE_GRACE_SECONDS", "1")]].concat());
    let silent = RawLine::open(&engine, &sid(1)).await;
    assert_eq!(silent.closed().await, None);
    assert!(engine.log().contains(DEAD), "{}", engine.log());
    is_over(&engine).await;
}

/// That a line which nobody reads is freed by the system, and cheaply.
async fn is_freed_by_the_system(engine: &Engine, memory_before: u64) {
    counted(engine, LOST, 1.0).await;
    let grown = engine.peak_memory() - memory_before;
    assert!(grown < STALLED_MAX, "{grown} KiB");
    is_over(engine).await;
    assert!(!engine.log().contains(DEAD), "{}", engine.log());
}

#[actix_web::test]
async fn a_peer_that_stops_reading_is_given_up_by_the_system() {
    let model = flooding();
    let engine = Engine::with_model(&model, &QUICK_STALL);
    let mut line = RawLine::of_call(&engine, &sid(1)).await;
    let before = engine.peak_memory();
    assert!(line.send(&prompt("Sing!")).await);
    // It keeps the connection and reads nothing more.
    is_freed_by_the_system(&engine, before).await;
    drop(line);
}

#[actix_web::test]
async fn a_proxy_that_stops_reading_is_given_up_by_the_system() {
    let model = flooding();
    let engine = Engine::with_model(&model, &QUICK_STALL);
    let proxy = Proxy::before(&engine).await;
    let caller = engine.ring_as(proxy.caller(&engine)).await;
    let before = engine.peak_memory();
    // The proxy fails with the first words on their way.
    caller.say("Sing!").await.expect("a conversation");
    assert!(model.asked(0, SOON).await.is_some());
    proxy.fail(Failure::Still);
    is_freed_by_the_system(&engine, before).await;
}

/// Through a proxy that fails in this way after an ordinary answer: nothing is unacknowledged, no
/// buffer is full, only the pings go unanswered.
async fn found_by_pings(how: Failure) {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &QUICK_PINGS);
    let proxy = Proxy::before(&engine).await;
    let caller = engine.ring_as(proxy.caller(&engine)).await;
    // The first answer came after the first ping, so the second question comes after its pong.
    for question in ["Zero?", "One?"] {
        caller.say(question).await.expect("a conversation");
        assert_eq!(caller.answer(SOON).await.text, echo_of(question));
    }
    proxy.fail(how);
    counted(&engine, LOST, 1.0).await;
    assert!(engine.log().contains(DEAD), "{}", engine.log());
    assert_eq!(engine.transcript(caller.call_sid()).await["status"], "active");
    // Twilio notices in its own time; its next connection is a good one.
    caller.drop_line().await.expect("a line");
    caller.reconnect().await.expect("a new line");
    caller.say("Two?").await.expect("a conversation");
    let answered = |heard: &str| heard.contains(&echo_of("Two?"));
    assert!(caller.heard_until(SOON, answered).await, "{}", caller.log());
    assert_eq!(engine.metric("switchhook_calls_live").await, 1.0);
}

#[actix_web::test]
async fn a_proxy_that_takes_everything_and_passes_nothing_on_is_found_by_pings() {
    found_by_pings(Failure::Swallow).await;
}

#[actix_web::test]
async fn a_half_open_connection_whose_other_end_nobody_reads_is_found_by_pings() {
    found_by_pings(Failure::Still).await;
}

#[actix_web::test]
async fn a_line_that_is_busy_with_half_a_message_and_answers_pings_is_not_waited_for() {
    let engine = Engine::start(&QUICK_PINGS);
    let mut line = RawLine::of_call(&engine, &sid(1)).await;
    // The first fragment of a message whose last never comes.
    assert!(line.send(&frame(false, TEXT, b"{\"type\":")).await);
    let answering = async {
        loop {
            let (opcode, payload) = line.next().await.expect("a close");
            match opcode {
                PING => assert!(line.send(&frame(true, PONG, b"")).await),
                CLOSE => break payload,
                _ => {}
            }
        }
    };
    let code = tokio::time::timeout(SOON, answering).await.expect("the line stays open");
    assert_eq!(code.get(..2), Some(&1008_u16.to_be_bytes()[..]));
    assert!(!engine.log().contains(DEAD), "{}", engine.log());
}

#[actix_web::test]
async fn a_caller_who_says_nothing_for_long_keeps_the_line() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &QUICK_PINGS);
    // An ordinary caller answers pings by itself.
    let quiet = engine.ring().await;
    let mut watch = RawLine::of_call(&engine, &sid(1)).await;
    for _ in 0..5 {
        watch.pinged().await;
    }
    quiet.say("Now I ask.").await.expect("a conversation");
    assert_eq!(quiet.answer(SOON).await.text, echo_of("Now I ask."));
    assert_eq!(quiet.sessions(), 1);
}
