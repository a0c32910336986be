//! The words of one caller's answers as they arrive: whose, in time, all of them, once.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use super::{
    tally::{Shared, Tally},
    words::{MOST, Moment, Tag, Word},
};
use crate::caller::Text;

/// Words that arrive so long after the caller cut in were sent after the engine knew: a way to the
/// engine and back takes less, over any distance.
const STALE_AFTER: Duration = Duration::from_millis(300);

/// A caller's ear.
pub(super) struct Listener {
    tally: Shared,
    state: RefCell<State>,
}

/// What the caller waits for.
struct State {
    tag: Tag,
    asked_at: Option<Instant>,
    /// When the caller cut in, on this answer or on the one before.
    cut_at: Option<Instant>,
    /// Whether it was on this one.
    is_cut: bool,
    /// The beginning of a word whose rest is in the next frame.
    rest: String,
    /// The words of the answer that have come, by the number of those that follow.
    seen: [bool; MOST as usize],
    /// How many words the answer has, once one of them has told.
    whole: u32,
    came: u32,
}

impl Listener {
    pub(super) fn new(tally: Shared) -> Self {
        let state = State {
            tag: Tag::default(),
            asked_at: None,
            cut_at: None,
            is_cut: false,
            rest: String::new(),
            seen: [false; MOST as usize],
            whole: 0,
            came: 0,
        };
        Self { tally, state: RefCell::new(state) }
    }

    /// The caller is about to ask.
    pub(super) fn ask(&self, tag: Tag) {
        let mut state = self.state.borrow_mut();
        state.tag = tag;
        state.asked_at = Some(Instant::now());
        state.cut_at = state.cut_at.filter(|_| state.is_cut);
        state.is_cut = false;
        state.rest.clear();
        state.seen = [false; MOST as usize];
        (state.whole, state.came) = (0, 0);
    }

    /// The caller cuts in: what still comes of this answer is not wanted.
    pub(super) fn cut(&self, at: Instant) {
        let mut state = self.state.borrow_mut();
        (state.cut_at, state.is_cut) = (Some(at), true);
    }

    /// Whether a word of this answer has come that tells how long it is.
    pub(super) fn is_told(&self) -> bool {
        self.state.borrow().whole > 0
    }

    /// The answer is over: counts what it lacked.
    pub(super) fn finish(&self) {
        let state = self.state.borrow();
        self.tally.count(|tally| tally.tokens.lost += u64::from(state.whole - state.came));
    }

    /// A text frame has come.
    pub(super) fn hear(&self, at: Instant, text: &Text) {
        let now = Moment::now();
        let state = &mut *self.state.borrow_mut();
        self.tally.count(|tally| {
            let joined;
            let mut words = text.token.as_str();
            if !state.rest.is_empty() {
                joined = std::mem::take(&mut state.rest) + words;
                words = &joined;
            }
            if !text.last && !words.ends_with(char::is_whitespace) {
                let end = words.rfind(char::is_whitespace).map_or(0, |space| space + 1);
                let (whole, rest) = words.split_at_checked(end).unwrap_or((words, ""));
                state.rest = rest.to_owned();
                words = whole;
            }
            for word in words.split_ascii_whitespace() {
                tally.word(at);
                match Word::read(word) {
                    Some(word) => state.word(word, at, now, tally),
                    None => state.first(at, tally),
                }
            }
        });
    }
}

impl State {
    fn first(&mut self, at: Instant, tally: &mut Tally) {
        if let Some(asked) = self.asked_at.take() {
            tally.first_token.add(at.saturating_duration_since(asked));
        }
    }

    fn word(&mut self, word: Word, at: Instant, now: Moment, tally: &mut Tally) {
        tally.tokens.stamped += 1;
        if word.tag != self.tag || self.is_cut {
            return self.other(word, at, tally);
        }
        self.first(at, tally);
        match word.written.before(now) {
            Some(delay) => tally.added.add(delay),
            None => tally.tokens.ahead += 1,
        }
        let number = usize::try_from(word.left).unwrap_or_default();
        let Some(seen) = self.seen.get_mut(number) else { return };
        if std::mem::replace(seen, true) {
            tally.tokens.doubled += 1;
            return;
        }
        self.came += 1;
        self.whole = self.whole.max(word.left + 1);
    }

