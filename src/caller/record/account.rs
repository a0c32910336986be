//! What the facts of a call come to: each turn with its answer, each gap, the silences.

use serde::Serialize;

use super::{Fact, Heard, What};

/// So many words in a row that come again in one answer were heard twice.
const SAID_AGAIN: usize = 5;

/// A call, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Everything the caller said, in order.
    pub turns: Vec<TurnHeard>,
    /// Every time that the socket was lost.
    pub gaps: Vec<Gap>,
    /// The longest wait from the end of the caller's words to the first word, ms; of answered turns.
    pub longest_silence_ms: u64,
    /// Which of the phrases that were asked for were heard, and how often.
    pub phrases: Vec<Phrase>,
}

/// Something that the caller said, and what was heard until they said something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TurnHeard {
    /// Counted from 1.
    pub turn: u32,
    /// When, since the caller rang.
    pub said_ms: u64,
    /// What.
    pub said: String,
    /// All that was heard, talk cycles apart by line breaks: fillers, apologies, the answer.
    pub heard: String,
    /// From the caller's words to the first word, ms; None: nothing was heard.
    pub first_word_ms: Option<u64>,
    /// How many talk cycles were heard to their end.
    pub whole_cycles: usize,
    /// How many were not: cut, lost, or still to be said.
    pub partial_cycles: usize,
    /// Whether five words in a row were heard more than once.
    pub twice: bool,
}

/// A lost socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When, since the caller rang.
    pub lost_ms: u64,
    /// From the loss to the next socket, ms; None: there was none.
    pub open_after_ms: Option<u64>,
    /// From the loss to the first word that came over the next socket, ms; None: there was none.
    pub word_after_ms: Option<u64>,
}

/// A phrase of the engine's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Phrase {
    /// The phrase.
    pub words: String,
    /// How often it was heard.
    pub times: usize,
}

impl Account {
    /// Sums up; `phrases` are those to look for, such as a persona's bridge and apology.
    #[must_use]
    pub fn of(facts: &[Fact], phrases: &[&str]) -> Self {
        let turns: Vec<_> = facts
            .iter()
            .filter_map(|fact| match &fact.what {
                What::Said { turn, words, .. } => Some(answered(facts, fact.ms, *turn, words)),
                _ => None,
            })
            .collect();
        let all = text(heard(facts).map(|(_, heard)| heard));
        let counted = phrases.iter().map(|phrase| Phrase {
            words: (*phrase).to_owned(),
            times: if phrase.is_empty() { 0 } else { all.matches(phrase).count() },
        });
        Self {
            longest_silence_ms: turns
                .iter()
                .filter_map(|turn| turn.first_word_ms)
                .max()
                .unwrap_or(0),
            turns,
            gaps: gaps(facts),
            phrases: counted.filter(|phrase| phrase.times > 0).collect(),
        }
    }
}

fn heard(facts: &[Fact]) -> impl Iterator<Item = (u64, &Heard)> {
    facts.iter().filter_map(|fact| match &fact.what {
        What::Heard(heard) => Some((fact.ms, heard)),
        _ => None,
    })
}

fn answered(facts: &[Fact], said_ms: u64, turn: u32, said: &str) -> TurnHeard {
    let mine = || heard(facts).filter(|(_, heard)| heard.turn == turn);
    let mut spoken = mine().filter(|(_, heard)| !heard.words.trim().is_empty());
    let heard = text(mine().map(|(_, heard)| heard));
    let mut cycles: Vec<_> = mine().map(|(_, heard)| heard.cycle).collect();
    cycles.dedup();
    let whole_cycles = mine().filter(|(_, heard)| heard.last).count();
    TurnHeard {
        turn,
        said_ms,
        said: said.to_owned(),
        first_word_ms: spoken.next().map(|(ms, _)| ms.saturating_sub(said_ms)),
        whole_cycles,
        partial_cycles: cycles.len().saturating_sub(whole_cycles),
        twice: comes_again(&heard),
        heard,
    }
}

/// All the words, talk cycles apart by line breaks.
fn text<'a>(heard: impl Iterator<Item = &'a Heard>) -> String {
    let mut text = String::new();
    let mut cycle = None;
    for heard in heard.filter(|heard| !heard.words.is_empty()) {
        if cycle.is_some_and(|before| before != heard.cycle) {
            text.push('\n');
        }
        cycle = Some(heard.cycle);
        text.push_str(&heard.words);
    }
    text
}

