//! Words that a session before this one has said, and its voice had not spoken when it was lost.
//!
//! A session that Twilio gave up took its voice along: what it had reached by then, counted by time,
//! is what the caller heard. A socket that Twilio itself connects anew is no new session: its voice
//! has gone on with all that it was given. What the caller has heard is never said again.

use super::{Conversation, Effect, speaking::has_word};
use crate::domain::{
    heard::floor_word,
    time::Timestamp,
    transcript::{Reason, Role, Turn},
};

impl Conversation {
    /// Goes on with an answer that was being written: what the caller heard of it stays, a turn that
    /// was cut off; behind a word about the break the model says the rest. One of which nothing was
    /// heard is given anew.
    pub(super) fn go_on_with(&mut self, now: Timestamp, turn: &Turn, effects: &mut Vec<Effect>) {
        let heard = self.heard_of(now, turn);
        self.forget_voice(now, turn, effects);
        if !has_word(&heard) {
            self.amend(turn.id, Role::Agent, effects, |turn| {
                turn.text.clear();
                turn.played = None;
            });
            return self.ask(now, true, effects);
        }
        self.hear_on(now, turn, &heard);
        self.cut_off(turn, heard, effects);
        let phrase = self.persona.resume.clone();
        self.playback.speak(now, self.turn, &phrase);
        let mut begun = Turn::new(self.turn, Role::Agent, phrase.clone(), now);
        begun.played = self.played(now, self.turn, &phrase);
        begun.open = true;
        self.record(begun, effects);
        effects.push(Effect::Say { turn: self.turn, text: phrase, last: true });
        self.ask(now, true, effects);
    }

    /// Says what the caller has not heard of an answer that is whole. False when a word about the
    /// break is all there is to say: if the voice is still speaking, behind what it says.
    pub(super) fn say_rest(
        &mut self,
        now: Timestamp,
        turn: &Turn,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if turn.played.is_none() {
            return false;
        }
        let heard = self.heard_of(now, turn);
        let rest = turn.text.get(heard.len()..).unwrap_or_default();
        if has_word(rest) {
            let phrase = format!("{} {}", self.persona.resume, rest.trim_start());
            self.cut_off(turn, heard, effects);
            self.say_phrase(now, phrase, None, effects);
            return true;
        }
        self.hear_on(now, turn, &turn.text);
        false
    }

    /// The voice is still speaking what the session before this one gave it: these words of a turn.
    fn hear_on(&mut self, now: Timestamp, turn: &Turn, given: &str) {
        let spoken = place(&turn.text, turn.spoken_by(now));
        let (spoken, speaking) = given.split_at(spoken.min(given.len()));
        if has_word(speaking) {
            self.playback.resume(turn.id, spoken);
            self.playback.speak(now, turn.id, speaking);
        }
    }

    /// What the caller heard of a turn, or will when our words begin.
    fn heard_of(&self, now: Timestamp, turn: &Turn) -> String {
        let failed = self.failed_at.filter(|at| *at >= turn.at);
        let stopped = turn.played.is_some_and(|played| played.at.is_none());
        let at = match failed {
            _ if stopped => place(&turn.text, turn.spoken_by(now)),
            Some(at) => place(&turn.text, turn.spoken_by(at)),
            None => turn.text.len(),
        };
        turn.text.get(..at).unwrap_or_default().trim_end().to_owned()
    }

    /// The turn holds what was heard of it; what follows is another one.
    fn cut_off(&mut self, turn: &Turn, heard: String, effects: &mut Vec<Effect>) {
        self.amend(turn.id, Role::Agent, effects, |turn| {
            turn.text = heard;
            (turn.open, turn.played) = (false, None);
            (turn.interrupted, turn.estimated) = (true, true);
            turn.reason = Some(Reason::TakenOver);
        });
        self.turn = self.turn.next();
    }

    /// What was given to a voice that is gone is no longer in a queue.
    fn forget_voice(&mut self, now: Timestamp, turn: &Turn, effects: &mut Vec<Effect>) {
        for cut in self.playback.silenced(now).into_iter().filter(|cut| cut.turn != turn.id) {
            self.cut_turn(cut, None, now, effects);
        }
    }
}

/// The end of the last word that so many characters reach.
fn place(text: &str, chars: u64) -> usize {
    let chars = usize::try_from(chars).unwrap_or(usize::MAX);
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| floor_word(text, at))
}
