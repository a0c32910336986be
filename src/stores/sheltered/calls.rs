//! All calls that this engine owns, whose turn it is with each, and what of them still lies in the
//! journal alone.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use switchhook_actors::domain::{
    ids::CallSid,
    record::{CallRecord, CallSummary},
    time::Timestamp,
    transcript::LateTurn,
};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use super::held::Held;
use crate::{clock, stores::locked};

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    held: Mutex<HashMap<CallSid, Arc<Held>>>,
    /// One operation about a call at a time, in their order.
    gates: Mutex<HashMap<CallSid, Arc<Gate<()>>>>,
    /// Those that nobody here holds and the journal has something of.
    left: Mutex<Vec<CallSid>>,
    /// When a call was last seen in the journal.
    last: Mutex<Option<Timestamp>>,
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

    /// Holds a call as it was claimed in Redis.
    pub(super) fn hold(&self, record: CallRecord) -> Arc<Held> {
        self.put(Held::claimed(record))
    }

    /// Holds a call as it was claimed without Redis. `before` is as this engine has held it until
    /// then, where it has the newest words; `written` is what lies in the journal without that.
    pub(super) fn hold_here(
        &self,
        record: CallRecord,
        before: Option<&Held>,
        written: Vec<LateTurn>,
    ) -> Arc<Held> {
        self.put(match before {
            Some(before) => Held::claimed_again_here(record, before),
            None => Held::claimed_here(record, written),
        })
    }

    fn put(&self, held: Held) -> Arc<Held> {
        let held = Arc::new(held);
        locked(&self.held).insert(held.sid(), Arc::clone(&held));
        held
    }

    /// Nobody here holds that call any more, and the journal has something of it.
    pub(super) fn leave(&self, sid: CallSid) {
        let mut left = locked(&self.left);
        if !left.contains(&sid) {
            left.push(sid);
        }
    }

    /// The calls that nobody here holds and the journal has something of.
    pub(super) fn left(&self) -> Vec<CallSid> {
        locked(&self.left).clone()
    }

    /// The journal has nothing of that call any more, or only what its owner here will bring back.
    pub(super) fn settle_left(&self, sid: CallSid) {
        locked(&self.left).retain(|left| *left != sid);
    }

    pub(super) fn all(&self) -> Vec<Arc<Held>> {
        locked(&self.held).values().cloned().collect()
    }

    /// Those that came from that number.
    pub(super) fn from(&self, number: &str) -> Vec<Arc<Held>> {
        let mut calls = self.all();
        calls.retain(|held| held.is_from(number));
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
