//! What a caller writes down for a checker, and what they take for an answer.

use super::*;
use crate::caller::record::{Account, What};

#[actix_web::test]
async fn a_caller_writes_down_what_was_said_heard_and_lost_and_when() {
    let agreed = "applicationReconnect='true' welcomeGreeting='Welcome.'";
    let mut engine = Engine::start(&[&connect(agreed), ""]).await;
    let pace = Pace::CharsPerSecond(100.0);
    let options = RingOptions { record: true, pace, ..options(&engine) };
    let (caller, mut peer, setup) = ring(&mut engine, options).await;
    assert!(caller.quiet(SOON).await);
    caller.say("Balance?").await.unwrap();
    peer.message().await;
    peer.text("It is five", false).await;
    assert!(caller.heard_until(SOON, |heard| heard.ends_with("five")).await);
    drop(peer);
    let mut next = engine.peer().await;
    next.message().await;
    next.text("Sorry. Five dollars.", true).await;
    assert!(caller.heard_until(SOON, |heard| heard.ends_with("dollars.")).await);
    caller.interrupt().await.unwrap();
    let (hung_up, _) = tokio::join!(caller.hang_up(), next.closed());
    hung_up.unwrap();

    let facts = caller.facts();
    let told: Vec<_> = facts.iter().map(|fact| serde_json::to_value(fact).unwrap()).collect();
    let events: Vec<_> = told.iter().map(|fact| fact["event"].as_str().unwrap()).collect();
    let expected = [
        "rang", "webhook", "opened", "heard", "said", "heard", "lost", "opened", "heard",
        "webhook", "ended",
    ];
    assert_eq!(events, expected, "{told:#?}");
    assert!(facts.windows(2).all(|two| two[0].ms <= two[1].ms));
    assert_eq!(told[0]["call"], caller.call_sid());
    assert_eq!((&told[2]["socket"], &told[2]["session"]), (&json!(1), &setup["sessionId"]));
    assert_eq!(
        told[4],
        json!({"ms": told[4]["ms"], "event": "said", "turn": 1,
        "words": "Balance?", "socket": 1})
    );
    let What::Heard(answer) = &facts[5].what else { panic!("{:?}", facts[5]) };
    assert_eq!((answer.turn, answer.words.as_str(), answer.last), (1, "It is five", false));
    // Ten characters at a hundred a second.
    assert_eq!(answer.until_ms - facts[5].ms, 100);

    let account = Account::of(&facts, &["Sorry."]);
    assert_eq!((account.turns.len(), account.gaps.len(), account.phrases[0].times), (1, 1, 1));
    assert!(account.gaps[0].word_after_ms >= account.gaps[0].open_after_ms);
    assert_eq!(account.turns[0].whole_cycles, 1);
}

#[actix_web::test]
async fn what_is_said_without_a_socket_is_written_down_as_waiting() {
    let mut engine = Engine::start(&[&connect("applicationReconnect='true'"), ""]).await;
    let variant = "after=60000".parse().unwrap();
    let options = RingOptions { record: true, variant, ..options(&engine) };
    let (caller, _peer, _) = ring(&mut engine, options).await;
    caller.lose_line().await.unwrap();
    caller.say("Hello?").await.unwrap();
    let waiting = |what: &What| matches!(what, What::Said { socket: 0, turn: 1, .. });
    assert!(caller.facts().iter().any(|fact| waiting(&fact.what)), "{:?}", caller.facts());
}

/// Performs `say` and two expectations; which lines failed.
async fn script_failures(quiet: u64) -> Vec<usize> {
    let mut engine = Engine::start(&[&connect(""), ""]).await;
    let answer_quiet = Duration::from_millis(quiet);
    let options = RingOptions { answer_quiet, ..options(&engine) };
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    let lines = script::parse("say Hi\nexpect-not error\nsay Bye\nexpect farewell").unwrap();
    let server = async {
        loop {
            match peer.next().await {
                engine::Message::Text(text) if text["voicePrompt"] == "Hi" => {
                    peer.text("One moment.", true).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    peer.text("An error.", true).await;
                }
                engine::Message::Text(text) if text["voicePrompt"] == "Bye" => {
                    peer.text("Farewell.", true).await;
                }
                engine::Message::Text(_) => {}
                engine::Message::Closed(_) => break,
            }
        }
    };
    let (failures, ()) = tokio::join!(script::run(&caller, &lines), server);
    failures.iter().map(|failure| failure.line).collect()
}

#[actix_web::test]
async fn a_caller_who_waits_for_quiet_does_not_take_a_filler_for_the_answer() {
    assert_eq!(script_failures(1_500).await, [2]);
    // And one who does not is told nothing of what came behind it.
    assert!(!script_failures(0).await.contains(&2));
}

#[actix_web::test]
async fn an_answer_is_waited_for_through_a_lost_socket() {
    let agreed = connect("applicationReconnect='true'");
    let mut engine = Engine::start(&[&agreed, ""]).await;
    let variant = "after=700".parse().unwrap();
    let answer_quiet = Duration::from_millis(200);
    let options = RingOptions { answer_quiet, variant, ..options(&engine) };
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    caller.say("Balance?").await.unwrap();
    peer.message().await;
    peer.text("One moment.", true).await;
    drop(peer);
    let rest = async {
        let mut next = engine.peer().await;
        next.message().await;
        next.text("Five dollars.", true).await;
        next
    };
    let (answer, _next) = tokio::join!(caller.whole_answer(SOON), rest);
    assert_eq!(answer.text, "One moment.\nFive dollars.", "{}", caller.log());
    assert!(answer.complete);
}

#[actix_web::test]
async fn a_webhook_is_tried_again_as_its_address_says_and_is_known_by_its_token() {
    let document = connect("").replace("#rc=3", "#rc=2&amp;rp=ct,5xx");
    let mut engine = Engine::start(&[&document, "503", "503", &connect("")]).await;
    let usual = options(&engine);
    let (caller, peer, _) = ring(&mut engine, usual).await;
    drop(peer);
    engine.peer().await.message().await;
    engine.posted().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let asked = engine.posted().await;
        assert_eq!(asked.field("ErrorCode"), "64105");
        tokens.push(asked.header("i-twilio-idempotency-token").to_owned());
    }
    assert!(!tokens[0].is_empty() && tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!((caller.sessions(), caller.ending()), (2, None));
    // Without that policy a refusal is the end.
    let mut engine = Engine::start(&[&connect(""), "503", &connect("")]).await;
    let usual = options(&engine);
    let (caller, peer, _) = ring(&mut engine, usual).await;
    drop(peer);
    assert!(matches!(caller.ended(SOON).await, Some(Ending::Failed { .. })), "{}", caller.log());
}
