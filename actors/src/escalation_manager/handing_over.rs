//! A session has ended for a person's sake: where the caller goes, whatever is known of them.

use std::time::Duration;

use super::{
    EscalationManager,
    desk::{Case, Handover},
    messages::{HandOver, HandedOver},
};
use crate::{
    domain::{
        escalation::{Escalation, Step, Unreached},
        handoff::Wanted,
        ids::{CallSid, EscalationId},
        record::{CallRecord, Change, NewCall},
    },
    registry::store::Key,
};

/// How long the answer to a webhook waits for the record: a caller is between two sessions and hears
/// nothing.
const NOTE_PATIENCE: Duration = Duration::from_millis(1_000);

impl EscalationManager {
    /// There is an answer whatever fails: a caller who was promised a person is not left alone
    /// because a record cannot be read or written.
    pub(super) async fn hand_over(&self, order: HandOver) -> HandedOver {
        let HandOver { call, wanted } = order;
        let record = self.record_of(call).await;
        let (record, begun) = match self.escalated(record, wanted) {
            Ok(escalated) => escalated,
            Err(record) => return HandedOver::Back(record),
        };
        let Some(escalation) = record.escalation.clone() else {
            return HandedOver::Back(Box::new(record));
        };
        let (sid, id) = (record.sid, escalation.id);
        let case = Case { record, escalation, now: (self.now)() };
        let handover = self.desk.hand_over(&case);
        let step = match &handover {
            Handover::TakeMessage => Step::Failed { why: Unreached::NoDesk },
            Handover::Queue { .. } | Handover::Dial { .. } => Step::HandedOff,
        };
        self.note(begun, sid, id, step.clone()).await;
        tracing::info!(call.sid = %sid, escalation = %id, desk = self.desk.name(), "a caller is handed over");
        if handover == Handover::TakeMessage {
            let Case { mut record, .. } = case;
            record.apply(&Change::Escalation { id, step }, (self.now)());
            return HandedOver::Back(Box::new(record));
        }
        HandedOver::To(handover)
    }

    async fn record_of(&self, call: NewCall) -> CallRecord {
        match self.records.find(Key::Sid(call.sid)).await {
            Ok(Some(record)) => record,
            // Another application's call: it begins with its end.
            Ok(None) => match self.records.open(call.clone()).await {
                Ok(record) => record,
                Err(error) => blank(call, &error),
            },
            Err(error) => blank(call, &error),
        }
    }

    /// Records what was decided, before it is told. Where that takes long it goes on behind: the
    /// caller is told where to go in time.
    async fn note(
        &self,
        begun: Option<Box<Escalation>>,
        sid: CallSid,
        id: EscalationId,
        step: Step,
    ) {
        let this = self.clone();
        let noting = actix::spawn(async move {
            let begun = match begun {
                Some(escalation) => this.begin(sid, escalation).await,
                None => Ok(()),
            };
            if let Err(error) = begun.and(this.step(sid, Some(id), step).await.map(drop)) {
                tracing::error!(call.sid = %sid, %error, "a hand-off is not recorded now");
            }
        });
        if tokio::time::timeout(NOTE_PATIENCE, noting).await.is_err() {
            tracing::warn!(call.sid = %sid, "a hand-off is answered before it is recorded");
        }
    }

    /// The record with the escalation that is under way; one that begins here comes with it, to be
    /// recorded. As an error: the record of a call whose wish is over.
    fn escalated(
        &self,
        mut record: CallRecord,
        wanted: Wanted,
    ) -> Result<(CallRecord, Option<Box<Escalation>>), Box<CallRecord>> {
        let Wanted { id, grounds } = wanted;
        if record.escalation_under_way().is_some() {
            return Ok((record, None));
        }
        let known = |known: &Escalation| Some(known.id) == id;
        if !record.status.is_final() && record.escalation.as_ref().is_some_and(known) {
            return Err(Box::new(record));
        }
        let now = (self.now)();
        let next = record.next_escalation();
        let id = id.filter(|id| id.call == record.sid && id.number >= next.number).unwrap_or(next);
        let escalation = Escalation::new(id, grounds, now);
        // Of a call that is over by its record, and is not by Twilio's word, the record stays.
        record.escalation = Some(escalation.clone());
        Ok((record, Some(Box::new(escalation))))
    }
}

fn blank(call: NewCall, error: &super::messages::EscalationError) -> CallRecord {
    tracing::error!(call.sid = %call.sid, %error, "a caller is handed over with what little is known");
    CallRecord::ringing(call)
}
