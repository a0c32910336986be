//! The verbs with which a call leaves the engine: into a queue, to a telephone, and the keys that
//! are awaited from those who wait.
//!
//! Sources: twilio.com/docs/voice/twiml/enqueue, /task, /gather and /dial.

use quick_xml::escape::partial_escape;
use serde_json::Value;

use super::{Element, TwimlError, Verb, method, verb, wrong};

/// Twilio's codes for a workflow and for a task that are of no use.
const WORKFLOW_INVALID: u32 = 14_220;
const TASK_INVALID: u32 = 14_221;

/// The attributes of a task are not longer, characters as Twilio counts them.
const TASK_MAX: usize = 4_096;

/// How long `<Gather>` waits for a key, s.
const GATHER_TIMEOUT: u64 = 5;

/// `<Enqueue>`: the caller waits for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueue {
    /// `WW…`; none for a queue with a name.
    pub workflow_sid: Option<String>,
    /// The queue's name, when there is no workflow.
    pub queue: String,
    /// What the person gets; there is always one with a workflow.
    pub task: Option<Task>,
    /// What is requested when the call leaves the queue, as written.
    pub action: Option<String>,
    /// How it is requested.
    pub method: String,
    /// What is requested for what the caller hears, as written; none or empty for no words.
    pub wait_url: Option<String>,
    /// How it is requested.
    pub wait_method: String,
    /// The element as a person reads it: an attribute a line, the task's JSON indented.
    pub shown: String,
}

/// `<Task>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// One JSON object.
    pub attributes: String,
    /// The higher, the earlier.
    pub priority: u32,
    /// Seconds until it is given up; none for Twilio's own.
    pub timeout: Option<u32>,
}

/// `<Gather>` of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gather {
    /// What is requested with the keys, as written; none for the present document.
    pub action: Option<String>,
    /// How it is requested.
    pub method: String,
    /// How many keys are awaited; none for as many as come.
    pub digits: Option<usize>,
    /// How long a key is waited for, s.
    pub timeout: u64,
    /// Whether keys are listened to at all, rather than speech alone.
    pub keys: bool,
    /// What is heard meanwhile.
    pub children: Vec<Verb>,
}

/// `<Dial>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dial {
    /// Whom, as written.
    pub number: String,
    /// What is requested when it is over, as written.
    pub action: Option<String>,
    /// How it is requested.
    pub method: String,
    /// What is told when somebody has answered, as written.
    pub answered: Option<String>,
}

pub(super) fn enqueue(element: &Element) -> Result<Enqueue, TwimlError> {
    let workflow_sid = element.attribute("workflowSid").map(str::to_owned);
    let tasks: Vec<_> = element.children.iter().filter(|child| child.name == "Task").collect();
    let task = match (&workflow_sid, tasks.as_slice()) {
        (None, []) => None,
        (Some(sid), _) if !is_workflow(sid) => {
            return Err(invalid(WORKFLOW_INVALID, format!("{sid:?} is no workflow")));
        }
        (Some(_), [given]) => Some(task(given)?),
        (Some(_), _) => {
            let problem = format!("there are {} tasks instead of one", tasks.len());
            return Err(invalid(TASK_INVALID, problem));
        }
        (None, _) => return Err(wrong(element, "has a task and no workflowSid".to_owned())),
    };
    if let Some(other) = element.children.iter().find(|child| child.name != "Task") {
        return Err(wrong(element, format!("contains <{}>", other.name)));
    }
    Ok(Enqueue {
        workflow_sid,
        queue: element.text.trim().to_owned(),
        task,
        action: element.attribute("action").map(str::to_owned),
        method: method(element, "method")?,
        wait_url: element.attribute("waitUrl").map(str::to_owned),
        wait_method: method(element, "waitUrlMethod")?,
        shown: shown(element, ""),
    })
}

