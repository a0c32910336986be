//! What TaskRouter tells of tasks and reservations: `POST /taskrouter/events`.
//!
//! Unordered, repeated, and of tasks that are none of ours: nothing has to be there.

use serde_json::Value;
use switchhook_actors::domain::{
    escalation::{Step, Unreached},
    ids::{Alias, CallSid},
    legible::label,
};

use super::Form;

/// Characters of a worker's name.
const NAME_MAX: usize = 100;

/// An event about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEvent {
    /// What happened, in Twilio's words: `reservation.accepted`.
    pub kind: String,
    /// The call that the task is about, when its attributes say so.
    pub call: Option<CallSid>,
    /// `WT…`.
    pub task: Option<Alias>,
    /// `WR…`, `CF…`, `WK…` and the escalation: names that the call is found by.
    pub others: Vec<Alias>,
    /// Whether the task is a call-back, which is no part of the call itself.
    pub is_call_back: bool,
    reservation: Option<String>,
    worker: Option<String>,
    cancelled: String,
}

impl TaskEvent {
    /// Reads the form, <https://www.twilio.com/docs/taskrouter/api/event>. `call_back`: the type of
    /// our call-backs' tasks.
    #[must_use]
    pub fn read(form: &Form, call_back: &str) -> Self {
        let attributes: Value = form
            .get("TaskAttributes")
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let conference = attributes.pointer("/conference/sid").and_then(Value::as_str);
        let reservation = form.get("ReservationSid");
        let others = [reservation, form.get("WorkerSid"), conference, text("escalation_id")];
        let worker = form.get("WorkerName").map(|name| label(name, NAME_MAX));
        Self {
            kind: form.get("EventType").unwrap_or_default().to_ascii_lowercase(),
            // Ours first: `call_sid` is Twilio's own, and another one where the call was moved.
            call: [text("call_id"), text("call_sid")]
                .into_iter()
                .flatten()
                .find_map(|sid| sid.parse().ok()),
            task: form.get("TaskSid").and_then(|sid| sid.parse().ok()),
            others: others.into_iter().flatten().filter_map(|name| name.parse().ok()).collect(),
            is_call_back: text("type") == Some(call_back),
            reservation: reservation.map(|sid| label(sid, NAME_MAX)),
            worker: worker.filter(|name| !name.is_empty()),
            cancelled: form.get("TaskCanceledReason").unwrap_or_default().to_ascii_lowercase(),
        }
    }

    /// What it means for the escalation; none for what changes nothing.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        if self.is_call_back {
            return None;
        }
        let task = || self.task.as_ref().map(|task| task.as_str().to_owned());
        Some(match (self.kind.as_str(), &self.reservation) {
            ("task.created", _) => Step::Queued { task: task() },
            ("reservation.created", Some(reservation)) => {
                Step::Reserved { reservation: reservation.clone(), worker: self.worker.clone() }
            }
            ("reservation.accepted", _) => Step::Accepted { worker: self.worker.clone() },
            (
                "reservation.rejected"
                | "reservation.timeout"
                | "reservation.canceled"
                | "reservation.rescinded",
                Some(reservation),
            ) => Step::Unreserved { reservation: reservation.clone() },
            ("task.canceled", _) => Step::Failed { why: self.why() },
            (
                "task.wrapup" | "task.completed" | "reservation.wrapup" | "reservation.completed",
                _,
            ) => Step::Finished,
            _ => return None,
        })
    }

    /// A task of a call is cancelled with the call, or by the end of its time.
    fn why(&self) -> Unreached {
        if self.cancelled.contains("hangup") || self.cancelled.contains("hung up") {
            Unreached::CallerLeft
        } else {
            Unreached::TimedOut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "CA0123456789abcdef0123456789abcdef";

    fn event(kind: &str, attributes: &str, rest: &[(&str, &str)]) -> TaskEvent {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("EventType", kind).append_pair("TaskAttributes", attributes);
        form.extend_pairs(rest);
        TaskEvent::read(&Form::parse(form.finish().as_bytes()).unwrap(), "callback")
    }

    fn about(kind: &str) -> Option<Step> {
        let reservation = [("TaskSid", "WT1"), ("ReservationSid", "WR1"), ("WorkerName", "Ada")];
        event(kind, &format!(r#"{{"call_sid":"{SID}"}}"#), &reservation).step()
    }

    #[test]
    fn each_event_is_a_step_or_none() {
        let (reservation, worker) = ("WR1".to_owned(), Some("Ada".to_owned()));
        let cases = [
            ("task.created", Some(Step::Queued { task: Some("WT1".into()) })),
            (
                "reservation.created",
                Some(Step::Reserved { reservation: reservation.clone(), worker: worker.clone() }),
            ),
            ("reservation.accepted", Some(Step::Accepted { worker })),
            ("reservation.timeout", Some(Step::Unreserved { reservation: reservation.clone() })),
            ("reservation.rejected", Some(Step::Unreserved { reservation })),
            ("task.canceled", Some(Step::Failed { why: Unreached::TimedOut })),
            ("task.completed", Some(Step::Finished)),
            ("task.wrapup", Some(Step::Finished)),
            ("worker.activity.update", None),
            ("task-queue.entered", None),
            ("", None),
        ];
        for (kind, step) in cases {
            assert_eq!(about(kind), step, "{kind}");
        }
    }

    #[test]
    fn a_call_is_known_by_its_attributes_and_found_by_all_names() {
        let attributes = format!(
            r#"{{"call_id":"{SID}","call_sid":"CAffffffffffffffffffffffffffffffff","escalation_id":"{SID}.e1","conference":{{"sid":"CF1"}}}}"#
        );
        let told =
            event("task.updated", &attributes, &[("ReservationSid", "WR1"), ("WorkerSid", "WK1")]);
        assert_eq!(told.call.map(|sid| sid.to_string()).as_deref(), Some(SID));
        let names: Vec<_> = told.others.iter().map(Alias::as_str).collect();
        assert_eq!(names, ["WR1", "WK1", "CF1", &format!("{SID}.e1")]);
        let strange = event("task.created", "[1", &[("TaskSid", "a/b")]);
        assert_eq!((strange.call, strange.task), (None, None));
    }

    #[test]
    fn a_call_back_moves_nothing_and_a_caller_who_hung_up_is_told_apart() {
        let told = event("task.canceled", r#"{"type":"callback"}"#, &[]);
        assert_eq!(told.step(), None);
        let told = event("task.canceled", "{}", &[("TaskCanceledReason", "hangup")]);
        assert_eq!(told.step(), Some(Step::Failed { why: Unreached::CallerLeft }));
    }
}
