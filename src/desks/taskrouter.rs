//! The desk with a queue: TaskRouter finds a person, in Flex or elsewhere.
//!
//! A workflow alone is enough to hand over: `<Enqueue>` makes the task. With credentials and a
//! workspace it also books call-backs and knows how long callers wait.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::LocalBoxFuture};
use switchhook_actors::{
    domain::{ids::EscalationId, time::Millis},
    escalation_manager::desk::{Case, Desk, DeskError, Handover},
};

use super::attributes::{Briefing, CALL_BACK};
use crate::{
    links::Links,
    twilio::rest::{Figures, NewTask, Rest, RestError},
};

/// Tasks that are not urgent, and those that are.
const PRIORITIES: [u32; 2] = [0, 100];

/// How long a task waits for somebody, s: the wait loop ends before.
const TIMEOUT_S: u32 = 3_600;

/// How long a call-back waits for somebody, s: a day.
const CALL_BACK_TIMEOUT_S: u32 = 86_400;

/// How long a call-back may take to be booked: the caller listens meanwhile, and Twilio asks
/// again after 4 s.
const BOOKING: Duration = Duration::from_secs(3);

/// How long the figures may take: nobody waits for them.
const FIGURES: Duration = Duration::from_secs(8);

/// Call-backs are not calls: a voice channel would have Flex wait for one.
const CHANNEL: &str = "default";

/// A queue of TaskRouter's.
pub struct TaskRouter {
    /// `WW…`.
    workflow: String,
    /// The REST interface and the workspace (`WS…`), where both are configured.
    rest: Option<(Rest, String)>,
    links: Arc<Links>,
    /// What callers speak, BCP-47.
    language: String,
}

impl TaskRouter {
    /// The queue of that workflow.
    #[must_use]
    pub fn new(
        workflow: String,
        rest: Option<(Rest, String)>,
        links: Arc<Links>,
        language: String,
    ) -> Self {
        Self { workflow, rest, links, language }
    }

    fn attributes(&self, case: &Case, call_back: bool) -> String {
        let Case { record, escalation, now } = case;
        let transcript_url = self.links.link(record.sid, *now);
        let language = &self.language;
        Briefing { record, escalation, language, now: *now, transcript_url, call_back }.attributes()
    }
}

impl Desk for TaskRouter {
    fn name(&self) -> &'static str {
        "taskrouter"
    }

    fn hand_over(&self, case: &Case) -> Handover {
        let [usual, urgent] = PRIORITIES;
        Handover::Queue {
            workflow: self.workflow.clone(),
            attributes: self.attributes(case, false),
            priority: if case.escalation.grounds.urgent { urgent } else { usual },
            timeout_s: TIMEOUT_S,
        }
    }

    fn book_call_back(&self, case: Case) -> LocalBoxFuture<'static, Result<String, DeskError>> {
        let Some((rest, workspace)) = self.rest.clone() else {
            return async { Err(DeskError::NoCallBacks) }.boxed_local();
        };
        let [usual, urgent] = PRIORITIES;
        let task = NewTask {
            workflow_sid: self.workflow.clone(),
            attributes: self.attributes(&case, true),
            priority: if case.escalation.grounds.urgent { urgent } else { usual },
            timeout_s: CALL_BACK_TIMEOUT_S,
            channel: CHANNEL.to_owned(),
        };
        async move { rest.create_task(&workspace, &task, BOOKING).await.map_err(failed) }
            .boxed_local()
    }

    fn find_call_back(
        &self,
        case: &Case,
    ) -> LocalBoxFuture<'static, Result<Option<String>, DeskError>> {
        let Some((rest, workspace)) = self.rest.clone() else {
            return async { Err(DeskError::NoCallBacks) }.boxed_local();
        };
        let wanted = call_back_of(case.escalation.id);
        async move { rest.find_task(&workspace, &wanted, BOOKING).await.map_err(failed) }
            .boxed_local()
    }

    fn knows_waits(&self) -> bool {
        self.rest.is_some()
    }

    fn expected_wait(&self) -> LocalBoxFuture<'static, Option<Millis>> {
        let Some((rest, workspace)) = self.rest.clone() else {
            return async { None }.boxed_local();
        };
        let workflow = self.workflow.clone();
        async move {
            let figures = match rest.workflow_figures(&workspace, &workflow, FIGURES).await {
                Ok(figures) => figures,
                Err(error) => {
                    tracing::warn!(%error, "how long callers wait is not known");
                    return None;
                }
            };
            expected(&figures)
        }
        .boxed_local()
    }
}

/// What the last quarter of an hour and those who wait now say; nothing where nobody is there to take
/// a call, or nobody has taken one: any figure would be a promise.
fn expected(figures: &Figures) -> Option<Millis> {
    let average = figures.average_wait_s.filter(|_| figures.available_workers > 0)?;
    Some(u64::from(average.max(figures.longest_wait_s)) * 1_000)
}

/// The expression that finds the call-back of an escalation.
fn call_back_of(id: EscalationId) -> String {
    format!("escalation_id == '{id}' AND type == '{CALL_BACK}'")
}

fn failed(error: RestError) -> DeskError {
    if error.maybe_done() {
        DeskError::Unknown(error.to_string())
    } else {
        DeskError::Failed(error.to_string())
    }
}
