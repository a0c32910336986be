//! A session's place in the directory, and in the count of live calls: taken when it starts, given
//! back however it ends, a panic included.

use std::sync::Arc;

use actix::Addr;

use super::CallSession;
use crate::{directory::Directory, domain::ids::CallSid};

/// Held by the session; dropping it is how the session leaves.
pub(super) struct Presence {
    sid: CallSid,
    session: Addr<CallSession>,
    directory: Arc<Directory<CallSession>>,
}

impl Presence {
    pub(super) fn new(
        sid: CallSid,
        session: Addr<CallSession>,
        directory: Arc<Directory<CallSession>>,
    ) -> Self {
        metrics::gauge!("switchhook_calls_live").increment(1.0);
        Self { sid, session, directory }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        metrics::gauge!("switchhook_calls_live").decrement(1.0);
        self.directory.leave(self.sid, &self.session);
    }
}
