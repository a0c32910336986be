//! The adapter to OpenAI-compatible models, against a model that misbehaves on demand.
#![expect(clippy::expect_used, clippy::panic, reason = "what a test listens with may fail it")]

mod breaker;
mod connections;
mod tools;

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use secrecy::SecretString;
use switchhook::models::openai::{Endpoint, OpenAi, OpenAiSettings};
use switchhook_actors::{
    domain::{
        answer::{AnswerEvent, FailureKind, Finish, ModelFailure},
        prompt::{Message, Prompt, Speaker, Tools},
    },
    llm_gateway::model::Model as _,
};

use crate::harness::{
    model::{Gate, ScriptedModel, Step, echo_of},
    provider,
};

/// Longer than anything here takes, so that a test that hangs fails.
const SOON: Duration = Duration::from_secs(10);

/// Within this a model must notice that nobody listens; 150 ms are usual.
const AT_ONCE: Duration = Duration::from_secs(1);

fn settings(url: &str) -> OpenAiSettings {
    provider();
    OpenAiSettings {
        base_url: url.parse().expect("no URL"),
        api_key: Some(SecretString::from("sk-very-secret")),
        model: "gpt-4o-mini".to_owned(),
        temperature: 0.7,
        max_tokens: 150,
        tools: true,
        pool: 1000,
        first_byte: SOON,
    }
}

fn client(settings: OpenAiSettings) -> OpenAi {
    OpenAi::new(Endpoint::new(settings).expect("settings that work"))
}

fn prompt(words: &str) -> Prompt {
    let message = |role, content: &str| Message::new(role, content);
    let persona = message(Speaker::System, "You are an owl.");
    Prompt { messages: vec![persona, message(Speaker::User, words)], tools: Tools::Escalate }
}

/// All tokens as one text, and the end.
async fn hear(model: &OpenAi, words: &str) -> Result<(String, AnswerEvent), ModelFailure> {
    hear_on(model, words, false).await
}

async fn hear_on(
    model: &OpenAi,
    words: &str,
    fresh: bool,
) -> Result<(String, AnswerEvent), ModelFailure> {
    let listening = async {
        let mut events: Vec<_> = model.open(prompt(words), fresh).await?.collect().await;
        let end = events.pop().expect("an answer without end");
        let text = events.into_iter().map(|event| match event {
            AnswerEvent::Token(text) => text,
            other => panic!("{other:?} before the end"),
        });
        Ok((text.collect(), end))
    };
    tokio::time::timeout(SOON, listening).await.expect("the answer hangs")
}

/// What was heard of these steps, and how it failed: before or in the answer.
async fn hear_failure(steps: Vec<Step>) -> (String, ModelFailure) {
    let server = ScriptedModel::start(move |_, _| steps.clone());
    match hear(&client(settings(&server.url())), "Hello?").await {
        Err(failure) => (String::new(), failure),
        Ok((text, AnswerEvent::Failed(failure))) => (text, failure),
        Ok(whole) => panic!("no failure: {whole:?}"),
    }
}

fn token(text: &str) -> Step {
    Step::Token(text.to_owned())
}

fn wire(text: &str) -> Step {
    Step::Wire(text.as_bytes().to_vec())
}

fn raw(text: &str) -> Step {
    Step::Raw(text.as_bytes().to_vec())
}

fn done(text: &str) -> (String, AnswerEvent) {
    (text.to_owned(), AnswerEvent::Done(Finish::Stop))
}

#[actix::test]
async fn a_caller_is_answered_in_the_words_of_the_model() {
    let server = ScriptedModel::saying("Good morning, this is the OWL Bank.");
    let model = client(settings(&server.url()));
    let heard = hear(&model, "Hello?").await.expect("an answer");
    assert_eq!(heard, done("Good morning, this is the OWL Bank."));

    let request = &server.requests()[0];
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.authorization(), Some("Bearer sk-very-secret"));
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("switchhook/")));
    assert_eq!(request.messages(), [("system", "You are an owl."), ("user", "Hello?")]);
    let mut body = request.body.clone();
    for known in ["messages", "tools"] {
        body.as_object_mut().expect("an object").remove(known);
    }
    let expected = serde_json::json!({
        "model": "gpt-4o-mini", "stream": true, "temperature": 0.7, "max_tokens": 150,
    });
    assert_eq!(body, expected);
}

#[actix::test]
async fn a_local_model_is_asked_without_a_key() {
    let server = ScriptedModel::echoing();
    let model = client(OpenAiSettings { api_key: None, ..settings(&server.url()) });
    assert_eq!(hear(&model, "Hello?").await.expect("an answer"), done(&echo_of("Hello?")));
    assert_eq!(server.requests()[0].authorization(), None);
}

