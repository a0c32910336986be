//! Twilio's webhooks: a call rings, a session has ended ([`session_over`]), a caller waits or has
//! waited for a person ([`queue`]), a call is over.
//!
//! They always answer TwiML that keeps or ends the call politely, even when something behind them
//! is broken, and a repeated webhook gets the same bytes.

mod once;
mod queue;
mod session_over;

use std::{fmt::Write as _, iter::repeat_n, time::Duration};

use actix_web::{HttpResponse, web};
use switchhook_actors::{
    call_session::messages::Conclude,
    domain::{
        escalation::Step,
        ids::CallSid,
        record::{CallRecord, Change, Failure, NewCall, Status},
        time::{Millis, Timestamp},
    },
    escalation_manager::messages::Progress,
    registry::{
        messages::{Find, Open, Settle},
        store::{Key, Settled, StoreError},
    },
};

use self::once::{REPLY_TTL, once, reply_key};
pub(super) use self::{
    queue::{queued, wait},
    session_over::handoff,
};
use super::{Web, error::HttpError, signed::Signed};
use crate::{
    clock,
    twilio::{
        forms::{CallStatus, FormError, Incoming, StatusCallback},
        twiml::{Connect, Response, Say, Verb, action_url},
    },
};

/// How long one question to the registry may take. Twilio waits 4 s (`rt` of the action URL); the
/// caller should not wait one.
const REGISTRY_PATIENCE: Duration = Duration::from_millis(300);

/// How long the EscalationManager may take: up to five questions to the registry. Twilio waits 4 s.
const ESCALATION_PATIENCE: Duration = Duration::from_millis(2_500);

/// How soon after a ring it is asked again as the same, ms.
const AT_ONCE: Millis = 1_000;

/// Pauses before a change is tried again that could not be stored: for ten seconds, and the end of a call
/// for a quarter of an hour.
const NOTE_SOON: Duration = Duration::from_millis(200);
const NOTE_AGAIN: Duration = Duration::from_secs(2);

/// How long the end of a call then lets pass what comes before it: what its owner brings back, and the
/// steps of an escalation that are owed.
const NOTE_LAST: Duration = Duration::from_secs(6);

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
    Ok(once(&web, "incoming", call.sid, key, REPLY_TTL, ring).await)
}

async fn ring(web: &Web, call: &Incoming) -> Response {
    // Its socket finds another engine while this one drains.
    let held = web.sends_calls_away() || web.directory.find(call.sid).is_some();
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
            let greet = opened.record.transcript.turns().is_empty();
            connect_after(web, call.sid, greet, Before::none(asked_at(&opened.record)))
        }
        failed => {
            tracing::error!(call.sid = %call.sid, "the registry did not open a call: {}", cause(&failed));
            connect(web, call.sid, true)
        }
    }
}

