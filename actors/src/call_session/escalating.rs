//! The session and the EscalationManager: a person is wanted, or not any more; and what was said is
//! summed up for them.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::CallSession;
use crate::{
    domain::{
        answer::{AnswerEvent, Finish},
        conversation::Input,
        escalation::{Escalation, SUMMARY_MAX, Step},
        ids::EscalationId,
        prompt::Prompt,
    },
    escalation_manager::messages::{Advance, Escalate},
    llm_gateway::messages::Generate,
};

/// How long the manager may take to record something. The conversation goes on after two seconds;
/// what is recorded later than that still counts.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a summary may take: the bridge sentence is spoken meanwhile. Later, what stands in the
/// transcript has to do.
const SUMMARY_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of a summary that are read: its bound is in characters.
const SUMMARY_BYTES: usize = 4 * SUMMARY_MAX;

impl CallSession {
    pub(super) fn escalate(&mut self, escalation: Box<Escalation>, ctx: &mut Context<Self>) {
        let id = escalation.id;
        let order = Escalate { sid: self.sid, epoch: self.recording.epoch(), escalation };
        let asked = self.peers.escalations.send(order).timeout(PATIENCE);
        ctx.spawn(asked.into_actor(self).map(move |answer, this, ctx| {
            let _in = this.span.clone().entered();
            match answer {
                Ok(Ok(())) => this.happen(Input::Escalated(id), ctx),
                Ok(Err(error)) => tracing::error!(%error, "the hand-off goes on without a record"),
                Err(error) => tracing::error!(%error, "the hand-off goes on without a record"),
            }
        }));
    }

    /// The order is in the manager's mailbox when this returns: it is carried out though the
    /// session may be over by then.
    pub(super) fn advance(&mut self, id: EscalationId, step: Step, ctx: &mut Context<Self>) {
        let order = Advance { sid: self.sid, id, step };
        let asked = self.peers.escalations.send(order).timeout(PATIENCE);
        ctx.spawn(asked.into_actor(self).map(|answer, this, _| {
            let _in = this.span.clone().entered();
            match answer {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a step of an escalation is lost"),
                Err(error) => tracing::error!(%error, "a step of an escalation is lost"),
            }
        }));
    }

    /// A task of its own: the session may be over before the summary is written.
    pub(super) fn summarize(&mut self, id: EscalationId, prompt: Prompt) {
        let question = Generate { prompt, fresh: false, span: self.span.clone() };
        let asked = self.peers.gateway.send(question);
        let (sid, escalations) = (self.sid, std::sync::Arc::clone(&self.peers.escalations));
        actix::spawn(async move {
            let written = tokio::time::timeout(SUMMARY_PATIENCE, async {
                let mut tokens = asked.await.ok()?.ok()?.0;
                let mut summary = String::new();
                while let Some(event) = tokens.recv().await {
                    match event {
                        AnswerEvent::Token(token) if summary.len() < SUMMARY_BYTES => {
                            summary.push_str(&token);
                        }
                        AnswerEvent::Token(_) | AnswerEvent::Called(_) => {}
                        AnswerEvent::Done(Finish::Stop | Finish::Length) => return Some(summary),
                        AnswerEvent::Done(_) | AnswerEvent::Failed(_) => return None,
                    }
                }
                None
            });
            let summary = written.await.ok().flatten();
            let outcome = if summary.is_some() { "written" } else { "extracted" };
            metrics::counter!("switchhook_summaries_total", "outcome" => outcome).increment(1);
            if let Some(summary) = summary {
                let order = Advance { sid, id, step: Step::Summarized { summary } };
                // Without it the words of the transcript have to do.
                let _ = escalations.send(order).timeout(PATIENCE).await;
            }
        });
    }
}
