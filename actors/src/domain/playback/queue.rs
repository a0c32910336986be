//! What was given to the voice of late, in its order.

use std::collections::{VecDeque, vec_deque};

use super::{
    pace::{backward, chars},
    utterance::Utterance,
};
use crate::domain::ids::TurnId;

/// How many utterances are remembered: an interrupt speaks of the latest, or of one that was still
/// in Twilio's queue behind them.
const UTTERANCES_KEPT: usize = 12;

/// Utterances, oldest first. Also what has been heard in full, for a while: an interrupt may speak
/// of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(VecDeque<Utterance>);

impl Queue {
    pub(super) fn begin(&mut self, turn: TurnId, text: &str, aside: bool) {
        if self.0.len() >= UTTERANCES_KEPT {
            self.0.pop_front();
        }
        let text = text.to_owned();
        self.0.push_back(Utterance { turn, text, heard: 0, aside, past: 0 });
    }

    pub(super) fn last(&self) -> Option<&Utterance> {
        self.0.back()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Utterance> {
        self.0.back_mut()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Utterance> {
        self.0.get(at)
    }

    pub(super) fn iter(&self) -> vec_deque::Iter<'_, Utterance> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> vec_deque::IterMut<'_, Utterance> {
        self.0.iter_mut()
    }

    /// Takes all of them away.
    pub(super) fn drain(&mut self) -> vec_deque::Drain<'_, Utterance> {
        self.0.drain(..)
    }

    /// All but the last so many characters had been spoken before the voice starts again.
    pub(super) fn leave_behind(&mut self, but: u64) {
        self.reach(but, |utterance| &mut utterance.past);
    }

    /// All but the last so many characters have been heard.
    pub(super) fn hear(&mut self, but: u64) {
        self.reach(but, |utterance| &mut utterance.heard);
    }

    /// Takes that mark of every utterance up to the last so many characters of all.
    fn reach(&mut self, mut but: u64, mark: fn(&mut Utterance) -> &mut usize) {
        for utterance in self.0.iter_mut().rev() {
            let end = backward(&utterance.text, but);
            but = but.saturating_sub(chars(&utterance.text));
            let mark = mark(utterance);
            *mark = end.max(*mark);
        }
    }

    /// The last so many characters of all have not been spoken.
    pub(super) fn take_back(&mut self, mut last: u64) {
        for utterance in self.0.iter_mut().rev() {
            let end = backward(&utterance.text, last);
            last = last.saturating_sub(chars(&utterance.text));
            (utterance.heard, utterance.past) = (utterance.heard.min(end), utterance.past.min(end));
        }
    }

    /// Characters that the voice has before it, by what it has proven.
    pub(super) fn ahead(&self) -> u64 {
        self.0.iter().map(|utterance| chars(utterance.ahead())).sum()
    }

    /// All utterances in one text, a space between two, as a voice would speak them.
    pub(super) fn joined(&self) -> String {
        let mut all = String::new();
        for utterance in &self.0 {
            all.push_str(&utterance.text);
            all.push(' ');
        }
        // What the voice has still to speak is counted from the last word's end.
        all.pop();
        all
    }

    /// Where every utterance begins in the joined text.
    pub(super) fn starts(&self) -> impl Iterator<Item = usize> {
        self.0.iter().scan(0, |next, utterance| {
            let start = *next;
            *next += utterance.text.len() + 1;
            Some(start)
        })
    }
}
