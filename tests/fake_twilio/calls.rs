//! Calls that wait for a person: enqueued, reserved, bridged, ended, one step at a time. Twilio keeps
//! a call and its task in step, and tells the workspace's callback of each.

use serde_json::{Map, Value, json};

use super::{
    answers::{Answer, Asked, refusal},
    kinds::{attributes, is_sid},
    state::State,
};

/// Characters of inline TwiML that an update takes.
const TWIML_MAX: usize = 4_000;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is up and not in a queue.
    Live,
    /// Nobody was found yet.
    Waiting,
    /// Somebody's telephone rings.
    Reserved,
    /// It is with a person.
    Bridged,
    /// The person has hung up, or the caller while they spoke.
    Ended,
    /// It left the queue before a person took it.
    Canceled,
}

impl Stage {
    /// As the control interface says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Waiting => "waiting",
            Self::Reserved => "reserved",
            Self::Bridged => "bridged",
            Self::Ended => "ended",
            Self::Canceled => "canceled",
        }
    }
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// How far it is.
    pub stage: Stage,
    /// Its task, `WT…`; empty before it was enqueued.
    pub task: String,
    /// What the action of `<Enqueue>` would say; none while it waits or speaks.
    pub queue_result: Option<&'static str>,
    /// Its queue, `QU…`.
    pub queue: String,
    /// Its reservation, `WR…`; empty when there is none.
    pub reservation: String,
    /// Who it is offered to, `WK…`.
    pub worker: String,
    /// Documents that updates gave it.
    pub twiml: Vec<String>,
    workspace: String,
    workflow: String,
    since: u64,
    left: Option<u64>,
}

/// What `<Enqueue workflowSid><Task>` says.
#[derive(Debug, Clone, Default)]
pub struct Enqueue {
    /// E.164.
    pub from: String,
    /// E.164.
    pub to: String,
    /// `WW…`
    pub workflow_sid: String,
    /// The JSON of `<Task>`.
    pub task: String,
    /// 0 when absent.
    pub priority: u32,
    /// s; Twilio's own when absent.
    pub timeout: Option<u32>,
}

/// Why a call was not put into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEnqueued {
    /// Twilio's error.
    Wrong(u32, String),
    /// `QueueResult=queue-full`
    Full,
}

impl State {
    /// Lets a call be up, so that it can be updated.
    pub(super) fn begin(&mut self, sid: &str) {
        let call = Call {
            stage: Stage::Live,
            task: String::new(),
            queue_result: None,
            queue: String::new(),
            reservation: String::new(),
            worker: String::new(),
            twiml: Vec::new(),
            workspace: String::new(),
            workflow: String::new(),
            since: 0,
            left: None,
        };
        self.calls.entry(sid.to_owned()).or_insert(call);
    }

    /// Puts a call into the queue of a workflow; tells the task and the queue.
    pub(super) fn enqueue(
        &mut self,
        sid: &str,
        enqueue: &Enqueue,
    ) -> Result<(String, String), NotEnqueued> {
        let wrong = |code, text: &str| Err(NotEnqueued::Wrong(code, text.to_owned()));
        if !is_sid(sid, "CA") {
            return wrong(21218, "the CallSid is not one");
        }
        let workflow = self.thing(&enqueue.workflow_sid);
        let Some(workflow) = workflow.filter(|thing| thing.kind.prefix == "WW").cloned() else {
            return wrong(14220, "the workflow is unknown");
        };
        let Ok(given) = attributes(&enqueue.task) else {
            return wrong(14221, "the task is no JSON object of at most 4096 characters");
        };
        self.begin(sid);
        let call = &self.calls[sid];
        if matches!(call.stage, Stage::Waiting | Stage::Reserved | Stage::Bridged) {
            return wrong(14220, "the call is in a queue already");
        }
        let (queue, size) = self.queue_of(&workflow.sid);
        if self.queue_full || self.waiting(&workflow.sid).count() >= size {
            return Err(NotEnqueued::Full);
        }
        let task = self.new_sid("WT");
        let mut body = Map::new();
        body.insert("attributes".to_owned(), json!(self.added(sid, enqueue, given).to_string()));
        body.insert("workflow_sid".to_owned(), json!(workflow.sid));
        body.insert("priority".to_owned(), json!(enqueue.priority));
        body.insert("timeout".to_owned(), json!(enqueue.timeout.unwrap_or(86_400)));
        body.insert("task_channel".to_owned(), json!("voice"));
        self.keep(super::kinds::kind("Tasks").expect("a kind"), &workflow.parent, &task, body);
        let since = self.now();
        let call = self.calls.get_mut(sid).expect("it was begun");
        call.stage = Stage::Waiting;
        call.task.clone_from(&task);
        call.queue.clone_from(&queue);
        call.queue_result = None;
        call.workspace.clone_from(&workflow.parent);
        call.workflow.clone_from(&workflow.sid);
        (call.since, call.left) = (since, None);
        self.tell_of_task("task.created", &task, &[]);
        Ok((task, queue))
    }

