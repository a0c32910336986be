//! The variables as pairs of text: those of the process, then those of the `.env` file.
//!
//! This is the only place that looks at either. Whatever cannot be read is a problem that names
//! its variable or its line and shows neither: a broken line is often a secret with a space in it.

use std::{
    cell::Cell,
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Read},
};

use super::{
    problems::Problems,
    variables::{is_known, is_ours},
};

/// The file, in the working directory.
const FILE: &str = ".env";

/// Reads both.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn read() -> Result<BTreeMap<String, String>, Problems> {
    let file = match fs::read_to_string(FILE) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let mut problems = Problems::default();
            problems.add(FILE, format!("cannot be read: {error}"));
            return Err(problems);
        }
    };
    merge(std::env::vars_os(), file.as_deref())
}

/// Puts both together; the process wins, also with an empty value.
pub(super) fn merge(
    process: impl IntoIterator<Item = (OsString, OsString)>,
    file: Option<&str>,
) -> Result<BTreeMap<String, String>, Problems> {
    let mut problems = Problems::default();
    let mut pairs = file.map(|text| lines(text, &mut problems)).unwrap_or_default();
    for (name, value) in process {
        // A name that is no text is none of ours.
        let Ok(name) = name.into_string() else { continue };
        if !is_ours(&name) {
            continue;
        }
        match value.into_string() {
            Ok(value) => drop(pairs.insert(name, value)),
            Err(_) => problems.add(name, "expected UTF-8"),
        }
    }
    if problems.0.is_empty() { Ok(pairs) } else { Err(problems) }
}

fn lines(text: &str, problems: &mut Problems) -> BTreeMap<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = BTreeMap::new();
    let begun = Cell::new(0);
    for line in
        dotenvy::from_read_iter(Lines { rest: text.as_bytes(), begun: &begun, begins: true })
    {
        match line {
            Ok((name, value)) => {
                // Which of two lines counts differs from reader to reader: a shell takes the last.
                if pairs.insert(name.clone(), value).is_some() && is_known(&name) {
                    problems.add(name, format!("stands in {FILE} twice"));
                }
            }
            Err(dotenvy::Error::LineParse(line, _)) => {
                // An open quote reaches over many lines; the first of them is the broken one.
                let number = (begun.get() + 1).saturating_sub(line.lines().count().max(1));
                problems.add(
                    format!("{FILE} line {number}"),
                    "expected NAME=value; a value with spaces stands in 'single quotes'",
                );
            }
            Err(error) => {
                problems.add(FILE, format!("cannot be read: {error}"));
                break;
            }
        }
    }
    pairs
}

/// The file, handed out line by line, so that the number of the line being read is known.
struct Lines<'a> {
    rest: &'a [u8],
    /// How many lines have been handed out, the last perhaps in part.
    begun: &'a Cell<usize>,
    /// Whether the next byte is the first of a line.
    begins: bool,
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut line = self.rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let read = line.read(out)?;
        if read > 0 {
            self.begun.set(self.begun.get() + usize::from(self.begins));
            self.begins = line.is_empty();
        }
        self.rest = self.rest.get(read..).unwrap_or_default();
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
