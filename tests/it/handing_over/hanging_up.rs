//! A caller who hangs up at each step: nothing is left that is still going on.

use switchhook::caller::Verb;

use super::state;
use crate::harness::{
    door::call,
    pair::{Over, Pair, on_both},
};

on_both! {
    before_twilio_asks_where_the_call_goes
    between_the_answer_and_the_queue
    in_the_queue_and_while_a_telephone_rings
    while_the_wait_document_is_on_its_way
    with_the_person
}

async fn status(pair: &Pair, sid: &str, copies: usize) {
    let answer = pair.post(copies, "/voice/status", &call(sid, "completed")).await;
    assert_eq!(answer.status, 204);
}

async fn before_twilio_asks_where_the_call_goes(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = crate::harness::door::sid(1);
    pair.post(2, "/voice/incoming", &call(&sid, "ringing")).await;
    let note = r#"{"v":1,"kind":"escalate","reasonCode":"fraud"}"#;
    let mut over = call(&sid, "completed");
    over.extend([("SessionId", "VX1"), ("SessionStatus", "ended"), ("HandoffData", note)]);
    let answer = pair.post(4, "/voice/handoff", &over).await;
    assert_eq!(answer.verbs(), []);
    assert_eq!(state(pair.stands(&sid).await), ("completed", ""));
}

async fn between_the_answer_and_the_queue(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let (sid, _) = pair.handed_over(1, 3).await;
    status(&pair, &sid, 3).await;
    assert_eq!(state(pair.stands(&sid).await), ("completed", "failed"));
    assert_eq!(pair.transcript(&sid).await["escalation"]["unreached"], "caller_left");
}

async fn in_the_queue_and_while_a_telephone_rings(over: Over) {
    let pair = Pair::start(over, &[]).await;
    for (number, rings) in [(1, false), (2, true)] {
        let sid = pair.queued(number, 2).await;
        pair.wait(&sid, 2, "0", "").await;
        if rings {
            pair.twilio.reserve(&sid);
        }
        pair.twilio.hang_up(&sid);
        pair.twilio.settled().await;
        let answer = pair.left(&sid, 5, "hangup", "completed").await;
        assert_eq!(answer.verbs(), []);
        status(&pair, &sid, 5).await;
        assert_eq!(state(pair.stands(&sid).await), ("completed", "failed"));
        assert_eq!(pair.transcript(&sid).await["escalation"]["unreached"], "caller_left");
    }
}

async fn while_the_wait_document_is_on_its_way(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 1).await;
    let mut fields = call(&sid, "completed");
    fields.extend([("QueueTime", "3")]);
    let answer = pair.post(3, "/voice/wait", &fields).await;
    assert_eq!(answer.verbs(), []);
    assert_eq!(state(pair.stands(&sid).await), ("completed", "failed"));
}

async fn with_the_person(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 2).await;
    pair.twilio.reserve(&sid);
    pair.twilio.accept(&sid);
    pair.twilio.settled().await;
    pair.twilio.hang_up(&sid);
    // Twilio's word of the end comes in any order, and perhaps not all of it.
    status(&pair, &sid, 3).await;
    assert_eq!(pair.left(&sid, 3, "bridged", "completed").await.verbs(), [Verb::Hangup]);
    pair.twilio.settled().await;
    assert_eq!(state(pair.stands(&sid).await), ("completed", "finished"));
    pair.monitor_when(|live| *live == serde_json::json!([])).await;
}
