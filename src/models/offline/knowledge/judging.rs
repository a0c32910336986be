//! Whether what was found answers: a wrong answer is worse than none.

use super::{Before, Knowledge, Passage, Query, search::Hit, within};
use crate::models::offline::{
    heard::Heard,
    words::{self, Words},
};

/// The least share of what a question asks about, by weight, that a passage has to hold.
const KNOWN: f32 = 0.5;

/// The same when the caller says one of its phrases, whole.
const KNOWN_SAID: f32 = 0.4;

/// The least share of a question that is not about a passage, but that it mentions.
const MENTIONED: f32 = 0.8;

/// How much more a word that callers say for another passage alone counts against an answer.
const STRANGE: f32 = 2.0;

/// How much a word of everyday stories counts against an answer.
const STORY: f32 = 0.4;

/// The least weight of what a passage has to hold of a question.
const FIRM: f32 = 2.0;

/// How much of a phrase has to be said for the passage to be about it.
const MOSTLY: f32 = 0.7;

/// How near to the best passage one has to be that answers in its place, as a share of its score.
const CLOSE: f32 = 0.9;

/// The score from which a passage answers even when another one is near.
const SURE: f32 = 9.0;

/// The least share that a passage has to hold for its section to be offered.
const NEAR: f32 = 0.25;

/// How many titles are offered instead of an answer.
const OFFERED: usize = 2;

impl Knowledge {
    /// The passages that answer, of those that were found, best first.
    pub(super) fn known<'a>(
        &self,
        hits: &[Hit<'a>],
        question: &str,
        before: &Before,
        elliptic: bool,
    ) -> Vec<Hit<'a>> {
        let asked = self.judged(question, before);
        let known = hits.iter().copied().filter(|hit| {
            elliptic && hit.topic || asked.iter().any(|query| self.knows(query, hit.passage))
        });
        let known: Vec<Hit<'_>> = known.collect();
        // What lies behind a better passage that does not answer is no answer either.
        let best = hits.first().map_or(0.0, |hit| hit.score);
        let behind = known.first().is_some_and(|hit| hit.score < best * CLOSE);
        if behind || !elliptic && is_ambiguous(hits) { Vec::new() } else { known }
    }

    /// What the knowledge is judged by, each alone: all that was said, the question without what
    /// went before, and each part of it that asks.
    fn judged(&self, question: &str, before: &Before) -> Vec<Query> {
        let parts = words::parts(question);
        let asking = parts.iter().filter(|part| Heard::new(part).asks());
        let alone = asking.map(|part| Query::new(self, part, &[]));
        [Query::new(self, question, &before.questions), Query::new(self, question, &[])]
            .into_iter()
            .chain(alone)
            .collect()
    }

    /// Whether a passage holds enough of what is asked to answer.
    fn knows(&self, query: &Query, passage: &Passage) -> bool {
        let topics = query.weights.keys().filter(|stem| !self.words.is_everyday(stem));
        let held_topics: Vec<&String> =
            topics.filter(|stem| passage.stems.contains(*stem)).collect();
        let titled = held_topics.iter().any(|stem| passage.heading.contains(*stem));
        let (held, share) = self.held(query, passage);
        let phrase = self.phrased(query, passage);
        let is_about = titled || phrase.share >= MOSTLY;
        if phrase.whole && phrase.worth >= FIRM {
            return share >= KNOWN_SAID;
        }
        let enough = if is_about { KNOWN } else { MENTIONED };
        let topical = if is_about { 1 } else { 2 };
        phrase.exact || held_topics.len() >= topical && held >= FIRM && share >= enough
    }

    /// What a passage holds of what is asked: its weight, and its share of the whole.
    pub(super) fn held(&self, query: &Query, passage: &Passage) -> (f32, f32) {
        let (mut held, mut missing) = (0.0, 0.0);
        for (stem, weight) in &query.weights {
            if passage.stems.contains(stem) {
                held += weight;
            } else if Words::asks(stem) {
            } else if self.words.is_everyday(stem) {
                missing += weight * STORY;
            } else if self.owned.contains(stem) {
                missing += weight * STRANGE;
            } else {
                missing += weight;
            }
        }
        (held, held / (held + missing).max(f32::EPSILON))
    }

    /// The titles to offer instead of an answer, best first.
    pub(super) fn near(&self, query: &Query, hits: &[Hit<'_>]) -> Vec<String> {
        let mut near: Vec<String> = Vec::new();
        let is_near = |hit: &&Hit<'_>| {
            let spoken = query.stems.iter().any(|stem| hit.passage.speaks_of(stem));
            spoken && self.held(query, hit.passage).1 >= NEAR
        };
        for hit in hits.iter().filter(is_near) {
            let title = within(&hit.passage.title);
            if near.len() < OFFERED && !near.contains(&title) {
                near.push(title);
            }
        }
        near
    }
}

impl Passage {
    /// Whether a stem is in its title or in what it says itself.
    fn speaks_of(&self, stem: &str) -> bool {
        self.heading.contains(stem)
            || self.sentences.iter().any(|it| it.stems.iter().any(|it| it == stem))
    }
}

/// Whether two sections answer about as well, and neither well.
fn is_ambiguous(hits: &[Hit<'_>]) -> bool {
    let [best, rest @ ..] = hits else { return false };
    let other = rest.iter().find(|hit| hit.passage.section != best.passage.section);
    best.score < SURE && other.is_some_and(|other| other.score > best.score * CLOSE)
}
