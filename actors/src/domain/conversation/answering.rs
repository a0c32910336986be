//! One answer, from the question to its last word.
//!
//! Tokens pass the marker scanner (which keeps wishes of the model from being spoken) and the
//! speech cleaner. The first spoken word waits until the caller's words are durable, which runs
//! beside the model's own time to the first token.

use super::{Conversation, Effect, Observation, Rules, closing::Closing};
use crate::domain::{
    answer::AnswerEvent,
    escalation::{MarkerScanner, Wish},
    ids::TurnId,
    playback::Cut,
    record::Change,
    speech::Speech,
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

/// How long the first word waits for the caller's words to be durable, ms. Longer than a slow
/// disk takes, shorter than a caller waits without wondering.
const SAVE_PATIENCE: Millis = 1_000;

/// How often an answer in the making is stored, ms: what a successor may have to say again.
const KEEP_EVERY: Millis = 1_000;

/// An answer that is being written, or waits to be spoken.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) turn: TurnId,
    asked_at: Timestamp,
    /// When the model wrote last.
    token_at: Option<Timestamp>,
    /// When the first word was sent; the talk cycle is open since then.
    spoken_at: Option<Timestamp>,
    /// When it was last stored as far as it went.
    kept_at: Timestamp,
    /// Whether its words may be spoken: the caller's are durable, or were waited for long enough.
    released: bool,
    /// Fit for speech, and waiting for that.
    held: String,
    /// Whether a letter or digit has come out of it.
    worded: bool,
    /// How it ended, once the model is done with it.
    ending: Option<Ending>,
    markers: MarkerScanner,
    speech: Speech,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reason: Option<Reason>,
    goodbye: bool,
}

impl Answer {
    fn new(turn: TurnId, now: Timestamp, released: bool, language: &str) -> Self {
        Self {
            turn,
            asked_at: now,
            token_at: None,
            spoken_at: None,
            kept_at: now,
            released,
            held: String::new(),
            worded: false,
            ending: None,
            markers: MarkerScanner::default(),
            speech: Speech::new(language),
        }
    }

    /// Whether a word of it was sent.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken_at.is_some()
    }

    /// The next moment at which something about it is overdue.
    pub(super) fn deadline(&self, rules: &Rules) -> Timestamp {
        let writing = self.ending.is_none().then(|| self.overdue_at(rules).0);
        let release = (!self.released).then(|| self.asked_at + SAVE_PATIENCE);
        [writing, release].into_iter().flatten().min().unwrap_or(self.asked_at + rules.turn)
    }

    /// When the model is too late, and with what.
    fn overdue_at(&self, rules: &Rules) -> (Timestamp, Reason) {
        let token = match self.token_at {
            None => (self.asked_at + rules.first_token, Reason::FirstTokenTimeout),
            Some(at) => (at + rules.token_gap, Reason::Stalled),
        };
        let turn = (self.asked_at + rules.turn, Reason::TurnTimeout);
        if turn.0 <= token.0 { turn } else { token }
    }
}

impl Conversation {
    /// Puts the conversation to the model. `released`: the caller's words are durable already.
    pub(super) fn ask(&mut self, now: Timestamp, released: bool, effects: &mut Vec<Effect>) {
        let prompt = self.prompts.window(&self.transcript, self.rules.history_tokens);
        self.answer = Some(Answer::new(self.turn, now, released, &self.rules.language));
        effects.push(Effect::Ask { turn: self.turn, prompt });
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
        let expected = |answer: &Answer| answer.turn == turn && answer.ending.is_none();
        if !self.answer.as_ref().is_some_and(expected) {
            return;
        }
        match event {
            AnswerEvent::Token(token) => self.token(now, &token, effects),
            AnswerEvent::Done(_) => self.written(now, effects),
            AnswerEvent::Failed(_) => self.fail(now, Reason::ModelFailed, effects),
        }
    }

    fn token(&mut self, now: Timestamp, token: &str, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        let [unmarked, words] = &mut self.scratch;
        unmarked.clear();
        answer.token_at = Some(now);
        answer.markers.push(token, unmarked);
        answer.speech.push(unmarked, words);
        if !words.is_empty() {
            let words = std::mem::take(words);
            self.utter(now, words, effects);
            self.keep(now, effects);
        }
    }

    /// The model has written its last token.
    fn written(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        let (mut unmarked, mut words) = (String::new(), String::new());
        answer.markers.finish(&mut unmarked);
        answer.speech.push(&unmarked, &mut words);
        answer.speech.finish(&mut words);
        let worded = answer.worded || has_word(&words);
        let mut ending = Ending { reason: None, goodbye: false };
        match answer.markers.wish() {
            Some(Wish::Escalate { reason }) => {
                effects.push(Effect::Settle(Change::Escalation { reason }));
                effects.push(Effect::Observe(Observation::EscalationWish));
                append_phrase(&mut words, worded, &self.persona.escalation);
            }
            Some(Wish::EndCall) => {
                ending.goodbye = true;
                if !worded {
                    words.push_str(&self.persona.goodbye);
                }
            }
            None if !worded => {
                ending.reason = Some(Reason::Empty);
                append_phrase(&mut words, false, &self.persona.apology);
            }
            None => {}
        }
        self.end_answer(now, words, ending, effects);
    }

