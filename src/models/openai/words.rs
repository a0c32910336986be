//! The words of an answer, less what no voice can say: control and invisible characters, and the
//! thoughts that reasoning models write before they speak.
//!
//! A pure filter over the pieces of text; what it decides never depends on how they were cut.

/// Names of the elements in which models think aloud at the start of an answer.
const THOUGHTS: [&str; 2] = ["think", "thinking"];

/// The end of the longest closing tag that may lie in the next piece, bytes.
const TAG_TAIL: usize = "</thinking>".len() - 1;

/// Blank space that may stand before a thought, bytes. Past it the answer has begun.
const BLANK_MAX: usize = 256;

/// Where in the answer the text stands.
#[derive(Debug)]
enum Place {
    /// At the start: what has come may become a thought. `after`: one has just ended.
    Start { held: String, after: bool },
    /// In a thought; `tail` may be the beginning of its end.
    Thought { tail: String },
    /// In what is said.
    Speech,
}

/// One answer, piece by piece.
#[derive(Debug)]
pub(super) struct Words(Place);

impl Default for Words {
    fn default() -> Self {
        Self(Place::Start { held: String::new(), after: false })
    }
}

impl Words {
    /// Takes the next piece; what of it (and of what was held before) is said now, if anything.
    pub(super) fn push(&mut self, piece: String) -> Option<String> {
        let mut piece = sayable(piece);
        loop {
            match &mut self.0 {
                Place::Speech => return Some(piece).filter(|said| !said.is_empty()),
                Place::Start { held, after } => {
                    held.push_str(&piece);
                    let blank = held.len() - held.trim_start().len();
                    match opening(held.get(blank..).unwrap_or_default()) {
                        Opening::Thought(tag) => {
                            let rest = held.get(blank + tag..).unwrap_or_default().to_owned();
                            self.0 = Place::Thought { tail: String::new() };
                            piece = rest;
                        }
                        Opening::Undecided if blank <= BLANK_MAX => return None,
                        Opening::Undecided | Opening::Speech => {
                            // The line breaks between a thought and the answer belong to neither.
                            let skip = if *after { blank } else { 0 };
                            piece = held.split_off(skip);
                            self.0 = Place::Speech;
                        }
                    }
                }
                Place::Thought { tail } => {
                    tail.push_str(&piece);
                    let Some(end) = closing(tail) else {
                        forget(tail);
                        return None;
                    };
                    piece = tail.split_off(end);
                    self.0 = Place::Start { held: String::new(), after: true };
                }
            }
        }
    }

    /// The answer is over: what was held is said after all. A thought without end is none.
    pub(super) fn finish(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.0, Place::Speech) {
            Place::Start { held, after: false } if !held.is_empty() => Some(held),
            Place::Start { held, after: true } if !held.trim().is_empty() => Some(held),
            Place::Start { .. } | Place::Thought { .. } | Place::Speech => None,
        }
    }
}

enum Opening {
    /// A tag of so many bytes.
    Thought(usize),
    /// More text decides.
    Undecided,
    Speech,
}

fn opening(text: &str) -> Opening {
    let Some(name) = text.strip_prefix('<') else {
        return if text.is_empty() { Opening::Undecided } else { Opening::Speech };
    };
    if let Some((name, _)) = name.split_once('>') {
        let known = THOUGHTS.iter().any(|thought| name.eq_ignore_ascii_case(thought));
        return if known { Opening::Thought(name.len() + 2) } else { Opening::Speech };
    }
    let may = |thought: &&str| {
        thought.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    if THOUGHTS.iter().any(may) { Opening::Undecided } else { Opening::Speech }
}

/// Where what follows the closing tag begins.
fn closing(text: &str) -> Option<usize> {
    text.match_indices("</").find_map(|(at, _)| {
        let (name, _) = text.get(at + 2..)?.split_once('>')?;
        let known = THOUGHTS.iter().any(|thought| name.eq_ignore_ascii_case(thought));
        known.then_some(at + name.len() + 3)
    })
}

/// Keeps only what may be the beginning of a closing tag.
fn forget(thought: &mut String) {
    let mut start = thought.len().saturating_sub(TAG_TAIL);
    while !thought.is_char_boundary(start) {
        start += 1;
    }
    thought.drain(..start);
}

/// The text without characters that are not spoken and may hide something. Line ends stay: they
/// part sentences, and the marks a model makes end with theirs.
fn sayable(text: String) -> String {
    // Nearly every token is plain ASCII, and most others are plain letters.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return text;
    }
    if text.chars().all(|c| becomes(c) == Some(c)) {
        return text;
    }
    text.chars().filter_map(becomes).collect()
}

/// What is said for a character, if anything.
fn becomes(c: char) -> Option<char> {
    match c {
        '\n' | '\r' => Some(c),
        '\t' => Some(' '),
        '\u{0B}' | '\u{0C}' | '\u{85}' => Some('\n'),
        c if c.is_control() => None,
        // Joiners (200C, 200D) stay: Persian and the scripts of India are spelt with them.
        '\u{AD}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' => None,
        // Directions of writing.
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' => {
            None
        }
        // Annotations; tags, and selectors of variants, which can carry a whole text unseen.
        '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}' => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests;
