//! A Twilio that has bad moments, byte by byte.

use std::{cell::RefCell, rc::Rc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

const SOON: Duration = Duration::from_secs(8);
const TASK: &str = r#"{"sid":"WT00000000000000000000000000000001"}"#;

/// What is done with a request.
#[derive(Clone)]
enum Act {
    Say(u16, &'static str, String),
    /// The head promises more than comes.
    CutBody,
    /// Nothing, and the connection ends.
    Cut,
    Hang,
}

fn say(status: u16, body: &str) -> Act {
    Act::Say(status, "", body.to_owned())
}

/// Acts one by one, the last one for ever; keeps the requests.
struct Scripted {
    url: String,
    seen: Rc<RefCell<Vec<String>>>,
}

impl Scripted {
    async fn start(acts: Vec<Act>) -> Self {
        crate::tls::install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Rc::new(RefCell::new(Vec::new()));
        let requests = Rc::clone(&seen);
        let acts = Rc::new(RefCell::new(std::collections::VecDeque::from(acts)));
        actix_web::rt::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                actix_web::rt::spawn(converse(socket, Rc::clone(&acts), Rc::clone(&requests)));
            }
        });
        Self { url, seen }
    }

    fn settings(&self) -> RestSettings {
        RestSettings {
            account_sid: "AC1".to_owned(),
            api_key: None,
            auth_token: Some("the-token".into()),
            api_url: self.url.clone(),
            taskrouter_url: self.url.clone(),
        }
    }

    fn rest(&self) -> Rest {
        Rest::new(self.settings()).expect("a client")
    }

    fn requests(&self) -> usize {
        self.seen.borrow().len()
    }
}

async fn converse(
    mut socket: TcpStream,
    acts: Rc<RefCell<std::collections::VecDeque<Act>>>,
    seen: Rc<RefCell<Vec<String>>>,
) {
    while let Some(request) = request(&mut socket).await {
        seen.borrow_mut().push(request);
        let act = {
            let mut acts = acts.borrow_mut();
            if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() }
        };
        let (text, ends) = match act.expect("an act") {
            Act::Say(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n");
                (format!("{head}\r\n{body}"), false)
            }
            Act::CutBody => ("HTTP/1.1 201 X\r\nContent-Length: 99\r\n\r\n{\"si".to_owned(), true),
            Act::Cut => return,
            Act::Hang => std::future::pending().await,
        };
        socket.write_all(text.as_bytes()).await.expect("it listens");
        if ends {
            return;
        }
    }
}

async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
                return Some(String::from_utf8(bytes).expect("text"));
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn task() -> NewTask {
    NewTask {
        workflow_sid: "WW1".to_owned(),
        attributes: r#"{"name":"A & B"}"#.to_owned(),
        priority: 5,
        timeout_s: 60,
        channel: "voice".to_owned(),
    }
}

#[actix_web::test]
async fn a_task_is_made_with_a_form_under_basic_authentication() {
    let twilio = Scripted::start(vec![say(201, TASK)]).await;
    let sid = twilio.rest().create_task("WS1", &task(), SOON).await.expect("a task");
    assert_eq!(sid, "WT00000000000000000000000000000001");
    let request = twilio.seen.borrow()[0].clone();
    assert!(request.starts_with("POST /v1/Workspaces/WS1/Tasks HTTP/1.1"), "{request}");
    // AC1:the-token
    assert!(
        request.to_lowercase().contains("authorization: basic qumxonrozs10b2tlbg=="),
        "{request}"
    );
    let form = "WorkflowSid=WW1&Attributes=%7B%22name%22%3A%22A+%26+B%22%7D&Priority=5&Timeout=60&TaskChannel=voice";
    assert!(request.ends_with(form), "{request}");
}

