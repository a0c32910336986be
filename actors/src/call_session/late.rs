//! Words of the caller's that came to a session when its call was another engine's: they are kept
//! beside the transcript, if nobody else has heard them.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Peers, heard, observed};
use crate::{
    domain::{ids::CallSid, transcript::LateTurn},
    registry::{
        messages::{AddLate, Find},
        store::Key,
    },
};

/// Pauses between the tries: an engine that was cut off has its store back by then.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// How long the registry may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps them, with a few tries. The session need not wait for it.
pub(super) async fn keep(peers: Arc<Peers>, sid: CallSid, turns: Vec<LateTurn>) {
    let count = u32::try_from(turns.len()).unwrap_or(u32::MAX);
    let mut pauses = PAUSES.into_iter();
    loop {
        match attempt(&peers, sid, turns.clone()).await {
            Ok(0) => return,
            Ok(kept) => {
                tracing::warn!(
                    turns = kept,
                    "the call has moved on: what came late is kept beside it"
                );
                metrics::counter!("switchhook_late_turns_total").increment(kept);
                return;
            }
            Err(cause) => {
                let Some(pause) = pauses.next() else {
                    tracing::error!("what came late is not kept: {cause}");
                    return observed::lost(count);
                };
                sleep(pause).await;
            }
        }
    }
}

/// How many were kept.
async fn attempt(peers: &Peers, sid: CallSid, mut turns: Vec<LateTurn>) -> Result<u64, String> {
    let found = peers.registry.send(Find { key: Key::Sid(sid) }).timeout(PATIENCE).await;
    // A call that is not there was erased.
    let Some(record) = heard(found)? else { return Ok(0) };
    turns.retain(|late| !record.has_heard(late));
    if turns.is_empty() {
        return Ok(0);
    }
    let kept = turns.len() as u64;
    heard(peers.registry.send(AddLate { sid, turns }).timeout(PATIENCE).await).map(|_| kept)
}
