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
    retired: bool,
}

impl Presence {
    pub(super) fn new(
        sid: CallSid,
        session: Addr<CallSession>,
        directory: Arc<Directory<CallSession>>,
    ) -> Self {
        metrics::gauge!("switchhook_calls_live").increment(1.0);
        Self { sid, session, directory, retired: false }
    }

    /// The call is over, and the session stays until its last words are stored.
    pub(super) fn retire(&mut self) {
        if !std::mem::replace(&mut self.retired, true) {
            metrics::gauge!("switchhook_calls_live").decrement(1.0);
            self.directory.retire(self.sid, &self.session);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.retire();
        self.directory.leave(self.sid, &self.session);
    }
}
