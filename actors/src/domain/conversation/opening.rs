//! What is said when a line is there: a greeting, what is still owed, or a word after a break.

use super::{Conversation, Effect, closing::Closing};
use crate::domain::{
    record::CallRecord,
    time::{Millis, Timestamp},
    transcript::{Reason, Role, Turn},
};

/// How long the first frame of a new line is waited for, ms. Twilio sends `setup` at once after
/// the upgrade; whether it does so again when it reconnects by itself is not documented.
const FIRST_FRAME: Millis = 500;

/// A break of the line that a caller wonders about, ms.
const LONG_BREAK: Millis = 2_000;

/// What waits in sockets when the engine has stood still is looked at first, ms.
const LOOK_FIRST: Millis = 1_000;

/// A line that comes so soon after the engine stood still was lost by that, ms.
const WAKING: Millis = 5_000;

/// What the engine has to say first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nobody has spoken yet, and there is no line.
    Fresh,
    /// There was a line before, held by another session or given up by this one, and none now.
    TakenOver,
    /// There is a line; the word is due when it has said something, or at this moment.
    Due { taken_over: bool, by: Timestamp },
    /// Said.
    Done,
}

impl Opening {
    pub(super) fn of(record: &CallRecord) -> Self {
        // Who comes back from the way to a person is no new caller, whatever is known of them.
        let fresh = record.transcript.turns().is_empty()
            && !record.words_missing
            && record.escalation.is_none()
            && record.moved.is_none();
        if fresh { Self::Fresh } else { Self::TakenOver }
    }

    /// Whether there is, or was, a line of this session's.
    pub(super) fn is_on_a_line(self) -> bool {
        matches!(self, Self::Due { .. } | Self::Done)
    }

    pub(super) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Due { by, .. } => Some(by),
            _ => None,
        }
    }
}

impl Conversation {
    /// What came meanwhile is looked at before anything is found to be late.
    pub(super) fn stand_still(&mut self, now: Timestamp) {
        self.stood_still = Some(now);
        let until = now + LOOK_FIRST;
        self.quiet.excuse(now, until);
        self.keys.excuse(until);
        if let Some(answer) = &mut self.answer {
            answer.excuse(until);
        }
    }

    pub(super) fn attached(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.attached_at = Some(now);
        let anew = self.losses.failed;
        self.note_resume(effects);
        if self.opening.is_on_a_line() && self.line_lost.is_none() {
            // It takes the place of one whose loss nobody has noticed.
            self.line_lost = Some((now, false));
            self.playback.pause(now);
        }
        let lost = self.line_lost.take();
        let stood_still = self.stood_still.take().is_some_and(|at| now.since(at) < WAKING);
        let unheard = stood_still && self.says_nothing(now);
        self.quiet.stir(now);
        if lost.is_some() {
            let broke = lost.is_some_and(|(_, clean)| !clean);
            self.quiet.come_back(now, broke && self.says_nothing(now));
        }
        // The call's first line has nothing to say again.
        if !self.moved && self.opening != Opening::Fresh {
            self.replays.expect(now);
        }
        self.playback.go_on(now);
        if anew {
            self.note_voice(now, effects);
        }
        self.opening = match self.opening {
            // An `end` that an older line may have lost is repeated.
            Opening::Done
                if unheard
                    || self.left_in_silence(lost, now)
                    || matches!(self.closing, Closing::Ended { .. }) =>
            {
                Opening::Due { taken_over: true, by: now + FIRST_FRAME }
            }
            Opening::Fresh => Opening::Due { taken_over: false, by: now + FIRST_FRAME },
            Opening::TakenOver => Opening::Due { taken_over: true, by: now + FIRST_FRAME },
            Opening::Due { taken_over, .. } => Opening::Due { taken_over, by: now + FIRST_FRAME },
            Opening::Done => Opening::Done,
        };
    }

    /// Whether the caller heard nothing for so long that a word about it is due: the agent had
    /// said all before the line broke, and says nothing now.
    fn left_in_silence(&self, lost: Option<(Timestamp, bool)>, now: Timestamp) -> bool {
        let Some((lost, _)) = lost else { return false };
        let quiet = self.answer.is_none() && self.playback.ends_at() <= lost;
        quiet && now.since(lost) >= LONG_BREAK
    }

