//! What is wrong with a configuration: one line for each variable, all of them at once.
//!
//! A line says what was expected. It never repeats a secret: values are shown by
//! [`found`] alone, and only sections whose variable holds none call it.

use std::fmt;

/// Characters of a wrong value that are shown: enough to recognise it in a file.
const SHOWN: usize = 80;

/// One variable that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the line of the `.env` file.
    pub variable: String,
    /// What was expected of it.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.text)
    }
}

/// Everything that is wrong, in the order in which it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one.
    pub(super) fn add(&mut self, variable: impl Into<String>, text: impl Into<String>) {
        self.0.push(Problem { variable: variable.into(), text: text.into() });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value that holds no secret, as a problem shows it: quoted, on one line, cut.
pub(super) fn found(value: &str) -> String {
    let shown: String = value.chars().take(SHOWN).collect();
    let rest = if shown.len() < value.len() { "…" } else { "" };
    format!("found {shown:?}{rest}")
}