fn comes_again(heard: &str) -> bool {
    let words: Vec<_> = heard.split_whitespace().collect();
    let mut runs: Vec<_> = words.windows(SAID_AGAIN).collect();
    runs.sort_unstable();
    runs.windows(2).any(|two| matches!(two, [one, other] if one == other))
}

fn gaps(facts: &[Fact]) -> Vec<Gap> {
    let lost = facts.iter().enumerate().filter(|(_, fact)| matches!(fact.what, What::Lost { .. }));
    lost.map(|(at, fact)| {
        let later = facts.iter().skip(at);
        let opened = later.clone().find(|later| matches!(later.what, What::Opened { .. }));
        let open = opened.map(|opened| opened.ms);
        let word = open.and_then(|open| {
            let mut words = heard(facts).filter(|(_, heard)| !heard.words.trim().is_empty());
            words.find(|(_, heard)| heard.arrived_ms >= open).map(|(ms, _)| ms)
        });
        let since = |ms: u64| ms.saturating_sub(fact.ms);
        Gap { lost_ms: fact.ms, open_after_ms: open.map(since), word_after_ms: word.map(since) }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ms: u64, turn: u32, words: &str) -> Fact {
        Fact { ms, what: What::Said { turn, words: words.to_owned(), socket: 1 } }
    }

    fn spoken(ms: u64, turn: u32, cycle: u64, words: &str, last: bool) -> Fact {
        let words = words.to_owned();
        let heard = Heard { turn, cycle, words, arrived_ms: ms, until_ms: ms + 10, last };
        Fact { ms, what: What::Heard(heard) }
    }

    #[test]
    fn each_turn_has_what_was_heard_behind_it_whole_and_in_part() {
        let facts = [
            spoken(0, 0, 1, "Welcome.", true),
            said(100, 1, "Fee?"),
            spoken(900, 1, 2, "One moment.", true),
            spoken(1_500, 1, 3, "It is", false),
            said(3_000, 2, "Hello?"),
            spoken(3_400, 2, 4, "", true),
        ];
        let account = Account::of(&facts, &["One moment.", "Sorry"]);
        let [first, second] = &account.turns[..] else { panic!("{account:?}") };
        assert_eq!(first.heard, "One moment.\nIt is");
        assert_eq!((first.whole_cycles, first.partial_cycles), (1, 1));
        assert_eq!((first.first_word_ms, second.first_word_ms), (Some(800), None));
        assert_eq!(account.longest_silence_ms, 800);
        assert_eq!(account.phrases, [Phrase { words: "One moment.".to_owned(), times: 1 }]);
    }

    #[test]
    fn five_words_in_a_row_that_come_again_were_heard_twice() {
        let answer = |again: &str| {
            let facts = [
                said(0, 1, "Fee?"),
                spoken(1, 1, 1, "The fee is 95 dollars a", false),
                spoken(2, 1, 2, again, true),
            ];
            Account::of(&facts, &[]).turns[0].twice
        };
        assert!(answer("The fee is 95 dollars a year."));
        assert!(!answer("year. The fee is small."));
    }

    #[test]
    fn a_gap_lasts_to_the_first_word_that_came_over_the_next_socket() {
        let lost = What::Lost { socket: 1, why: String::new() };
        let opened = What::Opened { socket: 2, session: String::new() };
        let mut late = spoken(800, 1, 1, "on the way", false);
        if let What::Heard(heard) = &mut late.what {
            heard.arrived_ms = 400;
        }
        let facts = [
            said(0, 1, "Fee?"),
            Fact { ms: 500, what: lost.clone() },
            Fact { ms: 700, what: opened },
            late,
            spoken(1_000, 1, 2, "Sorry.", true),
            Fact { ms: 2_000, what: lost },
        ];
        let gaps = Account::of(&facts, &[]).gaps;
        let first = Gap { lost_ms: 500, open_after_ms: Some(200), word_after_ms: Some(500) };
        let second = Gap { lost_ms: 2_000, ..Gap::default() };
        assert_eq!(gaps, [first, second]);
    }
}