    /// Whether the caller has heard all there was, and no answer is on its way.
    pub(super) fn says_nothing(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.playback.ends_at() <= now
    }

    pub(super) fn open(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.say_first(now, effects);
        self.obey(now, effects);
    }

    fn say_first(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (taken_over, attached_at) = match self.opening {
            Opening::Due { taken_over, by } => (taken_over, by - FIRST_FRAME),
            _ => (false, now),
        };
        self.opening = Opening::Done;
        if self.closing != Closing::No {
            // The goodbye was said. Where its `end` was lost with the line, it is repeated.
            if let Closing::Ended { at, exit } = self.closing
                && at < attached_at
            {
                self.end_session(now, exit, effects);
            } else if matches!(self.closing, Closing::Bridge(_)) && self.answer.is_none() {
                // The line was lost before a word of it was said.
                self.come_back(now, effects);
            }
            return;
        }
        match taken_over {
            // What the caller pressed before has become a question meanwhile.
            true if self.answer.is_some() => {}
            true => {
                self.go_on(now, effects);
                self.losses.voiceless = None;
            }
            false => self.greet(now, effects),
        }
    }

    /// The greeting is Twilio's when our TwiML carried it, else ours.
    fn greet(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.inherits = false;
        match self.greeting.take() {
            Some(greeting) if greeting.is_empty() => {}
            Some(greeting) => {
                self.playback.greeted(now, self.turn, &greeting);
                self.record(Turn::new(self.turn, Role::Agent, greeting, now), effects);
            }
            None => {
                let greeting = self.persona.greeting.clone();
                self.say_phrase(now, greeting, None, effects);
            }
        }
    }

    /// Goes on where the session before this one stopped.
    fn go_on(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let inherits = std::mem::take(&mut self.inherits);
        let moved = std::mem::take(&mut self.moved);
        if self.come_back(now, effects) {
            return;
        }
        if std::mem::take(&mut self.keeps_failing) {
            return self.seek_person(now, effects);
        }
        let last = self.transcript.turns().last().cloned();
        let told = inherits && self.say_unheard(now, effects);
        match last {
            Some(turn) if turn.role == Role::Agent && turn.open => {
                if !inherits {
                    self.forget_voice(now, &turn, effects);
                }
                self.go_on_with(now, &turn, told, effects);
            }
            Some(turn) if turn.role == Role::Agent && turn.reason == Some(Reason::TakenOver) => {
                self.go_on_behind(now, &turn, (inherits, told), effects);
            }
            Some(turn) if turn.role == Role::Customer && turn.reason.is_none() => {
                self.heed(now, &turn.text, true, effects);
            }
            // The caller has heard all there was, and nothing of the way to this engine.
            _ if moved => {}
            // The question for a message stands: it is put again, or the next words were one unasked.
            _ if self.awaits_message() => {
                let phrase = format!("{} {}", self.persona.resume, self.persona.unreached);
                self.say_aside(now, phrase, Some(Reason::NoPerson), effects);
            }
            // The break was spoken of, and what nobody had heard was said.
            _ if told => {}
            Some(turn)
                if turn.role == Role::Agent && inherits && self.say_rest(now, &turn, effects) => {}
            _ => {
                let resume = self.persona.resume.clone();
                self.say_aside(now, resume, None, effects);
            }
        }
    }

    /// A phrase in a cycle and a turn of its own: it answers nothing.
    pub(super) fn say_aside(
        &mut self,
        now: Timestamp,
        phrase: String,
        reason: Option<Reason>,
        effects: &mut Vec<Effect>,
    ) {
        self.turn = self.turn.next();
        self.say_phrase(now, phrase, reason, effects);
    }

    /// A phrase of the persona's as the agent's side of the turn that goes on.
    pub(super) fn say_phrase(
        &mut self,
        now: Timestamp,
        phrase: String,
        reason: Option<Reason>,
        effects: &mut Vec<Effect>,
    ) {
        self.playback.speak(now, self.turn, &phrase);
        let mut turn = Turn::new(self.turn, Role::Agent, phrase.clone(), now);
        (turn.reason, turn.played) = (reason, self.played(now, self.turn, &phrase));
        self.record(turn, effects);
        effects.push(Effect::Say { turn: self.turn, text: phrase, last: true });
    }
}
