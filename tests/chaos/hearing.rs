//! What a caller heard, word by word: when each came and was heard, and which matter it names.

use std::collections::{HashMap, HashSet};

use switchhook::caller::record::{Fact, Heard, What};

use crate::words::{BEGINS, SAID_AGAIN, answer, bare, is_end, matter_of};

/// Text of so much time may be heard once more when an engine dies, by the loss statement: half a
/// second, and what it takes to store it, ms.
const STORED_EVERY_MS: u64 = 600;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// When the last of it came from the engine, ms since the caller rang.
    pub(crate) arrived_ms: u64,
    /// When it had been spoken.
    pub(crate) heard_ms: u64,
}

impl Word {
    pub(crate) fn matter(&self) -> Option<&str> {
        matter_of(&self.text)
    }
}

/// What was heard twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twice {
    /// Words that an engine may have sent and not stored when it died.
    Unstored,
    /// More than those.
    More,
}

/// All of a call.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    pub(crate) words: Vec<Word>,
}

impl Hearing {
    /// Of a call with these facts. A word may come in pieces, though not of two talk cycles.
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let mut words: Vec<Word> = Vec::new();
        let (mut cycle, mut open) = (0, false);
        for fact in facts {
            let What::Heard(heard) = &fact.what else { continue };
            open &= heard.cycle == cycle;
            cycle = heard.cycle;
            for piece in heard.words.split_inclusive(char::is_whitespace) {
                open &= !piece.starts_with(char::is_whitespace);
                let text = piece.trim();
                match words.last_mut().filter(|_| open) {
                    Some(word) => word.go_on(text, heard),
                    None if text.is_empty() => {}
                    None => words.push(Word::new(text, heard)),
                }
                open = !piece.ends_with(char::is_whitespace);
            }
        }
        Self { words }
    }

    /// The ends of that answer that were heard.
    pub(crate) fn ends<'a>(&'a self, matter: &'a str) -> impl Iterator<Item = &'a Word> {
        self.about(matter).filter(|word| is_end(&word.text))
    }

    /// The words that name that matter.
    pub(crate) fn about<'a>(&'a self, matter: &'a str) -> impl Iterator<Item = &'a Word> {
        self.words.iter().filter(move |word| word.matter() == Some(matter))
    }

    /// How many words of an answer that was heard to its end were not heard before that, in their
    /// order: what an engine believed to be spoken, and the voice did not say.
    pub(crate) fn missing(&self, matter: &str) -> usize {
        let is_its = |word: &Word| word.matter() == Some(matter);
        let from = self.words.iter().position(is_its);
        let until = self.words.iter().position(|word| is_its(word) && is_end(&word.text));
        let heard = from.zip(until).and_then(|(from, until)| self.words.get(from..=until));
        let Some(heard) = heard else { return 0 };
        let all = answer(matter);
        let end = all.split_whitespace().position(is_end).map_or(0, |end| end + 1);
        let wanted: Vec<_> = all.split_whitespace().take(end).map(bare).collect();
        let heard: Vec<_> = heard.iter().map(|word| bare(&word.text)).collect();
        wanted.len() - same_words(&wanted, &heard)
    }

    /// The first words of that answer that were heard twice, and when they were heard again, ms.
    pub(crate) fn repeated(&self, matter: &str) -> Option<(String, u64)> {
        let mut known = HashSet::new();
        for run in self.spoken().windows(SAID_AGAIN).filter(|run| is_of_answer(run, matter)) {
            let words: Vec<_> = run.iter().map(|word| bare(&word.text)).collect();
            if !known.insert(words.clone()) {
                return Some((words.join(" "), run.first()?.heard_ms));
            }
        }
        None
    }

    /// All words; a break may leave a comma on its own.
    fn spoken(&self) -> Vec<&Word> {
        self.words.iter().filter(|word| !bare(&word.text).is_empty()).collect()
    }

    /// Which answers were heard twice, and how much of them.
    pub(crate) fn twice(&self) -> HashMap<&str, Twice> {
        let mut found = HashMap::new();
        let mut known: HashMap<Vec<&str>, usize> = HashMap::new();
        // Of the words that come again, where they were heard first.
        let mut again: HashMap<&str, Vec<usize>> = HashMap::new();
        let spoken = self.spoken();
        for (at, run) in spoken.windows(SAID_AGAIN).enumerate() {
            let Some(matter) = run.iter().find_map(|word| word.matter()) else { continue };
            if !is_of_answer(run, matter) {
                // A word about a break ends in it, or begins: two breaks are no repetition.
                continue;
            }
            let words = run.iter().map(|word| bare(&word.text)).collect();
            match known.get(&words) {
                Some(first) => again.entry(matter).or_default().push(*first),
                None => {
                    known.insert(words, at);
                }
            }
        }
        for (matter, firsts) in again {
            let came = |at: usize| spoken.get(at).map_or(0, |word| word.arrived_ms);
            let from = firsts.iter().min().map_or(0, |at| came(*at));
            let until = firsts.iter().max().map_or(0, |at| came(at + SAID_AGAIN - 1));
            let begins = |word: &&Word| word.text.starts_with(BEGINS);
            let is_whole =
                self.ends(matter).count() > 1 && self.about(matter).filter(begins).count() > 1;
            let is_short = until.saturating_sub(from) <= STORED_EVERY_MS;
            let twice = if is_short && !is_whole { Twice::Unstored } else { Twice::More };
            found.insert(matter, twice);
        }
        found
    }
}

