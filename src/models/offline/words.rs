//! Words as the offline model sees them: stems for retrieval, phrases and tone of what was heard,
//! sentences of what is known, tokens of what is said.

use std::{collections::HashSet, sync::Arc};

use bm25::{DefaultTokenizer, Language, Tokenizer};

/// Words of asking and of courtesy: they say nothing about what is asked. The stop words of the
/// tokenizer are those of writing; these are those of the telephone.
const IDLE: &str = "a's able about actually alright also another anyone anything appreciate ask \
    asking aware better bit bye call calling can't cannot check come could couldn't curious day \
    dear did didn't doesn't don't else ever everything exactly excuse explain find fine folks get \
    getting give go going gonna good goodbye got great guess guy guys happen hear hello help hey hi \
    hold hope how's i'd i'll i'm i've if it's its information just kind kindly know let let's like \
    long lot madam make making many may maybe mean mind moment morning afternoon evening much must \
    need needed nice no nope nothing oh ok okay one perhaps person please pleased possible per pretty \
    problem question quick quickly really regarding right said say second see sir so somebody \
    someone something soon sorry speak still sure talk tell thank thanks that's there's they're \
    thing things think thought time times to today told try trying uh uhm um umm understand us use used using \
    want wanted wants was way we're welcome were what's when's where's who's wonder wondering \
    work works would wouldn't yeah yep yes yet you're you've";

/// Words that point back at what was said before.
const POINTERS: [&str; 9] = ["it", "that", "this", "those", "these", "they", "them", "one", "both"];

/// Beginnings of a question that goes on from the one before.
const GOING_ON: [&str; 5] = ["and", "what about", "how about", "but", "or"];

/// First words of a question, where the recogniser wrote no question mark.
const ASKING: [&str; 34] = [
    "what", "what's", "when", "where", "who", "why", "which", "how", "how's", "is", "are", "am",
    "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "may", "might",
    "have", "has", "shall", "must", "if", "tell", "explain", "whose", "isn't", "don't",
];

/// Words of a question wherever they stand: "I would like to know what it costs".
const WITHIN: [&str; 5] = ["what", "how", "why", "whether", "which"];

/// What stands before a number or a date that is asked for.
const MEASURES: [&str; 11] =
    ["much", "many", "long", "high", "old", "often", "soon", "fast", "quickly", "big", "late"];

/// Words that ask for a number or a date by themselves.
const PRICES: [&str; 7] = ["when", "cost", "costs", "price", "expensive", "percent", "percentage"];

/// Splits text into stems without idle words.
#[derive(Clone)]
pub(super) struct Words(Arc<Stems>);

struct Stems {
    tokenizer: DefaultTokenizer,
    idle: HashSet<String>,
}

impl Words {
    /// For a language tag such as `en-US`; English when there is none or no stemmer for it.
    pub(super) fn new(language: Option<&str>) -> Self {
        let tokenizer = DefaultTokenizer::new(stemmed(language));
        let idle = IDLE.split_whitespace().flat_map(|word| tokenizer.tokenize(word)).collect();
        Self(Arc::new(Stems { tokenizer, idle }))
    }

    /// The stems of a text, in order.
    pub(super) fn stems(&self, text: &str) -> Vec<String> {
        // "card's" is about the card; a recogniser writes 0% where people say zero percent.
        let text = text.replace('’', "'").replace("'s", "").replace('%', " percent ");
        let stems = self.0.tokenizer.tokenize(&text).into_iter();
        let stems = stems.map(|stem| if stem == "0" { "zero".to_owned() } else { stem });
        stems.filter(|stem| !self.0.idle.contains(stem)).collect()
    }
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        self.stems(text)
    }
}

fn stemmed(language: Option<&str>) -> Language {
    let primary = language.and_then(|tag| tag.split('-').next()).unwrap_or("en");
    match primary.to_ascii_lowercase().as_str() {
        "da" => Language::Danish,
        "de" => Language::German,
        "es" => Language::Spanish,
        "fr" => Language::French,
        "it" => Language::Italian,
        "nl" => Language::Dutch,
        "no" | "nb" => Language::Norwegian,
        "pt" => Language::Portuguese,
        "sv" => Language::Swedish,
        _ => Language::English,
    }
}

