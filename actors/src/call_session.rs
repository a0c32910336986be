//! One call: the actor that owns its transcript, its timer and the answer being written.
//!
//! It performs what [`Conversation`] decides and tells it what happened. It outlives its line: a
//! socket that drops and returns finds it in mid-sentence. One file per partner: [`attached`] talks
//! with the line, [`answering`] with the gateway, [`recording`] with the registry.

mod answering;
mod attached;
pub mod messages;
mod observed;
mod recording;

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture,
};
use tracing::Span;

use self::{
    answering::Asking,
    attached::Mouth,
    messages::{Conclude, SessionFailed},
    recording::Outbox,
};
use crate::{
    clock::Clock,
    directory::Directory,
    domain::{
        conversation::{Conversation, Effect, Input, Rules},
        ids::{CallSid, InstanceId},
        persona::Persona,
        prompt::PromptBuilder,
        record::{CallRecord, NewCall},
        time::Timestamp,
    },
    llm_gateway::LlmGateway,
    registry::{Registry, messages::Claim, store::Claimed},
};

/// How many inputs wait in the mailbox at most. Twilio may replay 500 events after a reconnect.
pub const MAILBOX: usize = 640;

/// How long the registry may take to hand over the call, ms. The caller hears the greeting
/// meanwhile; later than that the call is held without being stored.
const CLAIM_PATIENCE: u64 = 3_000;

/// Pause before a failed claim is tried again.
const CLAIM_AGAIN: Duration = Duration::from_millis(300);

/// Whom a session talks with, and what it talks like.
#[derive(Clone)]
pub struct Peers {
    /// Keeps the call.
    pub registry: Addr<Registry>,
    /// Answers, on the session's own thread.
    pub gateway: Addr<LlmGateway>,
    /// Where sockets find the session.
    pub directory: Arc<Directory<CallSession>>,
    /// This engine.
    pub instance: InstanceId,
    /// Whose words it speaks.
    pub persona: Arc<Persona>,
    /// The persona as the model is told it.
    pub prompts: Arc<PromptBuilder>,
    /// Deadlines and bounds.
    pub rules: Rules,
}

/// One call.
pub struct CallSession {
    sid: CallSid,
    peers: Arc<Peers>,
    clock: Clock,
    /// When this session began.
    begun_at: Timestamp,
    /// Entered by every handler, carried by every question: all that is logged names the call.
    span: Span,
    /// None until the registry has answered the claim.
    talk: Option<Conversation>,
    /// What happened before that.
    early: Vec<Input>,
    mouth: Mouth,
    asking: Asking,
    outbox: Outbox,
    /// Reused: nothing is allocated for it on the path of a token.
    effects: Vec<Effect>,
    /// The one timer: when it rings, and what cancels it.
    alarm: Option<(Timestamp, actix::SpawnHandle)>,
}

impl CallSession {
    /// Starts the session of a call on this thread. It claims the call by itself.
    #[must_use]
    pub fn begin(sid: CallSid, peers: Arc<Peers>) -> Addr<Self> {
        let span = tracing::info_span!("call", call.sid = %sid);
        let clock = Clock::start();
        let session = Self {
            sid,
            peers,
            begun_at: clock.now(),
            clock,
            span,
            talk: None,
            early: Vec::new(),
            mouth: Mouth::default(),
            asking: Asking::default(),
            outbox: Outbox::default(),
            effects: Vec::new(),
            alarm: None,
        };
        session.start()
    }

    /// Asks the registry for the call, until it answers or patience is over.
    fn claim(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let patience = (self.outbox.claim_by(now + CLAIM_PATIENCE)).since(now);
        let claim = Claim { sid: self.sid, by: self.peers.instance.clone(), at: now };
        let claimed = self.peers.registry.send(claim).timeout(Duration::from_millis(patience));
        ctx.spawn(claimed.into_actor(self).map(|answer, this, ctx| {
            let _in = this.span.clone().entered();
            match answer {
                Ok(Ok(Claimed::Yours(record))) => this.take_over(*record, ctx),
                Ok(Ok(Claimed::Ended)) => {
                    tracing::warn!("a line came for a call that is over");
                    this.mouth.refuse();
                    ctx.stop();
                }
                Ok(Err(error)) => this.claim_again(&error.to_string(), ctx),
                Err(error) => this.claim_again(&error.to_string(), ctx),
            }
        }));
    }

