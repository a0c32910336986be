//! One call: the actor that owns its transcript, its timer and the answer being written.
//!
//! It performs what [`Conversation`] decides and tells it what happened. It outlives its line: a
//! socket that drops and returns finds it in mid-sentence. One file per partner: [`attached`] talks
//! with the line, [`answering`] with the gateway, [`claiming`], [`recording`] and [`late`] with the
//! registry, [`contesting`] with another engine's claim, [`escalating`] with the EscalationManager;
//! [`orders`] come from outside.
//! A fault in one ends that session alone: its line is closed, and the next session goes on.

mod answering;
mod attached;
mod claiming;
mod contesting;
mod early;
mod escalating;
mod late;
pub mod messages;
mod observed;
pub mod orders;
mod outbox;
mod presence;
mod receipts;
mod recording;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Addr, AsyncContext, Context, Handler, MailboxError};
use tracing::Span;

use self::{
    answering::Asking,
    attached::Mouth,
    claiming::Claiming,
    early::Early,
    messages::{Conclude, HandedOver, LetGo, MoveAway, SessionFailed},
    presence::Presence,
    recording::Recording,
};
use crate::{
    clock::Clock,
    directory::Directory,
    domain::{
        conversation::{Conversation, Effect, Input, Rules},
        ids::{CallSid, InstanceId},
        persona::Persona,
        prompt::PromptBuilder,
        record::CallRecord,
        time::{Millis, Timestamp},
    },
    escalation_manager::{EscalationManager, Outlook},
    keeper::Keeper,
    llm_gateway::LlmGateway,
    pulse::Pulse,
    registry::{Registry, store::StoreError},
};

/// How many inputs wait in the mailbox at most. Twilio may replay 500 events after a reconnect.
pub const MAILBOX: usize = 640;

/// A timer that rings so much too late, ms, did so because the thread stood still.
const OVERSLEPT: Millis = 1_000;

