//! A persona file cut in two: the header between its `+++` lines, and the body below.

use super::{FILE_MAX, PersonaProblems};

/// The line above and below the header.
const FENCE: &str = "+++";

/// The two halves of a file, and where they stand in it.
pub(super) struct Parts<'a> {
    /// The TOML between the fences.
    pub(super) header: &'a str,
    /// The line of its first line.
    pub(super) header_line: usize,
    /// The Markdown below.
    pub(super) body: &'a str,
    /// The line of its first line.
    pub(super) body_line: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn split(file: &'a str, problems: &mut PersonaProblems) -> Option<Self> {
        if file.len() > FILE_MAX {
            let found = file.len();
            problems.add(1, format!("the file has {found} bytes: expected at most {FILE_MAX}"));
            return None;
        }
        // Some editors of other systems begin a file with a byte order mark.
        let file = file.strip_prefix('\u{feff}').unwrap_or(file);
        let (first, rest) = file.split_once('\n').unwrap_or((file, ""));
        if first.trim_end() != FENCE {
            problems.add(1, "the file does not begin with a header: expected the line `+++`");
            return None;
        }
        let mut at = 0;
        for (index, line) in rest.split_inclusive('\n').enumerate() {
            let (header, from) = rest.split_at_checked(at)?;
            at += line.len();
            if line.trim_end() == FENCE {
                let body = from.get(line.len()..)?;
                return Some(Self { header, header_line: 2, body, body_line: index + 3 });
            }
        }
        problems.add(1, "the header that begins here has no end: expected a second line `+++`");
        None
    }
}
