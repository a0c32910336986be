//! How an answer ends: whole, short, declined or failed; each has its words and its reason.
//!
//! What was spoken stands and never starts again. A failure behind a whole sentence leaves it at
//! that; one in the middle of a sentence, or before the first word, is apologised for.

use super::{Conversation, Effect, Observation, speaking::has_word};
use crate::domain::{
    answer::Finish,
    escalation::{Grounds, ReasonCode, Wish},
    prompt::Tools,
    time::Timestamp,
    transcript::{Reason, Role},
};

/// So many failed answers in a row, and a person is asked for, or the call ends with a goodbye where
/// that was in vain: a caller who has asked four times for nothing is not helped by a fifth.
const FAILURES_MAX: usize = 4;

/// What the person who takes the call then is told.
const ENGINE_FAILED: &str = "the assistant could not answer several times in a row";

/// A pause for the voice between half a sentence and what is said about it.
const PAUSE: &str = "\u{2013} ";

/// What ends a sentence, in the scripts that the voices speak.
const SENTENCE_ENDS: [char; 9] = ['.', '!', '?', '…', '。', '！', '？', '।', '؟'];

/// What may stand behind the end of a sentence.
const CLOSING_SIGNS: [char; 9] = [' ', '\n', '"', '\'', ')', ']', '”', '’', '»'];

/// How an answer ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    reason: Option<Reason>,
    /// Its words are not all that should have been said.
    cut: bool,
    /// What becomes of the call when it was spoken.
    then: Then,
}

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The caller's next turn.
    GoOn,
    /// The end of the call, when it was heard.
    Goodbye {
        /// Whether the caller cannot take it back any more.
        binding: bool,
    },
    /// A person, when it was heard.
    HandOver,
    /// The caller's next turn is a message to be passed on.
    TakeMessage,
}

impl Conversation {
    /// The model has written its last token.
    pub(super) fn written(&mut self, now: Timestamp, finish: Finish, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        let (mut unmarked, mut words) = (String::new(), String::new());
        answer.markers.finish(&mut unmarked);
        answer.speech.push(&unmarked, &mut words);
        answer.speech.finish(&mut words);
        answer.worded = answer.worded || has_word(&words);
        let worded = answer.worded;
        let wish = answer.markers.wish();
        let wanted = answer.wanted.take().or_else(|| answer.called_somehow(finish));
        if wanted.is_none() && wish.is_none() && answer.misused.is_some() {
            return self.answer_misuse(now, words, effects);
        }
        let Some(answer) = &mut self.answer else { return };
        for _ in 0..answer.markers.quoted() {
            effects.push(Effect::Observe(Observation::Ignored("quoted_mark")));
        }
        let mut ending = Ending { reason: None, cut: false, then: Then::GoOn };
        if let Some(grounds) = wanted.or_else(|| grounds(wish.as_ref())) {
            self.append_escalation(now, grounds, &mut words, &mut ending, effects);
            return self.end_answer(now, words, ending, effects);
        }
        match (wish, finish) {
            (Some(Wish::EndCall), _) => {
                ending.then = Then::Goodbye { binding: false };
                if !worded {
                    let phrase = self.persona.goodbye.clone();
                    self.append_phrase(&mut words, &phrase);
                }
            }
            (Some(Wish::Escalate { .. }) | None, Finish::Filtered) => {
                return self.break_down(now, words, Reason::Filtered, effects);
            }
            (_, _) if !worded => return self.break_down(now, words, Reason::Empty, effects),
            (_, Finish::Length) => {
                (ending.reason, ending.cut) = (Some(Reason::Length), true);
                let phrase = self.persona.more.clone();
                self.append_phrase(&mut words, &phrase);
            }
            (_, Finish::Refused) => ending.reason = Some(Reason::Refused),
            (_, Finish::Stop) => {}
        }
        self.end_answer(now, words, ending, effects);
    }

    /// The answer will not come, or not to its end.
    pub(super) fn fail(&mut self, now: Timestamp, reason: Reason, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        effects.push(Effect::StopAsking);
        if answer.tools == Tools::Stay {
            return self.plead_in_vain(now, effects);
        }
        if answer.markers.is_over() || answer.wanted.is_some() {
            // What the model wished for is known; only the rest of its words did not come.
            return self.written(now, Finish::Stop, effects);
        }
        let mut words = String::new();
        // What the marker scanner still holds may be half a marker: that is never spoken.
        answer.speech.finish(&mut words);
        answer.worded = answer.worded || has_word(&words);
        self.break_down(now, words, reason, effects);
    }

