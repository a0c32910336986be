//! What Twilio is told when a call rings, and what it may send.

mod actions;
mod forms;
mod transcripts;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use switchhook::caller::{Caller, Connect, Ending, RingOptions, Verb};

use crate::harness::{
    door::{Answer, Ask, call, sid},
    engine::{Engine, SOON},
    model::ScriptedModel,
};

/// What the persona inside says first, and when it cannot take a call.
const GREETING: &str = "Hello, and thank you for calling OWL Bank. I am the virtual assistant for \
    credit cards. How can I help you today?";
const UNAVAILABLE: &str = "I am sorry, we have a technical problem and I cannot go on with this \
    call. Please try again in a few minutes. Goodbye.";

/// How Twilio shall repeat the action webhook.
const DELIVERY: &str = "#rc=2&rp=ct,rt,5xx&ct=1000&rt=4000&tt=15000";

fn ring(sid: &str) -> Ask {
    Ask::post("/voice/incoming", &call(sid, "ringing"))
}

/// The session that an answer leads to.
fn session(answer: &Answer) -> Connect {
    let [Verb::Connect(connect)] = &answer.verbs()[..] else { panic!("no session: {answer:?}") };
    connect.as_ref().clone()
}

/// That the caller is told why, and hung up on.
fn is_farewell(answer: &Answer) {
    let said = Verb::Say { text: UNAVAILABLE.to_owned() };
    assert_eq!(answer.verbs(), [said, Verb::Hangup], "{answer:?}");
    assert!(answer.body.contains(r#"<Say language="en-US">"#), "{}", answer.body);
}

fn attributes<'a>(of: &[(&'a str, &'a str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[actix_web::test]
async fn a_ring_that_is_told_five_times_at_once_opens_one_call_with_the_same_bytes() {
    let engine = Engine::start(&[]);
    let sid = sid(1);
    let ask = ring(&sid);
    let answers = join_all((0..5).map(|_| ask.at(&engine))).await;
    let first = &answers[0];
    session(first);
    assert!(answers.iter().all(|answer| answer.body == first.body), "{answers:?}");
    let later = ask.header("I-Twilio-Idempotency-Token", "a-retry").at(&engine).await;
    assert_eq!(later.body, first.body);
    assert_eq!(engine.metric("switchhook_calls_opened_total").await, 1.0);
    let live = engine.json("/monitor").await;
    assert_eq!(live.as_array().map(Vec::len), Some(1), "{live}");
    assert_eq!((&live[0]["status"], &live[0]["turns"]), (&"ringing".into(), &0.into()));
    let answered = r#"switchhook_webhooks_total{route="incoming",outcome="answered"}"#;
    let repeated = r#"switchhook_webhooks_total{route="incoming",outcome="repeated"}"#;
    let all = engine.metric(answered).await + engine.metric(repeated).await;
    assert_eq!(all, 6.0);
}

#[actix_web::test]
async fn a_ring_is_answered_with_the_session_that_the_engine_needs() {
    let engine = Engine::start(&[]);
    let sid = sid(1);
    let connect = session(&ring(&sid).at(&engine).await);
    let action = connect.action.as_deref().expect("an action");
    let since = action.strip_prefix(&format!("{}/voice/handoff?since=", engine.url));
    let since = since.and_then(|rest| rest.strip_suffix(DELIVERY)).expect(action);
    assert!(since.parse::<u64>().is_ok(), "{action}");
    assert_eq!(connect.method, "POST");
    let url = format!("{}/conversation/{sid}", engine.url.replacen("http", "ws", 1));
    let mut relay = connect.relay;
    let hints = relay.attributes.remove("hints").unwrap_or_default();
    assert!(hints.starts_with("OWL Bank, Barn Card, "), "{hints}");
    let expected = attributes(&[
        ("url", &url),
        ("welcomeGreeting", GREETING),
        ("language", "en-US"),
        ("ttsProvider", "Google"),
        ("voice", "en-US-Journey-F"),
        ("interruptible", "any"),
        ("reportInputDuringAgentSpeech", "any"),
        ("dtmfDetection", "true"),
        ("applicationReconnect", "true"),
        ("events", "speaker-events tokens-played"),
    ]);
    assert_eq!(relay.attributes, expected);
    assert!(relay.languages.is_empty() && relay.parameters.is_empty());
    assert_eq!(relay.warnings(), Vec::<String>::new());
}

#[actix_web::test]
async fn the_configuration_of_the_session_shows_up_in_it() {
    let greeting = r#"Tom & "Ida" <say> 'hello', 5 > 4."#;
    let engine = Engine::start(&[
        ("RELAY_VOICE", "Amazon.Matthew-Neural"),
        ("RELAY_WELCOME_GREETING", greeting),
        ("RELAY_WELCOME_GREETING_INTERRUPTIBLE", "false"),
        ("RELAY_INTERRUPTIBLE", "speech"),
        ("RELAY_INTERRUPT_SENSITIVITY", "LOW"),
        ("RELAY_REPORT_INPUT_DURING_AGENT_SPEECH", "dtmf"),
        ("RELAY_DTMF_DETECTION", "false"),
        ("RELAY_APPLICATION_RECONNECT", "false"),
        ("RELAY_EVENTS", "tokens-played"),
        ("RELAY_HINTS", "Owl & Co"),
        ("RELAY_SPEECH_TIMEOUT", "1200"),
        ("RELAY_TRANSCRIPTION_PROVIDER", "deepgram"),
        ("RELAY_SPEECH_MODEL", "nova-3-general"),
        ("RELAY_PROFANITY_FILTER", "true"),
        ("RELAY_PREEMPTIBLE", "true"),
        (
            "RELAY_LANGUAGES",
            r#"[{"code":"sv-SE","voice":"Amazon.Elin-Neural"},{"code":"de-DE","transcriptionProvider":"Google"}]"#,
        ),
        ("RELAY_PARAMETERS", r#"{"tenant":"42","who":"\"<us>\""}"#),
    ]);
    let sid = sid(1);
    let relay = session(&ring(&sid).at(&engine).await).relay;
    let url = format!("{}/conversation/{sid}", engine.url.replacen("http", "ws", 1));
    let expected = attributes(&[
        ("url", &url),
        ("welcomeGreeting", greeting),
        ("welcomeGreetingInterruptible", "none"),
        ("language", "en-US"),
        ("ttsProvider", "Amazon"),
        ("voice", "Matthew-Neural"),
        ("interruptible", "speech"),
        ("interruptSensitivity", "low"),
        ("reportInputDuringAgentSpeech", "dtmf"),
        ("events", "tokens-played"),
        ("hints", "Owl & Co"),
        ("speechTimeout", "1200"),
        ("transcriptionProvider", "Deepgram"),
        ("speechModel", "nova-3-general"),
        ("profanityFilter", "true"),
        ("preemptible", "true"),
    ]);
    assert_eq!(relay.attributes, expected);
    let swedish =
        attributes(&[("code", "sv-SE"), ("ttsProvider", "Amazon"), ("voice", "Elin-Neural")]);
    let german = attributes(&[("code", "de-DE"), ("transcriptionProvider", "Google")]);
    assert_eq!(relay.languages, [swedish, german]);
    assert_eq!(relay.parameters, attributes(&[("tenant", "42"), ("who", "\"<us>\"")]));
    // It is what the caller hears, and what is written down.
    let caller = engine.ring().await;
    assert!(caller.heard_until(SOON, |heard| heard.contains(greeting)).await, "{}", caller.log());
    caller.hang_up().await.expect("a line");
    let said = |call: &serde_json::Value| call["transcript"][0]["text"] == greeting;
    engine.transcript_when(caller.call_sid(), said).await;
}

#[actix_web::test]
async fn a_caller_for_whom_there_is_no_room_is_told_so_and_the_first_one_talks_on() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[("MAX_CALLS", "1")]);
    let first = engine.ring().await;
    first.say("Am I alone?").await.expect("a conversation");
    assert_eq!(first.answer(SOON).await.text, "Yes.");

    let answer = ring(&sid(2)).at(&engine).await;
    is_farewell(&answer);
    let second = engine.ring().await;
    assert_eq!(second.ended(SOON).await, Some(Ending::Finished), "{}", second.log());
    assert!(second.log().contains("I am sorry, we have a technical problem"), "{}", second.log());
    assert_eq!(second.sessions(), 0);
    // Nor does a socket that no webhook announced get in.
    let url = engine.url.replacen("http", "ws", 1);
    let options = RingOptions {
        ws_url: Some(format!("{url}/conversation/{}", sid(3))),
        reconnect: false,
        ..engine.caller()
    };
    let third = Caller::ring(options).await;
    assert!(third.is_err_and(|error| error.to_string().contains("503")));
    assert_eq!(engine.metric(r#"switchhook_calls_refused_total{reason="full"}"#).await, 3.0);

    first.drop_line().await.expect("a line");
    first.reconnect().await.expect("its own place");
    first.say("Still there?").await.expect("a conversation");
    assert!(first.answer(SOON).await.complete);
    first.hang_up().await.expect("a line");
    let live = engine.when("/monitor", |live| live.as_array().is_some_and(Vec::is_empty)).await;
    assert_eq!(live, serde_json::json!([]), "a refused call was never held");
    engine.when("/readyz", |ready| ready["calls"] == 0).await;
    let fourth = engine.ring().await;
    fourth.say("And me?").await.expect("a conversation");
    assert_eq!(fourth.answer(SOON).await.text, "Yes.");
}

#[actix_web::test]
async fn a_ready_engine_says_how_many_calls_it_holds_and_may_hold() {
    let engine = Engine::start(&[("MAX_CALLS", "7")]);
    let ready = engine.json("/readyz").await;
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["degraded"], serde_json::json!([]));
    assert_eq!((&ready["calls"], &ready["maxCalls"]), (&0.into(), &7.into()));
    let health = engine.json("/").await;
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["instance"].as_str().is_some_and(|name| !name.is_empty()), "{health}");
    assert_eq!(health["instance"], ready["instance"]);
    assert_eq!(engine.json("/livez").await["status"], "live");
    let _caller = engine.ring().await;
    assert_eq!(engine.json("/readyz").await["calls"], 1);
}
