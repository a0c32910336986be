//! What each operation of the port does to the tables, and what it means for the index.
//!
//! They run one after another within a transaction that the writer commits for many of them.

use std::sync::Mutex;

use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, Epoch, InstanceId},
        record::{CallEventKind, CallRecord, Change, NewCall, Status},
        time::{Millis, Timestamp},
        transcript::{LateTurn, Turn},
    },
    registry::store::{Appended, Claimed, Key, Opened, Restored, Settled},
};

use super::{Trouble, compaction::Stale, tables::Tables};
use crate::stores::{
    index::{Effect, Index, Said},
    unannounced,
};

/// One transaction, and what follows from it once it is committed.
pub(super) struct Round<'a> {
    pub(super) tables: Tables<'a>,
    /// Locked for moments only: lists are read from it meanwhile.
    pub(super) index: &'a Mutex<Index>,
    /// For the index, in order.
    pub(super) effects: Vec<Effect>,
    /// How often something was written: without that there is nothing to commit or to undo.
    pub(super) writes: usize,
    /// What was deleted, and is still in the file.
    pub(super) stale: Option<Stale>,
}

impl<'a> Round<'a> {
    pub(super) fn new(tables: Tables<'a>, index: &'a Mutex<Index>) -> Self {
        Self { tables, index, effects: Vec::new(), writes: 0, stale: None }
    }

