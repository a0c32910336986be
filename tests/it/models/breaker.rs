//! A model that fails caller after caller is left alone, and an operator sees it.

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::harness::engine::Engine;

const UNAVAILABLE: &str = r#"switchhook_model_refusals_total{reason="unavailable"}"#;

/// Rings and asks once: what was heard.
async fn ask(engine: &Engine) -> String {
    let caller = engine.ring().await;
    caller.say("What does the Tawny card cost?").await.expect("a conversation");
    caller.answer(SOON).await.text
}

async fn assert_degraded(engine: &Engine) {
    let ready = engine.when("/readyz", |ready| ready["status"] == "degraded").await;
    assert_eq!(ready["degraded"], json!(["model"]));
    assert_eq!(engine.get("/livez").await.0, 200, "a restart would not help");
    assert_eq!(engine.metric("switchhook_model_breaker_open").await, 1.0);
}

#[actix_web::test]
async fn a_sixth_caller_does_not_wait_for_a_model_that_let_five_wait() {
    let model = ScriptedModel::start(|_, _| vec![Step::Hang]);
    let engine = Engine::with_model(&model, &[("FIRST_TOKEN_MS", "1000")]);
    assert_eq!(engine.json("/readyz").await["status"], "ready");
    assert_eq!(engine.metric("switchhook_model_breaker_open").await, 0.0);

    let apologies = join_all((0..5).map(|_| ask(&engine))).await;
    assert_degraded(&engine).await;
    let late = r#"switchhook_model_requests_total{outcome="late"}"#;
    assert_eq!(engine.metric(late).await, 5.0);
    assert_eq!(engine.metric(UNAVAILABLE).await, 0.0);

    let apology = ask(&engine).await;
    assert!(!apology.is_empty() && apologies.contains(&apology), "{apology:?}, {apologies:?}");
    assert_eq!(engine.metric(UNAVAILABLE).await, 1.0);
    assert_eq!(model.requests().len(), 5, "the sixth was put to the model");
}

#[actix_web::test]
async fn a_model_that_nobody_pays_for_is_asked_once() {
    let model = ScriptedModel::start(|_, _| vec![Step::refusal(429, &[], "insufficient_quota")]);
    let engine = Engine::with_model(&model, &[]);
    assert!(!ask(&engine).await.is_empty());
    assert_degraded(&engine).await;
    assert!(!ask(&engine).await.is_empty());
    assert_eq!(engine.metric(UNAVAILABLE).await, 1.0);
    assert_eq!(model.requests().len(), 1);
}
