//! The model's time, and the caller's: one question at a time, none waited for too long.

use switchhook_actors::domain::{
    answer::AnswerEvent,
    conversation::{Effect, Input, Observation, Rules},
    escalation::Grounds,
    ids::TurnId,
    prompt::{ESCALATE_TOOL, Tools},
    relay::{Inbound, Info},
    time::{Millis, Timestamp},
    transcript::Role,
};

use super::{Invariant, Seen, Verdict, Violation, is_filler};

/// How long the first word waits for the caller's words to be durable, ms.
const SAVE_PATIENCE: Millis = 1_000;

/// How long a caller who has cut in is waited for, ms.
const FOLLOW_UP: Millis = 2_500;

/// How long Twilio may say that the caller speaks without words coming of it, ms.
const SPEAKING_MAX: Millis = 30_000;

/// How long keys are collected after the last one, ms.
const KEYS_PAUSE: Millis = 3_000;

/// One retry, and one new connection for a stale one.
const REPEATS_MAX: u32 = 2;

/// How often a tool that was called wrongly is explained within a turn.
const ROUNDS_MAX: u32 = 3;

/// A question to the model.
#[derive(Debug, Clone, Copy)]
struct Question {
    turn: TurnId,
    asked_at: Timestamp,
    token_at: Option<Timestamp>,
    /// The attempt failed; it may be repeated.
    failed: bool,
    repeats: u32,
    /// A tool was called that is not followed.
    misused: bool,
    /// How often that was explained to the model.
    rounds: u32,
    /// Whether the caller stays was asked: what the model writes is not waited for.
    plea: bool,
    /// A word of it was said: it never starts again.
    spoken: bool,
}

/// A word that a caller waits for.
#[derive(Debug, Clone, Copy)]
struct Owed {
    turn: TurnId,
    asked_at: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Waits {
    question: Option<Question>,
    /// A question that ended with a wrong tool in this step: it is put once more, with the reason.
    misused: Option<Question>,
    owed: Option<Owed>,
    /// The model was stopped in this step.
    stopped: bool,
    /// Until when the agent may hold back for a caller who cut in.
    yields_until: Timestamp,
    /// The caller makes a sound since then.
    speaking: Option<Timestamp>,
    /// The call is over: nobody waits.
    over: bool,
    /// When the keys pressed so far are a turn.
    keys_until: Option<Timestamp>,
}

impl Question {
    fn due(&self, rules: &Rules) -> Timestamp {
        let token = match self.token_at {
            None => self.asked_at + rules.first_token,
            Some(at) => at + rules.token_gap,
        };
        token.min(self.asked_at + rules.turn)
    }
}

impl Waits {
    /// The turn whose answer is being written or waits to be spoken.
    pub(crate) fn unfinished(&self) -> Option<TurnId> {
        self.question.map(|question| question.turn).or(self.owed.map(|owed| owed.turn))
    }

    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        if self.over {
            return Ok(());
        }
        self.hear(seen);
        self.stopped = false;
        self.misused = self.misused.filter(|_| matches!(seen.input, Input::Answer(..)));
        for effect in seen.effects {
            self.effect(seen, effect)?;
        }
        if let Input::LineLost { clean: true }
        | Input::Relay(Inbound::End)
        | Input::Concluded(_)
        | Input::Fenced = seen.input
        {
            // Nobody listens: nothing is owed until a line comes.
            self.owed = None;
        }
        self.overdue(seen)
    }

    fn hear(&mut self, seen: &Seen<'_>) {
        match seen.input {
            Input::Answer(turn, event) => {
                let asked = self.question.as_mut().filter(|asked| asked.turn == *turn);
                let Some(question) = asked else { return };
                match event {
                    AnswerEvent::Called(call) => {
                        let escalates = call.name == ESCALATE_TOOL
                            && Grounds::from_arguments(&call.arguments).is_ok();
                        question.misused |= !escalates && !question.failed;
                    }
                    AnswerEvent::Token(_) if question.plea => {}
                    AnswerEvent::Token(_) if !question.failed => question.token_at = Some(seen.now),
                    AnswerEvent::Token(_) => {}
                    AnswerEvent::Done(_) => {
                        self.misused = self.question.take().filter(|asked| asked.misused);
                    }
                    AnswerEvent::Failed(_) => {
                        question.failed = true;
                        question.misused = false;
                        question.token_at = None;
                    }
                }
            }
            Input::Relay(Inbound::Interrupt(_)) => self.yields_until = seen.now + FOLLOW_UP,
            Input::Relay(Inbound::Info(Info::ClientSpeaking(on))) => {
                self.speaking = on.then_some(seen.now);
                self.yields_until = seen.now + FOLLOW_UP;
            }
            Input::Relay(Inbound::Dtmf(_)) => {
                let ignored =
                    seen.effects.contains(&Effect::Observe(Observation::Ignored("dtmf_after_end")));
                self.keys_until = (!ignored).then(|| seen.now + KEYS_PAUSE);
            }
            _ => {}
        }
    }

