//! What the caller said, word by word: its tone, not its topic.
//!
//! Whether it asks or tells, goes on from before, wants a price or a time, a person, or the end of
//! the call. English, like the offline model's own words.

/// Words that point back at what was said before.
const POINTERS: [&str; 12] = [
    "it", "that", "this", "those", "these", "they", "them", "one", "both", "there", "others",
    "then",
];

/// Beginnings of a question that goes on from the one before.
const GOING_ON: [&str; 8] =
    ["and", "what about", "how about", "but", "or", "what if", "why", "what else"];

/// First words of a question, where the recogniser wrote no question mark.
const ASKING: [&str; 37] = [
    "what", "what's", "whats", "when", "where", "where's", "who", "why", "which", "how", "how's",
    "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "will", "would",
    "should", "may", "might", "have", "has", "shall", "must", "if", "tell", "explain", "whose",
    "isn't", "don't", "any",
];

/// Words of a question wherever they stand: "I would like to know what it costs".
const WITHIN: [&str; 6] = ["what", "what's", "how", "why", "whether", "which"];

/// What comes before a question without saying anything.
const HEMMING: [&str; 17] = [
    "um", "uh", "uhm", "umm", "er", "ah", "oh", "so", "well", "hi", "hello", "hey", "okay", "ok",
    "yeah", "please", "and",
];

/// What may stand between a refusal and what is refused: "I don't really want to speak to …".
const REFUSING: [&str; 26] = [
    "want",
    "wanna",
    "to",
    "need",
    "like",
    "wish",
    "have",
    "speak",
    "talk",
    "be",
    "get",
    "a",
    "an",
    "the",
    "any",
    "with",
    "me",
    "really",
    "necessarily",
    "think",
    "i",
    "asking",
    "for",
    "going",
    "transferred",
    "connected",
];

/// What stands before a person when the caller wonders who answers.
const WONDERING: [&[&str]; 6] = [
    &["are", "you"],
    &["is", "this"],
    &["am", "i", "talking", "to"],
    &["am", "i", "speaking", "to"],
    &["am", "i", "speaking", "with"],
    &["you", "are"],
];

/// Verbs of wishing: after a second one, what follows is wished for, not refused.
const WISHING: [&str; 4] = ["want", "wanna", "need", "like"];

/// Words that refuse what follows. A bare "no" does not: "no, a human".
const NEGATIONS: [&str; 12] = [
    "don't", "dont", "not", "never", "without", "didn't", "didnt", "isn't", "wasn't", "wouldn't",
    "won't", "rather",
];

/// What a yes is made of.
const YES: [&str; 10] =
    ["yes", "yeah", "yep", "sure", "please", "ok", "okay", "yup", "absolutely", "alright"];

/// Wishes to hear the last answer again.
const AGAIN: [&str; 14] = [
    "say that again",
    "say it again",
    "repeat",
    "come again",
    "didn't catch",
    "didn't hear",
    "didn't get that",
    "didn't understand",
    "don't understand",
    "pardon",
    "one more time",
    "once more",
    "what was that",
    "what did you say",
];

/// What a sentence has to hold to answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// A price or a share: "how much".
    Amount,
    /// A time or a duration: "when", "how long".
    Time,
    /// Any number: "how many".
    Count,
}

/// Words of a price, of a time.
const AMOUNTS: [&str; 7] = ["dollar", "dollars", "cent", "cents", "free", "nothing", "percent"];
const TIMES: [&str; 23] = [
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "morning",
    "afternoon",
    "evening",
    "night",
    "daily",
    "monday",
    "sunday",
    "saturday",
    "date",
    "early",
    "soon",
];

/// So few words are nearly all that was said.
const CURT: usize = 3;

/// What the caller said, word by word.
pub(super) struct Heard {
    words: Vec<String>,
    marked: bool,
}

impl Heard {
    pub(super) fn new(text: &str) -> Self {
        Self { words: plain(text), marked: text.contains('?') }
    }

    /// Whether a phrase with which a person is asked for is in it, and not refused.
    pub(super) fn wants_any(&self, phrases: &[String]) -> bool {
        // A single word, "operator" say, asks for a person when it is nearly all that was said.
        let curt = self.words.len() <= CURT;
        let meant = phrases.iter().filter(|phrase| curt || plain(phrase).len() > 1);
        let found = meant.flat_map(|phrase| self.found(phrase));
        found.into_iter().any(|at| !self.refused(at) && !self.asks_about(at))
    }

    /// What is left without the phrases that are refused; `None` when none is.
    pub(super) fn without_refused(&self, phrases: &[String]) -> Option<String> {
        let refused = |at: &usize| self.refused(*at);
        let (at, phrase) = phrases
            .iter()
            .flat_map(|phrase| self.found(phrase).map(move |at| (at, plain(phrase).len())))
            .filter(|(at, _)| refused(at))
            .max_by_key(|(at, length)| at + length)?;
        let from = self.refusal(at)?;
        let kept = self.words.iter().take(from).chain(self.words.iter().skip(at + phrase));
        Some(kept.cloned().collect::<Vec<_>>().join(" "))
    }

