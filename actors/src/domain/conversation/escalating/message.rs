//! A caller whom nobody could be found for leaves a message.

use super::Conversation;
use crate::domain::{
    conversation::{Effect, Observation},
    escalation::Step,
    phrases::{consists_of, refuses},
    time::Timestamp,
    transcript::Reason,
};

/// Fewer letters than this are no message: "um", "hello?", "yes". In scripts that need few letters for
/// many words a message has as many all the same.
const MESSAGE_MIN: usize = 6;

/// A question of at most so many words ("Why not?") is about the request, and the message follows it.
const ASIDE_WORDS: usize = 3;

impl Conversation {
    /// Whether the caller was asked to leave a message, and has not left it or gone on to something
    /// else.
    pub(in super::super) fn awaits_message(&self) -> bool {
        self.escalating.message_for.is_some()
    }

    /// The caller was asked to leave a message, and this is what they say to it. False when they
    /// were not, or ask something instead.
    pub(in super::super) fn take_message(
        &mut self,
        now: Timestamp,
        words: &str,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(id) = self.escalating.message_for.take() else { return false };
        if consists_of(words, &self.persona.goodbye_phrases) {
            return false;
        }
        if refuses(words, &self.persona.stay_phrases) {
            let phrase = self.persona.stay.clone();
            self.say_phrase(now, phrase, None, effects);
            return true;
        }
        if words.chars().filter(|c| c.is_alphanumeric()).count() < MESSAGE_MIN {
            self.escalating.message_for = Some(id);
            let phrase = self.persona.interrupted.clone();
            self.say_phrase(now, phrase, Some(Reason::NoPerson), effects);
            return true;
        }
        if is_question(words) {
            self.escalating.message_for = Some(id).filter(|_| is_aside(words));
            return false;
        }
        effects.push(Effect::Observe(Observation::MessageTaken));
        effects.push(Effect::Advance { id, step: Step::MessageLeft { text: words.to_owned() } });
        let phrase = self.persona.message_taken.clone();
        self.say_phrase(now, phrase, None, effects);
        true
    }
}

fn is_question(words: &str) -> bool {
    words.contains(['?', '？', '؟'])
}

/// Whether they are a question about the request.
pub(super) fn is_aside(words: &str) -> bool {
    is_question(words) && words.split_whitespace().count() <= ASIDE_WORDS
}
