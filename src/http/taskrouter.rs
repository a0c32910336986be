//! `POST /taskrouter/events`: what TaskRouter tells of tasks, reservations and workers.
//!
//! It links the names of task, reservation, conference and worker to the call, so that the
//! transcript is found by any of them, and moves the escalation. What comes twice, late, in another
//! order or about somebody else's task changes nothing.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use switchhook_actors::{
    domain::escalation::Step,
    escalation_manager::messages::{EscalationError, Progress},
    registry::store::Key,
};

use super::{Web, error::HttpError, signed::Signed};
use crate::{desks::CALL_BACK, twilio::forms::TaskEvent};

/// How long the EscalationManager may take: nobody listens meanwhile.
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) async fn events(signed: Signed, web: web::Data<Web>) -> Result<HttpResponse, HttpError> {
    let event = TaskEvent::read(&signed.form, CALL_BACK);
    let outcome = take(&web, &event).await?;
    metrics::counter!("switchhook_task_events_total", "outcome" => outcome).increment(1);
    Ok(HttpResponse::NoContent().finish())
}

async fn take(web: &Web, event: &TaskEvent) -> Result<&'static str, HttpError> {
    let by_task = event.task.clone().map(Key::Alias);
    let Some(key) = event.call.map(Key::Sid).or(by_task) else { return Ok("foreign") };
    let step = event.step();
    let aliases = event.task.iter().chain(&event.others).cloned().collect();
    let told = Progress { key, step: step.clone(), aliases };
    match web.escalations.send(told).timeout(PATIENCE).await {
        Ok(Ok(Some(_))) if matches!(step, Some(Step::Queued { .. })) => Ok("created"),
        Ok(Ok(Some(_))) if step.is_some() => Ok("taken"),
        Ok(Ok(Some(_))) => Ok("linked"),
        Ok(Ok(None) | Err(EscalationError::Unknown)) => Ok("foreign"),
        // Twilio sends an event again that was not taken.
        failed => {
            tracing::error!(kind = event.kind, "a task's event is not taken: {failed:?}");
            Err(HttpError::Unavailable("the event could not be recorded".to_owned()))
        }
    }
}
