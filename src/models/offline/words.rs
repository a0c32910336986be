//! Words as the offline model sees them: stems for retrieval, sentences of what is known, tokens
//! of what is said.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bm25::{DefaultTokenizer, Language, Tokenizer};

use super::heard::plain;

/// Words of asking and of courtesy: they say nothing about what is asked. The stop words of the
/// tokenizer are those of writing; these are those of the telephone.
const IDLE: &str = "\
    a's able about actually ah alright also anybody anyone anyway appreciate ask asking \
    basically bit bye call calling cause could couldn't curious dear did didn't doesn't don't \
    dont else er ever everything exactly excuse explain fine folks gonna goodbye gotta guy guys \
    hello help hey hi hope how's i'd i'll i'm i've if im it's its ive just kinda know let let's \
    like literally lot madam may maybe mean might mind moment much must nice no nope oh ok okay \
    one ones perhaps please pleased pretty question quite really regarding right said say saying \
    see sir so somebody someone something sorry sort sure tell thank thanks that's there's \
    they're think thought to today told uh uhm um umm understand us very wanna was way we're \
    welcome well were what's whats when's where's who's wonder wondering would wouldn't yeah yep \
    yes yet you're you've";

/// Words of everyday stories: they count where the knowledge has them, and where it does not they
/// do not make a question strange.
const EVERYDAY: &str = include_str!("everyday.txt");

/// The least length of the parts of a compound, characters.
const HALF_MIN: usize = 3;

/// Words that begin a further thought.
const CHAINING: [&str; 7] = ["and", "but", "because", "cause", "so", "since", "then"];

/// Stop words of writing that tell callers' wishes apart: "take it off", "did not go through".
const PARTICLES: [&str; 12] =
    ["off", "out", "over", "through", "up", "down", "more", "most", "too", "few", "only", "again"];

/// Words that ask, which tell "why was I charged" from "how much do you charge". An answer does not
/// have to hold them.
const ASKING: [&str; 8] =
    ["why", "when", "where", "who", "howmuch", "howlong", "howmany", "howoften"];

/// What the measures among them begin with.
const HOW: &str = "how";

/// How callers say that something does not work, and the one word that stands for it.
const CANNOT: [&str; 6] = ["can't", "cant", "cannot", "couldn't", "couldnt", "unable"];
const UNABLE: &str = "unable";

/// Pairs of words with which callers say that something shall stop.
const STOP: [(&str, &str); 6] = [
    ("don't", "want"),
    ("dont", "want"),
    ("don't", "need"),
    ("no", "more"),
    ("get", "rid"),
    ("turn", "off"),
];

/// Forms of a word that a stemmer does not bring together, and other words for the same thing: the
/// first of each line stands for all.
const SAME: &str = include_str!("same.txt");

/// Splits text into stems without idle words.
#[derive(Clone)]
pub(super) struct Words(Arc<Stems>);

struct Stems {
    /// Without stop words, and with them: a word that only the second gives is one.
    telling: DefaultTokenizer,
    all: DefaultTokenizer,
    idle: HashSet<String>,
    everyday: HashSet<String>,
    same: HashMap<&'static str, &'static str>,
    /// The words of the knowledge as written, to mend compounds by, and their stems: cutting a word
    /// costs more than looking it up.
    known: HashMap<String, Vec<String>>,
}

impl Stems {
    fn cut(&self, word: &str) -> Vec<String> {
        let word = match word {
            "0" => "zero",
            unable if CANNOT.contains(&unable) => UNABLE,
            other => self.same.get(other).copied().unwrap_or(other),
        };
        let kept = PARTICLES.contains(&word)
            || ASKING.contains(&word)
            || !self.telling.tokenize(word).is_empty();
        let mut stems = if kept { self.all.tokenize(word) } else { Vec::new() };
        stems.retain(|stem| !self.idle.contains(stem));
        stems
    }
}

