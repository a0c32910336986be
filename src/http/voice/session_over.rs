//! `POST /voice/handoff`: every end of a ConversationRelay session, and what becomes of the caller.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use switchhook_actors::{
    call_session::messages::{HandedOver as Part, SessionFailed},
    domain::{
        handoff::{Next, SessionOver, Wanted},
        ids::CallSid,
        record::{CallRecord, Change, Failure, NewCall, Status},
        time::Timestamp,
    },
    escalation_manager::{
        desk::Handover,
        messages::{HandOver, HandedOver},
    },
};

use super::{
    Before, CONCLUDE_PATIENCE, ESCALATION_PATIENCE, REPLY_TTL, Web, bad, conclude, connect,
    connect_after, farewell, look_up, note_later, once, reply_key, settle,
};
use crate::{
    clock,
    http::{error::HttpError, signed::Signed},
    twilio::{
        forms::{CallStatus, Phone, SessionEnd, SessionStatus},
        twiml::{Dial, Enqueue, Response, Task, Verb, action_url},
    },
};

/// What the action URL of a session says of it and of those before it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(in crate::http) struct Row {
    /// How many in a row failed early, where no record counts them.
    #[serde(default)]
    failures: u32,
    /// When it was asked for, ms since 1970.
    since: Option<u64>,
}

/// For how long a person's telephone rings, s: six times.
const RING_S: u32 = 30;

pub(in crate::http) async fn handoff(
    signed: Signed,
    row: web::Query<Row>,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let end = SessionEnd::read(&signed.form).map_err(bad)?;
    let field = |name| signed.form.get(name).unwrap_or_default();
    // A socket that Twilio connects anew may fail again under the same names.
    let since = row.since.unwrap_or_default();
    let [session, status, lasted] = ["SessionId", "SessionStatus", "SessionDuration"].map(field);
    let part = format!("{session}:{status}:{since}:{lasted}");
    let key = reply_key("handoff", &signed, end.sid, &part);
    let [caller, called] = ["From", "To"].map(|name| Phone::new(field(name)).as_str().to_owned());
    let call = NewCall { sid: end.sid, caller, called, greeting: None, at: clock::now() };
    Ok(once(&web, "handoff", end.sid, key, REPLY_TTL, after_session(&web, &end, *row, call)).await)
}

async fn after_session(
    web: &web::Data<Web>,
    end: &SessionEnd,
    row: Row,
    call: NewCall,
) -> Response {
    let sid = end.sid;
    let record = look_up(web, sid).await;
    let over = over(end, row.failures);
    let next = over.next(record.as_ref(), clock::now());
    let label = next.label();
    tracing::info!(call.sid = %sid, next = label, error = end.error_code, "a session has ended");
    match next {
        Next::Nothing(status) => {
            conclude(web, sid, record, status).await;
            Response::new()
        }
        Next::HangUp => {
            conclude(web, sid, record, Status::Completed).await;
            Response::new().then(Verb::Hangup)
        }
        Next::HandOver(wanted) => match hand_over(web, call, *wanted).await {
            Some(response) => response,
            // Back to the agent, which says so.
            None => connect(web, sid, false),
        },
        Next::Rejoin { greet, failures } => {
            let failure = failure(end, row, record.as_ref());
            rejoin(web, sid, record, failure, (greet, failures)).await
        }
        Next::Move => move_on(web, sid, record).await,
        Next::SeekPerson(wanted) => match hand_over(web, call, *wanted).await {
            Some(response) => response,
            None => give_up(web, sid, record).await,
        },
        Next::GiveUp => give_up(web, sid, record).await,
    }
}

async fn give_up(web: &web::Data<Web>, sid: CallSid, record: Option<CallRecord>) -> Response {
    tracing::error!(call.sid = %sid, "a call is given up: its sessions keep failing");
    conclude(web, sid, record, Status::Failed).await;
    farewell(web)
}

