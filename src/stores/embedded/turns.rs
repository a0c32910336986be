//! The turns of a call: each write under its sequence number, so that an append never reads what was
//! said before. Reading folds them, the later version wins.

use std::collections::BTreeMap;

use redb::ReadableTable;
use serde::Serialize;
use switchhook_actors::domain::{
    ids::{CallSid, Epoch},
    record::CallRecord,
    transcript::{LateTurn, Role, Transcript, Turn},
};

use super::{
    Trouble,
    tables::{TURNS, Tables},
};
use crate::stores::sealed::Place;

/// Version of a stored turn.
const TURN_VERSION: u32 = 1;

/// What stands before a sealed turn of the caller's, and of the agent's.
const CUSTOMER: u8 = b'c';
const AGENT: u8 = b'a';

#[derive(Serialize)]
struct TurnOut<'a> {
    v: u32,
    #[serde(flatten)]
    turn: &'a Turn,
}

impl Tables<'_> {
    /// Who said what in that call.
    pub(super) fn transcript(&self, sid: CallSid) -> Result<Transcript, Trouble> {
        let turns = self.write.open_table(TURNS)?;
        let mut transcript = Transcript::default();
        for row in turns.range((sid.as_str(), 0)..=(sid.as_str(), u64::MAX))? {
            let (place, value) = row?;
            transcript.put(self.read_turn(sid, place.value().1, value.value())?.1);
        }
        Ok(transcript)
    }

    /// A turn; of one that is sealed, under which claim it was written, too.
    fn read_turn(
        &self,
        sid: CallSid,
        seq: u64,
        value: &[u8],
    ) -> Result<(Option<Epoch>, Turn), Trouble> {
        // Of a readable call only the value is looked at.
        let split = if self.key(sid)?.is_readable() { None } else { split_turn(value) };
        let (epoch, role, sealed) = split.unwrap_or((Epoch(0), Role::Agent, value));
        let turn = self.read(&Place::Turn { sid, epoch, seq, role }, sid, sealed)?;
        Ok((split.map(|_| epoch), turn))
    }

    /// The newest version of each turn with the number that it was written under. What came with a
    /// copy counts from 1 under the copy's claim.
    pub(super) fn written(&self, record: &CallRecord) -> Result<Vec<LateTurn>, Trouble> {
        let (sid, Some(instance)) = (record.sid, &record.instance) else { return Ok(Vec::new()) };
        let turns = self.write.open_table(TURNS)?;
        let mut written = BTreeMap::new();
        for row in turns.range((sid.as_str(), 0)..=(sid.as_str(), u64::MAX))? {
            let (place, value) = row?;
            let seq = place.value().1;
            let (epoch, mut turn) = self.read_turn(sid, seq, value.value())?;
            let (instance, epoch) = (instance.clone(), epoch.unwrap_or(record.epoch));
            let known = written.get(&(turn.id, turn.role));
            let missing = known.map_or(0, |known: &LateTurn| known.turn.lost_before);
            turn.lost_before = turn.lost_before.max(missing);
            written.insert((turn.id, turn.role), LateTurn { instance, epoch, seq, turn });
        }
        Ok(written.into_values().collect())
    }

    pub(super) fn delete_turns(&self, sid: &str) -> Result<(), Trouble> {
        Ok(self.write.open_table(TURNS)?.retain_in((sid, 0)..=(sid, u64::MAX), |_, _| false)?)
    }

    /// Stores a turn under its sequence number. A sealed one has side and epoch before it.
    pub(super) fn put_turn(
        &self,
        sid: CallSid,
        epoch: Epoch,
        seq: u64,
        turn: &Turn,
    ) -> Result<(), Trouble> {
        let place = Place::Turn { sid, epoch, seq, role: turn.role };
        let sealed = self.seal(&place, sid, &TurnOut { v: TURN_VERSION, turn })?;
        let value = if self.key(sid)?.is_readable() {
            sealed
        } else {
            let side = match turn.role {
                Role::Customer => CUSTOMER,
                Role::Agent => AGENT,
            };
            [&[side][..], &epoch.0.to_be_bytes(), &sealed].concat()
        };
        self.write.open_table(TURNS)?.insert((sid.as_str(), seq), value.as_slice())?;
        Ok(())
    }
}

/// Epoch, side and the rest of a sealed turn.
fn split_turn(value: &[u8]) -> Option<(Epoch, Role, &[u8])> {
    let (side, rest) = value.split_first()?;
    let role = match *side {
        CUSTOMER => Role::Customer,
        AGENT => Role::Agent,
        _ => return None,
    };
    let (epoch, sealed) = rest.split_first_chunk()?;
    Some((Epoch(u64::from_be_bytes(*epoch)), role, sealed))
}