impl Words {
    /// For a language tag such as `en-US`; English when there is none or no stemmer for it.
    ///
    /// What stands in one of the `titles` is never everyday; words in the `texts` are expected.
    pub(super) fn new(language: Option<&str>, titles: &[&str], texts: &[&str]) -> Self {
        let language = stemmed(language);
        let all =
            DefaultTokenizer::builder().language_mode(language.clone()).stopwords(false).build();
        let telling = DefaultTokenizer::new(language);
        let stems = |words: &str| -> HashSet<String> {
            words.split_whitespace().flat_map(|word| all.tokenize(word)).collect()
        };
        let (idle, mut everyday) = (stems(IDLE), stems(EVERYDAY));
        for stem in titles.iter().flat_map(|title| all.tokenize(title)) {
            everyday.remove(&stem);
        }
        let same = SAME.lines().flat_map(|line| {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            words.map(move |word| (word, first))
        });
        let same = same.collect();
        let mut stems = Stems { telling, all, idle, everyday, same, known: HashMap::new() };
        let known: HashSet<String> = titles.iter().chain(texts).flat_map(|it| plain(it)).collect();
        stems.known = known.into_iter().map(|word| (word.clone(), stems.cut(&word))).collect();
        Self(Arc::new(stems))
    }

    /// The stems of a text, in order.
    pub(super) fn stems(&self, text: &str) -> Vec<String> {
        // A recogniser writes 0% where people say zero percent.
        let mended = if text.contains('%') {
            self.mended(&text.replace('%', " percent "))
        } else {
            self.mended(text)
        };
        mended.iter().flat_map(|word| self.stem(word)).collect()
    }

    /// The stem of a word, unless it is idle.
    fn stem(&self, word: &str) -> Vec<String> {
        self.0.known.get(word).cloned().unwrap_or_else(|| self.0.cut(word))
    }

    /// Whether a stem is a word that asks.
    pub(super) fn asks(stem: &str) -> bool {
        ASKING.contains(&stem)
    }

    /// Whether a stem is one of everyday stories.
    pub(super) fn is_everyday(&self, stem: &str) -> bool {
        self.0.everyday.contains(stem)
    }

    /// Puts words together that the recogniser took apart ("auto pay"), and the other way round.
    fn mended(&self, text: &str) -> Vec<String> {
        // "card's" is about the card.
        let words = plain(text).into_iter().map(|mut word| {
            word.truncate(word.strip_suffix("'s").unwrap_or(&word).len());
            word
        });
        let mut words = words.peekable();
        let mut mended: Vec<String> = Vec::new();
        while let Some(word) = words.next() {
            if let Some(both) = words.peek().and_then(|next| self.joined(&word, next)) {
                words.next();
                mended.push(both);
            } else if let Some((head, tail)) = self.parted(&word) {
                mended.extend([head.to_owned(), tail.to_owned()]);
            } else {
                mended.push(word);
            }
        }
        mended
    }

    /// The one word that two stand for.
    fn joined(&self, word: &str, next: &str) -> Option<String> {
        if STOP.contains(&(word, next)) {
            return Some("stop".to_owned());
        }
        if word != HOW && self.is_known(word) && self.is_known(next) {
            return None;
        }
        let both = format!("{word}{next}");
        (self.is_known(&both) || ASKING.contains(&both.as_str())).then_some(both)
    }

    /// The two words that an unknown one is made of.
    fn parted<'a>(&self, word: &'a str) -> Option<(&'a str, &'a str)> {
        let known = |(head, tail): &(&str, &str)| self.is_known(head) && self.is_known(tail);
        if self.is_known(word) { None } else { halves(word).find(known) }
    }

    fn is_known(&self, word: &str) -> bool {
        self.0.known.contains_key(word)
    }
}

/// A word cut in two, both parts long enough to be words.
fn halves(word: &str) -> impl Iterator<Item = (&str, &str)> {
    let cuts = word.char_indices().map(|(at, _)| at).skip(HALF_MIN);
    cuts.filter_map(|at| word.split_at_checked(at))
        .filter(|(_, tail)| tail.chars().count() >= HALF_MIN)
}

/// Takes a text that consists of stems apart: BM25 wants to do that itself.
pub(super) struct Stemmed;

impl Tokenizer for Stemmed {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.split(' ').filter(|stem| !stem.is_empty()).map(str::to_owned).collect()
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

/// The sentences of what was heard, cut further where a thought ends: callers speak in chains, and
/// a recogniser writes few full stops.
pub(super) fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for sentence in sentences(text) {
        for clause in sentence.split_inclusive(", ") {
            let mut part = Vec::new();
            for word in clause.split_whitespace() {
                if CHAINING.contains(&word) && !part.is_empty() {
                    parts.push(part.join(" "));
                    part.clear();
                }
                part.push(word);
            }
            parts.push(part.join(" "));
        }
    }
    parts
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
