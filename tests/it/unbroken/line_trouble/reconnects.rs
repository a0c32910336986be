//! A line that drops in mid-answer and is back within the grace finds the answer going on, on
//! whichever worker thread its new socket lands.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use switchhook::caller::RingOptions;

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{Gate, ScriptedModel, Step},
};

/// Calls to try until both cases were there; connections go to the workers in turn.
const TRIES: usize = 40;

const HEARD: &str = "This was heard,";
const REST: &str = " and this was said while the line was gone.";

/// The worker threads of a call's lines, in order, as the log tells them.
fn workers(engine: &Engine, sid: &str) -> Vec<String> {
    let log = engine.log();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let opened = entries.filter(|entry| {
        entry["message"] == "a line is open" && entry["call.sid"].as_str() == Some(sid)
    });
    opened.map(|entry| entry["worker"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A call that drops in mid-answer and comes back; tells whether on another thread.
async fn elsewhere(engine: &Engine, gates: &[Gate], nth: usize) -> bool {
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains(HEARD)).await);
    caller.drop_line().await.expect("a line");
    if nth % 2 == 1 {
        // One connection more, so that it is another worker's turn.
        assert_eq!(engine.get("/livez").await.0, 200);
    }
    caller.reconnect().await.expect("a new line");
    gates[nth].open();
    assert!(caller.heard_until(SOON, |heard| heard.contains(REST)).await, "{}", caller.log());
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    assert_eq!(words(&call)[2].1, format!("{HEARD}{REST}"));
    assert!(caller.violations().is_empty(), "{:?}", caller.violations());
    let workers = workers(engine, caller.call_sid());
    let [first, second] = &workers[..] else { panic!("{workers:?}\n{}", engine.log()) };
    first != second
}

#[actix_web::test]
async fn an_answer_goes_on_over_a_new_socket_on_the_same_worker_thread_and_on_another() {
    let gates: Vec<_> = (0..TRIES).map(|_| Gate::new()).collect();
    let model = ScriptedModel::start({
        let gates = gates.clone();
        move |_, nth| {
            let said = [Step::Token(HEARD.to_owned()), Step::WaitFor(gates[nth].clone())];
            let rest = Step::Tokens(REST.to_owned(), Duration::ZERO);
            [&said[..], &[rest, Step::Finish("stop".to_owned()), Step::Done]].concat()
        }
    });
    let engine = Engine::with_model(&model, &[]);
    let mut seen = BTreeSet::new();
    let alone = std::thread::available_parallelism().is_ok_and(|threads| threads.get() == 1);
    for nth in 0..TRIES {
        seen.insert(elsewhere(&engine, &gates, nth).await);
        if seen.len() == 2 || alone {
            break;
        }
    }
    assert!(alone || seen.len() == 2, "only {seen:?} in {TRIES} calls");
    assert_eq!(
        engine.metric("switchhook_turns_total{outcome=\"answered\"}").await,
        model.requests().len() as f64
    );
}