    fn effect(&mut self, seen: &Seen<'_>, effect: &Effect) -> Verdict {
        match effect {
            Effect::Ask { turn, again, prompt } => {
                return self.ask(seen.now, *turn, *again, prompt.tools == Tools::Stay);
            }
            // Who is handed over is answered by a person.
            Effect::End { .. } => self.owed = None,
            Effect::StopAsking => (self.question, self.stopped) = (None, true),
            // The answer is given up, not only its voice.
            Effect::Silence if self.stopped => self.owed = None,
            Effect::Say { turn, text, .. }
                if !text.is_empty() && !is_filler(seen.persona, text) =>
            {
                // After a failed session the first half is said once more: no word of this attempt.
                let anew = !seen.loses_session();
                // Other words than the answer's settle it too: a goodbye, say; not the one about a break.
                let word = anew || !seen.persona.resume.ends_with(text);
                if word && self.owed.is_some_and(|owed| owed.turn <= *turn) {
                    self.owed = None;
                }
                let question = self.question.as_mut().filter(|asked| anew && asked.turn == *turn);
                if let Some(question) = question {
                    question.spoken = true;
                }
            }
            Effect::Append(turn) if turn.role == Role::Customer => self.keys_until = None,
            Effect::Finish => *self = Self { over: true, ..Self::default() },
            _ => {}
        }
        Ok(())
    }

    fn ask(&mut self, now: Timestamp, turn: TurnId, again: bool, plea: bool) -> Verdict {
        let explained = self.misused.take().filter(|asked| asked.turn == turn && !again);
        let failed = self.question.filter(|asked| asked.failed && asked.turn == turn);
        let wrong = match (failed, self.question) {
            (None, Some(_)) => Some("another question is open"),
            (None, None) if again => Some("it was never asked"),
            (Some(_), _) if !again => Some("it is asked again as if for the first time"),
            (Some(failed), _) if failed.spoken => Some("a word of it was said"),
            (Some(failed), _) if failed.repeats >= REPEATS_MAX => Some("it was asked too often"),
            (None, None) if explained.is_some_and(|asked| asked.spoken) => {
                Some("a word was said before the tool was called wrongly")
            }
            (None, None) if explained.is_some_and(|asked| asked.rounds >= ROUNDS_MAX) => {
                Some("the tool was explained too often")
            }
            _ => None,
        };
        if let Some(why) = wrong {
            let detail = format!("turn {turn} is asked, but {why}: {:?}", self.question);
            return Err(Violation::of(Invariant::Questions, detail));
        }
        let before = failed.or(explained);
        let asked_at = before.map_or(now, |asked| asked.asked_at);
        let repeats = before.map_or(0, |asked| asked.repeats) + u32::from(failed.is_some());
        let rounds = before.map_or(0, |asked| asked.rounds) + u32::from(explained.is_some());
        self.question = Some(Question {
            turn,
            asked_at,
            token_at: None,
            failed: false,
            repeats,
            misused: false,
            rounds,
            plea,
            spoken: false,
        });
        self.owed = Some(Owed { turn, asked_at });
        Ok(())
    }

    fn overdue(&self, seen: &Seen<'_>) -> Verdict {
        let answer = match (self.question, self.owed) {
            (Some(question), _) => Some(question.due(seen.rules)),
            (None, Some(owed)) => {
                let sound = self.speaking.map_or(Timestamp(0), |since| since + SPEAKING_MAX);
                Some((owed.asked_at + SAVE_PATIENCE).max(self.yields_until).max(sound))
            }
            (None, None) => None,
        };
        let Some(due) = [answer, self.keys_until].into_iter().flatten().min() else {
            return Ok(());
        };
        let what = self.unfinished();
        if due <= seen.now {
            let detail = format!("turn {what:?} was due at {due:?}, it is {:?}", seen.now);
            return Err(Violation::of(Invariant::Deadline, detail));
        }
        match seen.machine.next_deadline() {
            Some(next) if next <= due => Ok(()),
            next => {
                let detail = format!("turn {what:?} is due at {due:?}, the timer at {next:?}");
                Err(Violation::of(Invariant::Deadline, detail))
            }
        }
    }
}
