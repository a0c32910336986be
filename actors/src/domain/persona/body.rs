//! The body of a persona file: finds the sections of knowledge in the Markdown.

use std::collections::HashMap;

use super::{PersonaProblems, Section, WORDS_MAX, parts::Parts, passages::callers};

/// The heading above the knowledge, in any case.
const KNOWLEDGE: &str = "knowledge";

/// What the line of a section that is for a person begins with.
const HANDOFF: &str = "Hand off:";

/// A section as it is read, and the line of its heading.
struct Open {
    line: usize,
    section: Section,
}

/// The sections below `# Knowledge`, up to the next heading of that level.
pub(super) fn sections(parts: &Parts<'_>, problems: &mut PersonaProblems) -> Vec<Section> {
    if parts.body.trim().is_empty() {
        let expected = "the body is missing: expected Markdown below the header, with the \
                        character and a heading `# Knowledge`";
        problems.add(parts.body_line, expected);
        return Vec::new();
    }
    let mut heading = None;
    let mut inside = false;
    let mut found: Vec<Open> = Vec::new();
    for (line, text) in parts.body.lines().enumerate().map(|(i, l)| (parts.body_line + i, l)) {
        if let Some(title) = text.strip_prefix("# ") {
            inside = title.trim().eq_ignore_ascii_case(KNOWLEDGE);
            heading = heading.or(inside.then_some(line));
        } else if !inside {
        } else if let Some(title) = text.strip_prefix("## ") {
            let section =
                Section { title: title.trim().to_owned(), text: String::new(), handoff: None };
            found.push(Open { line, section });
        } else if let Some(open) = found.last_mut() {
            take(open, line, text, problems);
        } else if !text.trim().is_empty() {
            problems.add(line, "knowledge outside a section: expected a line `## Title` above it");
        }
    }
    match heading {
        None => problems.add(
            parts.body_line,
            "no knowledge: expected a heading `# Knowledge` with sections `## Title` below it",
        ),
        Some(line) if found.is_empty() => {
            problems.add(line, "no section of knowledge: expected `## Title` and its text below");
        }
        Some(_) => check(&found, problems),
    }
    found.into_iter().map(|open| open.section).map(trimmed).collect()
}

/// Adds a line to a section.
fn take(open: &mut Open, line: usize, text: &str, problems: &mut PersonaProblems) {
    let section = &mut open.section;
    if let Some(phrases) = callers(text) {
        check_callers(section, line, &phrases, problems);
    }
    let Some(reason) = text.strip_prefix(HANDOFF) else {
        section.text.push_str(text);
        section.text.push('\n');
        return;
    };
    let reason = reason.trim();
    if reason.is_empty() {
        problems.add(line, "`Hand off:` without a reason: expected why a person is needed");
    } else if section.handoff.is_some() {
        problems.add(line, "a second `Hand off:` in this section: expected at most one");
    } else {
        section.handoff = Some(reason.to_owned());
    }
}

/// Checks a `Callers say:` line against what stands above it.
fn check_callers(section: &Section, line: usize, phrases: &[&str], problems: &mut PersonaProblems) {
    let above = section.text.lines().rfind(|above| !above.trim().is_empty());
    if above.is_none_or(|above| callers(above).is_some()) {
        problems.add(line, "`Callers say:` without text above it: expected what it asks for");
    }
    if phrases.is_empty() {
        problems.add(line, "`Callers say:` without words: expected phrases with commas between");
    }
    for phrase in phrases.iter().filter(|phrase| phrase.chars().count() > WORDS_MAX) {
        let text = format!("`{phrase}` is longer than {WORDS_MAX} characters: expected a phrase");
        problems.add(line, text);
    }
}

fn check(found: &[Open], problems: &mut PersonaProblems) {
    let mut lines: HashMap<String, usize> = HashMap::new();
    for Open { line, section } in found {
        let title = &section.title;
        if title.is_empty() {
            problems.add(*line, "a section without a title: expected `## Title`");
        } else if let Some(first) = lines.insert(title.to_lowercase(), *line) {
            let text =
                format!("a second section `{title}`: expected one, the first is on line {first}");
            problems.add(*line, text);
        }
        if section.passages().is_empty() {
            problems.add(*line, format!("the section `{title}` is empty: expected text below it"));
        }
    }
}

fn trimmed(section: Section) -> Section {
    Section { text: section.text.trim().to_owned(), ..section }
}