/// Whom a session talks with, and what it talks like.
#[derive(Clone)]
pub struct Peers {
    /// Keeps the call.
    pub registry: Arc<Keeper<Registry>>,
    /// Answers, on the session's own thread.
    pub gateway: Arc<Keeper<LlmGateway>>,
    /// Records that a person is wanted.
    pub escalations: Arc<Keeper<EscalationManager>>,
    /// How long callers wait for a person.
    pub outlook: Arc<Outlook>,
    /// Where sockets find the session.
    pub directory: Arc<Directory<CallSession>>,
    /// This engine.
    pub instance: InstanceId,
    /// Whether the session's thread has stood still.
    pub pulse: Arc<Pulse>,
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
    /// Entered by every handler, carried by every question: all that is logged names the call.
    span: Span,
    /// None until the registry has answered the claim.
    talk: Option<Conversation>,
    /// What happened before that.
    early: Early,
    mouth: Mouth,
    asking: Asking,
    claiming: Claiming,
    recording: Recording,
    /// Its place in the directory; None once it has left.
    presence: Option<Presence>,
    /// It had a fault: what it knows is not to be relied on, and nothing is done any more but to
    /// store what waits.
    broken: bool,
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
            clock,
            span,
            talk: None,
            early: Early::default(),
            mouth: Mouth::default(),
            asking: Asking::default(),
            claiming: Claiming::default(),
            recording: Recording::default(),
            presence: None,
            broken: false,
            effects: Vec::new(),
            alarm: None,
        };
        session.start()
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
        // A context that is dropped by a panic handles its mailbox once more: a second panic then
        // would end the process.
        if self.broken || std::thread::panicking() {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| self.step(input, ctx))).is_err() {
            self.break_off(ctx);
        }
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        fail::fail_point!(
            "session",
            matches!(&input, Input::Relay(crate::domain::relay::Inbound::Prompt(_))),
            |_| ()
        );
        let Some(talk) = &mut self.talk else {
            return self.early.push(input);
        };
        talk.expect_wait(self.peers.outlook.expected_wait());
        let mut effects = std::mem::take(&mut self.effects);
        let now = self.clock.now();
        if self.alarm.is_some_and(|(at, _)| now.since(at) >= OVERSLEPT) {
            talk.on(now, Input::StoodStill, &mut effects);
        }
        talk.on(now, input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(effect, ctx);
        }
        self.effects = effects;
        self.set_alarm(ctx);
    }

    /// Another engine has held the call meanwhile: what is known here is forgotten, and the call is
    /// claimed as by a new session.
    fn begin_anew(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!("another engine has held the call meanwhile: it is claimed anew");
        metrics::counter!("switchhook_lines_total", "event" => "reclaimed").increment(1);
        self.forget(ctx);
        self.keep_late();
        self.recording.begin_anew();
        self.claiming = Claiming::default();
        self.claim(ctx);
    }

    /// What was said, asked and waited for is another session's.
    fn forget(&mut self, ctx: &mut Context<Self>) {
        self.talk = None;
        self.early = Early::default();
        self.asking.stop(ctx);
        self.mouth.forget(ctx);
    }

    /// This session is at its end, its call is not: the line is closed at once, Twilio brings the
    /// caller back, and a new session goes on from what is stored.
    fn break_off(&mut self, ctx: &mut Context<Self>) {
        tracing::error!("a fault ends this session; the call goes on with the next one");
        self.broken = true;
        self.talk = None;
        self.early = Early::default();
        self.effects = Vec::new();
        self.asking.stop(ctx);
        self.mouth.break_off();
        self.presence = None;
        self.recording.claim_no_more();
        self.finish(ctx);
        self.write(ctx);
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Ask { turn, prompt, again } => self.ask(turn, prompt, again, ctx),
            Effect::StopAsking => self.asking.stop(ctx),
            Effect::Silence => self.mouth.silence(ctx),
            Effect::Say { turn, text, last } => self.say(turn, text, last, ctx),
            Effect::Escalate(escalation) => self.escalate(escalation, ctx),
            Effect::Advance { id, step } => self.advance(id, step, ctx),
            Effect::Summarize { id, prompt } => self.summarize(id, prompt),
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
        let alarm = ctx.run_later(wait, move |this, ctx| {
            let _in = this.span.clone().entered();
            this.alarm = None;
            let overslept = this.clock.now().since(due) >= OVERSLEPT;
            this.happen(if overslept { Input::StoodStill } else { Input::Tick }, ctx);
        });
        self.alarm = Some((due, alarm));
    }
}

/// What the registry answers, if it does.
type Answer<T> = Result<Result<T, StoreError>, MailboxError>;

/// The same, or why there is none.
fn heard<T>(answer: Answer<T>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

impl Actor for CallSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let directory = Arc::clone(&self.peers.directory);
        self.presence = Some(Presence::new(self.sid, ctx.address(), directory));
        let _in = self.span.clone().entered();
        self.claim(ctx);
    }
}

impl Handler<SessionFailed> for CallSession {
    type Result = ();

    fn handle(&mut self, failed: SessionFailed, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        if self.talk.is_none() && self.mouth.came_behind(failed.failure, self.clock.now()) {
            // What is told so late is about the session before this line.
            self.early.extend([Input::FailedBefore(failed.failure), Input::Attached]);
            return;
        }
        if self.talk.is_none() {
            self.mouth.refuse();
        }
        self.happen(Input::SessionFailed(failed.failure), ctx);
    }
}

impl Handler<Conclude> for CallSession {
    type Result = ();

    fn handle(&mut self, over: Conclude, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        self.happen(Input::Concluded(over.status), ctx);
    }
}

impl Handler<HandedOver> for CallSession {
    type Result = ();

    fn handle(&mut self, _: HandedOver, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        self.happen(Input::HandedOver, ctx);
    }
}

impl Handler<MoveAway> for CallSession {
    type Result = ();

    fn handle(&mut self, _: MoveAway, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        self.happen(Input::Move, ctx);
    }
}

impl Handler<LetGo> for CallSession {
    type Result = ();

    fn handle(&mut self, _: LetGo, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        // A close in good order would end the call.
        self.mouth.break_off();
        self.happen(Input::LetGo, ctx);
    }
}
