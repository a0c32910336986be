//! TaskRouter's events: unordered, repeated, unknown, about somebody else.

use super::state;
use crate::harness::{
    door::sid,
    pair::{Over, Pair, on_both},
};

on_both! {
    their_order_and_number_do_not_matter
    what_is_unknown_or_somebody_elses_is_taken_and_forgotten
    a_call_is_found_by_every_name_that_twilio_gives_it
}

async fn their_order_and_number_do_not_matter(over: Over) {
    for reverse in [false, true] {
        for copies in [1, 3] {
            let pair = Pair::start(over, &[]).await;
            let (sid, answer) = pair.handed_over(1, 1).await;
            pair.twilio.repeat_events(copies);
            pair.twilio.hold_events();
            pair.enqueue(&sid, &answer).expect("a place in the queue");
            pair.twilio.reserve(&sid);
            pair.twilio.reject(&sid);
            pair.twilio.reserve(&sid);
            pair.twilio.accept(&sid);
            pair.twilio.release_events(reverse);
            pair.twilio.settled().await;
            assert_eq!(
                state(pair.stands(&sid).await),
                ("with_agent", "with_agent"),
                "{reverse} {copies}"
            );
            pair.twilio.hold_events();
            pair.twilio.finish(&sid);
            pair.twilio.release_events(reverse);
            pair.twilio.settled().await;
            assert_eq!(state(pair.stands(&sid).await), ("completed", "finished"));
        }
    }
}

async fn what_is_unknown_or_somebody_elses_is_taken_and_forgotten(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let call = pair.queued(1, 1).await;
    let other = format!(r#"{{"call_sid":"{}"}}"#, sid(77));
    let mine = format!(r#"{{"call_sid":"{call}"}}"#);
    let strange: [&[(&str, &str)]; 6] = [
        &[],
        &[("EventType", "task.created"), ("TaskAttributes", "{")],
        &[("EventType", "task.canceled"), ("TaskSid", "WT0"), ("TaskAttributes", "{}")],
        &[("EventType", "reservation.accepted"), ("TaskAttributes", &other)],
        &[("EventType", "task.teleported"), ("TaskAttributes", &mine)],
        &[("EventType", "worker.activity.update"), ("WorkerName", "Ada")],
    ];
    for fields in strange {
        let answer = pair.post(3, "/taskrouter/events", fields).await;
        assert_eq!(answer.status, 204, "{fields:?}");
    }
    assert_eq!(state(pair.stands(&call).await), ("queued", "queued"));
}

async fn a_call_is_found_by_every_name_that_twilio_gives_it(over: Over) {
    let pair = Pair::start(over, &[]).await;
    let call = pair.queued(1, 1).await;
    pair.twilio.reserve(&call);
    pair.twilio.accept(&call);
    pair.twilio.settled().await;
    let task = pair.tasks()[0].clone();
    let told = pair.twilio.call(&call);
    let conference = task["conference"]["sid"].as_str().expect("a conference").to_owned();
    for name in ["task_sid", "reservation_sid"] {
        let name = told[name].as_str().expect("a name");
        assert_eq!(pair.transcript(name).await["callSid"], call.as_str(), "{name}");
    }
    for name in [conference, format!("{call}.e1")] {
        assert_eq!(pair.transcript(&name).await["callSid"], call.as_str(), "{name}");
    }
}
