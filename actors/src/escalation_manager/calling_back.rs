//! A caller who would rather be called back, or has left a message: one task for it, never two.
//!
//! TaskRouter's creation cannot be repeated safely, so that a claim in the registry decides which
//! instance creates, and whoever cannot know whether it worked looks before trying again.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use super::{
    EscalationManager,
    desk::{Case, DeskError},
    messages::{Booked, EscalationError},
};
use crate::{
    domain::{
        escalation::{Escalation, Step},
        ids::{CallSid, EscalationId},
        record::CallRecord,
    },
    registry::store::Key,
};

/// How long the claim to create stands, ms: longer than any creation takes.
const CLAIM_TTL: u64 = 30_000;

/// How often the record is looked at for what another instance has booked: as long as a creation
/// and a look after it may take.
const LOOKS: usize = 32;

/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

impl EscalationManager {
    /// Books a call-back for the call's last escalation: one try for whatever webhook is asking.
    pub(super) async fn book(
        &self,
        sid: CallSid,
        asking: Option<&str>,
    ) -> Result<Booked, EscalationError> {
        let record = self.records.find(Key::Sid(sid)).await?.ok_or(EscalationError::Unknown)?;
        let Some(escalation) = record.escalation.clone() else {
            return Err(EscalationError::Unknown);
        };
        if escalation.is_promised() {
            return Ok(Booked::Booked);
        }
        let id = escalation.id;
        let asked_before = escalation.call_back.is_some();
        let failures = match asking {
            Some(webhook) => self.failures_before(sid, id, webhook, failures(&escalation)).await?,
            None => failures(&escalation),
        };
        self.records.step(sid, id, Step::CallBackAsked, (self.now)()).await?;
        // One claim a try: after one that failed anybody may try again.
        let mine = format!("{:016x}", RandomState::new().hash_one(sid));
        let key = format!("call-back:{id}:{failures}");
        let case = Case { record, escalation, now: (self.now)() };
        let created =
            if self.records.first(sid, key, mine.clone(), ((self.now)(), CLAIM_TTL)).await? == mine
            {
                self.create(case, asked_before).await
            } else {
                match self.booked_elsewhere(sid, failures).await? {
                    Elsewhere::Booked => return Ok(Booked::Booked),
                    Elsewhere::Failed => return Err(not_elsewhere()),
                    // It died: what it asked for may be there all the same.
                    Elsewhere::Silent => self.find(case).await,
                }
            };
        match created {
            Ok(task) => {
                self.note_booked(sid, id, task).await?;
                Ok(Booked::Booked)
            }
            Err(DeskError::NoCallBacks) => Ok(Booked::Impossible),
            Err(error) => {
                self.records.step(sid, id, Step::CallBackFailed, (self.now)()).await?;
                Err(EscalationError::Desk(error.to_string()))
            }
        }
    }

    /// How often it could not be booked before that webhook came first: a repetition that comes just
    /// after the try has failed is none of its own. It would book what the caller, who hears the
    /// first answer, is told is not booked.
    async fn failures_before(
        &self,
        sid: CallSid,
        id: EscalationId,
        webhook: &str,
        now: u32,
    ) -> Result<u32, EscalationError> {
        let key = format!("call-back-asked:{id}:{webhook}");
        let before =
            self.records.first(sid, key, now.to_string(), ((self.now)(), CLAIM_TTL)).await?;
        Ok(before.parse().unwrap_or(now))
    }

    async fn create(&self, case: Case, asked_before: bool) -> Result<String, DeskError> {
        if asked_before && let Some(task) = self.desk.find_call_back(&case).await? {
            return Ok(task);
        }
        match self.desk.book_call_back(case.clone()).await {
            Err(DeskError::Unknown(why)) => {
                let found = self.desk.find_call_back(&case).await?;
                found.ok_or(DeskError::Failed(why))
            }
            booked => booked,
        }
    }

    async fn find(&self, case: Case) -> Result<String, DeskError> {
        let found = self.desk.find_call_back(&case).await?;
        found.ok_or_else(|| DeskError::Failed("whoever was to book it has not".to_owned()))
    }

    async fn note_booked(
        &self,
        sid: CallSid,
        id: EscalationId,
        task: String,
    ) -> Result<(), EscalationError> {
        if let Ok(alias) = task.parse() {
            self.records.link(alias, sid).await?;
        }
        tracing::info!(call.sid = %sid, task, "a call-back is booked");
        self.records.step(sid, id, Step::CallBackBooked { task }, (self.now)()).await?;
        Ok(())
    }

    /// What becomes of the booking that another webhook, on this engine or another, is about.
    async fn booked_elsewhere(
        &self,
        sid: CallSid,
        failed_before: u32,
    ) -> Result<Elsewhere, EscalationError> {
        for _ in 0..LOOKS {
            let record: Option<CallRecord> = self.records.find(Key::Sid(sid)).await?;
            match record.and_then(|record| record.escalation) {
                Some(escalation) if escalation.is_promised() => return Ok(Elsewhere::Booked),
                Some(escalation) if failures(&escalation) > failed_before => {
                    return Ok(Elsewhere::Failed);
                }
                _ => tokio::time::sleep(LOOK_PAUSE).await,
            }
        }
        Ok(Elsewhere::Silent)
    }
}

/// What is heard of a booking that somebody else has claimed.
enum Elsewhere {
    Booked,
    Failed,
    /// Nothing, for longer than it can take.
    Silent,
}

fn not_elsewhere() -> EscalationError {
    EscalationError::Desk("another webhook could not book it".to_owned())
}

/// How often it could not be booked so far.
fn failures(escalation: &Escalation) -> u32 {
    escalation.call_back.as_ref().map_or(0, |call_back| call_back.failures)
}
