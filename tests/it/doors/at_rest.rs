//! What an engine leaves on its disk and in its log: with keys, nothing that anybody can read.

use std::{fs, path::Path};

use super::{call as call_fields, *};

const CALLER: &str = "+12025550177";
const HEARD: &str = "my goldfish is called Hortensia";
const SAID: &str = "We look after marmalade.";
const REASON: &str = "a zeppelin was stolen";
/// A part of every answer to the webhook of a call that rings.
const REPLY: &str = "<ConversationRelay";

const TRANSCRIPT_KEY: (&str, &str) =
    ("TRANSCRIPT_KEYS", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

/// Which of the words stand there.
fn readable(bytes: &[u8]) -> Vec<&'static str> {
    let stands = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    [CALLER, HEARD, SAID, REASON, REPLY].into_iter().filter(|word| stands(word)).collect()
}

/// Every byte of every file of a directory.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).expect("a file") });
    }
    all
}

/// An engine that logs everything, and a call that was to be handed over and ended.
async fn handed_over(more: &[(&str, &str)]) -> (Engine, String) {
    let model = ScriptedModel::start(|_, _| {
        let arguments = format!("{{\"reason\":\"{REASON}\",\"reason_code\":\"fraud\"}}");
        Step::calling(SAID, "escalate_to_human", &arguments)
    });
    let access = format!("admin:{ADMIN}");
    let env = [&[("LOG", "trace"), ("ACCESS_TOKENS", access.as_str())], more].concat();
    let engine = Engine::with_model(&model, &env);
    let options = RingOptions { from: CALLER.to_owned(), reconnect: false, ..engine.caller() };
    let caller = engine.ring_as(options).await;
    caller.say(HEARD).await.expect("a conversation");
    let wanted = |call: &serde_json::Value| {
        call["escalation"].is_object() && call.to_string().contains(SAID)
    };
    let call = engine.transcript_when(caller.call_sid(), wanted).await.to_string();
    for word in [CALLER, HEARD, SAID, REASON] {
        assert!(call.contains(word), "{word}: {call}");
    }
    let sid = caller.call_sid().to_owned();
    Ask::post("/voice/status", &call_fields(&sid, "completed")).at(&engine).await;
    engine.transcript_when(&sid, |call| call["status"] == "completed").await;
    (engine, sid)
}

#[actix_web::test]
async fn nothing_of_a_call_can_be_read_on_the_disk_or_in_a_log_of_everything() {
    let (mut engine, _) = handed_over(&[TRANSCRIPT_KEY]).await;
    assert_eq!(readable(&bytes(engine.home())), [""; 0], "on the disk of a running engine");
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    assert_eq!(readable(&bytes(engine.home())), [""; 0], "on the disk");
    let log = engine.log();
    assert!(log.contains("TRACE"), "{log}");
    assert_eq!(readable(log.as_bytes()), [""; 0], "in the log");
}

#[actix_web::test]
async fn without_keys_words_are_on_the_disk_until_the_caller_is_erased() {
    let (mut engine, sid) = handed_over(&[]).await;
    assert_eq!(readable(&bytes(engine.home())), [CALLER, HEARD, SAID, REASON, REPLY]);
    let erase = |number: &str| Ask::new("DELETE", &format!("/api/callers/{number}")).bearer(ADMIN);
    for wrong in ["12025550177", "+1", "anonymous", "%2B1202555017x"] {
        erase(wrong).at(&engine).await.problem(400);
    }
    assert_eq!(erase("+12025550178").at(&engine).await.json()["erased"], 0);
    assert_eq!(erase("%2B12025550177").at(&engine).await.json()["erased"], 1);
    let path = format!("/api/transcript/{sid}");
    Ask::get(&path).bearer(ADMIN).at(&engine).await.problem(404);
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    assert_eq!(readable(&bytes(engine.home())), [""; 0], "on the disk");
    let log = engine.log();
    assert!(log.contains("the calls of a caller were erased"), "{log}");
    assert_eq!(readable(log.as_bytes()), [""; 0], "in the log");
}

#[actix_web::test]
async fn a_call_whose_key_is_lost_is_erased_all_the_same() {
    let (mut engine, sid) = handed_over(&[TRANSCRIPT_KEY]).await;
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    let data = engine.home().join("data");
    let access = format!("admin:{ADMIN}");
    let other = Engine::start(&[
        ("DATA_DIR", data.to_str().expect("a path")),
        ("TRANSCRIPT_KEYS", "k2:HxABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4="),
        ("ACCESS_TOKENS", &access),
    ]);
    let path = format!("/api/transcript/{sid}");
    Ask::get(&path).bearer(ADMIN).at(&other).await.problem(503);
    let erased = Ask::new("DELETE", &path).bearer(ADMIN).at(&other).await;
    assert_eq!(erased.status, 204);
    Ask::new("DELETE", &path).bearer(ADMIN).at(&other).await.problem(404);
}
