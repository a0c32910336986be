//! A model that fails: what is tried once more, and what the caller hears of the rest.

use std::time::Duration;

use serde_json::Value;
use switchhook::caller::{Answer, Caller, Ending};

use crate::harness::{
    engine::{Engine, SOON, turns},
    model::{Gate, ScriptedModel, Step, model_of_nobody},
};

const SORRY: &str = "I am sorry, something went wrong on my side. Could you say that once more?";

const MORE: &str = "There is more to say about that. Shall I go on?";

async fn ask(caller: &Caller) -> Answer {
    caller.say("What is the fee?").await.expect("a conversation");
    caller.answer(SOON).await
}

/// Why the last answer is not what it should have been.
async fn reason(engine: &Engine, caller: &Caller, turn: usize) -> Value {
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) > turn).await;
    call["transcript"][turn]["reason"].clone()
}

fn token(text: &str) -> Step {
    Step::Token(text.to_owned())
}

fn raw(text: &str) -> Step {
    Step::Raw(text.as_bytes().to_vec())
}

#[actix_web::test]
async fn a_question_that_failed_before_a_word_was_spoken_is_put_once_more() {
    let failures: Vec<fn() -> Vec<Step>> = vec![
        || vec![Step::refusal(500, &[], "server_error")],
        || vec![Step::refusal(503, &[], "overloaded")],
        || vec![Step::refusal(408, &[], "timeout")],
        || vec![Step::refusal(409, &[], "conflict")],
        || vec![Step::refusal(429, &[], "rate_limit_exceeded")],
        || vec![Step::refusal(429, &[("retry-after", "0")], "rate_limit_exceeded")],
        || vec![Step::refusal(429, &[("retry-after-ms", "40")], "rate_limit_exceeded")],
        || vec![Step::Head, Step::Cut],
    ];
    let count = failures.len();
    let model = ScriptedModel::start(move |_, nth| match failures.get(nth / 2) {
        Some(fail) if nth % 2 == 0 => fail(),
        _ => Step::answer("It is five dollars."),
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    for failure in 0..count {
        assert_eq!(ask(&caller).await.text, "It is five dollars.", "{failure}\n{}", engine.log());
        assert_eq!(reason(&engine, &caller, 2 + 2 * failure).await, Value::Null);
        assert_eq!(model.requests().len(), 2 * (failure + 1));
    }
    assert_eq!(engine.metric("switchhook_model_retries_total").await, count as f64);
}

#[actix_web::test]
async fn what_no_second_request_mends_is_told_at_once_and_a_second_failure_too() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => vec![Step::refusal(429, &[("retry-after", "0")], "insufficient_quota")],
        1 => vec![Step::refusal(401, &[], "invalid_api_key")],
        2 => vec![Step::refusal(429, &[("retry-after", "60")], "rate_limit_exceeded")],
        _ => vec![Step::refusal(503, &[("retry-after-ms", "0")], "overloaded")],
    });
    // No breaker shall come between: each story of a failure is another engine's.
    for (asked, question) in [(1, 0), (1, 1), (1, 2), (2, 3)] {
        let before = model.requests().len();
        assert_eq!(before, question);
        let engine = Engine::with_model(&model, &[]);
        let caller = engine.ring().await;
        assert_eq!(ask(&caller).await.text, SORRY, "{}", engine.log());
        assert_eq!(model.requests().len(), before + asked);
        assert_eq!(reason(&engine, &caller, 2).await, "model_failed");
    }
}

#[actix_web::test]
async fn a_provider_that_says_when_to_come_back_is_asked_then() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => vec![Step::refusal(429, &[("retry-after", "1")], "rate_limit_exceeded")],
        1 => Step::answer("In a second."),
        2 => {
            let then = std::time::SystemTime::now() + Duration::from_secs(2);
            let date = httpdate::fmt_http_date(then);
            vec![Step::refusal(503, &[("retry-after", &date)], "overloaded")]
        }
        _ => Step::answer("At that hour."),
    });
    let engine = Engine::with_model(&model, &[("FILLER_MS", "600000")]);
    let caller = engine.ring().await;
    assert_eq!(ask(&caller).await.text, "In a second.");
    assert_eq!(ask(&caller).await.text, "At that hour.");
    let asked = model.requests();
    let waited = |first: usize| asked[first + 1].arrived.duration_since(asked[first].arrived);
    assert!(waited(0) >= Duration::from_millis(990), "{:?}", waited(0));
    // A date has no fractions of a second.
    assert!(waited(2) >= Duration::from_millis(900), "{:?}", waited(2));
}

