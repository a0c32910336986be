//! Twilio's webhooks: a call rings, a session has ended, a call is over.
//!
//! They always answer TwiML that keeps or ends the call politely, even when something behind them
//! is broken, and a repeated webhook gets the same bytes.

use std::{future::Future, time::Duration};

use actix_web::{HttpResponse, web};
use switchhook_actors::{
    call_session::messages::{Conclude, SessionFailed},
    domain::{
        handoff::{HandoffNote, Next, SessionOver},
        ids::CallSid,
        legible::label,
        record::{CallRecord, Change, NewCall, Status},
    },
    registry::{
        messages::{Answered, Find, Open, Remember, Settle},
        store::{Key, Settled},
    },
};

use super::{Web, error::HttpError, signed::Signed};
use crate::{
    clock,
    twilio::{
        forms::{CallStatus, FormError, Incoming, SessionEnd, SessionStatus, StatusCallback},
        twiml::{self, Connect, Response, Say, Verb, action_url},
    },
};

/// How long one question to the registry may take. Twilio waits 4 s (`rt` of the action URL); the
/// caller should not wait one.
const REGISTRY_PATIENCE: Duration = Duration::from_millis(300);

/// How long a webhook's reply is kept for its repetitions, ms.
const REPLY_TTL: u64 = 60_000;

/// Characters of a field that becomes part of a reply's name: a `SessionId` has 34.
const NAME_MAX: usize = 64;

/// How long a session may take to hear that its call is over.
const CONCLUDE_PATIENCE: Duration = Duration::from_secs(1);

/// `POST /voice/incoming`.
pub(super) async fn incoming(
    signed: Signed,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let call = Incoming::read(&signed.form, signed.idempotency.as_deref()).map_err(bad)?;
    let key = reply_key("incoming", &signed, call.sid, "");
    let ring = ring(&web, &call);
    Ok(once(&web, "incoming", key, ring).await)
}

async fn ring(web: &Web, call: &Incoming) -> Response {
    let held = web.directory.find(call.sid).is_some();
    if !held && let Err(reason) = web.take_new_call(call.sid) {
        tracing::warn!(call.sid = %call.sid, reason, "a call is refused");
        metrics::counter!("switchhook_calls_refused_total", "reason" => reason).increment(1);
        return farewell(web);
    }
    let new = NewCall {
        sid: call.sid,
        caller: call.from.as_str().to_owned(),
        called: call.to.as_str().to_owned(),
        greeting: Some(web.greeting.clone()),
        at: clock::now(),
    };
    match web.registry.send(Open { call: new }).timeout(REGISTRY_PATIENCE).await {
        Ok(Ok(opened)) if opened.record.status.is_final() => Response::new().then(Verb::Hangup),
        Ok(Ok(opened)) => {
            if opened.fresh {
                tracing::info!(call.sid = %call.sid, "a call rings");
                metrics::counter!("switchhook_calls_opened_total").increment(1);
            }
            connect(web, call.sid, opened.record.transcript.turns().is_empty())
        }
        failed => {
            tracing::error!(call.sid = %call.sid, "the registry did not open a call: {}", cause(&failed));
            connect(web, call.sid, true)
        }
    }
}

/// `POST /voice/handoff`: every end of a ConversationRelay session.
pub(super) async fn handoff(
    signed: Signed,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let end = SessionEnd::read(&signed.form).map_err(bad)?;
    let session = signed.form.get("SessionId").unwrap_or_default();
    let key = reply_key("handoff", &signed, end.sid, session);
    Ok(once(&web, "handoff", key, after_session(&web, &end)).await)
}

async fn after_session(web: &Web, end: &SessionEnd) -> Response {
    let sid = end.sid;
    let record = look_up(web, sid).await;
    let over = over(end);
    let next = over.next(record.as_ref(), clock::now());
    tracing::info!(call.sid = %sid, ?over, ?next, error = end.error_code, "a session has ended");
    match next {
        Next::Nothing(status) => {
            conclude(web, sid, record, status).await;
            Response::new()
        }
        Next::HangUp => {
            conclude(web, sid, record, Status::Completed).await;
            Response::new().then(Verb::Hangup)
        }
        Next::Rejoin { greet } => {
            if let Some(record) = record {
                settle(web, record, Change::Rejoined).await;
            }
            if let Some(session) = web.directory.find(sid) {
                // A session that does not answer goes on as it was: the line is still to be had.
                let _ = session.send(SessionFailed).timeout(CONCLUDE_PATIENCE).await;
            }
            metrics::counter!("switchhook_lines_total", "event" => "rejoined").increment(1);
            connect(web, sid, greet)
        }
        Next::GiveUp => {
            tracing::error!(call.sid = %sid, "a call is given up: its sessions keep failing");
            conclude(web, sid, record, Status::Failed).await;
            farewell(web)
        }
    }
}

fn over(end: &SessionEnd) -> SessionOver {
    if end.call_status.is_over() {
        let completed = end.call_status == CallStatus::Completed;
        return SessionOver::CallOver { completed };
    }
    if end.error_code.is_some() || end.session_status == Some(SessionStatus::Failed) {
        let lasted = end.session_duration.map(|lasted| lasted.as_millis() as u64);
        return SessionOver::Failed { lasted };
    }
    // A note that cannot be read was not written by an engine: the session is over all the same.
    let note = end.handoff_data.as_deref().and_then(|text| HandoffNote::parse(text).ok());
    SessionOver::EndedByUs(note)
}

