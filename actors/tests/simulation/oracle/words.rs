//! What the model wrote is what is spoken: all of it, nothing else, and never a mark.

use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Effect, Input},
    escalation::MarkerScanner,
    ids::TurnId,
    speech::Speech,
};

use super::{Invariant, Seen, Verdict, Violation, is_filler, letters};

#[derive(Debug, Default)]
pub(crate) struct Words {
    /// The question that is open.
    turn: Option<TurnId>,
    /// What the model wrote.
    written: String,
    /// The turn that spoke last, and all letters of it: some were said before it was asked.
    spoke: (TurnId, String),
    /// Letters that were said for it since it was asked.
    said: String,
    /// The model is done.
    done: bool,
    /// The model was stopped, or what it wrote was not waited for.
    stopped: bool,
}

impl Words {
    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        if let Input::Answer(turn, event) = seen.input
            && self.turn == Some(*turn)
            && !self.done
            && !self.stopped
        {
            match event {
                AnswerEvent::Called(_) => {}
                AnswerEvent::Token(token) => self.written.push_str(token),
                AnswerEvent::Done(_) => self.done = true,
                AnswerEvent::Failed(_) => self.stopped = true,
            }
        }
        for effect in seen.effects {
            match effect {
                Effect::Ask { turn, .. } => self.asked(*turn),
                Effect::StopAsking => self.stopped = true,
                Effect::Say { turn, text, last } if !is_filler(seen.persona, text) => {
                    self.say(seen, *turn, &letters(text));
                    if *last && self.turn == Some(*turn) {
                        self.closed(seen)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn say(&mut self, seen: &Seen<'_>, turn: TurnId, new: &str) {
        // What a failed session had not spoken is said once more, of an older turn too.
        let again = seen.loses_session();
        if again && (turn < self.spoke.0 || self.spoke.1.ends_with(new)) {
            return;
        }
        if self.spoke.0 != turn {
            self.spoke = (turn, String::new());
        }
        self.spoke.1.push_str(new);
        if self.turn == Some(turn) {
            self.said.push_str(new);
        }
    }

    fn asked(&mut self, turn: TurnId) {
        let spoke = std::mem::take(&mut self.spoke);
        *self = Self { turn: Some(turn), spoke, ..Self::default() };
    }

    /// Its last word was said: all of it, or the beginning when it was stopped, and then at most
    /// what the persona has to say about it.
    fn closed(&mut self, seen: &Seen<'_>) -> Verdict {
        self.turn = None;
        let mut unmarked = String::new();
        let mut markers = MarkerScanner::new();
        markers.push(&self.written, &mut unmarked);
        markers.finish(&mut unmarked);
        let written = letters(&Speech::clean(&seen.rules.language, &unmarked));
        let persona = seen.persona;
        let phrases = [
            &persona.apology,
            &persona.unavailable,
            &persona.goodbye,
            &persona.escalation,
            &persona.more,
            &persona.bridge,
            &persona.stay,
        ];
        let is_written = |said: &str| {
            let whole = self.done && !self.stopped;
            if whole { said == written } else { written.starts_with(said) }
        };
        let with_phrase =
            |phrase: &&String| self.said.strip_suffix(&letters(phrase)).is_some_and(is_written);
        if is_written(&self.said) || phrases.iter().any(with_phrase) {
            return Ok(());
        }
        let detail = format!("written {written:?}, said {:?}", self.said);
        Err(Violation::of(Invariant::Whole, detail))
    }
}
