//! `/api/transcript/{id}`: what was said and heard, by CallSid or any linked id.
//!
//! People and their tools read it with a token, or one call's by a signed link.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::{Deserialize, Serialize};
use switchhook_actors::{
    domain::{
        escalation::{Escalation, EscalationState, ReasonCode, Unreached},
        ids::{Alias, CallSid, Epoch, EscalationId, InstanceId},
        record::{CallRecord, Status},
        transcript::{LateTurn, Reason, Role as Side, Turn},
    },
    registry::{
        messages::{Erase, Find},
        store::Key,
    },
};

use super::{Web, error::HttpError};
use crate::{
    clock::{self, rfc3339},
    config::Role,
};

/// How long the registry may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Version of this JSON.
const VERSION: u32 = 1;

/// A call and its words, as agents and supervisors read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transcript<'a> {
    v: u32,
    call_sid: CallSid,
    caller_phone: &'a str,
    start_time: String,
    end_time: Option<String>,
    status: Status,
    transcript: Vec<Line<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    late: Vec<Late<'a>>,
    escalation_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<HandOver<'a>>,
}

/// The last escalation of the call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HandOver<'a> {
    id: EscalationId,
    state: EscalationState,
    reason_code: ReasonCode,
    reason: &'a str,
    summary: Option<&'a str>,
    skill: Option<&'a str>,
    urgent: bool,
    /// Since when it stands where it stands.
    since: String,
    task_sid: Option<&'a str>,
    /// Who takes the call, or took it.
    worker: Option<&'a str>,
    /// Why no person could be had.
    unreached: Option<Unreached>,
    call_back: Option<Promise<'a>>,
    /// What the caller left to be passed on.
    message: Option<&'a str>,
}

/// A call-back that the caller was promised.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Promise<'a> {
    /// When it was asked for.
    at: String,
    /// Whether somebody will call: it could be booked.
    booked: bool,
    /// The task of those who call back, once it is booked.
    task_sid: Option<&'a str>,
}

impl<'a> HandOver<'a> {
    fn new(escalation: &'a Escalation) -> Self {
        let grounds = &escalation.grounds;
        Self {
            id: escalation.id,
            state: escalation.state,
            reason_code: grounds.code,
            reason: &grounds.reason,
            summary: grounds.summary.as_deref(),
            skill: grounds.skill.as_deref(),
            urgent: grounds.urgent,
            since: rfc3339(escalation.since),
            task_sid: escalation.task.as_deref(),
            worker: escalation.worker.as_deref(),
            unreached: escalation.unreached,
            call_back: escalation.call_back.as_ref().map(|promised| Promise {
                at: rfc3339(promised.at),
                booked: promised.task.is_some(),
                task_sid: promised.task.as_deref(),
            }),
            message: escalation.message.as_deref(),
        }
    }
}

/// One side of an exchange.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    role: Side,
    text: &'a str,
    timestamp: String,
    /// The exchange: question and answer share it. For `?since=`.
    turn: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    estimated: bool,
    /// The agent is saying it, or its engine died over it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Turns that were said before this one and could not be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_before: Option<u32>,
}

impl<'a> Line<'a> {
    fn new(turn: &'a Turn) -> Self {
        Self {
            role: turn.role,
            text: &turn.text,
            timestamp: rfc3339(turn.at),
            turn: turn.id.0,
            interrupted: turn.interrupted,
            estimated: turn.estimated,
            unfinished: turn.open,
            reason: turn.reason,
            lost_before: Some(turn.lost_before).filter(|&lost| lost > 0),
        }
    }
}

/// A turn of an engine that the call had moved on from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Late<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    instance: &'a InstanceId,
    epoch: Epoch,
    seq: u64,
}

impl<'a> Late<'a> {
    fn new(late: &'a LateTurn) -> Self {
        let LateTurn { instance, epoch, seq, turn } = late;
        Self { line: Line::new(turn), instance, epoch: *epoch, seq: *seq }
    }
}

#[derive(Deserialize)]
pub(super) struct Since {
    /// Only exchanges after this one.
    since: Option<u32>,
}

pub(super) async fn read(
    request: HttpRequest,
    id: web::Path<String>,
    query: web::Query<Since>,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    if !is_linked(&web, &request, &id) {
        let allowed = web.access.require(&request, Role::Viewer);
        // Who follows a link has no token to be asked for.
        let by_link = request.query_string().split('&').any(|pair| pair.starts_with("sig="));
        allowed.map_err(|error| if by_link { HttpError::Link } else { error })?;
    }
    let record = find(&web, &id).await?;
    // Every turn, every version of one and every change moves one of these.
    let CallRecord { epoch, next_seq, seen_at, late, .. } = &record;
    let tag = format!("\"{epoch}-{next_seq}-{}-{}\"", seen_at.0, late.len());
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let unchanged = known == Some(tag.as_str());
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(if unchanged { response.finish() } else { response.json(view(&record, query.since)) })
}

/// Whether the request comes by a signed link. It names the call by its own sid: what another id
/// leads to was not signed.
fn is_linked(web: &Web, request: &HttpRequest, id: &str) -> bool {
    let sid = id.parse::<CallSid>();
    sid.is_ok_and(|sid| web.links.permits(sid, request.query_string(), clock::now()))
}

fn view(record: &CallRecord, since: Option<u32>) -> Transcript<'_> {
    let wanted = |turn: &&Turn| since.is_none_or(|since| turn.id.0 > since);
    Transcript {
        v: VERSION,
        call_sid: record.sid,
        caller_phone: &record.caller,
        start_time: rfc3339(record.started_at),
        end_time: record.ended_at.map(rfc3339),
        status: record.status,
        transcript: record.transcript.turns().iter().filter(wanted).map(Line::new).collect(),
        late: record.late.iter().map(Late::new).collect(),
        escalation_reason: record.escalation_reason.as_deref(),
        escalation: record.escalation.as_ref().map(HandOver::new),
    }
}

pub(super) async fn erase(
    request: HttpRequest,
    id: web::Path<String>,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let by = web.access.require(&request, Role::Admin)?.map_or("anybody", Role::as_str);
    // One that cannot be read is erased all the same, so it is not looked up by its own name.
    let sid = match id.parse() {
        Ok(sid) => sid,
        Err(_) => find(&web, &id).await?.sid,
    };
    match web.registry.send(Erase { sid }).timeout(PATIENCE).await {
        Ok(Ok(true)) => {
            tracing::info!(target: "audit", sid = %sid, by, "a transcript was erased");
            Ok(HttpResponse::NoContent().finish())
        }
        Ok(Ok(false)) => Err(unknown()),
        _ => Err(silent()),
    }
}

async fn find(web: &Web, id: &str) -> Result<CallRecord, HttpError> {
    let key = match (id.parse::<CallSid>(), id.parse::<Alias>()) {
        (Ok(sid), _) => Key::Sid(sid),
        (_, Ok(alias)) => Key::Alias(alias),
        _ => return Err(unknown()),
    };
    match web.registry.send(Find { key }).timeout(PATIENCE).await {
        Ok(Ok(record)) => record.ok_or_else(unknown),
        _ => Err(silent()),
    }
}

fn unknown() -> HttpError {
    HttpError::NotFound("no call under this id".to_owned())
}

fn silent() -> HttpError {
    HttpError::Unavailable("the registry does not answer".to_owned())
}

#[cfg(test)]
mod tests;
