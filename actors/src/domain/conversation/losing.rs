//! Lines that are lost, with their session or without it: what waits, and what is said again.

use super::{
    Conversation, Effect,
    closing::{Closing, Exit},
    opening::Opening,
    resuming::DOUBT,
};
use crate::domain::{
    playback::Cut,
    record::{
        CallRecord,
        losses::{CONNECTING, Failure},
    },
    time::{Millis, Timestamp},
    transcript::{Reason, Role},
};

/// A line that broke is noticed a moment after its voice fell silent, ms: the word at whose very end that
/// was may not have been heard.
const NOTICING: Millis = 50;

/// What a session knows of those that Twilio gave up.
#[derive(Debug)]
pub(super) struct Losses {
    /// Before this one: a voice fell silent. Those without another that has gone on since, and what the
    /// address of this session's line tells.
    pub(super) unresumed: Vec<Failure>,
    /// Words said from then on no voice has had: the line they went to was of a session that had failed.
    pub(super) voiceless: Option<Timestamp>,
    /// The last of all: this one, or another before it.
    pub(super) last: Option<Failure>,
    /// The end of the last one that the address of a line told of, here or where the call was before: a line
    /// with an older address may be of a session that is known to have failed.
    pub(super) addressed: Option<Timestamp>,
    /// It is this one, and no line came since.
    pub(super) failed: bool,
}

impl Losses {
    pub(super) fn of(record: &CallRecord) -> Self {
        Self {
            unresumed: record.unresumed().copied().collect(),
            voiceless: None,
            last: record.failures.last().copied(),
            addressed: record.addressed,
            failed: false,
        }
    }
}

impl Conversation {
    /// A line that Twilio closed in good order has nobody at its other end: the caller hung up. One
    /// that broke may be back in a moment, and the answer goes on meanwhile.
    pub(super) fn lose_line(&mut self, now: Timestamp, clean: bool, effects: &mut Vec<Effect>) {
        self.line_lost = Some((now, clean));
        self.playback.pause(now);
        if let Opening::Due { taken_over: true, .. } = self.opening {
            // Nobody is there to be told anything.
            self.opening = Opening::TakenOver;
        }
        if matches!(self.closing, Closing::Ended { exit: Exit::Person | Exit::Engine, .. }) {
            return self.part(now, effects);
        }
        if clean {
            self.postpone_bridge(effects);
            self.suspend(now, effects);
        }
    }

    /// Twilio gave the session up: its queue is gone with it, and its line.
    pub(super) fn lose_session(
        &mut self,
        now: Timestamp,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let has_come_since = self.attached_at.is_some() && !self.losses.failed;
        if has_come_since && self.is_known(failure) {
            // Told late, or once more: the line there is came behind it.
            return;
        }
        self.lose_voice(now, failure, effects);
    }

    /// The next line is of a new session, and its address tells which one before it failed: what that had
    /// not spoken is gone, where nobody has told this session.
    pub(super) fn learn_of_failure(
        &mut self,
        now: Timestamp,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let is_first = self.losses.addressed < Some(failure.ended);
        self.losses.addressed = self.losses.addressed.max(Some(failure.ended));
        let is_unheeded = if self.inherits {
            // The record has told. Who greets, the address alone says: not Twilio.
            let is_told = self.losses.unresumed.last().is_some_and(|last| last.is(failure));
            is_first || is_told || self.opening == Opening::Fresh
        } else {
            is_first && !self.losses.failed
        };
        if self.inherits && is_first {
            self.losses.voiceless = self.voiceless_since(failure.at.min(now) + CONNECTING);
        }
        if !self.is_known(failure) || is_unheeded {
            self.lose_voice(now, failure, effects);
        }
    }

    /// No address has told of a failure before, so none of a session's that came behind it: what was said
    /// from that moment on went to the line that had failed, unless the caller said something there.
    fn voiceless_since(&self, failed: Timestamp) -> Option<Timestamp> {
        let turns = self.transcript.turns().iter();
        let mut since = turns.filter(|turn| turn.at >= failed);
        since.all(|turn| turn.role == Role::Agent).then_some(failed)
    }

