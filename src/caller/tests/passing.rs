//! Calls that the engine passes on: queues, keys, telephones, and the way back.

use super::*;

const HOLD: &str = "<Response><Gather action='/voice/wait' numDigits='1' timeout='5'>\
                    <Say>Please hold.</Say><Pause length='30'/></Gather></Response>";

fn queue() -> String {
    "<Response><Enqueue workflowSid='WW0000000000000000000000000000000a' action='/voice/queued' \
     waitUrl='/voice/wait'><Task priority='5' timeout='60'>{\"a\":1}</Task></Enqueue></Response>"
        .to_owned()
}

/// A caller who is passed on with the first document, and hears these then.
async fn queued(
    documents: &[&str],
    options: impl FnOnce(RingOptions) -> RingOptions,
) -> (Engine, Caller) {
    let queue = queue();
    let documents: Vec<&str> =
        [queue.as_str()].into_iter().chain(documents.iter().copied()).collect();
    let mut engine = Engine::start(&documents).await;
    let caller = Caller::ring(options(super::options(&engine))).await.unwrap();
    engine.posted().await;
    (engine, caller)
}

#[actix_web::test]
async fn a_caller_who_waits_hears_the_hold_talk_and_a_key_leads_back_to_the_agent() {
    let leave = "<Response><Leave/></Response>";
    let (mut engine, caller) =
        queued(&[HOLD, leave, &connect("welcomeGreeting='Back.'")], |options| options).await;
    assert!(caller.words_until(SOON, |heard| heard == "Please hold.").await, "{}", caller.log());
    let wait = engine.posted().await;
    assert_eq!(wait.path, "/voice/wait");
    for (field, value) in [
        ("CallStatus", "in-progress"),
        ("QueuePosition", "1"),
        ("QueueTime", "0"),
        ("AvgQueueTime", "0"),
        ("CurrentQueueSize", "1"),
        ("MaxQueueSize", "100"),
        ("CallSid", caller.call_sid()),
    ] {
        assert_eq!(wait.field(field), value, "{field}");
    }
    let signed = wire_signature("https://bank.example/voice/wait", &wait.form);
    assert_eq!(wait.header("x-twilio-signature"), signed);
    assert!(matches!(caller.say("Hello?").await, Err(CallerError::Unheard)));
    assert!(matches!(caller.press("x").await, Err(CallerError::NoSuchKey('x'))));

    let (pressed, mut peer) = tokio::join!(caller.press("2"), engine.peer());
    pressed.unwrap();
    assert_eq!(peer.message().await["type"], "setup");
    let key = engine.posted().await;
    assert_eq!((key.path.as_str(), key.field("Digits")), ("/voice/wait", "2"));
    let action = engine.posted().await;
    assert_eq!(action.path, "/voice/queued");
    assert_eq!((action.field("QueueResult"), action.field("CallStatus")), ("leave", "in-progress"));
    assert_eq!(action.field("QueueSid"), wait.field("QueueSid"));
    assert!(caller.session_after(0, SOON).await);
    assert_eq!((caller.sessions(), caller.place()), (1, Place::Session));
    assert_eq!(caller.violations(), Vec::<String>::new(), "{}", caller.log());
}

#[actix_web::test]
async fn hanging_up_in_the_queue_is_told_to_the_action_and_then_to_the_status_callback() {
    let (mut engine, caller) = queued(&[HOLD, "", ""], |options| RingOptions {
        status_path: Some("/voice/status".to_owned()),
        ..options
    })
    .await;
    engine.posted().await;
    caller.hang_up().await.unwrap();
    let action = engine.posted().await;
    assert_eq!((action.field("QueueResult"), action.field("CallStatus")), ("hangup", "completed"));
    let status = engine.posted().await;
    assert_eq!((status.path.as_str(), status.field("CallStatus")), ("/voice/status", "completed"));
    assert_eq!(caller.ending(), Some(Ending::HungUp));
}

#[actix_web::test]
async fn a_wait_document_may_end_the_call() {
    let bye = "<Response><Say>Goodbye.</Say><Hangup/></Response>";
    let (mut engine, caller) = queued(&[bye, ""], |options| options).await;
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    engine.posted().await;
    let action = engine.posted().await;
    assert_eq!((action.field("QueueResult"), action.field("CallStatus")), ("hangup", "completed"));
    assert_eq!(caller.heard(), "Goodbye.");
}

