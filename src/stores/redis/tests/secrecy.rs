//! What lies in the files of Redis: nothing readable, and nothing at all of what was erased.

use std::{fs, path::Path, time::Duration};

use switchhook_actors::domain::{
    escalation::{Escalation, Grounds, ReasonCode},
    ids::{EscalationId, TurnId},
    record::Change,
    transcript::Role,
};

use super::*;

const CALLER: &str = "+15557770001";
const PHRASES: [&str; 5] = [
    CALLER,
    "my mother is Hortensia",
    "we keep marmalade",
    "lost a zeppelin",
    "<Say>Umbrella</Say>",
];

fn sid() -> CallSid {
    format!("CA{:032x}", 7).parse().unwrap()
}

async fn store(server: &Server) -> Redis {
    with_keys(server, &["a"]).await
}

async fn with_keys(server: &Server, names: &[&str]) -> Redis {
    let engine = engine("me");
    let store = Redis::start(address(server.port), vault(names), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    store
}

/// A call in which every phrase is said, written or answered.
async fn confide(store: &Redis) {
    let (called, greeting) = ("+15550002222".into(), None);
    let call = NewCall { sid: sid(), caller: CALLER.into(), called, greeting, at: BEGIN };
    store.open(call).await.unwrap();
    let claimed = store.claim(sid(), InstanceId("me".into()), BEGIN).await.unwrap();
    let Claimed::Yours(record) = claimed else { panic!("it is over") };
    let epoch = record.epoch;
    for (seq, role, words) in [(1, Role::Customer, PHRASES[1]), (2, Role::Agent, PHRASES[2])] {
        let turn = Turn::new(TurnId(1), role, words, BEGIN);
        assert_eq!(store.append(sid(), epoch, seq, turn).await, Ok(Appended::Appended));
    }
    let id = EscalationId { call: sid(), number: 1 };
    let grounds = Grounds::new(ReasonCode::CallerAsked, PHRASES[3]);
    let escalation = Box::new(Escalation::new(id, grounds, BEGIN));
    store.settle(sid(), epoch, Change::Escalated { escalation }, BEGIN).await.unwrap();
    store.remember(sid(), "k".into(), PHRASES[4].into(), BEGIN, 1_000_000).await.unwrap();
}

/// Every byte of every file below that directory.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).unwrap() });
    }
    all
}

fn contains(all: &[u8], wanted: &[u8]) -> bool {
    all.windows(wanted.len()).any(|window| window == wanted)
}

/// Has the log of all writes written anew, and a dump beside it; resolves when they are.
async fn rewrite(server: &Server) {
    server.order(&["CONFIG", "SET", "rdbcompression", "no"]);
    server.order(&["CONFIG", "SET", "aof-use-rdb-preamble", "no"]);
    server.order(&["BGREWRITEAOF"]);
    let over = async {
        let busy = |info: &str| {
            info.contains("aof_rewrite_in_progress:1") || info.contains("aof_rewrite_scheduled:1")
        };
        while busy(&String::from_utf8_lossy(&server.answer(&["INFO", "persistence"]))) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("it is written");
    server.order(&["SAVE"]);
}

/// The wrapped key of the call, without the line's end that the client adds.
fn wrapped(server: &Server) -> Vec<u8> {
    let mut key = server.answer(&["HGET", &keys::call(sid()), "k"]);
    assert_eq!(key.pop(), Some(b'\n'));
    key
}

#[tokio::test]
async fn nothing_of_a_call_is_readable_in_the_files_of_redis_and_nothing_is_left_of_an_erased_one()
{
    let server = Server::start();
    let store = store(&server).await;
    confide(&store).await;
    rewrite(&server).await;
    let all = bytes(server.dir());
    let there: Vec<_> =
        PHRASES.into_iter().filter(|phrase| contains(&all, phrase.as_bytes())).collect();
    assert_eq!(there, [""; 0]);
    let key = wrapped(&server);
    // The last bytes of it: a dump cuts no value there.
    let tail = &key[key.len() - 16..];
    assert!(key.len() > 40 && contains(&all, tail), "the files are the server's");
    assert_eq!(store.erase_caller(CALLER.into()).await, Ok(1));
    rewrite(&server).await;
    let all = bytes(server.dir());
    assert!(!contains(&all, tail) && !contains(&all, &key));
    assert_eq!(store.find(Key::Sid(sid())).await, Ok(None));
}

#[tokio::test]
async fn a_supervisors_words_are_not_readable_on_their_way_to_another_engine() {
    let server = Server::start();
    let store = store(&server).await;
    store.claim(sid(), InstanceId("other".into()), BEGIN).await.unwrap();
    // It seems to live, and reads nothing.
    server.order(&["SET", "sh:i:other", "1"]);
    let order = Order::Escalate(Grounds::new(ReasonCode::Supervisor, PHRASES[3]));
    assert_eq!(store.order(sid(), order).await, Ok(Ordered::Silent));
    let letters = server.answer(&["XLEN", "sh:m:other"]);
    assert_eq!(letters, b"1\n", "it lies there");
    rewrite(&server).await;
    let all = bytes(server.dir());
    assert!(contains(&all, b"sh:m:other"), "the files are the server's");
    assert!(!contains(&all, PHRASES[3].as_bytes()));
}

#[tokio::test]
async fn a_flipped_byte_in_redis_is_an_error_and_never_wrong_text() {
    let server = Server::start();
    let store = store(&server).await;
    confide(&store).await;
    assert!(store.find(Key::Sid(sid())).await.is_ok());
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let mut wire = client.get_multiplexed_async_connection().await.unwrap();
    for (place, field) in [(keys::turns(sid()), "1c"), (keys::call(sid()), "r")] {
        let read = redis::cmd("HGET").arg(&place).arg(field).to_owned();
        let good: Vec<u8> = read.query_async(&mut wire).await.unwrap();
        let sealed = good.len() - 60;
        for at in (sealed..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let write = redis::cmd("HSET").arg(&place).arg(field).arg(bad).to_owned();
            write.exec_async(&mut wire).await.unwrap();
            let found = store.find(Key::Sid(sid())).await;
            assert!(matches!(found, Err(StoreError::Unreadable(_))), "byte {at}: {found:?}");
        }
        let write = redis::cmd("HSET").arg(&place).arg(field).arg(good).to_owned();
        write.exec_async(&mut wire).await.unwrap();
    }
    assert!(store.find(Key::Sid(sid())).await.is_ok());
}

#[tokio::test]
async fn a_caller_is_found_by_the_number_after_keys_have_changed() {
    let server = Server::start();
    confide(&with_keys(&server, &[]).await).await;
    let keyed = with_keys(&server, &["a"]).await;
    assert_eq!(keyed.erase_caller(CALLER.into()).await, Ok(1), "from before the first key");
    confide(&keyed).await;
    let rotating = with_keys(&server, &["b", "a"]).await;
    let claimed = rotating.claim(sid(), InstanceId("me".into()), BEGIN + 1).await;
    assert!(matches!(claimed, Ok(Claimed::Yours(_))));
    let rotated = with_keys(&server, &["b"]).await;
    assert_eq!(rotated.erase_caller(CALLER.into()).await, Ok(1), "the old key is gone");
}
