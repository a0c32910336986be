//! How calls lie in the file: tables, keys, values, and the version of that layout.
//!
//! Records and turns are JSON, so that an engine of another version reads what it knows. Nothing
//! here decides; `operations.rs` does.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use switchhook_actors::domain::{
    ids::{Alias, CallSid},
    record::CallRecord,
    time::Timestamp,
    transcript::{LateTurn, Transcript, Turn},
};

use super::Trouble;

/// Version of the layout. A file of a higher one is refused: tables may mean something else there.
pub(super) const FORMAT: u64 = 1;

/// Version of a stored turn.
const TURN_VERSION: u32 = 1;

/// The version of the layout, under [`FORMAT_KEY`].
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";

/// Sid to record.
const CALLS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("calls");
/// Sid and sequence number to turn: an append never reads what was said before.
const TURNS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("turns");
/// The sids of live calls, so that a start does not read the ended ones.
const LIVE: TableDefinition<'_, &str, ()> = TableDefinition::new("live");
/// End and sid of the ended calls, oldest first, for their deletion.
const ENDED: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("ended");
/// Linked id to sid.
const ALIASES: TableDefinition<'_, &str, &str> = TableDefinition::new("aliases");
/// Sid and linked id: what to unlink when the call goes.
const LINKS: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("links");
/// Sid, epoch and sequence number to a turn that came when the call had moved on.
const LATE: TableDefinition<'_, (&str, u64, u64), &[u8]> = TableDefinition::new("late");
/// Sid, space and key to expiry and reply.
const REPLIES: TableDefinition<'_, &str, (u64, &str)> = TableDefinition::new("replies");
/// Expiry and name of the replies, for their deletion.
const EXPIRIES: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiries");

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
    write.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    // A table exists from its first opening for writing on.
    write.open_table(CALLS)?;
    write.open_table(TURNS)?;
    write.open_table(LATE)?;
    write.open_table(LIVE)?;
    write.commit()?;
    Ok(FORMAT)
}

