//! What the person hears and a test wants to know: the questions to a [`Caller`].

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use super::{
    Caller,
    happening::{Ending, Entry, Happening},
    history::{Answer, StaleToken},
    record::Fact,
};

impl Caller {
    /// The next answer to what was said last. At the deadline, or at the end of the call, what has
    /// come so far, with `complete: false`.
    pub async fn answer(&self, deadline: Duration) -> Answer {
        let found = self.shared.until(deadline, |history| {
            history
                .take_answer()
                .or_else(|| history.ending.is_some().then(|| history.partial_answer()))
        });
        found.await.unwrap_or_else(|| self.shared.with(|history| history.partial_answer()))
    }

    /// Everything that is said to what was said last, until the line was quiet for as long as
    /// [`super::RingOptions::answer_quiet`]: fillers, apologies, the answer, talk cycles apart by
    /// line breaks. While there is no socket nothing is quiet.
    pub async fn whole_answer(&self, deadline: Duration) -> Answer {
        let late = Instant::now() + deadline;
        let mut whole = self.answer(deadline).await;
        let quiet = self.options.answer_quiet;
        while whole.complete && !quiet.is_zero() && self.ending().is_none() {
            let left = late.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.quiet(left).await {
                break;
            }
            let more = self.answer(quiet).await;
            let torn = self.shared.with(|history| history.is_torn(quiet));
            if more.text.is_empty() && !more.complete && !torn {
                break;
            }
            // A talk cycle has begun: it is waited for to its end.
            whole.complete = more.complete || torn || !more.text.is_empty();
            if more.complete {
                whole.take(more);
            }
        }
        whole
    }

    /// Waits until all that was heard in the call is as wanted. False at the deadline.
    pub async fn heard_until(
        &self,
        deadline: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> bool {
        let heard = self.shared.until(deadline, |history| wanted(&history.heard()).then_some(()));
        heard.await.is_some()
    }

    /// The same for what was heard since the caller said something last. False at the deadline, and
    /// as soon as the whole answer was heard or the call is over.
    pub async fn answer_heard_until(
        &self,
        deadline: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> bool {
        let heard = self.shared.until(deadline, |history| {
            if wanted(&history.heard_since_prompt()) {
                return Some(true);
            }
            history.is_answer_over().then_some(false)
        });
        heard.await.unwrap_or(false)
    }

    /// Waits until the voice speaks. False at the deadline, and when the call is over.
    pub async fn speaking(&self, deadline: Duration) -> bool {
        let speaking = self.shared.until(deadline, |history| {
            (history.voice.is_speaking() || history.ending.is_some())
                .then(|| history.ending.is_none())
        });
        speaking.await.unwrap_or(false)
    }

    /// Waits until everything was said and heard. False at the deadline; true as well when the
    /// call is over.
    pub async fn quiet(&self, deadline: Duration) -> bool {
        let quiet = self.shared.until(deadline, |history| {
            (history.voice.is_quiet() || history.ending.is_some()).then_some(())
        });
        quiet.await.is_some()
    }

    /// Waits for the end of the call. None at the deadline.
    pub async fn ended(&self, deadline: Duration) -> Option<Ending> {
        self.shared.until(deadline, |history| history.ending.clone()).await
    }

    /// The next frame of the engine that was not read yet. None at the deadline.
    pub async fn next_frame(&self, deadline: Duration) -> Option<Entry> {
        let frame = |what: &Happening| matches!(what, Happening::Received(_));
        self.next(&self.frames_read, deadline, frame).await
    }

    /// The next thing that happened and was not read yet. None at the deadline.
    pub async fn next_entry(&self, deadline: Duration) -> Option<Entry> {
        self.next(&self.entries_read, deadline, |_| true).await
    }

    async fn next(
        &self,
        read: &Cell<u64>,
        deadline: Duration,
        fits: fn(&Happening) -> bool,
    ) -> Option<Entry> {
        let found = self.shared.until(deadline, |history| history.entry(read.get(), fits)).await;
        found.map(|(next, entry)| {
            read.set(next);
            entry
        })
    }

    /// All that was heard until now, talk cycles apart by line breaks.
    #[must_use]
    pub fn heard(&self) -> String {
        self.shared.with(|history| history.heard())
    }

    /// What was heard since the caller said something last.
    #[must_use]
    pub fn answer_heard(&self) -> String {
        self.shared.with(|history| history.heard_since_prompt())
    }

    /// Whether the voice is speaking now.
    #[must_use]
    pub fn is_agent_speaking(&self) -> bool {
        self.shared.with(|history| history.voice.is_speaking())
    }

    /// Text frames that came between an interrupt and the next prompt.
    #[must_use]
    pub fn stale_tokens(&self) -> Vec<StaleToken> {
        self.shared.with(|history| history.stale.clone())
    }

    /// Everything that Twilio would not have accepted.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.with(|history| history.violations.clone())
    }

    /// The `handoffData` of the last `end`.
    #[must_use]
    pub fn handoff(&self) -> Option<String> {
        self.shared.with(|history| history.handoff.clone())
    }

    /// How many sockets were opened so far.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        self.shared.with(|history| history.sessions)
    }

    /// How long each webhook that fetched TwiML took to be answered.
    #[must_use]
    pub fn webhook_times(&self) -> Vec<Duration> {
        self.shared.with(|history| history.webhooks.clone())
    }

    /// How long each socket took from the connect to the upgrade.
    #[must_use]
    pub fn connect_times(&self) -> Vec<Duration> {
        self.shared.with(|history| history.connects.clone())
    }

    /// How the call ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.shared.with(|history| history.ending.clone())
    }

    /// What was said and heard, in order; empty unless [`super::RingOptions::record`] is set.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        self.shared.with(|history| history.facts())
    }

    /// Everything that happened.
    #[must_use]
    pub fn history(&self) -> Vec<Entry> {
        self.shared.with(|history| history.entries().cloned().collect())
    }

    /// Everything that happened, a line each: for the message of a failed test.
    #[must_use]
    pub fn log(&self) -> String {
        self.shared.with(|history| history.log())
    }
}
