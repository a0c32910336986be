use std::time::Duration;

use serde_json::{Value, json};

use self::engine::{Engine, Peer};
use super::*;
use crate::twilio::signature::Signatures;

mod engine;
mod heard;
mod hiccups;
mod passing;
mod reconnecting;

const SOON: Duration = Duration::from_secs(10);

/// A document that connects to the test's engine, with these attributes.
fn connect(attributes: &str) -> String {
    format!(
        "<Response><Connect action='https://bank.example/voice/handoff#rc=3'>\
         <ConversationRelay url='wss://bank.example/conversation/CA1' {attributes}>\
         <Parameter name='tenant' value='42'/></ConversationRelay></Connect></Response>"
    )
}

fn options(engine: &Engine) -> RingOptions {
    RingOptions {
        url: engine.url.clone(),
        public_url: Some("https://bank.example".to_owned()),
        signatures: Some(signatures()),
        pace: Pace::Instant,
        ..RingOptions::default()
    }
}

async fn ring(engine: &mut Engine, options: RingOptions) -> (Caller, Peer, Value) {
    let (caller, peer) = tokio::join!(Caller::ring(options), engine.peer());
    let mut peer = peer;
    let setup = peer.message().await;
    (caller.unwrap(), peer, setup)
}

#[actix_web::test]
async fn a_call_is_announced_signed_talked_and_hung_up() {
    let mut engine = Engine::start(&[&connect("welcomeGreeting='Welcome.'"), ""]).await;
    let options = RingOptions { caller_name: "ADA".to_owned(), ..options(&engine) };
    let (caller, mut peer, setup) = ring(&mut engine, options).await;

    let incoming = engine.posted().await;
    assert_eq!(incoming.path, "/voice/incoming");
    assert_eq!(incoming.field("CallSid"), caller.call_sid());
    assert_eq!(incoming.field("CallStatus"), "ringing");
    let signed = wire_signature("https://bank.example/voice/incoming", &incoming.form);
    assert_eq!(incoming.header("x-twilio-signature"), signed);
    let upgrade = peer.upgrade.header("x-twilio-signature").to_owned();
    assert_eq!(upgrade, wire_signature("wss://bank.example/conversation/CA1", &[]));
    assert_eq!(setup["type"], "setup");
    assert_eq!(setup["callSid"], caller.call_sid());
    assert_eq!(setup["customParameters"], json!({"tenant": "42"}));
    assert_eq!(setup["callerName"], "ADA");

    caller.say("Balance?").await.unwrap();
    let prompt =
        json!({"type": "prompt", "voicePrompt": "Balance?", "lang": "en-US", "last": true});
    assert_eq!(peer.message().await, prompt);
    peer.text("It is", false).await;
    peer.text(" 5.", false).await;
    peer.text("", true).await;
    let answer = caller.answer(SOON).await;
    assert!(answer.complete && answer.first_token.is_some(), "{}", caller.log());
    assert_eq!((answer.text.as_str(), answer.tokens), ("It is 5.", 2));
    assert!(caller.quiet(SOON).await);
    assert_eq!(caller.heard(), "Welcome.\nIt is 5.");

    let (hung_up, closed) = tokio::join!(caller.hang_up(), peer.closed());
    hung_up.unwrap();
    assert_eq!(closed, Some(1000));
    let action = engine.posted().await;
    assert_eq!(action.path, "/voice/handoff");
    assert_eq!(
        (action.field("SessionStatus"), action.field("CallStatus")),
        ("completed", "completed")
    );
    assert_eq!(action.field("SessionId"), setup["sessionId"]);
    let signed = wire_signature("https://bank.example/voice/handoff", &action.form);
    assert_eq!(action.header("x-twilio-signature"), signed);
    assert_eq!(caller.ending(), Some(Ending::HungUp));
    assert_eq!(caller.violations(), Vec::<String>::new());
    assert!(matches!(caller.say("Hello?").await, Err(CallerError::Over)));
}

fn signatures() -> Signatures {
    Signatures::new(["12345".to_owned().into()]).unwrap()
}

fn wire_signature(url: &str, form: &[(String, String)]) -> String {
    signatures().sign_form(url, form)
}

