//! What begins at a place where a marker may begin.

use super::{Line, place::Place};
use crate::domain::script::{head, is_line_end, is_mark, tail};

/// Emphasis and spaces before `ESCALATE`: at most so many characters belong to it.
const WRAP_MAX: usize = 12;
/// Emphasis around `END_CALL` and behind `ESCALATE`: at most so many marks.
const MARKS_MAX: usize = 6;
/// White space between `ESCALATE` and its colon.
const SPACES_MAX: usize = 3;
const ESCALATE: &str = "ESCALATE";
const END_CALL: &str = "END_CALL";

/// What becomes of the next bytes.
#[derive(Debug)]
pub(super) enum Step {
    /// More text decides.
    Hold,
    /// So many bytes are text.
    Text(usize),
    /// So many bytes are the marker that ends the call.
    EndCall(usize),
    /// So many bytes are a quoted marker.
    Quoted(usize),
    /// So many bytes are the marker that asks for a person, and this begins its line.
    Escalate(usize, Line),
}

/// What stands before the word of a marker and belongs to it.
struct Wrap {
    bytes: usize,
    /// Where the word begins.
    place: Place,
    bracket: bool,
    /// It may also stand before the end of the call.
    tight: bool,
}

/// What begins at a place where a marker may begin.
pub(super) fn step(place: Place, rest: &str, end: bool) -> Step {
    let text = Step::Text(rest.chars().next().map_or(0, char::len_utf8));
    let Some(wrap) = wrapping(place, rest) else { return text };
    let word = tail(rest, wrap.bytes);
    let any_case = wrap.place.is_edge() && !wrap.place.is_quoted() && !wrap.bracket;
    let step = if begins(word, ESCALATE, any_case) {
        escalation(rest, &wrap, end)
    } else if wrap.tight && begins(word, END_CALL, false) {
        end_call(rest, &wrap, end)
    } else {
        None
    };
    match step {
        // At the end there is nothing to wait for.
        Some(Step::Hold) if end => text,
        Some(step) => step,
        None => text,
    }
}

/// Whether `word` goes on with `name`, or may.
fn begins(word: &str, name: &str, any_case: bool) -> bool {
    let same = |(one, other): (u8, u8)| {
        if any_case { one.eq_ignore_ascii_case(&other) } else { one == other }
    };
    word.bytes().zip(name.bytes()).all(same)
}

/// What stands before the word; nothing when that is too much, or goes on with no word.
fn wrapping(place: Place, rest: &str) -> Option<Wrap> {
    let mut wrap = Wrap { bytes: 0, place, bracket: false, tight: place.is_after_space() };
    let outer = place;
    for (count, c) in rest.chars().enumerate() {
        let place = &mut wrap.place;
        place.settle(c);
        // In mid-sentence, spaces part a mark from the word, but for those of `« ESCALATE`.
        let spaced = place.is_edge() || (place.is_quoted() && !outer.is_quoted());
        let space = count > 0 && spaced && c.is_whitespace() && !is_line_end(c);
        // A quotation that opens is dropped from its sign on: what is before that is text.
        let inner = count > 0 && c == '`' && place.opens(c) && !place.is_edge();
        let first = count == 0 && place.opens(c);
        if inner || !(space || first || place.wraps(c)) {
            break;
        }
        if count == WRAP_MAX {
            return None;
        }
        wrap.tight &= count < MARKS_MAX && (is_closing_mark(c) || c == '[');
        wrap.bytes += c.len_utf8();
        if c == '[' {
            // It leaves the edge as it is: what it encloses may stand alone on a line.
            wrap.bracket = true;
        } else {
            place.read(c);
        }
    }
    Some(wrap)
}

/// What `ESCALATE` is, or its beginning, by what follows it.
fn escalation(rest: &str, wrap: &Wrap, end: bool) -> Option<Step> {
    let word = tail(rest, wrap.bytes);
    let quoted = wrap.place.is_quoted();
    // Where a line begins, the word needs no colon.
    let alone = wrap.place.is_line_start() && !quoted && word.starts_with(ESCALATE);
    let behind = wrap.bytes + ESCALATE.len();
    let (mut marks, mut spaces) = (0, 0);
    let mut whole = None;
    for (at, c) in tail(rest, behind).char_indices() {
        if matches!(c, ':' | '：') {
            whole = Some(behind + at + c.len_utf8());
            break;
        }
        if alone && (c.is_whitespace() || is_dash(c) || ends_alone(c, wrap.bracket)) {
            whole = Some(behind + at);
            break;
        }
        if is_closing_mark(c) && marks < MARKS_MAX {
            marks += 1;
        } else if c.is_whitespace() && !is_line_end(c) && spaces < SPACES_MAX {
            spaces += 1;
        } else {
            return None;
        }
    }
    match whole {
        Some(whole) if quoted => Some(Step::Quoted(whole)),
        Some(whole) => Some(Step::Escalate(whole, wrap.line(rest, marks > 0))),
        None if end && alone && word.len() >= ESCALATE.len() => {
            Some(Step::Escalate(rest.len(), wrap.line(rest, true)))
        }
        None => Some(Step::Hold),
    }
}

/// What `END_CALL` is, or its beginning, by what follows it.
fn end_call(rest: &str, wrap: &Wrap, end: bool) -> Option<Step> {
    let after = tail(rest, wrap.bytes + END_CALL.len());
    let closing = |text: &str| text.bytes().take(MARKS_MAX).take_while(is_closing_byte).count();
    let mut marks = closing(after);
    if wrap.bracket && tail(after, marks).starts_with(']') {
        marks += 1 + closing(tail(after, marks + 1));
    }
    let whole = (wrap.bytes + END_CALL.len() + marks).min(rest.len());
    let is_whole = tail(rest, wrap.bytes).len() >= END_CALL.len();
    match tail(after, marks).chars().next() {
        None if end && is_whole => Some(Step::EndCall(whole)),
        None => Some(Step::Hold),
        Some(next) if next.is_alphanumeric() || is_mark(next) => None,
        // `END_CALL.` closes a sentence that has no other words.
        Some('.' | '!') => Some(Step::EndCall(whole + 1)),
        Some(_) => Some(Step::EndCall(whole)),
    }
}

impl Wrap {
    /// The line of the escalation that it begins. Emphasis that ended before the colon is no
    /// part of it.
    fn line(&self, rest: &str, ended: bool) -> Line {
        let marks = if ended { "" } else { head(rest, self.bytes) };
        let wrap = marks.chars().filter(|c| matches!(c, '*' | '_')).collect();
        Line { wrap, bracket: self.bracket, ..Line::default() }
    }
}

pub(super) fn is_closing_mark(c: char) -> bool {
    matches!(c, '*' | '_' | '`')
}

fn is_closing_byte(byte: &u8) -> bool {
    matches!(byte, b'*' | b'_' | b'`')
}

pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// What may stand behind an `ESCALATE` that is alone on its line.
fn ends_alone(c: char, bracket: bool) -> bool {
    matches!(c, '.' | '!') || (bracket && c == ']')
}
