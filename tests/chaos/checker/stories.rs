//! Short stories of callers, for those who check the checker.

use switchhook::caller::record::{Fact, Heard, What};

use crate::{
    callers::Story,
    words::{matter_of, question},
};

/// What is said at that moment, and heard a moment later, if anything: a piece at once, and each in a
/// talk cycle of its own.
pub(crate) fn said(ms: u64, matter: &str, heard: &[&str]) -> Vec<Fact> {
    let turn = matter.split('x').nth(1).and_then(|nth| nth.parse().ok()).unwrap();
    let said = Fact { ms, what: What::Said { turn, words: question(matter), socket: 1 } };
    let heard = heard.iter().zip(1..).map(|(words, nth)| {
        let (arrived_ms, cycle) = (ms + 99 + nth, ms + nth);
        let words = (*words).to_owned();
        let heard = Heard { turn, cycle, words, arrived_ms, until_ms: arrived_ms + 1, last: true };
        Fact { ms: arrived_ms, what: What::Heard(heard) }
    });
    [said].into_iter().chain(heard).collect()
}

/// The socket is lost at that moment.
pub(crate) fn lost(ms: u64) -> Vec<Fact> {
    vec![Fact { ms, what: What::Lost { socket: 1, why: String::new() } }]
}

/// Another one is there.
pub(crate) fn opened(ms: u64) -> Vec<Fact> {
    vec![Fact { ms, what: What::Opened { socket: 2, session: String::new() } }]
}

/// The call is over.
pub(crate) fn ended(ms: u64, how: &str) -> Vec<Fact> {
    vec![Fact { ms, what: What::Ended { how: how.to_owned() } }]
}

/// A call CA1 in which all that happened.
pub(crate) fn story(matters: &[&str], facts: &[Vec<Fact>]) -> Story {
    assert!(matters.iter().all(|matter| matter_of(matter).is_some()), "{matters:?}");
    let opened = What::Opened { socket: 1, session: String::new() };
    let rang = What::Rang { call: String::new(), unix_ms: 0, variant: "socket".to_owned() };
    let begin = [rang, opened].map(|what| Fact { ms: 0, what });
    let mut facts: Vec<_> = begin.into_iter().chain(facts.concat()).collect();
    facts.sort_by_key(|fact| fact.ms);
    Story {
        sid: "CA1".to_owned(),
        matters: matters.iter().map(|matter| (*matter).to_owned()).collect(),
        facts,
        ..Story::default()
    }
}
