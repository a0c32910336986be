//! A supervisor's order, given to an engine that does not hold the call.

use std::sync::Arc;

use switchhook::{
    app,
    caller::{Caller, Pace, Place, RingOptions},
    clock,
    config::Config,
    limits::Descriptors,
    stores::{Store, embedded::Embedded, sealed::Vault},
};
use switchhook_actors::{
    call_session::messages::Obey,
    clock::Deadline,
    domain::{
        escalation::{Grounds, ReasonCode},
        order::{Order, Ordered},
    },
};

use super::*;
use crate::{
    cluster::parts::wait_for,
    fake_twilio::WORKFLOW_SID,
    harness::{
        door::{Answer, Ask, counted},
        pair::metrics,
        provider,
    },
};

const BRIDGE: &str = "I am connecting you with a colleague";
const LATE: &str = r#"switchhook_orders_total{way="received",outcome="late"}"#;

/// Two engines on one Redis; the first holds the call.
struct Two {
    holder: Engine,
    other: Engine,
    caller: Caller,
    redis: Redis,
}

impl Two {
    async fn start() -> Self {
        let redis = Redis::single(&[]);
        let url = redis.url();
        let env = [("REDIS_URL", url.as_str()), ("TWILIO_WORKFLOW_SID", WORKFLOW_SID)];
        let [holder, other] = [0, 1].map(|_| Engine::start(&env));
        for engine in [&holder, &other] {
            stands(engine, "ready").await;
        }
        // The bridge sentence is still being spoken when the next order comes.
        let pace = Pace::CharsPerSecond(60.0);
        let options = RingOptions { reconnect: false, pace, ..holder.caller() };
        let caller = holder.ring_as(options).await;
        let call = caller.call_sid();
        let held = |call: &Value| call["status"] == "active";
        other.transcript_when(call, held).await;
        // Its first sign of life comes up to 100 ms after it takes calls: until then it has no letters.
        let sign =
            format!("sh:i:{}", holder.json("/livez").await["instance"].as_str().expect("one"));
        let lives = || (redis.order(&["EXISTS", &sign]) == "1").then_some(());
        wait_for("the holder's sign of life", SOON, lives);
        Self { holder, other, caller, redis }
    }

    /// The order of a supervisor whose request a balancer has brought to the other engine.
    async fn order(&self) -> Answer {
        let path = format!("/api/calls/{}/escalate", self.caller.call_sid());
        let body = br#"{"reason":"she is a zeppelin pilot"}"#;
        Ask::bytes(&path, body).at(&self.other).await
    }

    async fn refused(&self) -> String {
        let answer = self.order().await;
        assert_eq!(answer.header("retry-after"), "2", "{answer:?}");
        answer.problem(503)
    }
}

#[actix_web::test]
async fn an_order_finds_its_call_wherever_that_is_held_and_is_carried_out_once() {
    let two = Two::start().await;
    let answer = two.order().await;
    assert_eq!(answer.status, 202, "{answer:?}\n{}\n{}", two.other.log(), two.holder.log());
    let again = two.order().await.problem(409);
    assert!(again.contains("on its way to a person"), "{again}");
    assert!(two.caller.heard_until(SOON, |heard| heard.contains(BRIDGE)).await);
    assert!(two.caller.place_until(SOON, |place| *place == Place::Queue).await);
    assert_eq!(two.caller.heard().matches(BRIDGE).count(), 1, "{}", two.caller.heard());
    let ordered = |call: &Value| call["escalation"]["reasonCode"] == "supervisor";
    let call = two.other.transcript_when(two.caller.call_sid(), ordered).await;
    assert_eq!(call["escalation"]["reason"], "she is a zeppelin pilot", "{call:#}");
    counted(&two.other, r#"switchhook_orders_total{way="sent",outcome="taken"}"#, 1.0).await;
    counted(&two.holder, r#"switchhook_orders_total{way="received",outcome="taken"}"#, 1.0).await;
    assert!(two.other.log().contains("a person was ordered to take a call"));
    assert!(!format!("{}{}", two.other.log(), two.holder.log()).contains("zeppelin"));
}

#[actix_web::test]
async fn who_orders_something_of_an_engine_that_was_killed_is_told_that_nobody_can_do_it() {
    let mut two = Two::start().await;
    two.holder.kill();
    two.refused().await;
    // Its last sign of life stays for a while.
    let begun = Instant::now();
    while two.refused().await != "the engine that held the call is gone" {
        assert!(begun.elapsed() < SOON, "{}", two.other.log());
    }
}

#[actix_web::test]
async fn what_was_ordered_of_an_engine_that_slept_is_not_done_when_it_wakes() {
    let two = Two::start().await;
    two.holder.signal("STOP");
    let begun = Instant::now();
    assert!(two.refused().await.contains("did not answer in time"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    two.holder.signal("CONT");
    counted(&two.holder, LATE, 1.0).await;
    // The call goes on as if nothing had been ordered, and the next order is carried out.
    two.caller.say("What is the late fee?").await.expect("a conversation");
    assert!(two.caller.heard_until(SOON, |heard| heard.contains("29 dollars")).await);
    assert!(!two.caller.heard().contains(BRIDGE), "{}", two.caller.heard());
    assert_eq!(two.order().await.status, 202, "{}", two.other.log());
    assert!(two.caller.heard_until(SOON, |heard| heard.contains(BRIDGE)).await);
}

#[actix_web::test]
async fn while_redis_is_away_only_those_who_hold_a_call_can_be_ordered() {
    let mut two = Two::start().await;
    two.redis.kill();
    two.refused().await;
    let path = format!("/api/calls/{}/escalate", two.caller.call_sid());
    let answer = Ask::new("POST", &path).at(&two.holder).await;
    assert_eq!(answer.status, 202, "{answer:?}\n{}", two.holder.log());
    assert!(two.caller.heard_until(SOON, |heard| heard.contains(BRIDGE)).await);
}

/// As one that lay in the mailbox of a session whose thread stood still.
#[actix_web::test]
async fn what_reaches_a_session_behind_its_time_is_not_done() {
    provider();
    let home = tempfile::tempdir().expect("a directory");
    let store = Embedded::open(home.path(), Vault::new(&[]), clock::now()).expect("a store");
    let store = Store::Own(Arc::new(store));
    let pairs = [("PORT", "0"), ("TWILIO_WORKFLOW_SID", WORKFLOW_SID)];
    let config = Config::from_pairs(pairs.map(|(name, value)| (name.into(), value.into())));
    let descriptors = Arc::new(Descriptors::default());
    let config = config.expect("a configuration");
    let engine = app::start_on(move |_| Ok(store), &config, metrics(), 100, descriptors);
    let app::Engine { address, web, servers, .. } = engine.expect("an engine");
    actix_web::rt::spawn(servers.serve());
    let url = format!("http://{address}");
    let options = RingOptions { url, pace: Pace::Instant, ..RingOptions::default() };
    let caller = Caller::ring(options).await.expect("a call");
    let session = web.directory.find(caller.call_sid().parse().expect("a sid")).expect("a session");
    let give = |patience| {
        let order = Order::Escalate(Grounds::new(ReasonCode::Supervisor, "x"));
        session.send(Obey { order, by: Deadline::within(patience) })
    };
    assert_eq!(give(Duration::ZERO).await, Ok(Ordered::Silent));
    assert_eq!(give(SOON).await, Ok(Ordered::Taken), "nothing is under way");
    assert_eq!(give(SOON).await, Ok(Ordered::UnderWay));
}
