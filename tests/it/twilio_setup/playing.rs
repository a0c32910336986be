//! The fake itself: what Twilio would refuse is refused, and a call is played as Twilio plays it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;
use switchhook::twilio::{
    forms::Form,
    rest::{NewTask, Rest, RestError, RestSettings},
    signature::Signatures,
};

use crate::fake_twilio::{
    API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN, Enqueue, FakeTwilio, Misbehaviour, NotEnqueued,
    Options, Stage, WORKFLOW_SID, WORKSPACE_SID,
};

const SOON: Duration = Duration::from_secs(8);
const CALL: &str = "CA000000000000000000000000000000aa";

fn rest(fake: &FakeTwilio) -> Rest {
    let env = fake.env();
    let value = |wanted: &str| {
        let found = env.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).expect("a variable")
    };
    let settings = RestSettings {
        account_sid: value("TWILIO_ACCOUNT_SID"),
        api_key: Some((API_KEY_SID.to_owned(), API_KEY_SECRET.into())),
        auth_token: None,
        api_url: fake.url().to_owned(),
        taskrouter_url: fake.url().to_owned(),
    };
    Rest::new(settings).expect("a client")
}

fn enqueue(task: &str) -> Enqueue {
    Enqueue {
        from: "+15550100002".to_owned(),
        to: "+15550100001".to_owned(),
        workflow_sid: WORKFLOW_SID.to_owned(),
        task: task.to_owned(),
        ..Enqueue::default()
    }
}

fn call_back() -> NewTask {
    NewTask {
        workflow_sid: WORKFLOW_SID.to_owned(),
        attributes: r#"{"escalation_id":"E1"}"#.to_owned(),
        priority: 0,
        timeout_s: 3_600,
        channel: "default".to_owned(),
    }
}

type Heard = Arc<Mutex<Vec<(Form, bool)>>>;

