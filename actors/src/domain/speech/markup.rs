//! Markdown on its way out of the text: lines, emphasis, links, tables.

use super::{Line, Place, Step, is_gap};
use crate::domain::script::{head, is_glued, is_line_end, is_word, tail};

/// A line that looks like a rule is held no longer than this: a full line of a wide page.
const RULE_HOLD: usize = 256;
/// A code fence with the name of a language is not longer.
const FENCE_HOLD: usize = 64;
/// Heading marks are at most six.
const HEADING_MAX: usize = 6;
/// Padding of a table cell held to see whether the cell ends.
const CELL_HOLD: usize = 64;
/// A run of `*` or `_` counted at once. Up to three are emphasis, more are a blank or a mask.
const RUN_HOLD: usize = 16;
/// The text of a link is a name, not a paragraph.
const LINK_TEXT_HOLD: usize = 256;
/// The address of a link, with the title that may follow it.
const LINK_ADDRESS_HOLD: usize = 1024;

/// The emphasis that waits for its end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    star: bool,
    stars: bool,
    line: bool,
    lines: bool,
}

impl Open {
    /// Whether all that a run of `length` marks would close is open.
    fn holds(self, mark: char, length: usize) -> bool {
        let (one, two) =
            if mark == '*' { (self.star, self.stars) } else { (self.line, self.lines) };
        (length.is_multiple_of(2) || one) && (length < 2 || two)
    }

    fn with(mut self, mark: char, length: usize, open: bool) -> Self {
        let (one, two) = if mark == '*' {
            (&mut self.star, &mut self.stars)
        } else {
            (&mut self.line, &mut self.lines)
        };
        if length % 2 == 1 {
            *one = open;
        }
        if length >= 2 {
            *two = open;
        }
        self
    }
}

/// The start of a line: bullets, headings, quotes, rules, fences, rows.
pub(super) fn start(line: Line, first: char, rest: &str, end: bool) -> Step {
    match first {
        ' ' | '\t' if line == Line::Start => Step::Drop(1),
        ' ' => Step::Pass(1),
        '\t' => Step::Say(1, " ".into()),
        '-' | '*' | '_' | '=' => rule(first, rest, end),
        '#' => heading(rest, end),
        '>' => quote(rest, end),
        '•' | '◦' | '▪' | '‣' => Step::Line(first.len_utf8(), Line::Indent),
        '`' => fence(rest, end),
        '|' => row(rest, end),
        other if is_line_end(other) => Step::Break(other.len_utf8()),
        other if other.is_control() => Step::Drop(other.len_utf8()),
        _ => Step::Line(0, Line::Within),
    }
}

/// The bytes of a line that has only such characters, without its end; `Err(true)` when it has
/// others, `Err(false)` when it is not decided yet.
fn line_of(
    rest: &str,
    end: bool,
    hold: usize,
    mut allowed: impl FnMut(char) -> bool,
) -> Result<usize, bool> {
    let window = head(rest, hold);
    for (at, c) in window.char_indices() {
        if is_line_end(c) {
            return Ok(at);
        }
        if !allowed(c) {
            return Err(true);
        }
    }
    match rest.len() >= hold {
        true => Err(true),
        false if end => Ok(rest.len()),
        false => Err(false),
    }
}

/// Three marks or more and nothing else are a rule; one and a space are a bullet.
fn rule(mark: char, rest: &str, end: bool) -> Step {
    let mut marks = 0_usize;
    let line = line_of(rest, end, RULE_HOLD, |c| {
        marks += usize::from(c == mark);
        c == mark || matches!(c, ' ' | '\t') || (mark == '-' && matches!(c, '|' | ':'))
    });
    match line {
        Err(false) => Step::Hold,
        Ok(bytes) if marks >= 3 => Step::Line(bytes, Line::Start),
        Ok(_) | Err(true) => match tail(rest, 1).chars().next() {
            Some(next)
                if matches!(mark, '-' | '*')
                    && (matches!(next, ' ' | '\t') || is_line_end(next)) =>
            {
                Step::Line(1, Line::Indent)
            }
            _ => Step::Line(0, Line::Within),
        },
    }
}

fn heading(rest: &str, end: bool) -> Step {
    let marks = rest.bytes().take(HEADING_MAX + 1).take_while(|byte| *byte == b'#').count();
    match tail(rest, marks).chars().next() {
        None if !end && marks <= HEADING_MAX => Step::Hold,
        Some(next) if marks <= HEADING_MAX && next.is_whitespace() => {
            Step::Line(marks, Line::Indent)
        }
        _ => Step::Line(0, Line::Within),
    }
}

/// `>` before a digit compares.
fn quote(rest: &str, end: bool) -> Step {
    match tail(rest, 1).chars().next() {
        None if !end => Step::Hold,
        Some(next) if !next.is_ascii_digit() && !matches!(next, '=' | '$' | '€' | '£') => {
            Step::Line(1, Line::Start)
        }
        _ => Step::Line(0, Line::Within),
    }
}

