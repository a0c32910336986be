//! Why a person is wanted: a code for reports, words for the agent, and where the call should go.
//!
//! They come from a model, a rule, an outage or a supervisor, and are made fit here, once: bounded,
//! on one line, without markup. Nothing of a model's output reaches a task otherwise.

use serde::{Deserialize, Serialize};

use super::marker::{REASON_MAX, REASON_UNSPECIFIED};
use crate::domain::{legible::label, speech::Speech};

/// Bound on a summary, characters: two to four sentences.
pub const SUMMARY_MAX: usize = 1_000;

/// Of what a model writes only so much is looked at, characters: markup takes the room over
/// [`SUMMARY_MAX`].
const RAW_MAX: usize = 4 * SUMMARY_MAX;

/// Bound on a skill, characters: the name of one in a routing expression.
const SKILL_MAX: usize = 40;

/// Why, as a code that reports are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The caller asked for a person in so many words.
    CallerAsked,
    /// The agent does not know or cannot do what is asked.
    NoAnswer,
    /// The caller complains.
    Complaint,
    /// Charges or messages that the caller did not make.
    Fraud,
    /// A card that is lost or stolen.
    LostCard,
    /// Agent and caller misunderstood each other again and again.
    Misunderstanding,
    /// What the caller needs is for people by the company's rules.
    Policy,
    /// The model, or the way to it, kept failing.
    EngineFailed,
    /// A supervisor ordered it.
    Supervisor,
    /// Another application ended the session and asked for a person.
    Foreign,
    /// Anything else, and what a newer engine knows.
    #[serde(other)]
    Other,
}

impl ReasonCode {
    /// All that a model may give, in the order of their explanation.
    pub const FOR_MODELS: [Self; 8] = [
        Self::CallerAsked,
        Self::NoAnswer,
        Self::Complaint,
        Self::Fraud,
        Self::LostCard,
        Self::Misunderstanding,
        Self::Policy,
        Self::Other,
    ];

    /// The code as text: `caller_asked`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CallerAsked => "caller_asked",
            Self::NoAnswer => "no_answer",
            Self::Complaint => "complaint",
            Self::Fraud => "fraud",
            Self::LostCard => "lost_card",
            Self::Misunderstanding => "misunderstanding",
            Self::Policy => "policy",
            Self::EngineFailed => "engine_failed",
            Self::Supervisor => "supervisor",
            Self::Foreign => "foreign",
            Self::Other => "other",
        }
    }

    /// The code of that text; what is not known is [`Self::Other`].
    #[must_use]
    pub fn of(text: &str) -> Self {
        let known = [Self::EngineFailed, Self::Supervisor, Self::Foreign];
        let mut all = Self::FOR_MODELS.into_iter().chain(known);
        all.find(|code| code.label().eq_ignore_ascii_case(text.trim())).unwrap_or(Self::Other)
    }
}

/// Why a person is wanted, and who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// For reports and routing.
    pub code: ReasonCode,
    /// For the agent: one line, at most [`REASON_MAX`] characters, never empty.
    pub reason: String,
    /// What was said so far, at most [`SUMMARY_MAX`] characters, when somebody has written it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What the person should know about: lower case, letters, digits and `_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// Goes before all who wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
}

impl Grounds {
    /// Grounds of that kind, in those words.
    #[must_use]
    pub fn new(code: ReasonCode, reason: &str) -> Self {
        let reason = fit(reason, REASON_MAX);
        let reason = if reason.is_empty() { REASON_UNSPECIFIED.to_owned() } else { reason };
        Self { code, reason, summary: None, skill: None, urgent: false }
    }