#[actix_web::test]
async fn an_end_waits_for_the_goodbye_and_its_handoff_leads_to_the_queue() {
    let queue = "<Response><Enqueue workflowSid='WW0000000000000000000000000000000a'>\
                 <Task>{}</Task></Enqueue></Response>";
    let mut engine =
        Engine::start(&[&connect("events='speaker-events tokens-played'"), queue]).await;
    // Half a second for the goodbye.
    let pace = Pace::CharsPerSecond(40.0);
    let options = RingOptions { pace, ..options(&engine) };
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    peer.text("Please hold the line", true).await;
    peer.send(r#"{"type":"end","handoffData":"{\"v\": 1}"}"#).await;
    let mut told = Vec::new();
    let closed = loop {
        match peer.next().await {
            engine::Message::Text(text) => told.push(text),
            engine::Message::Closed(code) => break code,
        }
    };
    assert_eq!(closed, Some(1000));
    assert_eq!(
        told,
        [
            json!({"type": "info", "name": "agentSpeaking", "value": "on"}),
            json!({"type": "info", "name": "tokensPlayed", "value": "Please hold the line"}),
            json!({"type": "info", "name": "agentSpeaking", "value": "off"}),
        ]
    );
    assert!(caller.place_until(SOON, |place| *place == Place::Queue).await, "{}", caller.log());
    assert_eq!(caller.enqueue().unwrap().task.unwrap().attributes, "{}");
    assert_eq!(caller.heard(), "Please hold the line");
    engine.posted().await;
    let action = engine.posted().await;
    assert_eq!(
        (action.field("SessionStatus"), action.field("CallStatus")),
        ("ended", "in-progress")
    );
    assert_eq!(action.field("HandoffData"), r#"{"v": 1}"#);
}

#[actix_web::test]
async fn a_barge_in_tells_what_was_heard_and_notices_late_tokens() {
    let mut engine = Engine::start(&[&connect(""), ""]).await;
    let options = RingOptions { pace: Pace::CharsPerSecond(50.0), ..options(&engine) };
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    caller.say("Tell me").await.unwrap();
    peer.message().await;
    peer.text("One two three four five six seven eight nine ten", false).await;
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("two")).await);
    let cut = caller.interrupt().await.unwrap().unwrap();
    assert!(cut.utterance.starts_with("One two"), "{cut:?}");
    assert!(!cut.utterance.ends_with("ten"), "{cut:?}");
    let interrupt = peer.message().await;
    assert_eq!(interrupt["utteranceUntilInterrupt"], cut.utterance);
    assert!(interrupt["durationUntilInterruptMs"].is_u64(), "{interrupt}");
    peer.text(" eleven", false).await;
    peer.text("", true).await;
    assert!(!caller.answer(SOON).await.text.is_empty());
    let stale = caller.stale_tokens();
    let texts: Vec<_> = stale.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(texts, [" eleven", ""]);
    assert!(stale[1].is_terminator());
}

