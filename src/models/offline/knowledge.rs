//! The persona's knowledge, searched: passages by BM25 and by callers' own phrases, then the
//! sentences within the best three (`telling`).
//!
//! A passage is a part of a section with the `Callers say:` line that names it. Whether anything
//! answers at all is judged apart from the search (`search`, `judging`).

mod judging;
mod query;
mod search;
mod telling;

use std::collections::{BTreeSet, HashMap, HashSet};

use bm25::{Document, SearchEngine, SearchEngineBuilder};
use switchhook_actors::domain::persona::{self, Section};

use self::query::Query;
use super::{
    heard::Heard,
    words::{self, Stemmed, Words},
};

/// How many passages are read closely: the right one is nearly always among the first three.
const CANDIDATES: usize = 3;

/// How much each turn further back counts in a follow-up.
const CONTEXT: f32 = 0.5;

/// How much a word in the title counts beside the text's own.
const TITLE: f32 = 0.5;

/// How much a word of everyday stories counts.
const EVERYDAY: f32 = 0.5;

/// What was said before a question, and may be meant in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    /// The caller's earlier turns, the latest first.
    pub(super) questions: Vec<String>,
    /// The agent's last words.
    pub(super) answer: Option<String>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// An answer.
    Known {
        /// One to three sentences.
        words: String,
        /// Why a person is needed when the caller states this, as the section says.
        handoff: Option<String>,
    },
    /// The knowledge does not hold it.
    Unknown {
        /// Titles that are nearest, best first, to be spoken within a sentence; perhaps none.
        near: Vec<String>,
    },
}

pub(super) struct Knowledge {
    words: Words,
    engine: SearchEngine<usize, u32, Stemmed>,
    passages: Vec<Passage>,
    /// In how many passages a stem is found.
    spread: HashMap<String, usize>,
    /// What callers say and no passage does: it is about the passages that they say it for.
    owned: HashSet<String>,
}

/// A passage, cut up.
struct Passage {
    section: usize,
    /// Whether it is the first of its section.
    main: bool,
    title: String,
    heading: BTreeSet<String>,
    handoff: Option<String>,
    /// What callers say for it, in stems.
    phrases: Vec<Vec<String>>,
    sentences: Vec<Sentence>,
    stems: HashSet<String>,
}

struct Sentence {
    text: String,
    stems: Vec<String>,
}

impl Knowledge {
    pub(super) fn new(sections: &[Section], language: Option<&str>) -> Self {
        let titles: Vec<&str> = sections.iter().map(|section| section.title.as_str()).collect();
        let texts: Vec<&str> = sections.iter().map(|section| section.text.as_str()).collect();
        let words = Words::new(language, &titles, &texts);
        let mut documents = Vec::new();
        let mut passages = Vec::new();
        for (at, section) in sections.iter().enumerate() {
            for (place, passage) in section.passages().into_iter().enumerate() {
                let passage = Passage::new((at, place), section, &passage, &words);
                documents.push(Document { id: passages.len(), contents: passage.document() });
                passages.push(passage);
            }
        }
        let engine = SearchEngineBuilder::with_tokenizer_and_documents(Stemmed, documents).build();
        let mut spread = HashMap::new();
        for stem in passages.iter().flat_map(|passage| &passage.stems) {
            *spread.entry(stem.clone()).or_insert(0) += 1;
        }
        let sentences = passages.iter().flat_map(|passage| &passage.sentences);
        let spoken: HashSet<&String> = sentences.flat_map(|sentence| &sentence.stems).collect();
        let callers = passages.iter().flat_map(|passage| passage.phrases.iter().flatten());
        let owned = callers.filter(|stem| !spoken.contains(stem)).cloned().collect();
        Self { words, engine, passages, spread, owned }
    }

    /// Whether these words ask about nothing.
    pub(super) fn is_idle(&self, text: &str) -> bool {
        self.all_everyday(&self.words.stems(text))
    }

