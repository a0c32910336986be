//! Sockets that drop, come back, come twice; engines that die and start again.

mod variants;

use std::time::Duration;

use switchhook::caller::{Caller, Ending, Pace, RingOptions};

use crate::harness::{
    engine::{Engine, SOON, command, turns, words},
    model::{Gate, ScriptedModel, Step},
    raw::unannounced,
};

#[actix_web::test]
async fn an_engine_that_is_killed_in_mid_call_goes_on_with_it_after_a_restart() {
    let model = ScriptedModel::start(|_, nth| match nth {
        0 => Step::answer("The fee is 95 dollars."),
        1 => vec![Step::Hang],
        _ => Step::answer("It is paid once a year."),
    });
    let mut engine = Engine::with_model(&model, &[]);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("What is the fee?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "The fee is 95 dollars.");
    caller.say("When is it due?").await.expect("a conversation");
    assert!(model.asked(1, SOON).await.is_some());
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 4).await;

    engine.kill();
    engine.restart();
    // Twilio notices the lost socket and posts the action URL.
    caller.fail(64105).await.expect("a new session");
    let answer = caller.answer(SOON).await;
    assert_eq!(answer.text, "It is paid once a year.", "{}\n{}", caller.log(), engine.log());

    let asked = model.requests();
    assert_eq!(asked.len(), 3, "the question was asked again, once");
    let told: Vec<_> = asked[2].messages().into_iter().skip(1).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[1], ("user", "What is the fee?"));
    assert_eq!(told[2], ("assistant", "The fee is 95 dollars."));
    assert_eq!(told[3], ("user", "When is it due?"));
    assert_eq!(caller.sessions(), 2);
    let greetings = caller.heard().matches("thank you for calling").count();
    assert_eq!(greetings, 1, "{}", caller.heard());
    caller.hang_up().await.expect("a line");
    let call =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    assert_eq!(turns(&call), 5, "{call:#}");
}

#[actix_web::test]
async fn a_call_that_is_idle_when_its_engine_dies_is_told_so_and_goes_on() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, &[]);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("One?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    engine.kill();
    engine.restart();
    caller.fail(64105).await.expect("a new session");
    let resumed = caller.answer(SOON).await.text;
    assert!(!resumed.is_empty() && resumed != "Yes.", "{resumed}");
    assert_eq!(model.requests().len(), 1, "an answered question is not asked again");
    caller.say("Two?").await.expect("a conversation");
    assert_eq!(caller.answer(SOON).await.text, "Yes.");
}

#[actix_web::test]
async fn transcripts_survive_a_kill_and_a_second_engine_on_the_same_directory_is_refused() {
    let model = ScriptedModel::saying("Yes.");
    let mut engine = Engine::with_model(&model, &[]);
    let caller = engine.ring().await;
    caller.say("Is it kept?").await.expect("a conversation");
    assert!(caller.answer(SOON).await.complete);
    caller.hang_up().await.expect("a line");
    let before =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    assert_eq!(words(&before)[1], ("customer".to_owned(), "Is it kept?".to_owned()));

    let second = command(engine.home(), &[("PORT".to_owned(), "0".to_owned())]).output();
    let second = second.expect("it runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use by another engine"), "{said}");

    engine.kill();
    engine.restart();
    assert_eq!(engine.transcript(caller.call_sid()).await, before);
}

#[actix_web::test]
async fn a_line_that_drops_in_mid_answer_and_comes_back_finds_the_answer_going_on() {
    let gate = Gate::new();
    let model = ScriptedModel::start({
        let gate = gate.clone();
        move |_, _| {
            let rest = Step::Tokens(
                " and this was said while the line was gone.".to_owned(),
                Duration::ZERO,
            );
            let end = [Step::Finish("stop".to_owned()), Step::Done];
            [
                vec![Step::Token("This was heard,".to_owned()), Step::WaitFor(gate.clone()), rest],
                end.into(),
            ]
            .concat()
        }
    });
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.contains("This was heard,")).await);
    caller.drop_line().await.expect("a line");
    gate.open();
    assert!(model.answered(0, SOON).await.is_some(), "the model is not stopped by a lost line");
    caller.reconnect().await.expect("a new line");
    assert!(
        caller.heard_until(SOON, |heard| heard.contains("while the line was gone.")).await,
        "{}",
        caller.log()
    );
    assert_eq!(model.requests().len(), 1);
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    assert_eq!(words(&call)[2].1, "This was heard, and this was said while the line was gone.");
}

