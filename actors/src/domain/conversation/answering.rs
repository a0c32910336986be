//! One question to the model, and what comes back: tokens, an end, a failure.
//!
//! Tokens pass the marker scanner (which keeps wishes of the model from being spoken) and the
//! speech cleaner. Whether a failed question is put again is decided here: once, and only while no
//! word of its answer was spoken.

use super::{Conversation, Effect, Observation, Rules, ending::Ending};
use crate::domain::{
    answer::{AnswerEvent, FailureKind, Finish, ModelFailure, ToolCall},
    escalation::{Grounds, MarkerScanner, ReasonCode},
    ids::TurnId,
    prompt::{ESCALATE_TOOL, Message, Prompt, Speaker, Tools},
    speech::Speech,
    time::{Millis, Timestamp},
    transcript::Reason,
};

/// How long the first word waits for the caller's words to be durable, ms. Longer than a slow
/// disk takes, shorter than a caller waits without wondering.
const SAVE_PATIENCE: Millis = 1_000;

/// Before a failed question is put again, ms, unless the provider says when: a server that has just
/// refused is not helped by a second request in the same instant.
const RETRY_PAUSE: Millis = 250;

/// What is usually held back of a token until the next one is there, bytes: a space, a mark.
const HELD_BACK: usize = 8;

/// The longest answer, bytes: an hour of speech, which no caller listens to. A model that writes on
/// without end is stopped there as by its own limit.
const ANSWER_MAX: usize = 64 * 1024;

/// How often a tool that was called wrongly is explained to the model within a turn.
const TOOL_ROUNDS_MAX: u8 = 3;

/// An answer that is being written, or waits to be spoken.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) turn: TurnId,
    pub(super) asked_at: Timestamp,
    /// The model is not too late before: what it wrote while the engine stood still comes yet.
    pub(super) excused_until: Timestamp,
    /// What the model wrote, bytes.
    length: usize,
    /// When the model wrote last.
    token_at: Option<Timestamp>,
    /// When the first word was sent.
    pub(super) spoken_at: Option<Timestamp>,
    /// Whether its talk cycle is open on the line there is: a session that failed took it along.
    pub(super) cycle_open: bool,
    /// When it was last stored as far as it went.
    pub(super) kept_at: Timestamp,
    /// How much of it was stored then, bytes of what was said under its turn.
    pub(super) kept: usize,
    /// Whether its words may be spoken: the caller's are durable, or were waited for long enough.
    pub(super) released: bool,
    /// Fit for speech, and waiting for that.
    pub(super) held: String,
    /// Whether a letter or digit has come out of it.
    pub(super) worded: bool,
    /// How it ended, once the model is done with it.
    pub(super) ending: Option<Ending>,
    pub(super) markers: MarkerScanner,
    pub(super) speech: Speech,
    /// When the question is put again; nothing is expected of the model before.
    again_at: Option<Timestamp>,
    /// The one retry was used.
    retried: bool,
    /// The one new connection for a stale one was used.
    reconnected: bool,
    /// How often a filler covered the wait for it.
    pub(super) fillers: u8,
    /// What the model was offered besides speaking.
    pub(super) tools: Tools,
    /// The person whom it called for with a tool.
    pub(super) wanted: Option<Grounds>,
    /// A tool that it called and that cannot be followed, with what it is told about it.
    pub(super) misused: Option<(ToolCall, &'static str)>,
    /// What it was told in earlier rounds of this turn.
    trail: Vec<Message>,
    tool_rounds: u8,
}

impl Answer {
    fn new(turn: TurnId, now: Timestamp, released: bool, tools: Tools, language: &str) -> Self {
        Self {
            turn,
            asked_at: now,
            excused_until: now,
            length: 0,
            token_at: None,
            spoken_at: None,
            cycle_open: false,
            kept_at: now,
            kept: 0,
            released,
            held: String::new(),
            worded: false,
            ending: None,
            markers: MarkerScanner::default(),
            speech: Speech::new(language),
            again_at: None,
            retried: false,
            reconnected: false,
            fillers: 0,
            tools,
            wanted: None,
            misused: None,
            trail: Vec::new(),
            tool_rounds: 0,
        }
    }

    /// Whether the model can still be told that it called a tool wrongly.
    fn may_explain(&self) -> bool {
        !self.has_spoken() && !self.worded && self.tool_rounds < TOOL_ROUNDS_MAX
    }

