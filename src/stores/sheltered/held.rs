//! A call that this engine owns, as its owner knows it.
//!
//! A call is in Redis or in the journal. One that was claimed without Redis may turn out to have been
//! claimed by others meanwhile: then it counts differently there, and [`Shift`] translates.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use switchhook_actors::domain::{
    ids::{Alias, CallSid, Epoch, InstanceId, TurnId},
    record::{CallRecord, Change, NewCall},
    time::Timestamp,
    transcript::{LateTurn, Role, Transcript, Turn},
};

use super::shift::Shift;
use crate::stores::locked;

/// Where a call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In Redis.
    Redis,
    /// In the journal, until it is copied back.
    Journal,
    /// Nowhere: another engine owns it.
    Lost,
    /// Nowhere: it was erased.
    Erased,
}

/// A turn as Redis is told it.
#[derive(Debug)]
pub(super) struct InRedis {
    pub(super) epoch: Epoch,
    pub(super) seq: u64,
    pub(super) turn: Turn,
}

/// A change that Redis has not confirmed.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) change: Change,
    pub(super) at: Timestamp,
    /// It was made there, and no replica had it.
    pub(super) sent: bool,
}

/// One call of this engine's.
#[derive(Debug)]
pub(super) struct Held {
    sid: CallSid,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    /// With its words; epoch, sequence and turns as its session counts them.
    copy: CallRecord,
    place: Where,
    /// The claim of ours that Redis has confirmed last. What stands there under a later one that is
    /// not this engine's is not overwritten. None: it has confirmed none.
    base: Option<Epoch>,
    /// What was known when the call was claimed without Redis; empty where Redis has confirmed it.
    stood: Transcript,
    shift: Option<Shift>,
    /// What was written to the journal alone, under which claim and sequence number.
    journaled: BTreeMap<(TurnId, Role), (Epoch, u64)>,
    changes: Vec<Pending>,
    links: Vec<Alias>,
    /// Something was written since the last copy went to Redis.
    dirty: bool,
}

impl Held {
    /// As it was claimed in Redis.
    pub(super) fn claimed(record: CallRecord) -> Self {
        let base = Some(record.epoch);
        Self::new(State { base, ..State::new(record, Where::Redis) })
    }

    /// As it was claimed without Redis, by an engine that had not held it until then. `written` is
    /// what an earlier run has left in the journal.
    pub(super) fn claimed_here(record: CallRecord, written: Vec<LateTurn>) -> Self {
        let mark = |late: &LateTurn| ((late.turn.id, late.turn.role), (late.epoch, late.seq));
        let journaled = written.iter().map(mark).collect();
        let stood = written.into_iter().map(|late| late.turn).collect();
        Self::new(State { stood, journaled, ..State::new(record, Where::Journal) })
    }

    /// As it was claimed without Redis by the engine that held it before. What the journal has of it
    /// is still to be copied back.
    pub(super) fn claimed_again_here(record: CallRecord, before: &Self) -> Self {
        let before = before.state().clone();
        let is_known = before.is_unconfirmed() || before.shift.is_some();
        Self::new(match before.place {
            Where::Journal if is_known => State { copy: record, dirty: true, ..before },
            Where::Journal => {
                State { stood: record.transcript.clone(), copy: record, dirty: true, ..before }
            }
            _ => State {
                base: before.base,
                stood: record.transcript.clone(),
                ..State::new(record, Where::Journal)
            },
        })
    }

    fn new(state: State) -> Self {
        Self { sid: state.copy.sid, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub(super) fn sid(&self) -> CallSid {
        self.sid
    }

    /// As its session counts.
    pub(super) fn epoch(&self) -> Epoch {
        self.state().copy.epoch
    }

    pub(super) fn epoch_in_redis(&self) -> Epoch {
        self.state().epoch_in_redis()
    }

    /// Whether that is the claim of its session.
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch() == epoch
    }

    /// The same, or the epoch under which it is found in Redis.
    pub(super) fn is_of_any(&self, epoch: Epoch) -> bool {
        self.is_of(epoch) || self.epoch_in_redis() == epoch
    }

    pub(super) fn whereabouts(&self) -> Where {
        self.state().place
    }

    pub(super) fn is_journaled(&self) -> bool {
        self.whereabouts() == Where::Journal
    }

    /// Whether this engine has the call: in Redis or in the journal.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.whereabouts(), Where::Redis | Where::Journal)
    }

