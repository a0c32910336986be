//! Carries one answer from the model to the session that asked, and tells the breaker how it went.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::{
    breaker::Verdict,
    model::{AnswerStream, Model},
    policy::Admission,
};
use crate::{
    clock::Stopwatch,
    domain::{
        answer::{AnswerEvent, FailureKind, ModelFailure},
        prompt::Prompt,
        time::Millis,
    },
    pulse::Pulse,
};

/// One answer on its way.
pub(super) struct Relay {
    /// Ends at the session.
    pub(super) tokens: mpsc::Sender<AnswerEvent>,
    pub(super) admission: Admission,
    /// On a connection of its own.
    pub(super) fresh: bool,
    /// A model is not to blame for an engine that stood still.
    pub(super) pulse: Arc<Pulse>,
}

/// How long the model has been silent, and how long it may.
struct Waiting {
    since: Stopwatch,
    patience: Millis,
    /// What it is when it takes longer.
    late: &'static str,
}

impl Waiting {
    fn for_first_token(patience: Millis) -> Self {
        Self { since: Stopwatch::start(), patience, late: "late" }
    }

    fn for_next_token(patience: Millis) -> Self {
        Self { since: Stopwatch::start(), patience, late: "stalled" }
    }

    /// Whether it was the model's silence that ended the wait. The caller's wait began a moment
    /// before ours: a tenth less is late, too.
    fn is_over(&self) -> bool {
        self.since.elapsed() >= Duration::from_millis(self.patience) * 9 / 10
    }
}

impl Relay {
    /// Asks and carries until the answer is over or nobody listens any more. Returning drops the
    /// stream, which aborts the request.
    pub(super) async fn run(mut self, model: &dyn Model, prompt: Prompt) {
        let waiting = Waiting::for_first_token(self.admission.patience().first_token);
        // What waits idle may be as dead as the model was: a probe shall not stumble over it.
        self.fresh |= self.admission.is_probe();
        let opened = tokio::select! {
            biased;
            () = self.tokens.closed() => return self.give_up(&waiting),
            opened = model.open(prompt, self.fresh) => opened,
        };
        match opened {
            Ok(stream) => self.carry(stream, waiting).await,
            Err(failure) => self.fail(failure).await,
        }
    }

    async fn carry(mut self, mut stream: AnswerStream, mut waiting: Waiting) {
        loop {
            let event = tokio::select! {
                biased;
                () = self.tokens.closed() => return self.give_up(&waiting),
                event = stream.next() => event,
            };
            fail::fail_point!("answer");
            match event {
                Some(AnswerEvent::Failed(failure)) => return self.fail(failure).await,
                Some(AnswerEvent::Done(finish)) => {
                    count("answered");
                    self.admission.report(Verdict::Answered);
                    // The session may have gone since; then nobody misses it.
                    let _ = self.tokens.send(AnswerEvent::Done(finish)).await;
                    return;
                }
                Some(token) => {
                    if self.tokens.send(token).await.is_err() {
                        return count("abandoned");
                    }
                    waiting = Waiting::for_next_token(self.admission.patience().token_gap);
                }
                None => return self.fail(cut()).await,
            }
        }
    }

    async fn fail(mut self, failure: ModelFailure) {
        tracing::warn!(kind = failure.kind.label(), "the model failed: {failure}");
        count(failure.kind.label());
        // Before the session knows: it may ask again at once.
        if !self.pulse.stood_still() {
            self.admission.report(Verdict::of(&failure, self.fresh));
        }
        // The session may have gone since; then nobody misses it.
        let _ = self.tokens.send(AnswerEvent::Failed(failure)).await;
    }

    /// Nobody listens any more: the caller went or spoke, or the model kept the caller waiting.
    fn give_up(mut self, waiting: &Waiting) {
        if waiting.is_over() && !self.pulse.stood_still() {
            count(waiting.late);
            self.admission.report(Verdict::Failed(0));
        } else {
            count("abandoned");
        }
    }
}

/// A stream that ended without saying so.
fn cut() -> ModelFailure {
    ModelFailure {
        kind: FailureKind::Cut,
        detail: "the stream ended before the answer did".to_owned(),
        retryable: true,
        after: None,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("switchhook_model_requests_total", "outcome" => outcome).increment(1);
}
