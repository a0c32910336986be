//! Several engines that share their calls in one Redis.

mod draining;
mod finding;
mod orders;
mod outages;

use std::time::{Duration, Instant};

use serde_json::Value;
use switchhook::caller::{RingOptions, Verb};

use crate::{
    cluster::parts::Redis,
    harness::{
        door::{Ask, call, sid},
        engine::{Engine, SOON},
        model::{ScriptedModel, echo_of},
        proxy::Proxy,
        raw::{RawLine, prompt},
    },
};

/// What the monitors of these engines say of their calls: sid, status, turns.
async fn listed(engine: &Engine) -> Vec<(Value, Value, Value)> {
    let calls = engine.json("/monitor").await;
    let row =
        |call: &Value| (call["callSid"].clone(), call["status"].clone(), call["turns"].clone());
    calls.as_array().map(|calls| calls.iter().map(row).collect()).unwrap_or_default()
}

/// Two engines on one Redis, whose model repeats what it is asked.
struct Shared {
    engines: [Engine; 2],
    redis: Redis,
    _model: ScriptedModel,
}

impl Shared {
    async fn start() -> Self {
        let redis = Redis::single(&[("min-replicas-to-write", "0")]);
        let model = ScriptedModel::echoing();
        let url = redis.url();
        let workflow = ("TWILIO_WORKFLOW_SID", "WW0000000000000000000000000000000a");
        let engines = [0, 1].map(|_| Engine::with_model(&model, &[("REDIS_URL", &url), workflow]));
        for engine in &engines {
            stands(engine, "ready").await;
        }
        Self { engines, redis, _model: model }
    }
}

