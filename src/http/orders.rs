//! `POST /api/calls/{callSid}/escalate`: a supervisor has a person take the call.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use switchhook_actors::{
    call_session::messages::OrderEscalation,
    domain::{
        escalation::{Grounds, ReasonCode},
        ids::CallSid,
        record::CallRecord,
    },
    registry::{messages::Find, store::Key},
};

use super::{Web, error::HttpError};
use crate::config::Role;

/// How long a session may take to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the agent who takes the call is told where the supervisor says nothing.
const ORDERED: &str = "a supervisor asked for a person";

/// What a supervisor may say about it; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// For the person who takes the call.
    reason: Option<String>,
    /// What they should know about.
    skill: Option<String>,
    /// Goes before all who wait.
    #[serde(default)]
    urgent: bool,
}

pub(super) async fn escalate(
    request: HttpRequest,
    sid: web::Path<String>,
    body: web::Bytes,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let by = web.access.require(&request, Role::Supervisor)?.map_or("anybody", Role::as_str);
    let sid: CallSid =
        sid.parse().map_err(|_| HttpError::NotFound("no call under this id".to_owned()))?;
    let order = if body.is_empty() {
        Order::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            HttpError::BadRequest(format!("the order is not what it should be: {error}"))
        })?
    };
    let grounds = Grounds::new(ReasonCode::Supervisor, order.reason.as_deref().unwrap_or(ORDERED));
    let grounds = Grounds { urgent: order.urgent, ..grounds.skilled(order.skill.as_deref()) };
    let record = find(&web, sid).await?;
    if record.escalation_under_way().is_some() {
        return Err(HttpError::Conflict("the call is on its way to a person already".to_owned()));
    }
    let Some(session) = web.directory.find(sid) else {
        let text = "the call is not held by this engine now".to_owned();
        return Err(HttpError::Unavailable(text));
    };
    let told = session.send(OrderEscalation { grounds }).timeout(PATIENCE).await;
    told.map_err(|_| HttpError::Unavailable("the call's session does not answer".to_owned()))?;
    tracing::info!(target: "audit", sid = %sid, by, "a person was ordered to take a call");
    Ok(HttpResponse::Accepted().finish())
}

/// The call, if it is live.
async fn find(web: &Web, sid: CallSid) -> Result<CallRecord, HttpError> {
    match web.registry.send(Find { key: Key::Sid(sid) }).timeout(PATIENCE).await {
        Ok(Ok(Some(record))) if !record.status.is_final() => Ok(record),
        Ok(Ok(_)) => Err(HttpError::NotFound("no live call under this id".to_owned())),
        _ => Err(HttpError::Unavailable("the registry does not answer".to_owned())),
    }
}