#[actix::test]
async fn a_word_is_heard_before_the_next_is_written() {
    let gate = Gate::new();
    let steps = [token("Well,"), Step::WaitFor(gate.clone()), token(" yes."), Step::Done];
    let server = ScriptedModel::start(move |_, _| steps.to_vec());
    let mut answer =
        client(settings(&server.url())).open(prompt("Is it?"), false).await.expect("a head");
    let first = tokio::time::timeout(SOON, answer.next()).await.expect("the first word waits");
    assert_eq!(first, Some(AnswerEvent::Token("Well,".to_owned())));
    gate.open();
    assert_eq!(answer.next().await, Some(AnswerEvent::Token(" yes.".to_owned())));
    assert_eq!(answer.next().await, Some(AnswerEvent::Done(Finish::Stop)));
    assert_eq!(answer.next().await, None);
}

#[actix::test]
async fn the_end_is_known_although_the_connection_stays_open() {
    let steps = [token("Bye."), Step::Finish("length".to_owned()), Step::Hang];
    let server = ScriptedModel::start(move |_, _| steps.to_vec());
    let heard = hear(&client(settings(&server.url())), "Bye!").await.expect("an answer");
    assert_eq!(heard, ("Bye.".to_owned(), AnswerEvent::Done(Finish::Length)));
    assert!(server.aborted(0, SOON).await.is_some(), "the connection stays open for ever");
}

#[actix::test]
async fn events_may_be_torn_anywhere() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"Grüß Gott 🦉\"}}]}\r\n\r\n\
        : note\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n";
    let server = ScriptedModel::start(move |_, _| Step::trickle(stream.as_bytes()));
    let heard = hear(&client(settings(&server.url())), "Servus").await.expect("an answer");
    assert_eq!(heard, done("Grüß Gott 🦉"));
}

#[actix::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = r#"{"choices":[{"message":{"content":"All at once."},"finish_reason":"stop"}]}"#;
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let server =
        ScriptedModel::start(move |_, _| vec![Step::Status(200, json.clone(), body.to_owned())]);
    let heard = hear(&client(settings(&server.url())), "Hello?").await.expect("an answer");
    assert_eq!(heard, done("All at once."));
}

#[actix::test]
async fn an_answer_is_heard_without_what_no_voice_can_say() {
    let stop = || Step::Finish("stop".to_owned());
    for (steps, heard, finish) in [
        (vec![token("<thi"), token("nk>Hm.</think>\n"), token("Yes.")], "Yes.", Finish::Stop),
        (vec![token("<think>And on, and on")], "", Finish::Stop),
        (vec![token("Y\0e\u{200B}s\u{E0041}.\u{202E}")], "Yes.", Finish::Stop),
        (
            vec![Step::Decline("I can't".to_owned()), Step::Decline(".".to_owned())],
            "I can't.",
            Finish::Refused,
        ),
        (vec![token("Well"), Step::Finish("length".to_owned())], "Well", Finish::Length),
        (vec![token("Well"), Step::Finish("content_filter".to_owned())], "Well", Finish::Filtered),
        (vec![Step::Labelled("text/plain".to_owned()), token("Yes.")], "Yes.", Finish::Stop),
        (vec![Step::Labelled("application/json".to_owned()), token("Yes.")], "Yes.", Finish::Stop),
    ] {
        let steps = [steps, vec![stop(), Step::Done]].concat();
        let described = format!("{steps:?}");
        let server = ScriptedModel::start(move |_, _| steps.clone());
        let answer = hear(&client(settings(&server.url())), "Hello?").await.expect("an answer");
        assert_eq!(answer, (heard.to_owned(), AnswerEvent::Done(finish)), "{described}");
    }
}

#[actix::test]
async fn a_body_that_only_ends_with_its_connection_is_named_as_the_cause() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello.\"}}]}\n\n".to_owned();
    let (_, failure) = hear_failure(vec![Step::Unframed(body)]).await;
    let cause = "a body without length or chunks, which this client cannot read";
    assert_eq!((failure.detail.as_str(), failure.retryable), (cause, false));
}

#[actix::test]
async fn a_refusal_tells_whether_and_when_to_ask_again() {
    let limit = "rate_limit_exceeded";
    for (status, headers, code, retryable, after) in [
        (400, &[][..], "context_length_exceeded", false, None),
        (401, &[], "invalid_api_key", false, None),
        (404, &[], "model_not_found", false, None),
        (408, &[], "timeout", true, None),
        (429, &[("Retry-After", "2")], limit, true, Some(2000)),
        (429, &[("Retry-After", "2"), ("Retry-After-Ms", "1500")], limit, true, Some(1500)),
        (429, &[("Retry-After", "Fri, 01 Jan 2016 00:00:00 GMT")], limit, true, Some(0)),
        (429, &[("Retry-After", "soon")], limit, true, None),
        (429, &[("Retry-After", "0")], limit, true, Some(0)),
        (429, &[("Retry-After", "60")], limit, true, Some(60_000)),
        (429, &[("Retry-After", "2")], "insufficient_quota", false, Some(2000)),
        (500, &[], "server_error", true, None),
        (503, &[], "server_is_overloaded", true, None),
    ] {
        let (text, failure) = hear_failure(vec![Step::refusal(status, headers, code)]).await;
        let expected = ModelFailure {
            kind: FailureKind::Status(status),
            detail: code.to_owned(),
            retryable,
            after,
        };
        assert_eq!((text.as_str(), failure), ("", expected));
    }
}

