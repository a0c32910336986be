//! Redis that comes and goes, and a journal.

use std::time::Duration;

use switchhook_actors::domain::{ids::TurnId, record::Status, transcript::Role};
use tempfile::TempDir;

use super::*;
use crate::{
    clock,
    config::RedisAddress,
    stores::{
        contract::{BEGIN, Home, contract},
        redis::tests::{Server, address, engine},
        sealed::Vault,
    },
};

mod claims;
mod ways_back;

/// One engine's store, and where its journal lies.
struct Shelter {
    store: Sheltered,
    dir: TempDir,
}

async fn shelter(address: RedisAddress, name: &str) -> Shelter {
    let dir = tempfile::tempdir().unwrap();
    let store = open(address, name, dir.path()).await;
    Shelter { store, dir }
}

async fn open(address: RedisAddress, name: &str, dir: &std::path::Path) -> Sheltered {
    let redis = Redis::start(address, Vault::new(&[]), engine(name), BEGIN).unwrap();
    redis.ready().await.unwrap();
    Sheltered::new(redis, Embedded::open(dir, Vault::new(&[]), BEGIN).unwrap())
}

async fn home() -> Home {
    let server = Server::start();
    let Shelter { store, dir } = shelter(address(server.port), "me").await;
    let store: Arc<dyn CallStore> = Arc::new(store);
    Home { store, _keep: Box::new((server, dir)) }
}

mod rules {
    super::contract! { super::home }
}

fn sid(n: u32) -> CallSid {
    format!("CA{n:032x}").parse().unwrap()
}

fn says(id: u32, role: Role, words: &str) -> Turn {
    Turn::new(TurnId(id), role, words, BEGIN)
}

impl Shelter {
    async fn claim(&self, n: u32, by: &str) -> CallRecord {
        let claimed = self.store.claim(sid(n), InstanceId(by.into()), clock::now()).await.unwrap();
        let Claimed::Yours(record) = claimed else { panic!("it is over") };
        *record
    }

    /// The caller says something; how long it took to be kept.
    async fn hear(&self, n: u32, epoch: Epoch, seq: u64, words: &str) -> (Appended, Duration) {
        let began = Instant::now();
        let turn = says(u32::try_from(seq).unwrap(), Role::Customer, words);
        let answer = self.store.append(sid(n), epoch, seq, turn).await.unwrap();
        (answer, began.elapsed())
    }

    async fn words(&self, n: u32) -> Vec<String> {
        let record = self.store.redis().find(Key::Sid(sid(n))).await.unwrap().unwrap();
        record.transcript.turns().iter().map(|turn| turn.text.clone()).collect()
    }

    /// Waits until nothing is in the journal any more.
    async fn all_back(&self) {
        let back = async {
            while !self.store.inner.journal.all().await.unwrap().is_empty()
                || self.store.is_failing()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), back).await.expect("all is in Redis again");
    }
}

#[tokio::test]
async fn a_caller_is_heard_while_redis_is_dead_and_nothing_is_missing_afterwards() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    assert_eq!(shelter.hear(1, epoch, 1, "one").await.0, Appended::Appended);
    server.kill();
    for (seq, words) in [(2, "two"), (3, "three"), (4, "four")] {
        let (answer, took) = shelter.hear(1, epoch, seq, words).await;
        assert_eq!(answer, Appended::Appended);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    let change = Change::Ended { status: Status::Completed };
    let ended = shelter.store.settle(sid(1), epoch, change, BEGIN + 5).await.unwrap();
    assert!(matches!(ended, Settled::Settled(_)));
    let found = shelter.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!((found.transcript.turns().len(), found.status), (4, Status::Completed));
    server.restart();
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one", "two", "three", "four"]);
    let found = shelter.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!((found.status, found.epoch, found.next_seq), (Status::Completed, epoch, 5));
}

#[tokio::test]
async fn a_call_that_begins_while_redis_is_dead_is_every_engines_afterwards() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    server.kill();
    let call = NewCall {
        sid: sid(1),
        caller: "+1".into(),
        called: "+2".into(),
        greeting: None,
        at: BEGIN,
    };
    assert!(shelter.store.open(call).await.unwrap().fresh);
    let record = shelter.claim(1, "a").await;
    assert_eq!(record.caller, "+1");
    assert_eq!(shelter.hear(1, record.epoch, 1, "hello").await.0, Appended::Appended);
    let live = shelter.store.live().await.unwrap();
    assert_eq!((live.len(), live[0].turns), (1, 1));
    server.restart();
    shelter.all_back().await;
    assert_eq!(shelter.hear(1, record.epoch, 2, "again").await.0, Appended::Appended);
    assert_eq!(shelter.words(1).await, ["hello", "again"]);
    let other = self::shelter(address(server.port), "b").await;
    let taken = other.claim(1, "b").await;
    assert!(taken.epoch > record.epoch);
    assert_eq!(taken.transcript.turns().len(), 2);
    assert_eq!(shelter.hear(1, record.epoch, 3, "late").await.0, Appended::Fenced);
}

#[tokio::test]
async fn a_store_that_lost_everything_is_given_the_calls_of_its_engines_again() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    server.order(&["FLUSHALL"]);
    assert_eq!(shelter.hear(1, epoch, 2, "two").await.0, Appended::Appended);
    assert_eq!(shelter.words(1).await, ["one", "two"]);
    server.order(&["FLUSHALL"]);
    let back = async {
        while shelter.store.redis().find(Key::Sid(sid(1))).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.expect("published anew");
    assert_eq!(shelter.words(1).await, ["one", "two"]);
}

