//! What kinds of things Twilio keeps, and which fields each takes: the strictness of the fake.

use serde_json::{Value, json};

use super::expression::Expression;

/// What a field takes.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Any text.
    Text,
    /// Empty, or an http or https address.
    Url,
    /// A whole number.
    Int(i64, i64),
    /// `true` or `false`.
    Bool,
    /// A JSON object of at most 4,096 UTF-16 units.
    Attributes,
    /// An expression of TaskRouter's.
    Expression,
    /// A routing configuration.
    Workflow,
    /// Letters and 32 hexadecimal digits, or empty.
    Sid(&'static str),
    /// One of these.
    Of(&'static [&'static str]),
}

/// A field of a form.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As it is sent.
    pub form: &'static str,
    /// What it takes.
    pub check: Check,
    /// Its value when it is not sent.
    pub default: Option<&'static str>,
    /// Whether creating takes it.
    pub create: Use,
    /// Whether updating takes it.
    pub update: bool,
}

/// Whether creating takes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It must be there.
    Must,
    /// It may be there.
    May,
    /// It is refused.
    Never,
}

/// A kind of thing.
#[derive(Debug)]
pub struct Kind {
    /// In the address.
    pub segment: &'static str,
    /// The key of a list.
    pub list: &'static str,
    /// Of its SIDs.
    pub prefix: &'static str,
    /// Whether it lies below a workspace; else below the account or, for workspaces, nothing.
    pub in_workspace: bool,
    /// Whether it is TaskRouter's.
    pub taskrouter: bool,
    /// Whether a second one of the same name is refused.
    pub unique: bool,
    /// Whether one can be made by REST.
    pub makes: bool,
    /// Whether one can be deleted.
    pub deletes: bool,
    /// What it takes.
    pub fields: &'static [Field],
    /// What a list can be asked for.
    pub filters: &'static [&'static str],
}

const fn must(form: &'static str, check: Check) -> Field {
    Field { form, check, default: None, create: Use::Must, update: true }
}

const fn may(form: &'static str, check: Check, default: &'static str) -> Field {
    Field { form, check, default: Some(default), create: Use::May, update: true }
}

/// Only when it is made.
const fn made(form: &'static str, check: Check, default: &'static str) -> Field {
    Field { form, check, default: Some(default), create: Use::May, update: false }
}

/// Only when it is changed.
const fn changed(form: &'static str, check: Check) -> Field {
    Field { form, check, default: None, create: Use::Never, update: true }
}

const METHOD: Check = Check::Of(&["GET", "POST"]);
const TASKROUTER: Kind = Kind {
    segment: "",
    list: "",
    prefix: "",
    in_workspace: true,
    taskrouter: true,
    unique: true,
    makes: true,
    deletes: true,
    fields: &[],
    filters: &["FriendlyName"],
};
const CORE: Kind = Kind { in_workspace: false, taskrouter: false, unique: false, ..TASKROUTER };

