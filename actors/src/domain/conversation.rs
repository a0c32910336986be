//! The turn machine: every decision about a call, and nothing else.
//!
//! It is told what happened and when ([`Input`]), and says what shall be done ([`Effect`]). The
//! CallSession actor performs; it never decides. Rules that hold in every order of events:
//! no word of an old turn is spoken, every talk cycle that was opened is closed exactly once,
//! the transcript holds what was heard, and every caller turn has an answer or a reason.

mod answering;
mod closing;
mod ending;
mod escalating;
mod listening;
mod losing;
mod moving;
mod opening;
mod quiet;
mod replaying;
mod resuming;
mod speaking;

use std::sync::Arc;

use self::{
    answering::Answer,
    closing::{Closing, Exit},
    escalating::Escalating,
    losing::Losses,
    opening::Opening,
    quiet::Quiet,
    replaying::Replays,
};
use super::{
    answer::AnswerEvent,
    digits::Keys,
    escalation::{Escalation, Grounds, ReasonCode, Step},
    ids::{CallSid, Epoch, EscalationId, TurnId},
    persona::Persona,
    playback::Playback,
    prompt::{Prompt, PromptBuilder},
    record::{CallRecord, Change, Failure, Status},
    relay::Inbound,
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Transcript, Turn},
};

/// Deadlines and bounds of a conversation, from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// From the question to the first token, ms.
    pub first_token: Millis,
    /// Between two tokens, ms.
    pub token_gap: Millis,
    /// From the question to the end of the answer, ms.
    pub turn: Millis,
    /// From the question to a word that covers the gap, ms; above `first_token`: never.
    pub filler: Millis,
    /// From the end of what was spoken until the caller is asked whether they are there, ms.
    pub silence: Millis,
    /// From the beginning of the call to its polite end, ms.
    pub max_call: Millis,
    /// Caller turns, and then the polite end.
    pub max_turns: u32,
    /// How long a call without a line waits for one, ms.
    pub line_grace: Millis,
    /// What of the conversation a prompt may hold, in tokens (bytes / 3).
    pub history_tokens: usize,
    /// Language of the voice, BCP-47: decides how figures are spelt out.
    pub language: String,
    /// Whether there is a desk with people: a queue, or a number to dial. Else a message is taken.
    pub has_people: bool,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The call has a line: its first, a new one, or its first on this engine.
    Attached,
    /// This engine stood still until just now: what the caller said meanwhile may be lost.
    StoodStill,
    /// Twilio said something.
    Relay(Inbound),
    /// The line is gone. `clean`: Twilio closed it in good order.
    LineLost {
        /// Whether a close frame came first.
        clean: bool,
    },
    /// Twilio gave the session up, and connects the call anew. What its voice had not spoken is gone.
    SessionFailed(Failure),
    /// A line is about to come whose address says the same: news where another engine was told.
    FailedBefore(Failure),
    /// A line is about to come, and the record has it that Twilio gave that session up.
    FailureNoted(Failure),
    /// The caller's words of that turn are durable.
    Saved(TurnId),
    /// The model wrote, finished or failed.
    Answer(TurnId, AnswerEvent),
    /// A supervisor wants a person to take the call.
    Ordered(Grounds),
    /// The escalation is recorded.
    Escalated(EscalationId),
    /// Twilio was told where the caller goes: this session has no more part in the call.
    HandedOver,
    /// This engine is to stop: another one shall have the call, at the next pause in the talk.
    Move,
    /// This engine stops: another one has the call from here on, wherever the talk is.
    LetGo,
    /// The call is over, on the word of a webhook.
    Concluded(Status),
    /// Another engine owns the call now.
    Fenced,
    /// A deadline may have passed.
    Tick,
}