    /// Ends an answer that failed behind `words`, its last ones.
    pub(super) fn break_down(
        &mut self,
        now: Timestamp,
        mut words: String,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        let last_straw = self.failures_in_a_row() + 1 >= FAILURES_MAX;
        let mut ending = Ending { reason: Some(reason), cut: true, then: Then::GoOn };
        if last_straw && self.escalating.was_in_vain() {
            ending.then = Then::Goodbye { binding: true };
            let phrase = self.persona.unavailable.clone();
            self.append_phrase(&mut words, &phrase);
        } else if last_straw {
            let grounds = Grounds::new(ReasonCode::EngineFailed, ENGINE_FAILED);
            self.append_escalation(now, grounds, &mut words, &mut ending, effects);
        } else if !self.ends_a_sentence(&words) {
            let phrase = self.persona.apology.clone();
            self.append_phrase(&mut words, &phrase);
        }
        self.end_answer(now, words, ending, effects);
    }

    /// Behind the answer the caller hears that a person takes over, or that none can be had.
    fn append_escalation(
        &mut self,
        now: Timestamp,
        grounds: Grounds,
        words: &mut String,
        ending: &mut Ending,
        effects: &mut Vec<Effect>,
    ) {
        let Some((phrase, then)) = self.escalate(now, grounds, effects) else { return };
        self.append_phrase(words, &phrase);
        ending.then = then;
        if then == Then::TakeMessage {
            ending.reason = ending.reason.or(Some(Reason::NoPerson));
        }
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
        answer.held.push_str(&words);
        self.speak_held(now, effects);
    }

    /// The last words of an answer; its cycle is closed and its turn is whole.
    pub(super) fn deliver(&mut self, now: Timestamp, words: String, effects: &mut Vec<Effect>) {
        self.say(now, words, true, effects);
        let Some(answer) = self.answer.take() else { return };
        let Some(ending) = answer.ending else { return };
        let mut turn = self.said_turn(now, &answer);
        turn.reason = ending.reason;
        turn.interrupted = ending.cut && answer.worded;
        self.record(turn, effects);
        effects.push(Effect::Observe(Observation::Answered { reason: ending.reason }));
        self.follow(now, ending.then);
    }

    /// How many answers before this one failed, without one between them that did not.
    fn failures_in_a_row(&self) -> usize {
        let turns = self.transcript.turns().iter().rev();
        let answers = turns.filter(|turn| {
            let answers = self.transcript.get(turn.id, Role::Customer).is_some();
            turn.role == Role::Agent && !turn.open && answers
        });
        answers.take_while(|turn| turn.reason.is_some_and(Reason::is_failure)).count()
    }

    /// What stands before the next words of the answer: held, or sent.
    fn before(&self) -> &str {
        let Some(answer) = &self.answer else { return "" };
        if answer.held.is_empty() { self.playback.sent(answer.turn) } else { &answer.held }
    }

    /// Whether the answer can be left with these last words.
    fn ends_a_sentence(&self, words: &str) -> bool {
        let worded = self.answer.as_ref().is_some_and(|answer| answer.worded);
        let text = if has_word(words) { words } else { self.before() };
        worded && text.trim_end_matches(CLOSING_SIGNS).ends_with(SENTENCE_ENDS)
    }

    /// Appends a phrase to the last words of an answer, with what belongs between the two.
    fn append_phrase(&self, words: &mut String, phrase: &str) {
        if !self.answer.as_ref().is_some_and(|answer| answer.worded) {
            // Stray signs are nothing to be read out before it.
            words.clear();
            return words.push_str(phrase);
        }
        let whole = self.ends_a_sentence(words);
        words.truncate(words.trim_end().len());
        let before = if words.is_empty() { self.before() } else { words.as_str() };
        if !before.ends_with(char::is_whitespace) {
            words.push(' ');
        }
        if !whole {
            words.push_str(PAUSE);
        }
        words.push_str(phrase);
    }
}

/// The wish for a person that stands in a mark.
fn grounds(wish: Option<&Wish>) -> Option<Grounds> {
    match wish {
        Some(Wish::Escalate { reason }) => Some(Grounds::new(ReasonCode::of(reason), reason)),
        Some(Wish::EndCall) | None => None,
    }
}
