//! Text fit for a voice, as it streams: no markup, no bare addresses, no line breaks.
//!
//! The call session pushes the tokens of a model and sends on what comes out. What a step decides
//! never depends on how the text was cut into tokens: it sees the rest of the text, and either is
//! sure whatever may follow, or holds. Every hold is bounded; past its bound the text passes as it
//! is. Emphasis, links and lines are in `markup`, addresses in `address`, prices in `money`.

mod address;
mod markup;
mod money;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::script::{is_line_end, is_mark, tail};

/// A stream of text on its way to a voice.
#[derive(Debug)]
pub struct Speech {
    /// Amounts and addresses are put into words only in English.
    english: bool,
    /// Text that may turn into something else; shorter than the longest hold.
    held: String,
    place: Place,
}

/// What has been read so far, as far as it bears on what follows.
#[derive(Debug, Default)]
struct Place {
    line: Line,
    address: address::Mode,
    open: markup::Open,
    /// The last character spoken.
    last: Option<char>,
    /// The last one that was no space: `5 *3` multiplies.
    solid: Option<char>,
}

/// Where in its line the text stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At the start of all: a bullet may come, and spaces are text.
    #[default]
    Opening,
    /// After a line break: a bullet may come, and spaces are indentation.
    Start,
    /// After a bullet: spaces belong to it.
    Indent,
    Within,
    /// In a row of a table.
    Row,
}

/// What becomes of the next bytes.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// More text decides.
    Hold,
    /// So many bytes are spoken as they are.
    Pass(usize),
    /// So many bytes are not spoken.
    Drop(usize),
    /// So many bytes are spoken in other words.
    Say(usize, Cow<'static, str>),
    /// So many bytes end a line.
    Break(usize),
    /// So many bytes are markup, after which the line stands there.
    Line(usize, Line),
    /// So many bytes are not spoken, and an address begins, goes on otherwise, or ends.
    Address(usize, address::Mode),
    /// So many bytes are emphasis, after which these are open.
    Emphasis(usize, markup::Open),
    /// A link: bytes before its text, of its text, in all.
    Link { before: usize, text: usize, whole: usize },
}

impl Speech {
    /// A stream in `language` (BCP-47).
    #[must_use]
    pub fn new(language: &str) -> Self {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        Self {
            english: primary.eq_ignore_ascii_case("en"),
            held: String::new(),
            place: Place::default(),
        }
    }

    /// `text` as a whole.
    #[must_use]
    pub fn clean(language: &str, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut speech = Self::new(language);
        speech.push(text, &mut out);
        speech.finish(&mut out);
        out
    }

    /// Takes the next token and appends to `out` what may be spoken now.
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

    /// Appends what was still held. The stream may then begin anew.
    pub fn finish(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        self.advance(&held, true, out);
        self.place = Place::default();
    }

    /// Reads `text` as far as it is decided, all of it at the `end`; the bytes read.
    fn advance(&mut self, text: &str, end: bool, out: &mut String) -> usize {
        let mut at = 0;
        loop {
            if self.is_running() {
                let plain = self.plain(tail(text, at));
                self.pass(tail(text, at), plain, out);
                at += plain;
            }
            let rest = tail(text, at);
            let Some(first) = rest.chars().next() else { break };
            match self.step(first, rest, end) {
                // At the end a step has nothing to wait for; should it, the text passes.
                Step::Hold if end => at += self.pass(rest, first.len_utf8(), out),
                Step::Hold => break,
                Step::Link { before, text, whole } => {
                    let inner = tail(rest, before).get(..text).unwrap_or_default();
                    self.advance(inner, true, out);
                    at += whole;
                }
                step => at += self.take(step, rest, out),
            }
        }
        if end {
            self.place.address = address::Mode::None;
        }
        at
    }

    /// Whether plain text may be copied without a look at each character.
    fn is_running(&self) -> bool {
        self.place.line == Line::Within && self.place.address == address::Mode::None
    }

