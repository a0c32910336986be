//! How long callers waited: after a lost socket, at a move from engine to engine, and for a first
//! word, with Redis and without.

use switchhook::caller::record::{Account, Fact, Heard, TurnHeard, What};

use crate::{
    callers::Story,
    circumstances::{Circumstances, rang_ms},
    faults::Fault,
    model::FIRST,
};

/// Longer than an engine may let a caller wait, ms.
const LONG_MS: u64 = 1_000;

/// All in ms.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// From the opening of the next socket to the first word on it, where a caller waited for one.
    /// Without the model's time where it was asked again.
    pub(crate) shares: Vec<u64>,
    /// At a move, from the request to the action to the next socket.
    pub(crate) moves: Vec<u64>,
    /// The same to the first word, where one was due.
    pub(crate) moved_words: Vec<u64>,
    /// From the caller's words to the first word, without the model's time.
    pub(crate) first_words: Vec<u64>,
    /// Those of words that were said while all of Redis was away.
    pub(crate) during_outages: Vec<u64>,
    /// The long ones, in words.
    pub(crate) slow: Vec<String>,
}

impl Latencies {
    /// Each with what it is, for the report.
    pub(crate) fn all(&self) -> [(&'static str, &[u64]); 5] {
        [
            ("a gap, from the next socket to the word that was due", &self.shares),
            ("a move, from the request to the action to the next socket", &self.moves),
            ("a move, from there to the word that was due", &self.moved_words),
            ("the wait for a first word, all of Redis being away", &self.during_outages),
            ("the wait for a first word otherwise", &self.first_words),
        ]
    }

    /// Takes one call.
    pub(crate) fn take(&mut self, story: &Story, account: &Account, all: &Circumstances) {
        for turn in &account.turns {
            let Some(first) = turn.first_word_ms else { continue };
            let first = first.saturating_sub(model_ms());
            let is_during = all.is_during(Fault::Outage, rang_ms(story) + turn.said_ms);
            let rest = if is_during { &mut self.during_outages } else { &mut self.first_words };
            rest.push(first);
            if first > LONG_MS {
                let TurnHeard { said, said_ms, .. } = turn;
                self.slow.push(format!("{} {first} ms after {said:?} at {said_ms}", story.sid));
            }
        }
        for gap in &account.gaps {
            let Some(open) = gap.open_after_ms.map(|after| gap.lost_ms + after) else { continue };
            if let (true, Some(word)) = (is_due(account, open), first_word(story, open)) {
                self.shares.push(without_model(word, word.arrived_ms.saturating_sub(open)));
            }
        }
        for (asked, open) in moves(&story.facts) {
            self.moves.push(open.saturating_sub(asked));
            if let (true, Some(word)) = (is_due(account, asked), first_word(story, open)) {
                self.moved_words.push(without_model(word, word.arrived_ms.saturating_sub(asked)));
            }
        }
    }
}

fn model_ms() -> u64 {
    u64::try_from(FIRST.as_millis()).unwrap_or_default()
}

/// What the engine says by itself comes from no model.
fn without_model(word: &Heard, ms: u64) -> u64 {
    if word.words.trim_start().starts_with("Sorry") { ms } else { ms.saturating_sub(model_ms()) }
}

/// Whether at that moment somebody waited for an answer of which no word had been heard yet.
fn is_due(account: &Account, at: u64) -> bool {
    account.turns.iter().any(|turn| {
        let first = turn.first_word_ms.map(|after| turn.said_ms + after);
        turn.said_ms < at && first.is_some_and(|first| first >= at)
    })
}

fn first_word(story: &Story, since: u64) -> Option<&Heard> {
    story.facts.iter().find_map(|fact| match &fact.what {
        What::Heard(heard) if heard.arrived_ms >= since && !heard.words.trim().is_empty() => {
            Some(heard)
        }
        _ => None,
    })
}

/// Every time that an engine passed the caller on to another: when Twilio asked what to do, and when
/// the next socket was open.
fn moves(facts: &[Fact]) -> impl Iterator<Item = (u64, u64)> {
    facts.iter().enumerate().filter_map(|(nth, fact)| {
        let What::Webhook { told, took_ms, .. } = &fact.what else { return None };
        let is_move = told.contains("SessionStatus=ended") && told.contains("\"move\"");
        let later = facts.iter().skip(nth);
        let open = later.clone().find(|fact| matches!(fact.what, What::Opened { .. }));
        is_move.then_some(())?;
        Some((fact.ms.saturating_sub(*took_ms), open?.ms))
    })
}

/// Half and all but a hundredth are as short, and the longest.
pub(crate) fn told(millis: &[u64]) -> String {
    let mut sorted = millis.to_vec();
    sorted.sort_unstable();
    let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or_default();
    let most = sorted.last().copied().unwrap_or_default();
    format!("n {} p50 {} p99 {} max {most} ms", sorted.len(), at(50), at(99))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Happened;

    fn story(facts: Vec<(u64, What)>) -> Story {
        let rang = What::Rang { call: "CA1".to_owned(), unix_ms: 50_000, variant: String::new() };
        let facts = [(0, rang)].into_iter().chain(facts);
        Story { facts: facts.map(|(ms, what)| Fact { ms, what }).collect(), ..Story::default() }
    }

    fn said(turn: u32) -> What {
        What::Said { turn, words: format!("words {turn}"), socket: 1 }
    }

    fn heard(turn: u32, arrived_ms: u64, words: &str) -> What {
        let (words, cycle) = (words.to_owned(), u64::from(turn));
        What::Heard(Heard { turn, cycle, words, arrived_ms, until_ms: arrived_ms, last: true })
    }

    fn opened(socket: u32) -> What {
        What::Opened { socket, session: String::new() }
    }

    fn take(story: &Story, all: &Circumstances) -> Latencies {
        let mut latencies = Latencies::default();
        latencies.take(story, &Account::of(&story.facts, &[]), all);
        latencies
    }

    #[test]
    fn an_answer_after_a_lost_socket_counts_from_the_next_one_without_the_models_time() {
        let again = |words: &str| {
            let lost = What::Lost { socket: 1, why: String::new() };
            let facts = vec![
                (500, said(1)),
                (600, lost),
                (900, opened(2)),
                (1_030, heard(1, 1_030, words)),
            ];
            take(&story(facts), &Circumstances::default()).shares
        };
        assert_eq!(again("Matter 1"), [30]);
        assert_eq!(again("Sorry, I lost you for a moment."), [130]);
    }

    #[test]
    fn a_move_lasts_from_the_request_to_the_socket_and_to_the_word_that_was_due() {
        let told = r#"POST /over SessionStatus=ended HandoffData={"kind":"move"}"#.to_owned();
        let moved = What::Webhook { told, status: 200, took_ms: 20 };
        let facts =
            vec![(500, said(1)), (620, moved), (640, opened(2)), (780, heard(1, 780, "Matter"))];
        let latencies = take(&story(facts), &Circumstances::default());
        assert_eq!((&latencies.moves[..], &latencies.moved_words[..]), (&[40][..], &[80][..]));
    }

    #[test]
    fn words_said_while_redis_is_away_are_counted_apart() {
        let fault = Fault::Outage;
        let outage = Happened { fault, engine: None, from_ms: 51_000, until_ms: 52_000 };
        let all = Circumstances { happened: vec![outage], ..Circumstances::default() };
        let facts = vec![
            (500, said(1)),
            (610, heard(1, 610, "a")),
            (1_500, said(2)),
            (1_630, heard(2, 1_630, "b")),
        ];
        let latencies = take(&story(facts), &all);
        assert_eq!((latencies.first_words, latencies.during_outages), (vec![10], vec![30]));
    }
}
