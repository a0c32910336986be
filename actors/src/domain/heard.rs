//! Where in the text that was sent to the voice playback stands, by Twilio's account of it.
//!
//! `utteranceUntilInterrupt` and `tokensPlayed` repeat our words, but white space, punctuation,
//! case and markup may differ. So only letters and digits are compared, case folded; what is
//! inside `<...>` is no text. The domain's playback asks; every answer is a byte offset between
//! two characters of the text asked about.

#[cfg(test)]
mod tests;

use super::script::{head, is_mark, is_unspaced, tail};

/// A tag of speech markup is not longer, in bytes; a `<` without its `>` within them is text.
const TAG_MAX: usize = 256;

/// Letters that words must have to prove more than what comes next: shorter ones stand in many
/// places, and what lies before the wrong one would count as heard.
const SURE: usize = 8;

/// How far beyond its own length a report is looked for first, bytes.
const NEAR: usize = 32;

/// Fewer letters are believed so near to the estimate, bytes.
const CLOSE: usize = 24;

/// A letter or digit as it is compared.
#[derive(Debug, Clone, Copy)]
struct Letter {
    folded: char,
    /// Byte offset after that character and the marks on it.
    end: usize,
    begins_word: bool,
    ends_word: bool,
}

/// Where the caller cut in: the offset in `spoken` after the last whole word of `utterance`.
///
/// Punctuation that follows there belongs to it when `utterance` ends with punctuation too. Of
/// several places the one that ends nearest to `near` (a byte offset, the estimate) is meant. An
/// utterance may begin before `spoken` does; then its end is looked for at the start of `spoken`.
/// A match begins at the start of a word; when it ends within one, that word counts as unheard.
///
/// `None` when the utterance is not in `spoken`, or has no letter or digit.
#[must_use]
pub fn locate(spoken: &str, utterance: &str, near: usize) -> Option<usize> {
    let (letters, heard) = (letters(spoken), letters(utterance));
    let nearest =
        |matched: &&[Letter]| matched.last().map_or(usize::MAX, |last| last.end.abs_diff(near));
    let matched = occurrences(&letters, &heard)
        .filter(|at| letters.get(*at).is_some_and(|letter| letter.begins_word))
        .filter_map(|at| letters.get(..at + heard.len()))
        .min_by_key(nearest);
    let matched = match matched {
        Some(matched) => matched,
        None => {
            let overlap = letters.get(..overlap(&letters, &heard)?)?;
            let close = nearest(&overlap) <= CLOSE;
            if close || overlap.len() >= SURE { overlap } else { return None }
        }
    };
    Some(match matched.last() {
        Some(last) if last.ends_word => closed(spoken, last.end, utterance, &heard),
        _ => matched.iter().rev().find(|letter| letter.ends_word).map_or(0, |letter| letter.end),
    })
}

/// The largest end of a word in `text` that is at most `at`: for a cut that time estimates.
#[must_use]
pub fn floor_word(text: &str, at: usize) -> usize {
    let ends = letters(text).into_iter().filter(|letter| letter.ends_word).map(|letter| letter.end);
    ends.take_while(|end| *end <= at).last().unwrap_or(0)
}

/// Whether words say by themselves where they stand.
#[must_use]
pub fn is_sure(words: &str) -> bool {
    letters(words).len() >= SURE
}

/// The offset after `words`, reported as played, at their first place at or after `from`.
///
/// They begin at the start of a word or exactly at `from`, and may end within a word: a cursor
/// moves on piece by piece. Punctuation counts as in [`locate`]. `None` when they are not there,
/// or have no letter or digit.
#[must_use]
pub fn played(spoken: &str, from: usize, words: &str) -> Option<usize> {
    // Mostly a report goes on where the one before it ended: this is asked for every few words.
    follows(spoken, from, words).or_else(|| {
        let heard = letters(words);
        let end = find_played(tail(spoken, from), &heard)?;
        Some(closed(spoken, from + end, words, &heard))
    })
}

/// The offset after `words` if they stand exactly at `from`; see [`played`]. Of what lies behind
/// `from` only as much is looked at as they need.
#[must_use]
pub fn follows(spoken: &str, from: usize, words: &str) -> Option<usize> {
    let (rest, heard) = (tail(spoken, from), letters(words));
    let mut there = letters(head(rest, NEAR + 2 * words.len()));
    // With the letter behind it: on that hangs where the last one ends. Markup may be cut in two.
    if there.len() <= heard.len() || rest.contains('<') {
        there = letters(rest);
    }
    let is_there = there.len() >= heard.len() && goes_on(&there, &heard);
    let end = there.get(heard.len().checked_sub(1)?).filter(|_| is_there)?.end;
    Some(closed(spoken, from + end, words, &heard))
}

fn goes_on(letters: &[Letter], heard: &[Letter]) -> bool {
    letters.iter().zip(heard).all(|(letter, heard)| letter.folded == heard.folded)
}

/// The end of `heard` at its first place in `rest`: its start, or for enough letters that of a word.
fn find_played(rest: &str, heard: &[Letter]) -> Option<usize> {
    let letters = letters(rest);
    let sure = heard.len() >= SURE;
    let begins = |at: usize| letters.get(at).is_some_and(|letter| letter.begins_word);
    let at = occurrences(&letters, heard).find(|at| *at == 0 || (sure && begins(*at)))?;
    Some(letters.get(at..at + heard.len())?.last()?.end)
}

