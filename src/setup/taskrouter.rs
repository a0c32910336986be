//! Activities, task queues and the workflow, as the files in `deploy/twilio/taskrouter` say.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Resource, Settings, SetupError,
    run::{Run, Settled, Wanted},
};

const ACTIVITIES: &str = include_str!("../../deploy/twilio/taskrouter/activities.json");
const QUEUES: &str = include_str!("../../deploy/twilio/taskrouter/queues.json");
const WORKFLOW: &str = include_str!("../../deploy/twilio/taskrouter/workflow.json");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Activity {
    friendly_name: String,
    available: bool,
    /// `missed`: where workers go who let a call pass.
    #[serde(rename = "for")]
    purpose: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Queue {
    /// In the workflow: `${QUEUE_…}`.
    #[serde(rename = "key")]
    key: String,
    friendly_name: String,
    target_workers: String,
    task_order: String,
}

/// A queue and its name in the workflow.
pub(super) struct Named {
    key: String,
    sid: String,
}

/// Makes the activities; tells the one for workers who missed a call.
pub(super) async fn activities(
    run: &mut Run<'_>,
    workspace: &Settled,
) -> Result<Settled, SetupError> {
    const FILE: &str = "activities.json";
    let activities: Vec<Activity> = read(FILE, ACTIVITIES)?;
    let mut missed = None;
    for Activity { friendly_name, available, purpose } in activities {
        let wanted = Wanted {
            resource: Resource::Activity,
            workspace: workspace.sid.clone(),
            name: friendly_name,
            fields: vec![("Available", available.to_string())],
            fixed: &["Available"],
        };
        let settled = run.settle(wanted).await?;
        if purpose.as_deref() == Some("missed") {
            missed = Some(settled);
        }
    }
    missed.ok_or(SetupError::BuiltIn(FILE))
}

/// Makes the task queues.
pub(super) async fn queues(
    run: &mut Run<'_>,
    workspace: &Settled,
) -> Result<Vec<Named>, SetupError> {
    let mut named = Vec::new();
    for Queue { key, friendly_name, target_workers, task_order } in
        read::<Vec<Queue>>("queues.json", QUEUES)?
    {
        let wanted = Wanted {
            resource: Resource::TaskQueue,
            workspace: workspace.sid.clone(),
            name: friendly_name,
            fields: vec![("TargetWorkers", target_workers), ("TaskOrder", task_order)],
            fixed: &[],
        };
        named.push(Named { key, sid: run.settle(wanted).await?.sid });
    }
    Ok(named)
}

/// Makes the workflow over these queues.
pub(super) async fn workflow(
    run: &mut Run<'_>,
    settings: &Settings,
    workspace: &Settled,
    queues: &[Named],
) -> Result<Settled, SetupError> {
    let configuration = queues.iter().fold(WORKFLOW.to_owned(), |text, queue| {
        text.replace(&format!("${{QUEUE_{}}}", queue.key), &queue.sid)
    });
    // Without the blanks for the reader.
    let configuration: Value = read("workflow.json", &configuration)?;
    let callback = settings.assignment_callback_url.clone();
    let mut fields = vec![
        ("Configuration", configuration.to_string()),
        ("TaskReservationTimeout", settings.reservation_timeout_s.to_string()),
    ];
    fields.extend(callback.map(|url| ("AssignmentCallbackUrl", url)));
    run.settle(Wanted {
        resource: Resource::Workflow,
        workspace: workspace.sid.clone(),
        name: settings.workflow.clone(),
        fields,
        fixed: &[],
    })
    .await
}

fn read<T: for<'de> Deserialize<'de>>(file: &'static str, text: &str) -> Result<T, SetupError> {
    serde_json::from_str(text).map_err(|_| SetupError::BuiltIn(file))
}
