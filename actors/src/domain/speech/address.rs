//! Web addresses: `https://www.owlbank.example/help` is said as `www dot owlbank dot example slash
//! help` in English, and without its scheme elsewhere. Every label and path element stays.

use std::borrow::Cow;

use super::{Place, Step, is_gap};
use crate::domain::script::{head, is_glued, is_word, tail};

/// Punctuation that may end a sentence or belong to the address is held up to this many bytes.
const RUN_HOLD: usize = 16;

/// Whether the text is in an address, and how that is spoken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    None,
    /// As written.
    Plain,
    /// With words for its punctuation.
    Spoken,
    /// In the query or fragment of a spoken one: parameters for a machine, which nobody can note.
    Query,
}

/// A word that begins with `h`: an address when a scheme and a host's first letter come.
pub(super) fn begin(place: &Place, rest: &str, end: bool, english: bool) -> Step {
    if place.last.is_some_and(|last| is_word(last) && !is_glued(last)) {
        return Step::Pass(1);
    }
    for scheme in ["https://", "http://"] {
        let given = rest.bytes().zip(scheme.bytes());
        let same = given.take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        let host = tail(rest, same).chars().next();
        if same == scheme.len() && host.is_some_and(|c| c.is_alphanumeric() && is_part(c)) {
            return Step::Address(same, if english { Mode::Spoken } else { Mode::Plain });
        }
        if host.is_none() && !end {
            return Step::Hold;
        }
    }
    Step::Pass(1)
}

/// The next piece of an address, or its end.
pub(super) fn step(place: &Place, first: char, rest: &str, end: bool) -> Step {
    let mode = place.address;
    if is_sentence(first) {
        return punctuation(place, rest, end);
    }
    if !is_part(first) {
        return Step::Address(0, Mode::None);
    }
    let bytes = first.len_utf8();
    match mode {
        Mode::Query => Step::Drop(bytes),
        Mode::Spoken => match word(first) {
            Some(_) => Step::Say(bytes, words(place, head(rest, bytes))),
            None => Step::Pass(bytes),
        },
        Mode::Plain | Mode::None => Step::Pass(bytes),
    }
}

/// A run of punctuation is the sentence's unless the address goes on after it.
fn punctuation(place: &Place, rest: &str, end: bool) -> Step {
    let window = head(rest, RUN_HOLD);
    let run = window.find(|c| !is_sentence(c)).unwrap_or(window.len());
    let text = head(rest, run);
    if run == window.len() && rest.len() < RUN_HOLD && !end {
        return Step::Hold;
    }
    if !tail(window, run).chars().next().is_some_and(is_part) {
        // A slash at the end names the same place.
        let slash = place.address != Mode::Plain && text.starts_with('/');
        return Step::Address(usize::from(slash), Mode::None);
    }
    match (place.address, text.find(['?', '#'])) {
        (Mode::Query, _) => Step::Drop(run),
        (Mode::Spoken, Some(0)) => Step::Address(run, Mode::Query),
        (Mode::Spoken, Some(query)) => match head(text, query).trim_end_matches('/') {
            "" => Step::Drop(query),
            path => Step::Say(query, words(place, path)),
        },
        (Mode::Spoken, None) => Step::Say(run, words(place, text)),
        (Mode::Plain | Mode::None, _) => Step::Pass(run),
    }
}

/// Punctuation that also ends sentences, closes quotations or emphasis.
fn is_sentence(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '/' | '_' | '#')
}

/// A character of an address (RFC 3986, and letters of other scripts as people type them), without
/// brackets, which more often enclose it, and `*`, which is emphasis.
fn is_part(c: char) -> bool {
    match c {
        '-' | '~' | '%' | '&' | '=' | '+' | '@' | '$' => true,
        c => is_word(c) && !is_glued(c),
    }
}

fn word(c: char) -> Option<&'static str> {
    Some(match c {
        '.' => "dot",
        '/' => "slash",
        '-' => "dash",
        '_' => "underscore",
        ':' => "colon",
        '~' => "tilde",
        '%' => "percent",
        '&' => "and",
        '=' => "equals",
        '+' => "plus",
        '@' => "at",
        _ => return None,
    })
}

fn words(place: &Place, text: &str) -> Cow<'static, str> {
    match (text, is_gap(place.last)) {
        (".", false) => return Cow::Borrowed(" dot "),
        ("/", false) => return Cow::Borrowed(" slash "),
        _ => {}
    }
    let mut said = String::new();
    for c in text.chars() {
        if !(said.ends_with(' ') || said.is_empty() && is_gap(place.last)) {
            said.push(' ');
        }
        match word(c) {
            Some(word) => said.push_str(word),
            None => said.push(c),
        }
        said.push(' ');
    }
    Cow::Owned(said)
}
