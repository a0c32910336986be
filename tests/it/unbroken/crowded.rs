//! Too many calls, too few descriptors, a store that stands still, a disk that is full.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rlimit::{Resource, prlimit};
use serde_json::{Value, json};
use switchhook::caller::{Caller, RingOptions};
use tokio::net::TcpStream;

use crate::harness::{
    door::{Ask, call, sid},
    engine::{Engine, SOON, turns, words},
    model::ScriptedModel,
};

const ORDERS: &[(&str, &str)] = &[("FAILPOINTS", "store=off"), ("SILENCE_SECONDS", "600")];

/// Longest wait for an answer whose question cannot be stored: the second that is granted to the
/// store, and a busy machine.
const HELD_UP: Duration = Duration::from_millis(2_500);

async fn ask_and_hear(caller: &Caller, question: &str) {
    caller.say(question).await.expect("a conversation");
    let heard = caller.answer(SOON).await;
    assert_eq!((heard.text.as_str(), heard.complete), ("Yes.", true), "{}", caller.log());
}

/// The transcript once it fits: until then the store may be silent, or know nothing of the call.
async fn stored(engine: &Engine, sid: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let (status, body) = engine.get(&format!("/api/transcript/{sid}")).await;
        let call: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 && fits(&call) {
            return call;
        }
        assert!(begun.elapsed() < 2 * SOON, "it stays {body}\n{}", engine.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the caller is known to have said.
fn questions(transcript: &Value) -> Vec<String> {
    let said = words(transcript).into_iter();
    said.filter(|(role, _)| role == "customer").map(|(_, text)| text).collect()
}

#[actix_web::test]
async fn a_full_engine_declines_new_calls_politely_and_never_one_it_holds() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[("MAX_CALLS", "2")]);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    ask_and_hear(&caller, "One?").await;
    // Told to connect, and not there yet.
    let ring = |number| Ask::post("/voice/incoming", &call(&sid(number), "ringing"));
    assert!(ring(1).at(&engine).await.body.contains("<ConversationRelay"));
    let declined = ring(2).at(&engine).await;
    assert_eq!(declined.status, 200);
    assert!(declined.body.contains("<Say") && declined.body.contains("<Hangup"), "{declined:?}");
    let unannounced = Ask::upgrade(&format!("/conversation/{}", sid(3))).at(&engine).await;
    assert_eq!(unannounced.status, 503, "{unannounced:?}");
    let refused = "switchhook_calls_refused_total{reason=\"full\"}";
    assert_eq!(engine.metric(refused).await, 2.0);

    caller.drop_line().await.expect("a line");
    caller.reconnect().await.expect("its call is held");
    caller.drop_line().await.expect("a line");
    caller.fail(64105).await.expect("its call is held");
    ask_and_hear(&caller, "Two?").await;

    // The one that was expected hangs up before it comes: its place is free.
    Ask::post("/voice/status", &call(&sid(1), "completed")).at(&engine).await;
    assert!(ring(4).at(&engine).await.body.contains("<ConversationRelay"));
}

#[actix_web::test]
async fn a_store_that_stands_still_for_five_seconds_loses_nothing() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?").await;
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    // Longer than a write is waited for, so that it is repeated as well.
    engine.order("store=1*sleep(5500)->off").await;
    let begun = Instant::now();
    ask_and_hear(&caller, "Two?").await;
    assert!(begun.elapsed() < HELD_UP, "{:?}", begun.elapsed());
    ask_and_hear(&caller, "Three?").await;
    assert_eq!(engine.metric("switchhook_unsaved_turns_total").await, 2.0);
    let kept = stored(&engine, caller.call_sid(), |call| turns(call) == 7).await;
    assert_eq!(questions(&kept), ["One?", "Two?", "Three?"]);
    assert!(!kept.to_string().contains("lostBefore"), "{kept}");
    assert_eq!(engine.metric("switchhook_lost_turns_total").await, 0.0);
}

