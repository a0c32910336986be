//! Where a caller goes who is handed over, and how they come back when nobody is there.

use switchhook_actors::domain::{
    conversation::Input,
    escalation::{Escalation, Grounds, ReasonCode, Step, Unreached},
    handoff::HandoffNote,
    ids::EscalationId,
    record::Change,
};

use super::{
    super::{
        oracle::Verdict,
        schedule::{Farewell, Return},
    },
    World,
};

/// Where the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// With the engine.
    WithUs,
    /// `end` was sent with this note.
    Leaving(HandoffNote),
    /// `end` was sent, for another engine.
    Moving,
    /// Twilio was told to put them in a queue.
    Queued,
    /// The call is over.
    Gone,
}

impl World<'_> {
    /// Twilio ends the session after `end` and asks where the caller goes.
    pub(super) fn leave(&mut self) -> Verdict {
        match self.setting.farewell {
            Farewell::Webhook => {
                self.give(Input::HandedOver)?;
                self.lose_line(true)?;
            }
            Farewell::Broken => {
                self.lose_line(false)?;
                self.give(Input::HandedOver)?;
            }
            Farewell::Closed | Farewell::Patience => {
                self.lose_line(true)?;
                self.give(Input::HandedOver)?;
            }
        }
        if let Whereabouts::Leaving(note) = &self.whereabouts {
            self.queue(note.escalation);
        }
        Ok(())
    }

    /// Twilio is told so, and the record is: where no escalation could be written, it begins with
    /// the note.
    pub(super) fn queue(&mut self, id: Option<EscalationId>) {
        self.store.catch_up(self.now);
        let (now, record) = (self.now, &mut self.store.durable);
        if record.escalation_under_way().is_none() {
            let id = id.unwrap_or_else(|| record.next_escalation());
            let grounds = Grounds::new(ReasonCode::Other, "by the note");
            let escalation = Box::new(Escalation::new(id, grounds, now));
            record.apply(&Change::Escalated { escalation }, now);
        }
        self.whereabouts = Whereabouts::Queued;
        self.happened(Step::HandedOff);
    }

    fn happened(&mut self, step: Step) {
        let Some(id) = self.store.durable.escalation.as_ref().map(|known| known.id) else { return };
        self.store.durable.apply(&Change::Escalation { id, step }, self.now);
    }

    /// The caller leaves the queue for a new session of the same call.
    pub(super) fn come_back(&mut self, how: Return) -> Verdict {
        if let Whereabouts::Leaving(note) = &self.whereabouts
            && self.is_over()
        {
            // Our patience was over before Twilio closed the line.
            let id = note.escalation;
            self.lose_line(true)?;
            self.queue(id);
        }
        if self.whereabouts != Whereabouts::Queued {
            return Ok(());
        }
        self.wait(1)?;
        self.compare(false)?;
        self.oracle.record.close()?;
        match how {
            Return::Failed => self.happened(Step::Failed { why: Unreached::QueueFull }),
            Return::Withdrawn => self.happened(Step::Withdrawn),
            Return::Unsaid => {}
        }
        self.go_on_elsewhere(true)?;
        self.oracle.escalations.came_back(how);
        Ok(())
    }
}
