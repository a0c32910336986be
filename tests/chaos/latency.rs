//! How long callers waited: after a lost socket, at a move from engine to engine, and for a first
//! word, with Redis and without.

use switchhook::caller::record::{Fact, Heard, TurnHeard, What};

use crate::{
    circumstances::{Circumstances, rang_ms},
    faults::Fault,
    gaps::Call,
    model::FIRST,
    phrases::Phrases,
};

/// Longer than an engine may let a caller wait, ms.
const LONG_MS: u64 = 1_000;

/// One wait that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    /// All of it, ms.
    pub(crate) ms: u64,
    /// Without what the model took of it, which is counted only where it was asked meanwhile.
    pub(crate) engine_ms: u64,
    /// Call and time.
    pub(crate) place: String,
}

/// All waits of a run.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// From the opening of the next socket to the first word on it, where a caller waited for one.
    pub(crate) gaps: Vec<Wait>,
    /// At a move, from the request to the action to the next socket.
    pub(crate) moves: Vec<Wait>,
    /// The same to the first word, where one was due.
    pub(crate) moved_words: Vec<Wait>,
    /// From the caller's words to the first word.
    pub(crate) first_words: Vec<Wait>,
    /// Those of words that were said while all of Redis was away.
    pub(crate) during_outages: Vec<Wait>,
}

impl Latencies {
    /// Each with what it is, for the report.
    pub(crate) fn all(&self) -> [(&'static str, &[Wait]); 5] {
        [
            ("a gap, from the next socket to the word that was due", &self.gaps),
            ("a move, from the request to the action to the next socket", &self.moves),
            ("a move, from there to the word that was due", &self.moved_words),
            ("the wait for a first word, all of Redis being away", &self.during_outages),
            ("the wait for a first word otherwise", &self.first_words),
        ]
    }

    /// The waits of an engine's that were long, the longest first.
    pub(crate) fn slow(&self) -> Vec<&Wait> {
        let all = self.all().into_iter().flat_map(|(_, waits)| waits);
        let mut slow: Vec<_> = all.filter(|wait| wait.engine_ms > LONG_MS).collect();
        slow.sort_by_key(|wait| std::cmp::Reverse(wait.engine_ms));
        slow
    }

    /// Takes one call. The gaps whose word never came, in words.
    pub(crate) fn take(
        &mut self,
        call: &Call<'_>,
        all: &Circumstances,
        phrases: &Phrases,
    ) -> Vec<String> {
        let taking = Taking { call, all, phrases };
        for turn in &call.account.turns {
            let Some((wait, said)) = taking.first_word_of(turn) else { continue };
            let at = rang_ms(call.story) + said;
            let is_during = all.is_during(Fault::Outage, at) || all.is_during(Fault::Crash, at);
            let kind = if is_during { &mut self.during_outages } else { &mut self.first_words };
            kind.push(wait);
        }
        for (asked, open) in moves(&call.story.facts) {
            let place = format!("{} moved at {asked} ms", call.story.sid);
            let ms = open.saturating_sub(asked);
            self.moves.push(Wait { ms, engine_ms: ms, place: place.clone() });
            if let (Some(matter), Some(word)) =
                (taking.due(asked), taking.first_word(open, u64::MAX))
            {
                self.moved_words.push(taking.wait(matter, asked, word, place));
            }
        }
        taking.gaps(&mut self.gaps)
    }
}

/// A call from which waits are taken.
struct Taking<'a> {
    call: &'a Call<'a>,
    all: &'a Circumstances,
    phrases: &'a Phrases,
}