#[actix_web::test]
async fn a_call_that_begins_while_the_store_stands_still_is_held_and_stored_later() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    engine.order("store=pause").await;
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?").await;
    let begun = Instant::now();
    ask_and_hear(&caller, "Two?").await;
    assert!(begun.elapsed() < HELD_UP, "{:?}", begun.elapsed());
    assert!(engine.log().contains("held without being stored"), "{}", engine.log());
    engine.order("store=off").await;
    let call = stored(&engine, caller.call_sid(), |call| turns(call) >= 4).await;
    assert_eq!(questions(&call), ["One?", "Two?"]);
    ask_and_hear(&caller, "Three?").await;
    caller.hang_up().await.expect("a line");
    let ended =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    assert_eq!(questions(&ended), ["One?", "Two?", "Three?"]);
    assert_eq!(engine.metric("switchhook_lost_turns_total").await, 0.0);
}

#[actix_web::test]
async fn what_is_said_without_a_record_is_stored_after_what_the_record_holds() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, ORDERS);
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?").await;
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    engine.order("store=pause").await;
    engine.order("session=1*panic(planted)->off").await;
    // It comes back to a session that does not get its record.
    caller.say("Lost?").await.expect("a conversation");
    let begun = Instant::now();
    while !engine.log().contains("held without being stored") {
        assert!(begun.elapsed() < SOON, "{}", engine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ask_and_hear(&caller, "Two?").await;
    engine.order("store=off").await;
    let call = stored(&engine, caller.call_sid(), |call| turns(call) == 5).await;
    assert_eq!(questions(&call), ["One?", "Two?"]);
    let order: Vec<_> = (0..5).map(|turn| call["transcript"][turn]["turn"].as_u64()).collect();
    assert_eq!(order, [0, 1, 1, 3, 3].map(Some));
}

/// What holds whenever the store cannot write: calls go on, new ones come, the probe names it, and
/// with room again all is stored.
async fn a_disk_without_room(engine: &Engine, fill: impl FnOnce(), make_room: impl FnOnce()) {
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?").await;
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    fill();
    // Long enough for no gap in the file to hold it.
    let long = format!("{}?", "two ".repeat(900));
    for question in [long.as_str(), "Three?"] {
        ask_and_hear(&caller, question).await;
    }
    let ready = engine.when("/readyz", |ready| ready["status"] == "degraded").await;
    assert_eq!(ready["degraded"], json!(["store"]));
    assert_eq!(engine.json("/livez").await["status"], "live", "a restart makes no room");
    let new = engine.ring().await;
    ask_and_hear(&new, "One?").await;
    // Nobody's place is kept by what of a call is not stored yet.
    new.hang_up().await.expect("a line");
    engine.when("/readyz", |ready| ready["calls"] == 1).await;
    ask_and_hear(&engine.ring().await, "One?").await;
    make_room();
    engine.when("/readyz", |ready| ready["status"] == "ready").await;
    let call = stored(engine, caller.call_sid(), |call| turns(call) == 7).await;
    assert_eq!(questions(&call), ["One?", long.as_str(), "Three?"]);
    let call = stored(engine, new.call_sid(), |call| turns(call) >= 2).await;
    assert_eq!(questions(&call), ["One?"]);
    assert_eq!(engine.metric("switchhook_lost_turns_total").await, 0.0);
}

#[actix_web::test]
async fn calls_go_on_while_the_log_cannot_be_written() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::under("exec 2>/dev/full", &model, &[]);
    for _ in 0..2 {
        let caller = engine.ring().await;
        ask_and_hear(&caller, "One?").await;
        caller.hang_up().await.expect("a line");
    }
    assert_eq!(engine.json("/livez").await["status"], "live");
}