    /// The attributes with what Twilio adds.
    fn added(&self, sid: &str, enqueue: &Enqueue, mut given: Value) -> Value {
        for (name, value) in [
            ("call_sid", sid),
            ("account_sid", &self.options.account_sid),
            ("from", &enqueue.from),
            ("to", &enqueue.to),
            ("caller", &enqueue.from),
            ("called", &enqueue.to),
            ("direction", "inbound"),
            ("call_status", "in-progress"),
            ("api_version", "2010-04-01"),
        ] {
            given[name] = json!(value);
        }
        for who in ["from", "to", "caller", "called"] {
            for what in ["city", "state", "zip", "country"] {
                given[format!("{who}_{what}")] = json!("");
            }
        }
        given
    }

    fn queue_of(&self, workflow: &str) -> (String, usize) {
        let account = &self.options.account_sid;
        let queue =
            self.of("Queues", account).find(|queue| queue.text("friendly_name") == workflow);
        let size = queue.and_then(|queue| queue.body.get("max_size")).and_then(Value::as_u64);
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
        (queue.map(|queue| queue.sid.clone()).unwrap_or_default(), size)
    }

    /// Calls that wait for a workflow, the oldest first.
    fn waiting<'a>(&'a self, workflow: &'a str) -> impl Iterator<Item = &'a str> {
        let waits = |call: &Call| matches!(call.stage, Stage::Waiting | Stage::Reserved);
        let of_it =
            self.calls.iter().filter(move |(_, call)| waits(call) && call.workflow == workflow);
        let mut sids: Vec<_> = of_it.map(|(sid, call)| (&call.task, sid.as_str())).collect();
        sids.sort_unstable();
        sids.into_iter().map(|(_, sid)| sid)
    }

    /// What the control interface says of a call.
    pub(super) fn call_json(&self, sid: &str) -> Option<Value> {
        let call = self.calls.get(sid)?;
        let (_, max_size) = self.queue_of(&call.workflow);
        let position = self.waiting(&call.workflow).position(|other| other == sid);
        let waits: Vec<u64> = self.accepted.iter().map(|(_, wait)| *wait).collect();
        let average = waits.iter().sum::<u64>().checked_div(waits.len() as u64);
        Some(json!({
            "state": call.stage.name(), "queue_result": call.queue_result,
            "position": position.map_or(0, |position| position + 1),
            "queue_time": call.left.unwrap_or_else(|| self.now()).saturating_sub(call.since),
            "avg_queue_time": average.unwrap_or(0),
            "current_size": self.waiting(&call.workflow).count(), "max_size": max_size,
            "worker": self.thing(&call.worker).map(|worker| worker.text("friendly_name")),
            "task_sid": call.task, "queue_sid": call.queue, "reservation_sid": call.reservation,
            "twiml": call.twiml,
        }))
    }

