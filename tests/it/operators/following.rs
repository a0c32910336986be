//! `switchhook call` where the engine passes the call on: what an operator sees of a hand-off.

use std::time::Duration;

use serde_json::{Value, json};
use switchhook::caller::{Verb, read_twiml};
use tempfile::TempDir;

use super::{run, text};
use crate::{
    fake_twilio::{AUTH_TOKEN, Agent, FakeTwilio, Options, WORKFLOW_SID, WORKSPACE_SID},
    harness::engine::Engine,
};

const ASKS: [&str; 2] = ["--say", "I want to talk to a person"];

/// Calls with these options: exit code, what was shown, what went wrong.
async fn call(engine: &Engine, more: &[&str]) -> (i32, String, String) {
    let home = TempDir::new().expect("a directory");
    let arguments = [&["call", "--url", &engine.url, "--pace", "2000"], more].concat();
    let output = run(home.path(), &arguments, &[]).await;
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}

/// Whether these stand in the text, in this order.
fn in_order(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for piece in wanted {
        let Some((_, after)) = rest.split_once(piece) else { panic!("{piece:?} in {text}") };
        rest = after;
    }
}

#[actix_web::test]
async fn without_an_account_the_hand_off_is_heard_and_its_twiml_can_be_read() {
    let engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let (code, shown, wrong) = call(&engine, &ASKS).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    in_order(
        &shown,
        &[
            "agent: I am connecting you with a colleague",
            "(end of the session, with hand-off data {\"v\":1,\"kind\":\"escalate\"",
            "<Enqueue\n",
            "\"reason\": \"the caller asked for a person\"",
            "</Enqueue>\n(position 1, waited 0 s)\nwaiting: Thank you for waiting.",
            "waiting: To return to the assistant, press 2.",
            "(that is over: hangup)\n(the caller hung up)",
        ],
    );
    let from = shown.find("<Enqueue").expect("an <Enqueue>");
    let to = shown.find("</Enqueue>").expect("its end");
    let printed = format!("<Response>{}</Enqueue></Response>", &shown[from..to]);
    let verbs = read_twiml(&printed).expect("valid TwiML");
    let [Verb::Enqueue(enqueue)] = verbs.as_slice() else { panic!("{verbs:?}") };
    let task = enqueue.task.as_ref().expect("a task");
    let task: Value = serde_json::from_str(&task.attributes).expect("JSON");
    assert_eq!(task["last_turns"].as_array().map(Vec::len), Some(3), "{task:#}");
}

#[actix_web::test]
async fn without_anybody_the_caller_hears_so_and_hangs_up_after_the_message() {
    let engine = Engine::start(&[]);
    let say = [ASKS[0], ASKS[1], "--say", "My card was swallowed in Lund."];
    let (code, shown, wrong) = call(&engine, &say).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    in_order(&shown, &["I cannot connect you", "I have noted that", "(the caller hung up)"]);
    assert!(!shown.contains("<Enqueue"), "{shown}");
}

#[actix_web::test]
async fn with_the_fake_twilio_the_call_is_followed_to_the_end_of_the_talk() {
    let moment = Duration::from_millis(600);
    let agent = Agent::Accepts { answer_after: moment, talk: moment };
    let twilio = FakeTwilio::start(Options { agent, ..Options::default() }).await;
    let mut env = twilio.env();
    env.push(("TWILIO_WORKFLOW_SID".to_owned(), WORKFLOW_SID.to_owned()));
    env.push(("TWILIO_WORKSPACE_SID".to_owned(), WORKSPACE_SID.to_owned()));
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let engine = Engine::start(&env);
    let events = format!("{}/taskrouter/events", engine.url);
    twilio.set(WORKSPACE_SID, "event_callback_url", json!(events));
    let more = [ASKS[0], ASKS[1], "--token", AUTH_TOKEN, "--twilio", twilio.url()];
    let (code, shown, wrong) = call(&engine, &more).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    in_order(
        &shown,
        &[
            "waiting: ",
            "(talking with ada)",
            "(that is over: bridged)",
            "(the engine ended the call)",
        ],
    );
    engine.when("/monitor", |live| *live == json!([])).await;
}

#[actix_web::test]
async fn a_script_presses_keys_in_the_queue() {
    let engine = Engine::start(&[("TWILIO_WORKFLOW_SID", WORKFLOW_SID)]);
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("script.txt");
    let script = "say Can I talk to a real person?\nexpect connecting\nexpect-queued\n\
                  hear press 2\npress 2\nhear I stay on the line\nsay What is the late fee?\n\
                  expect 29 dollars\nsay Goodbye.\nexpect-end\n";
    std::fs::write(&file, script).expect("a file");
    let (code, shown, wrong) = call(&engine, &["--script", &file.display().to_string()]).await;
    assert_eq!((code, wrong.as_str()), (0, ""), "{shown}");
    in_order(&shown, &["caller: presses 2", "(that is over: leave)", "agent: All right"]);
}
