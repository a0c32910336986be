//! TaskRouter: tasks, and the figures of a workflow.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Place, Rest, RestError};

/// Minutes that an average looks back on: the last quarter of an hour tells the next.
const LOOK_BACK: &str = "15";

/// Free workers are counted up to here, so that one page is enough: what matters is whether any is.
const WORKERS_COUNTED: &str = "50";

/// A task without a call, such as a call-back. The one of a call is made by `<Enqueue>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// `WW…`: who routes it.
    pub workflow_sid: String,
    /// A JSON object, at most 4,096 UTF-16 units.
    pub attributes: String,
    /// Higher goes first; 0 is usual.
    pub priority: u32,
    /// When it is cancelled if nobody took it, s.
    pub timeout_s: u32,
    /// The unique name of a task channel, such as `voice` or `default`.
    pub channel: String,
}

/// How a workflow does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Tasks that nobody has taken yet: pending or reserved.
    pub waiting: u32,
    /// The age of the oldest of them, s.
    pub longest_wait_s: u32,
    /// From entering to being accepted in the last 15 minutes, s. None: nothing was accepted.
    pub average_wait_s: Option<u32>,
    /// Workers of the workspace whose activity is an available one, busy or not; at most 50 are
    /// counted.
    pub available_workers: u32,
}

#[derive(Deserialize)]
struct RealTime {
    #[serde(default)]
    longest_task_waiting_age: u32,
    #[serde(default)]
    tasks_by_status: ByStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ByStatus {
    pending: u32,
    reserved: u32,
}

#[derive(Deserialize)]
struct Cumulative {
    #[serde(default)]
    reservations_accepted: u32,
    wait_duration_until_accepted: Option<Spread>,
}

#[derive(Deserialize)]
struct Spread {
    avg: Option<f64>,
}

impl Rest {
    /// Makes a task and tells its SID, `WT…`.
    ///
    /// # Errors
    /// When Twilio does not take it in time. After [`RestError::maybe_done`], look with
    /// [`Self::find_task`] before making another.
    pub async fn create_task(
        &self,
        workspace: &str,
        task: &NewTask,
        within: Duration,
    ) -> Result<String, RestError> {
        let fields = [
            ("WorkflowSid", task.workflow_sid.clone()),
            ("Attributes", task.attributes.clone()),
            ("Priority", task.priority.to_string()),
            ("Timeout", task.timeout_s.to_string()),
            ("TaskChannel", task.channel.clone()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        sid(&self.create(&tasks(workspace), &fields, within).await?)
    }

    /// The SID of a task whose attributes fulfil an expression such as `call_sid == 'CA…'`. Twilio
    /// answers three of these questions a second.
    ///
    /// # Errors
    /// When Twilio cannot be asked in time or refuses the expression.
    pub async fn find_task(
        &self,
        workspace: &str,
        evaluate: &str,
        within: Duration,
    ) -> Result<Option<String>, RestError> {
        let place = tasks(workspace).with("EvaluateTaskAttributes", evaluate);
        let page = self.read(&place.with("PageSize", "1"), within).await?;
        let found = page.get("tasks").and_then(Value::as_array).ok_or(RestError::Unreadable)?;
        found.first().map(sid).transpose()
    }

    /// How a workflow does: three reads. Twilio wants the answer to be kept for a while.
    ///
    /// # Errors
    /// When one of them fails or is late.
    pub async fn workflow_figures(
        &self,
        workspace: &str,
        workflow: &str,
        within: Duration,
    ) -> Result<Figures, RestError> {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        let path = ["Workspaces", workspace, "Workflows", workflow];
        let place = Place::taskrouter("statistics", &path);
        let now = self.read(&place.clone().item("RealTimeStatistics"), left()).await?;
        let now: RealTime = serde_json::from_value(now).map_err(|_| RestError::Unreadable)?;
        let before = place.item("CumulativeStatistics").with("Minutes", LOOK_BACK);
        let before = self.read(&before, left()).await?;
        let before: Cumulative =
            serde_json::from_value(before).map_err(|_| RestError::Unreadable)?;
        let workers = Place::taskrouter("workers", &["Workspaces", workspace, "Workers"])
            .with("Available", "1")
            .with("PageSize", WORKERS_COUNTED);
        let workers = self.read(&workers, left()).await?;
        let workers = workers.get("workers").and_then(Value::as_array);
        let workers = workers.ok_or(RestError::Unreadable)?.len();
        Ok(Figures {
            waiting: now.tasks_by_status.pending.saturating_add(now.tasks_by_status.reserved),
            longest_wait_s: now.longest_task_waiting_age,
            average_wait_s: average(&before),
            available_workers: u32::try_from(workers).unwrap_or(u32::MAX),
        })
    }

    /// Reads a workspace, `WS…`.
    ///
    /// # Errors
    /// When it is not there or Twilio cannot be asked in time.
    pub async fn workspace(&self, sid: &str, within: Duration) -> Result<Value, RestError> {
        self.read(&Place::taskrouter("workspaces", &["Workspaces", sid]), within).await
    }

    /// Reads a workflow, `WW…`, of a workspace.
    ///
    /// # Errors
    /// When it is not there or Twilio cannot be asked in time.
    pub async fn workflow(
        &self,
        workspace: &str,
        sid: &str,
        within: Duration,
    ) -> Result<Value, RestError> {
        let path = ["Workspaces", workspace, "Workflows", sid];
        self.read(&Place::taskrouter("workflows", &path), within).await
    }
}

fn tasks(workspace: &str) -> Place {
    Place::taskrouter("tasks", &["Workspaces", workspace, "Tasks"])
}

fn sid(thing: &Value) -> Result<String, RestError> {
    let sid = thing.get("sid").and_then(Value::as_str);
    sid.map(str::to_owned).ok_or(RestError::Unreadable)
}

/// Twilio writes 0 for the average of nothing.
fn average(before: &Cumulative) -> Option<u32> {
    let avg = before.wait_duration_until_accepted.as_ref()?.avg?;
    let counts = before.reservations_accepted > 0 && avg.is_finite() && avg >= 0.0;
    // A float is cut to the range of the integer, never wrapped.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds, not negative"
    )]
    counts.then_some(avg.round() as u32)
}
