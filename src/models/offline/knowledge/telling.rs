//! Which sentences of the passages found are said, and in which order.

use std::collections::{BTreeSet, HashSet};

use super::{Finding, Knowledge, Passage, Query, Sentence, TITLE, search::Hit};
use crate::models::offline::heard::plain;

/// How much two words that stand together in the question and in the sentence count extra.
const PAIR: f32 = 0.5;

/// How much better a sentence answers that holds the price or the time that was asked for.
const MEASURED: f32 = 1.6;

/// How sharply a sentence's worth falls with the score of its passage, an exponent.
const RANK: f32 = 3.0;

/// What any sentence of a passage is worth by itself, as a share of all that is asked: callers name
/// the passage, and the sentence that answers may hold none of their words.
const BASE: f32 = 0.5;

/// What the first sentence is worth more: it says what the passage is about.
const LEAD: f32 = 0.25;

/// The share of the best sentence's worth that a further one of the same passage has to add.
const FURTHER: f32 = 0.4;

/// The same for one of another passage, which has to add something new.
const ELSEWHERE: f32 = 0.7;

/// How much of what was already said a further sentence may count as its own.
const REPEATED: f32 = 0.35;

/// What a sentence is worth that the agent said in the turn before.
const STALE: f32 = 0.4;

/// An answer shorter than this, bytes, takes the next best sentence of its passage as well, like
/// one without the figure that was asked for.
const CURT: usize = 60;

/// A passage up to this length, bytes, is said as a whole: about fifteen seconds of speech.
const WHOLE: usize = 230;

/// The longest answer, sentences: more is not listened to.
const SENTENCES: usize = 3;

/// Beginnings of a sentence that cannot stand without the one before it.
const LEANING: [&str; 8] =
    ["it", "they", "these", "this", "that", "after that", "if you pay less", "only when"];

/// A sentence that may be said: of which passage, at which place, how well it answers.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    hit: Hit<'a>,
    place: usize,
    sentence: &'a Sentence,
    worth: f32,
    rank: f32,
}

impl Candidate<'_> {
    fn is(&self, other: &Candidate<'_>) -> bool {
        (self.hit.at, self.place) == (other.hit.at, other.place)
    }
}

