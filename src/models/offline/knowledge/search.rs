//! Which passages a question finds: BM25, callers' phrases, what was told before.

use std::collections::HashMap;

use super::{Before, Knowledge, Passage, Query};
use crate::models::offline::heard::plain;

/// How much a phrase of the callers' counts beside the words of BM25.
const PHRASE: f32 = 1.0;

/// How much more a phrase counts that is all that was said.
const EXACT: f32 = 1.5;

/// How much a title that the caller says whole adds to what BM25 finds, as a share of it.
const NAMED: f32 = 0.5;

/// How many other words may stand within a phrase: "take that late fee off for me".
const GAP: usize = 2;

/// How much a passage of the section that was last told gains in a follow-up.
const TOPIC: f32 = 3.0;

/// How much the passage itself that was last told gains beside that.
const LAST: f32 = 1.0;

/// How much better a passage is that holds the price or the time that is asked for.
const MEASURED: f32 = 1.15;

/// How much better the first passage of a section is: it says what the section is about.
const MAIN: f32 = 1.1;

/// How much of a passage's score does not depend on the share of the question that it explains.
const PARTLY: f32 = 0.4;

/// A passage as a question finds it.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    pub(super) at: usize,
    pub(super) passage: &'a Passage,
    pub(super) score: f32,
    /// Whether it can answer a question that goes on from what the agent told last.
    pub(super) topic: bool,
}

/// How a question meets a phrase of the callers'.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    /// The weight of the words that they share, more for a phrase that is met as a whole.
    pub(super) worth: f32,
    /// Which share of it was said, by weight.
    pub(super) share: f32,
    /// Whether all of its words were said, and it has more than one.
    pub(super) whole: bool,
    /// Whether nothing else was said.
    pub(super) exact: bool,
}

impl Knowledge {
    /// The passages nearest to a question, best first.
    pub(super) fn hits(&self, query: &Query, question: &str, before: &Before) -> Vec<Hit<'_>> {
        let found = self.found(question, before);
        let told = self.told(before);
        let hits = self.passages.iter().enumerate().map(|(at, passage)| {
            let topic = told.iter().any(|(_, told)| told.section == passage.section)
                && query.is_met_by(passage);
            let phrase = self.phrased(query, passage);
            let words = found.get(&at).copied().unwrap_or(0.0);
            let mut score = words * (1.0 + NAMED * self.named(query, passage));
            score += PHRASE * phrase.worth;
            if topic {
                score += TOPIC;
            }
            if topic && told.iter().any(|(told, _)| *told == at) {
                score += LAST;
            }
            if query.measure.is_some() && query.is_met_by(passage) {
                score *= MEASURED;
            }
            if passage.main {
                score *= MAIN;
            }
            score *= PARTLY + (1.0 - PARTLY) * self.held(query, passage).1;
            Hit { at, passage, score, topic }
        });
        let mut hits: Vec<Hit<'_>> = hits.filter(|hit| hit.score > 0.0).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
        hits
    }

    /// What BM25 finds, by passage.
    fn found(&self, question: &str, before: &Before) -> HashMap<usize, f32> {
        let mut scores = HashMap::new();
        let mut weight = 1.0;
        for said in [question].into_iter().chain(before.questions.iter().map(String::as_str)) {
            // BM25 adds up over the words: twice by half is once, and everyday words count half.
            let stems = self.words.stems(said);
            let topical = stems.iter().filter(|stem| !self.words.is_everyday(stem)).cloned();
            for stems in [topical.collect::<Vec<_>>().join(" "), stems.join(" ")] {
                for hit in self.engine.search(&stems, None) {
                    *scores.entry(hit.document.id).or_insert(0.0) += weight * hit.score / 2.0;
                }
            }
            weight *= super::CONTEXT;
        }
        scores
    }

    /// The passages that the agent's last words came from.
    fn told(&self, before: &Before) -> Vec<(usize, &Passage)> {
        let Some(answer) = &before.answer else { return Vec::new() };
        let answer = plain(answer).join(" ");
        let passages = self.passages.iter().enumerate();
        let told = passages.filter(|(_, passage)| {
            let mut sentences = passage.sentences.iter();
            sentences.any(|sentence| answer.contains(&plain(&sentence.text).join(" ")))
        });
        let told: Vec<(usize, &Passage)> = told.collect();
        if !told.is_empty() {
            return told;
        }
        let best = self
            .engine
            .search(&self.words.stems(&answer).join(" "), 1)
            .into_iter()
            .next()
            .map(|hit| hit.document.id);
        best.and_then(|at| Some((at, self.passages.get(at)?))).into_iter().collect()
    }

    /// Which share of a passage's title the question holds, by weight.
    fn named(&self, query: &Query, passage: &Passage) -> f32 {
        let all: f32 = passage.heading.iter().map(|stem| self.rarity(stem)).sum();
        let asked = passage.heading.iter().filter(|stem| query.weights.contains_key(*stem));
        asked.map(|stem| self.rarity(stem)).sum::<f32>() / all.max(f32::EPSILON)
    }

    /// The phrase of a passage that the caller comes closest to.
    pub(super) fn phrased(&self, query: &Query, passage: &Passage) -> Met {
        let asked: f32 = query.stems.iter().map(|stem| self.weight(stem)).sum();
        let near = passage
            .phrases
            .iter()
            .filter(|phrase| phrase.iter().any(|stem| query.stems.contains(stem)));
        let met = near.map(|phrase| self.met(query, asked, phrase));
        met.max_by(|a, b| a.worth.total_cmp(&b.worth)).unwrap_or_default()
    }

    fn met(&self, query: &Query, asked: f32, phrase: &[String]) -> Met {
        let weigh = |window: &[String]| -> f32 {
            let said = phrase.iter().filter(|stem| window.contains(stem));
            said.map(|stem| self.weight(stem)).sum()
        };
        let span = (phrase.len() + GAP).min(query.stems.len());
        let held = query.stems.windows(span.max(1)).map(weigh).fold(0.0, f32::max);
        let all = weigh(phrase);
        let (share, of_asked) = (held / all.max(f32::EPSILON), held / asked.max(f32::EPSILON));
        let exact = held >= all && held >= asked;
        let single = phrase.len() == 1;
        // A single everyday word is found in many a question that means something else.
        if !exact && single && self.all_everyday(phrase) {
            return Met::default();
        }
        let worth = held * share * share * (1.0 + of_asked);
        let worth = if exact { worth * EXACT } else { worth };
        Met { worth, share, whole: held >= all && !single, exact }
    }
}
