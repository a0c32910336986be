//! Three engines on one Redis behind the balancer, and a caller on the way to a person: the engine that
//! serves them dies, nobody starts it again, and the others know what was promised.

use switchhook::caller::Pace;

use super::*;
use crate::{
    cluster::parts::{Haproxy, Redis, free_port},
    sharing::stands,
};

/// A quick voice, which is in the middle of the bridge sentence for a second.
const QUICK: Pace = Pace::CharsPerSecond(60.0);

/// All of it.
struct House {
    twilio: FakeTwilio,
    balancer: Haproxy,
    engines: Vec<Engine>,
    _redis: Redis,
}

impl House {
    async fn open() -> Self {
        let (redis, door) = (Redis::single(&[]), free_port());
        let public = format!("http://127.0.0.1:{door}");
        let events = format!("{public}/taskrouter/events");
        let twilio =
            FakeTwilio::start(Options { event_callback_url: events, ..Options::default() }).await;
        let own = [
            ("REDIS_URL", redis.url()),
            ("PUBLIC_URL", public),
            ("TWILIO_WORKFLOW_SID", WORKFLOW_SID.to_owned()),
            ("TWILIO_WORKSPACE_SID", WORKSPACE_SID.to_owned()),
        ];
        let mut env = twilio.env();
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let engines = [0, 1, 2].map(|_| Engine::start(&env));
        for engine in &engines {
            stands(engine, "ready").await;
        }
        let port =
            |engine: &Engine| engine.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let ports = [0, 1, 2].map(|nth: usize| port(&engines[nth]).expect("a port"));
        Self { twilio, balancer: Haproxy::at(door, ports), engines: engines.into(), _redis: redis }
    }

    async fn ring(&self, pace: Pace) -> Caller {
        let options = RingOptions {
            url: self.balancer.url(),
            pace,
            reconnect: false,
            signatures: Some(signer(AUTH_TOKEN)),
            twilio: Some(self.twilio.url().to_owned()),
            ..RingOptions::default()
        };
        self.engines[0].ring_as(options).await
    }

    /// Kills the engine that holds the only call, once that stands so; any other knows which one it is.
    async fn kill_the_holder(&mut self, state: &str) {
        let call = monitored(&self.engines[0], state).await;
        let mut holder = None;
        for (nth, engine) in self.engines.iter().enumerate() {
            if engine.json("/livez").await["instance"] == call["instance"] {
                holder = Some(nth);
            }
        }
        let mut killed = self.engines.remove(holder.expect("one of the three has it"));
        killed.kill();
    }

    /// That there is one escalation and one task, as both who are left show it.
    async fn is_one(&self, caller: &Caller, state: &str) {
        for engine in &self.engines {
            monitored(engine, state).await;
            let call = engine.transcript(caller.call_sid()).await;
            assert_eq!(call["escalation"]["id"], format!("{}.e1", caller.call_sid()), "{call:#}");
        }
        assert_eq!(self.twilio.things("Tasks").len(), 1);
    }
}

#[actix_web::test]
async fn an_engine_that_is_killed_in_the_bridge_leaves_a_caller_whom_the_others_put_into_the_queue()
{
    let mut house = House::open().await;
    let caller = house.ring(QUICK).await;
    caller.say(ASKS).await.expect("a conversation");
    house.kill_the_holder("escalating/requested").await;
    // Twilio notices the lost socket and posts the action URL: it leads to the queue.
    caller.fail(64105).await.expect("a place in the queue");
    assert!(caller.place_until(SOON, |place| *place == Place::Queue).await, "{}", caller.log());
    assert_eq!(caller.sessions(), 1, "no second conversation in between\n{}", caller.log());
    let task = caller.enqueue().and_then(|enqueue| enqueue.task).expect("a task");
    assert!(task.attributes.contains("caller_asked"), "{}", task.attributes);
    house.is_one(&caller, "queued/queued").await;
}

#[actix_web::test]
async fn a_line_that_twilio_mends_itself_hears_the_bridge_from_one_of_the_others() {
    let mut house = House::open().await;
    let caller = house.ring(QUICK).await;
    caller.say(ASKS).await.expect("a conversation");
    house.kill_the_holder("escalating/requested").await;
    caller.reconnect().await.expect("a new line");
    assert!(caller.place_until(SOON * 2, |place| *place == Place::Queue).await, "{}", caller.log());
    assert!(caller.heard().contains(BRIDGE), "{}", caller.heard());
    house.is_one(&caller, "queued/queued").await;
}

#[actix_web::test]
async fn an_engine_that_dies_while_the_caller_waits_is_missed_neither_by_them_nor_by_the_person() {
    let mut house = House::open().await;
    let caller = house.ring(Pace::Instant).await;
    ask(&caller).await;
    let plays = caller.words_until(SOON, |heard| heard.contains("Thank you for waiting")).await;
    assert!(plays, "{}", caller.log());
    house.kill_the_holder("queued/queued").await;
    assert!(caller.rounds_heard(2, SOON * 2).await, "{}", caller.log());
    house.is_one(&caller, "queued/queued").await;
    let call = caller.call_sid();
    house.twilio.reserve(call);
    house.is_one(&caller, "queued/reserved").await;
    house.twilio.accept(call);
    house.is_one(&caller, "with_agent/with_agent").await;
    let talks = |place: &Place| *place == Place::Talk { worker: "ada".to_owned() };
    assert!(caller.place_until(SOON, talks).await, "{}", caller.log());
    house.twilio.finish(call);
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let over = |call: &Value| call["escalation"]["state"] == "finished";
    for engine in &house.engines {
        engine.transcript_when(call, over).await;
        engine.when("/monitor", |live| *live == json!([])).await;
    }
    assert_eq!(caller.violations(), Vec::<String>::new(), "{}", caller.log());
}