/// Somebody who listens to events, and whether their signatures are right.
async fn listener() -> (String, Heard) {
    let heard = Heard::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/taskrouter/events", listener.local_addr().expect("an address"));
    let state = (web::Data::new(url.clone()), web::Data::from(Arc::clone(&heard)));
    let server = HttpServer::new(move || {
        let app = App::new().app_data(state.0.clone()).app_data(state.1.clone());
        app.default_service(web::to(hear))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("it listens").run();
    actix_web::rt::spawn(server);
    (url, heard)
}

async fn hear(
    request: HttpRequest,
    body: web::Bytes,
    url: web::Data<String>,
    heard: web::Data<Mutex<Vec<(Form, bool)>>>,
) -> HttpResponse {
    let form = Form::parse(&body).expect("a form");
    let header = request.headers().get("X-Twilio-Signature");
    let header = header.and_then(|header| header.to_str().ok());
    let keys = Signatures::new([AUTH_TOKEN.into()]).expect("a token");
    let is_right = keys.verify_form(&url, form.pairs(), header).is_ok();
    heard.lock().expect("the list").push((form, is_right));
    HttpResponse::NoContent().finish()
}

#[actix_web::test]
async fn a_call_goes_through_the_queue_to_a_worker_and_its_events_are_signed() {
    let (url, heard) = listener().await;
    let options = Options { event_callback_url: url, ..Options::default() };
    let fake = FakeTwilio::start(options).await;
    let (task, _) = fake.enqueue(CALL, &enqueue(r#"{"skill":""}"#)).expect("a place");
    assert_eq!(fake.call(CALL)["position"], 1);
    fake.reserve(CALL);
    fake.time_out(CALL);
    assert_eq!(fake.stage(CALL), Some(Stage::Waiting));
    let reservation = fake.reserve(CALL);
    fake.accept(CALL);
    fake.finish(CALL);
    assert_eq!(fake.call(CALL)["queue_result"], "bridged");
    fake.settled().await;
    let heard = heard.lock().expect("the list");
    assert!(heard.iter().all(|(_, is_right)| *is_right));
    let types: Vec<_> = heard.iter().filter_map(|(form, _)| form.get("EventType")).collect();
    let expected = [
        "task.created",
        "reservation.created",
        "reservation.timeout",
        "reservation.created",
        "reservation.accepted",
        "task.wrapup",
        "reservation.completed",
        "task.completed",
    ];
    assert_eq!(types, expected);
    let accepted = &heard[4].0;
    assert_eq!(accepted.get("TaskSid"), Some(task.as_str()));
    assert_eq!(accepted.get("ReservationSid"), Some(reservation.as_str()));
    assert_eq!(accepted.get("WorkerName"), Some("ada"));
    let attributes = accepted.get("TaskAttributes").expect("attributes");
    assert!(attributes.contains(r#""sid":"CF"#) && attributes.contains(CALL), "{attributes}");
}

#[actix_web::test]
async fn events_may_come_twice_and_in_another_order() {
    let (url, heard) = listener().await;
    let options = Options { event_callback_url: url, ..Options::default() };
    let fake = FakeTwilio::start(options).await;
    fake.hold_events();
    fake.repeat_events(2);
    fake.enqueue(CALL, &enqueue("{}")).expect("a place");
    fake.hang_up(CALL);
    fake.release_events(true);
    fake.settled().await;
    let heard = heard.lock().expect("the list");
    let types: Vec<_> = heard.iter().filter_map(|(form, _)| form.get("EventType")).collect();
    assert_eq!(types, ["task.canceled", "task.canceled", "task.created", "task.created"]);
    assert_eq!(heard[0].0.get("TaskCanceledReason"), Some("hangup"));
}

#[actix_web::test]
async fn a_task_that_is_no_json_or_too_long_is_refused_and_a_full_queue_says_so() {
    let fake = FakeTwilio::start(Options::default()).await;
    let refused = |enqueue: Enqueue| match fake.enqueue(CALL, &enqueue) {
        Err(NotEnqueued::Wrong(code, _)) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(enqueue("[]")), 14221);
    assert_eq!(refused(enqueue(&json!({"a": "x".repeat(4_090)}).to_string())), 14221);
    let unknown = format!("WW{}", "f".repeat(32));
    assert_eq!(refused(Enqueue { workflow_sid: unknown, ..enqueue("{}") }), 14220);
    fake.set_queue_full(true);
    assert_eq!(fake.enqueue(CALL, &enqueue("{}")), Err(NotEnqueued::Full));
}

#[actix_web::test]
async fn the_rest_client_finds_the_task_whose_answer_was_lost() {
    let fake = FakeTwilio::start(Options::default()).await;
    let rest = rest(&fake);
    fake.misbehave("POST", "/Tasks", Misbehaviour::Forget, 1);
    let error = rest.create_task(WORKSPACE_SID, &call_back(), SOON).await.expect_err("it is cut");
    assert!(error.maybe_done(), "{error}");
    let found = rest.find_task(WORKSPACE_SID, "escalation_id == 'E1'", SOON).await;
    assert!(found.expect("an answer").is_some_and(|sid| sid.starts_with("WT")));
    let found = rest.find_task(WORKSPACE_SID, "escalation_id == 'E2'", SOON).await;
    assert_eq!(found.expect("an answer"), None);
    let figures = rest.workflow_figures(WORKSPACE_SID, WORKFLOW_SID, SOON).await.expect("figures");
    assert_eq!((figures.waiting, figures.available_workers), (1, 1));
    assert_eq!(figures.average_wait_s, None);
}

#[actix_web::test]
async fn what_twilio_refuses_is_refused() {
    let fake = FakeTwilio::start(Options::default()).await;
    let rest = rest(&fake);
    let code = |error: RestError| error.said().and_then(|said| said.code);
    let wrong = rest.find_task(WORKSPACE_SID, "call-sid == 'CA1'", SOON).await;
    assert_eq!(code(wrong.expect_err("a hyphen")), Some(20001));
    let task = NewTask { attributes: "{".to_owned(), ..call_back() };
    let wrong = rest.create_task(WORKSPACE_SID, &task, SOON).await;
    assert_eq!(code(wrong.expect_err("no JSON")), Some(20001));
    let wrong = rest.workspace("WS1", SOON).await.expect_err("no SID");
    assert_eq!(code(wrong), Some(20404));
    let wrong = rest.redirect_call(CALL, "<Response/>", SOON).await.expect_err("no such call");
    assert_eq!(code(wrong), Some(20404));
    fake.enqueue(CALL, &enqueue("{}")).expect("a place");
    rest.redirect_call(CALL, "<Response/>", SOON).await.expect("it is taken");
    assert_eq!(fake.call(CALL)["queue_result"], "redirected");
}
