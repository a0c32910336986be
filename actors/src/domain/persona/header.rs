//! The header of a persona file: reads its keys, explains each that is missing, wrong or unknown.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    FILLERS_MIN, HOLD_KEYS, HOLD_MIN, LIST_MAX, PHRASE_MAX, Persona, PersonaProblems, SILENCE_MIN,
    WAITS, WORDS_MAX, parts::Parts,
};

/// The keys of a header, and what each is for.
const KEYS: [(&str, &str); 31] = [
    ("name", "the name of the agent or the company"),
    ("greeting", "what the caller hears first"),
    ("voice", "a voice such as \"Google.en-US-Journey-F\""),
    ("language", "a language tag such as \"en-US\""),
    ("fillers", "spoken when an answer takes its time"),
    ("apology", "spoken when an answer failed"),
    ("unavailable", "spoken when the call cannot go on"),
    ("goodbye", "spoken before hanging up"),
    ("resume", "spoken after the line was lost and found again"),
    ("silence", "spoken when nobody says anything, in order"),
    ("interrupted", "spoken when the caller cut in and then said nothing"),
    ("more", "spoken behind an answer that had to stop, offers to go on"),
    ("limit", "spoken when the time or the turns of a call have run out, and it ends"),
    ("hints", "words that the recogniser should expect"),
    ("bridge", "spoken before the caller is handed to a person"),
    ("waits", "how long the wait is: under a minute, under five, under ten, more"),
    ("escalation", "spoken when a person is asked for and nobody takes calls, asks for a message"),
    ("unreached", "spoken when nobody could take the call, asks for a message"),
    ("message_taken", "spoken when the caller has left a message"),
    ("stay", "spoken when a hand-off was wished for but the caller stays"),
    ("hold", "spoken in turn to a caller who waits"),
    ("position", "spoken before the caller's place in the queue"),
    (
        "hold_keys",
        "what 1 is for (a call-back) and what 2 is for (to go back), for a caller who waits",
    ),
    ("called_back", "spoken when a call-back is booked and the call ends"),
    ("not_called_back", "spoken when a call-back could not be booked and the caller still waits"),
    ("escalation_phrases", "caller's words that mean that a person is wanted"),
    ("escalation_unless", "caller's words that may turn their meaning"),
    ("escalation_rules", "tables with what callers say that is for a person"),
    ("stay_phrases", "caller's words that take the wish for a person back"),
    ("backchannel", "what callers say only to show that they listen"),
    ("goodbye_phrases", "caller's words that end the call"),
];

/// The keys of a rule that hold text.
const RULE_KEYS: [(&str, &str); 4] = [
    ("code", "a code for reports"),
    ("reason", "what the person is told"),
    ("phrases", "what callers say"),
    ("skill", "what the person should know about"),
];

/// How many letters may differ for "did you mean".
const TYPO_MAX: usize = 3;

/// What would be heard as a sign, or as a gap that nobody filled.
const UNSPEAKABLE: [char; 10] = ['{', '}', '<', '>', '[', ']', '*', '#', '`', '|'];

/// Reads the header; the persona it gives has no body and no knowledge yet.
pub(super) fn read(parts: &Parts<'_>, problems: &mut PersonaProblems) -> Persona {
    let (table, errors) = DeTable::parse_recoverable(parts.header);
    let table = table.into_inner();
    let mut header = Header { parts, table: &table, whole: errors.is_empty(), problems };
    for error in errors {
        let line = header.line(error.span().map_or(0, |span| span.start));
        header.problems.add(line, format!("the header is not TOML: {}", error.message()));
    }
    header.unknown_keys();
    Persona {
        name: header.phrase("name"),
        greeting: header.phrase("greeting"),
        voice: header.optional("voice", voice),
        language: header.optional("language", language),
        fillers: header.phrases("fillers", FILLERS_MIN),
        apology: header.phrase("apology"),
        unavailable: header.phrase("unavailable"),
        goodbye: header.phrase("goodbye"),
        resume: header.phrase("resume"),
        silence: header.phrases("silence", SILENCE_MIN),
        interrupted: header.phrase("interrupted"),
        more: header.phrase("more"),
        limit: header.phrase("limit"),
        hints: header.words("hints"),
        bridge: header.phrase("bridge"),
        waits: header.exactly("waits", WAITS),
        escalation: header.phrase("escalation"),
        unreached: header.phrase("unreached"),
        message_taken: header.phrase("message_taken"),
        stay: header.phrase("stay"),
        hold: header.phrases("hold", HOLD_MIN),
        position: header.phrase("position"),
        hold_keys: header.exactly("hold_keys", HOLD_KEYS),
        called_back: header.phrase("called_back"),
        not_called_back: header.phrase("not_called_back"),
        escalation_phrases: lower(header.words("escalation_phrases")),
        escalation_unless: lower(header.words("escalation_unless")),
        escalation_rules: header.rules("escalation_rules"),
        stay_phrases: lower(header.words("stay_phrases")),
        backchannel: lower(header.words("backchannel")),
        goodbye_phrases: lower(header.words("goodbye_phrases")),
        body: String::new(),
        knowledge: Vec::new(),
    }
}

pub(super) struct Header<'a> {
    parts: &'a Parts<'a>,
    pub(super) table: &'a DeTable<'a>,
    /// Without a syntax error: only then is a key that was not found a key that is missing.
    whole: bool,
    problems: &'a mut PersonaProblems,
}

impl<'a> Header<'a> {
    /// The line in the file of a place in the header.
    fn line(&self, at: usize) -> usize {
        let before = self.parts.header.bytes().take(at);
        self.parts.header_line + before.filter(|byte| *byte == b'\n').count()
    }

