//! Engines and lines that die on the way to a person: the caller was promised one, and gets one.

use switchhook::caller::{Pace, Place, RingOptions};

use super::{BRIDGE, monitored};
use crate::{
    fake_twilio::WORKFLOW_SID,
    harness::engine::{Engine, SOON},
};

/// A caller who hears the bridge sentence at the pace of a quick voice.
fn slowly(engine: &Engine) -> RingOptions {
    RingOptions { pace: Pace::CharsPerSecond(60.0), reconnect: false, ..engine.caller() }
}

#[actix_web::test]
async fn an_engine_that_is_killed_in_the_middle_of_the_bridge_is_followed_by_one_that_knows() {
    let mut engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let caller = engine.ring_as(slowly(&engine)).await;
    caller.say(super::ASKS).await.expect("a conversation");
    monitored(&engine, "escalating/requested").await;
    engine.kill();
    engine.restart();
    // Twilio notices the lost socket and posts the action URL: it leads to the queue.
    caller.fail(64105).await.expect("a place in the queue");
    assert!(caller.place_until(SOON, |place| *place == Place::Queue).await, "{}", caller.log());
    let task = caller.enqueue().and_then(|enqueue| enqueue.task).expect("a task");
    assert!(task.attributes.contains("caller_asked"), "{}", task.attributes);
    assert_eq!(caller.sessions(), 1, "no second conversation in between");
    monitored(&engine, "queued/queued").await;
}

#[actix_web::test]
async fn a_line_that_breaks_in_the_middle_of_the_bridge_leads_to_the_queue() {
    let engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let caller = engine.ring_as(slowly(&engine)).await;
    caller.say(super::ASKS).await.expect("a conversation");
    monitored(&engine, "escalating/requested").await;
    caller.fail(64105).await.expect("a place in the queue");
    assert!(caller.place_until(SOON, |place| *place == Place::Queue).await, "{}", caller.log());
    monitored(&engine, "queued/queued").await;
}

#[actix_web::test]
async fn a_line_that_twilio_mends_itself_hears_the_bridge_again_from_the_next_engine() {
    let mut engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let caller = engine.ring_as(slowly(&engine)).await;
    caller.say(super::ASKS).await.expect("a conversation");
    monitored(&engine, "escalating/requested").await;
    engine.kill();
    engine.restart();
    caller.reconnect().await.expect("a new line");
    assert!(caller.place_until(SOON * 2, |place| *place == Place::Queue).await, "{}", caller.log());
    let heard = caller.heard();
    assert!(heard.matches(BRIDGE).count() >= 1, "{heard}");
    let call = engine.transcript(caller.call_sid()).await;
    assert_eq!(call["escalation"]["id"], format!("{}.e1", caller.call_sid()), "the same one");
}

#[actix_web::test]
async fn an_engine_that_dies_while_the_caller_waits_is_missed_by_nobody() {
    let mut engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let caller = engine.ring().await;
    super::ask(&caller).await;
    monitored(&engine, "queued/queued").await;
    // The first piece of the wait plays: Twilio asks for the next one only behind it.
    let plays = caller.words_until(SOON, |heard| heard.contains("Thank you for waiting")).await;
    assert!(plays, "{}", caller.log());
    engine.kill();
    engine.restart();
    monitored(&engine, "queued/queued").await;
    assert!(caller.rounds_heard(2, SOON * 2).await, "{}", caller.log());
}
