//! With people at the other end: a fake Twilio has the queue, its events move the escalation.

use super::*;

/// An engine and the Twilio that it believes in.
struct Office {
    twilio: FakeTwilio,
    engine: Engine,
}

impl Office {
    async fn open() -> Self {
        let twilio = FakeTwilio::start(Options::default()).await;
        let mut env = twilio.env();
        env.push(("TWILIO_WORKFLOW_SID".to_owned(), WORKFLOW_SID.to_owned()));
        env.push(("TWILIO_WORKSPACE_SID".to_owned(), WORKSPACE_SID.to_owned()));
        let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let engine = Engine::start(&env);
        let events = format!("{}/taskrouter/events", engine.url);
        twilio.set(WORKSPACE_SID, "event_callback_url", json!(events));
        Self { twilio, engine }
    }

    async fn ring(&self) -> Caller {
        let options = RingOptions {
            signatures: Some(signer(AUTH_TOKEN)),
            twilio: Some(self.twilio.url().to_owned()),
            ..self.engine.caller()
        };
        self.engine.ring_as(options).await
    }

    /// The tasks of the workspace that are of this type.
    fn tasks(&self, kind: &str) -> Vec<Value> {
        let is_it = |task: &Value| {
            let attributes = task["attributes"].as_str().unwrap_or_default();
            serde_json::from_str::<Value>(attributes).unwrap_or_default()["type"] == kind
        };
        self.twilio.things("Tasks").into_iter().filter(is_it).collect()
    }
}

#[actix_web::test]
async fn a_person_takes_the_call_and_the_monitor_shows_each_step() {
    let office = Office::open().await;
    let caller = office.ring().await;
    let call = caller.call_sid();
    monitored(&office.engine, "active/").await;
    ask(&caller).await;
    monitored(&office.engine, "queued/queued").await;
    let task = office.twilio.call(call)["task_sid"].clone();
    office.engine.transcript_when(call, |call| call["escalation"]["taskSid"] == task).await;

    office.twilio.reserve(call);
    let reserved = monitored(&office.engine, "queued/reserved").await;
    assert_eq!(reserved["agent"], "ada");
    // They let it pass, and take it the second time.
    office.twilio.time_out(call);
    monitored(&office.engine, "queued/queued").await;
    office.twilio.reserve(call);
    monitored(&office.engine, "queued/reserved").await;
    office.twilio.accept(call);
    monitored(&office.engine, "with_agent/with_agent").await;
    let talks = |place: &Place| *place == Place::Talk { worker: "ada".to_owned() };
    assert!(caller.place_until(SOON, talks).await, "{}", caller.log());
    office.twilio.finish(call);
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    let ended = |call: &Value| call["status"] == "completed";
    let transcript = office.engine.transcript_when(call, ended).await;
    assert_eq!(transcript["escalation"]["state"], "finished");
    assert_eq!(transcript["escalation"]["worker"], "ada");
    office.engine.when("/monitor", |live| *live == json!([])).await;
    assert_eq!(office.engine.transcript(task.as_str().expect("a SID")).await["callSid"], call);
    let left = Happening::Left { result: "bridged".to_owned() };
    assert!(caller.history().iter().any(|entry| entry.what == left), "{}", caller.log());
    assert_eq!(caller.violations(), Vec::<String>::new(), "{}", caller.log());
}

#[actix_web::test]
async fn key_1_books_one_call_back_and_the_call_ends_politely() {
    let office = Office::open().await;
    let caller = office.ring().await;
    ask(&caller).await;
    let offered = |heard: &str| heard.contains("If you would rather be called back, press 1.");
    assert!(caller.words_until(SOON, offered).await, "{}", caller.log());
    caller.press("1").await.expect("a <Gather>");
    assert_eq!(caller.ended(SOON).await, Some(Ending::Finished), "{}", caller.log());
    assert!(caller.heard().contains("We will call you back on this number"), "{}", caller.heard());
    let booked = office.tasks("callback");
    assert_eq!(booked.len(), 1, "{booked:#?}");
    let ended = |call: &Value| call["status"] == "completed";
    let transcript = office.engine.transcript_when(caller.call_sid(), ended).await;
    assert_eq!(transcript["escalation"]["state"], "finished");
    assert_eq!(transcript["escalation"]["callBack"]["taskSid"], booked[0]["sid"]);
    // The task of the call itself went with it.
    let waiting = office.tasks("inbound");
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    assert_eq!(waiting[0]["assignment_status"], "canceled");
}

#[actix_web::test]
async fn a_full_queue_leads_back_to_the_agent_who_takes_a_message() {
    let office = Office::open().await;
    office.twilio.set_queue_full(true);
    let caller = office.ring().await;
    caller.say(ASKS).await.expect("a conversation");
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    assert!(caller.words_until(SOON, |heard| heard.contains("none of my colleagues")).await);
    leave_a_message(&office.engine, &caller, "queue_full").await;
    assert_eq!(office.tasks("inbound").len(), 0);
}

#[actix_web::test]
async fn a_workflow_that_gives_up_leads_back_to_the_agent() {
    let office = Office::open().await;
    let caller = office.ring().await;
    ask(&caller).await;
    monitored(&office.engine, "queued/queued").await;
    office.twilio.cancel_task(caller.call_sid());
    assert!(caller.session_after(1, SOON).await, "{}", caller.log());
    assert!(caller.words_until(SOON, |heard| heard.contains("none of my colleagues")).await);
    let failed = |call: &Value| call["escalation"]["state"] == "failed";
    let transcript = office.engine.transcript_when(caller.call_sid(), failed).await;
    let why = transcript["escalation"]["unreached"].as_str().expect("a reason");
    assert!(["queue_error", "timed_out"].contains(&why), "{why}");
}

#[actix_web::test]
async fn a_caller_who_hangs_up_takes_the_task_along_at_every_step() {
    for step in ["waiting", "reserved", "bridged"] {
        let office = Office::open().await;
        let caller = office.ring().await;
        let call = caller.call_sid();
        ask(&caller).await;
        monitored(&office.engine, "queued/queued").await;
        if step != "waiting" {
            office.twilio.reserve(call);
            monitored(&office.engine, "queued/reserved").await;
        }
        if step == "bridged" {
            office.twilio.accept(call);
            let talks = |place: &Place| matches!(place, Place::Talk { .. });
            assert!(caller.place_until(SOON, talks).await, "{}", caller.log());
        }
        caller.hang_up().await.expect("a call");
        let ended = |call: &Value| call["status"] == "completed";
        let transcript = office.engine.transcript_when(call, ended).await;
        let tasks = office.tasks("inbound");
        let [task] = tasks.as_slice() else { panic!("{step}: {tasks:#?}") };
        let (state, status) =
            if step == "bridged" { ("finished", "completed") } else { ("failed", "canceled") };
        assert_eq!(transcript["escalation"]["state"], state, "{step}");
        assert_eq!(task["assignment_status"], status, "{step}");
    }
}