#[actix_web::test]
async fn calls_go_on_while_the_store_may_not_write_and_are_stored_when_it_may() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[("MAX_CALLS", "2")]);
    let pid = i32::try_from(engine.pid()).expect("a pid");
    let limit = |bytes| {
        prlimit(pid, Resource::FSIZE, Some((bytes, u64::MAX)), None).expect("our own child");
    };
    a_disk_without_room(&engine, || limit(4_096), || limit(u64::MAX)).await;
}

/// A file system of its own, gone with the story.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path());
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: an engine may still have its file open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[actix_web::test]
async fn calls_go_on_while_the_disk_is_full_and_are_stored_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: no file system of its own can be mounted here");
        return;
    };
    let model = ScriptedModel::saying("Yes.");
    let data = disk.path().join("data");
    let data = data.to_str().expect("a path");
    let engine = Engine::with_model(&model, &[("DATA_DIR", data), ("MAX_CALLS", "2")]);
    let ballast = disk.path().join("ballast");
    let fill = || {
        // It ends with the room.
        let full = fs::write(&ballast, vec![1; 16 << 20]);
        assert!(full.is_err(), "the disk is larger than it should be");
    };
    a_disk_without_room(&engine, fill, || fs::remove_file(&ballast).expect("the ballast")).await;
}

/// Connections that say nothing.
async fn flood(engine: &Engine, count: usize) -> Vec<TcpStream> {
    let address = engine.url.strip_prefix("http://").expect("an address");
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(TcpStream::connect(address).await.expect("the backlog takes it"));
    }
    sockets
}

fn open_descriptors(engine: &Engine) -> u64 {
    let list = fs::read_dir(format!("/proc/{}/fd", engine.pid())).expect("our own child");
    list.count().try_into().expect("a number")
}

#[actix_web::test]
async fn a_flood_of_sockets_leaves_a_live_call_its_way_to_the_model() {
    let model = ScriptedModel::saying("Yes.");
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let limit = 96 + 16 * workers;
    let engine = Engine::under(&format!("ulimit -n {limit}"), &model, &[]);
    let caller = engine.ring().await;
    let sockets = flood(&engine, 2 * limit).await;
    // The first question needs a connection that is not there yet.
    ask_and_hear(&caller, "One?").await;
    assert!(open_descriptors(&engine) < limit.try_into().expect("a number"));
    ask_and_hear(&caller, "Two?").await;
    assert!(!engine.log().contains("Error accepting"), "{}", engine.log());
    drop(sockets);
    engine.when("/readyz", |ready| ready["status"] == "ready").await;
    caller.hang_up().await.expect("a line");
    engine.when("/readyz", |ready| ready["calls"] == 0).await;
    ask_and_hear(&engine.ring().await, "One?").await;
}

#[actix_web::test]
async fn an_engine_without_descriptors_holds_its_calls_declines_new_ones_and_recovers() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    ask_and_hear(&caller, "One?").await;
    let pid = i32::try_from(engine.pid()).expect("a pid");
    let (_, hard) = Resource::NOFILE.get().expect("a limit");
    let limit = |soft| {
        prlimit(pid, Resource::NOFILE, Some((soft, hard)), None).expect("our own child");
    };
    limit(open_descriptors(&engine) + 4);
    let ready = engine.when("/readyz", |ready| ready["status"] == "degraded").await;
    assert_eq!(ready["degraded"], json!(["descriptors"]));
    let declined = Ask::post("/voice/incoming", &call(&sid(1), "ringing")).at(&engine).await;
    assert!(declined.body.contains("<Say") && declined.body.contains("<Hangup"), "{declined:?}");

    let sockets = flood(&engine, 20).await;
    let begun = Instant::now();
    while !engine.log().contains("Error accepting connection") {
        assert!(begun.elapsed() < SOON, "{}", engine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ask_and_hear(&caller, "Two?").await;
    drop(sockets);
    limit(hard);
    engine.when("/readyz", |ready| ready["status"] == "ready").await;
    ask_and_hear(&engine.ring().await, "One?").await;
    ask_and_hear(&caller, "Three?").await;
    assert_eq!(caller.sessions(), 1);
}
