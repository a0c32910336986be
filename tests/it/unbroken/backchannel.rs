//! Callers who only say that they listen.

use std::time::Duration;

use crate::harness::{
    engine::{Engine, SOON, turns, words},
    model::{Gate, ScriptedModel, Step},
};

#[actix_web::test]
async fn a_caller_who_says_that_they_listen_hears_the_answer_to_its_end() {
    let gate = Gate::new();
    let model = ScriptedModel::start({
        let gate = gate.clone();
        move |_, _| {
            let rest = Step::Tokens(" then the rest.".to_owned(), Duration::ZERO);
            let first = Step::Token("First this,".to_owned());
            let end = [rest, Step::Finish("stop".to_owned()), Step::Done];
            [vec![first, Step::WaitFor(gate.clone())], end.into()].concat()
        }
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("Explain it.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("First this,")).await);
    let ignored = "switchhook_inputs_ignored_total{input=\"backchannel\"}";
    for (said, words) in ["Mm-hm.", "Yeah.", "Okay, I see."].into_iter().enumerate() {
        caller.say(words).await.expect("a conversation");
        let begun = std::time::Instant::now();
        while engine.metric(ignored).await < (said + 1) as f64 {
            assert!(begun.elapsed() < SOON, "{words}: {}", engine.log());
        }
    }
    gate.open();
    assert!(caller.heard_until(SOON, |heard| heard.contains("then the rest.")).await);
    assert_eq!(model.requests().len(), 1);
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    assert_eq!(words(&call)[2].1, "First this, then the rest.");
    assert_eq!(call["transcript"][2]["interrupted"], serde_json::Value::Null);
}

#[actix_web::test]
async fn the_same_words_answer_a_question_that_was_heard() {
    let model = ScriptedModel::start(|_, nth| {
        Step::answer(if nth == 0 { "Shall I go on?" } else { "Then I go on." })
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("Explain it.").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Shall I go on?");
    assert!(caller.quiet(SOON).await);
    caller.say("Yeah.").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Then I go on.");
}