    /// The call as a step needs it, or why the step cannot be.
    fn at(&self, sid: &str, stages: &[Stage]) -> Result<Call, String> {
        let call = self.calls.get(sid).ok_or_else(|| format!("{sid} was never enqueued"))?;
        let is_there = stages.contains(&call.stage);
        is_there.then(|| call.clone()).ok_or(format!("{sid} is {}", call.stage.name()))
    }

    fn move_to(&mut self, sid: &str, stage: Stage, result: Option<&'static str>) {
        let now = self.now();
        let Some(call) = self.calls.get_mut(sid) else { return };
        call.stage = stage;
        call.queue_result = result;
        if matches!(stage, Stage::Bridged | Stage::Ended | Stage::Canceled) {
            call.left.get_or_insert(now);
        }
    }

    /// Offers the call to the first available worker.
    pub(super) fn reserve(&mut self, sid: &str) -> Result<String, String> {
        let call = self.at(sid, &[Stage::Waiting])?;
        let worker = self
            .of("Workers", &call.workspace)
            .find(|worker| super::answers::is_available(self, worker))
            .map(|worker| worker.sid.clone())
            .ok_or("no worker is available")?;
        let reservation = self.new_sid("WR");
        if let Some(call) = self.calls.get_mut(sid) {
            call.reservation.clone_from(&reservation);
            call.worker = worker;
        }
        self.move_to(sid, Stage::Reserved, None);
        self.tell_of_reservation("reservation.created", sid, "reserved");
        Ok(reservation)
    }

    /// The worker takes it: the caller is in a conference.
    pub(super) fn accept(&mut self, sid: &str) -> Result<(), String> {
        let call = self.at(sid, &[Stage::Reserved])?;
        let conference = self.new_sid("CF");
        let (worker_call, customer) = (self.new_sid("CA"), sid);
        let wait = self.now().saturating_sub(call.since);
        self.accepted.push((call.workflow.clone(), wait));
        if let Some(task) = self.thing_mut(&call.task) {
            let mut attributes: Value =
                serde_json::from_str(task.text("attributes")).unwrap_or_default();
            attributes["worker_call_sid"] = json!(worker_call);
            attributes["conference"] = json!({"sid": conference,
                "participants": {"worker": worker_call, "customer": customer}});
            task.body.insert("attributes".to_owned(), json!(attributes.to_string()));
        }
        self.move_to(sid, Stage::Bridged, None);
        self.tell_of_reservation("reservation.accepted", sid, "assigned");
        Ok(())
    }

    /// The worker does not want it, or does not answer: it waits again.
    pub(super) fn give_back(&mut self, sid: &str, event: &str) -> Result<(), String> {
        self.at(sid, &[Stage::Reserved])?;
        self.move_to(sid, Stage::Waiting, None);
        self.tell_of_reservation(event, sid, "pending");
        Ok(())
    }

    /// The worker has done all that was to do.
    pub(super) fn finish(&mut self, sid: &str) -> Result<(), String> {
        let call = self.at(sid, &[Stage::Bridged])?;
        self.move_to(sid, Stage::Ended, Some("bridged"));
        self.set_status(&call.task, "wrapping");
        self.tell_of_task("task.wrapup", &call.task, &[]);
        self.tell_of_reservation("reservation.completed", sid, "completed");
        self.tell_of_task("task.completed", &call.task, &[]);
        Ok(())
    }

    /// The call leaves the queue, and its task is cancelled: `hangup`, `leave`, `redirected`, or
    /// `system-error` for a workflow that gave up.
    pub(super) fn leave(&mut self, sid: &str, result: &'static str) -> Result<(), String> {
        let call = self.at(sid, &[Stage::Waiting, Stage::Reserved, Stage::Bridged])?;
        if call.stage == Stage::Bridged {
            return self.finish(sid);
        }
        self.move_to(sid, Stage::Canceled, Some(result));
        if call.stage == Stage::Reserved {
            self.tell_of_reservation("reservation.canceled", sid, "canceled");
        }
        self.set_status(&call.task, "canceled");
        let reason = if result == "system-error" { "Workflow timed out" } else { result };
        self.tell_of_task("task.canceled", &call.task, &[("TaskCanceledReason", reason)]);
        Ok(())
    }