#[tokio::test]
async fn what_came_too_late_stands_beside_the_transcript() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    // This engine alone is cut off.
    shelter.store.inner.misses.store(MISSES, Ordering::Relaxed);
    assert_eq!(shelter.hear(1, epoch, 2, "two").await.0, Appended::Appended);
    let taken = other.claim(1, "b").await;
    assert_eq!(taken.transcript.turns().len(), 1);
    assert_eq!(other.hear(1, taken.epoch, taken.next_seq, "new").await.0, Appended::Appended);
    shelter.all_back().await;
    assert_eq!(shelter.hear(1, epoch, 3, "three").await.0, Appended::Fenced);
    let found = other.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    let late: Vec<_> =
        found.late.iter().map(|late| (late.seq, late.epoch, late.turn.text.as_str())).collect();
    assert_eq!(late, [(2, epoch, "two")]);
    assert_eq!(other.words(1).await, ["one", "new"]);
    // A store that has lost everything is given it again by whoever has claimed the call since.
    other.claim(1, "b").await;
    server.order(&["FLUSHALL"]);
    let found = async {
        loop {
            match other.store.redis().find(Key::Sid(sid(1))).await {
                Ok(Some(found)) if !found.late.is_empty() => return found,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), found).await.expect("it is back");
    assert_eq!((found.late.len(), found.late[0].turn.text.as_str()), (1, "two"));
}

#[tokio::test]
async fn the_journal_of_an_engine_that_died_is_copied_back_by_the_next() {
    let mut server = Server::start();
    let Shelter { store, dir } = shelter(address(server.port), "a").await;
    let shelter = Shelter { store, dir };
    let epoch = shelter.claim(1, "a").await.epoch;
    server.kill();
    assert_eq!(shelter.hear(1, epoch, 1, "one").await.0, Appended::Appended);
    let Shelter { store, dir } = shelter;
    store.inner.journal.close().await;
    drop(store);
    server.restart();
    let shelter = Shelter { store: open(address(server.port), "a2", dir.path()).await, dir };
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one"]);
}

#[tokio::test]
async fn a_caller_who_is_erased_is_gone_from_the_journal_too_and_does_not_come_back() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    // This engine is cut off: one call is in Redis, the other begins in the journal.
    let call = |n| NewCall {
        sid: sid(n),
        caller: "+15557770001".into(),
        called: "+2".into(),
        greeting: None,
        at: BEGIN,
    };
    assert!(shelter.store.open(call(1)).await.unwrap().fresh);
    shelter.store.inner.misses.store(MISSES, Ordering::Relaxed);
    assert!(shelter.store.open(call(2)).await.unwrap().fresh);
    assert_eq!(shelter.store.erase_caller("+15557770001".into()).await, Ok(2));
    shelter.all_back().await;
    for n in [1, 2] {
        assert_eq!(shelter.store.find(Key::Sid(sid(n))).await, Ok(None));
    }
    let all = std::fs::read(shelter.dir.path().join("calls.redb")).unwrap();
    assert!(!all.windows(12).any(|window| window == b"+15557770001"));
}

#[tokio::test]
async fn a_caller_whom_another_engine_erased_does_not_come_back_from_this_ones_journal() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    assert_eq!(other.store.erase_caller("+15557770001".into()).await, Ok(0));
    // It began before, and its engine was cut off.
    shelter.store.inner.misses.store(MISSES, Ordering::Relaxed);
    let call = |n, caller: &str| NewCall {
        sid: sid(n),
        caller: caller.into(),
        called: "+2".into(),
        greeting: None,
        at: BEGIN,
    };
    for (n, caller) in [(1, "+15557770001"), (2, "+15557770002")] {
        assert!(shelter.store.open(call(n, caller)).await.unwrap().fresh);
    }
    shelter.all_back().await;
    assert_eq!(other.store.find(Key::Sid(sid(1))).await, Ok(None));
    assert!(other.store.find(Key::Sid(sid(2))).await.unwrap().is_some());
}

#[tokio::test]
async fn a_caller_whose_engine_died_in_an_outage_is_no_new_one_and_their_words_are_waited_for() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    for n in [1, 2] {
        let epoch = shelter.claim(n, "a").await.epoch;
        shelter.hear(n, epoch, 1, "one").await;
    }
    // The other engine has heard of both.
    while other.store.live().await.unwrap().iter().filter(|call| call.turns == 1).count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    let taken = other.claim(1, "b").await;
    assert_eq!((taken.words_missing, taken.transcript.turns().len()), (true, 0));
    assert_eq!(other.hear(1, taken.epoch, 1, "two").await.0, Appended::Appended);
    let back = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.restart();
    };
    let (taken, ()) = tokio::join!(other.claim(2, "b"), back);
    assert_eq!((taken.words_missing, taken.transcript.turns().len()), (false, 1));
    other.all_back().await;
    assert_eq!(other.words(1).await, ["one", "two"]);
}

#[tokio::test]
async fn a_claim_whose_answer_came_too_late_is_this_engines_own_all_the_same() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    // Redis does not answer in time, and takes the claim when it is there again.
    server.order(&["CLIENT", "PAUSE", "400"]);
    let record = shelter.claim(1, "a").await;
    assert_eq!(shelter.hear(1, record.epoch, 1, "one").await.0, Appended::Appended);
    shelter.all_back().await;
    assert_eq!(shelter.hear(1, record.epoch, 2, "two").await.0, Appended::Appended);
    assert_eq!(shelter.words(1).await, ["one", "two"]);
}