    /// Whether Redis has never confirmed that it knows it.
    pub(super) fn is_born_here(&self) -> bool {
        self.state().base.is_none()
    }

    /// The claim of this engine's that Redis has confirmed last; 0: none.
    pub(super) fn base(&self) -> Epoch {
        self.state().base.unwrap_or(Epoch(0))
    }

    /// Whether its session has claimed it without Redis, and Redis does not know of that yet.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.state().is_unconfirmed()
    }

    pub(super) fn is_from(&self, number: &str) -> bool {
        self.state().copy.caller == number
    }

    pub(super) fn instance(&self) -> Option<InstanceId> {
        self.state().copy.instance.clone()
    }

    /// Whether something waits to be copied to Redis that no copy has held yet.
    pub(super) fn is_dirty(&self) -> bool {
        self.state().dirty
    }

    /// As its session knows it.
    pub(super) fn copy(&self) -> CallRecord {
        self.state().copy.clone()
    }

    /// As Redis should know it.
    pub(super) fn copy_for_redis(&self) -> CallRecord {
        let state = self.state();
        let Some(shift) = &state.shift else { return state.copy.clone() };
        CallRecord {
            epoch: shift.epoch,
            next_seq: state.copy.next_seq.saturating_add(shift.seqs),
            transcript: shift.transcript(&state.copy.transcript, &state.stood),
            ..state.copy.clone()
        }
    }

    /// What stood beside it when it was claimed.
    pub(super) fn beside(&self) -> Vec<LateTurn> {
        self.state().copy.late.clone()
    }

    pub(super) fn in_redis(&self, seq: u64, turn: &Turn) -> InRedis {
        let state = self.state();
        let (epoch, turn) = (state.epoch_in_redis(), state.in_redis(turn));
        let seqs = state.shift.as_ref().map_or(0, |shift| shift.seqs);
        InRedis { epoch, seq: seq.saturating_add(seqs), turn }
    }

    /// Whether its session counts as we do.
    pub(super) fn counts(&self, seq: u64) -> bool {
        self.state().copy.next_seq == seq
    }

    pub(super) fn appended(&self, seq: u64, turn: Turn) {
        self.state().take(seq, turn);
    }

    pub(super) fn journaled(&self, seq: u64, turn: Turn) {
        let mut state = self.state();
        let mark = (state.copy.epoch, seq);
        state.journaled.insert((turn.id, turn.role), mark);
        state.dirty = true;
        state.take(seq, turn);
    }

    /// Takes the record as Redis has it now, but for what the session counts itself.
    pub(super) fn settled(&self, record: &CallRecord) {
        self.state().settle(record);
    }

    /// Takes a change that only the journal has.
    pub(super) fn changed(&self, record: &CallRecord, change: Change, at: Timestamp) {
        let mut state = self.state();
        state.settle(record);
        state.changes.push(Pending { change, at, sent: false });
        state.dirty = true;
    }

    pub(super) fn linked(&self, alias: Alias) {
        let mut state = self.state();
        state.links.push(alias);
        state.dirty = true;
    }

    /// From now on it is written to the journal.
    pub(super) fn shelter(&self) {
        let mut state = self.state();
        state.place = Where::Journal;
        state.dirty = true;
    }

    /// Redis has taken its copy, under the claim of its session.
    pub(super) fn confirmed(&self) {
        let mut state = self.state();
        state.base = Some(state.epoch_in_redis());
    }

    /// Redis has all of it, as far as it is asked for now.
    pub(super) fn sent(&self) {
        let mut state = self.state();
        state.dirty = false;
        state.changes.iter_mut().for_each(|pending| pending.sent = true);
    }

    /// What is to be changed in Redis still.
    pub(super) fn unsent(&self) -> (Vec<Pending>, Vec<Alias>) {
        let state = self.state();
        let changes = state.changes.iter().filter(|pending| !pending.sent).cloned();
        (changes.collect(), state.links.clone())
    }

    /// It is in Redis now, durably.
    pub(super) fn arrive(&self) {
        let mut state = self.state();
        state.place = Where::Redis;
        state.dirty = false;
        state.journaled.clear();
        state.changes.clear();
        state.links.clear();
    }

    /// Redis has it under another claim of ours, which came behind all that stands in that record.
    pub(super) fn shift(&self, there: &CallRecord) {
        let mut state = self.state();
        state.shift = Some(Shift::new(there, &state.copy, &state.stood));
        state.base = Some(there.epoch);
    }

    /// Another engine owns it.
    pub(super) fn lose(&self) {
        self.state().place = Where::Lost;
    }

    /// Nothing of it is known any more but whose claim it was.
    pub(super) fn erase(&self) {
        let mut state = self.state();
        let CallRecord { sid, epoch, instance, started_at: at, .. } = state.copy.clone();
        let nobody = || String::new();
        let call = NewCall { sid, caller: nobody(), called: nobody(), greeting: None, at };
        let copy = CallRecord { epoch, instance, ..CallRecord::ringing(call) };
        *state = State::new(copy, Where::Erased);
    }

    /// What was written to the journal alone and that transcript lacks.
    pub(super) fn late(&self, stands: &Transcript) -> Vec<LateTurn> {
        let state = self.state();
        let known = state.copy.transcript.turns().iter();
        let its: Vec<_> = known.map(|turn| state.in_redis(turn)).collect();
        state.late(|turn| stands.lacks(&state.in_redis(turn), &its))
    }

    /// What was written to the journal before the call was claimed without Redis, and cannot come
    /// behind what others have said since.
    pub(super) fn stranded(&self, there: &CallRecord) -> Vec<LateTurn> {
        let state = self.state();
        if Shift::new(there, &state.copy, &state.stood).turns == 0 {
            return Vec::new();
        }
        state.late(|turn| {
            state.stood.get(turn.id, turn.role).is_some()
                && there.transcript.get(turn.id, turn.role) != Some(turn)
        })
    }
}