/// Whether that is how a part of the answer reads.
fn is_of_answer(run: &[&Word], matter: &str) -> bool {
    let all = answer(matter);
    let all: Vec<_> = all.split_whitespace().map(bare).collect();
    let same = |(word, wanted): (&&Word, &&str)| bare(&word.text) == *wanted;
    all.windows(run.len()).any(|part| run.iter().zip(part).all(same))
}

/// How many words of the one come in the other, in the same order.
fn same_words(wanted: &[&str], heard: &[&str]) -> usize {
    let mut most = vec![0; heard.len() + 1];
    for word in wanted {
        let (mut before, mut left) = (0, 0);
        for (other, here) in heard.iter().zip(most.iter_mut().skip(1)) {
            let without = *here;
            *here = if word == other { before + 1 } else { without.max(left) };
            (before, left) = (without, *here);
        }
    }
    most.last().copied().unwrap_or_default()
}

impl Word {
    fn new(text: &str, heard: &Heard) -> Self {
        let (arrived_ms, heard_ms) = (heard.arrived_ms, heard.until_ms);
        Self { text: text.to_owned(), arrived_ms, heard_ms }
    }

    fn go_on(&mut self, text: &str, heard: &Heard) {
        self.text.push_str(text);
        (self.arrived_ms, self.heard_ms) = (heard.arrived_ms, heard.until_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ms: u64, cycle: u64, words: &str) -> Fact {
        let words = words.to_owned();
        let heard = Heard { turn: 1, cycle, words, arrived_ms: ms, until_ms: ms + 1, last: false };
        Fact { ms, what: What::Heard(heard) }
    }

    /// Word by word, so many ms apart.
    fn spoken(from: u64, cycle: u64, apart: u64, text: &str) -> Vec<Fact> {
        let words = text.split_inclusive(' ').zip(0..);
        words.map(|(word, nth)| heard(from + nth * apart, cycle, word)).collect()
    }

    #[test]
    fn words_come_in_pieces_and_end_with_their_talk_cycle() {
        let facts = [
            heard(1, 1, "it is ov"),
            heard(2, 1, "er3x1now. And "),
            heard(3, 2, "so"),
            heard(4, 3, "on"),
        ];
        let hearing = Hearing::of(&facts);
        let texts: Vec<_> = hearing.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["it", "is", "over3x1now.", "And", "so", "on"]);
        let ends: Vec<_> = hearing.ends("3x1").map(|end| (end.arrived_ms, end.heard_ms)).collect();
        assert_eq!(ends, [(2, 3)]);
        assert_eq!(hearing.ends("3x11").count(), 0);
    }

    #[test]
    fn an_answer_that_is_given_in_two_parts_is_heard_once() {
        let all = answer("3x5");
        let (begun, rest) = all.split_at(all.find("four of").unwrap());
        let facts = [spoken(0, 1, 25, begun), spoken(9_000, 2, 25, rest)].concat();
        assert_eq!(Hearing::of(&facts).twice(), HashMap::new());
    }

    #[test]
    fn an_answer_that_breaks_off_twice_at_like_words_is_not_heard_twice() {
        let all = answer("3x5");
        let cut = |from: &str, to: &str| &all[all.find(from).unwrap()..all.find(to).unwrap()];
        let told =
            |at, cycle, rest: &str| spoken(at, cycle, 25, &format!("Sorry, I lost you. {rest}"));
        let facts = [
            spoken(0, 1, 25, cut("Matter", "right, three")),
            told(5_000, 2, cut("right, three", "right, six")),
            told(9_000, 3, &all[all.find("right, six").unwrap()..]),
        ];
        assert_eq!(Hearing::of(&facts.concat()).twice(), HashMap::new());
    }

    #[test]
    fn words_that_are_left_out_in_the_middle_are_counted() {
        let all = answer("3x5");
        let missing = |from: &str, to: &str| {
            let (begun, rest) = (&all[..all.find(from).unwrap()], &all[all.find(to).unwrap()..]);
            let facts = [
                spoken(0, 1, 25, &answer("3x4")),
                spoken(5_000, 2, 25, begun),
                spoken(9_000, 3, 25, "Sorry, I lost you."),
                spoken(9_900, 4, 25, rest),
            ];
            Hearing::of(&facts.concat()).missing("3x5")
        };
        assert_eq!(missing("four of", "four of"), 0);
        assert_eq!(missing("four of", "six of"), 10);
        // It was never heard to its end.
        assert_eq!(Hearing::of(&spoken(0, 1, 25, "Matter3x5 was seen")).missing("3x5"), 0);
    }

    #[test]
    fn what_was_sent_in_half_a_second_may_be_heard_again_and_no_more() {
        let all = answer("3x5");
        let begun = &all[..all.find("seven of").unwrap()];
        let again = |from: &str| {
            let rest = &all[all.find(from).unwrap()..];
            let facts = [spoken(0, 1, 25, begun), spoken(9_000, 2, 25, rest)].concat();
            Hearing::of(&facts).twice().into_values().next()
        };
        assert_eq!(again("four of"), Some(Twice::Unstored));
        assert_eq!(again("one of"), Some(Twice::More));
        let whole = [spoken(0, 1, 1, &all), spoken(9_000, 2, 1, &all)].concat();
        assert_eq!(Hearing::of(&whole).twice().get("3x5"), Some(&Twice::More));
        assert_eq!(Hearing::of(&whole).ends("3x5").count(), 2);
    }
}