#[actix_web::test]
async fn what_a_failed_session_had_not_spoken_is_said_on_the_next_one() {
    let text = "one word after the other ".repeat(12) + "and this is the end.";
    let model = ScriptedModel::saying(&text);
    let engine = Engine::with_model(&model, &[]);
    let pace = Pace::CharsPerSecond(60.0);
    let caller = engine.ring_as(RingOptions { reconnect: false, pace, ..engine.caller() }).await;
    assert!(caller.quiet(SOON).await, "the greeting is over");
    caller.say("Tell me.").await.expect("a conversation");
    assert!(caller.answer_heard_until(SOON, |heard| heard.len() > 30).await, "{}", caller.log());
    caller.drop_line().await.expect("a line");
    caller.fail(64105).await.expect("a new session");
    let end = |heard: &str| heard.contains("and this is the end.");
    assert!(caller.heard_until(SOON, end).await, "{}", caller.log());
    assert_eq!(model.requests().len(), 1);
    let call = engine.transcript_when(caller.call_sid(), |call| turns(call) == 3).await;
    assert_eq!(words(&call)[2].1, text);
}

#[actix_web::test]
async fn a_second_socket_takes_the_call_over_and_the_first_is_closed() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let sid = "CA0123456789abcdef0123456789abcdef";
    let first = engine.ring_as(unannounced(&engine, sid)).await;
    assert!(first.answer(SOON).await.complete, "the greeting");
    first.say("One?").await.expect("a conversation");
    assert!(first.answer(SOON).await.complete);
    let second = engine.ring_as(unannounced(&engine, sid)).await;
    let lost = |entry: &str| entry.contains("1008");
    let begun = std::time::Instant::now();
    while !lost(&first.log()) {
        assert!(begun.elapsed() < SOON, "{}", first.log());
        first.next_entry(SOON).await;
    }
    second.say("Two?").await.expect("a conversation");
    assert_eq!(second.answer(SOON).await.text, "Yes.", "{}", second.log());
    let call = engine.transcript_when(first.call_sid(), |call| turns(call) == 5).await;
    assert_eq!(call["status"], "active");
    assert_eq!(engine.metric("switchhook_calls_live").await, 1.0);
}

#[actix_web::test]
async fn a_socket_that_no_webhook_announced_is_greeted_by_the_engine_itself() {
    let model = ScriptedModel::saying("Yes.");
    let engine = Engine::with_model(&model, &[]);
    let caller = engine.ring_as(unannounced(&engine, "CA0123456789abcdef0123456789abcdef")).await;
    assert!(caller.heard_until(SOON, |heard| heard.contains("thank you for calling")).await);
    let call = engine.transcript_when(caller.call_sid(), |call| call["callerPhone"] != "").await;
    assert_eq!(call["callerPhone"], "+12025550142");
    caller.say("Hello?").await.expect("a conversation");
    assert!(caller.heard_until(SOON, |heard| heard.contains("Yes.")).await, "{}", caller.log());
}

#[actix_web::test]
async fn a_setup_of_another_call_is_refused_with_1008() {
    let engine = Engine::start(&[]);
    let mut options = unannounced(&engine, "CA0123456789abcdef0123456789abcdef");
    options.call_sid = Some("CAffffffffffffffffffffffffffffffff".to_owned());
    let caller = engine.ring_as(options).await;
    let begun = std::time::Instant::now();
    while !caller.log().contains("1008") {
        assert!(begun.elapsed() < SOON, "{}", caller.log());
        caller.next_entry(SOON).await;
    }
}

#[actix_web::test]
async fn a_call_whose_sessions_keep_failing_is_connected_five_times_and_then_told_so() {
    let engine = Engine::start(&[]);
    let caller = engine.ring_as(RingOptions { reconnect: false, ..engine.caller() }).await;
    for session in 2..=6 {
        caller.drop_line().await.expect("a line");
        caller.fail(64105).await.expect("a new session");
        assert_eq!(caller.sessions(), session, "{}", caller.log());
    }
    caller.drop_line().await.expect("a line");
    caller.fail(64105).await.expect("an answer");
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    assert!(caller.log().contains("sorry"), "{}", caller.log());
    assert_eq!(engine.transcript(caller.call_sid()).await["status"], "failed");
}

#[actix_web::test]
async fn a_status_callback_ends_a_call_whose_socket_never_says_so() {
    let engine = Engine::start(&[("LINE_GRACE_SECONDS", "600")]);
    let caller = engine
        .ring_as(RingOptions { reconnect: false, pace: Pace::Instant, ..engine.caller() })
        .await;
    caller.drop_line().await.expect("a line");
    assert_eq!(engine.transcript(caller.call_sid()).await["status"], "active");
    caller.webhook("/voice/status", "completed", &[]).await.expect("an answer");
    let call =
        engine.transcript_when(caller.call_sid(), |call| call["status"] == "completed").await;
    assert!(call["endTime"].is_string());
    assert_eq!(engine.metric("switchhook_calls_live").await, 0.0);
    let again = Caller::ring(unannounced(&engine, caller.call_sid())).await;
    assert!(again.is_err_and(|error| error.to_string().contains("410")), "a call that is over");
}
