//! Calls that leave for another engine, since this one is to stop: at a pause in the talk, so that
//! the caller hears nothing of it.

use super::{Conversation, Effect, Observation, closing::Closing, closing::Exit};
use crate::domain::{
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

/// So long after a sign of the caller's, or the end of what they heard, ms, what they say may still be
/// on its way.
const MOMENT: Millis = 1_000;

/// How long the voice is waited for, ms. A caller who hears one answer after the other is moved behind
/// the next: Twilio speaks what it has queued before it ends a session.
const PAUSE_PATIENCE: Millis = 15_000;

impl Conversation {
    /// When the call may leave: its caller has heard all there was to hear, and says nothing. Never
    /// on the way to a person or to the end: such a call is over soon.
    pub(super) fn move_at(&self) -> Option<Timestamp> {
        let since = self.moving?;
        if self.answer.is_some() || !self.keys.is_empty() || !self.may_speak_up() {
            return None;
        }
        // Callers answer when the voice is done, not before: that is not cut off either.
        let voice = (self.playback.surely_ends_at() + MOMENT).min(since + PAUSE_PATIENCE);
        Some(voice.max(self.quiet.still_at(MOMENT)).max(since))
    }

    /// Another engine has the call from here on: it finds an answer that is still being given, and a
    /// question that is not answered, as they are.
    pub(super) fn let_go(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.drop_plea(effects);
        self.suspend(now, effects);
        if let Some(words) = self.keys.take() {
            self.leave_words(now, &words, effects);
        }
        effects.push(Effect::Finish);
        self.closing = Closing::Over;
    }

    /// Whether the caller is on the way to another engine.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.closing, Closing::Ended { exit: Exit::Engine, .. })
    }

    /// The caller says something on the way to another engine, which answers it.
    pub(super) fn leave_words(&mut self, now: Timestamp, words: &str, effects: &mut Vec<Effect>) {
        // Of what was said since the agent spoke the last is answered.
        let since = self.transcript.turns().iter().rev();
        let mut since = since.take_while(|turn| turn.role == Role::Customer);
        if let Some(id) = since.find(|turn| turn.reason.is_none()).map(|turn| turn.id) {
            self.amend(id, Role::Customer, effects, |turn| turn.reason = Some(Reason::Superseded));
        }
        self.turn = self.turn.next();
        effects.push(Effect::Observe(Observation::Ignored("prompt_while_moving")));
        self.record(Turn::new(self.turn, Role::Customer, words, now), effects);
    }
}
