//! What the caller does: speaks, cuts in, presses keys; and what Twilio tells of playback.

use super::{Conversation, Effect, Observation, answering::Answer, closing::Closing};
use crate::domain::{
    escalation::wanted_by_rule,
    phrases::consists_of,
    playback::Cut,
    record::Change,
    relay::{Inbound, Info, Interrupted, Prompted, Setup},
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

/// What the agent says for so much longer, ms, is not what a "yeah" answers.
const ANSWERABLE: Millis = 1_000;

impl Conversation {
    pub(super) fn listen(&mut self, now: Timestamp, message: Inbound, effects: &mut Vec<Effect>) {
        match message {
            Inbound::Setup(setup) => self.identify(&setup, effects),
            Inbound::Prompt(prompt) => self.prompted(now, prompt, effects),
            Inbound::Interrupt(cut) => self.interrupted(now, &cut, effects),
            Inbound::Info(Info::AgentSpeaking(on)) => self.playback.voice(now, on),
            Inbound::Info(Info::TokensPlayed(words)) => self.playback.played(now, &words),
            Inbound::Info(Info::ClientSpeaking(on)) => self.quiet.sound(now, on),
            Inbound::Dtmf(key) => self.pressed(now, key, effects),
            Inbound::End => self.lose_line(now, true, effects),
            Inbound::Garbled => self.garbled(now, effects),
            Inbound::Error { .. } | Inbound::Info(_) | Inbound::Unknown { .. } => {}
        }
    }

    fn identify(&mut self, setup: &Setup, effects: &mut Vec<Effect>) {
        if !self.identified && !setup.from.is_empty() {
            self.identified = true;
            let (caller, called) = (setup.from.clone(), setup.to.clone());
            effects.push(Effect::Settle(Change::Identified { caller, called }));
        }
    }

    /// The caller said something whole: whatever was being said before gives way.
    fn prompted(&mut self, now: Timestamp, prompt: Prompted, effects: &mut Vec<Effect>) {
        let words = prompt.text.trim();
        if !prompt.last || words.is_empty() {
            self.quiet.stir(now);
            return effects.push(Effect::Observe(Observation::Ignored("prompt")));
        }
        if self.is_backchannel(now, words) {
            self.quiet.end(now);
            return effects.push(Effect::Observe(Observation::Ignored("backchannel")));
        }
        self.set_keys_down(now, Reason::Superseded, effects);
        self.take_turn(now, words, effects);
    }

    /// The caller said something, and what came of it cannot be read: they are asked to say it again,
    /// unless an answer is on its way.
    fn garbled(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        effects.push(Effect::Observe(Observation::Ignored("garbled")));
        self.quiet.end(now);
        if self.closing.give_way() && self.answer.is_none() && self.may_speak_up() {
            let phrase = self.persona.apology.clone();
            self.say_aside(now, phrase, None, effects);
        }
    }

    /// Whether the words only say that the caller listens: to an answer that is being written, or
    /// still being spoken for a while (at its very end they may well answer it); or when they were
    /// asked whether they are there.
    fn is_backchannel(&self, now: Timestamp, words: &str) -> bool {
        let speaking = self.answer.is_some() || self.playback.ends_at() > now + ANSWERABLE;
        let asked = self.quiet.has_asked() && self.closing == Closing::No;
        let listens = (speaking || asked) && !self.quiet.yields();
        listens && consists_of(words, &self.persona.backchannel)
    }

    /// The caller's next turn: an answer that is being written gives way, and the model is asked.
    fn take_turn(&mut self, now: Timestamp, words: &str, effects: &mut Vec<Effect>) {
        self.quiet.end(now);
        if self.is_leaving() {
            return self.leave_words(now, words, effects);
        }
        let bridging = matches!(self.closing, Closing::Bridge(_));
        let listens = self.closing.give_way() || bridging;
        self.yield_to_caller(effects);
        self.turn = self.turn.next();
        let mut turn = Turn::new(self.turn, Role::Customer, words, now);
        if !listens {
            turn.reason = Some(Reason::CallEnded);
            effects.push(Effect::Observe(Observation::Ignored("prompt_after_end")));
            return self.record(turn, effects);
        }
        self.record(turn, effects);
        if bridging {
            self.plead(now, effects);
        } else {
            self.heed(now, words, false, effects);
        }
    }

    /// What the words bring about that the caller has said last: a person, a message, the end of the
    /// call, or an answer. `stored`: they are durable already.
    pub(super) fn heed(
        &mut self,
        now: Timestamp,
        words: &str,
        stored: bool,
        effects: &mut Vec<Effect>,
    ) {
        // Where nobody takes calls, what is said to the request for a message is one, even if it asks
        // for a person once more: the same sentence again would help nobody.
        let asked_in_vain = self.awaits_message() && !self.rules.has_people;
        let wanted = wanted_by_rule(&self.persona, &self.transcript, words);
        if let Some(grounds) = wanted.filter(|_| !asked_in_vain) {
            self.escalate_now(now, grounds, effects);
        } else if self.take_message(now, words, effects) {
        } else if self.caller_turns() > self.rules.max_turns as usize {
            self.end_at_limit(now, effects);
        } else {
            self.ask(now, stored, effects);
        }
    }

    fn caller_turns(&self) -> usize {
        self.transcript.turns().iter().filter(|turn| turn.role == Role::Customer).count()
    }

    /// A key interrupts like speech, whether Twilio's voice stopped for it or not; the turn it
    /// belongs to comes when its last key was pressed.
    fn pressed(&mut self, now: Timestamp, key: char, effects: &mut Vec<Effect>) {
        if !self.is_leaving() && !self.closing.give_way() && !self.hold_bridge(now) {
            return effects.push(Effect::Observe(Observation::Ignored("dtmf_after_end")));
        }
        self.yield_to_caller(effects);
        self.quiet.end(now);
        if self.keys.press(now, key) {
            self.take_keys(now, effects);
        }
    }

    /// What was pressed is the caller's turn.
    pub(super) fn take_keys(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if let Some(words) = self.keys.take() {
            self.take_turn(now, &words, effects);
        }
    }

    /// What was pressed becomes a turn that nobody answers, for that reason.
    pub(super) fn set_keys_down(
        &mut self,
        now: Timestamp,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        let Some(words) = self.keys.take() else { return };
        self.turn = self.turn.next();
        let mut turn = Turn::new(self.turn, Role::Customer, words, now);
        turn.reason = Some(reason);
        self.record(turn, effects);
    }

    /// Without an interrupt, all that was sent before the caller's words counts as heard.
    pub(super) fn yield_to_caller(&mut self, effects: &mut Vec<Effect>) {
        let Some(answer) = self.answer.take() else { return };
        effects.extend([Effect::StopAsking, Effect::Silence]);
        self.leave_off(&answer, Reason::Superseded, effects);
    }

    /// An answer is not gone on with; what waits for a line of it is still said.
    pub(super) fn give_up_answer(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        let Some(answer) = self.answer.take() else { return };
        effects.push(Effect::StopAsking);
        self.leave_off(&answer, reason, effects);
    }

    fn leave_off(&mut self, answer: &Answer, reason: Reason, effects: &mut Vec<Effect>) {
        let sent = self.playback.sent(answer.turn).to_owned();
        self.close_cycle(answer, effects);
        self.break_off(answer, sent, Some(reason), &[], effects);
    }

    /// Twilio has silenced its voice: so do we, and the transcript keeps what was heard.
    fn interrupted(&mut self, now: Timestamp, cut: &Interrupted, effects: &mut Vec<Effect>) {
        if self.hold_bridge(now) {
            self.quiet.stir(now);
        } else if !self.closing.give_way() {
            effects.push(Effect::Observe(Observation::Ignored("interrupt_after_end")));
        } else if self.is_new_breath(now) || self.answer.as_ref().is_some_and(Answer::has_spoken) {
            self.quiet.cut_in(now);
        }
        // An answer of which no word was spoken is not what the caller cut off: it stays.
        let answer = self.answer.take_if(|answer| answer.has_spoken());
        let sent = answer.as_ref().map(|answer| self.playback.sent(answer.turn).to_owned());
        let resumed = self.answer.as_ref().map(|answer| answer.turn);
        let resumed = resumed.map(|turn| (turn, self.playback.sent(turn).to_owned()));
        let (cuts, located) = self.playback.interrupted(now, cut);
        if let Some((turn, sent)) = resumed.filter(|(_, sent)| !sent.is_empty()) {
            // Its first half came from another session, and its rest is still to come.
            let heard = cuts.iter().find(|cut| cut.turn == turn).map_or(&sent, |cut| &cut.heard);
            self.playback.resume(turn, heard);
        }
        effects.extend([Effect::Observe(Observation::Interrupted { located }), Effect::Silence]);
        if let (Some(answer), Some(sent)) = (answer, sent) {
            effects.push(Effect::StopAsking);
            self.close_cycle(&answer, effects);
            self.break_off(&answer, sent, None, &cuts, effects);
        }
        for cut in cuts {
            self.cut_turn(cut, None, now, effects);
        }
    }

    /// Less of an agent's turn was heard than was sent.
    pub(super) fn cut_turn(
        &mut self,
        cut: Cut,
        reason: Option<Reason>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let known = self.transcript.get(cut.turn, Role::Agent);
        let at = known.map_or(now, |turn| turn.at);
        let reason = known.and_then(|turn| turn.reason).or(reason);
        let mut turn = Turn::new(cut.turn, Role::Agent, cut.heard, at);
        turn.open = self.answer.as_ref().is_some_and(|answer| answer.turn == cut.turn);
        turn.interrupted = !turn.open;
        turn.estimated = cut.estimated;
        turn.reason = reason;
        self.record(turn, effects);
    }
}