impl State {
    fn new(copy: CallRecord, place: Where) -> Self {
        Self {
            copy,
            place,
            base: None,
            stood: Transcript::default(),
            shift: None,
            journaled: BTreeMap::new(),
            changes: Vec::new(),
            links: Vec::new(),
            dirty: place == Where::Journal,
        }
    }

    fn epoch_in_redis(&self) -> Epoch {
        self.shift.as_ref().map_or(self.copy.epoch, |shift| shift.epoch)
    }

    fn is_unconfirmed(&self) -> bool {
        self.base != Some(self.epoch_in_redis())
    }

    fn in_redis(&self, turn: &Turn) -> Turn {
        match &self.shift {
            None => turn.clone(),
            Some(shift) => shift.turn(turn, &self.stood),
        }
    }

    /// Those of the turns that are in the journal alone.
    fn late(&self, wanted: impl Fn(&Turn) -> bool) -> Vec<LateTurn> {
        let Some(instance) = &self.copy.instance else { return Vec::new() };
        let late = self.journaled.iter().filter_map(|(&(id, role), &(epoch, seq))| {
            let turn = self.copy.transcript.get(id, role).filter(|turn| wanted(turn))?.clone();
            Some(LateTurn { instance: instance.clone(), epoch, seq, turn })
        });
        late.collect()
    }

    fn take(&mut self, seq: u64, turn: Turn) {
        self.copy.next_seq = self.copy.next_seq.max(seq.saturating_add(1));
        self.copy.seen_at = self.copy.seen_at.max(turn.at);
        self.copy.transcript.put(turn);
    }

    fn settle(&mut self, record: &CallRecord) {
        let CallRecord { epoch, next_seq, instance, transcript, late, .. } = &mut self.copy;
        let (epoch, next_seq) = (*epoch, *next_seq);
        let (instance, transcript) = (instance.take(), std::mem::take(transcript));
        let late = std::mem::take(late);
        self.copy = CallRecord { epoch, next_seq, instance, transcript, late, ..record.clone() };
    }
}
