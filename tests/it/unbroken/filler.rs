//! A word that covers the gap while the model thinks.

use std::time::Duration;

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{Gate, ScriptedModel, Step},
};

#[actix_web::test]
async fn a_slow_answer_is_bridged_by_two_fillers_at_most_never_the_same_twice_in_a_row() {
    let gates = [Gate::new(), Gate::new()];
    let model = ScriptedModel::start({
        let gates = gates.clone();
        move |_, nth| {
            let gate = gates[nth.min(1)].clone();
            [vec![Step::WaitFor(gate)], Step::answer("Here it is.")].concat()
        }
    });
    let engine = Engine::with_model(&model, &[("FILLER_MS", "60")]);
    let caller = engine.ring().await;
    let mut said = Vec::new();
    for gate in &gates {
        caller.say("Look it up.").await.expect("a conversation");
        for _ in 0..2 {
            let filler = caller.answer(SOON).await;
            assert!(filler.complete && !filler.text.is_empty(), "{}", caller.log());
            said.push(filler.text);
        }
        // A third would have come by then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        gate.open();
        assert_eq!(caller.answer(SOON).await.text, "Here it is.", "{}", caller.log());
    }
    assert!(said.windows(2).all(|two| two[0] != two[1]), "{said:?}");
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 5).await;
    let stored: Vec<_> = words(&call).into_iter().map(|(_, text)| text).collect();
    assert_eq!(stored[1..], ["Look it up.", "Here it is.", "Look it up.", "Here it is."]);
    let told = model.requests()[1].messages().len();
    assert_eq!(told, 5, "the model is not told of them");
    assert_eq!(engine.metric("switchhook_fillers_total").await, 4.0);
    assert_eq!(caller.violations(), Vec::<String>::new());
}

#[actix_web::test]
async fn an_answer_in_time_needs_no_filler() {
    let model = ScriptedModel::saying("Here it is.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("Look it up.").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Here it is.");
    assert_eq!(engine.metric("switchhook_fillers_total").await, 0.0);
}

#[actix_web::test]
async fn a_caller_who_cuts_a_filler_off_still_gets_the_answer() {
    let gate = Gate::new();
    let model = ScriptedModel::start({
        let gate = gate.clone();
        move |_, _| [vec![Step::WaitFor(gate.clone())], Step::answer("Here it is.")].concat()
    });
    let engine = Engine::with_model(&model, &[("FILLER_MS", "1100")]);
    let pace = switchhook::caller::Pace::CharsPerSecond(14.0);
    let options = switchhook::caller::RingOptions { pace, ..engine.caller() };
    let caller = engine.ring_as(options).await;
    caller.interrupt().await.expect("a conversation");
    caller.say("Look it up.").await.expect("a conversation");
    assert!(caller.speaking(SOON).await, "a filler: {}", caller.log());
    caller.interrupt().await.expect("a conversation").expect("a voice to cut off");
    gate.open();
    let heard = caller.heard_until(SOON, |heard| heard.contains("Here it is.")).await;
    assert!(heard, "{}", caller.log());
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    assert_eq!(words(&call)[2].1, "Here it is.");
}