    /// Whether there is nothing in these words at all.
    pub(super) fn is_silent(&self, text: &str) -> bool {
        self.words.stems(text).is_empty()
    }

    /// Whether something in these words is known, so that they need no context to be about it.
    fn is_about(&self, text: &str) -> bool {
        let stems = self.words.stems(text);
        stems.iter().any(|stem| !self.words.is_everyday(stem) && self.spread.contains_key(stem))
    }

    /// The titles of the first sections that say nothing about a person being needed.
    pub(super) fn topics(&self) -> Vec<String> {
        let mut titles: Vec<String> = Vec::new();
        for passage in self.passages.iter().filter(|passage| passage.handoff.is_none()) {
            let title = within(&passage.title);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }

    /// The answer to a question that may go on from what was said before.
    pub(super) fn answer(&self, question: &str, before: &Before) -> Finding {
        let heard = Heard::new(question);
        let follows = heard.refers_back() || !self.is_about(question);
        let nothing = Before::default();
        let before = if follows { before } else { &nothing };
        let query = Query::new(self, question, &before.questions);
        let mut hits = self.hits(&query, question, before);
        // "And how much is it?" has no topic of its own: it is about what was told, if that can be.
        let elliptic = (heard.asks() || heard.goes_on()) && self.is_idle(question);
        if elliptic {
            hits.retain(|hit| query.is_met_by(hit.passage));
            let topic = hits.iter().any(|hit| hit.topic);
            hits.retain(|hit| hit.topic == topic);
        }
        hits.truncate(CANDIDATES);
        let known = self.known(&hits, question, before, elliptic);
        self.tell(&query, &known, before.answer.as_deref())
            .unwrap_or_else(|| Finding::Unknown { near: self.near(&query, &hits) })
    }

    /// How much a stem counts in a question.
    fn weight(&self, stem: &str) -> f32 {
        let rarity = self.rarity(stem);
        if self.words.is_everyday(stem) { rarity * EVERYDAY } else { rarity }
    }

    /// How much a stem tells: the inverse document frequency of BM25, highest for unknown words.
    fn rarity(&self, stem: &str) -> f32 {
        let all = self.passages.len() as f32;
        let with = self.spread.get(stem).copied().unwrap_or(0) as f32;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    fn all_everyday(&self, stems: &[String]) -> bool {
        stems.iter().all(|stem| self.words.is_everyday(stem))
    }
}

impl Passage {
    fn new(
        (at, place): (usize, usize),
        section: &Section,
        passage: &persona::Passage<'_>,
        words: &Words,
    ) -> Self {
        let sentences = words::sentences(&passage.text).into_iter();
        let sentences: Vec<Sentence> =
            sentences.map(|text| Sentence { stems: words.stems(&text), text }).collect();
        let phrases = passage.callers.iter().map(|phrase| words.stems(phrase));
        let phrases: Vec<Vec<String>> = phrases.filter(|phrase| !phrase.is_empty()).collect();
        let heading: BTreeSet<String> = words.stems(&section.title).into_iter().collect();
        let told = sentences.iter().flat_map(|sentence| &sentence.stems);
        let stems = heading.iter().chain(told).chain(phrases.iter().flatten()).cloned().collect();
        let (title, handoff) = (section.title.clone(), section.handoff.clone());
        Self { section: at, main: place == 0, title, heading, handoff, phrases, sentences, stems }
    }

    /// Its stems as BM25 gets them. The heading twice: what a section is about weighs more than what
    /// it mentions.
    fn document(&self) -> String {
        let phrases = self.phrases.iter().flatten();
        let told = self.sentences.iter().flat_map(|sentence| &sentence.stems);
        let stems = self.heading.iter().chain(&self.heading).chain(phrases).chain(told);
        stems.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// A title as it is said within a sentence: `PIN` stays, `Annual fees` does not.
fn within(title: &str) -> String {
    let mut signs = title.chars();
    match (signs.next(), signs.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(signs).collect()
        }
        _ => title.to_owned(),
    }
}
