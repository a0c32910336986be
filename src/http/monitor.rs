//! `GET /monitor`: the calls that are held now, on all instances.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use switchhook_actors::{
    domain::{
        escalation::EscalationState,
        ids::{CallSid, InstanceId},
        record::{CallSummary, Status},
        time::Timestamp,
    },
    registry::messages::Live,
};

use super::{Web, error::HttpError};
use crate::{
    clock::{self, rfc3339},
    config::Role,
};

/// How long the registry may take: its index is in memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// A live call, as supervisors and their scripts read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LiveCall {
    call_sid: CallSid,
    caller_phone: String,
    start_time: String,
    status: Status,
    turns: usize,
    duration_seconds: u64,
    instance: Option<InstanceId>,
    escalation_reason: Option<String>,
    /// Where the last escalation stands: more than `status` says.
    escalation_state: Option<EscalationState>,
    /// The person who takes the call, or took it.
    agent: Option<String>,
}

impl LiveCall {
    fn new(call: CallSummary, now: Timestamp) -> Self {
        Self {
            call_sid: call.sid,
            caller_phone: call.caller,
            start_time: rfc3339(call.started_at),
            status: call.status,
            turns: call.turns,
            duration_seconds: now.since(call.started_at) / 1_000,
            instance: call.instance,
            escalation_reason: call.escalation_reason,
            escalation_state: call.escalation,
            agent: call.worker,
        }
    }
}

pub(super) async fn calls(
    request: HttpRequest,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    web.access.require(&request, Role::Viewer)?;
    let live = web.registry.send(Live).timeout(PATIENCE).await;
    let Ok(Ok(live)) = live else {
        return Err(HttpError::Unavailable("the registry does not answer".to_owned()));
    };
    let now = clock::now();
    let calls: Vec<_> = live.into_iter().map(|call| LiveCall::new(call, now)).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(calls))
}
