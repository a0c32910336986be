//! The fake Twilio that has the queue and the people: it is told what the call does, and asked how it
//! stands. Its control interface is described in `deploy/twilio/README.md`.

use serde::Deserialize;

use super::{
    CallerError, WireError,
    address::{Retries, Target},
    options::RingOptions,
    twiml_reader::Enqueue,
    wire::{Reply, Wire},
};

/// The way to one call there.
pub(super) struct Switchboard {
    wire: Wire,
    /// `{twilio}/fake/calls/{CallSid}`
    call: String,
}

/// What became of `<Enqueue>`.
pub(super) enum Entered {
    /// The call waits.
    Waits,
    /// The queue takes no more.
    Full,
    /// Twilio's error.
    Refused(String),
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Live,
    Waiting,
    Reserved,
    Bridged,
    Ended,
    Canceled,
}

/// How a call stands.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Standing {
    #[serde(rename = "state")]
    pub(super) stage: Stage,
    pub(super) queue_result: Option<String>,
    pub(super) position: u32,
    pub(super) queue_time: u64,
    pub(super) avg_queue_time: u64,
    pub(super) current_size: u32,
    pub(super) max_size: u32,
    pub(super) worker: Option<String>,
    pub(super) queue_sid: String,
    /// Documents, or where they are, that the REST interface gave the call.
    #[serde(default)]
    pub(super) twiml: Vec<String>,
}

impl Switchboard {
    pub(super) fn new(base: &str, wire: &Wire, call_sid: &str) -> Self {
        let call = format!("{}/fake/calls/{call_sid}", base.trim_end_matches('/'));
        Self { wire: wire.clone(), call }
    }

    /// Does what `<Enqueue>` says.
    pub(super) async fn enqueue(
        &self,
        options: &RingOptions,
        enqueue: &Enqueue,
    ) -> Result<Entered, CallerError> {
        let task = enqueue.task.clone().unwrap_or_default();
        let workflow = enqueue.workflow_sid.clone().unwrap_or_default();
        let mut fields = vec![
            ("From", options.from.clone()),
            ("To", options.to.clone()),
            ("WorkflowSid", workflow),
            ("Task", task.attributes),
            ("Priority", task.priority.to_string()),
        ];
        fields.extend(task.timeout.map(|timeout| ("Timeout", timeout.to_string())));
        let reply = self.tell("enqueue", fields).await?;
        Ok(match reply.status {
            200 => Entered::Waits,
            409 => Entered::Full,
            400 => Entered::Refused(reply.body),
            _ => return Err(self.refused(reply)),
        })
    }

    /// The call leaves the queue: `hangup` or `leave`. One that has left already does no harm.
    pub(super) async fn leave(&self, reason: &str) -> Result<(), CallerError> {
        self.tell("leave", vec![("reason", reason.to_owned())]).await.map(drop)
    }

    /// How the call stands.
    pub(super) async fn standing(&self) -> Result<Standing, CallerError> {
        let reply = self.wire.request(&target(self.call.clone()), "GET", &[]).await?;
        serde_json::from_str(&reply.body).map_err(|_| self.refused(reply))
    }

    async fn tell(&self, what: &str, fields: Vec<(&str, String)>) -> Result<Reply, CallerError> {
        let fields: Vec<_> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let target = target(format!("{}/{what}", self.call));
        Ok(self.wire.request(&target, "POST", &fields).await?)
    }

    fn refused(&self, reply: Reply) -> CallerError {
        let Reply { status, body, .. } = reply;
        WireError::Refused { url: self.call.clone(), status, body }.into()
    }
}

fn target(address: String) -> Target {
    Target { written: address.clone(), connect: address, retries: Retries::default() }
}
