//! Asking for a person, or for the end of the call: markers in the model's own output.
//!
//! The call session puts every token through a [`MarkerScanner`] before it is made fit for speech.
//! The model writes `ESCALATE: reason` or `END_CALL`; neither is ever spoken, not even in part,
//! however the text was cut into tokens. A marker stands at the start of the output or after white
//! space, perhaps within Markdown emphasis; anywhere else, in quotation marks say, it is text.

#[cfg(test)]
mod tests;

use crate::domain::{
    script::{head, is_line_end, is_mark, tail},
    speech::Speech,
};

/// Bound on a reason, bytes: it fits into a task's attributes.
pub const REASON_MAX: usize = 200;
/// A reason that the model did not give.
pub const REASON_UNSPECIFIED: &str = "unspecified";

/// Of the line after the marker only so much is kept; markup takes the room over [`REASON_MAX`].
const LINE_MAX: usize = 1024;
/// Emphasis around a marker: at most so many marks before it, and so many after.
const WRAP_MAX: usize = 6;
const ESCALATE: &str = "ESCALATE";
const END_CALL: &str = "END_CALL";

/// What the model wishes to happen after its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A person shall take the call.
    Escalate {
        /// Why, in the model's words: one line, at most [`REASON_MAX`] bytes, never empty.
        reason: String,
    },
    /// The call shall end once the answer was heard.
    EndCall,
}

/// Takes the markers out of one answer as it streams.
#[derive(Debug)]
pub struct MarkerScanner {
    /// What may become a marker: at most the longest one with its wrapping.
    held: String,
    /// Whether a marker may begin here.
    edge: bool,
    /// The line of an escalation that is being read.
    line: Option<Line>,
    reason: Option<String>,
    end_call: bool,
}

/// What follows `ESCALATE:` on its line.
#[derive(Debug, Default)]
struct Line {
    /// The emphasis before the marker, which may find its end in the line.
    wrap: String,
    text: String,
    full: bool,
}

enum Step {
    /// More text decides.
    Hold,
    /// So many bytes are text.
    Text(usize),
    /// So many bytes are the marker that ends the call.
    EndCall(usize),
    /// So many bytes are the marker that asks for a person, with so much emphasis before it.
    Escalate { wrap: usize, whole: usize },
}

impl Default for MarkerScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl MarkerScanner {
    /// A scanner for one answer.
    #[must_use]
    pub fn new() -> Self {
        Self { held: String::new(), edge: true, line: None, reason: None, end_call: false }
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
    /// an end of the call, and the first one counts.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match &self.reason {
            Some(reason) => Some(Wish::Escalate { reason: reason.clone() }),
            None => self.end_call.then_some(Wish::EndCall),
        }
    }

    /// How many marks stood inside quotes.
    #[must_use]
    pub fn quoted(&self) -> u32 {
        0
    }

    /// Whether a person was asked for: nothing behind that is spoken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.line.is_some() || self.reason.is_some()
    }

    fn advance(&mut self, text: &str, end: bool, out: &mut String) -> usize {
        let mut at = 0;
        while at < text.len() {
            let rest = tail(text, at);
            if self.line.is_some() {
                at += self.read_line(rest);
                continue;
            }
            let plain = self.plain(rest);
            if plain > 0 {
                at += self.speak(rest, plain, out);
                continue;
            }
            match marker(rest, end) {
                Step::Hold => break,
                Step::Text(bytes) => at += self.speak(rest, bytes, out),
                Step::EndCall(bytes) => {
                    self.end_call = true;
                    self.edge = false;
                    at += bytes;
                }
                Step::Escalate { wrap, whole } => {
                    let wrap = head(rest, wrap).to_owned();
                    self.line = Some(Line { wrap, ..Line::default() });
                    at += whole;
                }
            }
        }
        at
    }

    /// How many bytes lie before the next place where a marker may begin.
    fn plain(&self, rest: &str) -> usize {
        let begins = |at: usize| match rest.get(..at).and_then(|before| before.chars().next_back())
        {
            Some(before) => before.is_whitespace(),
            None => self.edge,
        };
        rest.bytes()
            .enumerate()
            .position(|(at, byte)| matches!(byte, b'E' | b'*' | b'_' | b'`') && begins(at))
            .unwrap_or(rest.len())
    }

    fn speak(&mut self, rest: &str, bytes: usize, out: &mut String) -> usize {
        let text = head(rest, bytes);
        self.edge = text.chars().next_back().is_some_and(char::is_whitespace);
        out.push_str(text);
        bytes
    }

    /// Reads on in the line of an escalation; its end is text again.
    fn read_line(&mut self, rest: &str) -> usize {
        let bytes = rest.find(is_line_end).unwrap_or(rest.len());
        if let Some(line) = self.line.as_mut().filter(|line| !line.full) {
            let room = LINE_MAX.saturating_sub(line.text.len());
            let kept = head(head(rest, bytes), room);
            line.text.push_str(kept);
            line.full = kept.len() < bytes;
        }
        if bytes < rest.len() {
            self.end_line();
        }
        bytes
    }

    fn end_line(&mut self) {
        if let Some(line) = self.line.take() {
            self.edge = false;
            self.reason.get_or_insert_with(|| reason(&line));
        }
    }
}

/// The reason in a line: without markup, cut to its bound.
fn reason(line: &Line) -> String {
    let idle = |c: char| c.is_whitespace() || matches!(c, '*' | '`');
    // No language: what is spelt out for a voice is better read as it was written.
    let clean = Speech::clean("und", &[&line.wrap, line.text.trim()].concat());
    let reason = head(clean.trim_matches(idle), REASON_MAX).trim_end();
    if reason.is_empty() { REASON_UNSPECIFIED.to_owned() } else { reason.to_owned() }
}

/// What begins at a place where a marker may begin.
fn marker(rest: &str, end: bool) -> Step {
    let wrap = wrapping(rest);
    let word = tail(rest, wrap);
    // What begins like a marker but is none is text up to its first other letter.
    let text = Step::Text(wrap.max(1));
    for name in [ESCALATE, END_CALL] {
        if let Some(after) = word.strip_prefix(name) {
            let closing = wrapping(after);
            let next = tail(after, closing).chars().next();
            let whole = wrap + name.len() + closing;
            return match next {
                None if !end => Step::Hold,
                Some(':') if name == ESCALATE => {
                    // Emphasis that ended before the colon is no part of the line.
                    Step::Escalate { wrap: if closing > 0 { 0 } else { wrap }, whole: whole + 1 }
                }
                _ if name == ESCALATE => text,
                Some(next) if next.is_alphanumeric() || is_mark(next) => text,
                // `END_CALL.` closes a sentence that has no other words.
                Some('.' | '!') => Step::EndCall(whole + 1),
                _ => Step::EndCall(whole),
            };
        }
        if name.starts_with(word) && !end {
            return Step::Hold;
        }
    }
    text
}

/// The bytes of emphasis at the start.
fn wrapping(text: &str) -> usize {
    text.bytes().take(WRAP_MAX).take_while(|byte| matches!(byte, b'*' | b'_' | b'`')).count()
}