    pub(super) fn add(&mut self, at: usize, text: String) {
        let line = self.line(at);
        self.problems.add(line, text);
    }

    fn unknown_keys(&mut self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if KEYS.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let near = KEYS.iter().map(|(known, _)| (distance(name, known), *known)).min();
            let text = match near {
                Some((off, known)) if off <= TYPO_MAX.min(name.chars().count() / 2) => {
                    format!("unknown key `{name}`: did you mean `{known}`?")
                }
                _ => {
                    let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
                    format!("unknown key `{name}`: expected one of {}", known.join(", "))
                }
            };
            self.add(key.span().start, text);
        }
    }

    /// The value of a key; `None` and a problem when it has to be there and is not.
    fn required(&mut self, key: &str, what: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.table.get(key);
        if value.is_none() && self.whole {
            let purpose = purpose(key);
            self.problems.add(1, format!("`{key}` is missing: expected {what}, {purpose}"));
        }
        value
    }

    /// The text of a value, trimmed, if it is one line of at most `max` characters.
    pub(super) fn text(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        max: usize,
    ) -> Option<String> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            let found = kind(value.get_ref());
            let purpose = purpose(key);
            self.add(at, format!("`{key}` holds {found}: expected text in quotes, {purpose}"));
            return None;
        };
        let text = text.trim();
        let length = text.chars().count();
        let sign = text.chars().find(|sign| UNSPEAKABLE.contains(sign) || sign.is_control());
        let problem = if text.is_empty() {
            format!("`{key}` is empty: expected {}", purpose(key))
        } else if length > max {
            format!("`{key}` has {length} characters: expected at most {max}")
        } else if let Some(sign) = sign {
            let sign = sign.escape_default();
            format!(
                "`{key}` holds `{sign}`: expected plain words on one line, since they are used as \
                 written, without placeholders or markup"
            )
        } else {
            return Some(text.to_owned());
        };
        self.add(at, problem);
        None
    }

    fn phrase(&mut self, key: &str) -> String {
        let value = self.required(key, "text in quotes");
        value.and_then(|value| self.text(key, value, PHRASE_MAX)).unwrap_or_default()
    }

    fn phrases(&mut self, key: &str, min: usize) -> Vec<String> {
        let Some(value) = self.required(key, &format!("a list of at least {min} phrases")) else {
            return Vec::new();
        };
        self.list(key, value, min, PHRASE_MAX)
    }

    fn exactly(&mut self, key: &str, count: usize) -> Vec<String> {
        let phrases = self.phrases(key, count);
        if phrases.len() > count {
            let at = self.table.get(key).map_or(0, |value| value.span().start);
            let purpose = purpose(key);
            self.add(at, format!("`{key}` has more than {count} phrases: expected {purpose}"));
        }
        phrases
    }

    fn words(&mut self, key: &str) -> Vec<String> {
        self.table.get(key).map_or_else(Vec::new, |value| self.list(key, value, 0, WORDS_MAX))
    }

    pub(super) fn list(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        min: usize,
        max: usize,
    ) -> Vec<String> {
        let at = value.span().start;
        let Some(entries) = value.get_ref().as_array() else {
            let found = kind(value.get_ref());
            let purpose = purpose(key);
            self.add(at, format!("`{key}` holds {found}: expected a list of texts, {purpose}"));
            return Vec::new();
        };
        let found = entries.len();
        if found < min {
            let purpose = purpose(key);
            self.add(
                at,
                format!("`{key}` has {found} phrases: expected at least {min}, {purpose}"),
            );
        } else if found > LIST_MAX {
            self.add(at, format!("`{key}` has {found} entries: expected at most {LIST_MAX}"));
        }
        entries.iter().take(LIST_MAX).filter_map(|entry| self.text(key, entry, max)).collect()
    }

    fn optional(&mut self, key: &str, form: fn(&str) -> bool) -> Option<String> {
        let value = self.table.get(key)?;
        let text = self.text(key, value, WORDS_MAX)?;
        if !form(&text) {
            let purpose = purpose(key);
            self.add(value.span().start, format!("`{key}` is `{text}`: expected {purpose}"));
        }
        Some(text)
    }
}

pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn purpose(key: &str) -> &'static str {
    KEYS.iter()
        .chain(&RULE_KEYS)
        .find(|(known, _)| *known == key)
        .map_or("", |(_, purpose)| *purpose)
}

/// A provider, a full stop, a voice: the configuration knows which providers there are.
fn voice(text: &str) -> bool {
    text.split_once('.').is_some_and(|(provider, voice)| !provider.is_empty() && !voice.is_empty())
        && !text.contains(char::is_whitespace)
}

/// The outer form of BCP-47 (RFC 5646 section 2.1): a language of letters, then subtags.
fn language(text: &str) -> bool {
    let mut tags = text.split('-');
    let primary = tags.next().unwrap_or_default();
    (2..=8).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tags.all(|tag| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

pub(super) fn lower(phrases: Vec<String>) -> Vec<String> {
    phrases.into_iter().map(|phrase| phrase.to_lowercase()).collect()
}

/// How many letters have to be changed, added or dropped to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, a) in from.chars().enumerate() {
        let mut left = above + 1;
        let mut next = vec![left];
        for (b, pair) in to.chars().zip(row.windows(2)) {
            let (diagonal, up) = (pair.first().copied(), pair.last().copied());
            let change = diagonal.unwrap_or(0) + usize::from(a != b);
            left = change.min(up.unwrap_or(0) + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
