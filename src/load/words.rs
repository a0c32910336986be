//! Words that tell their own story: whose question they answer, how many follow, when they were
//! written.
//!
//! Lower-case consonants only, so that no speech cleaner and no marker scanner has a reason to touch
//! them. Written by the model stub, read by the callers; the caller's question carries the tag.

use std::{
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The digits. Without `h`, which could begin an address, and vowels, which could make words.
const LETTERS: &[u8; 20] = b"bcdfgjklmnpqrstvwxyz";

/// Letters of a tag: 160,000 callers, 400 questions each.
const TAG: Range<usize> = 0..6;

/// Letters of the number of words that follow.
const LEFT: Range<usize> = 6..8;

/// Letters of the moment, in microseconds: it comes around after 21 minutes.
const MOMENT: Range<usize> = 8..15;

/// Before the tag in a question.
const MARK: &str = "the stamp ";

/// Questions a caller can ask; words an answer can have.
pub const MOST: u32 = 400;

/// Callers that can be told apart.
pub const CALLERS: u32 = 160_000;

/// Whose question it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag {
    /// The caller, below [`CALLERS`].
    pub caller: u32,
    /// Which question of theirs, below [`MOST`].
    pub question: u32,
}

impl Tag {
    fn number(self) -> u64 {
        u64::from(self.caller) * u64::from(MOST) + u64::from(self.question)
    }

    /// What the caller says.
    #[must_use]
    pub fn asked(self) -> String {
        let mut said = format!("Please go on with {MARK}").into_bytes();
        spell(self.number(), TAG.len(), &mut said);
        String::from_utf8(said).unwrap_or_default()
    }

    /// The tag of the last question in a text, wherever it stands in it.
    #[must_use]
    pub fn last_in(text: &[u8]) -> Option<Self> {
        let mark = MARK.as_bytes();
        let at = text.windows(mark.len()).rposition(|window| window == mark)?;
        let from = at + mark.len();
        Self::of(read(text.get(from..from + TAG.len())?)?)
    }

    fn of(number: u64) -> Option<Self> {
        let most = u64::from(MOST);
        Some(Self {
            caller: u32::try_from(number / most).ok()?,
            question: u32::try_from(number % most).ok()?,
        })
    }
}

/// A moment on the wall clock, as far as a word can tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl Moment {
    /// When it comes around.
    const AROUND: u64 = (LETTERS.len() as u64).pow((MOMENT.end - MOMENT.start) as u32);

    /// Now. The wall clock, since caller and model are processes of their own; between machines it
    /// is as good as their clocks.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self((since.as_micros() % u128::from(Self::AROUND)) as u64)
    }

    /// How long before `now` it was. None: it lies ahead, since the clocks differ.
    #[must_use]
    pub fn before(self, now: Self) -> Option<Duration> {
        let micros = (now.0 + Self::AROUND - self.0) % Self::AROUND;
        (micros < Self::AROUND / 2).then(|| Duration::from_micros(micros))
    }
}

/// One word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Which question it answers.
    pub tag: Tag,
    /// How many words follow it, below [`MOST`].
    pub left: u32,
    /// When it was written.
    pub written: Moment,
}

impl Word {
    /// Appends it.
    pub fn write(self, out: &mut Vec<u8>) {
        spell(self.tag.number(), TAG.len(), out);
        spell(u64::from(self.left), LEFT.len(), out);
        spell(self.written.0, MOMENT.len(), out);
    }

    /// Reads it. None: an ordinary word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        let word = word.trim_end_matches('.').as_bytes();
        if word.len() != MOMENT.end {
            return None;
        }
        Some(Self {
            tag: Tag::of(read(word.get(TAG)?)?)?,
            left: u32::try_from(read(word.get(LEFT)?)?).ok()?,
            written: Moment(read(word.get(MOMENT)?)?),
        })
    }
}

fn spell(mut number: u64, letters: usize, out: &mut Vec<u8>) {
    let base = LETTERS.len() as u64;
    let from = out.len();
    for _ in 0..letters {
        let digit = usize::try_from(number % base).unwrap_or_default();
        out.extend(LETTERS.get(digit));
        number /= base;
    }
    out.get_mut(from..).unwrap_or_default().reverse();
}

fn read(letters: &[u8]) -> Option<u64> {
    letters.iter().try_fold(0, |number: u64, letter| {
        let digit = LETTERS.iter().position(|known| known == letter)?;
        Some(number * LETTERS.len() as u64 + digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchhook_actors::domain::{escalation::MarkerScanner, speech::Speech};

    use super::*;

    #[test]
    fn a_question_carries_its_tag_and_the_last_one_counts() {
        let (one, two) = (Tag { caller: 0, question: 1 }, Tag { caller: 159_999, question: 399 });
        let body = format!("[{{\"{}\"}},{{\"{}\"}}],\"stream\":true", one.asked(), two.asked());
        assert_eq!(Tag::last_in(body.as_bytes()), Some(two));
        assert_eq!(Tag::last_in(one.asked().as_bytes()), Some(one));
        assert_eq!(Tag::last_in(b"What is the fee?"), None);
        assert_eq!(Tag::last_in(b"the stamp bcd"), None);
    }

    #[test]
    fn a_moment_is_told_across_the_turn_of_its_clock() {
        let (late, early) = (Moment(Moment::AROUND - 10), Moment(5));
        assert_eq!(late.before(early), Some(Duration::from_micros(15)));
        assert_eq!(early.before(late), None, "the other clock is ahead");
        assert_eq!(early.before(early), Some(Duration::ZERO));
    }

    #[test]
    fn ordinary_words_are_none_of_ours() {
        for word in ["", "Sorry,", "bbbbbbbbbbbbbb", "bbbbbbbbbbbbbbbb", "bbbbbbbbbbbbbba"] {
            assert_eq!(Word::read(word), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn every_word_reads_as_it_was_written_and_no_engine_changes_it(
            caller in 0..CALLERS,
            question in 0..MOST,
            left in 0..MOST,
            written in 0..Moment::AROUND,
        ) {
            let word =
                Word { tag: Tag { caller, question }, left, written: Moment(written) };
            let mut text = Vec::new();
            word.write(&mut text);
            let text = String::from_utf8(text).unwrap() + ". ";
            prop_assert_eq!(Word::read(text.trim_end()), Some(word));
            let (mut unmarked, mut spoken) = (String::new(), String::new());
            MarkerScanner::new().push(&text, &mut unmarked);
            Speech::new("en-US").push(&unmarked, &mut spoken);
            prop_assert_eq!(spoken, text);
        }
    }
}
