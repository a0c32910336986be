//! Callers who ask for a person: the hand-off, the wait, the person, and the ways back.

use serde_json::{Value, json};
use switchhook::caller::{Caller, Ending, Happening, Place, RingOptions};

use crate::{
    fake_twilio::{AUTH_TOKEN, FakeTwilio, Options, WORKFLOW_SID, WORKSPACE_SID},
    harness::{
        door::signer,
        engine::{Engine, SOON, words},
    },
};

mod dying;
mod people;
mod three;

const ASKS: &str = "I want to talk to a person";
const BRIDGE: &str = "I am connecting you with a colleague";

/// Has the caller ask for a person, and waits until they wait for one.
async fn ask(caller: &Caller) {
    caller.say(ASKS).await.expect("a conversation");
    let waits = caller.place_until(SOON, |place| *place == Place::Queue).await;
    assert!(waits, "{}", caller.log());
}

/// The state of the only live call, once it is as wanted: `status/escalationState`.
async fn monitored(engine: &Engine, wanted: &str) -> Value {
    let state = |live: &Value| {
        let text = |name: &str| live[0][name].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("status"), text("escalationState"))
    };
    engine.when("/monitor", |live| state(live) == wanted).await[0].clone()
}

#[actix_web::test]
async fn a_caller_who_asks_for_a_person_is_queued_with_all_that_the_person_needs() {
    let key = format!("k1:{}=", "A".repeat(43));
    let engine = Engine::start(&[
        ("TWILIO_WORKFLOW_SID", WORKFLOW_SID),
        ("LINK_KEYS", &key),
        ("ACCESS_TOKENS", "admin:admin-token-of-the-stories"),
    ]);
    let caller = engine.ring().await;
    caller.say("What is the late fee?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    ask(&caller).await;
    assert!(caller.heard().contains(BRIDGE), "{}", caller.heard());

    let note: Value =
        serde_json::from_str(&caller.handoff().expect("hand-off data")).expect("JSON");
    let call = caller.call_sid();
    let epoch = note["epoch"].as_u64().expect("an epoch");
    assert_eq!(
        note,
        json!({"v": 1, "kind": "escalate", "call": call, "escalation": format!("{call}.e1"),
               "epoch": epoch, "reasonCode": "caller_asked"})
    );
    let enqueue = caller.enqueue().expect("an <Enqueue>");
    assert_eq!(enqueue.workflow_sid.as_deref(), Some(WORKFLOW_SID));
    let task = enqueue.task.expect("a task");
    assert_eq!((task.priority, task.timeout), (0, Some(3_600)));
    let task: Value = serde_json::from_str(&task.attributes).expect("JSON");
    assert_eq!(task["reason_code"], "caller_asked", "{task:#}");
    assert!(task["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{task:#}");
    assert!(task["summary"].as_str().is_some_and(|text| text.contains("late fee")), "{task:#}");
    let turns = task["last_turns"].as_array().expect("turns");
    assert!(turns.iter().any(|turn| turn["text"] == ASKS), "{task:#}");

    let link = task["transcript_url"].as_str().expect("a link");
    let mut response = switchhook::caller::client().get(link).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "the link needs no token");
    let read: Value = response.json().await.expect("JSON");
    assert!(words(&read).iter().any(|(_, text)| text == ASKS), "{read:#}");

    let wanted = |call: &Value| {
        call["status"] == "queued" && call["escalation"]["reasonCode"] == "caller_asked"
    };
    engine.transcript_when(call, wanted).await;
    monitored(&engine, "queued/queued").await;
    assert!(caller.words_until(SOON, |heard| heard.contains("Thank you for waiting")).await);
    assert!(caller.words_until(SOON, |heard| heard.contains("number 1.")).await);
    assert_eq!(caller.violations(), Vec::<String>::new(), "{}", caller.log());

    caller.hang_up().await.expect("a call");
    let left = engine.transcript_when(call, |call| call["status"] == "completed").await;
    assert_eq!(left["escalation"]["unreached"], "caller_left");
    engine.when("/monitor", |live| *live == json!([])).await;
}

#[actix_web::test]
async fn key_2_leads_back_to_the_agent_who_knows_it() {
    let engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let caller = engine.ring().await;
    ask(&caller).await;
    let offered = |heard: &str| heard.contains("To return to the assistant, press 2.");
    assert!(caller.words_until(SOON, offered).await, "{}", caller.log());
    caller.press("2").await.expect("a <Gather>");
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    assert!(caller.words_until(SOON, |heard| heard.contains("I stay on the line with you")).await);
    let call = monitored(&engine, "active/withdrawn").await;
    assert_eq!(call["callSid"], caller.call_sid());
    caller.say("What is the late fee?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.text.contains("29 dollars"), "{}", caller.log());
    // And once more to a person.
    ask(&caller).await;
    monitored(&engine, "queued/queued").await;
    let transcript = engine.transcript(caller.call_sid()).await;
    assert_eq!(transcript["escalation"]["id"], format!("{}.e2", caller.call_sid()));
    caller.hang_up().await.expect("a call");
    assert_eq!(caller.violations(), Vec::<String>::new(), "{}", caller.log());
}

#[actix_web::test]
async fn without_anybody_the_caller_is_told_so_and_leaves_a_message() {
    let engine = Engine::start(&[]);
    let caller = engine.ring().await;
    caller.say(ASKS).await.expect("a conversation");
    let told = |heard: &str| heard.contains("I cannot connect you with a colleague from here");
    assert!(caller.words_until(SOON, told).await, "{}", caller.log());
    assert!(caller.answer(SOON).await.complete);
    leave_a_message(&engine, &caller, "no_desk").await;
}

/// The agent has asked for a message: it is taken, and kept with the reason.
async fn leave_a_message(engine: &Engine, caller: &Caller, unreached: &str) {
    let message = "My card was swallowed by a machine in Lund.";
    caller.say(message).await.expect("a conversation");
    let taken = |heard: &str| heard.contains("I have noted that for my colleagues");
    assert!(caller.words_until(SOON, taken).await, "{}", caller.log());
    let kept = |call: &Value| call["escalation"]["message"] == message;
    let transcript = engine.transcript_when(caller.call_sid(), kept).await;
    assert_eq!(transcript["escalation"]["state"], "failed");
    assert_eq!(transcript["escalation"]["unreached"], unreached);
    assert_eq!(transcript["status"], "active");
}

#[actix_web::test]
async fn a_telephone_that_nobody_answers_leads_back_and_one_that_is_answered_ends_the_call() {
    use switchhook::caller::Dialled;
    let number = "+12025550199";
    let desk = [("ESCALATION_NUMBER", number), ("ESCALATION_ALLOW", number)];
    let engine = Engine::start(&desk);
    let caller = engine.ring().await;
    caller.say(ASKS).await.expect("a conversation");
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    assert!(caller.words_until(SOON, |heard| heard.contains("none of my colleagues")).await);
    leave_a_message(&engine, &caller, "not_answered").await;

    let options = RingOptions { dialled: Dialled::Completed, ..engine.caller() };
    let caller = engine.ring_as(options).await;
    caller.say(ASKS).await.expect("a conversation");
    let talks = |place: &Place| *place == Place::Talk { worker: number.to_owned() };
    assert!(caller.place_until(SOON, talks).await, "{}", caller.log());
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let ended = |call: &Value| call["status"] == "completed";
    let transcript = engine.transcript_when(caller.call_sid(), ended).await;
    assert_eq!(transcript["escalation"]["state"], "finished");
}