    /// How many bytes from the start cannot be anything but text.
    fn plain(&self, rest: &str) -> usize {
        let mut before = match self.place.last {
            Some(last) if last.is_ascii() => last as u8,
            _ => 0,
        };
        rest.bytes()
            .position(|byte| {
                let special = match byte {
                    // An address begins a word.
                    b'h' | b'H' => !before.is_ascii_alphanumeric(),
                    // 0xC2 leads to the control characters past ASCII and the pound sign, 0xE2 to
                    // line separators and the euro sign.
                    0..=0x1f | 0x7f | 0xC2 | 0xE2 => true,
                    b'*' | b'_' | b'`' | b'[' | b'!' | b'$' => true,
                    _ => false,
                };
                before = byte;
                special
            })
            .unwrap_or(rest.len())
    }

    fn step(&self, first: char, rest: &str, end: bool) -> Step {
        let place = &self.place;
        if place.address != address::Mode::None {
            return address::step(place, first, rest, end);
        }
        match place.line {
            Line::Opening | Line::Start => return markup::start(place.line, first, rest, end),
            Line::Indent if matches!(first, ' ' | '\t') => return Step::Drop(1),
            Line::Indent => return Step::Line(0, Line::Within),
            Line::Row if matches!(first, ' ' | '\t' | '|') => {
                return markup::cell(place, first, rest, end);
            }
            Line::Within | Line::Row => {}
        }
        match first {
            '*' | '_' => markup::emphasis(place, first, rest, end),
            '`' => Step::Drop(1),
            '[' => markup::link(rest, end),
            '!' => markup::image(place, rest, end),
            '$' | '€' | '£' if self.english => money::step(place, first, rest, end),
            'h' | 'H' => address::begin(place, rest, end, self.english),
            '\t' => Step::Say(1, Cow::Borrowed(" ")),
            other if is_line_end(other) => Step::Break(other.len_utf8()),
            other if other.is_control() => Step::Drop(other.len_utf8()),
            other => Step::Pass(other.len_utf8()),
        }
    }

    /// Does what a step says; the bytes it took.
    fn take(&mut self, step: Step, rest: &str, out: &mut String) -> usize {
        match step {
            Step::Hold => 0,
            Step::Pass(bytes) => self.pass(rest, bytes, out),
            Step::Drop(bytes) | Step::Link { whole: bytes, .. } => bytes,
            Step::Say(bytes, words) => {
                self.pass(&words, words.len(), out);
                bytes
            }
            Step::Break(bytes) => {
                self.end_line(out);
                bytes
            }
            Step::Line(bytes, line) => {
                self.place.line = line;
                bytes
            }
            Step::Address(bytes, mode) => {
                self.place.address = mode;
                bytes
            }
            Step::Emphasis(bytes, open) => {
                self.place.open = open;
                bytes
            }
        }
    }

    fn pass(&mut self, rest: &str, bytes: usize, out: &mut String) -> usize {
        let text = rest.get(..bytes).unwrap_or_default();
        if let Some(last) = text.chars().next_back() {
            self.place.last = Some(last);
            let solid = text.chars().rev().find(|c| !c.is_whitespace());
            self.place.solid = solid.or(self.place.solid);
            out.push_str(text);
        }
        bytes
    }

    /// A line break is a pause, several are one; before the first word there is nothing to pause.
    fn end_line(&mut self, out: &mut String) {
        let pause = match self.place.last {
            Some(last) if last.is_alphanumeric() || is_mark(last) => ". ",
            Some(last) if !last.is_whitespace() => " ",
            _ => "",
        };
        self.pass(pause, pause.len(), out);
        if self.place.line == Line::Start {
            // Emphasis does not reach past a blank line.
            self.place.open = markup::Open::default();
        }
        self.place.line = Line::Start;
    }
}

/// Whether `last` counts as white space: the start of the text does.
fn is_gap(last: Option<char>) -> bool {
    last.is_none_or(char::is_whitespace)
}