/// `POST /voice/status`: ends calls whose socket never said so.
pub(super) async fn status(signed: Signed, web: web::Data<Web>) -> Result<HttpResponse, HttpError> {
    let callback = StatusCallback::read(&signed.form).map_err(bad)?;
    count("status", "answered");
    if let Some(parent) = callback.parent {
        // A person's telephone: they have answered when it is in progress; its end comes with the
        // action of the dial.
        if callback.call_status == CallStatus::InProgress {
            progress(&web, parent, Step::Accepted { worker: None }).await;
        }
    } else if callback.call_status.is_over() {
        let completed = callback.call_status == CallStatus::Completed;
        let status = if completed { Status::Completed } else { Status::Failed };
        let record = look_up(&web, callback.sid).await;
        conclude(&web, callback.sid, record, status).await;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Brings a call to its end: through its session if that is here, which notes what was heard, else
/// in the record, which may not be found now.
async fn conclude(web: &web::Data<Web>, sid: CallSid, record: Option<CallRecord>, status: Status) {
    let at = clock::now();
    web.admission.arrived(sid);
    if let Some(session) = web.directory.find(sid) {
        let told = session.send(Conclude { status }).timeout(CONCLUDE_PATIENCE).await;
        let elsewhere = |record: &CallRecord| {
            record.instance.as_ref().is_some_and(|owner| *owner != web.instance)
        };
        // One that another engine has the call of cannot end it.
        if told.is_ok() && !record.as_ref().is_some_and(elsewhere) {
            return;
        }
    }
    let change = Change::Ended { status };
    match record {
        Some(record) => settle(web, record, change, at).await,
        None => note_later(web, sid, change, at),
    }
}

/// Changes a record that no session of ours holds, in the name of its newest epoch: a webhook of
/// Twilio's is evidence enough. A claim that comes in between is met once more.
async fn settle(web: &web::Data<Web>, record: CallRecord, change: Change, at: Timestamp) {
    let sid = record.sid;
    if let Err(cause) = settle_now(web, record, &change, at).await {
        tracing::warn!(call.sid = %sid, "a webhook's change is not stored now: {cause}");
        note_later(web, sid, change, at);
    }
}

/// As an error: why it may help to try again.
async fn settle_now(
    web: &Web,
    record: CallRecord,
    change: &Change,
    at: Timestamp,
) -> Result<(), String> {
    let mut epoch = record.epoch;
    for _ in 0..2 {
        let order = Settle { sid: record.sid, epoch, change: change.clone(), at };
        match web.registry.send(order).timeout(REGISTRY_PATIENCE).await {
            Ok(Ok(Settled::Fenced)) => match ask(web, record.sid).await {
                Ok(Ok(Some(newer))) => epoch = newer.epoch,
                Ok(Ok(None)) => return Ok(()),
                failed => return Err(cause(&failed)),
            },
            Ok(Ok(_)) => return Ok(()),
            failed => return Err(cause(&failed)),
        }
    }
    Err("others keep claiming the call".to_owned())
}

/// Changes a record when the store can be reached again: no webhook tells it once more.
fn note_later(web: &web::Data<Web>, sid: CallSid, change: Change, at: Timestamp) {
    let web = web.clone();
    actix_web::rt::spawn(async move {
        let mut has_waited = false;
        for pause in note_pauses(&change) {
            actix_web::rt::time::sleep(pause).await;
            let Ok(Ok(found)) = ask(&web, sid).await else { continue };
            if matches!(change, Change::Ended { .. }) && !std::mem::replace(&mut has_waited, true) {
                actix_web::rt::time::sleep(NOTE_LAST).await;
                continue;
            }
            let knows = |record: &CallRecord| matches!(change, Change::Rejoined { failure } if record.knows(failure));
            let Some(record) = found.filter(|record| !knows(record)) else { return };
            if settle_now(&web, record, &change, at).await.is_ok() {
                return;
            }
        }
        tracing::error!(call.sid = %sid, ?change, "a webhook's change is lost");
    });
}

/// Of a session that failed or moved the next one has to know at once, or need not.
fn note_pauses(change: &Change) -> impl Iterator<Item = Duration> {
    let (soon, long_after) = match change {
        Change::Ended { .. } => (50, 450),
        Change::Rejoined { .. } => (50, 0),
        _ => (0, 0),
    };
    repeat_n(NOTE_SOON, soon).chain(repeat_n(NOTE_AGAIN, long_after))
}

/// Has it recorded what happened to a call's escalation; the call as it stands then, if that is
/// known.
async fn progress(web: &Web, sid: CallSid, step: Step) -> Option<CallRecord> {
    let told = Progress { key: Key::Sid(sid), step: Some(step), aliases: Vec::new() };
    match web.escalations.send(told).timeout(ESCALATION_PATIENCE).await {
        Ok(Ok(record)) => record,
        failed => {
            tracing::error!(call.sid = %sid, "a step of an escalation is lost: {}", cause(&failed));
            None
        }
    }
}

type Found = Result<Result<Option<CallRecord>, StoreError>, actix::MailboxError>;

async fn ask(web: &Web, sid: CallSid) -> Found {
    web.registry.send(Find { key: Key::Sid(sid) }).timeout(REGISTRY_PATIENCE).await
}

async fn look_up(web: &Web, sid: CallSid) -> Option<CallRecord> {
    match ask(web, sid).await {
        Ok(Ok(record)) => record,
        failed => {
            tracing::error!(call.sid = %sid, "the registry did not find a call: {}", cause(&failed));
            None
        }
    }
}

/// When the first session was asked for: the same for all the times that Twilio asks at once.
fn asked_at(record: &CallRecord) -> Timestamp {
    let now = clock::now();
    if now.since(record.started_at) < AT_ONCE { record.started_at } else { now }
}

/// What was before a session: the call carries it along, since no record may tell.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// When the session was asked for; in its action URL.
    since: Timestamp,
    /// How many sessions in a row failed early and were not counted; in its action URL.
    failures: u32,
    /// The failure of the last one; in the address of its socket.
    failed: Option<Failure>,
}

impl Before {
    fn none(since: Timestamp) -> Self {
        Self { since, failures: 0, failed: None }
    }
}

/// `<Connect><ConversationRelay>`; `greet`: Twilio says the greeting first.
fn connect(web: &Web, sid: CallSid, greet: bool) -> Response {
    connect_after(web, sid, greet, Before::none(clock::now()))
}

/// The same behind all that was before it.
fn connect_after(web: &Web, sid: CallSid, greet: bool, before: Before) -> Response {
    let mut relay = web.relay.clone();
    relay.url = format!("{}/conversation/{sid}", web.public_url.socket_origin());
    // Where Twilio greets, nothing was heard before.
    if let Some(failure) = before.failed.filter(|_| !greet) {
        let _ = write!(relay.url, "/after/{}/{}", failure.ended.0, failure.at.0);
    }
    relay.welcome_greeting = greet.then(|| web.greeting.clone());
    let mut path = format!("/voice/handoff?since={}", before.since.0);
    if before.failures > 0 {
        let _ = write!(path, "&failures={}", before.failures);
    }
    let action = action_url(web.public_url.origin(), &path);
    Response::new().then(Connect::new(action, relay))
}

/// An apology and a goodbye, for a call that cannot be held.
fn farewell(web: &Web) -> Response {
    Response::new().then(say(web, &web.persona.unavailable)).then(Verb::Hangup)
}

/// Words outside a session, in its language.
fn say(web: &Web, words: &str) -> Say {
    let mut say = Say::new(words);
    // `<Say>` speaks one language; `multi` is for sessions.
    say.language = web.relay.attributes.language.clone().filter(|language| !language.is_multi());
    say
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