/// `POST /voice/status`: ends calls whose socket never said so.
pub(super) async fn status(signed: Signed, web: web::Data<Web>) -> Result<HttpResponse, HttpError> {
    let callback = StatusCallback::read(&signed.form).map_err(bad)?;
    count("status", "answered");
    if callback.call_status.is_over() {
        let completed = callback.call_status == CallStatus::Completed;
        let status = if completed { Status::Completed } else { Status::Failed };
        let record = look_up(&web, callback.sid).await;
        conclude(&web, callback.sid, record, status).await;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Brings a call to its end: through its session if that is here, which notes what was heard, else
/// in the record.
async fn conclude(web: &Web, sid: CallSid, record: Option<CallRecord>, status: Status) {
    web.admission.arrived(sid);
    if let Some(session) = web.directory.find(sid) {
        let told = session.send(Conclude { status }).timeout(CONCLUDE_PATIENCE).await;
        if told.is_ok() {
            return;
        }
    }
    if let Some(record) = record {
        settle(web, record, Change::Ended { status }).await;
    }
}

/// Changes a record that no session of ours holds, in the name of its newest epoch: a webhook of
/// Twilio's is evidence enough. A claim that comes in between is met once more.
async fn settle(web: &Web, record: CallRecord, change: Change) {
    let mut epoch = record.epoch;
    for _ in 0..2 {
        let order = Settle { sid: record.sid, epoch, change: change.clone(), at: clock::now() };
        match web.registry.send(order).timeout(REGISTRY_PATIENCE).await {
            Ok(Ok(Settled::Fenced)) => match look_up(web, record.sid).await {
                Some(newer) => epoch = newer.epoch,
                None => return,
            },
            Ok(Ok(_)) => return,
            failed => {
                return tracing::error!(call.sid = %record.sid, "a webhook's change is lost: {}", cause(&failed));
            }
        }
    }
}

async fn look_up(web: &Web, sid: CallSid) -> Option<CallRecord> {
    match web.registry.send(Find { key: Key::Sid(sid) }).timeout(REGISTRY_PATIENCE).await {
        Ok(Ok(record)) => record,
        failed => {
            tracing::error!(call.sid = %sid, "the registry did not find a call: {}", cause(&failed));
            None
        }
    }
}

/// `<Connect><ConversationRelay>`; `greet`: Twilio says the greeting first.
fn connect(web: &Web, sid: CallSid, greet: bool) -> Response {
    let mut relay = web.relay.clone();
    relay.url = format!("{}/conversation/{sid}", web.public_url.socket_origin());
    relay.welcome_greeting = greet.then(|| web.greeting.clone());
    let action = action_url(web.public_url.origin(), "/voice/handoff");
    Response::new().then(Connect::new(action, relay))
}

/// An apology and a goodbye, for a call that cannot be held.
fn farewell(web: &Web) -> Response {
    let mut say = Say::new(&web.persona.unavailable);
    // `<Say>` speaks one language; `multi` is for sessions.
    say.language = web.relay.attributes.language.clone().filter(|language| !language.is_multi());
    Response::new().then(say).then(Verb::Hangup)
}

/// Answers a webhook once: its repetitions get the same bytes.
async fn once(
    web: &Web,
    route: &'static str,
    key: String,
    reply: impl Future<Output = Response>,
) -> HttpResponse {
    let started = std::time::Instant::now();
    let _pass = web.under_way.pass(&key).await;
    let now = clock::now();
    let known =
        web.registry.send(Answered { key: key.clone(), now }).timeout(REGISTRY_PATIENCE).await;
    let (xml, outcome) = match known {
        Ok(Ok(Some(known))) => (known, "repeated"),
        // A registry that does not answer will not keep the reply either: the caller waits for it.
        Err(_) | Ok(Err(_)) => (reply.await.to_xml(), "unsaved"),
        Ok(Ok(None)) => {
            let xml = reply.await.to_xml();
            let keep = Remember {
                key: key.clone(),
                reply: xml.clone(),
                now: clock::now(),
                ttl: REPLY_TTL,
            };
            match web.registry.send(keep).timeout(REGISTRY_PATIENCE).await {
                Ok(Ok(stands)) => (stands, "answered"),
                _ => (xml, "unsaved"),
            }
        }
    };
    count(route, outcome);
    metrics::histogram!("switchhook_webhook_seconds", "route" => route).record(started.elapsed());
    HttpResponse::Ok().content_type(twiml::CONTENT_TYPE).body(xml)
}

fn reply_key(route: &str, signed: &Signed, sid: CallSid, part: &str) -> String {
    match &signed.idempotency {
        Some(token) => format!("{route}:{sid}:token:{token}"),
        None => {
            let status = signed.form.get("CallStatus").unwrap_or_default();
            let (part, status) = (label(part, NAME_MAX), label(status, NAME_MAX));
            format!("{route}:{sid}:{part}:{status}")
        }
    }
}

fn count(route: &'static str, outcome: &'static str) {
    metrics::counter!("switchhook_webhooks_total", "route" => route, "outcome" => outcome)
        .increment(1);
}

fn bad(error: FormError) -> HttpError {
    metrics::counter!("switchhook_webhooks_total", "route" => "voice", "outcome" => "malformed")
        .increment(1);
    HttpError::BadRequest(error.to_string())
}

/// Why the registry has no answer.
fn cause<T, E: std::fmt::Display>(answer: &Result<Result<T, E>, actix::MailboxError>) -> String {
    match answer {
        Ok(Ok(_)) => String::new(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}
