//! Several engines that share their calls in one Redis.

mod orders;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    cluster::parts::Redis,
    harness::{
        engine::{Engine, SOON},
        model::{ScriptedModel, echo_of},
    },
};

/// What the monitors of these engines say of their calls: sid, status, turns.
async fn listed(engine: &Engine) -> Vec<(Value, Value, Value)> {
    let calls = engine.json("/monitor").await;
    let row =
        |call: &Value| (call["callSid"].clone(), call["status"].clone(), call["turns"].clone());
    calls.as_array().map(|calls| calls.iter().map(row).collect()).unwrap_or_default()
}

/// Waits until an engine says that of itself.
async fn stands(engine: &Engine, status: &str) {
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
    let redis = Redis::single(&[("min-replicas-to-write", "0")]);
    let model = ScriptedModel::echoing();
    let url = redis.url();
    let engines = [0, 1].map(|_| Engine::with_model(&model, &[("REDIS_URL", &url)]));
    for engine in &engines {
        stands(engine, "ready").await;
    }
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
    for engine in &engines {
        for caller in &callers {
            let call = engine.transcript(caller.call_sid()).await;
            assert_eq!(call["transcript"][1]["text"], "One.");
        }
    }
    callers[0].hang_up().await.expect("its end");
    for engine in &engines {
        engine
            .when("/monitor", |calls| calls.as_array().is_some_and(|calls| calls.len() == 1))
            .await;
    }
}
