//! What is said, in which order, and in which talk cycles.

use switchhook_actors::domain::{
    conversation::{Effect, Input},
    ids::TurnId,
    relay::Inbound,
    transcript::Role,
};

use super::{Invariant, Seen, Verdict, Violation, is_filler};

#[derive(Debug, Default)]
pub(crate) struct Spoken {
    /// Whose talk cycle is open.
    open: Option<TurnId>,
    /// The newest turn that was asked about or spoken for.
    newest: TurnId,
    /// Whose words were said last.
    last: TurnId,
    /// The turn in which the caller said something last.
    heard: TurnId,
    /// The turn whose last word was said, or that was given up: it says nothing more.
    closed: Option<TurnId>,
    /// The question that was asked last, until it is given up.
    asked: Option<TurnId>,
    /// The model was stopped in this step.
    stopped: bool,
    /// There is a line.
    line: bool,
    /// `end` was sent.
    ended: bool,
    /// It was sent on this line.
    ended_here: bool,
    /// The filler of the last wait, and how many there were in this one.
    filler: Option<String>,
    fillers: u8,
    /// The session is over.
    pub(crate) finished: bool,
}

impl Spoken {
    /// A line is there.
    pub(crate) fn attached(&mut self) {
        self.line = true;
        self.ended_here = false;
    }

    pub(crate) fn line_lost(&mut self) {
        self.line = false;
    }

    /// Another engine goes on. Whether a cycle of its predecessor's is open it cannot know: its own
    /// next one ends that, too. `last`: whose words the voice was given last; `heard`: the turn in which
    /// the caller said something last.
    pub(crate) fn taken_over(&mut self, last: TurnId, heard: TurnId) {
        *self = Self { last, heard, ..Self::default() };
    }

    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        if self.finished && !seen.effects.is_empty() {
            let detail = format!("after the end: {:?}", seen.effects);
            return Err(Violation::of(Invariant::Over, detail));
        }
        let ends =
            matches!(seen.input, Input::LineLost { clean: true } | Input::Relay(Inbound::End));
        if ends || seen.loses_session() {
            // The session's cycles are gone with it.
            self.open = None;
        }
        self.stopped = false;
        for effect in seen.effects {
            if self.finished {
                return Err(Violation::of(Invariant::Over, format!("after Finish: {effect:?}")));
            }
            self.effect(seen, effect)?;
        }
        if seen.effects.contains(&Effect::Finish)
            && self.line
            && self.open.is_some()
            && *seen.input == Input::Tick
        {
            return Err(Violation::of(Invariant::Cycle, "the call ended within a talk cycle"));
        }
        Ok(())
    }

    fn effect(&mut self, seen: &Seen<'_>, effect: &Effect) -> Verdict {
        let fenced = *seen.input == Input::Fenced;
        match effect {
            Effect::Say { .. } | Effect::Append(_) if fenced => {
                Err(Violation::of(Invariant::Over, format!("fenced off, and yet: {effect:?}")))
            }
            Effect::Say { turn, text, last } if *last && is_filler(seen.persona, text) => {
                self.fill(*turn, text)
            }
            Effect::Say { turn, text, last } => {
                // What a failed session had not spoken of the last words, and of those since the
                // caller's, is said once more, in its turn's name.
                let newest = *turn == self.last || *turn >= self.heard;
                let again = seen.loses_session() && newest;
                self.say(*turn, text, *last, again)
            }
            Effect::Ask { turn, again, .. } => {
                self.newest = self.newest.max(*turn);
                self.asked = Some(*turn);
                self.closed = self.closed.filter(|closed| closed != turn);
                if !again {
                    self.fillers = 0;
                }
                Ok(())
            }
            Effect::Silence => {
                if self.stopped {
                    // The answer is given up, not only its voice.
                    self.closed = self.asked.take().or(self.closed);
                }
                Ok(())
            }
            Effect::RefuseLine => {
                self.line_lost();
                Ok(())
            }
            Effect::End { .. } => {
                if self.open.is_some() || self.ended_here {
                    return Err(Violation::of(Invariant::Cycle, "ended twice or within a cycle"));
                }
                (self.ended, self.ended_here) = (true, true);
                Ok(())
            }
            Effect::Finish => {
                self.finished = true;
                match seen.machine.next_deadline() {
                    None => Ok(()),
                    Some(_) => Err(Violation::of(Invariant::Over, "a deadline after the end")),
                }
            }
            Effect::StopAsking => {
                self.stopped = true;
                Ok(())
            }
            Effect::Append(turn) if turn.role == Role::Customer => {
                self.heard = self.heard.max(turn.id);
                Ok(())
            }
            Effect::Append(_)
            | Effect::Settle(_)
            | Effect::Escalate(_)
            | Effect::Advance { .. }
            | Effect::Summarize { .. }
            | Effect::Observe(_) => Ok(()),
        }
    }

    fn say(&mut self, turn: TurnId, text: &str, last: bool, again: bool) -> Verdict {
        self.last = turn;
        if text.is_empty() {
            return if last { self.close(turn) } else { Ok(()) };
        }
        if self.ended {
            return Err(Violation::of(Invariant::Over, format!("{text:?} after `end`")));
        }
        if turn < self.newest && !again {
            let detail = format!("{text:?} of turn {turn} after turn {}", self.newest);
            return Err(Violation::of(Invariant::Stale, detail));
        }
        if self.closed.is_some_and(|closed| turn <= closed) && !again {
            let detail = format!("{text:?} of turn {turn}, whose last word was said");
            return Err(Violation::of(Invariant::Stale, detail));
        }
        self.newest = self.newest.max(turn);
        if self.open.is_some_and(|open| open != turn) {
            let detail = format!("turn {turn} speaks in the cycle of {:?}", self.open);
            return Err(Violation::of(Invariant::Cycle, detail));
        }
        self.open = (!last).then_some(turn);
        if last {
            self.closed = self.closed.max(Some(turn));
        }
        Ok(())
    }

    /// At most two cover a wait, in cycles of their own, never the same twice in a row.
    fn fill(&mut self, turn: TurnId, text: &str) -> Verdict {
        let again = self.filler.replace(text.to_owned()).is_some_and(|last| last == text);
        self.fillers += 1;
        if again || self.fillers > 2 || self.open.is_some() || self.asked != Some(turn) {
            let detail = format!("filler {text:?} for turn {turn}: {self:?}");
            return Err(Violation::of(Invariant::Cycle, detail));
        }
        Ok(())
    }

    fn close(&mut self, turn: TurnId) -> Verdict {
        match self.open.take() {
            Some(open) if open == turn => {
                self.closed = self.closed.max(Some(turn));
                Ok(())
            }
            open => {
                let detail = format!("an empty end for turn {turn}, open: {open:?}");
                Err(Violation::of(Invariant::Cycle, detail))
            }
        }
    }
}