#[actix_web::test]
async fn an_answer_that_was_begun_never_starts_again_and_each_bad_end_has_its_words() {
    let page = [("content-type".to_owned(), "text/html".to_owned())].to_vec();
    let refusal = r#"data: {"choices":[{"index":0,"delta":{"refusal":"I cannot say."}}]}"#;
    let finish = |reason: &str| vec![Step::Finish(reason.to_owned()), Step::Done];
    // What was spoken of the answer before it went wrong, how it did, what is heard, and why.
    let stories: [(&str, Vec<Step>, &str, &str); 10] = [
        ("The fee is ", vec![Step::Cut], "The fee is \u{2013} {sorry}", "cut"),
        ("It is five dollars. ", vec![Step::Cut], "It is five dollars. ", "cut"),
        (
            "The fee is ",
            vec![raw("data: {\"choices\": 7\n\n")],
            "The fee is \u{2013} {sorry}",
            "garbage",
        ),
        (
            "The fee is ",
            vec![raw("data: {\"error\":{\"code\":500}}\n\n")],
            "The fee is \u{2013} {sorry}",
            "model_failed",
        ),
        ("The fee is ", vec![Step::Hang], "The fee is \u{2013} {sorry}", "stalled"),
        ("The fee is ", finish("length"), "The fee is \u{2013} {more}", "length"),
        ("The fee ", finish("content_filter"), "The fee \u{2013} {sorry}", "filtered"),
        ("", finish("stop"), "{sorry}", "empty"),
        (
            "",
            [vec![raw(&format!("{refusal}\n\n"))], finish("stop")].concat(),
            "I cannot say.",
            "refused",
        ),
        ("", vec![Step::Status(200, page, "<p>".into())], "{sorry}", "garbage"),
    ];
    for (said, end, words, why) in stories {
        let gate = Gate::new();
        let model = ScriptedModel::start({
            let gate = gate.clone();
            move |_, _| match said {
                "" => end.clone(),
                said => [vec![token(said), Step::WaitFor(gate.clone())], end.clone()].concat(),
            }
        });
        let engine = Engine::with_model(&model, &[("TOKEN_GAP_MS", "300")]);
        let caller = engine.ring().await;
        caller.say("What is the fee?").await.expect("a conversation");
        assert!(
            caller.answer_heard_until(SOON, |heard| heard.contains(said.trim())).await,
            "{why}"
        );
        gate.open();
        let answer = caller.answer(SOON).await;
        let words = words.replace("{sorry}", SORRY).replace("{more}", MORE);
        assert_eq!((answer.text, answer.complete), (words, true), "{why}\n{}", engine.log());
        assert_eq!(model.requests().len(), 1, "{why}");
        assert_eq!(reason(&engine, &caller, 2).await, why);
        assert_eq!(caller.violations(), Vec::<String>::new(), "{why}");
    }
}

#[actix_web::test]
async fn a_model_that_is_not_there_is_apologised_for() {
    let gone = model_of_nobody();
    let engine = Engine::start(&[("OPENAI_BASE_URL", gone.as_str())]);
    let caller = engine.ring().await;
    assert_eq!(ask(&caller).await.text, SORRY);
    assert_eq!(reason(&engine, &caller, 2).await, "model_failed");
}

#[actix_web::test]
async fn four_failed_answers_in_a_row_ask_for_a_person_and_three_do_not() {
    let model = ScriptedModel::start(|_, nth| match nth {
        3 => Step::answer("At last."),
        _ => vec![Step::Finish("stop".to_owned()), Step::Done],
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    for expected in [SORRY, SORRY, SORRY, "At last.", SORRY, SORRY, SORRY] {
        assert_eq!(ask(&caller).await.text, expected);
    }
    let last = ask(&caller).await.text;
    assert!(last.contains("I cannot connect you") && last.contains("note it for them"), "{last}");
    let call =
        engine.transcript_when(caller.call_sid(), |call| !call["escalation"].is_null()).await;
    assert_eq!(call["escalation"]["reasonCode"], "engine_failed");
    assert_eq!(call["escalation"]["unreached"], "no_desk");
    caller.say("Call me about the fee.").await.expect("a conversation");
    assert!(caller.answer(SOON).await.text.contains("I have noted that"));
    // Nobody can be had: where the answers fail on, the call ends.
    for expected in [SORRY, SORRY, SORRY] {
        assert_eq!(ask(&caller).await.text, expected);
    }
    let last = ask(&caller).await.text;
    assert!(last.ends_with("Goodbye."), "{last}");
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
}
