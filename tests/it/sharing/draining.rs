//! An engine that drains beside another: its callers finish with it, or go on there without noticing.

use switchhook::caller::Caller;

use super::*;
use crate::harness::{
    door::Ask,
    model::{Gate, Step},
};

const GREETING: &str = "thank you for calling";
const BEGUN: &str = "It begins";
const ENDS: &str = "and it ends.";

/// Two engines on one Redis, and a caller whose connections go to the first of them for now.
struct Two {
    drained: Engine,
    other: Engine,
    proxy: Proxy,
    caller: Caller,
    _redis: Redis,
}

impl Two {
    async fn start(model: &ScriptedModel, env: &[(&str, &str)]) -> Self {
        let redis = Redis::single(&[]);
        let url = redis.url();
        let env = [&[("REDIS_URL", url.as_str())], env].concat();
        let [drained, other] = [0, 1].map(|_| Engine::with_model(model, &env));
        for engine in [&drained, &other] {
            stands(engine, "ready").await;
        }
        let proxy = Proxy::before(&drained).await;
        let caller = drained.ring_as(proxy.caller(&drained)).await;
        caller.say("One.").await.expect("a conversation");
        let answered = |heard: &str| heard.contains(&echo_of("One."));
        assert!(caller.heard_until(SOON, answered).await, "{}", caller.log());
        Self { drained, other, proxy, caller, _redis: redis }
    }

    /// The first is told to stop; what comes anew goes to the other, as a balancer would have it.
    async fn drain(&self) {
        self.drained.signal("TERM");
        let begun = Instant::now();
        loop {
            let answer = Ask::get("/readyz").at(&self.drained).await;
            if answer.status == 404 {
                assert_eq!(answer.json()["status"], "draining");
                break;
            }
            assert!(begun.elapsed() < SOON, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.proxy.lead_to(&self.other);
    }

    /// The caller is with the other engine and has noticed nothing: no word of it, no second
    /// greeting, no answer twice.
    async fn went_on(&mut self, said: &[&str], answers: &[&str]) {
        assert!(self.caller.session_after(1, SOON).await, "{}", self.caller.log());
        self.caller.say("Last.").await.expect("a conversation");
        let answered = |heard: &str| heard.contains(&echo_of("Last."));
        assert!(self.caller.heard_until(SOON, answered).await, "{}", self.caller.log());
        assert_eq!(self.drained.exited().await.code(), Some(0), "{}", self.drained.log());
        let log = self.drained.log();
        assert!(log.contains("calls are moved to other engines"), "{log}");
        assert!(!log.contains("found no pause") && !log.contains("calls are cut"), "{log}");

        let heard = self.caller.heard();
        let last = echo_of("Last.");
        let wanted = [&[GREETING], answers, &[last.as_str()]].concat();
        let mut rest = heard.clone();
        for words in wanted {
            assert_eq!(heard.matches(words).count(), 1, "{words}\n{}", self.caller.log());
            rest = rest.replace(words, "");
        }
        for word in ["sorry", "lost you", "again", "moment"] {
            assert!(!rest.to_lowercase().contains(word), "{word}: {rest}");
        }
        assert_eq!(self.caller.sessions(), 2, "{}", self.caller.log());
        assert_eq!(self.caller.violations(), Vec::<String>::new());
        let said = [said, &["Last."]].concat();
        let kept = |call: &Value| words_of(call) == said;
        self.other.transcript_when(self.caller.call_sid(), kept).await;
    }
}

#[actix_web::test]
async fn a_second_signal_has_a_caller_moved_at_the_next_pause_who_notices_nothing() {
    let gate = Gate::new();
    let model = ScriptedModel::start({
        let gate = gate.clone();
        move |request, _| match request.last_words() {
            "Tell me." => {
                let waits = [Step::Token(BEGUN.to_owned()), Step::WaitFor(gate.clone())];
                [&waits[..], &Step::answer(&format!(" {ENDS}"))].concat()
            }
            words => Step::answer(&echo_of(words)),
        }
    });
    let mut two = Two::start(&model, &[]).await;
    two.drain().await;
    // What is new goes elsewhere, and who is held talks on.
    let other =
        Ask::upgrade("/conversation/CA0123456789abcdef0123456789abcdef").at(&two.drained).await;
    assert_eq!(other.status, 503, "{other:?}");
    two.caller.say("Two.").await.expect("a conversation");
    let answered = |heard: &str| heard.contains(&echo_of("Two."));
    assert!(two.caller.heard_until(SOON, answered).await, "{}", two.caller.log());
    two.caller.say("Tell me.").await.expect("a conversation");
    assert!(two.caller.heard_until(SOON, |heard| heard.contains(BEGUN)).await);
    assert_eq!(two.caller.sessions(), 1, "{}", two.caller.log());

    two.drained.signal("TERM");
    let begun = Instant::now();
    while !two.drained.log().contains("calls are moved to other engines") {
        assert!(begun.elapsed() < SOON, "{}", two.drained.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Not in mid-answer.
    gate.open();
    assert!(
        two.caller.heard_until(SOON, |heard| heard.contains(ENDS)).await,
        "{}",
        two.caller.log()
    );
    let answers = [&*echo_of("One."), &*echo_of("Two."), BEGUN, ENDS];
    two.went_on(&["One.", "Two.", "Tell me."], &answers).await;
}

#[actix_web::test]
async fn a_caller_whose_talk_outlasts_the_drain_is_moved_without_a_second_signal() {
    let model = ScriptedModel::echoing();
    let mut two = Two::start(&model, &[("DRAIN_SECONDS", "1")]).await;
    two.drain().await;
    two.went_on(&["One."], &[&echo_of("One.")]).await;
    assert!(!two.drained.log().contains("again"), "{}", two.drained.log());
}
