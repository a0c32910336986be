//! Where a call is, once the engine has passed it on: more questions to a [`Caller`].

use std::time::Duration;

use super::{Caller, happening::Place, twiml_reader::Enqueue};

impl Caller {
    /// Where the call is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.shared.with(|history| history.place.clone())
    }

    /// Waits until the call is at such a place. False at the deadline, and when the call is over.
    pub async fn place_until(
        &self,
        deadline: Duration,
        mut wanted: impl FnMut(&Place) -> bool,
    ) -> bool {
        let there = self.shared.until(deadline, |history| {
            let over = history.ending.is_some();
            (over || wanted(&history.place)).then_some(!over)
        });
        there.await.unwrap_or(false)
    }

    /// Waits for a further session: `sessions` is how many there were before. False at the
    /// deadline, and when the call is over.
    pub async fn session_after(&self, sessions: u32, deadline: Duration) -> bool {
        self.shared
            .until(deadline, |history| {
                let further = history.sessions > sessions && history.ending.is_none();
                (further || history.ending.is_some()).then_some(further)
            })
            .await
            .unwrap_or(false)
    }

    /// Waits until this many wait documents were heard to their end, in the present queue. False at
    /// the deadline, and when the call has left the queue.
    pub async fn rounds_heard(&self, rounds: u32, deadline: Duration) -> bool {
        let heard = self.shared.until(deadline, |history| {
            let heard = history.rounds >= rounds;
            let gone = history.ending.is_some() || history.place != Place::Queue;
            (heard || gone).then_some(heard)
        });
        heard.await.unwrap_or(false)
    }

    /// Waits until what was heard since the caller said or pressed something last is as wanted, in
    /// a session or outside. False at the deadline, and when the call is over.
    pub async fn words_until(
        &self,
        deadline: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> bool {
        let heard = self.shared.until(deadline, |history| {
            let heard = wanted(&history.heard_since_prompt());
            (heard || history.ending.is_some()).then_some(heard)
        });
        heard.await.unwrap_or(false)
    }

    /// The last `<Enqueue>` that the engine answered.
    #[must_use]
    pub fn enqueue(&self) -> Option<Enqueue> {
        self.shared.with(|history| history.enqueue.clone())
    }

    /// Whether there are people who take calls: [`RingOptions::twilio`](super::RingOptions::twilio).
    #[must_use]
    pub fn has_people(&self) -> bool {
        self.options.twilio.is_some()
    }
}
