//! The contract behind Sentinels, on a master with two replicas, and what counts as durable there.

use std::sync::{
    OnceLock,
    atomic::{AtomicI64, Ordering},
};

use super::{
    cluster::{Replicated, Sentinels},
    *,
};

/// One for all rules; each has a database of its own in it.
fn shared() -> &'static Sentinels {
    static SHARED: OnceLock<(Replicated, Sentinels)> = OnceLock::new();
    let (_, sentinels) = SHARED.get_or_init(|| {
        let servers = Replicated::start(&[("databases", "64")]);
        let sentinels = Sentinels::over(&servers);
        (servers, sentinels)
    });
    sentinels
}

async fn store(url: &str, database: i64) -> Redis {
    let pairs = [("REDIS_URL".to_owned(), url.to_owned())];
    let config = crate::config::Config::from_pairs(pairs).unwrap();
    let address = RedisAddress { database, ..config.store.redis.unwrap() };
    let engine = engine("me");
    let store = Redis::start(address, vault(&["a"]), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    store
}

async fn home() -> Home {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let store = store(&shared().url(), NEXT.fetch_add(1, Ordering::Relaxed)).await;
    Home { store: Arc::new(store), _keep: Box::new(()) }
}

mod rules {
    super::contract! { super::home }
}

#[tokio::test]
async fn a_callers_words_are_durable_when_a_replica_has_them_and_not_before() {
    let servers = Replicated::start(&[("min-replicas-max-lag", "60")]);
    let sentinels = Sentinels::over(&servers);
    let store = store(&sentinels.url(), 0).await;
    assert_eq!(store.replicas(), Some(2));
    let sid: CallSid = format!("CA{:032x}", 1).parse().unwrap();
    let claimed = store.claim(sid, InstanceId("me".into()), BEGIN).await.unwrap();
    let Claimed::Yours(record) = claimed else { panic!("it is over") };
    let says = |seq: u32| Turn::new(TurnId(seq), Role::Customer, "hi", BEGIN);
    let append = |seq| store.append(sid, record.epoch, u64::from(seq), says(seq));
    assert_eq!(append(1).await, Ok(Appended::Appended));
    servers.replicas().iter().for_each(|replica| replica.stop());
    assert_eq!(append(2).await, Err(StoreError::NotDurable));
    let ended = Change::Ended { status: Status::Completed };
    let settled = store.settle(sid, record.epoch, ended, BEGIN + 1).await;
    assert_eq!(settled, Err(StoreError::NotDurable));
    // Nor is an erasure acknowledged.
    let other: CallSid = format!("CA{:032x}", 2).parse().unwrap();
    assert_eq!(store.erase(other).await, Err(StoreError::NotDurable));
    assert_eq!(store.erase_caller("+15557770001".into()).await, Err(StoreError::NotDurable));
    // The agent's words are spoken anyway.
    let answer = Turn::new(TurnId(2), Role::Agent, "hello", BEGIN);
    assert_eq!(store.append(sid, record.epoch, 3, answer).await, Ok(Appended::Appended));
    servers
        .servers
        .iter()
        .filter(|server| server.port != servers.master().port)
        .for_each(|replica| replica.cont());
    let durable = async {
        while append(2).await != Ok(Appended::Duplicate) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), durable).await.expect("durable");
}

#[tokio::test]
async fn a_sentinel_that_is_silent_holds_up_nobody_who_asks_the_others_as_well() {
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let url = shared().url().replace('@', &format!("@{at},"));
    tokio::time::timeout(std::time::Duration::from_secs(20), store(&url, 63)).await.expect("ready");
}
