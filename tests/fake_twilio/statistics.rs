//! The figures of a workflow, a queue and a workspace, as TaskRouter counts them.

use serde_json::{Value, json};

use super::{
    answers::is_available,
    state::{State, Thing},
};

/// What stands below a thing.
pub fn of(state: &State, thing: &Thing, below: &str) -> Option<Value> {
    match (thing.kind.segment, below) {
        ("Workflows" | "TaskQueues" | "Workspaces", "RealTimeStatistics") => {
            Some(real_time(state, thing))
        }
        ("Workflows", "CumulativeStatistics") => Some(cumulative(state, thing)),
        _ => None,
    }
}

fn real_time(state: &State, thing: &Thing) -> Value {
    let is_workflow = thing.kind.segment == "Workflows";
    let workspace = if thing.kind.in_workspace { &thing.parent } else { &thing.sid };
    let tasks: Vec<&Thing> = state
        .of("Tasks", workspace)
        .filter(|task| !is_workflow || task.text("workflow_sid") == thing.sid)
        .collect();
    let count =
        |status: &str| tasks.iter().filter(|task| task.text("assignment_status") == status).count();
    let waits = |task: &&&Thing| matches!(task.text("assignment_status"), "pending" | "reserved");
    let longest = tasks.iter().filter(waits).map(|task| state.now() - task.made).max();
    let workers: Vec<&Thing> = state.of("Workers", workspace).collect();
    let available = workers.iter().filter(|worker| is_available(state, worker)).count();
    let mut body = json!({
        "account_sid": state.options.account_sid, "workspace_sid": workspace,
        "longest_task_waiting_age": longest.unwrap_or(0), "total_tasks": tasks.len(),
        "tasks_by_status": {"pending": count("pending"), "reserved": count("reserved"),
            "assigned": count("assigned"), "wrapping": count("wrapping")},
        "tasks_by_priority": {},
    });
    match is_workflow {
        true => body["workflow_sid"] = json!(thing.sid),
        false => {
            body["total_available_workers"] = json!(available);
            body["total_eligible_workers"] = json!(workers.len());
            body["activity_statistics"] = json!([]);
        }
    }
    body
}

fn cumulative(state: &State, workflow: &Thing) -> Value {
    let of_it = state.accepted.iter().filter(|(sid, _)| *sid == workflow.sid);
    let waits: Vec<u64> = of_it.map(|(_, wait)| *wait).collect();
    let total: u64 = waits.iter().sum();
    let avg = total.checked_div(waits.len() as u64).unwrap_or(0);
    json!({
        "account_sid": state.options.account_sid, "workflow_sid": workflow.sid,
        "avg_task_acceptance_time": avg, "reservations_accepted": waits.len(),
        "wait_duration_until_accepted": {"avg": avg, "total": total,
            "min": waits.iter().min().unwrap_or(&0), "max": waits.iter().max().unwrap_or(&0)},
    })
}