/// All kinds.
pub static KINDS: &[Kind] = &[
    Kind {
        segment: "Workspaces",
        list: "workspaces",
        prefix: "WS",
        in_workspace: false,
        fields: &[
            must("FriendlyName", Check::Text),
            may("EventCallbackUrl", Check::Url, ""),
            may("EventsFilter", Check::Text, ""),
            may("MultiTaskEnabled", Check::Bool, "true"),
            may("PrioritizeQueueOrder", Check::Of(&["FIFO", "LIFO"]), "FIFO"),
            made("Template", Check::Of(&["NONE", "FIFO"]), "NONE"),
            changed("DefaultActivitySid", Check::Sid("WA")),
            changed("TimeoutActivitySid", Check::Sid("WA")),
        ],
        ..TASKROUTER
    },
    Kind {
        segment: "Activities",
        list: "activities",
        prefix: "WA",
        fields: &[must("FriendlyName", Check::Text), made("Available", Check::Bool, "false")],
        filters: &["FriendlyName", "Available"],
        ..TASKROUTER
    },
    Kind {
        segment: "TaskQueues",
        list: "task_queues",
        prefix: "WQ",
        fields: &[
            must("FriendlyName", Check::Text),
            may("TargetWorkers", Check::Expression, "1==1"),
            may("MaxReservedWorkers", Check::Int(1, 50), "1"),
            may("TaskOrder", Check::Of(&["FIFO", "LIFO"]), "FIFO"),
            may("ReservationActivitySid", Check::Sid("WA"), ""),
            may("AssignmentActivitySid", Check::Sid("WA"), ""),
        ],
        filters: &["FriendlyName", "EvaluateWorkerAttributes", "WorkerSid"],
        ..TASKROUTER
    },
    Kind {
        segment: "Workflows",
        list: "workflows",
        prefix: "WW",
        fields: &[
            must("FriendlyName", Check::Text),
            must("Configuration", Check::Workflow),
            may("AssignmentCallbackUrl", Check::Url, ""),
            may("FallbackAssignmentCallbackUrl", Check::Url, ""),
            may("TaskReservationTimeout", Check::Int(1, 86400), "120"),
            changed("ReEvaluateTasks", Check::Text),
        ],
        ..TASKROUTER
    },
    Kind {
        segment: "Workers",
        list: "workers",
        prefix: "WK",
        fields: &[
            must("FriendlyName", Check::Text),
            may("ActivitySid", Check::Sid("WA"), ""),
            may("Attributes", Check::Attributes, "{}"),
            changed("RejectPendingReservations", Check::Bool),
        ],
        filters: &["FriendlyName", "Available", "ActivitySid", "ActivityName", "TaskQueueSid"],
        ..TASKROUTER
    },
    Kind {
        segment: "Tasks",
        list: "tasks",
        prefix: "WT",
        unique: false,
        fields: &[
            made("WorkflowSid", Check::Sid("WW"), ""),
            may("Attributes", Check::Attributes, "{}"),
            may("Priority", Check::Int(0, 2_147_483_647), "0"),
            made("Timeout", Check::Int(1, 1_209_600), "86400"),
            may("TaskChannel", Check::Of(&["default", "voice", "chat", "sms", "video"]), "default"),
            changed("AssignmentStatus", Check::Of(&["canceled", "wrapping", "completed"])),
            changed("Reason", Check::Text),
        ],
        filters: &["EvaluateTaskAttributes", "AssignmentStatus", "WorkflowSid", "Ordering"],
        ..TASKROUTER
    },
    Kind {
        segment: "IncomingPhoneNumbers",
        list: "incoming_phone_numbers",
        prefix: "PN",
        makes: false,
        deletes: false,
        fields: &[
            changed("FriendlyName", Check::Text),
            changed("VoiceUrl", Check::Url),
            changed("VoiceMethod", METHOD),
            changed("VoiceFallbackUrl", Check::Url),
            changed("VoiceFallbackMethod", METHOD),
            changed("StatusCallback", Check::Url),
            changed("StatusCallbackMethod", METHOD),
            changed("VoiceApplicationSid", Check::Sid("AP")),
        ],
        filters: &["FriendlyName", "PhoneNumber", "Beta", "Origin"],
        ..CORE
    },
    Kind {
        segment: "Applications",
        list: "applications",
        prefix: "AP",
        fields: &[
            may("FriendlyName", Check::Text, ""),
            may("VoiceUrl", Check::Url, ""),
            may("VoiceMethod", METHOD, "POST"),
            may("VoiceFallbackUrl", Check::Url, ""),
            may("VoiceFallbackMethod", METHOD, "POST"),
            may("StatusCallback", Check::Url, ""),
            may("StatusCallbackMethod", METHOD, "POST"),
            may("VoiceCallerIdLookup", Check::Bool, "false"),
        ],
        ..CORE
    },
    Kind {
        segment: "Queues",
        list: "queues",
        prefix: "QU",
        fields: &[must("FriendlyName", Check::Text), may("MaxSize", Check::Int(1, 5_000), "100")],
        filters: &[],
        ..CORE
    },
];

/// The kind of an address.
pub fn kind(segment: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.segment == segment)
}

/// `FriendlyName` as `friendly_name`.
pub fn snake(form: &str) -> String {
    let spell = |letter: char| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        other => other.to_string(),
    };
    form.chars().map(spell).collect::<String>().trim_start_matches('_').to_owned()
}

