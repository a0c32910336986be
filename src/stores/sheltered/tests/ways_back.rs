//! What was kept in an outage, and what comes back of it.

use super::*;
use crate::stores::redis::tests::cluster::{Cut, Proxy};

fn rings(n: u32) -> NewCall {
    NewCall { sid: sid(n), caller: "+1".into(), called: "+2".into(), greeting: None, at: BEGIN }
}

/// Waits until that is so.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it is so in time");
}

#[tokio::test]
async fn a_webhook_that_twilio_repeats_in_an_outage_leaves_the_call_with_its_session() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    shelter.store.open(rings(1)).await.unwrap();
    let epoch = shelter.claim(1, "a").await.epoch;
    assert_eq!(shelter.hear(1, epoch, 1, "one").await.0, Appended::Appended);
    server.kill();
    for words in ["two", "three"] {
        let opened = shelter.store.open(rings(1)).await.unwrap();
        assert_eq!((opened.fresh, opened.record.epoch), (false, epoch));
        let seq = opened.record.next_seq;
        assert_eq!(shelter.hear(1, epoch, seq, words).await.0, Appended::Appended);
    }
    server.restart();
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_call_that_cannot_be_read_holds_up_no_other_on_the_way_back() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let mut epochs = Vec::new();
    for n in 1..=9 {
        epochs.push(shelter.claim(n, "a").await.epoch);
    }
    server.order(&["HSET", &format!("sh:{{{}}}", sid(1)), "k", "wrapped by nobody"]);
    server.kill();
    for (n, epoch) in (1..).zip(&epochs) {
        assert_eq!(shelter.hear(n, *epoch, 1, "one").await.0, Appended::Appended);
    }
    server.restart();
    until(async || shelter.store.inner.journal.all().await == Ok(vec![sid(1)])).await;
    for n in 2..=9 {
        assert_eq!(shelter.words(n).await, ["one"]);
    }
    // It is not given up either.
    assert_eq!(shelter.hear(1, epochs[0], 2, "two").await.0, Appended::Appended);
    assert!(shelter.store.is_failing());
}

#[tokio::test]
async fn what_came_too_late_is_kept_though_redis_does_not_take_it_at_first() {
    let server = Server::start();
    let door = Proxy::before(server.port);
    let shelter = shelter(address(door.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    for (seq, words) in [(1, "one"), (2, "One, please.")] {
        let turn = says(1, Role::Customer, words);
        assert_eq!(shelter.store.append(sid(1), epoch, seq, turn).await, Ok(Appended::Appended));
    }
    door.cut(Cut::Everybody);
    assert_eq!(shelter.hear(1, epoch, 3, "two").await.0, Appended::Appended);
    let taken = other.claim(1, "b").await;
    assert_eq!(other.hear(1, taken.epoch, 3, "new").await.0, Appended::Appended);
    let late = format!("sh:{{{}}}:l", sid(1));
    server.order(&["SET", &late, "no hash"]);
    door.cut(Cut::Nobody);
    until(async || shelter.store.inner.calls.journaled() == 0).await;
    assert_eq!(shelter.hear(1, epoch, 4, "three").await.0, Appended::Fenced);
    server.order(&["DEL", &late]);
    shelter.all_back().await;
    let found = other.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    let late: Vec<_> =
        found.late.iter().map(|late| (late.epoch, late.seq, &*late.turn.text)).collect();
    assert_eq!(late, [(epoch, 3, "two")]);
    assert_eq!(other.words(1).await, ["One, please.", "new"]);
}

#[tokio::test]
async fn an_engine_that_has_lost_or_erased_a_call_says_so_in_an_outage() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    other.claim(1, "b").await;
    assert_eq!(shelter.hear(1, epoch, 1, "stale").await.0, Appended::Fenced);
    shelter.claim(2, "a").await;
    assert_eq!(shelter.store.erase(sid(2)).await, Ok(true));
    server.kill();
    let lost = shelter.store.find(Key::Sid(sid(1))).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    let linked = shelter.store.link("WT1".parse().unwrap(), sid(1)).await;
    assert!(matches!(linked, Err(StoreError::Unavailable(_))), "{linked:?}");
    assert_eq!(shelter.store.find(Key::Sid(sid(2))).await, Ok(None));
}

#[tokio::test]
async fn a_webhook_that_is_repeated_when_redis_is_back_has_the_reply_that_it_had_in_the_outage() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    server.kill();
    assert_eq!(shelter.hear(1, epoch, 1, "one").await.0, Appended::Appended);
    let now = clock::now();
    let reply = shelter.store.remember(sid(1), "k".into(), "reply".into(), now, 60_000).await;
    assert_eq!(reply, Ok("reply".into()));
    server.restart();
    shelter.all_back().await;
    assert_eq!(shelter.store.answered(sid(1), "k".into(), now).await, Ok(Some("reply".into())));
}

#[tokio::test]
async fn what_is_changed_in_a_call_that_redis_had_lost_is_known_in_the_next_outage() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    server.order(&["FLUSHALL"]);
    let change = Change::Identified { caller: "+1".into(), called: "+2".into() };
    let settled = shelter.store.settle(sid(1), epoch, change, BEGIN + 1).await.unwrap();
    assert!(matches!(settled, Settled::Settled(_)), "{settled:?}");
    server.kill();
    let found = shelter.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!(found.caller, "+1");
}

#[tokio::test]
async fn a_call_that_is_not_published_anew_at_once_is_published_later() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    let call = format!("sh:{{{}}}", sid(1));
    server.order(&["CONFIG", "RESETSTAT"]);
    let lose = "redis.call('FLUSHALL') redis.call('SET', KEYS[1], 1)";
    server.order(&["EVAL", lose, "1", &call]);
    // It was tried in vain.
    until(async || {
        let told = String::from_utf8(server.answer(&["INFO", "errorstats"])).unwrap();
        told.contains("errorstat_WRONGTYPE")
    })
    .await;
    server.order(&["DEL", &call]);
    until(async || server.answer(&["EXISTS", &call]) == b"1\n").await;
    assert_eq!(shelter.words(1).await, ["one"]);
}