/// Another engine goes on, without a word about it: the balancer sends the next socket to one that
/// takes calls, wherever this webhook is answered.
async fn move_on(web: &web::Data<Web>, sid: CallSid, record: Option<CallRecord>) -> Response {
    if let Some(session) = web.directory.find(sid) {
        let _ = session.send(Part).timeout(CONCLUDE_PATIENCE).await;
    }
    if let Some(record) = record {
        let after = record.transcript.last_said();
        settle(web, record, Change::Moved { after }, clock::now()).await;
    }
    metrics::counter!("switchhook_lines_total", "event" => "moved").increment(1);
    connect(web, sid, false)
}

/// How the session failed: not before somebody said something last on it.
fn failure(end: &SessionEnd, row: Row, record: Option<&CallRecord>) -> Failure {
    let lasted = end.session_duration.map(|lasted| lasted.as_millis() as u64);
    let failure = Failure::told(row.since.map(Timestamp), lasted, clock::now());
    record.map_or(failure, |record| failure.by(record))
}

/// A new session behind one that failed. `greet`: the caller has heard no greeting yet;
/// `failures`: so many in a row failed early that no record counts.
async fn rejoin(
    web: &web::Data<Web>,
    sid: CallSid,
    record: Option<CallRecord>,
    failure: Failure,
    (greet, failures): (bool, u32),
) -> Response {
    match record {
        Some(record) => settle(web, record, Change::Rejoined { failure }, failure.at).await,
        None => note_later(web, sid, Change::Rejoined { failure }, failure.at),
    }
    let session = web.directory.find(sid);
    if let Some(session) = &session {
        // A session that does not answer goes on as it was: the line is still to be had.
        let _ = session.send(SessionFailed { failure }).timeout(CONCLUDE_PATIENCE).await;
    }
    metrics::counter!("switchhook_lines_total", "event" => "rejoined").increment(1);
    // A session that lives greets by itself, if it has not.
    let since = failure.next_since(clock::now());
    // What is noted may be lost, or come too late for the engine that is next.
    let before = Before { since, failures, failed: Some(failure) };
    connect_after(web, sid, greet && session.is_none(), before)
}

/// The caller goes to a person, where that can be said.
async fn hand_over(web: &Web, call: NewCall, wanted: Wanted) -> Option<Response> {
    let sid = call.sid;
    if let Some(session) = web.directory.find(sid) {
        // It notes what was heard, and its part is over.
        let _ = session.send(Part).timeout(CONCLUDE_PATIENCE).await;
    }
    let order = HandOver { call, wanted };
    let (outcome, response) = match web.escalations.send(order).timeout(ESCALATION_PATIENCE).await {
        Ok(HandedOver::To(Handover::Queue { workflow, attributes, priority, timeout_s })) => {
            let task = Task { attributes, priority, timeout_s };
            ("queue", Some(Response::new().then(enqueue(web, workflow, task))))
        }
        Ok(HandedOver::To(Handover::Dial { number })) => {
            ("dial", Some(Response::new().then(dial(web, number))))
        }
        Ok(HandedOver::To(Handover::TakeMessage) | HandedOver::Back(_)) => ("back", None),
        Err(error) => {
            tracing::error!(call.sid = %sid, "a caller cannot be handed over: {error}");
            ("failed", None)
        }
    };
    metrics::counter!("switchhook_handoffs_total", "to" => outcome).increment(1);
    response
}

fn enqueue(web: &Web, workflow_sid: String, task: Task) -> Enqueue {
    let origin = web.public_url.origin();
    let action = action_url(origin, "/voice/queued");
    Enqueue { workflow_sid, action, wait_url: action_url(origin, "/voice/wait"), task }
}

fn dial(web: &Web, number: String) -> Dial {
    let origin = web.public_url.origin();
    Dial {
        number,
        action: action_url(origin, "/voice/queued"),
        timeout_s: RING_S,
        caller_id: None,
        answered: Some(action_url(origin, "/voice/status")),
    }
}

fn over(end: &SessionEnd, failures: u32) -> SessionOver {
    if end.call_status.is_over() {
        let completed = end.call_status == CallStatus::Completed;
        return SessionOver::CallOver { completed };
    }
    if end.error_code.is_some() || end.session_status == Some(SessionStatus::Failed) {
        let lasted = end.session_duration.map(|lasted| lasted.as_millis() as u64);
        return SessionOver::Failed { lasted, failures };
    }
    SessionOver::ended(end.handoff_data.as_deref())
}
