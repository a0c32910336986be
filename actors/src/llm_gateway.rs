//! The way to a language model: one gateway a worker thread, shared by its calls, one policy for
//! the process.
//!
//! A CallSession asks with [`Generate`] and gets the receiving end of a bounded channel. Dropping
//! it is how an answer is stopped: the request to the provider is aborted. Every answer is a task
//! of its own, so that one that panics ends no other.

mod breaker;
pub mod messages;
pub mod model;
mod policy;
mod relay;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler};
use tokio::sync::mpsc;
use tracing::Instrument;

pub use self::policy::{Patience, Policy};
use self::{
    messages::{Generate, Refused, Tokens},
    model::Model,
    relay::Relay,
};
use crate::pulse::Pulse;

/// Tokens on their way from the model to the session. More would only hide a slow caller from the
/// provider; fewer would make the two wait for each other.
const TOKENS_IN_FLIGHT: usize = 32;

/// How often it is looked whether anybody has asked. After a whole round without a question the
/// model rests: connections that nobody will use again would be kept for ever otherwise.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The gateway of one worker thread.
pub struct LlmGateway {
    /// Lives on this thread: HTTP clients cannot leave theirs.
    model: Rc<dyn Model>,
    /// The same for all gateways of the process.
    policy: Arc<Policy>,
    /// This thread's.
    pulse: Arc<Pulse>,
    look_every: Duration,
    /// Looks since the last question.
    looks: u32,
}

impl LlmGateway {
    /// A gateway to that model, on the thread of that pulse.
    pub fn new(model: Rc<dyn Model>, policy: Arc<Policy>, pulse: Arc<Pulse>) -> Self {
        Self { model, policy, pulse, look_every: LOOK_EVERY, looks: 0 }
    }

    fn look(&mut self, _: &mut Context<Self>) {
        self.looks = self.looks.saturating_add(1);
        if self.looks == 2 {
            self.model.rest();
        }
    }
}

impl Actor for LlmGateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.look_every, Self::look);
    }
}

impl Handler<Generate> for LlmGateway {
    type Result = Result<Tokens, Refused>;

    fn handle(&mut self, ask: Generate, _: &mut Self::Context) -> Self::Result {
        fail::fail_point!("gateway");
        self.looks = 0;
        let admission = self.policy.admit()?;
        let (tokens, receiver) = mpsc::channel(TOKENS_IN_FLIGHT);
        let model = Rc::clone(&self.model);
        let pulse = Arc::clone(&self.pulse);
        let relay = Relay { tokens, admission, fresh: ask.fresh, pulse };
        actix::spawn(async move { relay.run(&*model, ask.prompt).await }.instrument(ask.span));
        Ok(Tokens(receiver))
    }
}

#[cfg(test)]
mod tests;
