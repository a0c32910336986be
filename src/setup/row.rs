//! The table of what was done: one row a thing.

use std::fmt;

use serde_json::Value;
use url::Url;

use super::resource::{Resource, text};

/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// What was done to a thing, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is as it shall be.
    Kept,
    /// It was not there.
    Created,
    /// It was there and was otherwise.
    Updated,
    /// It was ours and is gone.
    Deleted,
    /// It has its old values again.
    Restored,
    /// Somebody has changed it since, or Twilio does not let it go: it stays.
    Left,
    /// It cannot be set up yet; the row says why.
    Waits,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::Left => "left",
            Self::Waits => "waits",
        }
    }
}

/// A field that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its name in the form.
    pub field: String,
    /// What it was.
    pub was: Value,
    /// What it is.
    pub is: Value,
}

/// One thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// Its SID; empty while it has none.
    pub sid: String,
    /// What was done.
    pub action: Action,
    /// What is no longer as it was.
    pub changes: Vec<Change>,
    /// What a person should know.
    pub note: Option<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, resource) = (self.action.name(), self.resource.name());
        write!(f, "{action:<9} {resource:<12} {:<34} {}", self.name, self.sid)?;
        for Change { field, was, is } in &self.changes {
            write!(f, "\n{:22} {field}: {} → {}", "", shown(was), shown(is))?;
        }
        match &self.note {
            Some(note) => write!(f, "\n{:22} {note}", ""),
            None => Ok(()),
        }
    }
}

/// A value on one line, without the password that an address may hold.
fn shown(value: &Value) -> String {
    let mut whole = text(value);
    if let Ok(mut url) = Url::parse(&whole)
        && url.password().is_some()
        && url.set_password(Some("…")).is_ok()
    {
        whole = url.to_string();
    }
    let line: Vec<&str> = whole.split_whitespace().collect();
    let line = line.join(" ");
    let cut: String = line.chars().take(SHOWN).collect();
    match (line.is_empty(), cut.len() < line.len()) {
        (true, _) => "(nothing)".to_owned(),
        (_, true) => format!("{cut}…"),
        _ => cut,
    }
}

/// Rows as they come.
#[derive(Debug, Default)]
pub(super) struct Rows(pub(super) Vec<Row>);

impl Rows {
    pub(super) fn add(
        &mut self,
        resource: Resource,
        name: &str,
        sid: &str,
        action: Action,
    ) -> &mut Row {
        let row = Row {
            resource,
            name: name.to_owned(),
            sid: sid.to_owned(),
            action,
            changes: Vec::new(),
            note: None,
        };
        self.0.push(row);
        let last = self.0.len() - 1;
        // It was just pushed.
        #[expect(clippy::indexing_slicing, reason = "the last one is there")]
        &mut self.0[last]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_says_what_was_and_what_is_and_shows_no_password() {
        let mut rows = Rows::default();
        let row = rows.add(Resource::Number, "+15550100001", "PN1", Action::Updated);
        row.changes.push(Change {
            field: "VoiceUrl".to_owned(),
            was: json!("https://user:secret@old.test/x"),
            is: json!("https://new.test/voice/incoming"),
        });
        let text = row.to_string();
        assert!(text.starts_with("updated   number       +15550100001"), "{text}");
        assert!(text.contains("→ https://new.test/voice/incoming"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
