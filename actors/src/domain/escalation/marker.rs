//! The marker scanner: what the model wishes is taken out of what it says.
//!
//! The call session puts every token through a [`MarkerScanner`] before it is made fit for speech.
//! Neither `ESCALATE: reason` nor `END_CALL` is ever spoken, not even in part. Each step looks at
//! the rest of the text and is either sure whatever may follow, or holds at most 32
//! characters; so how the answer was cut into tokens changes nothing.
//!
//! - `ESCALATE:` in upper case counts wherever it stands as a word of its own; in any case where
//!   the answer, a line or a sentence begins, emphasis aside. The rest of the answer is dropped.
//! - Where a line begins, upper case counts without the colon, too: alone, before a dash, before
//!   a space and words (should a colon come later on the line, it belongs to the reason), and in
//!   square brackets.
//! - In quotation marks or a code span it is a marker quoted, not a wish: the span is dropped from
//!   the marker through its closing sign, or to the end of the line. The words before it in the
//!   span were spoken by then and cannot be taken back, so only a marker that begins the span
//!   takes the opening sign along. That keeps quoted words flowing: they are not held until
//!   their closing sign shows whether they hold a marker.
//! - `END_CALL` stands at the start or after white space, perhaps within emphasis or brackets.

mod place;
mod step;
#[cfg(test)]
mod tests;

use self::{
    place::Place,
    step::{Step, is_closing_mark, is_dash, step},
};
use crate::domain::{
    script::{head, is_line_end, tail},
    speech::Speech,
};

/// A reason fits into the hand-off data and a task's attributes: characters.
pub const REASON_MAX: usize = 200;
/// A reason that the model did not give.
pub const REASON_UNSPECIFIED: &str = "unspecified";

/// Of the line after the marker only so much is kept, bytes; markup takes the room over
/// [`REASON_MAX`].
const LINE_MAX: usize = 1024;

/// What the model wishes to happen after its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A person shall take the call.
    Escalate {
        /// Why, in the model's words: one line, at most [`REASON_MAX`] characters, never empty.
        reason: String,
    },
    /// The call shall end once the answer was heard.
    EndCall,
}

/// Takes the markers out of one answer as it streams.
#[derive(Debug, Default)]
pub struct MarkerScanner {
    /// What may become a marker.
    held: String,
    place: Place,
    state: State,
    reason: Option<String>,
    end_call: bool,
    quoted: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    /// In a quotation, behind the marker that it holds.
    Span,
    /// Behind a quoted word whose quotation ended before its colon: the line is its reason.
    QuotedLine,
    /// In the line of an escalation.
    Reason(Line),
    /// Behind that line.
    Over,
}

/// What follows `ESCALATE:` on its line.
#[derive(Debug, Default)]
struct Line {
    /// The emphasis before the marker, which may find its end in the line.
    wrap: String,
    /// The marker stands in square brackets, which may end in the line.
    bracket: bool,
    text: String,
    full: bool,
}

impl MarkerScanner {
    /// A scanner for one answer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next token and appends to `out` what is certainly text.
    pub fn push(&mut self, token: &str, out: &mut String) {
        if self.held.is_empty() {
            let taken = self.advance(token, false, out);
            self.held.push_str(tail(token, taken));
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.push_str(token);
            let taken = self.advance(&held, false, out);
            held.drain(..taken);
            self.held = held;
        }
    }

    /// The answer is over: what was held is decided now.
    pub fn finish(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        self.advance(&held, true, out);
        self.end_line();
    }

