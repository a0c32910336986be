//! The manager and the registry: what happened to an escalation, in the record of its call.
//!
//! Webhooks speak for Twilio, which is evidence enough: they write in the name of the newest epoch,
//! and once more when a claim came in between. A session writes in the name of its own.

use std::{sync::Arc, time::Duration};

use super::{messages::EscalationError, unanswered};
use crate::{
    domain::{
        escalation::{Escalation, Step},
        ids::{Alias, CallSid, Epoch, EscalationId},
        record::{CallRecord, Change, NewCall},
        time::{Millis, Timestamp},
    },
    keeper::Keeper,
    registry::{
        Registry,
        messages::{Find, Link, Open, Remember, Settle},
        store::{Key, Settled},
    },
};

/// How long one question to the registry may take. A webhook asks up to five, and Twilio waits 4 s.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often a write is tried: once more for each claim that came in between, or a store that is
/// just coming back.
const TRIES: usize = 3;

/// Before a failed write is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The records of calls, as the manager reads and changes them.
#[derive(Clone)]
pub(super) struct Records {
    registry: Arc<Keeper<Registry>>,
}

impl Records {
    pub(super) fn new(registry: Arc<Keeper<Registry>>) -> Self {
        Self { registry }
    }

    /// The call with its words.
    pub(super) async fn find(&self, key: Key) -> Result<Option<CallRecord>, EscalationError> {
        let asked = self.registry.send(Find { key }).timeout(PATIENCE).await;
        Ok(asked.map_err(|error| unanswered(&error))??)
    }

    /// The call, opened if nobody has.
    pub(super) async fn open(&self, call: NewCall) -> Result<CallRecord, EscalationError> {
        let asked = self.registry.send(Open { call }).timeout(PATIENCE).await;
        Ok(asked.map_err(|error| unanswered(&error))??.record)
    }

    pub(super) async fn link(&self, alias: Alias, sid: CallSid) -> Result<bool, EscalationError> {
        let asked = self.registry.send(Link { alias, sid }).timeout(PATIENCE).await;
        Ok(asked.map_err(|error| unanswered(&error))??)
    }

    /// Keeps `mine` under that key if nothing stands there; what stands there then.
    pub(super) async fn first(
        &self,
        sid: CallSid,
        key: String,
        mine: String,
        (now, ttl): (Timestamp, Millis),
    ) -> Result<String, EscalationError> {
        let order = Remember { sid, key, reply: mine, now, ttl };
        let asked = self.registry.send(order).timeout(PATIENCE).await;
        Ok(asked.map_err(|error| unanswered(&error))??)
    }

    /// Records an escalation as it begins, in the name of that epoch or of the newest.
    pub(super) async fn begin(
        &self,
        sid: CallSid,
        epoch: Option<Epoch>,
        escalation: Box<Escalation>,
    ) -> Result<(), EscalationError> {
        let (code, state) = (escalation.grounds.code, escalation.state);
        let at = escalation.at;
        let change = Change::Escalated { escalation };
        self.settle(sid, epoch, change, at).await?;
        tracing::info!(call.sid = %sid, code = code.label(), ?state, "a person is asked for");
        Ok(())
    }

    /// Records a step that was told at that moment; the call as it stands then.
    pub(super) async fn step(
        &self,
        sid: CallSid,
        id: EscalationId,
        step: Step,
        at: Timestamp,
    ) -> Result<Option<CallRecord>, EscalationError> {
        let label = step.label();
        let record = match self.settle(sid, None, Change::Escalation { id, step }, at).await {
            Err(EscalationError::Unknown) => return Ok(None),
            settled => settled?,
        };
        let escalation = record.escalation.as_ref().filter(|it| it.id == id && it.since == at);
        if let Some(escalation) = escalation {
            let state = escalation.state.label();
            tracing::info!(call.sid = %sid, step = label, state, "an escalation goes on");
            metrics::counter!("switchhook_escalation_steps_total", "state" => state).increment(1);
            metrics::histogram!("switchhook_escalation_seconds", "state" => state)
                .record(Duration::from_millis(at.since(escalation.at)));
        }
        Ok(Some(record))
    }

    async fn settle(
        &self,
        sid: CallSid,
        epoch: Option<Epoch>,
        change: Change,
        at: Timestamp,
    ) -> Result<CallRecord, EscalationError> {
        let mut failed = EscalationError::Unknown;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match self.settle_once(sid, epoch, change.clone(), at).await {
                Ok(record) => return Ok(record),
                Err(error @ EscalationError::Fenced) if epoch.is_some() => return Err(error),
                Err(error @ EscalationError::Unknown) => return Err(error),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn settle_once(
        &self,
        sid: CallSid,
        epoch: Option<Epoch>,
        change: Change,
        at: Timestamp,
    ) -> Result<CallRecord, EscalationError> {
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.find(Key::Sid(sid)).await?.ok_or(EscalationError::Unknown)?.epoch,
        };
        let order = Settle { sid, epoch, change, at };
        let asked = self.registry.send(order).timeout(PATIENCE).await;
        match asked.map_err(|error| unanswered(&error))? {
            Ok(Settled::Settled(record)) => Ok(*record),
            Ok(Settled::Fenced) => Err(EscalationError::Fenced),
            Ok(Settled::Unknown) => Err(EscalationError::Unknown),
            Err(error) => Err(error.into()),
        }
    }
}
