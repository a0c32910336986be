//! What an engine is told in an outage of Redis of a call that another one holds.

use super::*;

impl Shared {
    /// A call of the first engine's that has begun to talk; Redis is away from then on.
    async fn cut_off(sid: &str) -> (Self, RawLine) {
        let mut shared = Self::start().await;
        let mut line = RawLine::of_call(&shared.engines[0], sid).await;
        asks(&mut line, "One.").await;
        shared.engines[1].transcript_when(sid, |call| is_answered(call, "One.")).await;
        shared.redis.kill();
        for engine in &shared.engines {
            stands(engine, "degraded").await;
        }
        (shared, line)
    }
}

#[actix_web::test]
async fn the_end_of_a_call_that_another_engine_holds_is_known_when_redis_is_back() {
    for path in ["/voice/handoff", "/voice/status"] {
        let sid = sid(1);
        let (mut shared, _line) = Shared::cut_off(&sid).await;
        let [owner, other] = &mut shared.engines;
        let over = Ask::post(path, &call(&sid, "completed")).at(other).await;
        assert!(over.status < 300, "{path}: {}", over.body);
        // It cannot tell.
        owner.kill();
        shared.redis.restart();
        stands(other, "ready").await;
        let ended = |call: &Value| call["status"] == "completed" && call["endTime"].is_string();
        let call = other.transcript_when(&sid, ended).await;
        assert_eq!(words_of(&call), ["One."], "{path}");
    }
}

#[actix_web::test]
async fn a_caller_who_goes_to_a_person_in_an_outage_and_is_back_is_known_to_have_been_there() {
    let sid = sid(1);
    let (mut shared, _line) = Shared::cut_off(&sid).await;
    let other = &shared.engines[1];
    let data = r#"{"reasonCode":"live-agent","reason":"wants Jo"}"#;
    let over = [("SessionStatus", "ended"), ("HandoffData", data)];
    let fields = [&call(&sid, "in-progress")[..], &over].concat();
    let queue = Ask::post("/voice/handoff", &fields).at(other).await;
    assert!(queue.body.contains("<Enqueue"), "{}", queue.body);
    let left = [&call(&sid, "completed")[..], &[("QueueResult", "hangup"), ("QueueTime", "9")]];
    let left = Ask::post("/voice/queued", &left.concat()).at(other).await;
    assert_eq!(left.status, 200, "{}", left.body);
    shared.redis.restart();
    stands(other, "ready").await;
    let gone = |call: &Value| {
        call["status"] == "completed" && call["escalation"]["reason"] == "live-agent: wants Jo"
    };
    let call = other.transcript_when(&sid, gone).await;
    assert_eq!(call["escalation"]["state"], "failed", "{call:#}");
}