/// What the JSON of a thing shows for a field, or why it is refused. `queues` are those a workflow
/// may name.
pub fn read(check: Check, text: &str, queues: &[String]) -> Result<Value, String> {
    let plain = || Ok(Value::String(text.to_owned()));
    match check {
        Check::Text if text.encode_utf16().count() <= 64_000 => plain(),
        Check::Text => Err("is too long".to_owned()),
        Check::Url if text.is_empty() => plain(),
        Check::Url => match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => plain(),
            _ => Err("is not a URL".to_owned()),
        },
        Check::Int(low, high) => match text.parse::<i64>() {
            Ok(number) if (low..=high).contains(&number) => Ok(json!(number)),
            _ => Err(format!("is not a number from {low} to {high}")),
        },
        Check::Bool => text.parse().map(Value::Bool).map_err(|_| "is not a boolean".to_owned()),
        Check::Attributes => attributes(text).and_then(|_| plain()),
        Check::Expression => Expression::parse(text).and_then(|_| plain()),
        Check::Workflow => workflow(text, queues).and_then(|()| plain()),
        Check::Sid(prefix) if text.is_empty() || is_sid(text, prefix) => plain(),
        Check::Sid(prefix) => Err(format!("is not a SID of {prefix}")),
        Check::Of(words) if words.contains(&text) => plain(),
        Check::Of(words) => Err(format!("is none of {words:?}")),
    }
}

/// Whether it has the shape of a SID.
pub fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// Attributes of a task or a worker.
pub fn attributes(text: &str) -> Result<Value, String> {
    if text.encode_utf16().count() > 4_096 {
        return Err("has more than 4096 characters".to_owned());
    }
    let read = serde_json::from_str(text).ok().filter(Value::is_object);
    read.ok_or_else(|| "is not a JSON object".to_owned())
}

fn workflow(text: &str, queues: &[String]) -> Result<(), String> {
    let whole: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let routing = whole.get("task_routing").and_then(Value::as_object).ok_or("no task_routing")?;
    only(routing.keys(), &["filters", "default_filter"])?;
    let known = |target: &Value| -> Result<(), String> {
        let queue = target.get("queue").and_then(Value::as_str).ok_or("a target has no queue")?;
        let is_known = queues.iter().any(|sid| sid == queue);
        is_known.then_some(()).ok_or(format!("{queue} is no queue of the workspace"))
    };
    if let Some(target) = routing.get("default_filter") {
        known(target)?;
    }
    let filters = routing.get("filters").and_then(Value::as_array).ok_or("no filters")?;
    for filter in filters {
        let filter = filter.as_object().ok_or("a filter is no object")?;
        only(filter.keys(), &["filter_friendly_name", "friendly_name", "expression", "targets"])?;
        let text = filter.get("expression").and_then(Value::as_str).ok_or("no expression")?;
        Expression::parse(text)?;
        let targets = filter.get("targets").and_then(Value::as_array).ok_or("no targets")?;
        if targets.is_empty() {
            return Err("a filter has no targets".to_owned());
        }
        for target in targets {
            known(target)?;
            self::target(target)?;
        }
    }
    Ok(())
}

fn target(target: &Value) -> Result<(), String> {
    let known = ["queue", "expression", "priority", "timeout", "skip_if", "order_by"];
    let workers = ["known_worker_sid", "known_worker_friendly_name"];
    only(
        target.as_object().into_iter().flat_map(|target| target.keys()),
        &[&known[..], &workers[..]].concat(),
    )?;
    for name in ["expression", "skip_if"] {
        if let Some(text) = target.get(name) {
            Expression::parse(text.as_str().ok_or("an expression is no text")?)?;
        }
    }
    for name in ["priority", "timeout"] {
        let number = target.get(name);
        let reads = number.is_none_or(|number| {
            number.is_u64() || number.as_str().is_some_and(|text| text.parse::<u32>().is_ok())
        });
        if !reads {
            return Err(format!("{name} is no number"));
        }
    }
    Ok(())
}

fn only<'a>(keys: impl Iterator<Item = &'a String>, known: &[&str]) -> Result<(), String> {
    let mut unknown = keys.filter(|key| !known.contains(&key.as_str()));
    unknown.next().map_or(Ok(()), |key| Err(format!("{key} is not known")))
}
