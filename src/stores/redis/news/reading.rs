//! One read of what is new: of the feed, and of the mailbox beside it.

use std::time::Duration;

use redis::{
    aio::MultiplexedConnection,
    streams::{StreamId, StreamKey, StreamReadReply},
};
use switchhook_actors::{domain::record::Position, registry::store::StoreError};
use tokio::time::timeout;

use super::{Follower, LOOKED_UP, Told, number};
use crate::stores::redis::{
    keys,
    link::{self, Wires},
};

/// How long one read waits for news, ms, and how long its answer may take besides.
const BLOCK_MS: u64 = 1_000;
const BLOCK_SLACK: Duration = Duration::from_millis(700);

/// What was read last.
pub(super) struct Place {
    /// Of the feed.
    pub(super) events: u64,
    /// Of the mailbox.
    pub(super) mail: String,
}

impl Place {
    /// Goes on to what the feed has brought.
    pub(super) fn go_on(
        &mut self,
        ids: Vec<StreamId>,
    ) -> Result<Vec<(Position, Told)>, StoreError> {
        let mut news = Vec::with_capacity(ids.len());
        for entry in ids {
            let at = number(&entry.id);
            if at != self.events.saturating_add(1) {
                return Err(StoreError::Unavailable("events are missing".to_owned()));
            }
            self.events = at;
            let json: Option<String> = entry.get("e");
            if let Some(told) = json.and_then(|json| serde_json::from_str::<Told>(&json).ok()) {
                news.push((Position(at), told));
            }
        }
        Ok(news)
    }
}

impl Follower {
    /// Waits for what comes next, of the feed and of the mailbox.
    pub(super) async fn read_on(
        &self,
        wires: &Wires,
        feed: &mut MultiplexedConnection,
        place: &Place,
    ) -> Result<Vec<StreamKey>, StoreError> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(LOOKED_UP).arg("BLOCK").arg(BLOCK_MS);
        read.arg("STREAMS").arg(keys::EVENTS).arg(self.mail.mailbox());
        read.arg(format!("{}-0", place.events)).arg(&place.mail);
        let patience = Duration::from_millis(BLOCK_MS) + BLOCK_SLACK;
        let answer = timeout(patience, read.query_async(feed)).await;
        let answer: Option<StreamReadReply> = match answer {
            Ok(answer) => answer.map_err(|error| {
                self.link.report(wires.number, &error);
                StoreError::Unavailable(link::in_words(&error))
            })?,
            Err(_) => return Err(StoreError::Unavailable("the feed is silent".to_owned())),
        };
        Ok(answer.map_or_else(Vec::new, |answer| answer.keys))
    }
}
