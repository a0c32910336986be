//! Words on their way to the voice while its news is on the way here.

use std::collections::VecDeque;

use crate::domain::time::{Millis, Timestamp};

/// News of a voice that stopped and words for it pass each other for so long, ms: the way there and
/// back, and what speech takes to begin.
const CROSSING: Millis = 500;

/// Words sent within so long count as sent at once, and all of them as long as the last, ms.
const TOGETHER: Millis = 50;

/// Characters that were sent of late, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Crossing(VecDeque<(Timestamp, u64)>);

impl Crossing {
    pub(super) fn note(&mut self, now: Timestamp, chars: u64) {
        while self.0.front().is_some_and(|(at, _)| !is_under_way(now, *at)) {
            self.0.pop_front();
        }
        match self.0.back_mut() {
            Some((at, sent)) if now.since(*at) < TOGETHER => *sent += chars,
            _ => self.0.push_back((now, chars)),
        }
    }

    /// Characters of which news that comes now knows nothing.
    pub(super) fn sent(&self, now: Timestamp) -> u64 {
        let late = self.0.iter().filter(|(at, _)| is_under_way(now, *at));
        late.map(|(_, chars)| chars).sum()
    }
}

fn is_under_way(now: Timestamp, sent: Timestamp) -> bool {
    now.since(sent) < CROSSING + TOGETHER
}
