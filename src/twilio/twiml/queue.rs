//! `<Enqueue>`: the caller waits, and TaskRouter finds a person.
//!
//! The hand-off's webhook answers with it. Names and values:
//! twilio.com/docs/voice/twiml/enqueue and twilio.com/docs/voice/twiml/task.

use std::io;

use super::{Method, Xml, element, text};

/// `<Enqueue>` into the queue of a TaskRouter workflow.
///
/// Twilio makes the task, keeps it in step with the call, and asks for `wait_url` again and again
/// until the call leaves the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    /// `WW…`; what it routes to is the queue's name.
    pub workflow_sid: String,
    /// Where Twilio posts how the call left the queue (`QueueResult`), see
    /// [`action_url`](super::action_url). Of a bridged call only when the bridge ends.
    pub action: String,
    /// Where Twilio posts for what the caller hears meanwhile.
    pub wait_url: String,
    /// What the person gets.
    pub task: Task,
}

impl Enqueue {
    pub(super) fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let post = Method::Post.as_str();
        let attributes = [
            ("workflowSid", self.workflow_sid.clone()),
            ("action", self.action.clone()),
            ("method", post.to_owned()),
            ("waitUrl", self.wait_url.clone()),
            ("waitUrlMethod", post.to_owned()),
        ];
        element(xml, "Enqueue", &attributes, std::slice::from_ref(&self.task), Task::write)
    }
}

/// `<Task>`: what TaskRouter routes by, and what the person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// One JSON object as text, not yet escaped. With what Twilio adds it may have 4,096
    /// characters.
    pub attributes: String,
    /// The higher, the earlier.
    pub priority: u32,
    /// Seconds until TaskRouter gives the task up.
    pub timeout_s: u32,
}

impl Task {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let attributes =
            [("priority", self.priority.to_string()), ("timeout", self.timeout_s.to_string())];
        text(xml, "Task", &attributes, &self.attributes)
    }
}
