//! The passages of a section: what may be read aloud, and what callers call it.
//!
//! A passage ends with its `Callers say:` line, or with the section. The offline model searches
//! passages; the parser of the body checks the lines.

use super::Section;

/// What the line with callers' own words begins with.
const CALLERS: &str = "Callers say:";

/// A part of a section that answers one kind of question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passage<'a> {
    /// What may be read aloud: its lines, as written.
    pub text: String,
    /// How callers ask for it, never spoken: words and short phrases.
    pub callers: Vec<&'a str>,
}

impl Section {
    /// Its passages, in order; each has text.
    #[must_use]
    pub fn passages(&self) -> Vec<Passage<'_>> {
        let mut passages = vec![Passage::default()];
        for line in self.text.lines() {
            let Some(passage) = passages.last_mut() else { break };
            if let Some(callers) = callers(line) {
                passage.callers = callers;
                passages.push(Passage::default());
            } else {
                passage.text.push_str(line);
                passage.text.push('\n');
            }
        }
        passages.retain(|passage| !passage.text.trim().is_empty());
        passages
    }
}

/// The words and phrases of a `Callers say:` line; `None` for any other line.
pub(super) fn callers(line: &str) -> Option<Vec<&str>> {
    let phrases = line.strip_prefix(CALLERS)?.split(',').map(str::trim);
    Some(phrases.filter(|phrase| !phrase.is_empty()).collect())
}

/// A body without its `Callers say:` lines.
pub(super) fn without_callers(body: &str) -> String {
    let lines: Vec<&str> = body.lines().filter(|line| !line.starts_with(CALLERS)).collect();
    lines.join("\n")
}
