//! What an engine finds at its start: a Redis with fewer replicas than the loss statement asks for,
//! one that takes no writes, one that will never do.

use super::*;
use crate::cluster::parts::{Replicated, Sentinels, free_port, wait_for};

const ONE: &str = "Redis has one replica: with it away Redis takes no write";
const NONE: &str = "Redis has no replica: the first line of the loss statement does not hold";

/// Waits until it has logged that.
async fn says(engine: &Engine, sentence: &str) {
    let begun = Instant::now();
    while !engine.log().contains(sentence) {
        assert!(begun.elapsed() < SOON, "not said: {sentence}\n{}", engine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn behind_sentinels_it_says_at_the_start_what_does_not_hold_with_fewer_replicas() {
    let mut servers = Replicated::start(&[]);
    let sentinels = Sentinels::over(&servers);
    // Else there would be no start at all without a replica.
    servers.master().order(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    let url = sentinels.url();
    let mut whole = Engine::start(&[("REDIS_URL", &url)]);
    stands(&whole, "ready").await;
    let (master, replicas) = (servers.master().port, servers.replicas());
    let replicas: Vec<u16> = replicas.iter().map(|server| server.port).collect();
    for (port, left, said, unsaid) in [(replicas[0], "1", ONE, NONE), (replicas[1], "0", NONE, ONE)]
    {
        servers.at(port).kill();
        wait_for("the master knows", SOON, || {
            (servers.at(master).fact("connected_slaves").as_deref() == Some(left)).then_some(())
        });
        let engine = Engine::start(&[("REDIS_URL", &url)]);
        says(&engine, said).await;
        assert!(!engine.log().contains(unsaid), "{}", engine.log());
    }
    // With both there was nothing to be said.
    whole.signal("TERM");
    assert_eq!(whole.exited().await.code(), Some(0), "{}", whole.log());
    assert!(
        !whole.log().contains("loss statement") && !whole.log().contains(ONE),
        "{}",
        whole.log()
    );
}

#[actix_web::test]
async fn a_single_server_is_served_with_a_word_about_what_does_not_hold() {
    let redis = Redis::single(&[]);
    let engine = Engine::start(&[("REDIS_URL", &redis.url())]);
    stands(&engine, "ready").await;
    says(&engine, NONE).await;
}

#[actix_web::test]
async fn a_redis_that_takes_no_write_without_a_replica_is_waited_for_until_it_has_one() {
    let master = Redis::start(None, &[]);
    let engine = Engine::start(&[("REDIS_URL", &master.url())]);
    says(&engine, "Redis cannot be reached: it answered NOREPLICAS").await;
    let (status, said) = engine.get("/readyz").await;
    assert_eq!((status, said.contains("starting")), (503, true), "{said}");
    let _replica = Redis::start(Some(master.port), &[]);
    stands(&engine, "ready").await;
    says(&engine, ONE).await;
}

#[actix_web::test]
async fn a_cluster_is_refused_with_a_sentence() {
    let bus = free_port().to_string();
    let redis = Redis::single(&[("cluster-enabled", "yes"), ("cluster-port", &bus)]);
    let mut engine = Engine::start(&[("REDIS_URL", &redis.url())]);
    assert_eq!(engine.exited().await.code(), Some(78), "{}", engine.log());
    let sentence = "REDIS_URL: Redis cannot be used: it is a Cluster; a single server or Sentinel is \
                    wanted";
    assert!(engine.log().contains(sentence), "{}", engine.log());
}