/// `end`, or the end of the punctuation that follows if `heard` has some after its last letter.
fn closed(spoken: &str, end: usize, heard: &str, letters: &[Letter]) -> usize {
    let mut ending = letters.last().map_or("", |last| tail(heard, last.end));
    while !ending.starts_with(is_closing) {
        let Some(c) = ending.chars().next() else { return end };
        ending = tail(ending, if c == '<' { tag(ending) } else { c.len_utf8() });
    }
    let after = tail(spoken, end);
    end + after.find(|c| !is_closing(c)).unwrap_or(after.len())
}

/// Punctuation that belongs to the word before it.
fn is_closing(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '…' | '%' | ')' | ']' | '}' | '"' | '\'')
        || matches!(c, '”' | '’' | '»' | '›' | '。' | '、' | '，' | '！' | '？' | '；' | '：')
        || matches!(c, '）' | '」' | '』' | '】' | '》' | '؟' | '،' | '؛' | '।' | '॥' | '｡' | '､')
}

/// The letters and digits of a text, with the words they make.
fn letters(text: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(text.len());
    let (mut at, mut joined) = (0, false);
    while let Some(c) = tail(text, at).chars().next() {
        let start = at;
        at += if c == '<' { tag(tail(text, at)) } else { c.len_utf8() };
        if c.is_alphanumeric() {
            push(&mut letters, c, at, joined);
            joined = true;
        } else if is_mark(c) {
            extend(&mut letters, start, at);
        } else {
            joined = joined && joins(&letters, c, tail(text, at));
        }
    }
    letters
}

/// `don't` is one word and `1,234.50` is one; at an edge the sign is punctuation.
fn joins(letters: &[Letter], sign: char, after: &str) -> bool {
    match sign {
        '\'' | '’' => after.starts_with(char::is_alphanumeric),
        '.' | ',' => {
            letters.last().is_some_and(|letter| letter.folded.is_numeric())
                && after.starts_with(char::is_numeric)
        }
        _ => false,
    }
}

fn push(letters: &mut Vec<Letter>, c: char, end: usize, joined: bool) {
    let begins_word = match letters.last_mut() {
        Some(before) => {
            let apart = !joined || is_unspaced(c) || is_unspaced(before.folded);
            before.ends_word = apart;
            apart
        }
        None => true,
    };
    let first = letters.len();
    let letter = |folded: char| Letter { folded, end, begins_word: false, ends_word: false };
    if c.is_ascii() {
        letters.push(letter(c.to_ascii_lowercase()));
    } else {
        // Down, up and down again, so that `ß` and `SS`, `ς` and `Σ` are the same.
        let folded = c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        letters.extend(folded.filter(|c| c.is_alphanumeric()).map(letter));
    }
    if let Some(letter) = letters.get_mut(first) {
        letter.begins_word = begins_word;
    }
    if let Some(letter) = letters.last_mut() {
        letter.ends_word = true;
    }
}

/// A mark belongs to the letter that it follows.
fn extend(letters: &mut [Letter], start: usize, end: usize) {
    let Some(before) = letters.last().map(|letter| letter.end).filter(|before| *before == start)
    else {
        return;
    };
    for letter in letters.iter_mut().rev().take_while(|letter| letter.end == before) {
        letter.end = end;
    }
}

/// The bytes of the tag that begins with this `<`; 1 when it is only a sign.
fn tag(text: &str) -> usize {
    let name = tail(text, 1).chars().next();
    if !name.is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '!' | '?')) {
        return 1;
    }
    head(text, TAG_MAX).find('>').map_or(1, |at| at + 1)
}

/// For each start of `pattern` how much of it repeats at its end: the failure links of Knuth,
/// Morris and Pratt, which keep a search linear whatever the text.
fn links(pattern: &[Letter]) -> Vec<usize> {
    let mut links = Vec::with_capacity(pattern.len());
    let mut matched = 0;
    for (at, letter) in pattern.iter().enumerate() {
        if at > 0 {
            matched = follow(pattern, &links, matched, letter);
        }
        links.push(matched);
    }
    links
}

/// How much of `pattern` is matched once `letter` follows what was.
fn follow(pattern: &[Letter], links: &[usize], mut matched: usize, letter: &Letter) -> usize {
    loop {
        if pattern.get(matched).is_some_and(|next| next.folded == letter.folded) {
            return matched + 1;
        }
        match matched.checked_sub(1).and_then(|last| links.get(last)) {
            Some(shorter) => matched = *shorter,
            None => return 0,
        }
    }
}

/// Every index at which `pattern` occurs in `text`, in order; none for an empty one.
fn occurrences<'a>(
    text: &'a [Letter],
    pattern: &'a [Letter],
) -> impl Iterator<Item = usize> + use<'a> {
    let links = links(pattern);
    let mut matched = 0;
    text.iter().enumerate().filter_map(move |(at, letter)| {
        matched = follow(pattern, &links, matched, letter);
        (matched > 0 && matched == pattern.len()).then(|| at + 1 - matched)
    })
}

/// How many letters at the start of `text` end `heard`: whole words there, and at least one.
fn overlap(text: &[Letter], heard: &[Letter]) -> Option<usize> {
    let start = text.get(..text.len().min(heard.len()))?;
    let links = links(start);
    let mut matched =
        heard.iter().fold(0, |matched, letter| follow(start, &links, matched, letter));
    while matched > 0 {
        let begins = heard.get(heard.len() - matched).is_some_and(|letter| letter.begins_word);
        if begins && start.iter().take(matched).any(|letter| letter.ends_word) {
            return Some(matched);
        }
        matched = matched.checked_sub(1).and_then(|last| links.get(last)).copied().unwrap_or(0);
    }
    None
}
