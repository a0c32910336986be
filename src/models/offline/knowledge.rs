//! The persona's knowledge, searched: sections by BM25, then the sentences within the best three.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bm25::{Document, SearchEngine, SearchEngineBuilder};
use switchhook_actors::domain::persona::Section;

use super::words::{self, Heard, Words};

/// How many sections are read closely: the right one is nearly always among the first three.
const CANDIDATES: usize = 3;

/// How much each turn further back counts in a follow-up.
const CONTEXT: f32 = 0.5;

/// The least share of what a question asks about, by weight, that a section has to hold.
const KNOWN: f32 = 0.5;

/// How much a word in the title counts for each sentence below it, beside the sentence's own.
const TITLE: f32 = 0.5;

/// How much more a word that nothing in the knowledge holds counts against an answer.
const STRANGE: f32 = 1.5;

/// The least weight of what a section has to hold of a question, unless its title holds it.
const FIRM: f32 = 1.5;

/// The least share that a section has to hold to be offered.
const NEAR: f32 = 0.25;

/// How much two words that stand together in the question and in the sentence count extra.
const PAIR: f32 = 0.5;

/// How much better a sentence with a figure answers "how much".
const FIGURE: f32 = 1.25;

/// How much of a sentence's worth depends on the rank of its section.
const RANK: f32 = 0.5;

/// The share of the best sentence's worth that a further one of the same section has to add.
const FURTHER: f32 = 0.5;

/// The same for one of another section, which has to add something new.
const ELSEWHERE: f32 = 0.6;

/// How much of what was already said a further sentence may count as its own.
const REPEATED: f32 = 0.35;

/// An answer shorter than this, bytes, takes the next best sentence of its section as well, like
/// one without the figure that was asked for.
const CURT: usize = 60;

/// The longest answer, sentences: more is not listened to.
const SENTENCES: usize = 3;

/// How many titles are offered instead of an answer.
const OFFERED: usize = 2;

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
        /// Titles that are nearest, or else the first ones, to be spoken within a sentence.
        near: Vec<String>,
    },
}

pub(super) struct Knowledge {
    words: Words,
    engine: SearchEngine<usize, u32, Words>,
    chapters: Vec<Chapter>,
    /// In how many sections a stem is found.
    spread: HashMap<String, usize>,
}

/// A section, cut up.
struct Chapter {
    title: String,
    heading: BTreeSet<String>,
    handoff: Option<String>,
    sentences: Vec<Sentence>,
    stems: HashSet<String>,
}

struct Sentence {
    text: String,
    stems: Vec<String>,
    figure: bool,
}

/// What is asked: stems with their weights, and those that stand together.
struct Query {
    /// In a fixed order, so that sums of them, and with them the answers, are always the same.
    weights: BTreeMap<String, f32>,
    pairs: Vec<(String, String)>,
    figure: bool,
}

/// A sentence that may be said: of which chapter, at which place, how well it answers.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    chapter: usize,
    place: usize,
    sentence: &'a Sentence,
    worth: f32,
    rank: f32,
}

impl Knowledge {
    pub(super) fn new(sections: &[Section], language: Option<&str>) -> Self {
        let words = Words::new(language);
        let documents = sections.iter().enumerate().map(|(id, section)| {
            // The heading twice: what a section is about weighs more than what it mentions.
            let contents = format!("{0} {0} {1}", section.title, section.text);
            Document { id, contents }
        });
        let documents: Vec<Document<usize>> = documents.collect();
        let engine =
            SearchEngineBuilder::with_tokenizer_and_documents(words.clone(), documents).build();
        let chapters: Vec<Chapter> =
            sections.iter().map(|section| Chapter::new(section, &words)).collect();
        let mut spread = HashMap::new();
        for stem in chapters.iter().flat_map(|chapter| &chapter.stems) {
            *spread.entry(stem.clone()).or_insert(0) += 1;
        }
        Self { words, engine, chapters, spread }
    }

    /// Whether these words ask about nothing.
    pub(super) fn is_idle(&self, text: &str) -> bool {
        self.words.stems(text).is_empty()
    }