#[actix_web::test]
async fn ten_malformed_messages_in_a_row_end_the_session_and_the_action_opens_a_new_one() {
    let mut engine = Engine::start(&[&connect(""), &connect("")]).await;
    let options = options(&engine);
    let (caller, mut peer, setup) = ring(&mut engine, options).await;
    for number in 1..=10 {
        peer.send(r#"{"type":"ping"}"#).await;
        if number < 10 {
            let error = peer.message().await;
            assert_eq!(error["description"], r#"Invalid message received: {"type":"ping"}"#);
        }
    }
    assert_eq!(peer.closed().await, Some(1007));
    let mut next = engine.peer().await;
    assert_ne!(next.message().await["sessionId"], setup["sessionId"]);
    engine.posted().await;
    let action = engine.posted().await;
    assert_eq!((action.field("SessionStatus"), action.field("ErrorCode")), ("failed", "64105"));
    assert_eq!(caller.violations().len(), 10, "{}", caller.log());
    assert_eq!(caller.ending(), None);
}

#[actix_web::test]
async fn a_line_that_is_cut_can_be_connected_again() {
    let mut engine = Engine::start(&[&connect(""), ""]).await;
    let options = options(&engine);
    let (caller, mut peer, setup) = ring(&mut engine, options).await;
    caller.drop_line().await.unwrap();
    assert_eq!(peer.closed().await, None, "a cut line says nothing");
    assert!(matches!(caller.say("Hello?").await, Err(CallerError::NoLine)));
    let (again, mut next) = tokio::join!(caller.reconnect(), engine.peer());
    again.unwrap();
    let second = next.message().await;
    assert_eq!(second["callSid"], setup["callSid"]);
    assert_ne!(second["sessionId"], setup["sessionId"]);
    caller.say("Hello again").await.unwrap();
    assert_eq!(next.message().await["voicePrompt"], "Hello again");
}

#[actix_web::test]
async fn a_socket_that_the_engine_loses_is_opened_again_where_that_was_agreed() {
    let mut engine = Engine::start(&[&connect("applicationReconnect='true'"), ""]).await;
    let options = options(&engine);
    let (caller, peer, _) = ring(&mut engine, options).await;
    drop(peer);
    let mut next = engine.peer().await;
    assert_eq!(next.message().await["type"], "setup");
    assert_eq!((caller.sessions(), caller.ending()), (2, None));
}

#[actix_web::test]
async fn keys_that_the_engine_does_not_want_are_not_sent() {
    let mut engine = Engine::start(&[&connect("")]).await;
    let options = options(&engine);
    let (caller, _peer, _) = ring(&mut engine, options).await;
    assert!(matches!(caller.press("5").await, Err(CallerError::NoDtmf)));
}

#[actix_web::test]
async fn a_call_that_is_refused_says_why() {
    let mut engine = Engine::start(&[]).await;
    let refused = Caller::ring(options(&engine)).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("answered 403"), "{refused}");
    engine.posted().await;
    let dead = RingOptions { url: "http://127.0.0.1:1".to_owned(), ..RingOptions::default() };
    let unreachable = Caller::ring(dead).await.map(drop).unwrap_err().to_string();
    assert!(unreachable.contains("cannot be reached"), "{unreachable}");
}

#[actix_web::test]
async fn a_server_with_only_a_socket_is_called_directly_and_performs_a_script() {
    let mut engine = Engine::start(&[]).await;
    let ws_url = Some(format!("{}/any", engine.url.replace("http", "ws")));
    let options = RingOptions { ws_url, ..options(&engine) };
    let (caller, mut peer, setup) = ring(&mut engine, options).await;
    assert_eq!(setup["customParameters"], json!({}));
    let lines = "say Hi\nwithin 5000 ms\nexpect hello\nsay Bye\nexpect-not bye\nexpect farewell";
    let lines = script::parse(lines).unwrap();
    let server = async {
        loop {
            match peer.next().await {
                engine::Message::Text(text) if text["voicePrompt"] == "Hi" => {
                    peer.text("HELLO there.", true).await;
                }
                engine::Message::Text(text) if text["voicePrompt"] == "Bye" => {
                    peer.text("Goodbye.", true).await;
                }
                engine::Message::Text(_) => {}
                engine::Message::Closed(code) => break code,
            }
        }
    };
    let (failures, closed) = tokio::join!(script::run(&caller, &lines), server);
    let failed: Vec<_> = failures.iter().map(|failure| failure.line).collect();
    assert_eq!(failed, [5, 6], "{failures:?}\n{}", caller.log());
    assert_eq!(closed, Some(1000));
    assert_eq!(caller.ending(), Some(Ending::HungUp));
}

#[actix_web::test]
async fn more_callers_than_a_browser_has_connections_talk_at_once_on_one_thread() {
    const CALLERS: usize = 150;
    let document = connect("");
    let mut engine = Engine::start(&[document.as_str(); CALLERS]).await;
    let options = RingOptions { client: Some(client()), ..options(&engine) };
    let rings = (0..CALLERS).map(|_| Caller::ring(options.clone()));
    let peers = async {
        let mut peers = Vec::new();
        for _ in 0..CALLERS {
            peers.push(engine.peer().await);
        }
        peers
    };
    let (callers, mut peers) = tokio::join!(futures_util::future::join_all(rings), peers);
    let callers: Vec<_> = callers.into_iter().map(Result::unwrap).collect();
    for caller in &callers {
        caller.say("Hi").await.unwrap();
    }
    for peer in &mut peers {
        peer.text("Hello.", true).await;
    }
    for caller in &callers {
        assert_eq!(caller.answer(SOON).await.text, "Hello.", "{}", caller.log());
    }
}