    /// A person who was called for in a way that cannot be read, and will not be: the tool's name
    /// alone says what counts. Arguments that the token limit cut would be cut again.
    pub(super) fn called_somehow(&self, finish: Finish) -> Option<Grounds> {
        let for_good = finish == Finish::Length || !self.may_explain();
        let (call, _) = self.misused.as_ref().filter(|_| for_good)?;
        (call.name == ESCALATE_TOOL).then(|| Grounds::new(ReasonCode::Other, ""))
    }

    /// Whether a word of it was sent.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken_at.is_some()
    }

    /// Whether nothing of it is there yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.ending.is_none() && !self.has_spoken() && self.held.is_empty()
    }

    /// When the model is too late, and with what.
    fn overdue_at(&self, rules: &Rules) -> (Timestamp, Reason) {
        let token = match self.token_at {
            None => (self.asked_at + rules.first_token, Reason::FirstTokenTimeout),
            Some(at) => (at + rules.token_gap, Reason::Stalled),
        };
        let turn = (self.asked_at + rules.turn, Reason::TurnTimeout);
        let (at, reason) = if turn.0 <= token.0 { turn } else { token };
        (at.max(self.excused_until), reason)
    }

    /// When the first word waits no longer for the caller's words to be durable.
    fn released_at(&self) -> Timestamp {
        (self.asked_at + SAVE_PATIENCE).max(self.excused_until)
    }

    /// The engine stood still: what came meanwhile has not been looked at.
    pub(super) fn excuse(&mut self, until: Timestamp) {
        self.excused_until = until;
    }

    /// When the question is worth another try after this failure. A stale connection is replaced at
    /// once; anything else is tried again once, as long as the first token can still be in time.
    fn try_again_at(
        &mut self,
        now: Timestamp,
        failure: &ModelFailure,
        rules: &Rules,
    ) -> Option<Timestamp> {
        if self.has_spoken() || !failure.retryable {
            return None;
        }
        if failure.kind == FailureKind::Dropped && !std::mem::replace(&mut self.reconnected, true) {
            return Some(now);
        }
        if std::mem::replace(&mut self.retried, true) {
            return None;
        }
        let at = now + failure.after.unwrap_or(RETRY_PAUSE);
        (at < (self.asked_at + rules.first_token).max(self.excused_until)).then_some(at)
    }

    /// Forgets what the first attempt wrote: nothing of it was spoken.
    fn begin_anew(&mut self, at: Timestamp, language: &str) {
        self.again_at = Some(at);
        self.length = 0;
        self.token_at = None;
        self.held.clear();
        self.worded = false;
        (self.wanted, self.misused) = (None, None);
        self.markers = MarkerScanner::default();
        self.speech = Speech::new(language);
    }
}

impl Conversation {
    /// Puts the conversation to the model. `released`: the caller's words are durable already.
    pub(super) fn ask(&mut self, now: Timestamp, released: bool, effects: &mut Vec<Effect>) {
        self.ask_with(now, released, Tools::Escalate, effects);
    }

    pub(super) fn ask_with(
        &mut self,
        now: Timestamp,
        released: bool,
        tools: Tools,
        effects: &mut Vec<Effect>,
    ) {
        self.answer = Some(Answer::new(self.turn, now, released, tools, &self.rules.language));
        self.put(false, effects);
    }

    /// Puts the question of the answer that is awaited to the model.
    fn put(&mut self, again: bool, effects: &mut Vec<Effect>) {
        let Some(answer) = &self.answer else { return };
        let window = self.prompts.window(&self.transcript, self.rules.history_tokens);
        let mut messages = window.messages;
        messages.extend(answer.trail.iter().cloned());
        let prompt = Prompt { messages, tools: answer.tools };
        effects.push(Effect::Ask { turn: answer.turn, prompt, again });
    }

    fn ask_again(&mut self, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        answer.again_at = None;
        effects.push(Effect::Observe(Observation::AskedAgain));
        self.put(true, effects);
    }

    /// The model calls a tool. What it wishes counts when its answer is over.
    fn called(&mut self, call: ToolCall, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        let (label, told) = if call.name != ESCALATE_TOOL {
            ("unknown", "error: there is no such tool")
        } else if let Ok(grounds) = Grounds::from_arguments(&call.arguments) {
            answer.wanted.get_or_insert(grounds);
            return;
        } else {
            ("malformed", "error: the arguments must be a JSON object with a reason in words")
        };
        effects.push(Effect::Observe(Observation::CallRefused(label)));
        answer.misused.get_or_insert((call, told));
    }

