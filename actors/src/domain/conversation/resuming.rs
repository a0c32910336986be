//! Words that a session before this one has said, and its voice had not spoken when it was lost.
//!
//! A session that Twilio gave up took its voice along: what it had reached by then, counted by time,
//! is what the caller heard. A socket that Twilio itself connects anew is no new session: its voice
//! has gone on with all that it was given. What the caller has heard is never said again.

use super::{Conversation, Effect, opening::Opening, speaking::has_word};
use crate::domain::{
    escalation::{Grounds, ReasonCode},
    handoff::KEEPS_FAILING,
    heard::floor_word,
    record::{CallRecord, Change},
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

/// Twilio tells of the end of a session a moment after its voice fell silent, ms: a word that is said once
/// more is better than one that nobody heard.
pub(super) const DOUBT: Millis = 300;

/// Whether the sessions of that call keep being lost, and nobody was sought for that.
pub(super) fn keeps_failing(record: &CallRecord) -> bool {
    let sought = record.escalation.as_ref().map(|known| known.grounds.code);
    // The claim has just been a sign of life.
    sought != Some(ReasonCode::EngineFailed) && record.keeps_failing(record.seen_at)
}

impl Conversation {
    /// Notes that a session goes on with the call on its next line: what its voice says from now on was
    /// said by none before.
    pub(super) fn note_resume(&mut self, effects: &mut Vec<Effect>) {
        let inherited = self.opening == Opening::TakenOver && self.inherits && !self.moved;
        if std::mem::take(&mut self.losses.failed) || inherited {
            let (after, addressed) = (self.losses.last, self.losses.addressed);
            effects.push(Effect::Settle(Change::Resumed { after, addressed }));
        }
    }

    /// Notes how far a new voice is with what the one before it had not spoken: another session may have
    /// to go on from there.
    pub(super) fn note_voice(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let asked = self.transcript.last_asked();
        let said = self.transcript.turns().iter().filter(|turn| turn.role == Role::Agent);
        let of_late: Vec<_> = said.filter(|turn| turn.id >= asked).map(|turn| turn.id).collect();
        for id in of_late {
            let played = self.played(now, id, "");
            if played.is_some() {
                self.amend(id, Role::Agent, effects, |turn| turn.played = played);
            }
        }
    }

    /// The next session would not hold either: a person takes the call.
    pub(super) fn seek_person(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.close_last_turn(Reason::HandedOver, effects);
        self.turn = self.turn.next();
        let grounds = Grounds::new(ReasonCode::EngineFailed, KEEPS_FAILING);
        self.escalate_now(now, grounds, effects);
    }

    /// Goes on with an answer that was being written: what the caller heard of it stays, a turn that
    /// was cut off; behind a word about the break the model says the rest. One of which nothing was
    /// heard is given anew.
    pub(super) fn go_on_with(
        &mut self,
        now: Timestamp,
        turn: &Turn,
        told: bool,
        effects: &mut Vec<Effect>,
    ) {
        let heard = self.heard_of(now, turn);
        if !has_word(&heard) {
            return self.give_anew(now, turn, effects);
        }
        if !told {
            self.hear_on(now, turn, &heard);
        }
        self.cut_short(now, turn, heard, effects);
        self.ask_for_rest(now, told, effects);
    }

    fn give_anew(&mut self, now: Timestamp, turn: &Turn, effects: &mut Vec<Effect>) {
        let goes_on = turn.id == self.turn;
        self.amend(turn.id, Role::Agent, effects, |turn| {
            turn.text.clear();
            (turn.played, turn.open) = (None, goes_on);
            (turn.interrupted, turn.estimated, turn.reason) = (false, false, None);
        });
        self.ask(now, true, effects);
    }

    /// A session took the voice to go on, was about to have the rest said, and had no time to note that.
    /// It may have been wrong: what of the turn was not heard is no part of it.
    pub(super) fn go_on_behind(
        &mut self,
        now: Timestamp,
        turn: &Turn,
        (inherits, told): (bool, bool),
        effects: &mut Vec<Effect>,
    ) {
        if inherits {
            let heard = self.heard_of(now, turn);
            if !has_word(&heard) {
                return self.give_anew(now, turn, effects);
            }
            if !told {
                self.hear_on(now, turn, &heard);
            }
            if heard.len() < turn.text.trim_end().len() {
                self.cut_short(now, turn, heard, effects);
            }
        }
        self.ask_for_rest(now, told, effects);
    }

    /// Behind a word about the break, which may have been `told`, the model says the rest of an answer
    /// that was cut off. Where it was, with what was owed, the voice before is gone.
    fn ask_for_rest(&mut self, now: Timestamp, told: bool, effects: &mut Vec<Effect>) {
        if !told {
            self.turn = self.turn.next();
            let phrase = self.persona.resume.clone();
            self.say_of_break(now, phrase, true, effects);
        }
        self.ask(now, true, effects);
    }

    /// A word about the break, and what was owed; `awaited`: an answer is given behind it, in its turn.
    fn say_of_break(
        &mut self,
        now: Timestamp,
        phrase: String,
        awaited: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.playback.speak(now, self.turn, &phrase);
        let mut turn = Turn::new(self.turn, Role::Agent, phrase.clone(), now);
        (turn.open, turn.played) = (awaited, self.played(now, self.turn, &phrase));
        self.record(turn, effects);
        effects.push(Effect::Say { turn: self.turn, text: phrase, last: true });
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
        let rest = self.unheard_of(turn, &heard);
        if has_word(rest) {
            let phrase = format!("{} {rest}", self.persona.resume);
            self.cut_short(now, turn, heard, effects);
            self.turn = self.turn.next();
            self.say_phrase(now, phrase, None, effects);
            return true;
        }
        self.hear_on(now, turn, &turn.text);
        false
    }

    /// What is still to be said of a turn, from its first word on.
    fn unheard_of<'a>(&self, turn: &'a Turn, heard: &str) -> &'a str {
        let rest = turn.text.get(heard.len()..).unwrap_or_default();
        // It may be such a rest itself, behind the word about the break.
        let again = turn.text.strip_prefix(&self.persona.resume);
        let rest = again.filter(|again| again.len() < rest.len()).unwrap_or(rest);
        rest.trim_start_matches([' ', ',', ';', ':', '.', '!', '?'])
    }

    /// The voice is still speaking what the session before this one gave it: these words of a turn.
    fn hear_on(&mut self, now: Timestamp, turn: &Turn, given: &str) {
        let spoken = place(&turn.text, turn.spoken_by(now - DOUBT));
        let (spoken, speaking) = given.split_at(spoken.min(given.len()));
        if has_word(speaking) {
            self.playback.resume_speaking(now, turn.id, spoken, speaking);
        }
    }

    /// The same of the turns before the last one.
    fn hear_on_before_last(&mut self, now: Timestamp) {
        for turn in self.before_last() {
            let heard = self.heard_of(now, &turn);
            self.hear_on(now, &turn, &heard);
        }
    }

    /// What the caller heard of a turn, or will when our words begin.
    fn heard_of(&self, now: Timestamp, turn: &Turn) -> String {
        if self.losses.voiceless.is_some_and(|since| since <= turn.at) {
            return String::new();
        }
        // Where several failed one after another, the first took the voice along.
        let since =
            self.losses.unresumed.iter().map(|failure| failure.at).filter(|at| *at >= turn.at);
        let failed = since.min();
        let stopped = turn.played.is_some_and(|played| played.at.is_none());
        let at = match failed {
            _ if stopped => place(&turn.text, turn.spoken_by(now)),
            Some(at) => place(&turn.text, turn.spoken_by(at - DOUBT)),
            None => turn.text.len(),
        };
        turn.text.get(..at).unwrap_or_default().trim_end().to_owned()
    }

    /// Says what the voice of a session that Twilio gave up had not reached of the turns before the
    /// last one, behind a word about the break: the session before that one was still to be heard when
    /// the last one began. False when there is nothing of it.
    pub(super) fn say_unheard(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let owed = self.owed_before_last(now);
        if owed.is_empty() {
            self.hear_on_before_last(now);
            return false;
        }
        let mut phrase = self.persona.resume.clone();
        let last = self.transcript.turns().last().cloned();
        let awaited = last.is_some_and(|last| last.open || last.reason == Some(Reason::TakenOver));
        self.turn = self.turn.next();
        for (turn, rest) in owed {
            phrase.push(' ');
            phrase.push_str(&rest);
            let heard = self.heard_of(now, &turn);
            self.cut_short(now, &turn, heard, effects);
        }
        self.say_of_break(now, phrase, awaited, effects);
        true
    }

    /// The agent's turns since the caller last said something, without the last one, of which words
    /// were not heard, and those.
    fn owed_before_last(&self, now: Timestamp) -> Vec<(Turn, String)> {
        let owed = self.before_last().into_iter().filter_map(|turn| {
            let rest = self.unheard_of(&turn, &self.heard_of(now, &turn)).to_owned();
            has_word(&rest).then_some((turn, rest))
        });
        owed.collect()
    }

    /// The agent's turns since the caller last said something, without the last one, that a voice may
    /// not have been done with.
    fn before_last(&self) -> Vec<Turn> {
        let asked = self.transcript.last_asked();
        let turns = self.transcript.turns().iter().rev().skip(1);
        let said = turns.take_while(|turn| turn.id >= asked);
        let said = said.filter(|turn| turn.role == Role::Agent && turn.played.is_some());
        let mut said: Vec<_> = said.cloned().collect();
        said.reverse();
        said
    }

    /// The turn holds what was heard of it, or will be; what follows is another one.
    fn cut_short(&mut self, now: Timestamp, turn: &Turn, heard: String, effects: &mut Vec<Effect>) {
        let played = self.played(now, turn.id, &heard);
        self.amend(turn.id, Role::Agent, effects, |turn| {
            turn.text = heard;
            (turn.open, turn.played) = (false, played);
            (turn.interrupted, turn.estimated) = (true, true);
            turn.reason = Some(Reason::TakenOver);
        });
    }

    /// What was given to a voice that is gone is no longer in a queue.
    pub(super) fn forget_voice(&mut self, now: Timestamp, turn: &Turn, effects: &mut Vec<Effect>) {
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
