//! What the store is told: as much as the machine knows, never less than before, and of every turn
//! of the caller's how it was answered.

use switchhook_actors::domain::{
    conversation::{Effect, Input, Observation},
    relay::Inbound,
    transcript::{Role, Transcript, Turn},
};

use super::{Invariant, Seen, Verdict, Violation, letters};

/// What a turn of pressed keys begins with.
const KEYS_MARK: &str = "[keys] ";

/// The key came too late.
const IGNORED_KEY: Effect = Effect::Observe(Observation::Ignored("dtmf_after_end"));

#[derive(Debug, Default)]
pub(crate) struct Record {
    /// What a store would hold that lost nothing.
    view: Transcript,
    finished: bool,
    /// The keys that are no turn yet.
    keys: String,
}

impl Record {
    /// Another engine begins with what is durable.
    pub(crate) fn taken_over(&mut self, durable: Transcript) {
        *self = Self { view: durable, ..Self::default() };
    }

    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        let was_finished = self.finished;
        if let Input::Relay(Inbound::Dtmf(key)) = seen.input
            && !was_finished
            && !seen.effects.contains(&IGNORED_KEY)
            && (*key != '#' || self.keys.is_empty())
        {
            self.keys.push(*key);
        }
        for effect in seen.effects {
            match effect {
                Effect::Append(turn) => {
                    self.take_keys(turn)?;
                    self.append(turn)?;
                }
                Effect::Finish => self.finished = true,
                _ => {}
            }
        }
        if !was_finished {
            self.caller_is_noted(seen)?;
        }
        if *seen.input != Input::Fenced && self.view != *seen.machine.transcript() {
            let turns = seen.machine.transcript().turns();
            let differs = turns.iter().find(|turn| self.view.get(turn.id, turn.role) != Some(turn));
            let detail = format!("not told to the store: {differs:?}");
            return Err(Violation::of(Invariant::Recorded, detail));
        }
        Ok(())
    }

    fn append(&mut self, turn: &Turn) -> Verdict {
        let wrong = |what: &str, known: &Turn| {
            let detail = format!("{what}: {known:?} becomes {turn:?}");
            Err(Violation::of(Invariant::Recorded, detail))
        };
        if let Some(known) = self.view.get(turn.id, turn.role) {
            if turn.open && !known.open {
                return wrong("a closed turn is opened", known);
            }
            if turn.role == Role::Customer && known.text != turn.text {
                return wrong("the caller's words change", known);
            }
            if !known.open && !letters(&known.text).starts_with(&letters(&turn.text)) {
                return wrong("a closed turn grows", known);
            }
        }
        self.view.put(turn.clone());
        Ok(())
    }

    /// What was pressed is a turn of the caller's, key by key.
    fn take_keys(&mut self, turn: &Turn) -> Verdict {
        let Some(keys) = turn.text.strip_prefix(KEYS_MARK) else { return Ok(()) };
        let known = self.view.get(turn.id, turn.role).is_some();
        if turn.role == Role::Agent || known || keys == std::mem::take(&mut self.keys) {
            return Ok(());
        }
        Err(Violation::of(Invariant::Recorded, format!("other keys were pressed than {turn:?}")))
    }

    /// Whoever speaks is noted and answered, or there is a reason why not.
    fn caller_is_noted(&self, seen: &Seen<'_>) -> Verdict {
        let Input::Relay(Inbound::Prompt(prompt)) = seen.input else { return Ok(()) };
        let words = prompt.text.trim();
        if !prompt.last || words.is_empty() {
            return Ok(());
        }
        let noted = seen.effects.iter().any(|effect| match effect {
            Effect::Append(turn) => turn.role == Role::Customer && turn.text == words,
            Effect::Observe(Observation::Ignored(_)) => true,
            _ => false,
        });
        let turned_to = |effect: &Effect| {
            matches!(effect, Effect::Ask { .. } | Effect::Say { .. })
                || matches!(effect, Effect::Observe(Observation::Ignored(_)))
        };
        let listens = Effect::Observe(Observation::Ignored("backchannel"));
        if seen.effects.contains(&listens) && seen.effects.contains(&Effect::Silence) {
            let detail = format!("{words:?} ended an answer");
            return Err(Violation::of(Invariant::Answered, detail));
        }
        if noted && seen.effects.iter().any(turned_to) {
            return Ok(());
        }
        let detail = format!("{words:?} was said, and nothing came of it");
        Err(Violation::of(Invariant::Answered, detail))
    }

    /// At the end of the call.
    pub(crate) fn close(&self) -> Verdict {
        if !self.finished {
            return Err(Violation::of(Invariant::Over, "the call does not end"));
        }
        if !self.keys.is_empty() {
            return Err(Violation::of(Invariant::Answered, "keys that became no turn"));
        }
        for turn in self.view.turns() {
            let answered = || self.view.get(turn.id, Role::Agent).is_some();
            if turn.role == Role::Customer && turn.reason.is_none() && !answered() {
                let detail = format!("no answer and no reason: {turn:?}");
                return Err(Violation::of(Invariant::Answered, detail));
            }
            if turn.open {
                let detail = format!("open at the end: {turn:?}");
                return Err(Violation::of(Invariant::Answered, detail));
            }
        }
        Ok(())
    }
}