    /// The answer to a question that may go on from earlier ones (the latest first).
    pub(super) fn answer(&self, question: &str, earlier: &[String]) -> Finding {
        let query = self.query(question, earlier);
        let ranked = self.ranked(&query, question, earlier);
        let asked = self.judged(question, earlier);
        let known = |chapter: usize| asked.iter().any(|query| self.knows(query, chapter));
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        let best = ranked.first().map_or(1.0, |(_, best)| *best);
        for (id, score) in ranked.iter().copied().filter(|(id, _)| known(*id)) {
            let Some(chapter) = self.chapters.get(id) else { continue };
            let rank = 1.0 - RANK + RANK * score / best;
            candidates.extend(chapter.sentences.iter().enumerate().map(|(place, sentence)| {
                let worth = rank * query.worth(sentence, &chapter.heading);
                Candidate { chapter: id, place, sentence, worth, rank }
            }));
        }
        candidates.sort_by(|a, b| b.worth.total_cmp(&a.worth));
        match candidates.first().copied() {
            Some(lead) => self.told(&query, lead, &candidates),
            None => Finding::Unknown { near: self.near(&query, &ranked) },
        }
    }

    /// What the knowledge is judged by, each alone: all that was said, the question without what
    /// went before, and each part of it that asks (or each at all, when none does).
    fn judged(&self, question: &str, earlier: &[String]) -> Vec<Query> {
        let sentences = words::sentences(question);
        let parts = sentences.iter().flat_map(|sentence| sentence.split_inclusive(", "));
        let (asking, telling): (Vec<&str>, Vec<&str>) =
            parts.partition(|part| Heard::new(part).asks());
        let parts = if asking.is_empty() { telling } else { asking };
        let alone = parts.into_iter().map(|part| self.query(part, &[]));
        [self.query(question, earlier), self.query(question, &[])]
            .into_iter()
            .chain(alone)
            .collect()
    }

