//! The lists by which calls are found: the live ones, those that are over, and each caller's.
//!
//! A call is put on them before it is written, in the order of writes and as durably: what retention
//! and erasure would not find would stay for ever. An entry of a call that is not there does no harm.

use switchhook_actors::domain::{ids::CallSid, time::Timestamp};

use super::{keys, operations::Core};

impl Core {
    pub(super) fn list_live(&self, sid: CallSid, at: Timestamp) {
        let mut order = redis::cmd("ZADD");
        order.arg(keys::LIVE).arg("GT").arg(at.0).arg(sid.as_str());
        drop(self.writes.put(order));
    }

    pub(super) fn list_ended(&self, sid: CallSid, at: Timestamp) {
        let mut order = redis::cmd("ZADD");
        order.arg(keys::ENDED).arg(at.0).arg(sid.as_str());
        drop(self.writes.put(order));
    }

    /// Where a caller's calls are found by the number, which is in none of the names.
    pub(super) fn list_caller(&self, sid: CallSid, caller: &str) {
        let names = self.vault.caller_names(caller);
        if let Some(name) = names.first().filter(|_| !caller.is_empty()) {
            let mut order = redis::cmd("SADD");
            order.arg(keys::caller(name)).arg(sid.as_str());
            drop(self.writes.put(order));
        }
    }

    /// Takes a call that is over from the live ones. Where that fails, tidying does it.
    pub(super) async fn strike_live(&self, sid: CallSid) {
        let mut lists = redis::pipe();
        lists.zrem(keys::LIVE, sid.as_str()).ignore();
        if let Err(error) = self.ask::<redis::Value>(&lists).await {
            tracing::debug!("a call that is over stays among the live ones for now: {error}");
        }
    }
}
