//! Rotation of the keys in `TRANSCRIPT_KEYS`: what an older one wraps is wrapped by the newest.

use switchhook_actors::{domain::ids::CallSid, registry::store::StoreError};

use super::{
    keys,
    operations::{Core, done, function},
};
use crate::stores::locked;

/// How many keys of calls that are over one round looks at.
const REWRAPPED: usize = 200;

/// How far the calls that are over have been looked at: by their end and sid, since others are deleted
/// meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rewrapped {
    /// All up to this end and sid.
    Until(u64, String),
    /// All.
    All,
}

impl Default for Rewrapped {
    fn default() -> Self {
        Self::Until(0, String::new())
    }
}

impl Core {
    /// Wraps a call's key with the newest key of ours. One that no key of ours opens stays as it is.
    pub(super) async fn rewrap(&self, sid: CallSid, wrapped: &[u8]) -> Result<(), StoreError> {
        match self.vault.rewrap(sid, wrapped) {
            Ok(None) => Ok(()),
            Ok(Some(anew)) => {
                // The older names go with their keys, so this comes first.
                self.rename_caller(sid).await?;
                let mut order = function("sh1_rewrap", &[keys::call(sid)]);
                order.arg(wrapped).arg(anew);
                done(self.writes.put(order)).await.map(drop)
            }
            Err(error) => {
                tracing::error!(call.sid = %sid, "a key cannot be wrapped anew: {error}");
                Ok(())
            }
        }
    }

    /// Has the call found under its caller's newest name.
    async fn rename_caller(&self, sid: CallSid) -> Result<(), StoreError> {
        let kept = match self.record(sid).await {
            // Whose it is nobody can tell.
            Err(StoreError::Unreadable(_)) => None,
            found => found?,
        };
        let Some(kept) = kept.filter(|kept| !kept.record.caller.is_empty()) else { return Ok(()) };
        self.list_caller(sid, &kept.record.caller);
        for name in self.vault.caller_names(&kept.record.caller).iter().skip(1) {
            let mut order = redis::cmd("SREM");
            order.arg(keys::caller(name)).arg(sid.as_str());
            done(self.writes.put(order)).await?;
        }
        Ok(())
    }

    /// Wraps the keys of calls that are over anew, where an older key of ours wraps them: those of
    /// live calls were when they were claimed. Once after each start, some a round.
    pub(super) async fn rewrap_some(&self) -> Result<(), StoreError> {
        let Rewrapped::Until(end, last) = locked(&self.rewrapped).clone() else { return Ok(()) };
        let calls = self.ended_behind(end, &last).await?;
        for (end, member) in &calls {
            if let Ok(sid) = member.parse() {
                let mut pipe = redis::pipe();
                pipe.hget(keys::call(sid), "k");
                let (wrapped,): (Option<Vec<u8>>,) = self.ask(&pipe).await?;
                if let Some(wrapped) = wrapped {
                    self.rewrap(sid, &wrapped).await?;
                }
            }
            *locked(&self.rewrapped) = Rewrapped::Until(*end, member.clone());
        }
        if calls.is_empty() {
            *locked(&self.rewrapped) = Rewrapped::All;
        }
        Ok(())
    }

    /// Some calls that are over, behind that one. Those with the same end stand in the order of their
    /// names.
    async fn ended_behind(&self, end: u64, last: &str) -> Result<Vec<(u64, String)>, StoreError> {
        let mut offset = 0;
        loop {
            let mut pipe = redis::pipe();
            pipe.cmd("ZRANGEBYSCORE").arg(keys::ENDED).arg(end).arg("+inf").arg("WITHSCORES");
            pipe.arg("LIMIT").arg(offset).arg(REWRAPPED);
            let (found,): (Vec<(String, f64)>,) = self.ask(&pipe).await?;
            let read = found.len();
            let behind = |(at, sid): &(u64, String)| (*at, sid.as_str()) > (end, last);
            let found = found.into_iter().map(|(sid, at)| (score(at), sid));
            let found: Vec<_> = found.filter(behind).collect();
            if !found.is_empty() || read < REWRAPPED {
                return Ok(found);
            }
            offset += read;
        }
    }
}

/// A score as a time: milliseconds of this millennium.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is one")]
pub(super) fn score(at: f64) -> u64 {
    at as u64
}
