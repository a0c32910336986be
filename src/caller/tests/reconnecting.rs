//! A lost socket, in the variants of what Twilio may do then.

use super::*;

const AGREED: &str = "applicationReconnect='true' dtmfDetection='true'";

/// A conversation in which this variant is played.
async fn ring_in(engine: &mut Engine, variant: &str) -> (Caller, Peer, Value) {
    let variant = variant.parse().unwrap();
    let options = RingOptions { variant, ..options(engine) };
    ring(engine, options).await
}

/// The action webhook behind the announcement of the call.
async fn action(engine: &mut Engine) -> engine::Request {
    assert_eq!(engine.posted().await.path, "/voice/incoming");
    let action = engine.posted().await;
    assert_eq!(action.path, "/voice/handoff");
    action
}

async fn words(peer: &mut Peer, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..count {
        words.push(peer.message().await["voicePrompt"].as_str().unwrap().to_owned());
    }
    words
}

#[actix_web::test]
async fn a_session_keeps_its_name_and_says_no_setup_where_that_is_the_variant() {
    let mut engine = Engine::start(&[&connect(AGREED), ""]).await;
    let (caller, peer, setup) = ring_in(&mut engine, "same-session").await;
    drop(peer);
    let mut next = engine.peer().await;
    assert_eq!(next.message().await, setup);
    drop((caller, next));

    let mut engine = Engine::start(&[&connect(AGREED), ""]).await;
    let (caller, peer, _) = ring_in(&mut engine, "no-setup").await;
    drop(peer);
    let mut next = engine.peer().await;
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    caller.say("Hello?").await.unwrap();
    assert_eq!(next.message().await["voicePrompt"], "Hello?");
}

#[actix_web::test]
async fn what_was_said_without_a_socket_is_replayed_as_often_as_the_variant_says() {
    for (variant, replayed) in [
        ("after=200", &["two", "three"][..]),
        ("after=200,tail=1", &["one", "two", "three"]),
        ("after=200,doubles", &["two", "two", "three", "three"]),
        ("after=200,twice", &["two", "three", "two", "three"]),
        ("after=200,no-replay", &[]),
    ] {
        let mut engine = Engine::start(&[&connect(AGREED), ""]).await;
        let (caller, mut peer, _) = ring_in(&mut engine, variant).await;
        caller.say("one").await.unwrap();
        peer.message().await;
        caller.lose_line().await.unwrap();
        caller.say("two").await.unwrap();
        caller.say("three").await.unwrap();
        let mut next = engine.peer().await;
        assert_eq!(next.message().await["type"], "setup", "{variant}");
        assert!(caller.session_after(1, SOON).await, "{}", caller.log());
        caller.say("four").await.unwrap();
        let heard = words(&mut next, replayed.len() + 1).await;
        assert_eq!(heard, [replayed, &["four"]].concat(), "{variant}: {}", caller.log());
    }
}

#[actix_web::test]
async fn the_new_socket_may_come_while_the_old_one_still_stands() {
    let mut engine = Engine::start(&[&connect(AGREED), ""]).await;
    let (caller, mut old, _) = ring_in(&mut engine, "early").await;
    caller.lose_line().await.unwrap();
    let mut next = engine.peer().await;
    assert_eq!(next.message().await["type"], "setup");
    // It is not read any more, and it is not closed either.
    old.text("Are you there?", true).await;
    caller.say("Here").await.unwrap();
    assert_eq!(next.message().await["voicePrompt"], "Here");
    assert_eq!(caller.answer(Duration::ZERO).await.text, "");
    drop(caller);
    assert_eq!(old.closed().await, None);
}

#[actix_web::test]
async fn the_action_is_asked_alone_where_the_reconnect_is_not_honoured() {
    let mut engine = Engine::start(&[&connect(AGREED), &connect(AGREED)]).await;
    let (caller, peer, setup) = ring_in(&mut engine, "action,after=50").await;
    drop(peer);
    let mut next = engine.peer().await;
    assert_ne!(next.message().await["sessionId"], setup["sessionId"]);
    let action = action(&mut engine).await;
    assert_eq!((action.field("ErrorCode"), action.field("SessionStatus")), ("64105", "failed"));
    assert_eq!(action.field("CallStatus"), "in-progress");
    assert_eq!((caller.sessions(), caller.ending()), (2, None));
}

