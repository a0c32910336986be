//! Where in an answer the scanner stands: at which edge, in which quotes, within a word or apart.
//!
//! A place is moved one character at a time by everything that was spoken or dropped, so it is the
//! same however the answer was cut.

use crate::domain::script::{is_glued, is_line_end, is_word};

/// A place between two characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The character before; a line end at the start.
    last: char,
    /// A joiner stands before, and a word before that: `DE-`, `MUST_`, `don'`.
    joined: bool,
    edge: Edge,
    /// The sign that opened the quotation or code span which is open.
    quote: Option<char>,
    doubt: Doubt,
    /// The open code span began at an edge and holds no word yet: it may be a marker's wrapping.
    bare: bool,
}

/// What begins here, emphasis and spaces aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// A line, or the answer.
    Line,
    /// A sentence, once there is white space.
    Ended,
    /// A sentence.
    Sentence,
    /// Nothing.
    Within,
}

/// A quotation mark that may be none: the next character tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    No,
    /// It opens nothing before white space.
    Opening,
    /// It is an apostrophe before a letter.
    Closing,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            last: '\n',
            joined: false,
            edge: Edge::Line,
            quote: None,
            doubt: Doubt::No,
            bare: false,
        }
    }
}

impl Place {
    /// Moves behind `c`.
    pub(super) fn read(&mut self, c: char) {
        self.settle(c);
        if is_line_end(c) {
            *self = Self::default();
            return;
        }
        let opened = !c.is_ascii_alphanumeric() && self.turn(c);
        self.edge = match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Edge::Within,
            '*' | '_' | '#' | '>' | '`' => self.edge,
            _ if opened => Edge::Within,
            _ if c.is_whitespace() && self.edge == Edge::Ended => Edge::Sentence,
            _ if c.is_whitespace() => self.edge,
            '。' | '．' | '｡' | '！' | '？' | '：' => Edge::Sentence,
            _ if is_sentence_end(c) => Edge::Ended,
            _ if is_closing(c) && self.edge != Edge::Line => self.edge,
            _ => Edge::Within,
        };
        self.bare &= is_emphasis(c) || c.is_whitespace();
        self.joined = match c {
            '_' => self.is_in_word(),
            '-' | '\'' | '’' | '\u{2010}' | '\u{2011}' => ends_word(self.last),
            _ => false,
        };
        self.last = c;
    }

    /// Decides about the quotation mark before, now that `c` is known to follow.
    pub(super) fn settle(&mut self, c: char) {
        let none = match self.doubt {
            Doubt::No => return,
            Doubt::Opening => c.is_whitespace(),
            Doubt::Closing => !is_word(c),
        };
        self.doubt = Doubt::No;
        if none {
            self.quote = None;
        }
    }

    /// Opens or closes a quotation; whether it opened one.
    fn turn(&mut self, c: char) -> bool {
        if self.closes(c) {
            if matches!(c, '\'' | '’') && self.is_in_word() {
                self.doubt = Doubt::Closing;
            } else {
                self.quote = None;
            }
            return false;
        }
        let opens = self.opens(c);
        if opens {
            self.quote = Some(c);
            self.bare = c == '`' && self.is_edge();
            if matches!(c, '\'' | '»' | '›' | '”') {
                self.doubt = Doubt::Opening;
            }
        }
        opens
    }

    /// Whether `c` opens a quotation here. Backticks in a row count as one.
    pub(super) fn opens(&self, c: char) -> bool {
        self.quote.is_none()
            && match c {
                '"' | '“' | '„' | '«' | '‹' | '‚' | '「' | '『' => true,
                '‘' => !self.is_in_word(),
                '`' => self.last != '`',
                // An apostrophe, or what elsewhere closes: only at the start of a word.
                '\'' | '»' | '›' | '”' => self.starts_word(),
                _ => false,
            }
    }

    /// Whether `c` closes the quotation that is open.
    fn closes(&self, c: char) -> bool {
        self.quote.is_some_and(|quote| match quote {
            '“' => c == '”',
            '„' => matches!(c, '“' | '”'),
            '‘' => c == '’',
            '‚' => matches!(c, '‘' | '’'),
            '«' => c == '»',
            '»' => c == '«',
            '‹' => c == '›',
            '›' => c == '‹',
            '「' => c == '」',
            '『' => c == '』',
            '`' => c == '`' && self.last != '`',
            same => c == same,
        })
    }

    /// Whether a marker may begin with `c`, its wrapping included.
    pub(super) fn may_begin(&self, c: char) -> bool {
        match c {
            'E' => !self.is_in_word(),
            'e' => self.is_edge() && !self.is_quoted() && !self.is_in_word(),
            _ if c.is_ascii_alphanumeric() => false,
            _ => self.wraps(c) || self.opens(c),
        }
    }

    /// Whether `c` may stand before a marker and belong to it.
    pub(super) fn wraps(&self, c: char) -> bool {
        match c {
            '*' | '#' | '>' | '[' => true,
            '_' => !self.is_in_word(),
            '`' => !(self.is_quoted() && self.closes(c)),
            _ => false,
        }
    }

    /// What was dropped up to here begins nothing.
    pub(super) fn forget_edge(&mut self) {
        self.edge = Edge::Within;
    }

    /// Whether a line begins here.
    pub(super) fn is_line_start(&self) -> bool {
        self.edge == Edge::Line
    }

    /// Whether a line or a sentence begins here.
    pub(super) fn is_edge(&self) -> bool {
        matches!(self.edge, Edge::Line | Edge::Sentence)
    }

    /// Whether a quotation or a code span is open.
    pub(super) fn is_open(&self) -> bool {
        self.quote.is_some()
    }

    /// Whether a marker here would be a quoted one.
    pub(super) fn is_quoted(&self) -> bool {
        self.is_open() && !self.bare
    }

    /// Whether white space stands before, or nothing.
    pub(super) fn is_after_space(&self) -> bool {
        self.last.is_whitespace()
    }

    /// Whether a letter here would go on with a word.
    fn is_in_word(&self) -> bool {
        self.joined || ends_word(self.last)
    }

    fn starts_word(&self) -> bool {
        let closed = is_sentence_end(self.last)
            || is_closing(self.last)
            || matches!(self.last, ',' | ';' | '。' | '！' | '？' | '，');
        !self.is_in_word() && (!closed || matches!(self.last, ':'))
    }
}

/// A letter that the next one would lengthen: none of a script without spaces.
fn ends_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || (is_word(c) && !is_glued(c))
}

/// What may stand around a marker at an edge.
fn is_emphasis(c: char) -> bool {
    matches!(c, '*' | '_' | '#' | '>' | '`')
}

/// Ends a sentence where white space follows.
fn is_sentence_end(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | ':' | '।' | '॥' | '؟' | '۔' | '።')
}

/// May stand between the end of a sentence and the next one.
fn is_closing(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '”'
            | '’'
            | '“'
            | '‘'
            | '»'
            | '›'
            | '«'
            | '‹'
            | ')'
            | ']'
            | '}'
            | '」'
            | '』'
            | '）'
            | '］'
            | '】'
            | '》'
            | '〉'
    )
}
