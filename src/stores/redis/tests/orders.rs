//! Orders to calls that another engine holds.

use std::time::Duration;

use switchhook_actors::{
    clock::Deadline,
    domain::escalation::{Grounds, ReasonCode},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::*;

/// What was to be carried out.
type Done = mpsc::UnboundedReceiver<(CallSid, Order)>;

fn sid() -> CallSid {
    format!("CA{:032x}", 9).parse().unwrap()
}

fn order(reason: &str) -> Order {
    Order::Escalate(Grounds::new(ReasonCode::Supervisor, reason))
}

/// An engine that carries orders out as it is told to.
async fn engine_that(
    server: &Server,
    name: &str,
    keys: &[&str],
    hands: impl Fn(CallSid, Order, Deadline) -> BoxFuture<'static, Ordered> + Send + Sync + 'static,
) -> Redis {
    let engine = Engine { hands: Hands(Arc::new(hands)), ..engine(name) };
    let store = Redis::start(address(server.port), vault(keys), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    store
}

/// An engine that answers every order so.
async fn engine_at(server: &Server, name: &str, answer: Ordered) -> (Redis, Done) {
    let (tell, done) = mpsc::unbounded_channel();
    let hands = move |sid, order, _| {
        tell.send((sid, order)).unwrap();
        ready(answer).boxed()
    };
    (engine_that(server, name, &["k"], hands).await, done)
}

async fn claims(store: &Redis, name: &str) {
    let claimed = store.claim(sid(), InstanceId(name.into()), BEGIN).await;
    assert!(matches!(claimed, Ok(Claimed::Yours(_))), "{claimed:?}");
}

/// Until the heartbeat of that engine is there.
async fn lives(server: &Server, name: &str) {
    let sign = format!("sh:i:{name}");
    let there = async {
        while server.answer(&["EXISTS", &sign]) != b"1\n" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), there).await.expect("a sign of life");
}

/// Until so many letters wait for that engine.
async fn waiting(server: &Server, name: &str, letters: usize) {
    let (mailbox, wanted) = (format!("sh:m:{name}"), format!("{letters}\n"));
    let there = async {
        while server.answer(&["XLEN", &mailbox]) != wanted.as_bytes() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), there).await.expect("the letters");
}

#[tokio::test]
async fn an_order_goes_to_the_engine_that_owns_the_call_and_its_answer_comes_back() {
    let server = Server::start();
    let (asker, mut asked) = engine_at(&server, "asker", Ordered::Ending).await;
    for (name, answer) in [("one", Ordered::Taken), ("two", Ordered::UnderWay)] {
        let (owner, mut done) = engine_at(&server, name, answer).await;
        claims(&owner, name).await;
        lives(&server, name).await;
        assert_eq!(asker.order(sid(), order("x")).await, Ok(answer));
        assert_eq!(done.recv().await, Some((sid(), order("x"))));
        assert!(done.try_recv().is_err(), "once");
        waiting(&server, name, 0).await;
    }
    waiting(&server, "asker", 0).await;
    assert!(asked.try_recv().is_err());
    claims(&asker, "asker").await;
    assert_eq!(asker.order(sid(), order("y")).await, Ok(Ordered::Ending), "by its own hands");
    assert_eq!(asked.recv().await, Some((sid(), order("y"))));
}

#[tokio::test]
async fn an_order_follows_a_call_that_has_moved_meanwhile_and_one_that_is_nowhere_is_not_chased() {
    let server = Server::start();
    let (asker, _asked) = engine_at(&server, "asker", Ordered::Ending).await;
    let (next, mut done) = engine_at(&server, "next", Ordered::Taken).await;
    let next = Arc::new(next);
    let (gives, giver) = (Arc::clone(&next), "giver");
    let hands = move |sid, _, _| {
        let next = Arc::clone(&gives);
        async move {
            next.claim(sid, InstanceId("next".into()), BEGIN).await.unwrap();
            Ordered::NotHere
        }
        .boxed()
    };
    let gave = engine_that(&server, giver, &["k"], hands).await;
    claims(&gave, giver).await;
    lives(&server, giver).await;
    lives(&server, "next").await;
    assert_eq!(asker.order(sid(), order("x")).await, Ok(Ordered::Taken));
    assert_eq!(done.recv().await, Some((sid(), order("x"))));
    let (_empty, mut done) = engine_at(&server, "empty", Ordered::NotHere).await;
    claims(&next, "empty").await;
    lives(&server, "empty").await;
    assert_eq!(asker.order(sid(), order("x")).await, Ok(Ordered::NotHere));
    assert!(done.try_recv().is_ok() && done.try_recv().is_err(), "asked once");
    let unknown = format!("CA{:032x}", 10).parse().unwrap();
    assert_eq!(asker.order(unknown, order("x")).await, Ok(Ordered::NotHere));
}