    /// Not of the answer that is waited for.
    fn other(&self, word: Word, at: Instant, tally: &mut Tally) {
        match self.cut_at {
            Some(cut) if word.tag.caller == self.tag.caller => {
                let late = at.saturating_duration_since(cut);
                tally.after_interrupt.add(late);
                if late > STALE_AFTER {
                    tally.tokens.stale += 1;
                }
            }
            // A caller's own answer that nobody cut off was whole: its words came before.
            None if word.tag.caller == self.tag.caller => tally.tokens.doubled += 1,
            _ => tally.tokens.foreign += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[(u32, u32, u32)], last: bool) -> Text {
        let mut token = Vec::new();
        for (caller, question, left) in words.iter().copied() {
            Word { tag: Tag { caller, question }, left, written: Moment::now() }.write(&mut token);
            token.push(b' ');
        }
        Text { token: String::from_utf8(token).unwrap(), last, ..Text::default() }
    }

    fn asked(caller: u32, question: u32) -> (Shared, Listener) {
        let tally = Shared::default();
        let listener = Listener::new(tally.clone());
        listener.ask(Tag { caller, question });
        (tally, listener)
    }

    #[test]
    fn a_whole_answer_in_frames_of_any_size_is_counted_word_by_word() {
        let (tally, listener) = asked(7, 1);
        let whole = said(&[(7, 1, 2), (7, 1, 1), (7, 1, 0)], true).token;
        let (one, rest) = whole.split_at(5);
        let (two, three) = rest.split_at(20);
        for (token, last) in [(one, false), (two, false), (three, true)] {
            let text = Text { token: token.to_owned(), last, ..Text::default() };
            listener.hear(Instant::now(), &text);
        }
        listener.finish();
        tally.count(|tally| {
            assert_eq!((tally.tokens.received, tally.tokens.stamped, tally.tokens.lost), (3, 3, 0));
            assert_eq!((tally.added.all().len(), tally.first_token.all().len()), (3, 1));
        });
    }

    #[test]
    fn words_that_are_lost_doubled_or_somebody_elses_are_found() {
        let (tally, listener) = asked(7, 1);
        listener.hear(
            Instant::now(),
            &said(&[(7, 1, 4), (7, 1, 4), (8, 1, 3), (7, 0, 0), (7, 1, 1)], true),
        );
        listener.finish();
        tally.count(|tally| {
            let tokens = tally.tokens;
            assert_eq!((tokens.lost, tokens.doubled, tokens.foreign), (3, 2, 1));
        });
    }

    #[test]
    fn words_of_an_answer_that_was_cut_off_are_stale_after_a_moment() {
        let (tally, listener) = asked(7, 1);
        let cut = Instant::now();
        listener.cut(cut);
        listener.hear(cut + STALE_AFTER / 2, &said(&[(7, 1, 4)], false));
        listener.ask(Tag { caller: 7, question: 2 });
        listener.hear(cut + STALE_AFTER * 2, &said(&[(7, 1, 3)], false));
        tally.count(|tally| {
            let tokens = tally.tokens;
            assert_eq!((tokens.stale, tokens.lost, tokens.doubled, tokens.foreign), (1, 0, 0, 0));
            assert_eq!(tally.after_interrupt.all().len(), 2);
        });
    }

    #[test]
    fn an_apology_has_no_stamp() {
        let (tally, listener) = asked(7, 1);
        let token = "Sorry, that did not work.".to_owned();
        listener.hear(Instant::now(), &Text { token, last: true, ..Text::default() });
        assert!(!listener.is_told());
        tally.count(|tally| assert_eq!((tally.tokens.received, tally.tokens.stamped), (5, 0)));
    }
}