    /// What is left without these phrases; `None` when none is in it.
    pub(super) fn without_any(&self, phrases: &[String]) -> Option<String> {
        let mut rest = Self { words: self.words.clone(), marked: self.marked };
        for phrase in phrases {
            let at = rest.found(phrase).next();
            if let Some(at) = at {
                rest.words.drain(at..at + plain(phrase).len());
            }
        }
        (rest.words.len() < self.words.len()).then(|| rest.words.join(" "))
    }

    /// Whether it goes on from what was said before.
    pub(super) fn refers_back(&self) -> bool {
        self.goes_on() || self.has(&POINTERS)
    }

    /// Whether it begins like the rest of a question.
    pub(super) fn goes_on(&self) -> bool {
        GOING_ON.iter().any(|phrase| self.found(phrase).any(|at| at == 0))
    }

    /// What a good answer holds, if that is a number or a time.
    pub(super) fn measure(&self) -> Option<Measure> {
        let after_how = self.words.windows(2).find_map(|pair| match pair {
            [how, word] if how == "how" => Some(word.as_str()),
            [what, word] if what == "what" && word == "time" => Some("long"),
            _ => None,
        });
        match after_how {
            Some("much" | "expensive") => Some(Measure::Amount),
            Some("long" | "soon" | "fast" | "quickly" | "often" | "late" | "early") => {
                Some(Measure::Time)
            }
            Some("many" | "high" | "old" | "big" | "far" | "low") => Some(Measure::Count),
            _ if self.has(&["cost", "costs", "price", "expensive", "fee", "fees"]) => {
                Some(Measure::Amount)
            }
            _ if self.has(&["when", "till", "until"]) => Some(Measure::Time),
            _ => None,
        }
    }

    /// Whether it is a question, rather than a report or a wish.
    pub(super) fn asks(&self) -> bool {
        let first = self.words.iter().find(|word| !HEMMING.contains(&word.as_str()));
        self.marked
            || self.has(&WITHIN)
            || first.is_some_and(|first| ASKING.contains(&first.as_str()))
    }

    pub(super) fn thanks(&self) -> bool {
        self.has(&["thanks", "thank"])
    }

    /// Whether it asks about the one who answers.
    pub(super) fn asks_who(&self) -> bool {
        self.asks() && self.has(&["you", "this"])
    }

    pub(super) fn greets(&self) -> bool {
        self.has(&["hello", "hi", "hey", "good"])
    }

    /// Whether it accepts an offer, and says no more.
    pub(super) fn accepts(&self) -> bool {
        self.is_only(&YES) && !self.thanks()
    }

    /// Whether the last answer is wished for once more.
    pub(super) fn wants_it_again(&self) -> bool {
        AGAIN.iter().any(|phrase| self.found(phrase).next().is_some())
            || self.is_only(&["what", "sorry", "huh"])
    }

    fn is_only(&self, any: &[&str]) -> bool {
        !self.words.is_empty() && self.words.iter().all(|word| any.contains(&word.as_str()))
    }

    fn has(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }

    /// Where a phrase stands, word for word.
    fn found(&self, phrase: &str) -> impl Iterator<Item = usize> + use<'_> {
        let phrase = plain(phrase);
        let windows = self.words.windows(phrase.len().max(1)).enumerate();
        windows.filter_map(move |(at, words)| (words == phrase.as_slice()).then_some(at))
    }

    /// Whether what stands at a place is refused: "I don't want to speak to …".
    fn refused(&self, at: usize) -> bool {
        self.refusal(at).is_some()
    }

    /// Whether what stands at a place is asked about: "are you a real person?".
    fn asks_about(&self, at: usize) -> bool {
        let before: Vec<&str> = self.words.iter().take(at).map(String::as_str).collect();
        let before = before.strip_suffix(&["a"]).unwrap_or(&before);
        WONDERING.iter().any(|words| before.ends_with(words))
    }

    /// Where the refusal of what stands at a place begins.
    fn refusal(&self, at: usize) -> Option<usize> {
        let mut wishes = 0;
        for (before, word) in self.words.iter().enumerate().take(at).rev() {
            if NEGATIONS.contains(&word.as_str()) {
                // "Don't you have a real person?" wishes for one, and does not get here: `you`.
                return Some(before);
            }
            wishes += usize::from(WISHING.contains(&word.as_str()));
            let to = self.words.get(before + 1).is_some_and(|next| next == "to");
            let filler = REFUSING.contains(&word.as_str()) || word == "you" && to;
            if !filler || wishes > 1 {
                return None;
            }
        }
        None
    }
}

impl Measure {
    /// Whether a sentence holds it.
    pub(super) fn is_in(self, sentence: &str) -> bool {
        let number = sentence.contains(|sign: char| sign.is_ascii_digit());
        let heard = Heard::new(sentence);
        match self {
            Self::Amount => heard.has(&AMOUNTS),
            Self::Time => heard.has(&TIMES),
            Self::Count => number,
        }
    }
}

/// Lower-case words without punctuation.
pub(super) fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