impl Knowledge {
    /// The answer from the passages that hold one, best first; `None` when there is none.
    pub(super) fn tell(
        &self,
        query: &Query,
        hits: &[Hit<'_>],
        said: Option<&str>,
    ) -> Option<Finding> {
        let said = said.map(|said| plain(said).join(" ")).unwrap_or_default();
        let best = hits.first()?.score;
        let asked: f32 = query.weights.values().sum();
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for hit in hits {
            let rank = (hit.score / best).powf(RANK);
            candidates.extend(hit.passage.sentences.iter().enumerate().map(|(place, sentence)| {
                let share = if place == 0 { BASE + LEAD } else { BASE };
                let mut worth =
                    rank * (share * asked + query.worth(sentence, &hit.passage.heading));
                if query.is_measured(sentence) {
                    worth *= MEASURED;
                } else if !said.is_empty() && said.contains(&plain(&sentence.text).join(" ")) {
                    worth *= STALE;
                }
                Candidate { hit: *hit, place, sentence, worth, rank }
            }));
        }
        candidates.sort_by(|a, b| b.worth.total_cmp(&a.worth));
        let lead = candidates.first().copied()?;
        let picked = pick(query, lead, &candidates);
        let words: Vec<&str> = picked.iter().map(|one| one.sentence.text.as_str()).collect();
        Some(Finding::Known { words: words.join(" "), handoff: lead.hit.passage.handoff.clone() })
    }
}

/// The best sentence and what adds to it, in the order of the text.
fn pick<'a>(
    query: &Query,
    lead: Candidate<'a>,
    candidates: &[Candidate<'a>],
) -> Vec<Candidate<'a>> {
    if lead.hit.passage.is_short() {
        let mut whole: Vec<Candidate<'_>> =
            candidates.iter().filter(|one| one.hit.at == lead.hit.at).copied().collect();
        whole.sort_by_key(|one| one.place);
        return whole;
    }
    let mut said: HashSet<&str> = lead.sentence.stems.iter().map(String::as_str).collect();
    let mut picked = vec![lead];
    if let Some(place) = lead.place.checked_sub(1) {
        let before = |one: &&Candidate<'_>| one.hit.at == lead.hit.at && one.place == place;
        let opens = |one: &&Candidate<'_>| one.place == 0 && one.sentence.text.len() < CURT;
        let before = candidates.iter().find(before);
        picked.extend(before.filter(|one| leans(lead.sentence) || opens(one)));
    }
    while picked.len() < SENTENCES {
        let open = candidates.iter().filter(|one| !picked.iter().any(|it| it.is(one)));
        let measured = |one: &Candidate<'_>| query.is_measured(one.sentence);
        let blank = query.measure.is_some() && !picked.iter().any(measured);
        let curt = picked.iter().map(|one| one.sentence.text.len()).sum::<usize>() < CURT;
        let next = open
            .map(|one| {
                let home = one.hit.at == lead.hit.at;
                let gain = one.rank * query.gain(one.sentence, &said, home);
                let enough = lead.worth * if home { FURTHER } else { ELSEWHERE };
                let wanted = curt || blank && measured(one);
                let short = if wanted && home { enough } else { 0.0 };
                ((gain + short) / enough, one)
            })
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let Some((_, one)) = next.filter(|(share, _)| *share >= 1.0) else { break };
        said.extend(one.sentence.stems.iter().map(String::as_str));
        picked.push(*one);
    }
    if let [only] = picked.as_slice() {
        // A price or a time is answered by itself; anything else is clearer with what follows.
        let room = if query.measure.is_none() {
            WHOLE - only.sentence.text.len().min(WHOLE)
        } else {
            CURT
        };
        let follows = |one: &&Candidate<'_>| {
            one.hit.at == only.hit.at
                && one.place == only.place + 1
                && one.sentence.text.len() <= room
        };
        picked.extend(candidates.iter().find(follows).copied());
    }
    picked.sort_by_key(|one| (one.hit.at != lead.hit.at, one.hit.at, one.place));
    picked
}

impl Passage {
    /// Whether it is said as a whole.
    fn is_short(&self) -> bool {
        let length: usize = self.sentences.iter().map(|sentence| sentence.text.len()).sum();
        length <= WHOLE && self.sentences.len() <= SENTENCES
    }
}

fn leans(sentence: &Sentence) -> bool {
    let words = plain(&sentence.text).join(" ");
    LEANING.iter().any(|start| {
        words.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

impl Query {
    /// How well a sentence answers.
    fn worth(&self, sentence: &Sentence, heading: &BTreeSet<String>) -> f32 {
        let mut worth = 0.0;
        for (stem, weight) in &self.weights {
            let said = f32::from(u8::from(sentence.stems.contains(stem)));
            let titled = f32::from(u8::from(heading.contains(stem)));
            worth += weight * (said + TITLE * titled);
        }
        for pair in self.stems.windows(2) {
            if sentence.stems.windows(2).any(|together| together == pair) {
                worth += PAIR * pair.iter().map(|stem| self.weight(stem)).sum::<f32>() / 2.0;
            }
        }
        worth
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

    /// Whether a passage holds the price or the time that is asked for, if one is.
    pub(super) fn is_met_by(&self, passage: &Passage) -> bool {
        self.measure.is_none() || passage.sentences.iter().any(|it| self.is_measured(it))
    }

    /// Whether a sentence holds the price or the time that is asked for.
    fn is_measured(&self, sentence: &Sentence) -> bool {
        self.measure.is_some_and(|measure| measure.is_in(&sentence.text))
    }
}