fn is_workflow(sid: &str) -> bool {
    let digits = sid.strip_prefix("WW").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn task(element: &Element) -> Result<Task, TwimlError> {
    let attributes = element.text.trim().to_owned();
    let length = attributes.encode_utf16().count();
    if length > TASK_MAX {
        let problem = format!("the task has {length} characters, more than {TASK_MAX}");
        return Err(invalid(TASK_INVALID, problem));
    }
    let is_object = serde_json::from_str::<Value>(&attributes).is_ok_and(|value| value.is_object());
    if !is_object {
        return Err(invalid(TASK_INVALID, "the task is no JSON object".to_owned()));
    }
    Ok(Task {
        attributes,
        priority: number(element, "priority")?.unwrap_or_default(),
        timeout: number(element, "timeout")?,
    })
}

fn invalid(code: u32, problem: String) -> TwimlError {
    TwimlError::Queue { code, problem }
}

fn number<T: std::str::FromStr>(element: &Element, name: &str) -> Result<Option<T>, TwimlError> {
    let read = |text: &str| {
        text.parse().map_err(|_| wrong(element, format!("has the {name} {text:?}, which is none")))
    };
    element.attribute(name).map(read).transpose()
}

pub(super) fn gather(element: &Element) -> Result<Gather, TwimlError> {
    let children: Vec<_> = element.children.iter().map(verb).collect::<Result<_, _>>()?;
    let audible =
        |verb: &Verb| matches!(verb, Verb::Say { .. } | Verb::Play { .. } | Verb::Pause { .. });
    if !children.iter().all(audible) {
        return Err(wrong(element, "contains more than <Say>, <Play> and <Pause>".to_owned()));
    }
    let digits = number(element, "numDigits")?;
    if digits == Some(0) {
        return Err(wrong(element, "waits for 0 keys".to_owned()));
    }
    let input = element.attribute("input").unwrap_or("dtmf");
    let timeout = match element.attribute("timeout") {
        Some("auto") => None,
        _ => number(element, "timeout")?,
    };
    Ok(Gather {
        action: element.attribute("action").map(str::to_owned),
        method: method(element, "method")?,
        digits,
        timeout: timeout.unwrap_or(GATHER_TIMEOUT),
        keys: input.split_ascii_whitespace().any(|input| input == "dtmf"),
        children,
    })
}

pub(super) fn dial(element: &Element) -> Result<Dial, TwimlError> {
    let number = element.children.iter().find(|child| child.name == "Number");
    let whom = number.unwrap_or(element);
    let answered = number.and_then(|number| {
        let wanted = number.attribute("statusCallbackEvent").unwrap_or("completed");
        let answered = wanted.split_ascii_whitespace().any(|event| event == "answered");
        number.attribute("statusCallback").filter(|_| answered)
    });
    if whom.text.trim().is_empty() && element.children.is_empty() {
        return Err(wrong(element, "dials nobody".to_owned()));
    }
    Ok(Dial {
        number: whom.text.trim().to_owned(),
        action: element.attribute("action").map(str::to_owned),
        method: method(element, "method")?,
        answered: answered.map(str::to_owned),
    })
}

/// The element again, for a person: what is JSON in it is indented.
fn shown(element: &Element, margin: &str) -> String {
    let mut shown = format!("{margin}<{}", element.name);
    for (name, value) in &element.attributes {
        let value = partial_escape(value).replace('"', "&quot;");
        shown.push_str(&format!("\n{margin}    {name}=\"{value}\""));
    }
    shown.push('>');
    let inner = format!("{margin}  ");
    for child in &element.children {
        shown.push('\n');
        shown.push_str(&self::shown(child, &inner));
    }
    let text = element.text.trim();
    let text = match serde_json::from_str::<Value>(text) {
        Ok(value) => format!("{value:#}"),
        Err(_) => text.to_owned(),
    };
    for line in partial_escape(&text).lines() {
        shown.push_str(&format!("\n{inner}{line}"));
    }
    shown.push_str(&format!("\n{margin}</{}>", element.name));
    shown
}
