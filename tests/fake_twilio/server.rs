//! A Twilio to try things on: stateful, strict, and as unreliable as one wants it to be.
//!
//! The example `fake-twilio` serves it for people; the stories start it in their own process and
//! play single steps. It runs on a thread of its own and dies with its handle.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each of its users needs a part of it, and a fake that cannot go on fails them"
)]

mod agent;
mod answers;
mod calls;
mod control;
mod events;
mod expression;
mod handle;
mod kinds;
mod seeds;
mod state;
mod statistics;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::BodyStream,
    http::{StatusCode, header},
    web::{self, Bytes},
};
use futures_util::stream;
use tokio::sync::watch;
use url::form_urlencoded;

pub use self::{
    agent::Agent,
    calls::{Enqueue, NotEnqueued, Stage},
    handle::FakeTwilio,
    seeds::*,
    state::{Event, Misbehaviour, Seen},
};
use self::{
    answers::{Answer, Asked, answer},
    state::State,
};

/// A form is not longer, bytes.
const BODY_MAX: usize = 1024 * 1024;

/// How a fake begins.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens on 127.0.0.1; 0 for any free port.
    pub port: u16,
    /// The account.
    pub account_sid: String,
    /// Signs the events.
    pub auth_token: String,
    /// An API key.
    pub api_key_sid: String,
    /// Its secret.
    pub api_key_secret: String,
    /// Whether it begins without a workspace and without a number.
    pub empty: bool,
    /// Where the planted workspace sends its events; empty for nowhere.
    pub event_callback_url: String,
    /// Things on a page when nothing is asked for.
    pub page_size: usize,
    /// What the agent does by itself.
    pub agent: Agent,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            api_key_sid: API_KEY_SID.to_owned(),
            api_key_secret: API_KEY_SECRET.to_owned(),
            empty: false,
            event_callback_url: OLD_EVENTS_URL.to_owned(),
            page_size: 50,
            agent: Agent::None,
        }
    }
}

/// What the server's thread shares with the handle.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts what happens, for those who wait for something.
    news: watch::Sender<u64>,
    /// Calls for the agent to take.
    ring: tokio::sync::mpsc::UnboundedSender<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.news.send_modify(|count| *count += 1);
        result
    }
}

/// Serves until its thread is stopped.
async fn serve(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    calls: tokio::sync::mpsc::UnboundedReceiver<String>,
    mut stopped: watch::Receiver<()>,
) -> std::io::Result<()> {
    actix_web::rt::spawn(events::deliver(Arc::clone(&shared)));
    actix_web::rt::spawn(agent::take_calls(Arc::clone(&shared), calls));
    let shared = web::Data::from(shared);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(BODY_MAX))
            .configure(control::routes)
            .default_service(web::to(rest))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        // An error says that the handle is gone, which means the same.
        let _ = stopped.changed().await;
        handle.stop(false).await;
    });
    server.await
}

/// Everything but the control interface.
async fn rest(shared: web::Data<Shared>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let asked = asked(&request, &body);
    let change = asked.method != "GET";
    let misbehaviour = shared.state().misbehaviour(&asked.method, &asked.path, change);
    if misbehaviour == Some(Misbehaviour::Hang) {
        shared.write(|state| state.note(&asked, &request, 0));
        std::future::pending::<()>().await;
    }
    let answer = match misbehaviour {
        Some(Misbehaviour::Status(401)) => answers::refusal(401, 20003, "Authenticate"),
        Some(Misbehaviour::Status(429)) => answers::refusal(429, 20429, "Too Many Requests"),
        Some(Misbehaviour::Status(status)) => {
            answers::refusal(status, 20500, "An error that was ordered")
        }
        _ if is_form(&request, &asked) => shared.write(|state| answer(state, &asked)),
        _ => answers::refusal(415, 20001, "Unsupported Media Type"),
    };
    let forgets = misbehaviour == Some(Misbehaviour::Forget);
    let status = if forgets { 0 } else { answer.status };
    shared.write(|state| state.note(&asked, &request, status));
    respond(&answer, forgets)
}

fn respond(answer: &Answer, forgets: bool) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).expect("a status");
    let mut response = HttpResponse::build(status);
    if let Some(version) = answer.etag {
        response.insert_header((header::ETAG, format!("\"{version}\"")));
    }
    if answer.status == 429 {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    if forgets {
        // A body that fails ends the connection.
        let cut = stream::iter([Err::<Bytes, _>(std::io::Error::other("cut on order"))]);
        return response.body(BodyStream::new(cut));
    }
    if answer.body.is_null() { response.finish() } else { response.json(&answer.body) }
}

fn asked(request: &HttpRequest, body: &[u8]) -> Asked {
    let decoded = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
    let header =
        |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Asked {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: decoded(request.query_string().as_bytes()),
        form: decoded(body),
        authorization: header(header::AUTHORIZATION),
        if_match: header(header::IF_MATCH),
    }
}

fn is_form(request: &HttpRequest, asked: &Asked) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_it = kind.is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    asked.method != "POST" || is_it
}

impl State {
    /// What is ordered for a request; an order is used up by it.
    fn misbehaviour(&mut self, method: &str, path: &str, change: bool) -> Option<Misbehaviour> {
        if change && let Some((left, then)) = &mut self.allowance {
            if *left == 0 {
                let then = *then;
                if then == Misbehaviour::Forget {
                    // It was done once; what follows is not even heard.
                    self.allowance = Some((0, Misbehaviour::Status(403)));
                }
                return Some(then);
            }
            *left -= 1;
        }
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times > 0
                && (fault.method.is_empty() || fault.method == method)
                && path.contains(&fault.path_contains)
        })?;
        fault.times -= 1;
        Some(fault.answer)
    }

    fn note(&mut self, asked: &Asked, request: &HttpRequest, status: u16) {
        self.seen.push(Seen {
            method: asked.method.clone(),
            path: request.uri().to_string(),
            form: asked.form.clone(),
            status,
        });
    }
}
