//! A caller talks with the agent.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use switchhook::caller::{Caller, Ending, Pace, RingOptions};

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{ScriptedModel, Step, echo_of},
};

const GREETING: &str = "Hello, and thank you for calling OWL Bank. I am the virtual assistant for \
    credit cards. How can I help you today?";

fn said(role: &str, text: &str) -> (String, String) {
    (role.to_owned(), text.to_owned())
}

#[actix_web::test]
async fn a_call_from_the_greeting_to_the_goodbye_is_held_and_written_down() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => Step::answer("The fee is $95 per year."),
        _ => Step::answer("Goodbye, have a nice day.\nEND_CALL"),
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;

    caller.say("What does the Tawny card cost?").await.expect("a conversation");
    let answer = caller.answer(SOON).await;
    assert_eq!((answer.text.as_str(), answer.complete), ("The fee is 95 dollars per year.", true));

    let live = engine.when("/monitor", |live| live[0]["turns"] == 3).await;
    assert_eq!(live.as_array().map(Vec::len), Some(1));
    assert_eq!(live[0]["callSid"], caller.call_sid());
    assert_eq!(live[0]["callerPhone"], "+12025550142");
    assert_eq!(live[0]["status"], "active");

    caller.say("Thank you, goodbye.").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    assert_eq!(caller.handoff().as_deref(), Some(r#"{"v":1,"kind":"goodbye"}"#));
    assert_eq!(caller.violations(), Vec::<String>::new());

    let over = |call: &Value| call["status"] == "completed";
    let transcript = engine.transcript_when(caller.call_sid(), over).await;
    assert!(transcript["endTime"].is_string() && transcript["startTime"].is_string());
    assert_eq!(
        words(&transcript),
        [
            said("agent", GREETING),
            said("customer", "What does the Tawny card cost?"),
            said("agent", "The fee is 95 dollars per year."),
            said("customer", "Thank you, goodbye."),
            said("agent", "Goodbye, have a nice day."),
        ]
    );
    assert_eq!(engine.json("/monitor").await, Value::Array(vec![]));
    assert_eq!(model.requests()[1].messages().len(), 5, "every turn once, and the persona");
}

#[actix_web::test]
async fn a_caller_who_barges_in_hears_no_word_more_and_the_model_is_stopped() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => Step::answer_slowly(&"one more word and ".repeat(40), Duration::from_millis(20)),
        _ => Step::answer("As you wish."),
    });
    let engine = Engine::with_model(&model, &[]);
    let caller =
        engine.ring_as(RingOptions { pace: Pace::CharsPerSecond(60.0), ..engine.caller() }).await;
    assert!(caller.quiet(SOON).await, "the greeting is over");
    caller.say("Tell me everything.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.len() > 20).await, "{}", caller.log());

    let begun = std::time::Instant::now();
    let cut = caller.interrupt().await.expect("a conversation").expect("a voice to cut off");
    let aborted = model.aborted(0, SOON).await.expect("the request is aborted");
    let took = aborted.saturating_duration_since(begun);
    assert!(took < Duration::from_millis(150), "the model was stopped after {took:?}");

    let heard = engine
        .transcript_when(caller.call_sid(), |call| call["transcript"][2]["interrupted"] == true)
        .await;
    let text = heard["transcript"][2]["text"].as_str().unwrap_or_default();
    assert_eq!(text.trim(), cut.utterance.trim(), "{}", caller.log());
    caller.say("Stop, just the fee.").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "As you wish.");
    let stale: Vec<_> =
        caller.stale_tokens().into_iter().filter(|token| !token.is_terminator()).collect();
    assert!(stale.is_empty(), "{stale:?}\n{}", caller.log());
    let asked = model.requests();
    let told = asked[1].messages();
    let answer =
        told.iter().find(|(role, words)| *role == "assistant" && words.contains("one more"));
    let told = answer.map(|(_, words)| words.to_string()).unwrap_or_default();
    assert!(told.starts_with(text), "the model knows what was heard, no more: {told}");
    assert_eq!(caller.violations(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_caller_who_hangs_up_in_mid_answer_leaves_what_was_heard() {
    let model = ScriptedModel::start(|_, _| {
        Step::answer_slowly(&"one more word and ".repeat(60), Duration::from_millis(20))
    });
    let engine = Engine::with_model(&model, &[]);
    let caller =
        engine.ring_as(RingOptions { pace: Pace::CharsPerSecond(14.0), ..engine.caller() }).await;
    caller.interrupt().await.expect("a conversation");
    caller.say("Tell me everything.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.len() > 20).await, "{}", caller.log());
    caller.hang_up().await.expect("a line");
    assert!(model.aborted(0, SOON).await.is_some(), "nobody is there to answer");
    let call =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    let last = &call["transcript"][2];
    assert_eq!((&last["interrupted"], &last["reason"]), (&true.into(), &"call_ended".into()));
    let heard = caller.answer_heard();
    let text = last["text"].as_str().unwrap_or_default();
    assert!(text.len().abs_diff(heard.len()) <= 20, "written: {text:?}, heard: {heard:?}");
}

#[actix_web::test]
async fn two_hundred_callers_at_once_each_hear_their_own_answers() {
    const CALLERS: usize = 200;
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &[]);
    let client = switchhook::caller::client();
    let talk = |caller: usize| {
        let options = RingOptions { client: Some(client.clone()), ..engine.caller() };
        let engine = &engine;
        async move {
            let call = engine.ring_as(options).await;
            for turn in 0..3 {
                let question = format!("caller {caller} asks question {turn}");
                call.say(&question).await.expect("a conversation");
                let answer = call.answer(Duration::from_secs(60)).await;
                assert_eq!(answer.text, echo_of(&question), "{}", call.log());
            }
            assert_eq!(call.violations(), Vec::<String>::new());
            call
        }
    };
    let calls: Vec<Caller> = join_all((0..CALLERS).map(talk)).await;
    let live =
        engine.when("/monitor", |live| live.as_array().is_some_and(|live| live.len() == CALLERS));
    live.await;
    for (caller, call) in calls.iter().enumerate() {
        let transcript = engine.transcript_when(call.call_sid(), |call| turns(call) == 7).await;
        let foreign = words(&transcript).into_iter().skip(1);
        let own = format!("caller {caller} asks");
        assert!(foreign.into_iter().all(|(_, text)| text.contains(&own)), "{transcript}");
    }
    join_all(calls.iter().map(Caller::hang_up)).await;
    engine.when("/monitor", |live| live.as_array().is_some_and(Vec::is_empty)).await;
}

#[actix_web::test]
async fn a_prompt_without_an_interrupt_is_answered_and_what_was_sent_counts_as_heard() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => vec![Step::Token("First half".to_owned()), Step::Hang],
        _ => Step::answer("Second."),
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("One?").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("First half")).await);
    caller.say("Two?").await.expect("a conversation");
    assert!(model.aborted(0, SOON).await.is_some());
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("Second.")).await);
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 5).await;
    assert_eq!(words(&call)[2], said("agent", "First half"));
    assert_eq!(call["transcript"][2]["interrupted"], true);
    assert_eq!(words(&call)[4], said("agent", "Second."));
}