#[actix_web::test]
async fn the_action_is_asked_as_well_as_the_socket_opened_in_either_order() {
    let other = connect("welcomeGreeting='Again.'");
    let mut engine = Engine::start(&[&connect(AGREED), &other]).await;
    let (caller, peer, _) = ring_in(&mut engine, "action-then-socket,same-session").await;
    drop(peer);
    let mut next = engine.peer().await;
    assert_eq!(next.message().await["type"], "setup");
    assert_eq!(action(&mut engine).await.field("ErrorCode"), "64105");
    caller.say("Hello?").await.unwrap();
    assert_eq!(next.message().await["voicePrompt"], "Hello?");
    assert_eq!((caller.sessions(), caller.heard().as_str()), (2, ""), "{}", caller.log());

    let mut engine = Engine::start(&[&connect(AGREED), &other]).await;
    let (caller, peer, _) = ring_in(&mut engine, "socket-then-action").await;
    drop(peer);
    let mut second = engine.peer().await;
    let reopened = second.message().await;
    let told = action(&mut engine).await;
    assert_eq!(told.field("SessionId"), reopened["sessionId"]);
    let mut third = engine.peer().await;
    assert_ne!(third.message().await["sessionId"], reopened["sessionId"]);
    assert!(caller.heard_until(SOON, |heard| heard == "Again.").await, "{}", caller.log());
    assert_eq!(second.closed().await, None);
}

#[actix_web::test]
async fn an_engine_that_takes_no_socket_is_tried_as_often_as_it_was_agreed_and_then_asked() {
    let mut engine = Engine::start(&[&connect(AGREED), &connect(AGREED)]).await;
    let (caller, peer, _) = ring_in(&mut engine, "attempts=3,every=0").await;
    engine.refuse(3);
    drop(peer);
    let action = action(&mut engine).await;
    assert_eq!(action.field("ErrorCode"), "64102", "{}", caller.log());
    engine.peer().await.message().await;
    assert_eq!(caller.log().matches("503").count(), 3, "{}", caller.log());
    // Two attempts are not too many.
    let mut engine = Engine::start(&[&connect(AGREED), &connect(AGREED)]).await;
    let (caller, peer, _) = ring_in(&mut engine, "attempts=3,every=0").await;
    engine.refuse(2);
    drop(peer);
    engine.peer().await.message().await;
    assert!(!caller.log().contains("SessionStatus"), "{}", caller.log());
}

#[actix_web::test]
async fn a_clean_close_is_an_accident_or_the_end_as_the_variant_says() {
    for (variant, code, asks) in [
        ("socket", 1000_u16, true),
        ("socket", 1001, false),
        ("clean-drops", 1000, false),
        ("clean-drops", 1012, false),
        ("clean-ends", 1001, true),
        ("clean-ends", 1012, true),
        ("clean-drops", 1008, true),
    ] {
        let mut engine = Engine::start(&[&connect(AGREED), &connect(AGREED)]).await;
        let (caller, mut peer, _) = ring_in(&mut engine, variant).await;
        peer.close(code).await;
        engine.peer().await.message().await;
        let asked = caller.log().contains("ErrorCode=64105");
        assert_eq!(asked, asks, "{variant} {code}: {}", caller.log());
    }
}

#[actix_web::test]
async fn the_voice_goes_on_and_the_caller_may_speak_while_there_is_no_socket() {
    let mut engine = Engine::start(&[&connect(AGREED), ""]).await;
    let variant = "after=60000".parse().unwrap();
    let pace = Pace::CharsPerSecond(200.0);
    let options = RingOptions { variant, pace, ..options(&engine) };
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    peer.text("These words were on their way", true).await;
    assert!(caller.speaking(SOON).await);
    drop(peer);
    assert!(caller.heard_until(SOON, |heard| heard.ends_with("on their way")).await);
    caller.say("Hello?").await.unwrap();
    assert_eq!(caller.sessions(), 1);
    caller.hang_up().await.unwrap();
    assert_eq!(action(&mut engine).await.field("SessionStatus"), "completed");
}
