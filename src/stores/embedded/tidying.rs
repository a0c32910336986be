//! How calls are forgotten: erased, discarded, or tidied away when nobody looks after them any more.

use std::collections::HashSet;

use switchhook_actors::{
    domain::{
        ids::CallSid,
        record::{CallEventKind, CallRecord, Change, Status},
        time::Timestamp,
    },
    registry::store::{Sweep, Swept},
};

use super::{Trouble, compaction::Stale, operations::Round};
use crate::stores::{
    index::{Effect, Said},
    locked,
};

/// How many calls, and how many replies, one round of tidying deletes at most: it holds up every
/// write that waits behind it. At a round every 15 s it keeps up with 60 calls a second.
const DELETED_AT_ONCE: usize = 1_000;

/// How many keys of calls one round of tidying looks at after a start.
const REWRAPPED_AT_ONCE: usize = 200;

/// How many calls one look for a caller's reads: about 5 ms.
const SCANNED_AT_ONCE: usize = 1_000;

/// What a look at some calls found.
pub(super) struct Scanned {
    /// Where to go on; none: that was all.
    pub(super) last: Option<CallSid>,
    pub(super) found: Vec<CallSid>,
}

impl Round<'_> {
    /// Works on a record that cannot be read, too: erasure must not depend on what is erased. What
    /// was replied about a call goes, even where the call itself has been discarded.
    pub(super) fn erase(&mut self, sid: CallSid) -> Result<bool, Trouble> {
        let there = self.delete(sid)?;
        let replies = self.tables.delete_replies_of(sid.as_str())?;
        self.writes += replies;
        if there || replies > 0 {
            self.leave(Stale::Erased)?;
        }
        Ok(there)
    }

    /// Erases those of the calls that are still there; how many.
    pub(super) fn erase_all(&mut self, sids: &[CallSid]) -> Result<usize, Trouble> {
        let mut erased = 0;
        for &sid in sids {
            erased += usize::from(self.erase(sid)?);
        }
        Ok(erased)
    }

    /// Deletes a call that is kept elsewhere. With the last of them all is gone from the file, but for
    /// the replies: nobody else has those, and Twilio may repeat its webhooks until they expire.
    pub(super) fn discard(&mut self, sid: CallSid) -> Result<bool, Trouble> {
        let there = self.delete(sid)?;
        if there {
            let is_last = self.tables.is_empty()?;
            self.leave(if is_last { Stale::Erased } else { Stale::Swept })?;
        }
        Ok(there)
    }

    /// Some calls behind that one, and those of them that this number made.
    pub(super) fn calls_of(&self, number: &str, after: &str) -> Result<Scanned, Trouble> {
        let sids = self.tables.calls_behind(after, SCANNED_AT_ONCE)?;
        let mut found = Vec::new();
        for &sid in &sids {
            match self.tables.record(sid) {
                Ok(Some(record)) if record.caller == number => found.push(sid),
                // Whose it is nobody can tell.
                Ok(_) | Err(Trouble::Unreadable(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(Scanned { last: sids.last().copied(), found })
    }

    fn delete(&mut self, sid: CallSid) -> Result<bool, Trouble> {
        if !self.tables.knows(sid)? {
            return Ok(false);
        }
        let record = match self.tables.record(sid) {
            Err(Trouble::Unreadable(_)) => None,
            found => found?,
        };
        let ended = record.as_ref().and_then(|record| record.ended_at);
        self.write().delete(sid, ended)?;
        match record {
            Some(record) => self.event(CallEventKind::Erased, record, Said::Nothing)?,
            None => {
                self.write().forget_end(sid)?;
                self.effects.push(Effect::Gone(sid));
            }
        }
        Ok(true)
    }

    pub(super) fn sweep(&mut self, sweep: &Sweep) -> Result<Swept, Trouble> {
        let mut swept = Swept::default();
        let attended: HashSet<_> = sweep.attended.iter().collect();
        let silent = locked(self.index).silent(sweep);
        for (sid, seen) in silent {
            if attended.contains(&sid) {
                continue;
            }
            if let Some(record) = self.silent_call(sid, seen, sweep)? {
                self.end(record)?;
                swept.closed.push(sid);
            }
        }
        self.set_aside_unreadable(sweep)?;
        let seen = sweep.attended.iter().map(|&sid| Effect::Seen(sid, sweep.now));
        self.effects.extend(seen);
        for (at, sid) in self.tables.ended_until(sweep.now - sweep.retention, DELETED_AT_ONCE)? {
            self.write().delete(sid, Some(at))?;
            self.tables.delete_replies_of(sid.as_str())?;
            swept.deleted += 1;
        }
        let replies = self.tables.delete_replies(sweep.now, DELETED_AT_ONCE)?;
        self.writes += replies;
        if swept.deleted + replies > 0 {
            self.leave(Stale::Swept)?;
        }
        self.rewrap_some()?;
        Ok(swept)
    }

    /// Wraps the keys of some calls anew, where an older key of ours wraps them: once after a start.
    fn rewrap_some(&mut self) -> Result<(), Trouble> {
        let Some(after) = self.tables.keys.rewrapped() else { return Ok(()) };
        let sids = self.tables.with_key(&after, REWRAPPED_AT_ONCE)?;
        for sid in &sids {
            self.writes += usize::from(self.tables.rewrap(*sid)?);
        }
        self.tables.keys.rewrapped_until(sids.last());
        Ok(())
    }

    /// A live call that the index does not hold could not be read when the engine started. It counts
    /// as over from now on, so that its retention ends: nobody can tell when it really was.
    fn set_aside_unreadable(&mut self, sweep: &Sweep) -> Result<(), Trouble> {
        let live = self.tables.live_sids()?;
        let is_listed = |sid: &CallSid| locked(self.index).record(*sid).is_some();
        for sid in live.into_iter().filter(|sid| !is_listed(sid)).collect::<Vec<_>>() {
            match self.tables.call(sid) {
                // One that was opened in this very transaction.
                Ok(_) => {}
                Err(Trouble::Unreadable(why)) => {
                    tracing::error!(call.sid = %sid, %why, "a live call that cannot be read is given up");
                    self.write().set_aside(sid, sweep.now)?;
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// The record to close, unless this very transaction has seen the call alive. One that cannot be
    /// read is given up when nobody can have talked for so long.
    fn silent_call(
        &mut self,
        sid: CallSid,
        seen: Timestamp,
        sweep: &Sweep,
    ) -> Result<Option<CallRecord>, Trouble> {
        let record = match self.tables.record(sid) {
            // It must not hold up all tidying.
            Err(Trouble::Unreadable(why)) => {
                tracing::error!(call.sid = %sid, %why, "a silent call cannot be read");
                if sweep.now.since(seen) >= sweep.silence_of(Status::WithAgent) {
                    self.write().set_aside(sid, seen)?;
                    self.effects.push(Effect::Gone(sid));
                }
                return Ok(None);
            }
            found => found?,
        };
        let silent = |record: &CallRecord| {
            let seen = record.seen_at.max(seen);
            !record.status.is_final() && sweep.now.since(seen) >= sweep.silence_of(record.status)
        };
        Ok(record.filter(silent).map(|mut record| {
            record.apply(&Change::Ended { status: Status::Failed }, sweep.now);
            record
        }))
    }
}