#[tokio::test]
async fn an_owner_without_a_sign_of_life_is_not_written_to() {
    let server = Server::start();
    let (asker, _asked) = engine_at(&server, "asker", Ordered::Ending).await;
    claims(&asker, "ghost").await;
    assert_eq!(asker.order(sid(), order("x")).await, Ok(Ordered::OwnerGone));
    assert_eq!(server.answer(&["EXISTS", "sh:m:ghost"]), b"0\n");
}

#[tokio::test]
async fn an_order_that_is_read_too_late_is_never_carried_out() {
    let server = Server::start();
    let (asker, _asked) = engine_at(&server, "asker", Ordered::Ending).await;
    claims(&asker, "sleeper").await;
    server.order(&["SET", "sh:i:sleeper", "1"]);
    let begun = Instant::now();
    assert_eq!(asker.order(sid(), order("too late")).await, Ok(Ordered::Silent));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    waiting(&server, "sleeper", 1).await;
    let (_sleeper, mut done) = engine_at(&server, "sleeper", Ordered::Taken).await;
    waiting(&server, "sleeper", 0).await;
    // What was read before it has been dealt with when this one is.
    assert_eq!(asker.order(sid(), order("in time")).await, Ok(Ordered::Taken));
    assert_eq!(done.recv().await, Some((sid(), order("in time"))));
    assert!(done.try_recv().is_err());
}

/// A letter of an engine "writer" to that one, which says so.
fn letter(order: &str) -> String {
    format!(r#"{{"order":{{"from":"writer","until":9000000000000,"order":{order}}}}}"#)
}

fn place(id: &str, to: &str) -> Place {
    Place::Letter { sid: sid(), id: id.into(), to: to.into() }
}

async fn wire(server: &Server) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Puts it into the mailbox of "owner".
async fn put(server: &Server, id: &str, sealed: &[u8]) {
    let mut write = redis::cmd("XADD");
    write.arg("sh:m:owner").arg("*").arg("s").arg(sid().as_str()).arg("i").arg(id);
    write.arg("m").arg(sealed).exec_async(&mut wire(server).await).await.unwrap();
}

#[tokio::test]
async fn a_letter_that_comes_twice_is_obeyed_once_and_one_that_nobody_sealed_never() {
    let server = Server::start();
    let (asker, _asked) = engine_at(&server, "asker", Ordered::Ending).await;
    claims(&asker, "owner").await;
    let said = |reason: &str| letter(&serde_json::to_string(&order(reason)).unwrap());
    let sealed = vault(&["k"]).enclose(&place("1", "owner"), said("once").as_bytes());
    put(&server, "1", &sealed).await;
    put(&server, "1", &sealed).await;
    // Under another id it is another's letter.
    put(&server, "2", &sealed).await;
    let open = vault(&[]).enclose(&place("3", "owner"), said("forged").as_bytes());
    put(&server, "3", &open).await;
    let (_owner, mut done) = engine_at(&server, "owner", Ordered::Taken).await;
    waiting(&server, "owner", 0).await;
    waiting(&server, "writer", 1).await;
    lives(&server, "owner").await;
    assert_eq!(asker.order(sid(), order("after")).await, Ok(Ordered::Taken));
    let seen = [done.recv().await, done.recv().await].map(|done| done.unwrap().1);
    assert_eq!(seen, [order("once"), order("after")]);
    assert!(done.try_recv().is_err());
}

#[tokio::test]
async fn an_order_that_an_engine_of_another_version_does_not_know_is_answered_so() {
    let server = Server::start();
    let (owner, mut done) = engine_at(&server, "owner", Ordered::Taken).await;
    claims(&owner, "owner").await;
    let unheard_of = letter(r#"{"dance":{}}"#);
    let sealed = vault(&["k"]).enclose(&place("1", "owner"), unheard_of.as_bytes());
    put(&server, "1", &sealed).await;
    waiting(&server, "writer", 1).await;
    let read = redis::cmd("XRANGE").arg("sh:m:writer").arg("-").arg("+").to_owned();
    let mut wire = wire(&server).await;
    let letters: redis::streams::StreamRangeReply = read.query_async(&mut wire).await.unwrap();
    let sealed: Vec<u8> = letters.ids[0].get("m").unwrap();
    let answer = vault(&["k"]).disclose(&place("1", "writer"), &sealed).unwrap();
    assert_eq!(answer, br#"{"answer":"unknown"}"#);
    assert!(done.try_recv().is_err());
}