    /// Picks the sentences, puts them in order.
    fn told(&self, query: &Query, lead: Candidate<'_>, candidates: &[Candidate<'_>]) -> Finding {
        let mut said: HashSet<&str> = lead.sentence.stems.iter().map(String::as_str).collect();
        let mut picked = vec![lead];
        while picked.len() < SENTENCES {
            let open = candidates.iter().filter(|one| {
                !picked.iter().any(|it| (it.chapter, it.place) == (one.chapter, one.place))
            });
            let blank = query.figure && !picked.iter().any(|one| one.sentence.figure);
            let curt = picked.iter().map(|one| one.sentence.text.len()).sum::<usize>() < CURT;
            let next = open
                .map(|one| {
                    let home = one.chapter == lead.chapter;
                    let gain = one.rank * query.gain(one.sentence, &said, home);
                    let enough = lead.worth * if home { FURTHER } else { ELSEWHERE };
                    let wanted = curt || blank && one.sentence.figure;
                    let short = if wanted && home && gain > 0.0 { enough } else { 0.0 };
                    ((gain + short) / enough, one)
                })
                .max_by(|(a, _), (b, _)| a.total_cmp(b));
            let Some((_, one)) = next.filter(|(share, _)| *share >= 1.0) else { break };
            said.extend(one.sentence.stems.iter().map(String::as_str));
            picked.push(*one);
        }
        picked.sort_by_key(|one| (one.chapter != lead.chapter, one.chapter, one.place));
        let words: Vec<&str> = picked.iter().map(|one| one.sentence.text.as_str()).collect();
        let handoff = self.chapters.get(lead.chapter).and_then(|chapter| chapter.handoff.clone());
        Finding::Known { words: words.join(" "), handoff }
    }

    /// The sections nearest to a question, best first, with their scores.
    fn ranked(&self, query: &Query, question: &str, earlier: &[String]) -> Vec<(usize, f32)> {
        let mut scores: HashMap<usize, f32> = HashMap::new();
        let mut weight = 1.0;
        for said in [question].into_iter().chain(earlier.iter().map(String::as_str)) {
            for hit in self.engine.search(said, None) {
                *scores.entry(hit.document.id).or_insert(0.0) += weight * hit.score;
            }
            weight *= CONTEXT;
        }
        let scored = scores.into_iter().filter_map(|(id, score)| {
            let named = self.named(query, self.chapters.get(id)?);
            Some((id, score * (1.0 + named)))
        });
        let mut ranked: Vec<(usize, f32)> = scored.collect();
        ranked.sort_by(|(a, this), (b, that)| that.total_cmp(this).then(a.cmp(b)));
        ranked.truncate(CANDIDATES);
        ranked
    }

    fn query(&self, question: &str, earlier: &[String]) -> Query {
        let own = self.words.stems(question);
        let mut weights = BTreeMap::new();
        let mut weight = 1.0;
        for stems in
            std::iter::once(own.clone()).chain(earlier.iter().map(|said| self.words.stems(said)))
        {
            for stem in stems {
                let counts = weight * self.rarity(&stem);
                weights.entry(stem).or_insert(counts);
            }
            weight *= CONTEXT;
        }
        let pairs = own.iter().cloned().zip(own.iter().skip(1).cloned()).collect();
        Query { weights, pairs, figure: Heard::new(question).wants_figure() }
    }

    /// How much a stem tells: the inverse document frequency of BM25, highest for unknown words.
    fn rarity(&self, stem: &str) -> f32 {
        let all = self.chapters.len() as f32;
        let with = self.spread.get(stem).copied().unwrap_or(0) as f32;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    /// Whether a chapter holds enough of what is asked to answer.
    fn knows(&self, query: &Query, chapter: usize) -> bool {
        let Some(chapter) = self.chapters.get(chapter) else { return false };
        let titled = query.weights.keys().any(|stem| chapter.heading.contains(stem));
        let (held, share) = self.held(query, chapter);
        share >= KNOWN && (titled || held >= FIRM)
    }

    /// What a chapter holds of what is asked: its weight, and its share of the whole.
    fn held(&self, query: &Query, chapter: &Chapter) -> (f32, f32) {
        let (mut held, mut missing) = (0.0, 0.0);
        for (stem, weight) in &query.weights {
            if chapter.heading.contains(stem) {
                held += weight * (1.0 + TITLE);
            } else if chapter.stems.contains(stem) {
                held += weight;
            } else if self.spread.contains_key(stem) {
                missing += weight;
            } else {
                missing += weight * STRANGE;
            }
        }
        (held, held / (held + missing).max(f32::EPSILON))
    }

    /// Which share of a chapter's title the question holds, by weight.
    fn named(&self, query: &Query, chapter: &Chapter) -> f32 {
        let all: f32 = chapter.heading.iter().map(|stem| self.rarity(stem)).sum();
        let asked = chapter.heading.iter().filter(|stem| query.weights.contains_key(*stem));
        asked.map(|stem| self.rarity(stem)).sum::<f32>() / all.max(f32::EPSILON)
    }

    fn near(&self, query: &Query, ranked: &[(usize, f32)]) -> Vec<String> {
        let share = |id: usize| self.chapters.get(id).map_or(0.0, |it| self.held(query, it).1);
        let hits = ranked.iter().map(|(id, _)| *id).filter(|id| share(*id) >= NEAR);
        let mut ids: Vec<usize> = Vec::new();
        for id in hits.chain(0..self.chapters.len()) {
            if ids.len() < OFFERED && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.into_iter().filter_map(|id| self.chapters.get(id)).map(|it| within(&it.title)).collect()
    }
}

impl Chapter {
    fn new(section: &Section, words: &Words) -> Self {
        let sentences = words::sentences(&section.text).into_iter().map(|text| {
            let figure = text.contains(|sign: char| sign.is_ascii_digit());
            Sentence { stems: words.stems(&text), text, figure }
        });
        let sentences: Vec<Sentence> = sentences.collect();
        let heading: BTreeSet<String> = words.stems(&section.title).into_iter().collect();
        let told = sentences.iter().flat_map(|sentence| &sentence.stems);
        let stems = heading.iter().chain(told).cloned().collect();
        let (title, handoff) = (section.title.clone(), section.handoff.clone());
        Self { title, heading, handoff, sentences, stems }
    }
}

impl Query {
    fn weight(&self, stem: &str) -> f32 {
        self.weights.get(stem).copied().unwrap_or(0.0)
    }

    /// How well a sentence answers.
    fn worth(&self, sentence: &Sentence, heading: &BTreeSet<String>) -> f32 {
        let mut worth = 0.0;
        for (stem, weight) in &self.weights {
            let said = f32::from(u8::from(sentence.stems.contains(stem)));
            let titled = f32::from(u8::from(heading.contains(stem)));
            worth += weight * (said + TITLE * titled);
        }
        for (left, right) in &self.pairs {
            let together = |pair: &[String]| matches!(pair, [a, b] if a == left && b == right);
            if sentence.stems.windows(2).any(together) {
                worth += PAIR * (self.weight(left) + self.weight(right)) / 2.0;
            }
        }
        if self.figure && sentence.figure { worth * FIGURE } else { worth }
    }

    /// What a further sentence adds to what was said; beside it at home, or something new at all.
    fn gain(&self, sentence: &Sentence, said: &HashSet<&str>, home: bool) -> f32 {
        let repeated = if home { REPEATED } else { 0.0 };
        let held = self.weights.iter().filter(|(stem, _)| sentence.stems.contains(*stem));
        held.map(
            |(stem, weight)| if said.contains(stem.as_str()) { repeated * weight } else { *weight },
        )
        .sum()
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