    fn set_status(&mut self, task: &str, status: &str) {
        if let Some(task) = self.thing_mut(task) {
            task.body.insert("assignment_status".to_owned(), json!(status));
            task.version += 1;
        }
    }

    fn tell_of_reservation(&mut self, event: &str, sid: &str, status: &str) {
        let call = self.calls[sid].clone();
        self.set_status(&call.task, status);
        let worker = self.thing(&call.worker);
        let text = |name: &str| worker.map(|worker| worker.text(name).to_owned());
        let (name, attributes) = (text("friendly_name"), text("attributes"));
        let more = [
            ("ReservationSid", call.reservation.as_str()),
            ("WorkerSid", &call.worker),
            ("WorkerName", &name.unwrap_or_default()),
            ("WorkerAttributes", &attributes.unwrap_or_default()),
        ];
        self.tell_of_task(event, &call.task, &more);
    }

    pub(super) fn tell_of_task(&mut self, event: &str, task: &str, more: &[(&str, &str)]) {
        let sid = self.new_sid("EV");
        let Some(task) = self.thing(task).cloned() else { return };
        let figure = |name: &str| task.body.get(name).map(ToString::to_string).unwrap_or_default();
        let age = self.now().saturating_sub(task.made).to_string();
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut fields: Vec<(String, String)> = [
            ("EventType", event),
            ("AccountSid", &self.options.account_sid),
            ("WorkspaceSid", &task.parent),
            ("WorkflowSid", task.text("workflow_sid")),
            ("TaskSid", &task.sid),
            ("TaskAttributes", task.text("attributes")),
            ("TaskAssignmentStatus", task.text("assignment_status")),
            ("TaskPriority", &figure("priority")),
            ("TaskAge", &age),
            ("TaskChannelUniqueName", task.text("task_channel")),
            ("Timestamp", &time.unwrap_or_default().as_secs().to_string()),
            ("ResourceType", event.split('.').next().unwrap_or_default()),
            ("Sid", &sid),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.tell(&task.parent.clone(), fields);
    }

    /// `POST …/Calls/{CA}.json`: another document, or the end.
    pub(super) fn update_call(&mut self, sid: &str, asked: &Asked) -> Result<Answer, Answer> {
        let Some(call) = self.calls.get_mut(sid).filter(|_| is_sid(sid, "CA")) else {
            return Err(refusal(404, 20404, "The requested call was not found"));
        };
        if asked.method == "GET" {
            let body = json!({"sid": sid, "status": "in-progress"});
            return Ok(Answer { status: 200, body, etag: None });
        }
        let known = ["Twiml", "Url", "Method", "Status", "FallbackUrl", "StatusCallback"];
        if let Some((name, _)) = asked.form.iter().find(|(name, _)| !known.contains(&name.as_str()))
        {
            return Err(refusal(400, 20001, &format!("{name} is not a known parameter")));
        }
        let field = |wanted: &str| {
            asked.form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        if matches!(call.stage, Stage::Ended) || call.queue_result == Some("hangup") {
            return Err(refusal(400, 21220, "Call is not in-progress. Cannot redirect."));
        }
        match (field("Twiml"), field("Url"), field("Status")) {
            (Some(twiml), None, _) if twiml.chars().count() <= TWIML_MAX => {
                call.twiml.push(twiml.to_owned());
            }
            (None, Some(url), _) => call.twiml.push(url.to_owned()),
            (None, None, Some("completed" | "canceled")) => {}
            _ => return Err(refusal(400, 21218, "Invalid ApplicationSid, Url or Twiml")),
        }
        let result = if field("Status").is_some() { "hangup" } else { "redirected" };
        // A call that is in no queue has none to leave.
        let _ = self.leave(sid, result);
        Ok(Answer { status: 200, body: json!({"sid": sid, "status": "in-progress"}), etag: None })
    }
}