    /// The answer will not come, or not to its end. What was said stands; it never starts again.
    fn fail(&mut self, now: Timestamp, reason: Reason, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        effects.push(Effect::StopAsking);
        let mut words = String::new();
        // What the marker scanner still holds may be half a marker: that is never spoken.
        answer.speech.finish(&mut words);
        let worded = answer.worded || has_word(&words);
        append_phrase(&mut words, worded, &self.persona.apology);
        self.end_answer(now, words, Ending { reason: Some(reason), goodbye: false }, effects);
    }

    fn end_answer(
        &mut self,
        now: Timestamp,
        words: String,
        ending: Ending,
        effects: &mut Vec<Effect>,
    ) {
        let Some(answer) = &mut self.answer else { return };
        answer.ending = Some(ending);
        if answer.released {
            self.deliver(now, words, effects);
        } else {
            answer.held.push_str(&words);
        }
    }

    /// Words that may be spoken as soon as the caller's are durable.
    fn utter(&mut self, now: Timestamp, words: String, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        answer.worded = answer.worded || has_word(&words);
        if answer.released {
            self.say(now, words, false, effects);
        } else {
            answer.held.push_str(&words);
        }
    }

    /// The caller's words are durable, or have been waited for long enough.
    fn release(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        answer.released = true;
        let held = std::mem::take(&mut answer.held);
        if answer.ending.is_some() {
            self.deliver(now, held, effects);
        } else if !held.is_empty() {
            self.say(now, held, false, effects);
        }
    }

    /// The last words of an answer; its cycle is closed and its turn is whole.
    fn deliver(&mut self, now: Timestamp, words: String, effects: &mut Vec<Effect>) {
        self.say(now, words, true, effects);
        let Some(answer) = self.answer.take() else { return };
        let Some(ending) = answer.ending else { return };
        let mut turn = self.agent_turn(&answer, self.playback.sent(answer.turn).to_owned());
        turn.reason = ending.reason;
        turn.interrupted = ending.reason.is_some() && answer.worded;
        self.record(turn, effects);
        effects.push(Effect::Observe(Observation::Answered { reason: ending.reason }));
        if ending.goodbye {
            self.closing = Closing::Goodbye;
        }
    }

    fn say(&mut self, now: Timestamp, mut words: String, last: bool, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        if answer.spoken_at.is_none() {
            // A continued answer: its first half came from another session.
            let before = self.playback.sent(answer.turn).chars().next_back();
            if before.is_some_and(|char| !char.is_whitespace()) && !words.starts_with(' ') {
                words.insert(0, ' ');
            }
            if !words.is_empty() {
                answer.spoken_at = Some(now);
                answer.kept_at = now;
                effects.push(Effect::Observe(Observation::FirstToken(now.since(answer.asked_at))));
            }
        }
        self.playback.speak(now, answer.turn, &words);
        effects.push(Effect::Say { turn: answer.turn, text: words, last });
    }

    /// Stores the answer as far as it has been spoken, now and then.
    fn keep(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        if answer.has_spoken() && now.since(answer.kept_at) >= KEEP_EVERY {
            answer.kept_at = now;
            let Some(answer) = &self.answer else { return };
            let mut turn = self.agent_turn(answer, self.playback.sent(answer.turn).to_owned());
            turn.open = true;
            self.record(turn, effects);
        }
    }

    pub(super) fn agent_turn(&self, answer: &Answer, mut text: String) -> Turn {
        let at = answer.spoken_at.unwrap_or(answer.asked_at);
        text.truncate(text.trim_end().len());
        Turn::new(answer.turn, Role::Agent, text, at)
    }

    /// An answer is broken off: its turn holds what was sent, less what `cuts` takes from it
    /// afterwards; the caller's turn gets the reason when no word was spoken.
    pub(super) fn break_off(
        &mut self,
        answer: &Answer,
        sent: String,
        reason: Option<Reason>,
        cuts: &[Cut],
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Observe(Observation::Answered { reason }));
        if !answer.has_spoken() {
            return self.amend(answer.turn, Role::Customer, effects, |turn| turn.reason = reason);
        }
        let mut turn = self.agent_turn(answer, sent);
        turn.interrupted = true;
        turn.reason = reason;
        if cuts.iter().any(|cut| cut.turn == answer.turn) {
            self.transcript.put(turn);
        } else {
            self.record(turn, effects);
        }
    }

    /// Closes the talk cycle of an answer that was broken off. One that never opened needs no
    /// end: Twilio would speak an empty turn.
    pub(super) fn close_cycle(&self, answer: &Answer, effects: &mut Vec<Effect>) {
        if answer.has_spoken() {
            effects.push(Effect::Say { turn: answer.turn, text: String::new(), last: true });
        }
    }

    pub(super) fn pass_answer_deadlines(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &self.answer else { return };
        let (overdue, reason) = answer.overdue_at(&self.rules);
        if answer.ending.is_none() && overdue <= now {
            self.fail(now, reason, effects);
        }
        let waits = |answer: &Answer| !answer.released && answer.asked_at + SAVE_PATIENCE <= now;
        if self.answer.as_ref().is_some_and(waits) {
            effects.push(Effect::Observe(Observation::Unsaved));
            self.release(now, effects);
        }
    }
}

/// Whether there is something to be heard in it.
fn has_word(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn append_phrase(words: &mut String, after_words: bool, phrase: &str) {
    if after_words {
        words.push(' ');
    }
    words.push_str(phrase);
}
