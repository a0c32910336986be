//! What the caller does: speaks, cuts in, presses keys; and what Twilio tells of playback.

use super::{Conversation, Effect, Observation};
use crate::domain::{
    playback::Cut,
    record::Change,
    relay::{Inbound, Info, Interrupted, Prompted, Setup},
    time::Timestamp,
    transcript::{Reason, Role, Turn},
};

impl Conversation {
    pub(super) fn listen(&mut self, now: Timestamp, message: Inbound, effects: &mut Vec<Effect>) {
        match message {
            Inbound::Setup(setup) => self.identify(&setup, effects),
            Inbound::Prompt(prompt) => self.prompted(now, prompt, effects),
            Inbound::Interrupt(cut) => self.interrupted(now, &cut, effects),
            Inbound::Info(Info::AgentSpeaking(on)) => self.playback.voice(now, on),
            Inbound::Info(Info::TokensPlayed(words)) => self.playback.played(now, &words),
            Inbound::End => self.lose_line(now, true, effects),
            Inbound::Dtmf(_)
            | Inbound::Error { .. }
            | Inbound::Info(_)
            | Inbound::Unknown { .. } => {}
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
            effects.push(Effect::Observe(Observation::Ignored("prompt")));
            return;
        }
        if !self.closing.give_way() {
            effects.push(Effect::Observe(Observation::Ignored("prompt_after_end")));
            return;
        }
        self.yield_to_caller(effects);
        self.turn = self.turn.next();
        self.record(Turn::new(self.turn, Role::Customer, words, now), effects);
        self.ask(now, false, effects);
    }

    /// Without an interrupt, all that was sent before the caller's words counts as heard.
    fn yield_to_caller(&mut self, effects: &mut Vec<Effect>) {
        let Some(answer) = self.answer.take() else { return };
        effects.extend([Effect::StopAsking, Effect::Silence]);
        let sent = self.playback.sent(answer.turn).to_owned();
        self.close_cycle(&answer, effects);
        self.break_off(&answer, sent, Some(Reason::Superseded), &[], effects);
    }

    /// Twilio has silenced its voice: so do we, and the transcript keeps what was heard.
    fn interrupted(&mut self, now: Timestamp, cut: &Interrupted, effects: &mut Vec<Effect>) {
        if !self.closing.give_way() {
            effects.push(Effect::Observe(Observation::Ignored("interrupt_after_end")));
            return;
        }
        // An answer of which no word was spoken is not what the caller cut off: it stays.
        let answer = self.answer.take_if(|answer| answer.has_spoken());
        let sent = answer.as_ref().map(|answer| self.playback.sent(answer.turn).to_owned());
        let (cuts, located) = self.playback.interrupted(now, cut);
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
        turn.interrupted = true;
        turn.estimated = cut.estimated;
        turn.reason = reason;
        self.record(turn, effects);
    }
}
