//! The kinds of things that are set up: where they stand in Twilio's API, and how their values are
//! compared.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::twilio::rest::Place;

/// A kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A workspace of TaskRouter.
    Workspace,
    /// What a worker may be doing.
    Activity,
    /// Where tasks wait for workers.
    TaskQueue,
    /// Sends tasks to queues.
    Workflow,
    /// Where callers of a workflow wait.
    CallQueue,
    /// A TwiML application.
    Application,
    /// A telephone number.
    Number,
}

impl Resource {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Activity => "activity",
            Self::TaskQueue => "task queue",
            Self::Workflow => "workflow",
            Self::CallQueue => "call queue",
            Self::Application => "application",
            Self::Number => "number",
        }
    }

    /// Its list, below a workspace where there is one.
    pub(super) fn place(self, workspace: &str) -> Place {
        let below = |resource, name| Place::taskrouter(resource, &["Workspaces", workspace, name]);
        match self {
            Self::Workspace => Place::taskrouter("workspaces", &["Workspaces"]),
            Self::Activity => below("activities", "Activities"),
            Self::TaskQueue => below("task_queues", "TaskQueues"),
            Self::Workflow => below("workflows", "Workflows"),
            Self::CallQueue => Place::core("queues", &["Queues"]),
            Self::Application => Place::core("applications", &["Applications"]),
            Self::Number => Place::core("numbers", &["IncomingPhoneNumbers"]),
        }
    }

    /// The key of its list.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Workspace => "workspaces",
            Self::Activity => "activities",
            Self::TaskQueue => "task_queues",
            Self::Workflow => "workflows",
            Self::CallQueue => "queues",
            Self::Application => "applications",
            Self::Number => "incoming_phone_numbers",
        }
    }

    /// Whether its list can be asked for one name.
    pub(super) fn filters(self) -> bool {
        !matches!(self, Self::CallQueue | Self::Number)
    }
}

/// The value of a form's field in a thing's JSON: `FriendlyName` is `friendly_name` there.
pub(super) fn value(thing: &Value, field: &str) -> Value {
    let spell = |letter: char| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        other => other.to_string(),
    };
    let name: String = field.chars().map(spell).collect();
    thing.get(name.trim_start_matches('_')).cloned().unwrap_or_default()
}

/// A value as a form has it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether two values of a field mean the same to Twilio: it shows nothing as null or as empty, and
/// writes JSON and lists in its own way.
pub(super) fn same(field: &str, one: &Value, other: &Value) -> bool {
    let (one, other) = (text(one), text(other));
    match field {
        "Configuration" => {
            let json = |text: &str| serde_json::from_str::<Value>(text).ok();
            one == other
                || json(&one).zip(json(&other)).is_some_and(|(one, other)| alike(&one, &other))
        }
        "EventsFilter" => {
            let names = |text: &str| -> BTreeSet<String> {
                text.split(',').map(|name| name.trim().to_owned()).collect()
            };
            names(&one) == names(&other)
        }
        _ => one == other,
    }
}

/// Whether two routing configurations are the same to a router: numbers may be text, and what is
/// empty may be left out.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            let mut names = fields.keys().chain(others.keys());
            let field = |fields: &Map<String, Value>, name: &String| {
                fields.get(name).cloned().unwrap_or_default()
            };
            names.all(|name| alike(&field(fields, name), &field(others, name)))
        }
        (Value::Array(items), Value::Array(others)) => {
            items.len() == others.len()
                && items.iter().zip(others).all(|(item, other)| alike(item, other))
        }
        _ => text(one) == text(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_twilio_means_them() {
        assert!(same("VoiceUrl", &Value::Null, &json!("")));
        assert!(same("MaxSize", &json!(100), &json!("100")));
        let (ours, theirs) = (r#"{"a":[{"priority":1}]}"#, r#"{"a": [{"priority":"1","b":null}]}"#);
        assert!(same("Configuration", &json!(ours), &json!(theirs)));
        assert!(!same("Configuration", &json!(ours), &json!(r#"{"a":[{"priority":2}]}"#)));
        assert!(same("EventsFilter", &json!("a, b"), &json!("b,a")));
        assert!(!same("VoiceUrl", &json!("a"), &json!("b")));
    }
}
