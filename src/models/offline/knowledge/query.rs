//! What is asked: stems with their weights, in the order in which they were said.

use std::collections::BTreeMap;

use super::{CONTEXT, Knowledge};
use crate::models::offline::heard::{Heard, Measure};

/// A question.
pub(super) struct Query {
    /// In a fixed order, so that sums of them, and with them the answers, are always the same.
    pub(super) weights: BTreeMap<String, f32>,
    /// Those of the question itself, in order.
    pub(super) stems: Vec<String>,
    pub(super) measure: Option<Measure>,
}

impl Query {
    /// A question that may go on from earlier ones (the latest first).
    pub(super) fn new(knowledge: &Knowledge, question: &str, earlier: &[String]) -> Self {
        let stems = knowledge.words.stems(question);
        let mut weights = BTreeMap::new();
        let mut share = 1.0;
        let earlier = earlier.iter().map(|said| knowledge.words.stems(said));
        for said in std::iter::once(stems.clone()).chain(earlier) {
            for stem in said {
                let counts = share * knowledge.weight(&stem);
                weights.entry(stem).or_insert(counts);
            }
            share *= CONTEXT;
        }
        Self { weights, stems, measure: Heard::new(question).measure() }
    }

    pub(super) fn weight(&self, stem: &str) -> f32 {
        self.weights.get(stem).copied().unwrap_or(0.0)
    }
}