/// Waits until an engine says that of itself.
pub(crate) async fn stands(engine: &Engine, status: &str) {
    let begun = Instant::now();
    loop {
        let (_, said) = engine.get("/readyz").await;
        if said.contains(&format!(r#""status":"{status}""#)) {
            return;
        }
        assert!(begun.elapsed() < SOON, "{said}\n{}", engine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn an_engine_takes_no_calls_before_redis_is_there_and_all_of_them_when_it_is_gone() {
    let mut redis = Redis::single(&[("min-replicas-to-write", "0")]);
    let url = redis.url();
    redis.kill();
    let engine = Engine::start(&[("REDIS_URL", &url)]);
    let (status, said) = engine.get("/readyz").await;
    assert_eq!((status, said.contains("starting")), (503, true), "{said}");
    redis.restart();
    stands(&engine, "ready").await;
    redis.kill();
    stands(&engine, "degraded").await;
    let caller = engine.ring().await;
    caller.say("What is the late fee?").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains("29 dollars")).await);
    redis.restart();
    stands(&engine, "ready").await;
    let kept = |call: &Value| call["transcript"][1]["text"] == "What is the late fee?";
    engine.transcript_when(caller.call_sid(), kept).await;
}

#[actix_web::test]
async fn every_monitor_lists_the_calls_of_all_engines() {
    let shared = Shared::start().await;
    let engines = &shared.engines;
    let callers = [engines[0].ring().await, engines[1].ring().await];
    for caller in &callers {
        caller.say("One.").await.expect("a conversation");
        assert!(caller.heard_until(SOON, |heard| heard.contains(&echo_of("One."))).await);
    }
    let begun = Instant::now();
    loop {
        let lists = [listed(&engines[0]).await, listed(&engines[1]).await];
        let whole = |list: &Vec<(Value, Value, Value)>| {
            list.len() == 2
                && list.iter().all(|(_, status, turns)| status == "active" && turns == 3)
        };
        if lists[0] == lists[1] && whole(&lists[0]) {
            break;
        }
        assert!(begun.elapsed() < SOON, "{lists:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for engine in engines {
        for caller in &callers {
            let call = engine.transcript(caller.call_sid()).await;
            assert_eq!(call["transcript"][1]["text"], "One.");
        }
    }
    callers[0].hang_up().await.expect("its end");
    for engine in engines {
        engine
            .when("/monitor", |calls| calls.as_array().is_some_and(|calls| calls.len() == 1))
            .await;
    }
}

#[actix_web::test]
async fn a_caller_who_comes_back_to_an_engine_that_still_has_an_old_session_is_held_by_the_record()
{
    let shared = Shared::start().await;
    let engines = &shared.engines;
    let [one, other] = engines;
    let proxy = Proxy::before(one).await;
    let caller = one.ring_as(RingOptions { reconnect: true, ..proxy.caller(one) }).await;
    for (nth, words) in ["One.", "Two.", "Three."].into_iter().enumerate() {
        caller.say(words).await.expect("a conversation");
        let answered = |heard: &str| heard.contains(&echo_of(words));
        assert!(caller.heard_until(SOON, answered).await, "{}", caller.log());
        other.transcript_when(caller.call_sid(), |call| is_answered(call, words)).await;
        if nth < 2 {
            // To the other engine, and back to the first, whose session waits for its line.
            proxy.lead_to(&engines[1 - nth]);
            caller.lose_line().await.expect("a line");
            let sessions = u32::try_from(nth).expect("few") + 1;
            assert!(caller.session_after(sessions, SOON).await, "{}", caller.log());
        }
    }
    let call = one.transcript(caller.call_sid()).await;
    assert_eq!(words_of(&call), ["One.", "Two.", "Three."]);
    assert!(!caller.log().contains("the engine closed"), "{}", caller.log());
    let reclaimed = "another engine has held the call meanwhile";
    assert_eq!(one.log().matches(reclaimed).count(), 1, "{}", one.log());
    assert_eq!(caller.violations(), Vec::<String>::new());
}

#[actix_web::test]
async fn words_that_come_to_an_engine_which_the_call_has_left_are_kept_beside_it_once() {
    let shared = Shared::start().await;
    let [one, other] = &shared.engines;
    let sid = sid(1);
    let mut left = RawLine::of_call(one, &sid).await;
    asks(&mut left, "One.").await;
    other.transcript_when(&sid, |call| is_answered(call, "One.")).await;
    let mut present = RawLine::of_call(other, &sid).await;
    asks(&mut present, "Two.").await;
    assert!(left.send(&[prompt("Two."), prompt("A zeppelin.")].concat()).await);
    drop(left);
    let kept = |call: &Value| call["late"].as_array().is_some_and(|late| !late.is_empty());
    let call = other.transcript_when(&sid, kept).await;
    assert_eq!(words_of(&call), ["One.", "Two."]);
    assert_eq!(call["late"][0]["text"], "A zeppelin.");
    assert_eq!(call["late"][1], Value::Null, "the other engine has heard these: {call}");
    assert_eq!(one.metric("switchhook_late_turns_total").await, 1.0);
    // Its own engine goes on with it.
    asks(&mut present, "Three.").await;
}

#[actix_web::test]
async fn a_claim_for_a_line_that_is_gone_takes_no_call_from_the_engine_that_its_caller_talks_to() {
    let shared = Shared::start().await;
    let [one, other] = &shared.engines;
    let sid = sid(1);
    let mut line = RawLine::of_call(one, &sid).await;
    asks(&mut line, "One.").await;
    other.transcript_when(&sid, |call| is_answered(call, "One.")).await;
    drop(RawLine::of_call(other, &sid).await);
    let its_name = other.json("/readyz").await["instance"].clone();
    one.when("/monitor", |calls| calls[0]["instance"] == its_name).await;
    // What the caller says so soon may have been on its way before.
    tokio::time::sleep(Duration::from_millis(350)).await;
    asks(&mut line, "Two.").await;
    let said = |call: &Value| words_of(call) == ["One.", "Two."];
    other.transcript_when(&sid, said).await;
    let reclaimed = r#"switchhook_lines_total{event="reclaimed"}"#;
    assert_eq!(one.metric(reclaimed).await, 1.0, "{}", one.log());
    asks(&mut line, "Three.").await;
}

#[actix_web::test]
async fn an_engine_that_slept_while_another_had_the_call_claims_it_before_it_listens_again() {
    let shared = Shared::start().await;
    let [one, other] = &shared.engines;
    let sid = sid(1);
    let mut line = RawLine::of_call(one, &sid).await;
    asks(&mut line, "One.").await;
    other.transcript_when(&sid, |call| is_answered(call, "One.")).await;
    one.signal("STOP");
    let slept = Instant::now();
    let mut present = RawLine::of_call(other, &sid).await;
    asks(&mut present, "Two.").await;
    // A pause that it notices is longer than a second.
    tokio::time::sleep(Duration::from_millis(1_500).saturating_sub(slept.elapsed())).await;
    one.signal("CONT");
    drop(present);
    let mut back = RawLine::of_call(one, &sid).await;
    asks(&mut back, "Three.").await;
    let said = |call: &Value| words_of(call) == ["One.", "Two.", "Three."];
    let call = other.transcript_when(&sid, said).await;
    assert_eq!(call["late"], Value::Null, "{call}");
    let reclaimed = "another engine has held the call meanwhile: it is gone on with from there";
    assert_eq!(one.log().matches(reclaimed).count(), 1, "{}", one.log());
    drop(line);
}

/// Where Redis is away, Twilio may have greeted as another engine told it to.
#[actix_web::test]
async fn a_call_of_which_an_engine_knows_nothing_in_an_outage_is_greeted_by_twilio_alone() {
    let mut shared = Shared::start().await;
    shared.redis.kill();
    for engine in &shared.engines {
        stands(engine, "degraded").await;
    }
    let [one, other] = &shared.engines;
    let sid = sid(1);
    let ringing = Ask::post("/voice/incoming", &call(&sid, "ringing")).at(one).await;
    assert!(ringing.body.contains("welcomeGreeting="), "{}", ringing.body);
    let mut line = RawLine::of_call(other, &sid).await;
    asks(&mut line, "One.").await;
    assert_eq!(line.heard, echo_of("One."));
    shared.redis.restart();
    let said = |call: &Value| words_of(call) == ["One."];
    one.transcript_when(&sid, said).await;
}

/// What the voice had not spoken is gone with its session, and another engine than that of the call was
/// told; Redis is away, so that nothing but the address of the next socket can say so.
#[actix_web::test]
async fn an_engine_learns_from_the_new_address_that_its_session_failed_and_says_the_rest_again() {
    says_the_rest_again_when_another_was_told(true).await;
}

/// Nothing but the record can: Twilio connects anew by itself, and asks what to do all the same.
#[actix_web::test]
async fn an_engine_learns_from_the_record_that_its_session_failed_and_says_the_rest_again() {
    says_the_rest_again_when_another_was_told(false).await;
}

async fn says_the_rest_again_when_another_was_told(redis_away: bool) {
    let mut shared = Shared::start().await;
    let sid = sid(1);
    let mut line = RawLine::of_call(&shared.engines[0], &sid).await;
    asks(&mut line, "And what does the voice do meanwhile?").await;
    if redis_away {
        shared.redis.kill();
        for engine in &shared.engines {
            stands(engine, "degraded").await;
        }
    }
    let [one, other] = &shared.engines;
    let mut failed = call(&sid, "in-progress");
    failed.extend([("SessionId", "VX1"), ("SessionStatus", "failed"), ("ErrorCode", "64105")]);
    let again = Ask::post("/voice/handoff", &failed).at(other).await;
    let [Verb::Connect(again)] = &again.verbs()[..] else { panic!("no session: {again:?}") };
    let (_, new) = again.relay.url().split_once("/conversation/").expect("an address");
    let address = if redis_away { new } else { &sid };
    // Half open: the engine has not noticed that it is lost.
    let mut next = RawLine::open(one, address).await;
    next.hears("That is what I heard.").await;
    assert!(line.closed().await.is_some(), "the old line is given up");
    // Twilio connects it again by itself: that is no second failure.
    drop(next);
    let mut next = RawLine::open(one, address).await;
    asks(&mut next, "One.").await;
    assert_eq!(next.heard, echo_of("One."));
}

/// A caller's words, and the model's answer to them.
async fn asks(line: &mut RawLine, words: &str) {
    assert!(line.send(&prompt(words)).await);
    line.hears(&echo_of(words)).await;
}

/// Whether the last that is stored is the whole answer to that. Then a session has nothing left to
/// write, which would be refused, and silence it, as soon as another has claimed the call.
fn is_answered(call: &Value, words: &str) -> bool {
    let last = call["transcript"].as_array().and_then(|turns| turns.last());
    last.is_some_and(|last| last["text"] == echo_of(words) && last["unfinished"] != true)
}

/// What the caller has said, in order.
fn words_of(call: &Value) -> Vec<String> {
    let turns = call["transcript"].as_array().cloned().unwrap_or_default();
    let said = turns.into_iter().filter(|turn| turn["role"] == "customer");
    said.map(|turn| turn["text"].as_str().unwrap_or_default().to_owned()).collect()
}
