//! Carries one answer from the model to the session that asked.

use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::model::{AnswerStream, Model};
use crate::domain::{
    answer::{AnswerEvent, FailureKind, ModelFailure},
    prompt::Prompt,
};

/// Asks and carries until the answer is over or nobody listens any more. Returning drops the
/// stream, which aborts the request.
pub(super) async fn relay(model: &dyn Model, prompt: Prompt, tokens: mpsc::Sender<AnswerEvent>) {
    let opened = tokio::select! {
        biased;
        () = tokens.closed() => return count("abandoned"),
        opened = model.open(prompt) => opened,
    };
    match opened {
        Ok(stream) => carry(stream, tokens).await,
        Err(failure) => fail(failure, &tokens).await,
    }
}

async fn carry(mut stream: AnswerStream, tokens: mpsc::Sender<AnswerEvent>) {
    loop {
        let event = tokio::select! {
            biased;
            () = tokens.closed() => return count("abandoned"),
            event = stream.next() => event,
        };
        match event {
            Some(AnswerEvent::Failed(failure)) => return fail(failure, &tokens).await,
            Some(AnswerEvent::Done(finish)) => {
                count("answered");
                // The session may have gone since; then nobody misses it.
                let _ = tokens.send(AnswerEvent::Done(finish)).await;
                return;
            }
            Some(token) => {
                if tokens.send(token).await.is_err() {
                    return count("abandoned");
                }
            }
            None => return fail(cut(), &tokens).await,
        }
    }
}

async fn fail(failure: ModelFailure, tokens: &mpsc::Sender<AnswerEvent>) {
    tracing::warn!(kind = failure.kind.label(), "the model failed: {failure}");
    count(failure.kind.label());
    // The session may have gone since; then nobody misses it.
    let _ = tokens.send(AnswerEvent::Failed(failure)).await;
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