    /// The answer is over, and a tool was called wrongly: the model is told so and asked once more
    /// while nothing was spoken, else what it said has to do.
    pub(super) fn answer_misuse(
        &mut self,
        now: Timestamp,
        words: String,
        effects: &mut Vec<Effect>,
    ) {
        let Some(answer) = &mut self.answer else { return };
        let Some((call, told)) = answer.misused.take() else { return };
        if !answer.may_explain() {
            return self.break_down(now, words, Reason::Garbage, effects);
        }
        answer.tool_rounds += 1;
        answer.trail.push(Message::about(Speaker::Assistant, "", call.clone()));
        answer.trail.push(Message::about(Speaker::Tool, told, call));
        answer.begin_anew(now, &self.rules.language);
        answer.again_at = None;
        self.put(false, effects);
    }

    pub(super) fn saved(&mut self, now: Timestamp, turn: TurnId, effects: &mut Vec<Effect>) {
        if self.answer.as_ref().is_some_and(|answer| answer.turn == turn && !answer.released) {
            self.release(now, effects);
        }
    }

    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        turn: TurnId,
        event: AnswerEvent,
        effects: &mut Vec<Effect>,
    ) {
        let expected = |answer: &Answer| {
            answer.turn == turn && answer.ending.is_none() && answer.again_at.is_none()
        };
        if !self.answer.as_ref().is_some_and(expected) {
            return;
        }
        if self.answer.as_ref().is_some_and(|answer| answer.tools == Tools::Stay) {
            return self.pleaded(now, event, effects);
        }
        match event {
            AnswerEvent::Token(token) => self.token(now, &token, effects),
            AnswerEvent::Called(call) => self.called(call, effects),
            AnswerEvent::Done(finish) => self.written(now, finish, effects),
            AnswerEvent::Failed(failure) => self.failed(now, &failure, effects),
        }
    }

    fn token(&mut self, now: Timestamp, token: &str, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        let unmarked = &mut self.unmarked;
        unmarked.clear();
        answer.token_at = Some(now);
        answer.length += token.len();
        if answer.length > ANSWER_MAX {
            effects.push(Effect::StopAsking);
            return self.written(now, Finish::Length, effects);
        }
        answer.markers.push(token, unmarked);
        // The words leave with their effect: room for them at once, and for what was held back.
        let mut words = String::with_capacity(token.len() + HELD_BACK);
        answer.speech.push(unmarked, &mut words);
        // The wish for a person is known with the end of its line: nothing behind it is spoken.
        let wished = answer.markers.is_over() && answer.markers.wish().is_some();
        if !words.is_empty() {
            self.utter(now, words, effects);
            self.keep(now, effects);
        }
        if wished {
            effects.push(Effect::StopAsking);
            self.written(now, Finish::Stop, effects);
        }
    }

    fn failed(&mut self, now: Timestamp, failure: &ModelFailure, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        // What it wished for is known: asking again could only lose that.
        let wished = answer.wanted.is_some() || answer.markers.is_over();
        match answer.try_again_at(now, failure, &self.rules).filter(|_| !wished) {
            Some(at) => answer.begin_anew(at, &self.rules.language),
            None => self.fail(now, failure.kind.into(), effects),
        }
    }

    /// The next moment at which something about the answer is due.
    pub(super) fn answer_deadline(&self) -> Option<Timestamp> {
        let answer = self.answer.as_ref()?;
        let writing = answer.ending.is_none().then(|| answer.overdue_at(&self.rules).0);
        let again = answer.again_at.filter(|_| answer.ending.is_none());
        let release = (!answer.released).then(|| answer.released_at());
        [writing, release, again, self.filler_at(), self.keep_at()].into_iter().flatten().min()
    }

    pub(super) fn pass_answer_deadlines(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &self.answer else { return };
        let (overdue, reason) = answer.overdue_at(&self.rules);
        if answer.ending.is_none() && overdue <= now {
            self.fail(now, reason, effects);
        } else if answer.ending.is_none() && answer.again_at.is_some_and(|at| at <= now) {
            self.ask_again(effects);
        }
        let waits = |answer: &Answer| !answer.released && answer.released_at() <= now;
        if self.answer.as_ref().is_some_and(waits) {
            effects.push(Effect::Observe(Observation::Unsaved));
            self.release(now, effects);
        }
        if self.filler_at().is_some_and(|at| at <= now) {
            self.fill(now, effects);
        }
        self.keep(now, effects);
    }
}

impl From<FailureKind> for Reason {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Cut => Self::Cut,
            FailureKind::Garbage => Self::Garbage,
            _ => Self::ModelFailed,
        }
    }
}
