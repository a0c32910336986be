//! Live calls that go on with other engines: each is asked to leave at a pause in the talk, one after
//! the other so that the others are not overrun, and let go when it does not find one in time.

use std::{collections::VecDeque, time::Duration};

use actix::clock::{Instant, sleep};
use switchhook_actors::{
    call_session::{
        CallSession,
        messages::{LetGo, MoveAway},
    },
    directory::Directory,
    domain::ids::CallSid,
};

/// Between two calls that are asked: 25 a second, as many as an engine takes without a word that is
/// heard late.
const MOVE_EVERY: Duration = Duration::from_millis(40);

/// How long a call may take to find a pause: an answer that has just begun, and one more.
const PAUSE_WITHIN: Duration = Duration::from_secs(45);

/// How long a call that was let go may take to store what was said last.
pub(super) const LEAVE: Duration = Duration::from_secs(2);

/// Asks every call to leave, and lets those go that have not left in time. Ends when none is left.
pub(super) async fn move_calls(directory: &Directory<CallSession>) {
    let mut waiting: VecDeque<CallSid> = directory.calls().into();
    let mut asked: VecDeque<(Instant, CallSid)> = VecDeque::new();
    while !(directory.is_empty() || waiting.is_empty() && asked.is_empty()) {
        if let Some(sid) = waiting.pop_front()
            && let Some(session) = directory.find(sid)
        {
            // One whose mailbox is full is busy with its call: it is let go in the end.
            let _ = session.try_send(MoveAway);
            asked.push_back((Instant::now() + PAUSE_WITHIN, sid));
        }
        while let Some(&(_, sid)) = asked.front().filter(|(by, _)| *by <= Instant::now()) {
            asked.pop_front();
            tracing::warn!(call.sid = %sid, "a call found no pause to be moved in");
            let_go(directory, vec![sid]);
        }
        sleep(MOVE_EVERY).await;
    }
}

/// Ends these sessions wherever their talk is: the next engine goes on from what is stored.
pub(super) fn let_go(directory: &Directory<CallSession>, calls: Vec<CallSid>) {
    for session in calls.into_iter().filter_map(|sid| directory.find(sid)) {
        if session.try_send(LetGo).is_err() {
            tracing::error!("a session does not hear that it is let go");
        }
    }
}
