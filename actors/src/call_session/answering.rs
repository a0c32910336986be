//! The session and its gateway: one question at a time, its answer event by event.

use std::time::Duration;

use actix::{ActorFutureExt, ActorStreamExt, AsyncContext, Context, SpawnHandle, WrapFuture, fut};
use futures_util::stream;

use super::CallSession;
use crate::{
    domain::{
        answer::{AnswerEvent, FailureKind, ModelFailure},
        conversation::Input,
        ids::TurnId,
        prompt::Prompt,
    },
    llm_gateway::messages::{Generate, Refused, Tokens},
};

/// How long the gateway may take to accept a question, ms: it only takes a permit and starts a
/// task. Later than that it is dead, and the caller is told at once.
const ADMISSION: Duration = Duration::from_millis(500);

/// The question that is being answered.
#[derive(Default)]
pub(super) struct Asking {
    /// The wait for the gateway, then the stream of events. Cancelling it drops the channel, which
    /// aborts the request upstream.
    task: Option<SpawnHandle>,
}

impl Asking {
    pub(super) fn stop(&mut self, ctx: &mut Context<CallSession>) {
        if let Some(task) = self.task.take() {
            ctx.cancel_future(task);
        }
    }
}

impl CallSession {
    pub(super) fn ask(
        &mut self,
        turn: TurnId,
        prompt: Prompt,
        fresh: bool,
        ctx: &mut Context<Self>,
    ) {
        self.asking.stop(ctx);
        let question = Generate { prompt, fresh, span: self.span.clone() };
        let asked = self.peers.gateway.send(question).timeout(ADMISSION);
        let task = ctx.spawn(asked.into_actor(self).map(move |answer, this, ctx| match answer {
            Ok(Ok(tokens)) => this.listen(turn, tokens, ctx),
            Ok(Err(refused)) => {
                let kind = match refused {
                    Refused::Saturated => FailureKind::Saturated,
                    Refused::Unavailable => FailureKind::Unavailable,
                };
                this.fail(turn, kind, &refused.to_string(), ctx);
            }
            Err(error) => this.fail(turn, FailureKind::Saturated, &error.to_string(), ctx),
        }));
        self.asking.task = Some(task);
    }

    fn listen(&mut self, turn: TurnId, tokens: Tokens, ctx: &mut Context<Self>) {
        let events = fut::wrap_stream::<_, Self>(until_the_end(tokens));
        let task = ctx.spawn(
            events
                .map(move |event, this: &mut Self, ctx: &mut Context<Self>| {
                    let _in = this.span.clone().entered();
                    this.happen(Input::Answer(turn, event), ctx);
                })
                .finish(),
        );
        self.asking.task = Some(task);
    }

    fn fail(&mut self, turn: TurnId, kind: FailureKind, detail: &str, ctx: &mut Context<Self>) {
        let _in = self.span.clone().entered();
        tracing::warn!("the gateway did not take a question: {detail}");
        // Who asks again at once is refused again.
        let refusal = failure(kind, detail, false);
        self.happen(Input::Answer(turn, AnswerEvent::Failed(refusal)), ctx);
    }
}

/// The events of an answer. A channel that closes before the answer is over (its task panicked)
/// reads as a failure: nothing else would end the caller's wait before the deadline.
fn until_the_end(tokens: Tokens) -> impl stream::Stream<Item = AnswerEvent> {
    stream::unfold(Some(tokens.0), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(end @ (AnswerEvent::Done(_) | AnswerEvent::Failed(_))) => Some((end, None)),
            Some(event) => Some((event, Some(receiver))),
            None => {
                let broken = failure(FailureKind::Cut, "the answer's task is gone", true);
                Some((AnswerEvent::Failed(broken), None))
            }
        }
    })
}

fn failure(kind: FailureKind, detail: &str, retryable: bool) -> ModelFailure {
    ModelFailure { kind, detail: detail.to_owned(), retryable, after: None }
}
