//! How everything of ours in Redis is named. All keys begin with `sh:`; those of one call share its
//! sid as a hash tag, so that they lie together whatever the keys are spread over.
//!
//! ```text
//! sh:{CA…}        hash    the record: v, e epoch, s next sequence number, o owner, st status, at start,
//!                         end, seen (ms), k wrapped key, r sealed record, rev count of its changes
//! sh:{CA…}:t      hash    turns: number and side ("12c", "12a") to `epoch:seq:` and the sealed turn
//! sh:{CA…}:l      hash    turns that came too late: `epoch:seq` to the sealed turn
//! sh:{CA…}:w      hash    replies to webhooks: key to `expiry:` and the sealed reply; expires
//! sh:{CA…}:a      set     ids that the call is linked to
//! sh:{CA…}:x      string  the call was erased: nothing of a claim up to this one comes back; expires
//! sh:a:ID         string  linked id to sid
//! sh:n:NAME       set     a caller's number, as a keyed hash, to their calls
//! sh:n:NAME:x     string  when all calls of that caller were erased, ms: none from before is restored; expires
//! sh:live         zset    live calls by their last sign of life, ms
//! sh:ended        zset    ended calls by their end, ms
//! sh:events       stream  what happened, without words: sid, kind, count of turns
//! sh:probe        string  written to see whether it can be; expires
//! sh:generation   string  another one means that the store has lost everything
//! sh:instances    set     engines that were there
//! sh:i:INSTANCE   string  an engine's heartbeat: load and version; expires
//! sh:m:INSTANCE   stream  an engine's mailbox: s sid, i id of the order, m sealed letter; expires
//! ```
//!
//! From `sh:live` on all is derived: the owners of live calls bring them back. By `sh:ended` and
//! `sh:n:NAME` calls are found that are to be deleted: they are written before the calls.

use switchhook_actors::domain::{
    ids::{CallSid, InstanceId},
    transcript::{Role, Turn},
};

/// Live calls by their last sign of life.
pub(super) const LIVE: &str = "sh:live";
/// Ended calls by their end.
pub(super) const ENDED: &str = "sh:ended";
/// What happened.
pub(super) const EVENTS: &str = "sh:events";
/// Engines that were there.
pub(super) const INSTANCES: &str = "sh:instances";
/// Written to see whether it can be.
pub(super) const PROBE: &str = "sh:probe";
/// Which life of the store this is.
pub(super) const GENERATION: &str = "sh:generation";

/// The record.
pub(super) fn call(sid: CallSid) -> String {
    format!("sh:{{{sid}}}")
}

/// The turns.
pub(super) fn turns(sid: CallSid) -> String {
    format!("sh:{{{sid}}}:t")
}

/// The turns that came too late.
pub(super) fn late(sid: CallSid) -> String {
    format!("sh:{{{sid}}}:l")
}

/// The replies to webhooks.
pub(super) fn replies(sid: CallSid) -> String {
    format!("sh:{{{sid}}}:w")
}

/// The ids that the call is linked to.
pub(super) fn links(sid: CallSid) -> String {
    format!("sh:{{{sid}}}:a")
}

/// The trace of an erasure.
pub(super) fn erased(sid: CallSid) -> String {
    format!("sh:{{{sid}}}:x")
}

/// The call that is linked to that id.
pub(super) fn alias(id: &str) -> String {
    format!("sh:a:{id}")
}

/// The calls of a caller, by the keyed hash of the number.
pub(super) fn caller(name: &str) -> String {
    format!("sh:n:{name}")
}

/// The trace of the erasure of a caller's calls.
pub(super) fn caller_erased(name: &str) -> String {
    format!("sh:n:{name}:x")
}

/// The heartbeat of an engine.
pub(super) fn heartbeat(instance: &InstanceId) -> String {
    format!("sh:i:{instance}")
}

/// The mailbox of an engine.
pub(super) fn mailbox(instance: &InstanceId) -> String {
    format!("sh:m:{instance}")
}

/// The place of a turn among the turns of its call.
pub(super) fn field(turn: &Turn) -> String {
    let side = match turn.role {
        Role::Customer => 'c',
        Role::Agent => 'a',
    };
    format!("{}{side}", turn.id)
}
