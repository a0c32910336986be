//! Input that is odd and costs nobody the socket.

use serde_json::json;

use super::{Bank, RawLine, TEXT, counted, echo_of, frame, prompt, sid, text};
use crate::harness::{
    engine::{Engine, SOON, words},
    raw::unannounced,
};

const REJECTED: &str = "switchhook_relay_frames_rejected_total";

#[actix_web::test]
async fn nine_frames_that_are_no_messages_are_ignored_however_often_a_message_is_between() {
    let bank = Bank::open(&[]).await;
    let mut line = bank.talking(&sid(1)).await;
    for round in 0..3 {
        assert!(line.send(&text("null").repeat(9)).await);
        let question = format!("Question {round}?");
        assert!(line.send(&prompt(&question)).await);
        line.hears(&echo_of(&question)).await;
    }
    assert_eq!(bank.rejected("not_object").await, 27.0);
    bank.neighbour_notices_nothing().await;
}

#[actix_web::test]
async fn five_hundred_events_at_once_are_a_replay_and_the_question_among_them_is_answered() {
    let bank = Bank::open(&[]).await;
    let sid = sid(1);
    let mut line = RawLine::of_call(&bank.engine, &sid).await;
    let event = text(r#"{"type":"info","name":"agentSpeaking","value":"off"}"#);
    let replay = [event.repeat(250), prompt("Was I heard?"), event.repeat(249)].concat();
    assert!(line.send(&replay).await);
    line.hears(&echo_of("Was I heard?")).await;
    assert_eq!(bank.rejected("flood").await, 0.0);
    bank.neighbour_notices_nothing().await;
}

#[actix_web::test]
async fn a_prompt_of_an_hour_is_answered_as_far_as_four_kib_go() {
    let bank = Bank::open(&[]).await;
    let sid = sid(1);
    let mut line = bank.talking(&sid).await;
    assert!(line.send(&prompt(&"blah ".repeat(12_000))).await);
    counted(&bank.engine, "switchhook_inputs_ignored_total{input=\"prompt_tail\"}", 1.0).await;
    line.hears("blah That is what I heard.").await;
    bank.neighbour_notices_nothing().await;
    let call = bank.engine.transcript(&sid).await;
    let said: Vec<_> = words(&call).into_iter().filter(|(role, _)| role == "customer").collect();
    assert!(said[1].1.len() <= 4_096 && said[1].1.ends_with("blah"), "{}", said[1].1.len());
}

#[actix_web::test]
async fn what_nobody_can_hear_reaches_neither_the_model_nor_the_transcript() {
    let bank = Bank::open(&[]).await;
    let sid = sid(1);
    let mut line = bank.talking(&sid).await;
    let hidden = "\u{e0049}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}\u{202e}\u{200b}\u{0}\u{7}";
    assert!(line.send(&prompt(&format!("My\u{200d} balance{hidden},\tplease?\u{feff}"))).await);
    line.hears(&echo_of("My balance, please?")).await;
    let asked = bank.model.requests();
    let asked = asked.last().expect("a question").body.to_string();
    assert!(asked.contains("My balance, please?"), "{asked}");
    assert!(!asked.contains(['\u{e0049}', '\u{202e}', '\u{200b}']), "{asked}");
    assert!(!asked.contains("\\u0000"), "{asked}");
    let kept = bank.engine.transcript(&sid).await.to_string();
    assert!(kept.contains("My balance, please?"), "{kept}");
}

#[actix_web::test]
async fn messages_of_wrong_shapes_and_at_wrong_times_break_nothing() {
    let bank = Bank::open(&[]).await;
    let sid = sid(1);
    let mut line = RawLine::open(&bank.engine, &sid).await;
    let early = [
        json!({"type": "info", "name": 7, "value": {"a": [1]}}),
        json!({"type": "interrupt", "utteranceUntilInterrupt": 7, "durationUntilInterruptMs": []}),
        json!({"type": "error", "description": null}),
        json!({"type": "dtmf", "digit": "5"}),
        json!({"type": "prompt"}),
        json!({"type": "prompt", "voicePrompt": ["no", "text"], "last": true}),
        json!({"type": "prompt", "voicePrompt": "", "last": true}),
        json!({"type": "hologram", "depth": 3}),
    ];
    for message in early {
        assert!(line.send(&text(&message.to_string())).await);
    }
    // A question before the setup is a question, and the call is known from the path.
    assert!(line.send(&prompt("First question.")).await);
    line.hears(&echo_of("First question.")).await;
    let setup = json!({"type": "setup", "callSid": sid, "from": "+12025550143", "to": 7,
        "customParameters": [1, 2]});
    for _ in 0..3 {
        assert!(line.send(&text(&setup.to_string())).await);
    }
    let other = json!({"type": "setup", "callSid": sid, "from": "+19995550199"});
    assert!(line.send(&text(&other.to_string())).await);
    assert!(line.send(&prompt("And after the setups?")).await);
    line.hears(&echo_of("And after the setups?")).await;
    let call = bank.engine.transcript(&sid).await;
    assert_eq!(call["callerPhone"], "+12025550143", "the first setup counts");
    assert_eq!(bank.engine.metric("switchhook_relay_frames_total{type=\"garbled\"}").await, 2.0);
    bank.neighbour_notices_nothing().await;
    drop(line);
    bank.resumes(&sid).await;
}

#[actix_web::test]
async fn keys_that_no_phone_has_are_counted_and_ignored() {
    let bank = Bank::open(&[]).await;
    let mut line = bank.talking(&sid(1)).await;
    for digit in [json!("12"), json!(""), json!("E"), json!("½"), json!(5), json!(null)] {
        let pressed = json!({"type": "dtmf", "digit": digit}).to_string();
        assert!(line.send(&text(&pressed)).await);
    }
    counted(&bank.engine, &format!("{REJECTED}{{reason=\"incomplete\"}}"), 6.0).await;
    assert!(line.send(&prompt("Second question.")).await);
    line.hears(&echo_of("Second question.")).await;
    assert!(!bank.engine.log().contains('½'));
    bank.neighbour_notices_nothing().await;
}

#[actix_web::test]
async fn a_setup_of_another_call_closes_its_socket_and_leaves_both_calls_alone() {
    let bank = Bank::open(&[]).await;
    let (mine, other) = (sid(1), sid(2));
    let line = bank.talking(&mine).await;
    let stranger = json!({"type": "setup", "callSid": other, "from": "+19995550199"});
    let mut wrong = RawLine::open(&bank.engine, &mine).await;
    assert!(wrong.send(&text(&stranger.to_string())).await);
    assert_eq!(wrong.closed().await, Some(1008));
    assert_eq!(line.closed().await, Some(1008), "the newer socket had taken its place");
    bank.neighbour_notices_nothing().await;
    bank.resumes(&mine).await;
    assert_eq!(bank.engine.get(&format!("/api/transcript/{other}")).await.0, 404);
}

#[actix_web::test]
async fn a_call_whose_only_socket_is_refused_does_not_live_for_ever() {
    let engine = Engine::start(&[("LINE_GRACE_SECONDS", "1")]);
    let mut wrong = RawLine::open(&engine, &sid(1)).await;
    let stranger = json!({"type": "setup", "callSid": sid(2)});
    assert!(wrong.send(&text(&stranger.to_string())).await);
    assert_eq!(wrong.closed().await, Some(1008));
    counted(&engine, "switchhook_calls_live", 0.0).await;
}

#[actix_web::test]
async fn messages_after_the_end_of_a_session_break_nothing_and_the_call_can_come_back() {
    let bank = Bank::open(&[]).await;
    let sid = sid(1);
    let mut line = bank.talking(&sid).await;
    let late = [
        text(r#"{"type":"end"}"#),
        text(r#"{"type":"end"}"#),
        prompt("Is anybody there?"),
        text(r#"{"type":"interrupt"}"#),
        text(r#"{"type":"dtmf","digit":"1"}"#),
        frame(true, TEXT, b"null"),
    ];
    assert!(line.send(&late.concat()).await);
    counted(&bank.engine, &format!("{REJECTED}{{reason=\"not_object\"}}"), 1.0).await;
    bank.neighbour_notices_nothing().await;
    drop(line);
    let again = bank.engine.ring_as(unannounced(&bank.engine, &sid)).await;
    again.say("Second question.").await.expect("a conversation");
    let answered = |heard: &str| heard.contains(&echo_of("Second question."));
    assert!(again.heard_until(SOON, answered).await, "{}", again.log());
}
