//! Forms that Twilio never sends, from whoever sends them.

use super::{ring, session};
use crate::harness::{
    door::{Ask, call, form, sid},
    engine::Engine,
    model::ScriptedModel,
};

const WEBHOOKS: [&str; 3] = ["/voice/incoming", "/voice/handoff", "/voice/status"];

/// That a form is refused with words about the field, and never as an error of ours.
async fn refused(engine: &Engine, path: &str, body: &[u8], about: &str) {
    let answer = Ask::bytes(path, body).at(engine).await;
    let detail = answer.problem(400);
    let shown = String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned();
    assert!(detail.contains(about), "{path} {shown}: {detail}");
}

#[actix_web::test]
async fn a_form_without_a_field_it_needs_is_refused_by_its_name() {
    let engine = Engine::start(&[]);
    let sid = sid(1);
    let needed: [(&str, &[&str]); 3] = [
        ("/voice/incoming", &["CallSid", "From", "To", "CallStatus"]),
        ("/voice/handoff", &["CallSid", "CallStatus"]),
        ("/voice/status", &["CallSid", "CallStatus"]),
    ];
    for (path, fields) in needed {
        for field in fields {
            let rest: Vec<_> =
                call(&sid, "ringing").into_iter().filter(|(name, _)| name != field).collect();
            refused(&engine, path, form(&rest).as_bytes(), field).await;
            let mut twice = call(&sid, "ringing");
            twice.push((field, "x"));
            refused(&engine, path, form(&twice).as_bytes(), field).await;
        }
        refused(&engine, path, b"", "CallSid").await;
    }
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
}

#[actix_web::test]
async fn a_form_that_is_no_form_of_a_call_is_refused() {
    let engine = Engine::start(&[]);
    let rest = "From=%2B12025550142&To=%2B12025550100&CallStatus=ringing";
    for path in WEBHOOKS {
        for sid in [
            "",
            "CA",
            "CA0123",
            "SM0123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcdeg",
            "CA0123456789abcdef0123456789abcdef0",
            "..%2F..%2Fetc%2Fpasswd",
            "CA%000123456789abcdef0123456789abcde",
            "CA%C3%A90123456789abcdef0123456789abc",
        ] {
            refused(&engine, path, format!("CallSid={sid}&{rest}").as_bytes(), "CallSid").await;
        }
        let sid = sid(1);
        for bytes in [&b"\xff"[..], b"%FF", b"%C3%28", b"\xed\xa0\x80", b"%F5%80%80%80"] {
            let body = [format!("CallSid={sid}&{rest}&X=").as_bytes(), bytes].concat();
            refused(&engine, path, &body, "UTF-8").await;
            let name = [bytes, format!("=1&CallSid={sid}&{rest}").as_bytes()].concat();
            refused(&engine, path, &name, "UTF-8").await;
        }
        let many = format!("CallSid={sid}&{rest}{}", "&a=".repeat(200));
        refused(&engine, path, many.as_bytes(), "fields").await;
        refused(&engine, path, br#"{"CallSid":"CA0123456789abcdef0123456789abcdef"}"#, "").await;
        refused(&engine, path, &[0_u8; 4_096], "").await;
        refused(&engine, path, "&=%&;;==".as_bytes(), "").await;
    }
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 0.0);
    assert_eq!(engine.metric("switchhook_panics_total").await, 0.0);
}

#[actix_web::test]
async fn figures_of_a_session_that_are_no_figures_cost_no_caller_the_call() {
    let engine = Engine::start(&[]);
    let figures = ["soon", "-1", "99999999999999999999", "NaN", "0x10", "64105; DROP TABLE calls"];
    for (number, figure) in (1..).zip(figures) {
        let sid = sid(number);
        session(&ring(&sid).at(&engine).await);
        let mut fields = call(&sid, "in-progress");
        fields.extend([("SessionId", "VX1"), ("SessionStatus", "failed")]);
        let figures = ["ErrorCode", "SessionDuration", "CallDuration", "QueueTime"];
        fields.extend(figures.map(|field| (field, figure)));
        // That something failed is known: the caller is connected again.
        session(&Ask::post("/voice/handoff", &fields).at(&engine).await);
        let twice = [fields, vec![("ErrorCode", "1")]].concat();
        refused(&engine, "/voice/handoff", form(&twice).as_bytes(), "ErrorCode").await;
        let over = [call(&sid, "completed"), vec![("CallDuration", figure)]].concat();
        assert_eq!(Ask::post("/voice/status", &over).at(&engine).await.status, 204);
    }
}

#[actix_web::test]
async fn absurd_values_of_a_right_form_are_taken_and_the_engine_lives_on() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let long = "9".repeat(20_000);
    let callers = [
        "",
        "anonymous",
        "+266696687",
        "client:tom",
        "sip:tom@example.com;transport=tls",
        "\u{1f989}\u{202e}\u{0}<script>&amp;",
        "\"; DROP TABLE calls; --",
        &long,
    ];
    for (number, from) in (1..).zip(callers) {
        let sid = sid(number);
        let mut fields = call(&sid, "melted");
        fields.retain(|(name, _)| *name != "From");
        fields.extend([("From", from), ("Digits", "{{7*7}}"), ("", ""), ("a", ""), ("a", "b")]);
        session(&Ask::post("/voice/incoming", &fields).at(&engine).await);
        let kept = engine.transcript(&sid).await["callerPhone"].clone();
        let seen: String = from.replace(['\u{202e}', '\u{0}'], "").chars().take(256).collect();
        assert_eq!(kept, seen);
        let huge = [call(&sid, &long), vec![("SessionId", long.as_str())]].concat();
        let end = Ask::post("/voice/handoff", &huge).header("I-Twilio-Idempotency-Token", &long);
        end.at(&engine).await.verbs();
    }
    session(&ring(&sid(99)).at(&engine).await);
    let caller = engine.ring().await;
    caller.say("Hello?").await.expect("a conversation");
    assert_eq!(caller.answer(crate::harness::engine::SOON).await.text, "Yes.");
    assert_eq!(engine.metric("switchhook_panics_total").await, 0.0);
}