impl Taking<'_> {
    /// With when the caller had spoken.
    fn first_word_of(&self, turn: &TurnHeard) -> Option<(Wait, u64)> {
        let (said, story) = (turn.said_ms, self.call.story);
        let (_, matter) = self.call.asked().find(|(ms, _)| *ms == said)?;
        let ms = turn.first_word_ms?;
        let own = self.phrases.begin_with(&turn.heard);
        let place = format!("{} after {:?} at {said} ms", story.sid, turn.said);
        Some((self.less_model(matter, said, said + ms, own, place), said))
    }

    /// Every gap in which a word was due. A wait that the next loss breaks off goes on with the next
    /// socket, and counts as one; those that never ended are told.
    fn gaps(&self, waits: &mut Vec<Wait>) -> Vec<String> {
        let (gaps, sid) = (&self.call.account.gaps, &self.call.story.sid);
        let (mut silent, mut before) = (Vec::new(), None);
        for (nth, gap) in gaps.iter().enumerate() {
            let Some(matter) = self.due(gap.lost_ms) else {
                before = None;
                continue;
            };
            let (waited, since) = before.take().unwrap_or((0, gap.lost_ms));
            let place = format!("{sid} lost its socket at {since} ms");
            let next = gaps.get(nth + 1).map(|next| next.lost_ms);
            let open = gap.open_after_ms.map(|after| gap.lost_ms + after);
            let open = open.filter(|open| next.is_none_or(|next| *open <= next));
            let word = open.and_then(|open| self.first_word(open, next.unwrap_or(u64::MAX)));
            match (open, word, next) {
                (Some(open), Some(word), _) => {
                    let wait = self.wait(matter, open, word, place);
                    let (ms, engine_ms) = (wait.ms + waited, wait.engine_ms + waited);
                    waits.push(Wait { ms, engine_ms, ..wait });
                }
                (_, _, Some(next)) => {
                    let here = open.map_or(0, |open| next.saturating_sub(open));
                    before = Some((waited + here, since));
                }
                (_, _, None) => silent.push(place),
            }
        }
        silent
    }

    /// What an engine had still to say at that moment: of an answer that had come whole the voice
    /// speaks the rest by itself.
    fn due(&self, at: u64) -> Option<&str> {
        self.call.pending(at, |end| end.arrived_ms)
    }

    fn first_word(&self, since: u64, until: u64) -> Option<&Heard> {
        self.call.story.facts.iter().find_map(|fact| match &fact.what {
            What::Heard(heard) => {
                let is_there = (since..=until).contains(&heard.arrived_ms);
                (is_there && !heard.words.trim().is_empty()).then_some(heard)
            }
            _ => None,
        })
    }

    fn wait(&self, matter: &str, since: u64, word: &Heard, place: String) -> Wait {
        let own = self.phrases.begin_with(&word.words);
        self.less_model(matter, since, word.arrived_ms, own, place)
    }

    /// What the engine says by itself comes from no model, nor does what the record has of an answer.
    fn less_model(&self, matter: &str, since: u64, until: u64, own: bool, place: String) -> Wait {
        let (ms, rang) = (until.saturating_sub(since), rang_ms(self.call.story));
        let first = u64::try_from(FIRST.as_millis()).unwrap_or_default();
        let asked = self.all.asked.get(matter).map(Vec::as_slice).unwrap_or_default();
        let took = asked.iter().map(|asked| {
            let from = asked.saturating_sub(rang);
            (from + first).min(until).saturating_sub(from.max(since))
        });
        let took = took.filter(|_| !own).max().unwrap_or_default();
        Wait { ms, engine_ms: ms.saturating_sub(took), place }
    }
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

/// Half and all but a hundredth are as short, and the longest: the engine's share, and all of it.
pub(crate) fn told(waits: &[Wait]) -> String {
    let shares = |of: fn(&Wait) -> u64| {
        let mut sorted: Vec<_> = waits.iter().map(of).collect();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or_default();
        let most = sorted.last().copied().unwrap_or_default();
        format!("p50 {} p99 {} max {most} ms", at(50), at(99))
    };
    let (engine, all) = (shares(|wait| wait.engine_ms), shares(|wait| wait.ms));
    format!("n {}: {engine}; with the model {all}", waits.len())
}

#[cfg(test)]
mod tests;
