//! Set phrases of callers, looked for in what they say: asking for a person, saying that they listen.
//!
//! Compared are words alone, whatever their case and punctuation; a recogniser sets both as it likes.

use super::script::{head, is_glued, is_mark, tail};

/// What ends a sentence: what is said in the next one turns no meaning in this.
const SENTENCE_ENDS: [char; 10] = ['.', '!', '?', ';', '…', '。', '！', '？', '।', '؟'];

/// Whether the caller's words contain one of the `phrases`, as whole words, whatever their case
/// and punctuation.
#[must_use]
pub fn contains(text: &str, phrases: &[String]) -> bool {
    let text = words(text);
    phrases
        .iter()
        .map(|phrase| words(phrase))
        .filter(|phrase| !phrase.is_empty())
        .any(|phrase| text.char_indices().any(|(at, _)| stands(&text, at, &phrase)))
}

/// Whether the phrase stands at that place of the words, apart from what is before and behind it.
fn stands(text: &str, at: usize, phrase: &str) -> bool {
    tail(text, at).strip_prefix(phrase).is_some_and(|after| {
        is_apart(head(text, at).chars().next_back(), phrase.chars().next())
            && is_apart(phrase.chars().next_back(), after.chars().next())
    })
}

/// What stands before each of the `phrases` that are found in a sentence of the text, as lower-case
/// words: "i don't want to" before "talk to a person". Empty when none is found.
#[must_use]
pub fn before(text: &str, phrases: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for sentence in text.split(SENTENCE_ENDS) {
        let text = words(sentence);
        for phrase in phrases.iter().map(|phrase| words(phrase)).filter(|it| !it.is_empty()) {
            let at = text.char_indices().map(|(at, _)| at).find(|at| stands(&text, *at, &phrase));
            found.extend(at.map(|at| head(&text, at).trim_end().to_owned()));
        }
    }
    found
}

/// Whether the words refuse, in one of the `phrases`: several words anywhere in them, or a single one
/// ("no") when nothing else is said.
#[must_use]
pub fn refuses(text: &str, phrases: &[String]) -> bool {
    let several = |phrase: &&String| phrase.trim().contains(char::is_whitespace);
    let several: Vec<String> = phrases.iter().filter(several).cloned().collect();
    contains(text, &several) || consists_of(text, phrases)
}

/// Lower-case words, a space between them. An apostrophe is no gap: `i'd` is one word.
fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !matches!(c, '\'' | '’')) {
        if c.is_alphanumeric() || is_mark(c) {
            words.extend(c.to_lowercase());
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    words.trim().to_owned()
}

/// Whether a word may end between the two.
fn is_apart(before: Option<char>, after: Option<char>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            before == ' ' || after == ' ' || is_glued(before) || is_glued(after)
        }
        _ => true,
    }
}

/// Whether the caller's words are nothing but such `phrases`, one or several.
#[must_use]
pub fn consists_of(text: &str, phrases: &[String]) -> bool {
    let text = words(text);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let longest = phrases.iter().filter_map(|phrase| {
            let phrase = words(phrase);
            let after = rest.strip_prefix(phrase.as_str()).filter(|_| !phrase.is_empty())?;
            is_apart(phrase.chars().next_back(), after.chars().next()).then_some(after.len())
        });
        let Some(after) = longest.min() else { return false };
        rest = tail(rest, rest.len() - after).trim_start();
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases(all: &[&str]) -> Vec<String> {
        all.iter().map(|phrase| (*phrase).to_owned()).collect()
    }

    #[test]
    fn words_that_only_say_that_somebody_listens_are_known_alone_and_together() {
        let listening = phrases(&["mm-hm", "yeah", "i see", "i"]);
        for text in ["Mm-hm.", "yeah, yeah", "I see.", "Yeah. I see!", "mm hm"] {
            assert!(consists_of(text, &listening), "{text:?}");
        }
        for text in ["", "...", "yeah but", "I seek", "yeahs", "no", "see"] {
            assert!(!consists_of(text, &listening), "{text:?}");
        }
        assert!(!consists_of("yeah", &[]));
        assert!(!consists_of("yeah", &phrases(&["", "."])));
    }

    #[test]
    fn a_caller_who_asks_for_a_person_is_understood() {
        let wishes = phrases(&[
            "speak to a human",
            "real person",
            "I'd like an agent",
            "转人工",
            "상담원",
            "an an",
            "  ",
        ]);
        for text in [
            "Can I SPEAK, to a human?!",
            "a real  person",
            "the real person please",
            "请real person请",
            "I’d like an agent",
            "请帮我转人工服务",
            "상담원이랑 얘기",
            "fan an an",
        ] {
            assert!(contains(text, &wishes), "{text:?}");
        }
        for text in
            ["speak to a humanist", "surreal person", "real-estate person", "human", "", "fan an"]
        {
            assert!(!contains(text, &wishes), "{text:?}");
        }
        assert!(!contains("anything", &[]));
    }
}