/// Three backticks and at most one word are the edge of a code block.
fn fence(rest: &str, end: bool) -> Step {
    let (mut ticks, mut named, mut closed) = (0_usize, false, false);
    let line = line_of(rest, end, FENCE_HOLD, |c| match c {
        '`' if !named && !closed => {
            ticks += 1;
            true
        }
        ' ' | '\t' if ticks >= 3 => {
            closed = true;
            true
        }
        c if ticks >= 3
            && !closed
            && (c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.')) =>
        {
            named = true;
            true
        }
        _ => false,
    });
    match line {
        Err(false) => Step::Hold,
        Ok(bytes) if ticks >= 3 => Step::Line(bytes, Line::Start),
        Ok(_) | Err(true) => Step::Line(ticks.max(1), Line::Within),
    }
}

/// A row of a table begins with a pipe; one without letters separates.
fn row(rest: &str, end: bool) -> Step {
    match line_of(rest, end, RULE_HOLD, |c| matches!(c, '|' | '-' | ':' | ' ' | '\t')) {
        Err(false) => Step::Hold,
        Ok(bytes) if rest.get(..bytes).is_some_and(|line| line.contains("--")) => {
            Step::Line(bytes, Line::Start)
        }
        Ok(_) | Err(true) => Step::Line(1, Line::Row),
    }
}

/// Spaces and pipes in a row: between cells a comma, at the edges nothing.
pub(super) fn cell(place: &Place, first: char, rest: &str, end: bool) -> Step {
    let window = head(rest, CELL_HOLD);
    let mut pipes = 0_usize;
    let edge = window.char_indices().find(|(_, c)| {
        pipes += usize::from(*c == '|');
        !matches!(c, ' ' | '\t' | '|')
    });
    let gap = is_gap(place.last);
    match edge {
        None if rest.len() < CELL_HOLD && !end => Step::Hold,
        None if rest.len() < CELL_HOLD => Step::Drop(rest.len()),
        None if gap || first == '|' => Step::Drop(1),
        None => Step::Say(1, " ".into()),
        Some((at, c)) if gap || is_line_end(c) => Step::Drop(at),
        Some((at, _)) if pipes > 0 => Step::Say(at, ", ".into()),
        Some((at, _)) => Step::Say(at, " ".into()),
    }
}

/// `*` and `_`, up to three, are emphasis when they hug a word from outside.
pub(super) fn emphasis(place: &Place, mark: char, rest: &str, end: bool) -> Step {
    let run = rest.bytes().take(RUN_HOLD).take_while(|byte| char::from(*byte) == mark).count();
    let next = tail(rest, run).chars().next();
    if next.is_none() && !end && run < RUN_HOLD {
        return Step::Hold;
    }
    if run > 3 || place.last == Some(mark) {
        return Step::Pass(run);
    }
    if place.open.holds(mark, run) && closes(place, mark, run, next) {
        return Step::Emphasis(run, place.open.with(mark, run, false));
    }
    if opens(place, mark, run, next) {
        return Step::Emphasis(run, place.open.with(mark, run, true));
    }
    Step::Pass(run)
}

fn closes(place: &Place, mark: char, run: usize, next: Option<char>) -> bool {
    let digits = place.last.is_some_and(char::is_numeric) && next.is_some_and(char::is_numeric);
    // `**Karte**n`: only the strong form may end within a word, and `2**3` is a power.
    let edge = !next.is_some_and(is_letter_of_word) || (mark == '*' && run >= 2 && !digits);
    !is_gap(place.last) && edge && next != Some('@')
}

fn opens(place: &Place, mark: char, run: usize, next: Option<char>) -> bool {
    let before = place.last.is_none_or(|last| {
        last.is_whitespace()
            || is_glued(last)
            || matches!(last, '(' | '[' | '{' | '"' | '\'' | '“' | '‘' | '«' | '„' | '—' | '–')
            || (mark == '*'
                && !is_word(last)
                && !matches!(last, '\\' | '/' | ')' | ']' | '}' | '+'))
            || (mark == '_' && last == '*')
    });
    let after = next.is_some_and(|next| {
        !next.is_whitespace()
            && !next.is_control()
            && !matches!(
                next,
                '.' | ',' | ';' | ':' | '?' | ')' | ']' | '}' | '/' | '%' | '=' | '|'
            )
    });
    let multiplies = mark == '*'
        && run == 1
        && next.is_some_and(char::is_numeric)
        && place.solid.is_some_and(char::is_numeric);
    before && after && !multiplies
}

fn is_letter_of_word(c: char) -> bool {
    is_word(c) && !is_glued(c)
}

/// `[text](address)`: the text.
pub(super) fn link(rest: &str, end: bool) -> Step {
    bracket(rest, 1, end)
}

/// `![text](address)`: the text. Within a sentence a `!` is never held.
pub(super) fn image(place: &Place, rest: &str, end: bool) -> Step {
    match tail(rest, 1).chars().next() {
        None if !end && is_gap(place.last) => Step::Hold,
        Some('[') if is_gap(place.last) => bracket(rest, 2, end),
        _ => Step::Pass(1),
    }
}

/// The link whose text begins after `before` bytes; else the bytes before pass.
fn bracket(rest: &str, before: usize, end: bool) -> Step {
    let inside = tail(rest, before);
    let text = match until(inside, ']', LINK_TEXT_HOLD, end) {
        Ok(Some(text)) => text,
        Ok(None) => return Step::Hold,
        Err(()) => return Step::Pass(before),
    };
    let after = tail(inside, text + 1);
    match after.chars().next() {
        None if !end => return Step::Hold,
        Some('(') => {}
        _ => return Step::Pass(before),
    }
    match until(tail(after, 1), ')', LINK_ADDRESS_HOLD, end) {
        Ok(Some(address)) => Step::Link { before, text, whole: before + text + 2 + address + 1 },
        Ok(None) => Step::Hold,
        Err(()) => Step::Pass(before),
    }
}

/// Where `close` stands in the line, outside of pairs of its own; `None` when that is not known.
fn until(text: &str, close: char, hold: usize, end: bool) -> Result<Option<usize>, ()> {
    let mut depth = 0_usize;
    for (at, c) in head(text, hold).char_indices() {
        match c {
            c if is_line_end(c) => return Err(()),
            '(' if close == ')' => depth += 1,
            c if c == close && depth == 0 => return Ok(Some(at)),
            c if c == close => depth -= 1,
            _ => {}
        }
    }
    if end || text.len() >= hold { Err(()) } else { Ok(None) }
}