/// Something shall be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask the model; its events come back under this turn.
    Ask {
        /// The turn to be answered.
        turn: TurnId,
        /// What the model is told.
        prompt: Prompt,
        /// Whether it was asked before: then not on the connection that may have failed.
        again: bool,
    },
    /// Abort the question to the model.
    StopAsking,
    /// Forget the words that have not reached the line yet: their turn is not spoken any more.
    Silence,
    /// Words for the voice.
    Say {
        /// Whose turn: the line drops words of a silenced one.
        turn: TurnId,
        /// The words, ready for speech; may be empty when `last`.
        text: String,
        /// Closes the talk cycle.
        last: bool,
    },
    /// Record an escalation; [`Input::Escalated`] is the answer.
    Escalate(Box<Escalation>),
    /// Something happened to it.
    Advance {
        /// Which.
        id: EscalationId,
        /// What.
        step: Step,
    },
    /// Have what was said summed up for the person who takes the call.
    Summarize {
        /// For which escalation.
        id: EscalationId,
        /// What the model is told.
        prompt: Prompt,
    },
    /// End the ConversationRelay session with this `handoffData`.
    End {
        /// JSON in a string.
        handoff: String,
    },
    /// Close the line: what it says is not about this call.
    RefuseLine,
    /// Make a turn durable.
    Append(Turn),
    /// Change the record besides its turns.
    Settle(Change),
    /// Count something.
    Observe(Observation),
    /// The session is over; nothing follows.
    Finish,
}