    /// What the model wished so far. An escalation is known at the end of its line; it wins over
    /// an end of the call.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match &self.reason {
            Some(reason) => Some(Wish::Escalate { reason: reason.clone() }),
            None => self.end_call.then_some(Wish::EndCall),
        }
    }

    /// How many quotations held a marker and were dropped from there on.
    #[must_use]
    pub fn quoted(&self) -> u32 {
        self.quoted
    }

    /// Whether an escalation was found, so that nothing more will be spoken. Its reason may still
    /// be on the way.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Reason(_) | State::Over)
    }

    #[cfg(test)]
    fn held_chars(&self) -> usize {
        self.held.chars().count()
    }

    fn advance(&mut self, text: &str, end: bool, out: &mut String) -> usize {
        let mut at = 0;
        while at < text.len() {
            let rest = tail(text, at);
            at += match &mut self.state {
                State::Text => match self.read_text(rest, end, out) {
                    0 => break,
                    bytes => bytes,
                },
                State::Span | State::QuotedLine => self.skip_quoted(rest),
                State::Reason(line) => {
                    let bytes = rest.find(is_line_end).unwrap_or(rest.len());
                    line.push(head(rest, bytes));
                    if bytes < rest.len() {
                        self.end_line();
                    }
                    bytes
                }
                State::Over => rest.len(),
            };
        }
        at
    }

    /// Reads up to the next place where a marker may begin, or what stands there; nothing when
    /// that is undecided.
    fn read_text(&mut self, rest: &str, end: bool, out: &mut String) -> usize {
        let plain = self.plain(rest);
        if plain > 0 {
            out.push_str(head(rest, plain));
            return plain;
        }
        match step(self.place, rest, end) {
            Step::Hold => 0,
            Step::Text(bytes) => {
                out.push_str(self.pass(rest, bytes));
                bytes
            }
            Step::EndCall(bytes) => {
                self.pass(rest, bytes);
                self.end_call = true;
                bytes
            }
            Step::Quoted(bytes) => {
                self.pass(rest, bytes);
                self.place.forget_edge();
                self.quoted += 1;
                let open = self.place.is_open();
                self.state = if open { State::Span } else { State::QuotedLine };
                bytes
            }
            Step::Escalate(bytes, line) => {
                self.state = State::Reason(line);
                bytes
            }
        }
    }

    /// How many bytes lie before the next place where a marker may begin.
    fn plain(&mut self, rest: &str) -> usize {
        for (at, c) in rest.char_indices() {
            self.place.settle(c);
            if self.place.may_begin(c) {
                return at;
            }
            self.place.read(c);
        }
        rest.len()
    }

    fn pass<'a>(&mut self, rest: &'a str, bytes: usize) -> &'a str {
        let passed = head(rest, bytes);
        passed.chars().for_each(|c| self.place.read(c));
        passed
    }

    /// Drops up to the end of the quotation, or of the line.
    fn skip_quoted(&mut self, rest: &str) -> usize {
        let span = matches!(self.state, State::Span);
        for (at, c) in rest.char_indices() {
            self.place.settle(c);
            if is_line_end(c) || (span && !self.place.is_open()) {
                self.state = State::Text;
                return at;
            }
            self.place.read(c);
            self.place.forget_edge();
        }
        rest.len()
    }

    fn end_line(&mut self) {
        if let State::Reason(line) = &self.state {
            self.reason = Some(line.reason());
            self.state = State::Over;
        }
    }
}

impl Line {
    fn push(&mut self, text: &str) {
        if !self.full {
            let kept = head(text, LINE_MAX.saturating_sub(self.text.len()));
            self.text.push_str(kept);
            self.full = kept.len() < text.len();
        }
    }

    /// The reason in it: without markup, cut to its bound.
    fn reason(&self) -> String {
        let markup = |c: char| c.is_whitespace() || is_closing_mark(c);
        // What may stand between the word and the reason when the colon is missing or late.
        let before = |c: char| markup(c) || is_dash(c) || matches!(c, ':' | '：' | ']' | '.' | '!');
        // No language: what is spelt out for a voice is better read as it was written.
        let clean = Speech::clean("und", &[&self.wrap, self.text.trim()].concat());
        let mut reason = clean.trim_start_matches(before);
        if self.bracket {
            reason = reason.split(']').next().unwrap_or(reason);
        }
        let reason: String = reason.trim_end_matches(markup).chars().take(REASON_MAX).collect();
        match reason.trim_end() {
            "" => REASON_UNSPECIFIED.to_owned(),
            reason => reason.to_owned(),
        }
    }
}