#[actix_web::test]
async fn the_loop_asks_again_without_haste_and_a_verb_that_does_not_belong_there_is_a_violation() {
    let empty = "<Response/>";
    let wrong = "<Response><Dial>+1</Dial></Response>";
    let redirect = "<Response><Redirect>/elsewhere</Redirect></Response>";
    let began = std::time::Instant::now();
    let (mut engine, caller) =
        queued(&[empty, wrong, redirect, "<Response><Leave/></Response>", ""], |options| options)
            .await;
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(engine.posted().await.path);
    }
    let wait = "/voice/wait";
    assert_eq!(paths, [wait, wait, wait, "/elsewhere", "/voice/queued"]);
    assert!(began.elapsed() >= std::time::Duration::from_millis(400));
    assert_eq!(caller.violations(), ["a wait document may not hold <Dial>"]);
}

#[actix_web::test]
async fn a_cut_in_the_hold_talk_leaves_what_was_heard() {
    let talk = "<Response><Gather action='/key' numDigits='2' timeout='5'>\
                <Say>One two three four five six seven eight nine ten.</Say></Gather></Response>";
    let pace = Pace::CharsPerSecond(40.0);
    let leave = "<Response><Leave/></Response>";
    let (mut engine, caller) =
        queued(&[talk, leave, ""], |options| RingOptions { pace, ..options }).await;
    assert!(caller.heard_until(SOON, |heard| heard.contains("two")).await, "{}", caller.log());
    caller.press("1").await.unwrap();
    caller.press("2").await.unwrap();
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    assert!(caller.heard().starts_with("One two") && !caller.heard().contains("ten"));
    engine.posted().await;
    assert_eq!(engine.posted().await.field("Digits"), "12");
}

#[actix_web::test]
async fn a_telephone_does_what_the_options_say() {
    let dial = "<Response><Dial action='/voice/queued'><Number statusCallback='/voice/status' \
                statusCallbackEvent='answered'>+12025550199</Number></Dial></Response>";
    for (dialled, told) in [(Dialled::NoAnswer, "no-answer"), (Dialled::Busy, "busy")] {
        let mut engine = Engine::start(&[dial, ""]).await;
        let caller = Caller::ring(RingOptions { dialled, ..options(&engine) }).await.unwrap();
        assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
        engine.posted().await;
        let action = engine.posted().await;
        assert_eq!((action.path.as_str(), action.field("DialCallStatus")), ("/voice/queued", told));
    }
    let mut engine = Engine::start(&[dial, "", ""]).await;
    let options = RingOptions { dialled: Dialled::Completed, ..options(&engine) };
    let caller = Caller::ring(options).await.unwrap();
    let talks = |place: &Place| matches!(place, Place::Talk { worker } if worker == "+12025550199");
    assert!(caller.place_until(SOON, talks).await, "{}", caller.log());
    caller.ended(SOON).await;
    engine.posted().await;
    let child = engine.posted().await;
    assert_eq!((child.path.as_str(), child.field("CallStatus")), ("/voice/status", "in-progress"));
    assert_eq!(child.field("ParentCallSid"), caller.call_sid());
    assert_ne!(child.field("CallSid"), caller.call_sid());
    assert_eq!(engine.posted().await.field("DialCallStatus"), "completed");
}

#[actix_web::test]
async fn a_script_follows_a_caller_into_the_queue_and_hears_one_round() {
    let short = "<Response><Say>Please hold.</Say></Response>";
    let mut engine = Engine::start(&[&connect(""), &queue(), short, short, short, short]).await;
    let options = options(&engine);
    let (caller, mut peer, _) = ring(&mut engine, options).await;
    let script = script::saying(&["A person, please.".to_owned()]);
    let server = async {
        assert_eq!(peer.message().await["voicePrompt"], "A person, please.");
        peer.text("One moment.", true).await;
        peer.send(r#"{"type":"end","handoffData":"{}"}"#).await;
        peer.closed().await
    };
    let (failures, _) = tokio::join!(script::run(&caller, &script), server);
    assert_eq!(failures, [], "{}", caller.log());
    assert_eq!(caller.ending(), Some(Ending::HungUp));
    assert!(caller.heard().starts_with("One moment.\nPlease hold."), "{}", caller.heard());
}

#[actix_web::test]
async fn a_script_can_expect_the_queue_and_hear_it() {
    let leave = "<Response><Leave/></Response>";
    let bye = "<Response><Say>Welcome back.</Say></Response>";
    let (_engine, caller) = queued(&[HOLD, leave, bye], |options| options).await;
    let script = "expect-queued\nhear PLEASE hold\npress 2\nhear welcome back\nexpect-end\n";
    let failures = script::run(&caller, &script::parse(script).unwrap()).await;
    assert_eq!(failures, [], "{}", caller.log());
    let (_engine, caller) = queued(&[bye, bye, bye], |options| options).await;
    caller.hang_up().await.unwrap();
    let failures = script::run(&caller, &script::parse("expect-queued\n").unwrap()).await;
    assert_eq!(failures.len(), 1, "{failures:?}");
}