    /// The tables, to write to.
    pub(super) fn write(&mut self) -> &Tables<'a> {
        self.writes += 1;
        &self.tables
    }

    /// Notes that something which was deleted is still to be read in the file.
    pub(super) fn leave(&mut self, stale: Stale) -> Result<(), Trouble> {
        self.write().mark_stale()?;
        self.stale = self.stale.max(Some(stale));
        Ok(())
    }

    /// Notes an event. The words of an ended call are not in the index, so they are counted here.
    pub(super) fn event(
        &mut self,
        kind: CallEventKind,
        mut record: CallRecord,
        said: Said,
    ) -> Result<(), Trouble> {
        if record.status.is_final() {
            record.transcript = self.tables.transcript(record.sid)?;
        }
        self.effects.push(Effect::Event { kind, record: Box::new(record), said });
        Ok(())
    }

    pub(super) fn open(&mut self, call: &NewCall) -> Result<Opened, Trouble> {
        if let Some(record) = self.tables.call(call.sid)? {
            self.effects.push(Effect::Seen(call.sid, call.at));
            return Ok(Opened { record, fresh: false });
        }
        let record = CallRecord::ringing(call.clone());
        self.write().put_key(call.sid)?;
        self.write().put_new(&record)?;
        self.event(CallEventKind::Opened, record.clone(), Said::Nothing)?;
        Ok(Opened { record, fresh: true })
    }

    pub(super) fn claim(
        &mut self,
        sid: CallSid,
        by: &InstanceId,
        at: Timestamp,
    ) -> Result<Claimed, Trouble> {
        let mut record = match self.tables.call(sid)? {
            Some(record) => record,
            None => self.open(&unannounced(sid, at))?.record,
        };
        if record.status.is_final() {
            return Ok(Claimed::Ended);
        }
        record.epoch = Epoch(record.epoch.0.saturating_add(1).max(at.0));
        record.instance = Some(by.clone());
        record.seen_at = record.seen_at.max(at);
        if record.status == Status::Ringing {
            record.status = Status::Active;
        }
        self.write().put(&record)?;
        self.write().rewrap(sid)?;
        self.event(CallEventKind::Claimed, record.clone(), Said::Nothing)?;
        Ok(Claimed::Yours(Box::new(record)))
    }

    /// An epoch that the record never reached is refused like one that it has passed: its owner
    /// claimed a call that was erased since and opened anew.
    pub(super) fn append(
        &mut self,
        sid: CallSid,
        epoch: Epoch,
        seq: u64,
        turn: &Turn,
    ) -> Result<Appended, Trouble> {
        let Some(mut record) = self.tables.record(sid)? else { return Ok(Appended::Unknown) };
        if record.epoch != epoch {
            return Ok(Appended::Fenced);
        }
        // Sequence numbers begin at 1: 0 was never stored, so it is no duplicate.
        if seq == 0 || seq > record.next_seq {
            return Ok(Appended::Gap { expected: record.next_seq });
        }
        if seq < record.next_seq {
            return Ok(Appended::Duplicate);
        }
        record.next_seq = seq.saturating_add(1);
        record.seen_at = record.seen_at.max(turn.at);
        self.write().put_turn(sid, epoch, seq, turn)?;
        self.write().put(&record)?;
        self.event(CallEventKind::Turn, record, Said::Turn(turn.id, turn.role))?;
        Ok(Appended::Appended)
    }

    /// Refuses epochs as `append` does.
    pub(super) fn settle(
        &mut self,
        sid: CallSid,
        epoch: Epoch,
        change: &Change,
        at: Timestamp,
    ) -> Result<Settled, Trouble> {
        let Some(before) = self.tables.record(sid)? else { return Ok(Settled::Unknown) };
        if before.epoch != epoch {
            return Ok(Settled::Fenced);
        }
        let mut record = before.clone();
        record.apply(change, at);
        if record.status.is_final() && !before.status.is_final() {
            self.end(record.clone())?;
        } else if record != before {
            self.write().put(&record)?;
            // A sign of life alone is no news.
            if record != (CallRecord { seen_at: record.seen_at, ..before }) {
                self.event(CallEventKind::Changed, record.clone(), Said::Nothing)?;
            }
        }
        Ok(Settled::Settled(Box::new(record)))
    }

    pub(super) fn end(&mut self, record: CallRecord) -> Result<(), Trouble> {
        self.write().put_ended(&record)?;
        self.event(CallEventKind::Ended, record, Said::Nothing)
    }

    /// A call that was erased is not known here any more: it cannot come back, since a single
    /// engine restores nothing but what it keeps for another store.
    pub(super) fn restore(&mut self, copy: &CallRecord) -> Result<Restored, Trouble> {
        let known = self.tables.call(copy.sid)?;
        let newer = |known: &CallRecord| {
            known.epoch > copy.epoch
                || (known.epoch == copy.epoch && known.instance != copy.instance)
        };
        if known.as_ref().is_some_and(newer) {
            return Ok(Restored::Newer);
        }
        let kind = if known.is_none() { CallEventKind::Opened } else { CallEventKind::Claimed };
        if known.is_none() {
            self.write().put_key(copy.sid)?;
        }
        let mut record = known.unwrap_or_else(|| copy.clone());
        let is_older = record.seen_at.0 <= copy.epoch.0 && !record.status.is_final();
        if record.epoch < copy.epoch && is_older {
            // This store has lost the claim, and with it what came behind. A claim is the time when it
            // was made: nobody has written to the call since.
            let CallRecord { transcript, late, next_seq, .. } = record;
            record = CallRecord { transcript, late, next_seq, ..copy.clone() };
        }
        record.epoch = copy.epoch;
        record.instance.clone_from(&copy.instance);
        record.seen_at = record.seen_at.max(copy.seen_at);
        copy.transcript.turns().iter().for_each(|turn| record.transcript.put(turn.clone()));
        let stored = record.transcript.turns().len() as u64;
        record.next_seq = record.next_seq.max(copy.next_seq).max(stored + 1);
        self.write().put_copy(&record)?;
        self.event(kind, record, Said::Nothing)?;
        Ok(Restored::Restored)
    }

    pub(super) fn add_late(&mut self, sid: CallSid, turns: &[LateTurn]) -> Result<bool, Trouble> {
        if !self.tables.knows(sid)? {
            return Ok(false);
        }
        let stands = self.tables.transcript(sid)?;
        for late in turns {
            if stands.get(late.turn.id, late.turn.role) != Some(&late.turn) {
                self.write().put_late(sid, late)?;
            }
        }
        Ok(true)
    }

    pub(super) fn remember(
        &mut self,
        sid: CallSid,
        key: &str,
        reply: &str,
        now: Timestamp,
        ttl: Millis,
    ) -> Result<String, Trouble> {
        if let Some(first) = self.answered(sid, key, now)? {
            return Ok(first);
        }
        self.write().put_reply(sid, key, reply, now + ttl)?;
        Ok(reply.to_owned())
    }

    pub(super) fn answered(
        &self,
        sid: CallSid,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, Trouble> {
        let kept = self.tables.reply(sid, key)?;
        Ok(kept.filter(|(expires, _)| now < *expires).map(|(_, reply)| reply))
    }

    pub(super) fn link(&mut self, alias: &Alias, sid: CallSid) -> Result<bool, Trouble> {
        if !self.tables.knows(sid)? {
            return Ok(false);
        }
        self.write().link(alias, sid)?;
        Ok(true)
    }

    pub(super) fn find(&self, key: &Key) -> Result<Option<CallRecord>, Trouble> {
        let sid = match key {
            Key::Sid(sid) => Some(*sid),
            Key::Alias(alias) => self.tables.linked(alias)?,
        };
        sid.map_or(Ok(None), |sid| self.tables.call(sid))
    }

    pub(super) fn all(&self) -> Result<Vec<CallSid>, Trouble> {
        self.tables.all()
    }

    pub(super) fn written(&self, sid: CallSid) -> Result<Vec<LateTurn>, Trouble> {
        let record = self.tables.record(sid)?;
        record.map_or(Ok(Vec::new()), |record| self.tables.written(&record))
    }
}
