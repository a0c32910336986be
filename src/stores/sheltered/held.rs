//! The calls that this engine owns, as their owner knows them.
//!
//! A call is in Redis or in the journal. One that began in the journal and was found in Redis
//! afterwards counts differently there: [`Shift`] translates.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use switchhook_actors::domain::{
    ids::{Alias, CallSid, Epoch, TurnId},
    record::{CallRecord, CallSummary, Change},
    time::Timestamp,
    transcript::{LateTurn, Role, Transcript, Turn},
};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use crate::clock;

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

/// How a call that began in the journal counts in Redis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// Its epoch there.
    pub(super) epoch: Epoch,
    /// How much higher its sequence numbers are.
    pub(super) seqs: u64,
    /// How much higher its turns are numbered.
    pub(super) turns: u32,
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
    /// Redis did not know it when it was taken.
    born_here: bool,
    shift: Option<Shift>,
    /// What was written to the journal alone, and under which sequence number.
    journaled: BTreeMap<(TurnId, Role), u64>,
    changes: Vec<Pending>,
    links: Vec<Alias>,
    /// Something was written since the last copy went to Redis.
    dirty: bool,
}

impl Held {
    fn new(copy: CallRecord) -> Self {
        let state = State {
            copy,
            place: Where::Redis,
            born_here: false,
            shift: None,
            journaled: BTreeMap::new(),
            changes: Vec::new(),
            links: Vec::new(),
            dirty: false,
        };
        Self { sid: state.copy.sid, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sid(&self) -> CallSid {
        self.sid
    }

    /// As its session counts.
    pub(super) fn epoch(&self) -> Epoch {
        self.state().copy.epoch
    }

    pub(super) fn epoch_in_redis(&self) -> Epoch {
        let state = self.state();
        state.shift.map_or(state.copy.epoch, |shift| shift.epoch)
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

    pub(super) fn is_born_here(&self) -> bool {
        self.state().born_here
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
        let Some(shift) = state.shift else { return state.copy.clone() };
        let turns = state.copy.transcript.turns().iter().cloned();
        CallRecord {
            epoch: shift.epoch,
            next_seq: state.copy.next_seq.saturating_add(shift.seqs),
            transcript: turns.map(|turn| shift.turn(turn)).collect(),
            ..state.copy.clone()
        }
    }

    pub(super) fn in_redis(&self, seq: u64, turn: &Turn) -> InRedis {
        let state = self.state();
        match state.shift {
            None => InRedis { epoch: state.copy.epoch, seq, turn: turn.clone() },
            Some(shift) => InRedis {
                epoch: shift.epoch,
                seq: seq.saturating_add(shift.seqs),
                turn: shift.turn(turn.clone()),
            },
        }
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
        state.journaled.insert((turn.id, turn.role), seq);
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
    pub(super) fn shelter(&self, born_here: bool) {
        let mut state = self.state();
        state.place = Where::Journal;
        state.born_here = born_here;
        state.dirty = true;
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
        state.born_here = false;
        state.dirty = false;
        state.journaled.clear();
        state.changes.clear();
        state.links.clear();
    }

    /// Redis has it under other numbers.
    pub(super) fn shift(&self, shift: Shift) {
        self.state().shift = Some(shift);
        self.state().born_here = false;
    }

    /// Another engine owns it.
    pub(super) fn lose(&self) {
        self.state().place = Where::Lost;
    }

    pub(super) fn erase(&self) {
        self.state().place = Where::Erased;
    }

    /// What was written to the journal alone and does not stand in that transcript.
    pub(super) fn late(&self, stands: &Transcript) -> Vec<LateTurn> {
        let state = self.state();
        let Some(instance) = &state.copy.instance else { return Vec::new() };
        let late = state.journaled.iter().filter_map(|((id, role), seq)| {
            let turn = state.copy.transcript.get(*id, *role)?;
            (stands.get(*id, *role) != Some(turn)).then(|| LateTurn {
                instance: instance.clone(),
                epoch: state.copy.epoch,
                seq: *seq,
                turn: turn.clone(),
            })
        });
        late.collect()
    }
}

impl State {
    fn take(&mut self, seq: u64, turn: Turn) {
        self.copy.next_seq = self.copy.next_seq.max(seq.saturating_add(1));
        self.copy.seen_at = self.copy.seen_at.max(turn.at);
        self.copy.transcript.put(turn);
    }

    fn settle(&mut self, record: &CallRecord) {
        let CallRecord { epoch, next_seq, instance, transcript, .. } = &mut self.copy;
        let (epoch, next_seq) = (*epoch, *next_seq);
        let (instance, transcript) = (instance.take(), std::mem::take(transcript));
        self.copy = CallRecord { epoch, next_seq, instance, transcript, ..record.clone() };
    }
}

impl Shift {
    fn turn(self, turn: Turn) -> Turn {
        Turn { id: TurnId(turn.id.0.saturating_add(self.turns)), ..turn }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    held: Mutex<HashMap<CallSid, Arc<Held>>>,
    /// One operation about a call at a time, in their order.
    gates: Mutex<HashMap<CallSid, Arc<Gate<()>>>>,
    /// When a call was last seen in the journal.
    last: Mutex<Option<Timestamp>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calls {
    /// Waits for the turn of an operation about that call.
    pub(super) async fn turn(&self, sid: CallSid) -> OwnedMutexGuard<()> {
        let gate = Arc::clone(locked(&self.gates).entry(sid).or_default());
        gate.lock_owned().await
    }

    pub(super) fn get(&self, sid: CallSid) -> Option<Arc<Held>> {
        locked(&self.held).get(&sid).cloned()
    }

    /// Holds a call as it was claimed. What the journal has of it is still to be copied back.
    pub(super) fn hold(&self, record: CallRecord) -> Arc<Held> {
        let sid = record.sid;
        let held = Held::new(record);
        let mut calls = locked(&self.held);
        if let Some(before) = calls.get(&sid).filter(|before| before.is_journaled()) {
            let copy = held.copy();
            *held.state() = State { copy, ..before.state().clone() };
        }
        let held = Arc::new(held);
        calls.insert(sid, Arc::clone(&held));
        held
    }

    pub(super) fn all(&self) -> Vec<Arc<Held>> {
        locked(&self.held).values().cloned().collect()
    }

    /// Those that came from that number.
    pub(super) fn from(&self, number: &str) -> Vec<Arc<Held>> {
        let mut calls = self.all();
        calls.retain(|held| held.state().copy.caller == number);
        calls
    }

    /// How many calls are in the journal.
    pub(super) fn journaled(&self) -> usize {
        let journaled = locked(&self.held).values().filter(|held| held.is_journaled()).count();
        if journaled > 0 {
            *locked(&self.last) = Some(clock::now());
        }
        journaled
    }

    pub(super) fn last_journaled(&self) -> Option<Timestamp> {
        *locked(&self.last)
    }

    /// Lets go of the calls that have no session here any more.
    pub(super) fn let_go(&self, attended: &[CallSid]) {
        let attended: HashSet<_> = attended.iter().collect();
        let wanted = |sid: &CallSid, held: &Held| attended.contains(sid) || held.is_journaled();
        locked(&self.held).retain(|sid, held| wanted(sid, held));
        locked(&self.gates).retain(|_, gate| Arc::strong_count(gate) > 1);
    }

    /// Shows the calls of the journal as they are there.
    pub(super) fn correct(&self, calls: &mut Vec<CallSummary>) {
        for held in self.all() {
            if !held.is_journaled() {
                continue;
            }
            let copy = held.copy();
            calls.retain(|call| call.sid != copy.sid);
            if !copy.status.is_final() {
                calls.push(copy.summary(copy.transcript.turns().len()));
            }
        }
        calls.sort_unstable_by_key(|call| (call.started_at, call.sid));
    }

    /// Resolves when every operation that waited for its turn is done.
    pub(super) async fn all_done(&self) {
        let gates: Vec<_> = locked(&self.gates).values().cloned().collect();
        for gate in gates {
            drop(gate.lock_owned().await);
        }
    }
}
