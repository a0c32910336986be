//! Transcripts as agents, supervisors and data protection ask for them.

use switchhook::caller::Caller;

use super::{ring, session};
use crate::harness::{
    door::{Answer, Ask, sid},
    engine::{Engine, SOON, turns, words},
    model::ScriptedModel,
};

fn path(caller: &Caller) -> String {
    format!("/api/transcript/{}", caller.call_sid())
}

async fn ask_and_hear(engine: &Engine, caller: &Caller, question: &str, wanted: usize) {
    caller.say(question).await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    engine.transcript_when(caller.call_sid(), |call| turns(call) == wanted).await;
}

async fn if_none_match(engine: &Engine, path: &str, tag: &str) -> Answer {
    Ask::get(path).header("If-None-Match", tag).at(engine).await
}

#[actix_web::test]
async fn a_transcript_that_has_not_changed_is_not_sent_again() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    ask_and_hear(&engine, &caller, "One?", 3).await;
    caller.hang_up().await.expect("a line");
    engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    let path = path(&caller);
    let whole = Ask::get(&path).at(&engine).await;
    let tag = whole.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 2, "{whole:?}");
    assert_eq!(whole.header("cache-control"), "no-store");
    assert_eq!(whole.header("content-type"), "application/json");
    let again = if_none_match(&engine, &path, &tag).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""), "{again:?}");
    assert_eq!(again.header("etag"), tag);
    assert_eq!(again.header("cache-control"), "no-store");
    for other in ["\"0-0-0\"", "", "nonsense", tag.trim_matches('"')] {
        assert_eq!(if_none_match(&engine, &path, other).await.body, whole.body, "{other}");
    }
}

#[actix_web::test]
async fn a_transcript_of_a_live_call_changes_its_tag_with_every_exchange() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    let path = path(&caller);
    let mut tags: Vec<String> = Vec::new();
    for (question, wanted) in [("One?", 3), ("Two?", 5), ("Three?", 7)] {
        ask_and_hear(&engine, &caller, question, wanted).await;
        let tag = Ask::get(&path).at(&engine).await.header("etag").to_owned();
        for known in &tags {
            let changed = if_none_match(&engine, &path, known).await;
            assert_eq!((changed.status, turns(&changed.json())), (200, wanted));
        }
        assert!(!tags.contains(&tag), "{tags:?} {tag}");
        tags.push(tag);
    }
}

#[actix_web::test]
async fn a_reader_who_knows_the_first_exchanges_asks_for_the_later_ones() {
    let model = ScriptedModel::echoing();
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    ask_and_hear(&engine, &caller, "One?", 3).await;
    ask_and_hear(&engine, &caller, "Two?", 5).await;
    let whole = engine.transcript(caller.call_sid()).await;
    assert_eq!(whole["v"], 1);
    let numbers: Vec<_> = whole["transcript"].as_array().into_iter().flatten().collect();
    let numbers: Vec<_> = numbers.iter().map(|turn| turn["turn"].clone()).collect();
    assert_eq!(numbers, [0, 1, 1, 2, 2]);
    for since in 0..4 {
        let part = engine.json(&format!("{}?since={since}", path(&caller))).await;
        let from = usize::min(1 + 2 * since, 5);
        assert_eq!(words(&part), words(&whole)[from..], "since {since}");
        for field in ["callSid", "status", "startTime", "callerPhone"] {
            assert_eq!(part[field], whole[field]);
        }
    }
    let end_of_numbers = engine.json(&format!("{}?since=4294967295", path(&caller))).await;
    assert_eq!(turns(&end_of_numbers), 0);
}

#[actix_web::test]
async fn an_id_that_names_no_call_is_not_found() {
    let engine = Engine::start(&[]);
    let long = "x".repeat(4_000);
    for id in [
        "CA0123456789abcdef0123456789abcdef",
        "WT0123456789abcdef0123456789abcdef",
        "CA",
        "%20",
        "a%20b",
        "..%2F..%2Fdata",
        "%00",
        "%C3%A9",
        "call:1",
        "*",
        &long,
    ] {
        let path = format!("/api/transcript/{id}");
        let read = Ask::get(&path).at(&engine).await.problem(404);
        let erase = Ask::new("DELETE", &path).at(&engine).await.problem(404);
        assert_eq!(read, erase);
        assert!(!read.contains(id), "{read}");
    }
}

#[actix_web::test]
async fn a_call_that_is_erased_is_gone_everywhere_and_for_good() {
    let model = ScriptedModel::saying("Your secret is safe.");
    let mut engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    ask_and_hear(&engine, &caller, "My secret is Rosebud.", 3).await;
    caller.hang_up().await.expect("a line");
    engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    // Another one, which only rings.
    let ringing = sid(2);
    session(&ring(&ringing).at(&engine).await);
    for path in [path(&caller), format!("/api/transcript/{ringing}")] {
        let erase = Ask::new("DELETE", &path);
        let erased = erase.at(&engine).await;
        assert_eq!((erased.status, erased.body.as_str()), (204, ""));
        Ask::get(&path).at(&engine).await.problem(404);
        erase.at(&engine).await.problem(404);
    }
    assert_eq!(engine.json("/monitor").await, serde_json::json!([]));
    engine.signal("TERM");
    assert_eq!(engine.exited().await.code(), Some(0));
    let log = engine.log();
    assert_eq!(log.matches("a transcript was erased").count(), 2, "{log}");
    assert!(!log.contains("Rosebud"), "{log}");
    engine.restart();
    Ask::get(&path(&caller)).at(&engine).await.problem(404);
    assert_eq!(engine.json("/monitor").await, serde_json::json!([]));
}

#[actix_web::test]
async fn a_call_that_is_erased_while_it_is_held_goes_on_and_leaves_nothing() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    ask_and_hear(&engine, &caller, "One?", 3).await;
    let path = path(&caller);
    assert_eq!(Ask::new("DELETE", &path).at(&engine).await.status, 204);
    Ask::get(&path).at(&engine).await.problem(404);
    assert_eq!(engine.json("/monitor").await, serde_json::json!([]));
    caller.say("Two?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
    caller.hang_up().await.expect("a line");
    engine.when("/readyz", |ready| ready["calls"] == 0).await;
    Ask::get(&path).at(&engine).await.problem(404);
}