/// What the caller said, word by word.
pub(super) struct Heard {
    words: Vec<String>,
    marked: bool,
}

impl Heard {
    pub(super) fn new(text: &str) -> Self {
        Self { words: plain(text), marked: text.contains('?') }
    }

    /// Whether one of these phrases is in it, word for word.
    pub(super) fn contains_any(&self, phrases: &[String]) -> bool {
        phrases.iter().any(|phrase| self.find(phrase).is_some())
    }

    /// What is left without these phrases; `None` when none is in it.
    pub(super) fn without_any(&self, phrases: &[String]) -> Option<String> {
        let mut rest = Self { words: self.words.clone(), marked: self.marked };
        for phrase in phrases {
            if let Some((from, to)) = rest.find(phrase) {
                rest.words.drain(from..to);
            }
        }
        (rest.words.len() < self.words.len()).then(|| rest.words.join(" "))
    }

    /// Whether it goes on from what was said before.
    pub(super) fn refers_back(&self) -> bool {
        let begins = |phrase: &str| self.find(phrase).is_some_and(|(from, _)| from == 0);
        GOING_ON.iter().any(|phrase| begins(phrase)) || self.has(&POINTERS)
    }

    /// Whether a number, a price or a time is asked for.
    pub(super) fn wants_figure(&self) -> bool {
        let measured = self.words.windows(2).any(|pair| match pair {
            [how, measure] => how == "how" && MEASURES.contains(&measure.as_str()),
            _ => false,
        });
        measured || self.has(&PRICES)
    }

    /// Whether it is a question, rather than a report or a wish.
    pub(super) fn asks(&self) -> bool {
        self.marked
            || self.has(&WITHIN)
            || self.words.first().is_some_and(|first| ASKING.contains(&first.as_str()))
    }

    pub(super) fn thanks(&self) -> bool {
        self.has(&["thanks", "thank"])
    }

    pub(super) fn greets(&self) -> bool {
        self.has(&["hello", "hi", "hey", "good"])
    }

    fn has(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }

    fn find(&self, phrase: &str) -> Option<(usize, usize)> {
        let phrase = plain(phrase);
        if phrase.is_empty() {
            return None;
        }
        let from = self.words.windows(phrase.len()).position(|words| *words == *phrase)?;
        Some((from, from + phrase.len()))
    }
}

/// Lower-case words without punctuation.
fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The sentences of a text, without list marks and emphasis, each with its full stop.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks(text) {
        let mut sentence = String::new();
        let mut words = block.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(word);
            let next = words.peek().and_then(|next| next.chars().next());
            if ends(word) && next.is_none_or(|first| !first.is_lowercase()) {
                found.push(std::mem::take(&mut sentence));
            }
        }
        if !sentence.is_empty() {
            found.push(sentence);
        }
    }
    found
}

/// Paragraphs and list items, each on one line.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines().map(|line| line.replace(['*', '`', '#'], " ")) {
        let item = line.trim_start().strip_prefix("- ");
        if item.is_some() || line.trim().is_empty() {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(item.unwrap_or(&line));
            block.push(' ');
        }
    }
    blocks
}

/// Whether a word can end a sentence: not `a.m.`, and not an initial.
fn ends(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', '”']);
    let stem = bare.trim_end_matches('.');
    match bare.chars().last() {
        Some('?' | '!') => true,
        Some('.') => !stem.contains('.') && stem.chars().count() > 1 || stem.parse::<u64>().is_ok(),
        _ => false,
    }
}

/// An answer as a model streams it: words, each with the space or line break before it.
pub(super) fn tokens(answer: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut after_word = true;
    for sign in answer.chars() {
        let space = sign.is_whitespace();
        if space && after_word || tokens.is_empty() {
            tokens.push(String::new());
        }
        after_word = !space;
        if let Some(token) = tokens.last_mut() {
            token.push(sign);
        }
    }
    tokens
}
