//! `POST /api/calls/{callSid}/escalate`: a supervisor has a person take the call.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use switchhook_actors::{
    call_session::orders,
    clock::Deadline,
    domain::{
        escalation::{Grounds, ReasonCode},
        ids::CallSid,
        order::{Order, Ordered},
        record::CallRecord,
    },
    registry::{
        messages::{Find, Tell},
        store::{Key, ORDER_PATIENCE},
    },
};

use super::{Web, error::HttpError};
use crate::config::Role;

/// How long a session may take to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the registry may take to have another engine do it: more than it gives that engine.
const ELSEWHERE: Duration = ORDER_PATIENCE.saturating_add(Duration::from_millis(500));

/// What the agent who takes the call is told where the supervisor says nothing.
const ORDERED: &str = "a supervisor asked for a person";

/// What a supervisor may say about it; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
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
        Body::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            HttpError::BadRequest(format!("the order is not what it should be: {error}"))
        })?
    };
    let grounds = Grounds::new(ReasonCode::Supervisor, order.reason.as_deref().unwrap_or(ORDERED));
    let grounds = Grounds { urgent: order.urgent, ..grounds.skilled(order.skill.as_deref()) };
    let record = find(&web, sid).await?;
    if record.escalation_under_way().is_some() {
        return Err(under_way());
    }
    give(&web, &record, Order::Escalate(grounds)).await?;
    tracing::info!(target: "audit", sid = %sid, by, "a person was ordered to take a call");
    Ok(HttpResponse::Accepted().finish())
}

/// Has the order carried out, here or by the engine that holds the call.
async fn give(web: &Web, record: &CallRecord, order: Order) -> Result<(), HttpError> {
    let is_elsewhere = record.instance.as_ref().is_some_and(|owner| *owner != web.instance);
    let ordered = if is_elsewhere {
        let asked = web.registry.send(Tell { sid: record.sid, order });
        match asked.timeout(ELSEWHERE).await {
            Ok(Ok(ordered)) => ordered,
            _ => return Err(unavailable("the engine that holds the call cannot be reached now")),
        }
    } else {
        orders::hand_on(&web.directory, record.sid, order, Deadline::within(PATIENCE)).await
    };
    match ordered {
        Ordered::Taken => Ok(()),
        Ordered::UnderWay => Err(under_way()),
        Ordered::Ending => Err(HttpError::Conflict("the call is at its end".to_owned())),
        Ordered::NotHere => Err(unavailable("no engine holds the call now")),
        Ordered::OwnerGone => Err(unavailable("the engine that held the call is gone")),
        Ordered::Silent => Err(unavailable("whoever holds the call did not answer in time")),
        Ordered::Unknown => Err(unavailable("the engine that holds the call takes no such order")),
    }
}

fn under_way() -> HttpError {
    HttpError::Conflict("the call is on its way to a person already".to_owned())
}

fn unavailable(why: &str) -> HttpError {
    HttpError::Unavailable(why.to_owned())
}

/// The call, if it is live.
async fn find(web: &Web, sid: CallSid) -> Result<CallRecord, HttpError> {
    match web.registry.send(Find { key: Key::Sid(sid) }).timeout(PATIENCE).await {
        Ok(Ok(Some(record))) if !record.status.is_final() => Ok(record),
        Ok(Ok(_)) => Err(HttpError::NotFound("no live call under this id".to_owned())),
        _ => Err(unavailable("the registry does not answer")),
    }
}