/// What is worth counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// The first token of an answer was spoken this long after the question, ms.
    FirstToken(Millis),
    /// The caller cut in; whether the place was found in our words.
    Interrupted {
        /// Found, or estimated.
        located: bool,
    },
    /// An answer is over.
    Answered {
        /// Why it is not whole; None for a whole one.
        reason: Option<Reason>,
    },
    /// The caller's words were not durable in time; the answer was spoken all the same.
    Unsaved,
    /// A person was asked for.
    Escalated(ReasonCode),
    /// The caller took the wish for a person back.
    Stayed,
    /// The caller left a message.
    MessageTaken,
    /// The model called a tool in a way that cannot be followed: `unknown` or `malformed`.
    CallRefused(&'static str),
    /// A question was put to the model again.
    AskedAgain,
    /// A filler covered the wait for an answer.
    Filled,
    /// The caller said nothing and was asked about it: after a `silence`, or an `interrupt`.
    Reprompted(&'static str),
    /// A message came that has no meaning now.
    Ignored(&'static str),
}

/// One call, as a pure state machine.
#[derive(Debug)]
pub struct Conversation {
    sid: CallSid,
    epoch: Epoch,
    persona: Arc<Persona>,
    prompts: Arc<PromptBuilder>,
    rules: Rules,
    /// When the call began, on whichever engine.
    started_at: Timestamp,
    transcript: Transcript,
    playback: Playback,
    /// The exchange that is going on; the greeting is 0.
    turn: TurnId,
    /// The answer that is being written or waits to be spoken.
    answer: Option<Answer>,
    /// What the caller has pressed since they said something last.
    keys: Keys,
    /// How long nobody has spoken, and what was done about it.
    quiet: Quiet,
    /// What is still to be said when the line can carry it.
    opening: Opening,
    /// What Twilio was told to say first.
    greeting: Option<String>,
    /// Whether anybody's name is known: a call that no webhook opened learns it from `setup`.
    identified: bool,
    /// When the last line came.
    attached_at: Option<Timestamp>,
    /// When it was lost, and whether in good order.
    line_lost: Option<(Timestamp, bool)>,
    /// When it was noticed last that the engine had stood still.
    stood_still: Option<Timestamp>,
    /// How the call is being brought to its end, once it is.
    closing: Closing,
    /// What is known of a person who shall take the call.
    escalating: Escalating,
    /// Since when another engine shall have the call.
    moving: Option<Timestamp>,
    /// The call came from another engine, and its caller has heard nothing of that.
    moved: bool,
    /// What the caller has done of late: Twilio may tell it once more.
    replays: Replays,
    /// Nothing was said or done yet about what a session before this one left.
    inherits: bool,
    /// What is known of sessions that Twilio gave up.
    losses: Losses,
    /// The sessions of the call keep being lost, and nobody was sought for that yet.
    keeps_failing: bool,
    /// What came out of the markers: reused for every token.
    unmarked: String,
}

impl Conversation {
    /// A conversation from what the registry knows: at its beginning, or taken over.
    #[must_use]
    pub fn new(
        record: CallRecord,
        persona: Arc<Persona>,
        prompts: Arc<PromptBuilder>,
        rules: Rules,
    ) -> Self {
        Self {
            sid: record.sid,
            epoch: record.epoch,
            escalating: Escalating::of(&record, &persona),
            persona,
            prompts,
            rules,
            started_at: record.started_at,
            turn: record.transcript.last_id(),
            opening: Opening::of(&record),
            moved: record.was_moved(),
            replays: Replays::of(&record.transcript),
            inherits: true,
            losses: Losses::of(&record),
            keeps_failing: resuming::keeps_failing(&record),
            greeting: record.greeting,
            identified: !record.caller.is_empty(),
            transcript: record.transcript,
            playback: Playback::default(),
            answer: None,
            keys: Keys::default(),
            quiet: Quiet::default(),
            attached_at: None,
            line_lost: None,
            stood_still: None,
            closing: Closing::No,
            moving: None,
            unmarked: String::new(),
        }
    }

    /// What has been said so far.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Takes what happened and appends to `effects` what shall be done, in order.
    pub fn on(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        if self.closing.is_over() {
            return;
        }
        match input {
            Input::Attached => self.attached(now, effects),
            Input::StoodStill => self.stand_still(now),
            Input::Relay(message) => self.hear(now, message, effects),
            Input::LineLost { clean } => self.lose_line(now, clean, effects),
            Input::SessionFailed(failure) => self.lose_session(now, failure, effects),
            Input::FailedBefore(failure) => self.learn_of_failure(now, failure, effects),
            Input::FailureNoted(failure) => self.read_of_failure(now, failure, effects),
            Input::Saved(turn) => self.saved(now, turn, effects),
            Input::Answer(turn, event) => self.answered(now, turn, event, effects),
            Input::Ordered(grounds) => self.ordered(now, grounds, effects),
            Input::Escalated(id) => self.escalating.recorded(id),
            Input::HandedOver => self.part(now, effects),
            Input::Move => self.moving = self.moving.or(Some(now)),
            Input::LetGo => self.let_go(now, effects),
            Input::Concluded(status) => self.conclude(now, Some(status), effects),
            Input::Fenced => self.fall_silent(effects),
            Input::Tick => {}
        }
        self.pass_deadlines(now, effects);
    }

    /// When [`Input::Tick`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.closing.is_over() {
            return None;
        }
        let grace = self.line_lost.map(|(at, _)| at + self.rules.line_grace);
        let deadlines = [
            self.opening.deadline(),
            self.answer_deadline(),
            self.keys.deadline(),
            self.quiet_deadline(),
            self.limit_at(),
            self.closing_deadline(),
            self.move_at(),
            grace,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Does what is due by now.
    fn pass_deadlines(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.closing.is_over() {
            return;
        }
        if self.opening.deadline().is_some_and(|at| at <= now) {
            self.open(now, effects);
        }
        if self.keys.deadline().is_some_and(|at| at <= now) {
            self.take_keys(now, effects);
        }
        self.pass_answer_deadlines(now, effects);
        self.pass_quiet_deadlines(now, effects);
        self.pass_closing_deadlines(now, effects);
        if self.move_at().is_some_and(|at| at <= now) {
            self.end_session(now, Exit::Engine, effects);
        }
    }

    /// Notes a turn, here and durably.
    fn record(&mut self, turn: Turn, effects: &mut Vec<Effect>) {
        self.transcript.put(turn.clone());
        effects.push(Effect::Append(turn));
    }

    /// Changes a turn that is known already.
    fn amend(
        &mut self,
        id: TurnId,
        role: Role,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Turn),
    ) {
        if let Some(turn) = self.transcript.get(id, role) {
            let mut turn = turn.clone();
            change(&mut turn);
            self.record(turn, effects);
        }
    }
}

#[cfg(test)]
mod tests;
