//! The hand-off survives: webhooks one to five times at once at two engines, on one store and on one
//! Redis, TaskRouter down, slow, refusing and forgetful, a full queue, agents who do not answer, callers
//! who hang up at each step. Never two tasks, never a silent caller, never a lost escalation.
//!
//! `cargo test --test it handing_over` runs all of it.

mod calling_back;
mod hanging_up;
mod task_events;

use serde_json::{Value, json};
use switchhook::caller::Verb;

use crate::{
    fake_twilio::{NotEnqueued, WORKFLOW_SID},
    harness::pair::{Over, Pair, on_both},
};

on_both! {
    a_caller_reaches_a_person_however_often_and_wherever_twilio_asks
    the_task_says_what_the_person_needs_to_know
    a_full_queue_brings_the_caller_back_to_the_agent
    an_agent_who_does_not_answer_leaves_the_caller_in_line_for_the_next
    a_caller_for_whom_nobody_comes_is_not_left_waiting
    a_caller_who_would_rather_go_back_presses_2
}

/// What a caller hears: the words of a document.
fn said(verbs: &[Verb]) -> String {
    let said = verbs.iter().map(|verb| match verb {
        Verb::Say { text } => text.clone(),
        Verb::Gather(gather) => said(&gather.children),
        _ => String::new(),
    });
    said.collect::<Vec<_>>().join(" ")
}

fn state(pair: (String, String)) -> (&'static str, &'static str) {
    let known = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    (known(pair.0), known(pair.1))
}

async fn a_caller_reaches_a_person_however_often_and_wherever_twilio_asks(over: Over) {
    let pair = Pair::start(over, &[]).await;
    for copies in 1..=5 {
        let number = u32::try_from(copies).expect("small");
        pair.twilio.repeat_events(number);
        let (sid, answer) = pair.handed_over(number, copies).await;
        assert_eq!(state(pair.stands(&sid).await), ("escalating", "handed_off"));
        let (task, _) = pair.enqueue(&sid, &answer).expect("a place in the queue");
        pair.twilio.settled().await;
        assert_eq!(state(pair.stands(&sid).await), ("queued", "queued"));
        let hold = pair.wait(&sid, copies, "0", "").await;
        assert!(said(&hold.verbs()).contains("colleague"), "{}", hold.body);
        let reservation = pair.twilio.reserve(&sid);
        pair.twilio.settled().await;
        assert_eq!(state(pair.stands(&sid).await), ("queued", "reserved"));
        pair.twilio.accept(&sid);
        pair.twilio.settled().await;
        assert_eq!(state(pair.stands(&sid).await), ("with_agent", "with_agent"));
        pair.monitor_when(|live| {
            let calls = live.as_array().into_iter().flatten();
            calls.filter(|call| call["callSid"] == sid).any(|call| call["agent"].is_string())
        })
        .await;
        pair.twilio.finish(&sid);
        let end = pair.left(&sid, copies, "bridged", "in-progress").await;
        assert_eq!(end.verbs(), [Verb::Hangup]);
        pair.twilio.settled().await;
        assert_eq!(state(pair.stands(&sid).await), ("completed", "finished"));
        for name in [&task, &reservation] {
            assert_eq!(pair.transcript(name).await["callSid"], sid.as_str(), "found by {name}");
        }
        assert_eq!(pair.tasks().len(), copies, "one task a call");
    }
}

async fn the_task_says_what_the_person_needs_to_know(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 2).await;
    let tasks = pair.tasks();
    assert_eq!(tasks[0]["source"], "ai");
    assert_eq!(tasks[0]["call_id"], sid.as_str());
    assert_eq!(tasks[0]["escalation_id"], json!(format!("{sid}.e1")));
    assert_eq!(tasks[0]["reason_code"], "complaint");
    assert_eq!(tasks[0]["customer_number"], "+12025550142");
    assert!(pair.twilio.things("Tasks")[0]["workflow_sid"] == WORKFLOW_SID);
}

async fn a_full_queue_brings_the_caller_back_to_the_agent(over: Over) {
    let pair = Pair::start(over, &[]).await;
    pair.twilio.set_queue_full(true);
    for (number, result) in (1..).zip(["queue-full", "error", "system-error", "news-to-us"]) {
        let (sid, answer) = pair.handed_over(number, 3).await;
        assert_eq!(pair.enqueue(&sid, &answer), Err(NotEnqueued::Full));
        let back = pair.left(&sid, 3, result, "in-progress").await;
        let [Verb::Connect(connect)] = &back.verbs()[..] else { panic!("{}", back.body) };
        assert!(connect.relay.url().ends_with(&sid));
        assert_eq!(state(pair.stands(&sid).await), ("active", "failed"));
        let call = pair.transcript(&sid).await;
        let why = if result == "queue-full" { "queue_full" } else { "queue_error" };
        let why = if result == "news-to-us" { "other" } else { why };
        assert_eq!(call["escalation"]["unreached"], why);
    }
    assert_eq!(pair.tasks(), Vec::<Value>::new());
}

async fn an_agent_who_does_not_answer_leaves_the_caller_in_line_for_the_next(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 2).await;
    pair.twilio.reserve(&sid);
    pair.twilio.time_out(&sid);
    pair.twilio.settled().await;
    assert_eq!(state(pair.stands(&sid).await), ("queued", "queued"));
    assert!(!pair.wait(&sid, 2, "30", "").await.body.contains("<Leave"));
    pair.twilio.reserve(&sid);
    pair.twilio.reject(&sid);
    pair.twilio.reserve(&sid);
    pair.twilio.accept(&sid);
    pair.twilio.settled().await;
    assert_eq!(state(pair.stands(&sid).await), ("with_agent", "with_agent"));
    assert_eq!(pair.tasks().len(), 1);
}

async fn a_caller_for_whom_nobody_comes_is_not_left_waiting(over: Over) {
    let pair = Pair::start(over, &[("ESCALATION_WAIT_SECONDS", "60")]).await;
    // The workflow gives the task up.
    let given_up = pair.queued(1, 2).await;
    pair.twilio.cancel_task(&given_up);
    pair.twilio.settled().await;
    // Nobody has come in time.
    let late = pair.queued(2, 2).await;
    assert!(!pair.wait(&late, 2, "59", "").await.body.contains("<Leave"));
    for (sid, seconds) in [(&given_up, "10"), (&late, "60")] {
        let leave = pair.wait(sid, 4, seconds, "").await;
        assert!(leave.body.contains("<Leave/>"), "{}", leave.body);
        let back = pair.left(sid, 4, "leave", "in-progress").await;
        assert!(matches!(back.verbs()[..], [Verb::Connect(_)]), "{}", back.body);
        assert_eq!(state(pair.stands(sid).await), ("active", "failed"));
        assert_eq!(pair.transcript(sid).await["escalation"]["unreached"], "timed_out");
    }
}

async fn a_caller_who_would_rather_go_back_presses_2(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 2).await;
    let leave = pair.wait(&sid, 5, "10", "2").await;
    assert!(leave.body.contains("<Leave/>"), "{}", leave.body);
    pair.twilio.leave(&sid);
    pair.twilio.settled().await;
    let back = pair.left(&sid, 5, "leave", "in-progress").await;
    assert!(matches!(back.verbs()[..], [Verb::Connect(_)]), "{}", back.body);
    assert_eq!(state(pair.stands(&sid).await), ("active", "withdrawn"));
}
