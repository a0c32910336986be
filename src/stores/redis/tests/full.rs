//! A server that refuses: its memory is full, or a value is of another type; and a store that is
//! broken itself.

use super::*;

fn sid() -> CallSid {
    format!("CA{:032x}", 1).parse().unwrap()
}

async fn store(server: &Server) -> Redis {
    let store = Redis::start(address(server.port), vault(&["a"]), engine("me"), BEGIN).unwrap();
    let ready = tokio::time::timeout(std::time::Duration::from_secs(10), store.ready());
    ready.await.expect("it is ready in time").unwrap();
    store
}

fn connection(store: &Redis) -> u64 {
    store.core.link.wires().unwrap().number
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_whose_memory_is_full_keeps_its_connections_and_serves_engines_that_start() {
    let server = Server::start();
    let store = store(&server).await;
    let claimed = store.claim(sid(), InstanceId("me".into()), BEGIN).await.unwrap();
    let Claimed::Yours(record) = claimed else { panic!("it is over") };
    let says = |seq: u32| Turn::new(TurnId(seq), Role::Customer, "hi", BEGIN);
    let append = |seq| store.append(sid(), record.epoch, u64::from(seq), says(seq));
    assert_eq!(append(1).await, Ok(Appended::Appended));
    let before = connection(&store);
    server.order(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = append(2).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    // What was said can be read, by an engine that has just started, too.
    let other = self::store(&server).await;
    for store in [&store, &other] {
        let found = store.find(Key::Sid(sid())).await.unwrap().unwrap();
        assert_eq!(found.transcript.turns(), [says(1)]);
    }
    server.order(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(append(2).await, Ok(Appended::Appended));
    assert_eq!(connection(&store), before);
}

#[tokio::test]
async fn one_call_that_is_of_another_type_costs_nobody_the_connection() {
    let server = Server::start();
    let store = store(&server).await;
    let before = connection(&store);
    server.order(&["SET", &keys::call(sid()), "no hash"]);
    let answer = store.claim(sid(), InstanceId("me".into()), BEGIN).await;
    assert!(is_unavailable(&answer), "{answer:?}");
    let answer = store.find(Key::Sid(sid())).await;
    assert!(is_unavailable(&answer), "{answer:?}");
    assert_eq!(store.flush().await, Ok(()));
    assert_eq!(connection(&store), before);
}

#[tokio::test]
async fn a_store_of_which_a_part_has_died_says_so() {
    let server = Server::start();
    for n in 0..5 {
        let store = store(&server).await;
        assert_eq!(store.tasks.running.len(), 5);
        assert!(store.is_alive());
        store.tasks.running[n].abort();
        while store.is_alive() {
            tokio::task::yield_now().await;
        }
    }
}
