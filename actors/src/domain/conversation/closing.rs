//! How a call comes to its end: a goodbye that is heard out, a line that does not come back, a
//! webhook that says so, or another engine that took over.

use super::{Conversation, Effect, Observation, escalating::Bridge, opening::Opening};
use crate::domain::{
    handoff::{HandoffKind, HandoffNote},
    record::{Change, Status},
    time::{Millis, Timestamp},
    transcript::Reason,
};

/// How long Twilio may take to close the line after our `end`, ms, counted from the end of what it
/// has queued: it speaks that first, and drops it when we close.
const END_PATIENCE: Millis = 10_000;

/// Where a call stands on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It goes on.
    No,
    /// The goodbye is being spoken; then the session is ended.
    Goodbye {
        /// Whether the caller cannot take it back any more.
        binding: bool,
    },
    /// The caller is told that a person takes over; then the session is ended.
    Bridge(Bridge),
    /// `end` was sent at this moment.
    Ended { at: Timestamp, exit: Exit },
    /// Nothing more happens.
    Over,
}

/// Where a caller goes whose session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nowhere: all is said.
    Goodbye,
    /// To a person.
    Person,
    /// To another engine, and hears nothing of it.
    Engine,
}

impl Closing {
    pub(super) fn is_over(self) -> bool {
        self == Self::Over
    }

    /// The caller has something to say: a goodbye that is still being spoken is taken back.
    /// False when it is too late for that.
    pub(super) fn give_way(&mut self) -> bool {
        if *self == (Self::Goodbye { binding: false }) {
            *self = Self::No;
        }
        *self == Self::No
    }
}

impl Conversation {
    /// When the goodbye has been heard, which needs a line, or Twilio has had time to close.
    pub(super) fn closing_deadline(&self) -> Option<Timestamp> {
        match self.closing {
            Closing::Goodbye { .. } if self.line_lost.is_none() => Some(self.playback.ends_at()),
            Closing::Bridge(bridge) => self.bridge_deadline(bridge),
            Closing::Ended { at, .. } => Some(at.max(self.playback.ends_at()) + END_PATIENCE),
            _ => None,
        }
    }

    /// When the call has lasted as long as it may; an answer is heard out first.
    pub(super) fn limit_at(&self) -> Option<Timestamp> {
        let idle = self.answer.is_none() && self.may_speak_up();
        idle.then(|| self.started_at + self.rules.max_call)
    }

    /// Says that the call has to end, under the turn that goes on, and ends it when that was heard.
    pub(super) fn end_at_limit(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let phrase = self.persona.limit.clone();
        self.say_phrase(now, phrase, Some(Reason::Limit), effects);
        self.closing = Closing::Goodbye { binding: true };
    }

    pub(super) fn pass_closing_deadlines(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.limit_at().is_some_and(|at| at <= now) {
            self.turn = self.turn.next();
            self.end_at_limit(now, effects);
        }
        let due = self.closing_deadline().is_some_and(|at| at <= now);
        match self.closing {
            Closing::Goodbye { .. } if due => self.end_session(now, Exit::Goodbye, effects),
            Closing::Bridge(_) if due => self.plead_in_vain(now, effects),
            Closing::Ended { exit: Exit::Goodbye, .. } if due => {
                return self.conclude(now, Some(Status::Completed), effects);
            }
            Closing::Ended { .. } if due => return self.part(now, effects),
            _ => {}
        }
        match self.line_lost {
            Some((at, clean)) if at + self.rules.line_grace <= now => {
                let status = if clean { Status::Completed } else { Status::Failed };
                self.conclude(now, Some(status), effects);
            }
            _ => {}
        }
    }

    /// Tells Twilio to end the session. A line that comes after it is told so again.
    pub(super) fn end_session(&mut self, now: Timestamp, exit: Exit, effects: &mut Vec<Effect>) {
        let note = match exit {
            Exit::Goodbye => None,
            Exit::Person => self.escalation_note(),
            Exit::Engine => Some(HandoffNote::moving(self.sid, self.epoch)),
        };
        let note = note.unwrap_or_else(|| HandoffNote::new(HandoffKind::Goodbye));
        effects.push(Effect::End { handoff: note.encode() });
        self.closing = Closing::Ended { at: now, exit };
    }

    /// The call goes on without this session: with a person, or with another engine.
    pub(super) fn part(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if matches!(self.closing, Closing::Ended { exit: Exit::Engine, .. }) {
            self.let_go(now, effects);
        } else {
            self.conclude(now, None, effects);
        }
    }

    /// This session is over, and so is the call when it has a `status`: what was not heard by now
    /// never will be.
    pub(super) fn conclude(
        &mut self,
        now: Timestamp,
        status: Option<Status>,
        effects: &mut Vec<Effect>,
    ) {
        if self.closing.is_over() {
            return;
        }
        let silent_at = self.line_lost.map_or(now, |(at, _)| at);
        self.suspend(now, effects);
        self.set_keys_down(now, Reason::CallEnded, effects);
        for cut in self.playback.silenced(silent_at) {
            self.cut_turn(cut, Some(Reason::CallEnded), now, effects);
        }
        self.close_last_turn(Reason::CallEnded, effects);
        effects.extend(status.map(|status| Effect::Settle(Change::Ended { status })));
        effects.push(Effect::Finish);
        self.closing = Closing::Over;
    }

    /// Nobody listens any more: the model is stopped. Should a line come all the same, the answer
    /// is gone on with.
    pub(super) fn suspend(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = self.answer.take() else { return };
        let reason = Some(Reason::CallEnded);
        let stopped = Effect::Observe(Observation::Answered { reason });
        effects.extend([Effect::StopAsking, Effect::Silence, stopped]);
        if answer.has_spoken() {
            let draft = self.draft(now, &answer);
            self.record(draft, effects);
        }
        self.opening = Opening::TakenOver;
    }

    /// No turn stays open, and no question without an answer or a reason.
    pub(super) fn close_last_turn(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        let Some(last) = self.transcript.turns().last() else { return };
        let (id, role) = (last.id, last.role);
        if last.open || self.transcript.unanswered().is_some() {
            self.amend(id, role, effects, |turn| {
                turn.interrupted |= turn.open;
                (turn.open, turn.played) = (false, None);
                turn.reason = Some(reason);
            });
        }
    }

    /// Another engine owns the call: it speaks and writes, we do neither.
    pub(super) fn fall_silent(&mut self, effects: &mut Vec<Effect>) {
        self.answer = None;
        self.closing = Closing::Over;
        effects.extend([Effect::StopAsking, Effect::Silence, Effect::RefuseLine, Effect::Finish]);
    }
}
