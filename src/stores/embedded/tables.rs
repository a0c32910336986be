//! How calls lie in the file: tables, keys, values, and the version of that layout.
//!
//! Records and turns are JSON, so that an engine of another version reads what it knows, sealed with
//! the call's own key (`keyring.rs`). A call that has none is readable. Nothing here decides;
//! `operations.rs` does.

use std::{collections::BTreeMap, ops::Bound};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use switchhook_actors::domain::{
    ids::{CallSid, Epoch},
    record::CallRecord,
    time::Timestamp,
    transcript::{LateTurn, Role, Transcript, Turn},
};

use super::{Trouble, keyring::Keyring, replies};
use crate::stores::sealed::{CallKey, Place};

/// Version of the layout. A file of a higher one is refused: tables may mean something else there.
/// 1 had no keys, and replies in another table.
pub(super) const FORMAT: u64 = 2;

/// Version of a stored turn.
const TURN_VERSION: u32 = 1;

/// What stands before a sealed turn of the caller's, and of the agent's.
const CUSTOMER: u8 = b'c';
const AGENT: u8 = b'a';

/// The version of the layout, under [`FORMAT_KEY`].
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
/// Under this name: something was deleted, and may still be read in pages that are free.
pub(super) const STALE_KEY: &str = "stale";

/// Sid to record.
pub(super) const CALLS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("calls");
/// Sid and sequence number to turn: an append never reads what was said before.
pub(super) const TURNS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("turns");
/// The sids of live calls, so that a start does not read the ended ones.
pub(super) const LIVE: TableDefinition<'_, &str, ()> = TableDefinition::new("live");
/// End and sid of the ended calls, oldest first, for their deletion.
pub(super) const ENDED: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("ended");
/// Sid, epoch and sequence number to a turn that came when the call had moved on.
pub(super) const LATE: TableDefinition<'_, (&str, u64, u64), &[u8]> = TableDefinition::new("late");
/// Sid to the call's key, wrapped.
pub(super) const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");

#[derive(Serialize)]
struct TurnOut<'a> {
    v: u32,
    #[serde(flatten)]
    turn: &'a Turn,
}

/// Creates what is missing and returns the version that the file had, or has now.
pub(super) fn prepare(database: &Database) -> Result<u64, Trouble> {
    let write = database.begin_write()?;
    let known = write.open_table(META)?.get(FORMAT_KEY)?.map(|found| found.value());
    if let Some(found) = known.filter(|&found| found > FORMAT) {
        write.abort()?;
        return Ok(found);
    }
    if known == Some(1) && replies::bring_up(&write)? > 0 {
        write.open_table(META)?.insert(STALE_KEY, 1)?;
    }
    write.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    // A table exists from its first opening for writing on.
    write.open_table(CALLS)?;
    write.open_table(TURNS)?;
    write.open_table(LATE)?;
    write.open_table(LIVE)?;
    write.open_table(KEYS)?;
    write.commit()?;
    Ok(FORMAT)
}

/// Whether something that was deleted may still be in the file.
pub(super) fn is_stale(database: &Database) -> Result<bool, Trouble> {
    Ok(database.begin_read()?.open_table(META)?.get(STALE_KEY)?.is_some())
}

/// The live calls with their transcripts. One that cannot be read is logged and left alone: it
/// must not keep the engine from starting.
pub(super) fn live_calls(database: &Database, keys: &Keyring) -> Result<Vec<CallRecord>, Trouble> {
    let write = database.begin_write()?;
    let found = Tables { write: &write, keys }.live();
    write.abort()?;
    found
}

/// The tables within one transaction.
pub(super) struct Tables<'a> {
    pub(super) write: &'a WriteTransaction,
    pub(super) keys: &'a Keyring,
}

