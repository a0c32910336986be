//! Undoes the set-up, the last step first: deletes what was made, restores what was changed.
//!
//! What somebody has changed since is theirs, and stays.

use std::path::Path;

use super::{
    Action, Change, Kept, Resource, SetupError,
    kept::Entry,
    resource::{same, text, value},
    row::Rows,
    run::{WITHIN, failed, find},
};
use crate::twilio::rest::{Rest, RestError};

/// Undoes all that `file` tells of. What Twilio refuses to delete stays in the file.
pub(super) async fn destroy(rest: &Rest, file: &Path, rows: &mut Rows) -> Result<(), SetupError> {
    let mut kept = Kept::load(file, rest.account())?;
    for at in (0..kept.entries.len()).rev() {
        let Some(entry) = kept.entries.get(at).cloned() else { continue };
        let goes_with_it = |other: &Entry| {
            other.made && other.resource == Resource::Workspace && other.sid == entry.workspace
        };
        let undone = if !entry.workspace.is_empty() && kept.entries.iter().any(goes_with_it) {
            // Its workspace is deleted, with all that is in it; parts of it may be in use.
            let row = rows.add(entry.resource, &entry.name, &entry.sid, Action::Deleted);
            row.note = Some("with its workspace".to_owned());
            true
        } else if entry.made {
            delete(rest, &entry, rows).await?
        } else {
            restore(rest, &entry, rows).await?
        };
        if undone {
            kept.pop(at)?;
        }
    }
    Ok(())
}

/// Whether it is gone.
async fn delete(rest: &Rest, entry: &Entry, rows: &mut Rows) -> Result<bool, SetupError> {
    let Entry { resource, workspace, name, .. } = entry;
    let mut sid = entry.sid.clone();
    if sid.is_empty() {
        // It may have been made before anybody could write it down.
        let found = match find(rest, *resource, workspace, name).await {
            Err(SetupError::Twilio { why: RestError::Unknown(_), .. }) => None,
            found => found?,
        };
        sid = found.map(|thing| text(&value(&thing, "Sid"))).unwrap_or_default();
    }
    if sid.is_empty() {
        return Ok(true);
    }
    let done = rest.delete(&resource.place(workspace).item(&sid), WITHIN).await;
    match done {
        Ok(()) | Err(RestError::Unknown(_)) => {
            rows.add(*resource, name, &sid, Action::Deleted);
            Ok(true)
        }
        Err(RestError::Refused(said)) => {
            let row = rows.add(*resource, name, &sid, Action::Left);
            row.note = Some(format!("Twilio does not delete it ({said}): {}", said.words));
            Ok(false)
        }
        Err(why) => Err(failed("delete", *resource, name, why)),
    }
}

/// Whether nothing is left to do.
async fn restore(rest: &Rest, entry: &Entry, rows: &mut Rows) -> Result<bool, SetupError> {
    let Entry { resource, workspace, name, sid, .. } = entry;
    let place = resource.place(workspace).item(sid);
    let thing = match rest.read(&place, WITHIN).await {
        Ok(thing) => thing,
        Err(RestError::Unknown(_)) => return Ok(true),
        Err(why) => return Err(failed("read", *resource, name, why)),
    };
    let (mut changes, mut foreign) = (Vec::new(), Vec::new());
    for (field, before) in &entry.before {
        let was = value(&thing, field);
        let ours = entry.set.get(field).into_iter().flatten();
        if same(field, &was, before) {
            continue;
        }
        match ours.clone().any(|ours| same(field, ours, &was)) {
            true => changes.push(Change { field: field.clone(), was, is: before.clone() }),
            false => foreign.push(field.clone()),
        }
    }
    if !changes.is_empty() {
        let form: Vec<_> =
            changes.iter().map(|change| (change.field.clone(), text(&change.is))).collect();
        let done = rest.update(&place, &form, WITHIN).await;
        done.map_err(|why| failed("restore", *resource, name, why))?;
    }
    note(rows, (*resource, name, sid), changes, &foreign);
    Ok(true)
}

fn note(
    rows: &mut Rows,
    (resource, name, sid): (Resource, &str, &str),
    changes: Vec<Change>,
    foreign: &[String],
) {
    let action = match (changes.is_empty(), foreign.is_empty()) {
        (false, _) => Action::Restored,
        (true, true) => Action::Kept,
        (true, false) => Action::Left,
    };
    let row = rows.add(resource, name, sid, action);
    row.changes = changes;
    if !foreign.is_empty() {
        row.note = Some(format!("changed by somebody since, and left: {}", foreign.join(", ")));
    }
}