    /// Reads the arguments of the tool `escalate_to_human`. Only `reason` has to be there; a field
    /// that is not what it should be is left out rather than the caller left alone.
    ///
    /// # Errors
    /// When they are not an object with a `reason` of words.
    pub fn from_arguments(arguments: &str) -> Result<Self, BadArguments> {
        let given: Arguments = serde_json::from_str(arguments).map_err(|_| BadArguments)?;
        let reason = given.reason.filter(|reason| !fit(reason, REASON_MAX).is_empty());
        let code = given.reason_code.as_deref().map_or(ReasonCode::Other, ReasonCode::of);
        // What only the engine can know, a model cannot claim.
        let code = if ReasonCode::FOR_MODELS.contains(&code) { code } else { ReasonCode::Other };
        let mut grounds = Self::new(code, &reason.ok_or(BadArguments)?);
        grounds.summary =
            given.summary.map(|text| fit(&text, SUMMARY_MAX)).filter(|text| !text.is_empty());
        grounds.skill = given.skill.as_deref().and_then(skill);
        grounds.urgent = given.urgent.is_some_and(|flag| flag.is_set());
        Ok(grounds)
    }

    /// With a skill, as a rule or a supervisor names it.
    #[must_use]
    pub fn skilled(mut self, name: Option<&str>) -> Self {
        self.skill = name.and_then(skill);
        self
    }
}

/// The arguments of a tool call are not what the tool takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arguments are not an object with a reason in words")]
pub struct BadArguments;

#[derive(Deserialize)]
struct Arguments {
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    reason_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    skill: Option<String>,
    #[serde(default)]
    urgent: Option<Flag>,
}

/// Models write `true`, `"true"` and `null`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Other(serde_json::Value),
}

impl Flag {
    fn is_set(&self) -> bool {
        match self {
            Self::Bool(set) => *set,
            Self::Other(value) => {
                value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
            }
        }
    }
}

/// A text; anything else counts as not given.
fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(value.as_str().map(str::to_owned))
}

/// One legible line without markup, at most so many characters.
pub(super) fn fit(text: &str, most: usize) -> String {
    // No language: what is spelt out for a voice is better read as it was written.
    let clean = Speech::clean("und", &label(text, RAW_MAX));
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    clean.chars().take(most).collect::<String>().trim_end().to_owned()
}

/// A name that an expression of TaskRouter's can hold: a hyphen there is a minus.
fn skill(text: &str) -> Option<String> {
    let words = text.trim().to_lowercase();
    let name: String = words
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(SKILL_MAX)
        .collect();
    let name = name.trim_matches('_').to_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_arguments_become_grounds_that_fit() {
        let grounds = Grounds::from_arguments(
            r#"{"reason":"  **Card** was\nstolen ","reason_code":"LOST_CARD","summary":"Two charges.",
               "skill":"Card-Security","urgent":"true","new":1}"#,
        );
        let expected = Grounds {
            code: ReasonCode::LostCard,
            reason: "Card was stolen".to_owned(),
            summary: Some("Two charges.".to_owned()),
            skill: Some("card_security".to_owned()),
            urgent: true,
        };
        assert_eq!(grounds, Ok(expected));
    }

    #[test]
    fn what_is_odd_in_them_is_left_out_and_what_is_missing_is_refused() {
        let odd = r#"{"reason":"x","reason_code":7,"summary":"","skill":"--","urgent":3}"#;
        assert_eq!(Grounds::from_arguments(odd), Ok(Grounds::new(ReasonCode::Other, "x")));
        let claimed = r#"{"reason":"x","reason_code":"supervisor"}"#;
        assert_eq!(Grounds::from_arguments(claimed).map(|g| g.code), Ok(ReasonCode::Other));
        for wrong in ["", "{", "[]", "null", "{}", r#"{"reason":""}"#, r#"{"reason":7}"#] {
            assert_eq!(Grounds::from_arguments(wrong), Err(BadArguments), "{wrong}");
        }
    }

    #[test]
    fn words_are_cut_between_characters() {
        let grounds = Grounds::new(ReasonCode::Other, &"漢".repeat(300));
        assert_eq!(grounds.reason.chars().count(), REASON_MAX);
        assert_eq!(Grounds::new(ReasonCode::Other, " \n").reason, REASON_UNSPECIFIED);
    }

    #[test]
    fn every_code_is_read_back() {
        for code in ReasonCode::FOR_MODELS {
            assert_eq!(ReasonCode::of(code.label()), code);
            assert_eq!(serde_json::to_value(code).unwrap(), code.label());
        }
        assert_eq!(ReasonCode::of("teleported"), ReasonCode::Other);
    }
}