#[actix_web::test]
async fn a_read_outlives_failures_and_a_cut_and_a_body_that_ends_early() {
    let acts = vec![say(503, "<html>"), Act::Cut, Act::CutBody, say(200, r#"{"sid":"WS1"}"#)];
    let twilio = Scripted::start(acts).await;
    twilio.rest().workspace("WS1", SOON).await.expect("a workspace");
    assert_eq!(twilio.requests(), 4);
}

#[actix_web::test]
async fn a_read_that_is_never_answered_is_given_up_and_asked_again() {
    let twilio = Scripted::start(vec![Act::Hang, say(200, "{}")]).await;
    let begun = Instant::now();
    twilio.rest().workspace("WS1", Duration::from_secs(2)).await.expect("a workspace");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(twilio.requests(), 2);
}

#[actix_web::test]
async fn twilio_is_left_alone_as_long_as_it_asks_for_if_there_is_time() {
    let busy = Act::Say(429, "Retry-After: 1\r\n", r#"{"code":20429,"status":429}"#.to_owned());
    let twilio = Scripted::start(vec![busy.clone(), say(201, TASK)]).await;
    let begun = Instant::now();
    // It was certainly not done, so that even a creation may be repeated.
    twilio.rest().create_task("WS1", &task(), SOON).await.expect("a task");
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let twilio = Scripted::start(vec![busy]).await;
    let error = twilio.rest().workspace("WS1", Duration::from_millis(900)).await;
    let error = error.expect_err("it is busy");
    assert!(matches!(error, RestError::Busy { .. }) && !error.maybe_done(), "{error}");
    assert_eq!(twilio.requests(), 1);
}

#[actix_web::test]
async fn a_creation_that_may_have_been_done_is_not_repeated() {
    for act in [Act::Cut, Act::CutBody, say(500, ""), say(201, "?"), Act::Hang] {
        let twilio = Scripted::start(vec![act]).await;
        let made = twilio.rest().create_task("WS1", &task(), Duration::from_secs(1)).await;
        let error = made.expect_err("no answer");
        assert!(error.maybe_done(), "{error}");
        assert_eq!(twilio.requests(), 1, "{error}");
    }
}

#[actix_web::test]
async fn what_was_not_sent_or_is_refused_was_certainly_not_done() {
    let gone = Scripted::start(vec![]).await;
    let mut settings = gone.settings();
    settings.taskrouter_url = "http://127.0.0.1:1".to_owned();
    let rest = Rest::new(settings).expect("a client");
    let error = rest.create_task("WS1", &task(), Duration::from_millis(300)).await;
    let error = error.expect_err("nobody is there");
    assert!(error == RestError::Unreachable && !error.maybe_done(), "{error}");

    let twilio = Scripted::start(vec![say(400, r#"{"code":20001,"message":"No"}"#)]).await;
    let error = twilio.rest().create_task("WS1", &task(), SOON).await.expect_err("a refusal");
    assert!(!error.maybe_done());
    assert_eq!(error.to_string(), "Twilio refuses it (400, code 20001)");
    assert_eq!(twilio.requests(), 1);
}

#[actix_web::test]
async fn both_forms_of_errors_are_understood() {
    let newer = r#"{"type":"https://twilio.com/errors/20404","title":"Not Found","status":404,"code":20404,"detail":"No such thing"}"#;
    let older = r#"{"code":20404,"message":"No such thing","more_info":"…","status":404}"#;
    for body in [newer, older] {
        let twilio = Scripted::start(vec![say(404, body)]).await;
        let error = twilio.rest().workspace("WS1", SOON).await.expect_err("it is unknown");
        let said = error.said().expect("words");
        assert_eq!((said.code, said.words.as_str()), (Some(20404), "No such thing"));
        assert!(matches!(error, RestError::Unknown(_)), "{error}");
    }
}

#[actix_web::test]
async fn the_auth_token_takes_over_from_a_key_that_is_refused_and_stays() {
    let refused = say(401, r#"{"code":20003,"message":"Authenticate"}"#);
    let twilio = Scripted::start(vec![refused.clone(), say(200, "{}")]).await;
    let key = Some(("SK1".to_owned(), "the-secret".into()));
    let settings = RestSettings { api_key: key, ..twilio.settings() };
    let rest = Rest::new(settings.clone()).expect("a client");
    rest.workspace("WS1", SOON).await.expect("a workspace");
    rest.workspace("WS1", SOON).await.expect("a workspace");
    assert_eq!(twilio.requests(), 3);

    let twilio = Scripted::start(vec![refused]).await;
    let settings = RestSettings { taskrouter_url: twilio.url.clone(), ..settings };
    let rest = Rest::new(settings).expect("a client");
    let error = rest.workspace("WS1", SOON).await.expect_err("both are wrong");
    assert_eq!(error.to_string(), "Twilio does not accept the credentials (401, code 20003)");
    assert_eq!(twilio.requests(), 2);
    let shown = format!("{error:?} {rest:?}");
    assert!(!shown.contains("the-secret") && !shown.contains("the-token"), "{shown}");
}

#[actix_web::test]
async fn an_answer_without_end_is_not_kept() {
    let twilio = Scripted::start(vec![say(200, &format!("\"{}\"", "x".repeat(BODY_MAX)))]).await;
    assert!(twilio.rest().workspace("WS1", Duration::from_millis(500)).await.is_err());
}

#[actix_web::test]
async fn the_figures_of_a_workflow_are_what_callers_may_be_told() {
    let now = r#"{"longest_task_waiting_age":75,"tasks_by_status":{"pending":3,"reserved":1,"assigned":9},"total_tasks":13}"#;
    let before =
        r#"{"reservations_accepted":4,"wait_duration_until_accepted":{"avg":41.6,"min":1}}"#;
    let workers = r#"{"workers":[{},{}],"meta":{}}"#;
    let twilio = Scripted::start(vec![say(200, now), say(200, before), say(200, workers)]).await;
    let figures = twilio.rest().workflow_figures("WS1", "WW1", SOON).await.expect("figures");
    let expected =
        Figures { waiting: 4, longest_wait_s: 75, average_wait_s: Some(42), available_workers: 2 };
    assert_eq!(figures, expected);
    let nothing = say(200, r#"{"wait_duration_until_accepted":{"avg":0},"workers":[]}"#);
    let twilio = Scripted::start(vec![nothing]).await;
    let figures = twilio.rest().workflow_figures("WS1", "WW1", SOON).await.expect("figures");
    assert_eq!(figures.average_wait_s, None);
}

#[actix_web::test]
async fn a_list_is_read_page_by_page_to_a_bound() {
    let page = r#"{"workers":[{}],"meta":{"next_page_url":"/v1/Workspaces/WS1/Workers?Page=1"}}"#;
    let last = r#"{"workers":[{}],"meta":{"next_page_url":null}}"#;
    let twilio = Scripted::start(vec![say(200, page), say(200, last)]).await;
    let place = Place::taskrouter("workers", &["Workspaces", "WS1", "Workers"]);
    let all = twilio.rest().list(&place, "workers", SOON).await.expect("a list");
    assert_eq!(all.len(), 2);
    let twilio = Scripted::start(vec![say(200, page)]).await;
    let all = twilio.rest().list(&place, "workers", SOON).await;
    assert!(matches!(all, Err(RestError::Pages(_))), "{all:?}");
}

#[actix_web::test]
async fn a_live_call_gets_another_document_however_often_that_takes() {
    let twilio = Scripted::start(vec![say(500, ""), say(200, "{}")]).await;
    twilio.rest().redirect_call("CA1", "<Response/>", SOON).await.expect("it is taken");
    let seen = twilio.seen.borrow();
    assert!(seen[1].starts_with("POST /2010-04-01/Accounts/AC1/Calls/CA1.json HTTP/1.1"));
    assert!(seen[1].ends_with("Twiml=%3CResponse%2F%3E"));
}
