//! What erasure, retention and rotation find, and what they leave.

use std::collections::HashMap;

use super::*;

const CALLER: &str = "+15557770001";

fn sid(n: u32) -> CallSid {
    format!("CA{n:032x}").parse().unwrap()
}

fn rings(n: u32) -> NewCall {
    NewCall { sid: sid(n), caller: CALLER.into(), called: "+2".into(), greeting: None, at: BEGIN }
}

async fn store(server: &Server, keys: &[&str]) -> Redis {
    let store = Redis::start(address(server.port), vault(keys), engine("me"), BEGIN).unwrap();
    store.ready().await.unwrap();
    store
}

async fn claim(store: &Redis, n: u32, by: &str) -> CallRecord {
    let claimed = store.claim(sid(n), InstanceId(by.into()), BEGIN).await.unwrap();
    let Claimed::Yours(record) = claimed else { panic!("it is over") };
    *record
}

fn sweep(now: Timestamp, retention: Millis) -> Sweep {
    Sweep { attended: vec![], now, silence: 1_000, retention }
}

impl Server {
    fn lines(&self, words: &[&str]) -> Vec<String> {
        let answer = self.answer(words);
        let answer = String::from_utf8_lossy(&answer);
        answer.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn words_from_before_an_erasure_do_not_come_back_though_the_call_goes_on() {
    let server = Server::start();
    let store = store(&server, &["a"]).await;
    let says = |words| Turn::new(TurnId(1), Role::Customer, words, BEGIN);
    let old = claim(&store, 1, "a").await;
    assert_eq!(store.append(sid(1), old.epoch, 1, says("erased")).await, Ok(Appended::Appended));
    let copy = store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!(store.erase(sid(1)).await, Ok(true));
    let new = claim(&store, 1, "b").await;
    assert!(new.epoch > old.epoch);
    let late = |epoch, words| LateTurn {
        instance: InstanceId("a".into()),
        epoch,
        seq: 1,
        turn: says(words),
    };
    assert_eq!(store.restore(copy).await, Ok(Restored::Erased));
    let turns = vec![late(old.epoch, "erased"), late(new.epoch, "later")];
    assert_eq!(store.add_late(sid(1), turns).await, Ok(true));
    let found = store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!((found.transcript.turns(), found.late), (&[][..], vec![late(new.epoch, "later")]));
}

#[tokio::test]
async fn a_call_that_redis_did_not_have_is_erased_for_the_journals_that_have_it() {
    let server = Server::start();
    let store = store(&server, &[]).await;
    assert_eq!(store.erase(sid(1)).await, Ok(false));
    let epoch = Epoch(BEGIN.0);
    let copy = CallRecord {
        epoch,
        instance: Some(InstanceId("a".into())),
        ..CallRecord::ringing(rings(1))
    };
    assert_eq!(store.restore(copy).await, Ok(Restored::Erased));
    assert_eq!(store.find(Key::Sid(sid(1))).await, Ok(None));
}

#[tokio::test]
async fn the_trace_of_an_erased_number_cannot_be_guessed_from_the_number() {
    let server = Server::start();
    let unnamed = vault(&[]).caller_names(CALLER);
    for (keys, wanted) in [(&["a", "b"][..], 2), (&[], 1)] {
        let store = store(&server, keys).await;
        server.order(&["FLUSHALL"]);
        assert_eq!(store.erase_caller(CALLER.into()).await, Ok(0));
        let traces = server.lines(&["KEYS", "sh:n:*"]);
        assert_eq!(traces.len(), wanted, "{traces:?}");
        let is_plain = traces.iter().any(|trace| trace.contains(&unnamed[0]));
        assert_eq!(is_plain, keys.is_empty());
    }
}

#[tokio::test]
async fn a_call_is_on_the_lists_before_it_is_there() {
    let server = Server::start();
    let store = store(&server, &["a"]).await;
    server.order(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    server.order(&["CONFIG", "SET", "slowlog-max-len", "1000"]);
    store.open(rings(1)).await.unwrap();
    let record = claim(&store, 1, "me").await;
    let ended = Change::Ended { status: Status::Completed };
    store.settle(sid(1), record.epoch, ended, BEGIN + 1).await.unwrap();
    server.order(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
    // The newest comes first.
    let log = server.lines(&["SLOWLOG", "GET", "1000"]);
    let last = |word: &str| log.iter().position(|line| line == word).expect("it was ordered");
    let first = |word: &str| log.iter().rposition(|line| line == word).expect("it was ordered");
    let caller = keys::caller(&vault(&["a"]).caller_names(CALLER)[0]);
    assert!(first(keys::LIVE) > last("sh1_open"), "{log:?}");
    assert!(first(&caller) > last("sh1_open"), "{log:?}");
    assert!(first(keys::ENDED) > last("sh1_settle"), "{log:?}");
}

#[tokio::test]
async fn a_call_that_cannot_be_read_is_erased_or_tidied_away() {
    let server = Server::start();
    let store = store(&server, &["a"]).await;
    for n in [1, 2] {
        store.open(rings(n)).await.unwrap();
        server.order(&["HSET", &keys::call(sid(n)), "k", "wrapped by nobody"]);
    }
    assert_eq!(store.erase(sid(1)).await, Ok(true));
    // It may be with a person for a day.
    let day = 24 * 3_600_000;
    store.sweep(sweep(BEGIN + day - 1, 1_000)).await.unwrap();
    assert_eq!(server.lines(&["EXISTS", &keys::call(sid(2))]), ["1"]);
    assert_eq!(store.sweep(sweep(BEGIN + day, 1_000)).await.map(|swept| swept.deleted), Ok(1));
    assert_eq!(server.lines(&["KEYS", &format!("sh:{{{}*", sid(2))]), [""; 0]);
}

#[tokio::test]
async fn a_rotation_wraps_the_keys_of_all_calls_though_others_are_deleted_meanwhile() {
    let server = Server::start();
    let old = store(&server, &["a"]).await;
    let over = |n| BEGIN + if n <= 200 { 1 } else { 2 };
    for n in 1..=300 {
        let epoch = claim(&old, n, "me").await.epoch;
        let ended = Change::Ended { status: Status::Completed };
        old.settle(sid(n), epoch, ended, over(n)).await.unwrap();
    }
    let new = store(&server, &["b", "a"]).await;
    new.sweep(sweep(BEGIN + 10, 1_000_000)).await.unwrap();
    // The first two hundred go, and with the next page the rest is wrapped.
    assert_eq!(new.sweep(sweep(BEGIN + 10, 9)).await.map(|swept| swept.deleted), Ok(200));
    let mut wrapped = HashMap::new();
    for n in 201..=300 {
        let key = server.answer(&["HGET", &keys::call(sid(n)), "k"]);
        *wrapped.entry(key[2]).or_insert(0) += 1;
    }
    assert_eq!(wrapped, HashMap::from([(b'b', 100)]));
}
