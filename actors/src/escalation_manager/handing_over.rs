//! A session has ended for a person's sake: where the caller goes, whatever is known of them.

use super::{
    EscalationManager,
    desk::{Case, Handover},
    messages::{HandOver, HandedOver},
};
use crate::{
    domain::{
        escalation::{Escalation, Step, Unreached},
        handoff::Wanted,
        record::{CallRecord, Change, NewCall},
    },
    registry::store::Key,
};

impl EscalationManager {
    /// There is an answer whatever fails: a caller who was promised a person is not left alone
    /// because a record cannot be read or written.
    pub(super) async fn hand_over(&self, order: HandOver) -> HandedOver {
        let HandOver { call, wanted } = order;
        let record = self.record_of(call).await;
        let record = match self.escalated(record, wanted).await {
            Ok(record) => record,
            Err(record) => return HandedOver::Back(Box::new(record)),
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
        if let Err(error) = self.records.step(sid, id, step.clone()).await {
            tracing::error!(call.sid = %sid, %error, "a hand-off is not recorded");
        }
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

    /// The record with the escalation that is under way, which begins here if none is. As an error:
    /// the record of a call whose wish is over.
    async fn escalated(
        &self,
        mut record: CallRecord,
        wanted: Wanted,
    ) -> Result<CallRecord, CallRecord> {
        let Wanted { id, grounds } = wanted;
        if record.escalation_under_way().is_some() {
            return Ok(record);
        }
        let known = |known: &Escalation| Some(known.id) == id;
        if !record.status.is_final() && record.escalation.as_ref().is_some_and(known) {
            return Err(record);
        }
        let now = (self.now)();
        let next = record.next_escalation();
        let id = id.filter(|id| id.call == record.sid && id.number >= next.number).unwrap_or(next);
        let escalation = Box::new(Escalation::new(id, grounds, now));
        if let Err(error) = self.records.begin(record.sid, None, escalation.clone()).await {
            tracing::error!(call.sid = %record.sid, %error, "an escalation is not recorded");
        }
        // Of a call that is over by its record, and is not by Twilio's word, the record stays.
        record.escalation = Some(*escalation);
        Ok(record)
    }
}

fn blank(call: NewCall, error: &super::messages::EscalationError) -> CallRecord {
    tracing::error!(call.sid = %call.sid, %error, "a caller is handed over with what little is known");
    CallRecord::ringing(call)
}
