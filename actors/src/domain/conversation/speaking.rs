//! The words of an answer on their way to the voice, and what of them is stored.
//!
//! The first spoken word waits until the caller's words are durable, which runs beside the model's
//! own time to the first token; and while a caller who has just cut in may be about to speak.

use super::{Conversation, Effect, Observation, answering::Answer};
use crate::domain::{
    ids::TurnId,
    playback::Cut,
    time::{Millis, Timestamp},
    transcript::{Played, Reason, Role, Turn},
};

/// How often an answer in the making is stored, ms: a successor goes on from there. What it does not
/// find there and the voice has got, the caller hears twice, so that a young answer, which may soon be
/// at its end, is stored more often: a [`KEEP_FIRST`] after its first word, then when it is twice as old.
const KEEP_EVERY: Millis = 500;

/// How soon it is stored again after its first word, ms.
const KEEP_FIRST: Millis = 100;

impl Conversation {
    /// Words of the answer: spoken, or held while they may not be.
    pub(super) fn utter(&mut self, now: Timestamp, words: String, effects: &mut Vec<Effect>) {
        let yields = self.quiet.yields();
        let Some(answer) = &mut self.answer else { return };
        answer.worded = answer.worded || has_word(&words);
        if answer.released && !yields {
            self.say(now, words, false, effects);
        } else {
            answer.held.push_str(&words);
        }
    }

    /// The caller's words are durable, or have been waited for long enough.
    pub(super) fn release(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        answer.released = true;
        self.speak_held(now, effects);
    }

    /// Says what was held, if it may be said now.
    pub(super) fn speak_held(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let yields = self.quiet.yields();
        let Some(answer) = self.answer.as_mut().filter(|answer| answer.released) else { return };
        if yields {
            return;
        }
        let held = std::mem::take(&mut answer.held);
        if answer.ending.is_some() {
            self.deliver(now, held, effects);
        } else if !held.is_empty() {
            self.say(now, held, false, effects);
        }
    }

    pub(super) fn say(
        &mut self,
        now: Timestamp,
        mut words: String,
        last: bool,
        effects: &mut Vec<Effect>,
    ) {
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
        if words.is_empty() && !answer.cycle_open {
            return;
        }
        answer.cycle_open = !last;
        self.playback.speak(now, answer.turn, &words);
        effects.push(Effect::Say { turn: answer.turn, text: words, last });
    }

    /// When the answer is to be stored as far as it has been said: with its first word, so that none
    /// that has begun is given from the start again, then now and then, as long as there is more of it
    /// than is stored.
    pub(super) fn keep_at(&self) -> Option<Timestamp> {
        let answer = self.answer.as_ref().filter(|answer| answer.has_spoken())?;
        let sent = self.playback.sent(answer.turn);
        if sent.len() <= answer.kept {
            return None;
        }
        if answer.kept == 0 {
            return Some(answer.kept_at);
        }
        let age = answer.spoken_at.map_or(KEEP_EVERY, |spoken| answer.kept_at.since(spoken));
        Some(answer.kept_at + age.clamp(KEEP_FIRST, KEEP_EVERY))
    }

    /// Stores the answer as far as it has been said, if that is due.
    pub(super) fn keep(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.keep_at().is_none_or(|at| at > now) {
            return;
        }
        let Some(answer) = &mut self.answer else { return };
        answer.kept_at = now;
        answer.kept = self.playback.sent(answer.turn).len();
        if let Some(answer) = &self.answer {
            let draft = self.draft(now, answer);
            self.record(draft, effects);
        }
    }

    /// The answer as far as it has been said, and how far the voice is with that.
    pub(super) fn draft(&self, now: Timestamp, answer: &Answer) -> Turn {
        let mut turn = self.said_turn(now, answer);
        turn.open = true;
        turn
    }

    /// What was said of the answer, and how far the voice is with it.
    pub(super) fn said_turn(&self, now: Timestamp, answer: &Answer) -> Turn {
        let mut turn = self.agent_turn(answer, self.playback.sent(answer.turn).to_owned());
        turn.played = self.played(now, answer.turn, &turn.text);
        turn
    }

    /// How far the voice is with the words of a turn; None when it has spoken them all.
    pub(super) fn played(&self, now: Timestamp, turn: TurnId, text: &str) -> Option<Played> {
        let unspoken = self.playback.unspoken_of(now, turn);
        let sent = self.playback.sent(turn).chars().count().max(text.chars().count()) as u64;
        let chars = u32::try_from(sent.saturating_sub(unspoken)).unwrap_or(u32::MAX);
        let reached = now + self.playback.takes_until(now, turn);
        (unspoken > 0).then(|| Played { chars, at: self.line_lost.is_none().then_some(reached) })
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
            return self.break_off_unspoken(answer.turn, reason, effects);
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

    /// The part of the answer that a session before this one spoke stays all there is of it; without
    /// one the caller's turn has no answer, for that reason.
    fn break_off_unspoken(
        &mut self,
        id: TurnId,
        reason: Option<Reason>,
        effects: &mut Vec<Effect>,
    ) {
        if self.transcript.get(id, Role::Agent).is_none() {
            return self.amend(id, Role::Customer, effects, |turn| turn.reason = reason);
        }
        self.amend(id, Role::Agent, effects, |turn| {
            (turn.open, turn.interrupted, turn.played) = (false, true, None);
            turn.reason = reason.or(turn.reason);
        });
    }

    /// Closes the talk cycle of an answer that was broken off. One that never opened needs no
    /// end: Twilio would speak an empty turn.
    pub(super) fn close_cycle(&self, answer: &Answer, effects: &mut Vec<Effect>) {
        if answer.cycle_open {
            effects.push(Effect::Say { turn: answer.turn, text: String::new(), last: true });
        }
    }
}

/// Whether there is something to be heard in it.
pub(super) fn has_word(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