    /// The record tells of a failure: the next line may be of a new session, though its address is old, or
    /// it may have been the last one.
    pub(super) fn read_of_failure(
        &mut self,
        now: Timestamp,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let is_of_last_line = self.attached_at.is_none_or(|came| failure.may_be_of(came, now));
        if !self.is_known(failure) && is_of_last_line {
            self.lose_voice(now, failure, effects);
        }
    }

    /// Whether this session knows that that one failed, or a later one.
    fn is_known(&self, failure: Failure) -> bool {
        self.losses.last.is_some_and(|known| failure.ended <= known.ended)
    }

    /// What the caller has not heard of the words since they said something last is said again, on the next
    /// line.
    fn lose_voice(&mut self, now: Timestamp, failure: Failure, effects: &mut Vec<Effect>) {
        if self.opening.is_on_a_line() {
            effects.push(Effect::RefuseLine);
        }
        self.losses.failed = true;
        if !self.is_known(failure) {
            self.losses.last = Some(failure);
        }
        // The engine that was told may have a clock that is ahead.
        let at = failure.at.min(now);
        self.moved = false;
        if self.inherits {
            // Nothing was said yet: it is the voice of a session before this one that fell silent, and
            // it lived when it said something last.
            let said = self.transcript.last_sign_of_life(at, CONNECTING);
            let said = said.filter(|said| said.since(at) < CONNECTING);
            self.losses.unresumed.retain(|known| !known.is(failure));
            self.losses.unresumed.push(Failure { at, ..failure }.not_before(said));
        }
        // The loss of a line may be noticed long after its session has failed.
        let noticed = self.line_lost.map(|(lost, _)| lost).filter(|lost| *lost <= at);
        let lost = noticed.map_or(at - DOUBT, |noticed| noticed - NOTICING);
        self.line_lost.get_or_insert((now - DOUBT, false));
        self.playback.pause(lost);
        effects.push(Effect::Silence);
        if let Opening::Fresh | Opening::Due { taken_over: false, .. } = self.opening {
            self.opening = match self.greeting.take() {
                // Nobody knows what the caller has heard before it.
                Some(unknown) if unknown.is_empty() => Opening::TakenOver,
                // The greeting that Twilio had begun is gone; the next session has none of its own.
                _ => Opening::Fresh,
            };
        }
        if matches!(self.closing, Closing::Ended { .. }) {
            // Its last words are not said again behind the end.
            for cut in self.playback.silenced(lost) {
                self.cut_turn(cut, Some(Reason::CallEnded), now, effects);
            }
            return;
        }
        self.say_again(now, lost, effects);
    }

    /// Says what a voice that fell silent at that moment had not reached of the words since the caller's
    /// last.
    fn say_again(&mut self, now: Timestamp, lost: Timestamp, effects: &mut Vec<Effect>) {
        let (queue, last) = (self.playback.clone(), self.playback.last_turn());
        let asked = self.transcript.last_asked();
        let cuts = self.playback.silenced(lost);
        let unheard = cuts.iter().any(|cut| Some(cut.turn) == last);
        let going_on = self.answer.as_mut().filter(|answer| Some(answer.turn) == last);
        let ends = going_on.is_none();
        if let Some(answer) = going_on {
            answer.cycle_open = unheard;
        }
        for cut in cuts {
            if cut.turn < asked && Some(cut.turn) != last {
                // The caller has said something since.
                self.cut_turn(cut, None, now, effects);
                continue;
            }
            let Cut { turn, heard, .. } = cut;
            let text = queue.sent(turn).get(heard.len()..).unwrap_or_default().to_owned();
            self.playback.resume(turn, &heard);
            self.playback.speak(now, turn, &text);
            // While it is still being written, its end closes the cycle.
            effects.push(Effect::Say { turn, text, last: ends || Some(turn) != last });
        }
        if let Some(turn) = last.filter(|_| !unheard) {
            self.playback.resume(turn, queue.sent(turn));
        }
    }
}
