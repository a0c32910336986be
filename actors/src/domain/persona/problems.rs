//! What is wrong with a persona file, told to the people who wrote it.

use std::fmt;

/// Everything that is wrong with a persona file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonaProblems(pub Vec<Problem>);

/// One thing that is wrong with a persona file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: usize,
    /// What was found and what was expected.
    pub text: String,
}

impl PersonaProblems {
    pub(super) fn add(&mut self, line: usize, text: impl Into<String>) {
        self.0.push(Problem { line, text: text.into() });
    }

    pub(super) fn in_order(mut self) -> Self {
        self.0.sort_by_key(|problem| problem.line);
        self
    }
}

impl fmt::Display for PersonaProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PersonaProblems {}