    fn claim_again(&mut self, cause: &str, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        if self.outbox.claim_by(now) > now {
            ctx.run_later(CLAIM_AGAIN, |this, ctx| this.claim(ctx));
            return;
        }
        tracing::error!("the call is held without being stored, the registry failed: {cause}");
        let mut unknown = CallRecord::ringing(NewCall {
            sid: self.sid,
            caller: String::new(),
            called: String::new(),
            // Whether Twilio spoke a greeting is not known; two would be worse than none.
            greeting: Some(String::new()),
            at: now,
        });
        unknown.next_seq = 0;
        self.converse(unknown, ctx);
    }

    fn take_over(&mut self, record: CallRecord, ctx: &mut Context<Self>) {
        tracing::info!(epoch = record.epoch.0, "the call is held by this session");
        self.outbox.own(record.epoch, record.next_seq);
        self.converse(record, ctx);
    }

    fn converse(&mut self, record: CallRecord, ctx: &mut Context<Self>) {
        let Peers { persona, prompts, rules, .. } = &*self.peers;
        let (persona, prompts) = (Arc::clone(persona), Arc::clone(prompts));
        self.talk = Some(Conversation::new(record, persona, prompts, rules.clone()));
        for input in std::mem::take(&mut self.early) {
            self.happen(input, ctx);
        }
    }

    /// Tells the conversation what happened, and performs what it wants done.
    fn happen(&mut self, input: Input, ctx: &mut Context<Self>) {
        let Some(talk) = &mut self.talk else {
            if self.early.len() < MAILBOX {
                self.early.push(input);
            }
            return;
        };
        let mut effects = std::mem::take(&mut self.effects);
        talk.on(self.clock.now(), input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
        self.set_alarm(ctx);
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Ask { turn, prompt } => self.ask(turn, prompt, ctx),
            Effect::StopAsking => self.asking.stop(ctx),
            Effect::Silence => self.mouth.silence(ctx),
            Effect::Say { turn, text, last } => self.say(turn, text, last, ctx),
            Effect::End { handoff } => self.end_session(&handoff, ctx),
            Effect::RefuseLine => self.mouth.refuse(),
            Effect::Append(turn) => self.append(turn, ctx),
            Effect::Settle(change) => self.settle(change, ctx),
            Effect::Observe(observation) => observed::count(observation),
            Effect::Finish => self.finish(ctx),
        }
    }

    /// One timer for all deadlines. It is set anew only for an earlier one: a deadline that moves
    /// away with every token costs nothing, the alarm that rings too early just looks again.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.talk.as_ref().and_then(Conversation::next_deadline) else { return };
        if let Some((at, alarm)) = self.alarm {
            if at <= due {
                return;
            }
            ctx.cancel_future(alarm);
        }
        let wait = Duration::from_millis(due.since(self.clock.now()));
        let alarm = ctx.run_later(wait, |this, ctx| {
            this.alarm = None;
            let _in = this.span.clone().entered();
            this.happen(Input::Tick, ctx);
        });
        self.alarm = Some((due, alarm));
    }
}

impl Actor for CallSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        metrics::gauge!("switchhook_calls_live").increment(1.0);
        let _in = self.span.clone().entered();
        self.claim(ctx);
    }

    fn stopped(&mut self, ctx: &mut Self::Context) {
        metrics::gauge!("switchhook_calls_live").decrement(1.0);
        self.peers.directory.leave(self.sid, &ctx.address());
    }
}

impl Handler<SessionFailed> for CallSession {
    type Result = ();

    fn handle(&mut self, _: SessionFailed, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        self.happen(Input::SessionFailed, ctx);
    }
}

impl Handler<Conclude> for CallSession {
    type Result = ();

    fn handle(&mut self, over: Conclude, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        self.happen(Input::Concluded(over.status), ctx);
    }
}