/// The live calls with their transcripts. One that cannot be read is logged and left alone: it
/// must not keep the engine from starting.
pub(super) fn live_calls(database: &Database) -> Result<Vec<CallRecord>, Trouble> {
    let read = database.begin_read()?;
    let (live, calls, turns) =
        (read.open_table(LIVE)?, read.open_table(CALLS)?, read.open_table(TURNS)?);
    let mut found = Vec::new();
    for row in live.iter()? {
        let (sid, ()) = row.map(|(sid, there)| (sid, there.value()))?;
        match read_call(&calls, &turns, sid.value()) {
            Ok(Some(record)) => found.push(record),
            Ok(None) => {}
            Err(Trouble::Unreadable(why)) => {
                tracing::error!(call.sid = sid.value(), %why, "a live call cannot be read");
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(found)
}

/// The tables within one transaction.
pub(super) struct Tables<'a>(pub(super) &'a WriteTransaction);

impl Tables<'_> {
    /// The record, without its words.
    pub(super) fn record(&self, sid: CallSid) -> Result<Option<CallRecord>, Trouble> {
        read_record(&self.0.open_table(CALLS)?, sid.as_str())
    }

    /// The record with its words.
    pub(super) fn call(&self, sid: CallSid) -> Result<Option<CallRecord>, Trouble> {
        let call = read_call(&self.0.open_table(CALLS)?, &self.0.open_table(TURNS)?, sid.as_str())?;
        let Some(mut record) = call else { return Ok(None) };
        record.late = self.late(sid.as_str())?;
        Ok(Some(record))
    }

    /// What earlier owners stored too late, by its time.
    fn late(&self, sid: &str) -> Result<Vec<LateTurn>, Trouble> {
        let table = self.0.open_table(LATE)?;
        let mut late = Vec::new();
        for row in table.range((sid, 0, 0)..=(sid, u64::MAX, u64::MAX))? {
            late.push(parse::<LateTurn>(row?.1.value(), sid)?);
        }
        late.sort_by_key(|late| late.turn.at);
        Ok(late)
    }

    /// Stores a turn beside the transcript, once.
    pub(super) fn put_late(&self, sid: CallSid, late: &LateTurn) -> Result<(), Trouble> {
        let json = serde_json::to_vec(late).map_err(|error| Trouble::unreadable(&error))?;
        let place = (sid.as_str(), late.epoch.0, late.seq);
        self.0.open_table(LATE)?.insert(place, json.as_slice())?;
        Ok(())
    }

    /// Who said what in that call.
    pub(super) fn transcript(&self, sid: CallSid) -> Result<Transcript, Trouble> {
        read_transcript(&self.0.open_table(TURNS)?, sid.as_str())
    }

    /// Whether there is such a call, readable or not.
    pub(super) fn knows(&self, sid: CallSid) -> Result<bool, Trouble> {
        Ok(self.0.open_table(CALLS)?.get(sid.as_str())?.is_some())
    }

    /// Stores the record, without its words.
    pub(super) fn put(&self, record: &CallRecord) -> Result<(), Trouble> {
        let json = serde_json::to_vec(record).map_err(|error| Trouble::unreadable(&error))?;
        self.0.open_table(CALLS)?.insert(record.sid.as_str(), json.as_slice())?;
        Ok(())
    }

    /// Stores the record of a call that begins.
    pub(super) fn put_new(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.put(record)?;
        self.0.open_table(LIVE)?.insert(record.sid.as_str(), ())?;
        Ok(())
    }

    /// Stores a record with its words, in place of whatever there was of that call.
    pub(super) fn put_copy(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.delete_turns(record.sid.as_str())?;
        for (seq, turn) in (1..).zip(record.transcript.turns()) {
            self.put_turn(record.sid, seq, turn)?;
        }
        if record.status.is_final() { self.put_ended(record) } else { self.put_new(record) }
    }

    fn delete_turns(&self, sid: &str) -> Result<(), Trouble> {
        Ok(self.0.open_table(TURNS)?.retain_in((sid, 0)..=(sid, u64::MAX), |_, _| false)?)
    }

    /// Stores the record of a call that is over now.
    pub(super) fn put_ended(&self, record: &CallRecord) -> Result<(), Trouble> {
        self.put(record)?;
        self.0.open_table(LIVE)?.remove(record.sid.as_str())?;
        self.0.open_table(ENDED)?.insert((ended_at(record), record.sid.as_str()), ())?;
        Ok(())
    }

    /// Stores a turn under its sequence number.
    pub(super) fn put_turn(&self, sid: CallSid, seq: u64, turn: &Turn) -> Result<(), Trouble> {
        let json = serde_json::to_vec(&TurnOut { v: TURN_VERSION, turn })
            .map_err(|error| Trouble::unreadable(&error))?;
        self.0.open_table(TURNS)?.insert((sid.as_str(), seq), json.as_slice())?;
        Ok(())
    }

    /// Deletes the call with its words and links. `ended` is its place among the ended calls.
    pub(super) fn delete(&self, sid: CallSid, ended: Option<Timestamp>) -> Result<(), Trouble> {
        let sid = sid.as_str();
        self.0.open_table(CALLS)?.remove(sid)?;
        self.0.open_table(LIVE)?.remove(sid)?;
        self.delete_turns(sid)?;
        let late = (sid, 0, 0)..=(sid, u64::MAX, u64::MAX);
        self.0.open_table(LATE)?.retain_in(late, |_, _| false)?;
        self.delete_replies_of(sid)?;
        if let Some(at) = ended {
            self.0.open_table(ENDED)?.remove((at.0, sid))?;
        }
        self.unlink_all(sid)
    }

    /// Takes the call from the ended ones without knowing its place: reads all of them.
    pub(super) fn forget_end(&self, sid: CallSid) -> Result<(), Trouble> {
        Ok(self.0.open_table(ENDED)?.retain(|(_, ended), ()| ended != sid.as_str())?)
    }

    fn unlink_all(&self, sid: &str) -> Result<(), Trouble> {
        let mut links = self.0.open_table(LINKS)?;
        let mut aliases = self.0.open_table(ALIASES)?;
        let mut gone = Vec::new();
        for row in links.range((sid, "")..)? {
            let (key, _) = row?;
            let (owner, alias) = key.value();
            if owner != sid {
                break;
            }
            gone.push(alias.to_owned());
        }
        for alias in gone {
            links.remove((sid, alias.as_str()))?;
            aliases.remove(alias.as_str())?;
        }
        Ok(())
    }

    /// Makes the call findable under that id; the id's older link goes.
    pub(super) fn link(&self, alias: &Alias, sid: CallSid) -> Result<(), Trouble> {
        let mut links = self.0.open_table(LINKS)?;
        let mut aliases = self.0.open_table(ALIASES)?;
        if let Some(old) = aliases.insert(alias.as_str(), sid.as_str())? {
            links.remove((old.value(), alias.as_str()))?;
        }
        links.insert((sid.as_str(), alias.as_str()), ())?;
        Ok(())
    }

    /// Every call that is kept.
    pub(super) fn all(&self) -> Result<Vec<CallSid>, Trouble> {
        let calls = self.0.open_table(CALLS)?;
        let mut sids = Vec::new();
        for row in calls.iter()? {
            sids.push(row?.0.value().parse().map_err(|error| Trouble::unreadable(&error))?);
        }
        Ok(sids)
    }

    /// The call that is linked to that id.
    pub(super) fn linked(&self, alias: &Alias) -> Result<Option<CallSid>, Trouble> {
        let aliases = self.0.open_table(ALIASES)?;
        let Some(sid) = aliases.get(alias.as_str())? else { return Ok(None) };
        sid.value().parse().map(Some).map_err(|error| Trouble::unreadable(&error))
    }

    /// A reply and when its time is over.
    pub(super) fn reply(
        &self,
        sid: CallSid,
        key: &str,
    ) -> Result<Option<(Timestamp, String)>, Trouble> {
        let replies = self.0.open_table(REPLIES)?;
        Ok(replies.get(reply_name(sid, key).as_str())?.map(|row| {
            let (expires, reply) = row.value();
            (Timestamp(expires), reply.to_owned())
        }))
    }

    /// Stores a reply in place of any older one under that key.
    pub(super) fn put_reply(
        &self,
        sid: CallSid,
        key: &str,
        reply: &str,
        expires: Timestamp,
    ) -> Result<(), Trouble> {
        let name = reply_name(sid, key);
        let name = name.as_str();
        let mut expiries = self.0.open_table(EXPIRIES)?;
        if let Some(old) = self.0.open_table(REPLIES)?.insert(name, (expires.0, reply))? {
            expiries.remove((old.value().0, name))?;
        }
        expiries.insert((expires.0, name), ())?;
        Ok(())
    }

    fn delete_replies_of(&self, sid: &str) -> Result<(), Trouble> {
        let mut replies = self.0.open_table(REPLIES)?;
        let mut gone = Vec::new();
        // `!` is the character behind the space.
        for row in replies.range(format!("{sid} ").as_str()..format!("{sid}!").as_str())? {
            let (name, reply) = row?;
            gone.push((reply.value().0, name.value().to_owned()));
        }
        let mut expiries = self.0.open_table(EXPIRIES)?;
        for (expires, name) in gone {
            replies.remove(name.as_str())?;
            expiries.remove((expires, name.as_str()))?;
        }
        Ok(())
    }

    /// Deletes up to `most` replies whose time was over at `now`.
    pub(super) fn delete_replies(&self, now: Timestamp, most: usize) -> Result<usize, Trouble> {
        let mut expiries = self.0.open_table(EXPIRIES)?;
        let mut replies = self.0.open_table(REPLIES)?;
        let mut over = Vec::new();
        for row in expiries.range(..(now.0.saturating_add(1), ""))?.take(most) {
            let (key, _) = row?;
            let (expires, name) = key.value();
            over.push((expires, name.to_owned()));
        }
        for (expires, name) in &over {
            expiries.remove((*expires, name.as_str()))?;
            replies.remove(name.as_str())?;
        }
        Ok(over.len())
    }

    /// Up to `most` calls that ended at `until` or before, oldest first.
    pub(super) fn ended_until(
        &self,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<(Timestamp, CallSid)>, Trouble> {
        let ended = self.0.open_table(ENDED)?;
        let mut found = Vec::new();
        for row in ended.range(..(until.0.saturating_add(1), ""))?.take(most) {
            let (key, _) = row?;
            let (at, sid) = key.value();
            found.push((Timestamp(at), sid.parse().map_err(|e| Trouble::unreadable(&e))?));
        }
        Ok(found)
    }
}

/// How a reply about that call is named.
fn reply_name(sid: CallSid, key: &str) -> String {
    format!("{sid} {key}")
}

/// Where the call stands among the ended ones.
fn ended_at(record: &CallRecord) -> u64 {
    record.ended_at.unwrap_or(record.seen_at).0
}

fn read_record(
    calls: &impl ReadableTable<&'static str, &'static [u8]>,
    sid: &str,
) -> Result<Option<CallRecord>, Trouble> {
    let Some(json) = calls.get(sid)? else { return Ok(None) };
    parse(json.value(), sid).map(Some)
}

fn read_call(
    calls: &impl ReadableTable<&'static str, &'static [u8]>,
    turns: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    sid: &str,
) -> Result<Option<CallRecord>, Trouble> {
    let Some(mut record) = read_record(calls, sid)? else { return Ok(None) };
    record.transcript = read_transcript(turns, sid)?;
    Ok(Some(record))
}

fn read_transcript(
    turns: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    sid: &str,
) -> Result<Transcript, Trouble> {
    let mut transcript = Transcript::default();
    for row in turns.range((sid, 0)..=(sid, u64::MAX))? {
        let (_, json) = row?;
        transcript.put(parse::<Turn>(json.value(), sid)?);
    }
    Ok(transcript)
}

/// The words of a call are not repeated in the error.
fn parse<T: for<'de> Deserialize<'de>>(json: &[u8], sid: &str) -> Result<T, Trouble> {
    serde_json::from_slice(json)
        .map_err(|error| Trouble::Unreadable(format!("call {sid}: {:?} error", error.classify())))
}