#[actix_web::test]
async fn a_partial_prompt_and_messages_that_no_engine_knows_change_nothing() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.partial("What is").await.expect("a conversation");
    for frame in [
        r#"{"type":"hologram","depth":3}"#,
        r#"{"type":"prompt","voicePrompt":"","last":false}"#,
        "not JSON",
        r#"{"type":"info"}"#,
    ] {
        caller.send_raw(frame).await.expect("a line");
    }
    caller.say("What is the fee?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
    assert_eq!(model.requests().len(), 1);
    assert_eq!(engine.metric("switchhook_relay_frames_total{type=\"unknown\"}").await, 1.0);
    assert_eq!(engine.metric("switchhook_relay_frames_rejected_total{reason=\"json\"}").await, 1.0);
}

#[actix_web::test]
async fn a_wish_for_a_person_is_recorded_and_the_conversation_goes_on() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => vec![
            Step::Token("I understand. ESC".to_owned()),
            Step::Token("ALATE: card stolen".to_owned()),
            Step::Finish("stop".to_owned()),
            Step::Done,
        ],
        _ => Step::answer("Freeze it in the app."),
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("Something happened to my card.").await.expect("a conversation");
    let answer = caller.answer(SOON).await.text;
    assert!(!answer.contains("ESC") && !answer.contains("stolen"), "{answer}");
    assert!(answer.len() > "I understand. ".len(), "an honest sentence follows: {answer}");
    let live = engine.when("/monitor", |live| live[0]["escalationReason"] == "card stolen").await;
    assert_eq!(live[0]["status"], "active");
    caller.say("What can I do until then?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Freeze it in the app.");
}
