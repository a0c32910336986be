//! The rules of a persona's header, `[[escalation_rules]]`: what callers say that is for a person.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::escalation::{ReasonCode, Rule},
    WORDS_MAX,
    header::{Header, kind, lower},
};

/// How often a phrase may have to be said: a caller who has said it so often has been patient.
const TIMES_MAX: usize = 5;

/// The keys of a rule.
const KEYS: [&str; 6] = ["code", "reason", "phrases", "skill", "urgent", "times"];

impl<'a> Header<'a> {
    /// The rules under a key.
    pub(super) fn rules(&mut self, key: &str) -> Vec<Rule> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let at = value.span().start;
        let Some(entries) = value.get_ref().as_array() else {
            let found = kind(value.get_ref());
            self.add(at, format!("`{key}` holds {found}: expected tables, `[[{key}]]`"));
            return Vec::new();
        };
        entries.iter().filter_map(|entry| self.rule(key, entry)).collect()
    }

    fn rule(&mut self, key: &str, entry: &'a Spanned<DeValue<'a>>) -> Option<Rule> {
        let at = entry.span().start;
        let Some(table) = entry.get_ref().as_table() else {
            let found = kind(entry.get_ref());
            self.add(at, format!("`{key}` has {found} in it: expected tables, `[[{key}]]`"));
            return None;
        };
        self.unknown(table);
        let code = self.field(table, at, "code")?;
        let code = ReasonCode::FOR_MODELS.into_iter().find(|known| known.label() == code).or_else(
            || {
                let known: Vec<&str> =
                    ReasonCode::FOR_MODELS.iter().map(|code| code.label()).collect();
                self.add(
                    at,
                    format!("the code `{code}` is none: expected one of {}", known.join(", ")),
                );
                None
            },
        )?;
        let reason = self.field(table, at, "reason")?;
        let phrases = match table.get("phrases") {
            Some(phrases) => {
                let at = phrases.span().start;
                let list = self.list("phrases", phrases, 1, WORDS_MAX);
                if list.iter().any(|phrase| !phrase.contains(char::is_alphanumeric)) {
                    self.add(at, "`phrases` has one without a word: nobody says it".to_owned());
                }
                list
            }
            None => {
                self.add(at, "a rule has no `phrases`: expected what callers say".to_owned());
                return None;
            }
        };
        let skill = match table.get("skill") {
            Some(skill) => Some(self.text("skill", skill, WORDS_MAX)?),
            None => None,
        };
        Some(Rule {
            code,
            reason,
            phrases: lower(phrases),
            skill,
            urgent: self.flag(table)?,
            times: self.times(table)?,
        })
    }

    fn unknown(&mut self, table: &DeTable<'_>) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name) {
                let known = KEYS.join(", ");
                self.add(
                    key.span().start,
                    format!("unknown key `{name}` in a rule: expected one of {known}"),
                );
            }
        }
    }

    fn field(&mut self, table: &DeTable<'_>, at: usize, name: &str) -> Option<String> {
        let Some(value) = table.get(name) else {
            self.add(at, format!("a rule has no `{name}`: expected text in quotes"));
            return None;
        };
        self.text(name, value, WORDS_MAX)
    }

    fn flag(&mut self, table: &DeTable<'_>) -> Option<bool> {
        let Some(value) = table.get("urgent") else { return Some(false) };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let found = kind(value.get_ref());
            self.add(value.span().start, format!("`urgent` holds {found}: expected true or false"));
        }
        flag
    }

    fn times(&mut self, table: &DeTable<'_>) -> Option<usize> {
        let Some(value) = table.get("times") else { return Some(1) };
        let number = value.get_ref().as_integer();
        let times = number.and_then(|number| number.as_str().parse().ok());
        let times = times.filter(|times| (1..=TIMES_MAX).contains(times));
        if times.is_none() {
            self.add(value.span().start, format!("`times` is not a number from 1 to {TIMES_MAX}"));
        }
        times
    }
}
