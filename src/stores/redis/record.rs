//! How a call lies in Redis: some of the record readable for the functions, the rest of it and all
//! words sealed with the call's own key.

use std::collections::HashMap;

use redis::{FromRedisValue, Value};
use serde::Deserialize;
use switchhook_actors::{
    domain::{
        ids::{CallSid, Epoch, InstanceId},
        record::{CallRecord, Status},
        time::Timestamp,
        transcript::{LateTurn, Role, Turn},
    },
    registry::store::StoreError,
};

use super::keys;
use crate::stores::sealed::{CallKey, Place, Vault};

/// A hash as Redis answers it.
pub(super) type Fields = HashMap<String, Vec<u8>>;

/// What can be written of a turn: who owns the call, and which write it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) epoch: Epoch,
    pub(super) seq: u64,
}

/// A record with what only the store needs.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) record: CallRecord,
    pub(super) key: CallKey,
    /// Counts the changes of the record.
    pub(super) rev: u64,
}

/// Reads a call. `turns` and `late` may be empty when only the record is wanted.
pub(super) fn read(
    vault: &Vault,
    sid: CallSid,
    fields: &Fields,
    turns: &Fields,
    late: &Fields,
) -> Result<Kept, StoreError> {
    let wrapped = fields.get("k").map(Vec::as_slice).unwrap_or_default();
    let key = vault.unwrap(sid, wrapped).map_err(|error| unreadable(sid, &error))?;
    let sealed = fields.get("r").ok_or_else(|| unreadable(sid, &"it has no record"))?;
    let json = key.open(&Place::Record(sid), sealed).map_err(|error| unreadable(sid, &error))?;
    let mut record: CallRecord = parse(sid, &json)?;
    record.epoch = Epoch(number(sid, fields, "e")?);
    record.next_seq = number(sid, fields, "s")?;
    record.seen_at = Timestamp(number(sid, fields, "seen")?);
    record.started_at = Timestamp(number(sid, fields, "at")?);
    record.ended_at = number(sid, fields, "end").ok().map(Timestamp);
    record.status = status(sid, text(sid, fields, "st")?)?;
    let owner = text(sid, fields, "o")?;
    record.instance = (!owner.is_empty()).then(|| InstanceId(owner.to_owned()));
    for (place, value) in turns {
        record.transcript.put(turn(sid, &key, place, value)?.1);
    }
    for (mark, value) in late {
        record.late.push(late_turn(sid, &key, mark, value)?);
    }
    record.late.sort_by_key(|late| (late.turn.at, late.epoch, late.seq));
    let rev = number(sid, fields, "rev")?;
    Ok(Kept { record, key, rev })
}

/// The sealed part of a record.
pub(super) fn seal_record(key: &CallKey, record: &CallRecord) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(record).map_err(|error| unreadable(record.sid, &error))?;
    Ok(key.seal(&Place::Record(record.sid), &json))
}

/// A turn as it is written: its mark can be read by the functions, its words by nobody.
pub(super) fn seal_turn(
    sid: CallSid,
    key: &CallKey,
    mark: Mark,
    turn: &Turn,
) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(turn).map_err(|error| unreadable(sid, &error))?;
    let Mark { epoch, seq } = mark;
    let mut value = format!("{epoch}:{seq}:").into_bytes();
    value.extend(key.seal(&Place::Turn { sid, epoch, seq, role: turn.role }, &json));
    Ok(value)
}

/// Reads a turn and its mark from its place.
pub(super) fn turn(
    sid: CallSid,
    key: &CallKey,
    place: &str,
    value: &[u8],
) -> Result<(Mark, Turn), StoreError> {
    let (mark, sealed) = split(value).ok_or_else(|| unreadable(sid, &"a turn has no mark"))?;
    let Mark { epoch, seq } = mark;
    let role = if place.ends_with('c') { Role::Customer } else { Role::Agent };
    let json = key
        .open(&Place::Turn { sid, epoch, seq, role }, sealed)
        .map_err(|error| unreadable(sid, &error))?;
    Ok((mark, parse(sid, &json)?))
}

/// A turn that came too late, with who said so.
pub(super) fn seal_late(
    sid: CallSid,
    key: &CallKey,
    late: &LateTurn,
) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(late).map_err(|error| unreadable(sid, &error))?;
    Ok(key.seal(&Place::Late { sid, epoch: late.epoch, seq: late.seq }, &json))
}

fn late_turn(
    sid: CallSid,
    key: &CallKey,
    mark: &str,
    value: &[u8],
) -> Result<LateTurn, StoreError> {
    let wrong = || unreadable(sid, &"a late turn has no mark");
    let (epoch, seq) = mark.split_once(':').ok_or_else(wrong)?;
    let epoch = Epoch(epoch.parse().map_err(|_| wrong())?);
    let seq = seq.parse().map_err(|_| wrong())?;
    let json = key
        .open(&Place::Late { sid, epoch, seq }, value)
        .map_err(|error| unreadable(sid, &error))?;
    parse(sid, &json)
}

fn split(value: &[u8]) -> Option<(Mark, &[u8])> {
    let mut parts = value.splitn(3, |&byte| byte == b':');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
    let mark = Mark { epoch: Epoch(number()?), seq: number()? };
    Some((mark, parts.next()?))
}

/// A status as it stands in Redis.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Ringing => "ringing",
        Status::Active => "active",
        Status::Escalating => "escalating",
        Status::Queued => "queued",
        Status::WithAgent => "with_agent",
        Status::Completed => "completed",
        Status::Failed => "failed",
    }
}

fn status(sid: CallSid, word: &str) -> Result<Status, StoreError> {
    let known = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word);
    Status::deserialize(known).map_err(|_| unreadable(sid, &"its status is unknown"))
}

fn text<'a>(sid: CallSid, fields: &'a Fields, name: &str) -> Result<&'a str, StoreError> {
    let value = fields.get(name).and_then(|value| std::str::from_utf8(value).ok());
    value.ok_or_else(|| unreadable(sid, &format_args!("its field {name} is missing")))
}

fn number(sid: CallSid, fields: &Fields, name: &str) -> Result<u64, StoreError> {
    let value = text(sid, fields, name)?.parse();
    value.map_err(|_| unreadable(sid, &format_args!("its field {name} is no number")))
}

/// The words of a call are not repeated in the error.
fn parse<T: for<'de> Deserialize<'de>>(sid: CallSid, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json)
        .map_err(|error| unreadable(sid, &format_args!("{:?} error", error.classify())))
}

pub(super) fn unreadable(sid: CallSid, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("call {sid}: {why}"))
}

/// An answer of a function or a command, in the shape that it must have.
pub(super) fn shape<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    T::from_redis_value(value)
        .map_err(|_| StoreError::Unreadable("Redis answered in another shape".to_owned()))
}

/// The keys that a read of a whole call needs, in the functions' order.
pub(super) fn whole(sid: CallSid) -> [String; 4] {
    [keys::call(sid), keys::turns(sid), keys::late(sid), keys::erased(sid)]
}
