//! Lines that are lost, with their session or without it: what waits, and what is said again.

use super::{
    Conversation, Effect,
    closing::{Closing, Exit},
    opening::Opening,
};
use crate::domain::{playback::Cut, time::Timestamp, transcript::Reason};

impl Conversation {
    /// A line that Twilio closed in good order has nobody at its other end: the caller hung up. One
    /// that broke may be back in a moment, and the answer goes on meanwhile.
    pub(super) fn lose_line(&mut self, now: Timestamp, clean: bool, effects: &mut Vec<Effect>) {
        self.line_lost = Some((now, clean));
        self.playback.pause(now);
        if matches!(self.closing, Closing::Ended { exit: Exit::Person | Exit::Engine, .. }) {
            return self.part(now, effects);
        }
        if clean {
            self.postpone_bridge(effects);
            self.suspend(now, effects);
        }
    }

    /// The old session's queue is gone with it: what the caller has not heard of the last words is
    /// said again, on the next line.
    pub(super) fn lose_session(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (lost, _) = *self.line_lost.get_or_insert((now, false));
        self.playback.pause(lost);
        effects.extend([Effect::RefuseLine, Effect::Silence]);
        if let Opening::Due { taken_over: false, .. } = self.opening {
            // The greeting that Twilio had begun is gone; the next session has none of its own.
            (self.opening, self.greeting) = (Opening::Fresh, None);
        }
        if matches!(self.closing, Closing::Ended { .. }) {
            // Its last words are not said again behind the end.
            for cut in self.playback.silenced(lost) {
                self.cut_turn(cut, Some(Reason::CallEnded), now, effects);
            }
            return;
        }
        let last = self.playback.last_turn();
        let sent = last.map(|turn| self.playback.sent(turn).to_owned()).unwrap_or_default();
        let mut unheard = None;
        for cut in self.playback.silenced(lost) {
            if Some(cut.turn) == last {
                unheard = Some(cut);
            } else {
                self.cut_turn(cut, None, now, effects);
            }
        }
        let going_on = self.answer.as_mut().filter(|answer| Some(answer.turn) == last);
        let ends = going_on.is_none();
        if let Some(answer) = going_on {
            answer.cycle_open = unheard.is_some();
        }
        if let Some(Cut { turn, heard, .. }) = unheard {
            let text = sent.get(heard.len()..).unwrap_or_default().to_owned();
            self.playback.resume(turn, &heard);
            self.playback.speak(now, turn, &text);
            // While it is still being written, its end closes the cycle.
            effects.push(Effect::Say { turn, text, last: ends });
        } else if let Some(turn) = last {
            self.playback.resume(turn, &sent);
        }
    }
}