impl Tables<'_> {
    fn live(&self) -> Result<Vec<CallRecord>, Trouble> {
        let mut found = Vec::new();
        for sid in self.live_sids()? {
            match self.call(sid) {
                Ok(Some(record)) => found.push(record),
                Ok(None) => {}
                Err(Trouble::Unreadable(why)) => {
                    tracing::error!(call.sid = %sid, %why, "a live call cannot be read");
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(found)
    }

    /// The key of a call; of one that is kept readable, none.
    pub(super) fn key(&self, sid: CallSid) -> Result<CallKey, Trouble> {
        if let Some(key) = self.keys.known(sid) {
            return Ok(key);
        }
        let keys = self.write.open_table(KEYS)?;
        let wrapped = keys.get(sid.as_str())?;
        let wrapped = wrapped.as_ref().map_or(&[][..], |wrapped| wrapped.value());
        self.keys.unwrap(sid, wrapped)
    }

    /// Notes that something which was deleted may still be in the file.
    pub(super) fn mark_stale(&self) -> Result<(), Trouble> {
        self.write.open_table(META)?.insert(STALE_KEY, 1)?;
        Ok(())
    }

    /// Whether no call is kept.
    pub(super) fn is_empty(&self) -> Result<bool, Trouble> {
        Ok(self.write.open_table(CALLS)?.first()?.is_none())
    }

    /// The record, without its words.
    pub(super) fn record(&self, sid: CallSid) -> Result<Option<CallRecord>, Trouble> {
        let calls = self.write.open_table(CALLS)?;
        let Some(sealed) = calls.get(sid.as_str())? else { return Ok(None) };
        self.read(&Place::Record(sid), sid, sealed.value()).map(Some)
    }

    /// The record with its words.
    pub(super) fn call(&self, sid: CallSid) -> Result<Option<CallRecord>, Trouble> {
        let Some(mut record) = self.record(sid)? else { return Ok(None) };
        record.transcript = self.transcript(sid)?;
        record.late = self.late(sid)?;
        Ok(Some(record))
    }

    fn seal(
        &self,
        place: &Place,
        sid: CallSid,
        value: &impl Serialize,
    ) -> Result<Vec<u8>, Trouble> {
        let json = serde_json::to_vec(value).map_err(|error| Trouble::unreadable(&error))?;
        Ok(self.key(sid)?.seal(place, &json))
    }

    /// The words of a call are not repeated in the error.
    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        place: &Place,
        sid: CallSid,
        sealed: &[u8],
    ) -> Result<T, Trouble> {
        let json = self.key(sid)?.open(place, sealed).map_err(|error| unreadable(sid, &error))?;
        serde_json::from_slice(&json)
            .map_err(|error| unreadable(sid, &format_args!("{:?} error", error.classify())))
    }

    /// What earlier owners stored too late, by its time.
    fn late(&self, sid: CallSid) -> Result<Vec<LateTurn>, Trouble> {
        let table = self.write.open_table(LATE)?;
        let mut late = Vec::new();
        for row in table.range((sid.as_str(), 0, 0)..=(sid.as_str(), u64::MAX, u64::MAX))? {
            let (place, sealed) = row?;
            let (_, epoch, seq) = place.value();
            let place = Place::Late { sid, epoch: Epoch(epoch), seq };
            late.push(self.read::<LateTurn>(&place, sid, sealed.value())?);
        }
        late.sort_by_key(|late| late.turn.at);
        Ok(late)
    }

    /// Stores a turn beside the transcript: the first under its number stands.
    pub(super) fn put_late(&self, sid: CallSid, late: &LateTurn) -> Result<(), Trouble> {
        let mut table = self.write.open_table(LATE)?;
        let place = (sid.as_str(), late.epoch.0, late.seq);
        if table.get(place)?.is_none() {
            let sealed = Place::Late { sid, epoch: late.epoch, seq: late.seq };
            table.insert(place, self.seal(&sealed, sid, late)?.as_slice())?;
        }
        Ok(())
    }

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

    /// Whether there is such a call, readable or not.
    pub(super) fn knows(&self, sid: CallSid) -> Result<bool, Trouble> {
        Ok(self.write.open_table(CALLS)?.get(sid.as_str())?.is_some())
    }

    /// Stores the record, without its words.
    pub(super) fn put(&self, record: &CallRecord) -> Result<(), Trouble> {
        let sealed = self.seal(&Place::Record(record.sid), record.sid, record)?;
        self.write.open_table(CALLS)?.insert(record.sid.as_str(), sealed.as_slice())?;
        Ok(())
    }

    /// Stores the record of a call that begins.
    pub(super) fn put_new(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.put(record)?;
        self.write.open_table(LIVE)?.insert(record.sid.as_str(), ())?;
        Ok(())
    }

    /// Stores a record with its words, in place of whatever there was of that call.
    pub(super) fn put_copy(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.delete_turns(record.sid.as_str())?;
        for (seq, turn) in (1..).zip(record.transcript.turns()) {
            self.put_turn(record.sid, record.epoch, seq, turn)?;
        }
        if record.status.is_final() { self.put_ended(record) } else { self.put_new(record) }
    }

    fn delete_turns(&self, sid: &str) -> Result<(), Trouble> {
        Ok(self.write.open_table(TURNS)?.retain_in((sid, 0)..=(sid, u64::MAX), |_, _| false)?)
    }

    /// The sids of the live calls.
    pub(super) fn live_sids(&self) -> Result<Vec<CallSid>, Trouble> {
        let live = self.write.open_table(LIVE)?;
        live.iter()?.map(|row| parse_sid(row?.0.value())).collect()
    }

    /// Notes that a call is over without looking at it.
    pub(super) fn set_aside(&self, sid: CallSid, at: Timestamp) -> Result<(), Trouble> {
        self.write.open_table(LIVE)?.remove(sid.as_str())?;
        self.write.open_table(ENDED)?.insert((at.0, sid.as_str()), ())?;
        Ok(())
    }

    /// Stores the record of a call that is over now.
    pub(super) fn put_ended(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.put(record)?;
        self.write.open_table(LIVE)?.remove(record.sid.as_str())?;
        self.write.open_table(ENDED)?.insert((ended_at(record), record.sid.as_str()), ())?;
        Ok(())
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

    /// Deletes the call with its words and links, but for the replies. `ended` is its place among the ended calls.
    pub(super) fn delete(&self, sid: CallSid, ended: Option<Timestamp>) -> Result<(), Trouble> {
        self.keys.forget(sid);
        let sid = sid.as_str();
        self.write.open_table(KEYS)?.remove(sid)?;
        self.write.open_table(CALLS)?.remove(sid)?;
        self.write.open_table(LIVE)?.remove(sid)?;
        self.delete_turns(sid)?;
        let late = (sid, 0, 0)..=(sid, u64::MAX, u64::MAX);
        self.write.open_table(LATE)?.retain_in(late, |_, _| false)?;
        if let Some(at) = ended {
            self.write.open_table(ENDED)?.remove((at.0, sid))?;
        }
        self.unlink_all(sid)
    }

    /// Takes the call from the ended ones without knowing its place: reads all of them.
    pub(super) fn forget_end(&self, sid: CallSid) -> Result<(), Trouble> {
        Ok(self.write.open_table(ENDED)?.retain(|(_, ended), ()| ended != sid.as_str())?)
    }

    /// Up to `most` calls that are kept, behind that one.
    pub(super) fn calls_behind(&self, after: &str, most: usize) -> Result<Vec<CallSid>, Trouble> {
        let calls = self.write.open_table(CALLS)?;
        let mut found = Vec::new();
        for row in calls.range::<&str>((Bound::Excluded(after), Bound::Unbounded))?.take(most) {
            found.push(parse_sid(row?.0.value())?);
        }
        Ok(found)
    }

    /// Every call that is kept.
    pub(super) fn all(&self) -> Result<Vec<CallSid>, Trouble> {
        let calls = self.write.open_table(CALLS)?;
        let mut sids = Vec::new();
        for row in calls.iter()? {
            sids.push(parse_sid(row?.0.value())?);
        }
        Ok(sids)
    }

    /// Up to `most` calls that ended at `until` or before, oldest first.
    pub(super) fn ended_until(
        &self,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<(Timestamp, CallSid)>, Trouble> {
        let ended = self.write.open_table(ENDED)?;
        let mut found = Vec::new();
        for row in ended.range(..(until.0.saturating_add(1), ""))?.take(most) {
            let (key, _) = row?;
            let (at, sid) = key.value();
            found.push((Timestamp(at), parse_sid(sid)?));
        }
        Ok(found)
    }
}

/// Where the call stands among the ended ones.
fn ended_at(record: &CallRecord) -> u64 {
    record.ended_at.unwrap_or(record.seen_at).0
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

/// A sid as it lies in the file.
pub(super) fn parse_sid(sid: &str) -> Result<CallSid, Trouble> {
    sid.parse().map_err(|error| Trouble::unreadable(&error))
}

/// Something of a call cannot be read.
pub(super) fn unreadable(sid: CallSid, why: &dyn std::fmt::Display) -> Trouble {
    Trouble::Unreadable(format!("call {sid}: {why}"))
}