#[actix::test]
async fn the_key_and_the_words_do_not_follow_a_redirect() {
    let moved = Step::refusal(307, &[("Location", "/elsewhere")], "moved");
    let server = ScriptedModel::start(move |request, _| match request.path.as_str() {
        "/elsewhere" => Step::answer("Got you."),
        _ => vec![moved.clone()],
    });
    let failure = hear(&client(settings(&server.url())), "Hello?").await.expect_err("followed");
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Status(307), false));
    assert_eq!(server.requests().len(), 1);
}

#[actix::test]
async fn a_refusal_does_not_wait_for_a_body_that_does_not_come() {
    let promise = vec![("content-length".to_owned(), "5000".to_owned())];
    let begun = "{\"error\":{\"code\":\"server_error\"".to_owned();
    let (_, failure) = hear_failure(vec![Step::Status(500, promise, begun)]).await;
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Status(500), true));
    assert_eq!(failure.detail, "no error code");
}

#[actix::test]
async fn a_broken_answer_says_how_it_broke_and_keeps_what_was_said() {
    let unlabelled = Step::Status(200, vec![], "<html></html>".to_owned());
    let endless = Step::Raw(vec![b'x'; 1024 * 1024]);
    for (steps, text, kind) in [
        (vec![Step::Cut], "", FailureKind::Dropped),
        (vec![Step::Reset], "", FailureKind::Dropped),
        (vec![wire("HTTP/1.1 200 O"), Step::Cut], "", FailureKind::Connect),
        (vec![wire("SSH-2.0-OpenSSH_9.2\r\n"), Step::Cut], "", FailureKind::Garbage),
        (vec![Step::Unframed("data: [DONE]\n\n".to_owned())], "", FailureKind::Garbage),
        (vec![token("Well"), Step::Reset], "Well", FailureKind::Cut),
        (vec![Step::Head, Step::Cut], "", FailureKind::Cut),
        (vec![token("Well"), Step::Cut], "Well", FailureKind::Cut),
        (vec![token("Well")], "Well", FailureKind::Cut),
        (vec![token("Well"), raw("data: {\"choices\":[{\"del")], "Well", FailureKind::Cut),
        (vec![token("Well"), raw("data: {\"choices\"\n\n")], "Well", FailureKind::Garbage),
        (vec![token("Well"), raw("data: a\0b\n\n")], "Well", FailureKind::Garbage),
        (vec![token("Well"), Step::Raw(vec![0xFF, b'\n'])], "Well", FailureKind::Garbage),
        (vec![token("Well"), endless], "Well", FailureKind::Garbage),
        (vec![raw("<html>Please log in</html>")], "", FailureKind::Garbage),
        (vec![unlabelled], "", FailureKind::Garbage),
        (vec![Step::page()], "", FailureKind::Garbage),
        (vec![token("Well"), Step::error("server_error")], "Well", FailureKind::Upstream),
        (vec![raw("data: {\"error\":\"overloaded\"}\n\n")], "", FailureKind::Upstream),
    ] {
        let described = format!("{steps:?}").chars().take(200).collect::<String>();
        let (heard, failure) = hear_failure(steps).await;
        assert_eq!((heard.as_str(), failure.kind), (text, kind), "{described}: {failure}");
    }
}

#[actix::test]
async fn a_model_that_is_not_there_is_a_failure_to_connect() {
    let server = ScriptedModel::saying("Hello.");
    let model = client(settings(&server.url()));
    drop(server);
    let failure = hear(&model, "Hello?").await.expect_err("an answer from nobody");
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Connect, true));
}

#[actix::test]
async fn a_model_that_does_not_begin_in_time_is_a_timeout() {
    let server = ScriptedModel::start(|_, _| vec![Step::Hang]);
    let first_byte = Duration::from_millis(100);
    let model = client(OpenAiSettings { first_byte, ..settings(&server.url()) });
    let failure = hear(&model, "Hello?").await.expect_err("an answer from a silent model");
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Timeout, true));
    assert!(server.aborted(0, AT_ONCE).await.is_some(), "the model was not told");
}

#[actix::test]
async fn a_model_stops_writing_when_nobody_listens_any_more() {
    let server = ScriptedModel::start(|_, _| vec![token("Once"), Step::Hang]);
    let mut answer =
        client(settings(&server.url())).open(prompt("A story!"), false).await.expect("a head");
    assert_eq!(answer.next().await, Some(AnswerEvent::Token("Once".to_owned())));
    let dropped = Instant::now();
    drop(answer);
    let noticed = server.aborted(0, AT_ONCE).await.expect("the model was not told");
    let after = noticed.saturating_duration_since(dropped);
    assert!(after < AT_ONCE, "told after {after:?}");
}

#[actix::test]
async fn a_model_is_told_although_it_had_not_begun() {
    let server = ScriptedModel::start(|_, _| vec![Step::Hang]);
    let model = client(settings(&server.url()));
    let asking = actix::spawn(model.open(prompt("Hello?"), false));
    server.asked(0, SOON).await.expect("no request");
    asking.abort();
    server.aborted(0, AT_ONCE).await.expect("the model was not told");
}
