//! A caller who would rather be called back: one task, whatever TaskRouter does.

use serde_json::Value;
use switchhook::caller::Verb;

use super::{said, state};
use crate::{
    fake_twilio::Misbehaviour,
    harness::pair::{Over, Pair, on_both},
};

on_both! {
    a_call_back_is_booked_once_and_confirmed_however_often_the_key_comes
    the_key_at_other_moments_books_no_second_one
    an_answer_that_twilio_forgot_is_looked_for_and_not_repeated
    a_taskrouter_that_is_down_or_refuses_keeps_the_caller_in_line_and_may_be_asked_again
    a_taskrouter_that_is_busy_for_a_moment_is_asked_again_in_time
    a_taskrouter_that_never_answers_costs_the_caller_seconds_and_not_the_call
}

fn call_backs(pair: &Pair) -> Vec<Value> {
    pair.tasks().into_iter().filter(|task| task["type"] == "callback").collect()
}

/// Whether the caller was told that it is booked, and the call ends.
fn is_booked(verbs: &[Verb]) -> bool {
    said(verbs).contains("We will call you back") && verbs.last() == Some(&Verb::Hangup)
}

async fn a_call_back_is_booked_once_and_confirmed_however_often_the_key_comes(over: Over) {
    let pair = Pair::start(over, &[]).await;
    for copies in 1..=5 {
        let number = u32::try_from(copies).expect("small");
        let sid = pair.queued(number, copies).await;
        let booked = pair.wait(&sid, copies, "10", "1").await;
        assert!(is_booked(&booked.verbs()), "{}", booked.body);
        let tasks = call_backs(&pair);
        assert_eq!(tasks.len(), copies, "one a call");
        assert_eq!(tasks[copies - 1]["customer_number"], "+12025550142");
        pair.twilio.hang_up(&sid);
        pair.twilio.settled().await;
        pair.left(&sid, copies, "hangup", "completed").await;
        assert_eq!(state(pair.stands(&sid).await), ("completed", "finished"));
        let promised = &pair.transcript(&sid).await["escalation"]["callBack"];
        assert!(promised["taskSid"].as_str().is_some_and(|task| task.starts_with("WT")));
    }
}

async fn the_key_at_other_moments_books_no_second_one(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 1).await;
    for seconds in ["10", "20", "30"] {
        assert!(is_booked(&pair.wait(&sid, 3, seconds, "1").await.verbs()));
    }
    assert_eq!(call_backs(&pair).len(), 1);
}

async fn an_answer_that_twilio_forgot_is_looked_for_and_not_repeated(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 1).await;
    pair.twilio.misbehave("POST", "/Tasks", Misbehaviour::Forget, 1);
    let booked = pair.wait(&sid, 4, "10", "1").await;
    assert!(is_booked(&booked.verbs()), "{}", booked.body);
    assert_eq!(call_backs(&pair).len(), 1);
}

async fn a_taskrouter_that_is_down_or_refuses_keeps_the_caller_in_line_and_may_be_asked_again(
    over: Over,
) {
    for misbehaviour in
        [Misbehaviour::Status(500), Misbehaviour::Status(503), Misbehaviour::Status(401)]
    {
        let pair = Pair::start(over, &[]).await;
        let sid = pair.queued(1, 1).await;
        pair.twilio.misbehave("POST", "/Tasks", misbehaviour, 1);
        let sorry = pair.wait(&sid, 3, "10", "1").await;
        assert!(said(&sorry.verbs()).contains("I am sorry"), "{}", sorry.body);
        assert!(!is_booked(&sorry.verbs()));
        assert_eq!(state(pair.stands(&sid).await), ("queued", "queued"));
        assert_eq!(call_backs(&pair).len(), 0);
        assert!(is_booked(&pair.wait(&sid, 3, "20", "1").await.verbs()), "at the second try");
        assert_eq!(call_backs(&pair).len(), 1);
    }
}

async fn a_taskrouter_that_is_busy_for_a_moment_is_asked_again_in_time(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 1).await;
    pair.twilio.misbehave("POST", "/Tasks", Misbehaviour::Status(429), 1);
    assert!(is_booked(&pair.wait(&sid, 3, "10", "1").await.verbs()));
    assert_eq!(call_backs(&pair).len(), 1);
}

async fn a_taskrouter_that_never_answers_costs_the_caller_seconds_and_not_the_call(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let sid = pair.queued(1, 1).await;
    pair.twilio.misbehave("", "/Tasks", Misbehaviour::Hang, 1_000);
    let begun = std::time::Instant::now();
    let sorry = pair.wait(&sid, 2, "10", "1").await;
    assert!(said(&sorry.verbs()).contains("I am sorry"), "{}", sorry.body);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(state(pair.stands(&sid).await), ("queued", "queued"));
}
