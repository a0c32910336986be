//! One run of the set-up: how a thing of any kind is found, made, changed or left as it is.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{
    Action, Change, Kept, Resource, SetupError,
    resource::{same, text, value},
    row::Rows,
};
use crate::twilio::rest::{Place, Rest, RestError};

/// How long one operation may take, with all its attempts.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// How often a creation is tried whose answer did not come and that cannot be found afterwards.
const CREATIONS: u32 = 4;

/// Until what was made shows in lists.
const SHOWS: Duration = Duration::from_secs(1);

/// Stands for the SID of what a plan would make.
const NEW: &str = "(new)";

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plan,
    Apply,
}

/// How a thing shall be.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) resource: Resource,
    /// Empty for what has none.
    pub(super) workspace: String,
    pub(super) name: String,
    /// Its fields and their values, besides the name.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Those of them that only creating takes.
    pub(super) fixed: &'static [&'static str],
}

/// A thing that is there, or that a plan would make.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) sid: String,
}

impl Settled {
    /// Whether a plan would make it: nothing can be in it yet.
    pub(super) fn is_new(&self) -> bool {
        self.sid == NEW
    }
}

/// A run.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) rest: &'a Rest,
    pub(super) mode: Mode,
    pub(super) kept: Kept,
    pub(super) rows: Rows,
}

impl<'a> Run<'a> {
    pub(super) fn new(rest: &'a Rest, mode: Mode, kept: Kept) -> Self {
        Self { rest, mode, kept, rows: Rows::default() }
    }

    /// Lets a thing be as it shall be, found by its name.
    pub(super) async fn settle(&mut self, wanted: Wanted) -> Result<Settled, SetupError> {
        match find(self.rest, wanted.resource, &wanted.workspace, &wanted.name).await? {
            Some(thing) => self.change(&wanted, &thing).await,
            None => self.create(wanted).await,
        }
    }

    /// Takes a thing that is there as it is; if it was going to be made, it is ours.
    pub(super) fn found(
        &mut self,
        resource: Resource,
        workspace: &str,
        name: &str,
        sid: &str,
    ) -> Result<Settled, SetupError> {
        if self.mode == Mode::Apply {
            self.kept.found(resource, workspace, name, sid)?;
        }
        Ok(Settled { sid: sid.to_owned() })
    }

    /// Lets a thing that is there be as it shall be.
    pub(super) async fn change(
        &mut self,
        wanted: &Wanted,
        thing: &Value,
    ) -> Result<Settled, SetupError> {
        let Wanted { resource, workspace, name, fields, fixed } = wanted;
        let sid = text(&value(thing, "Sid"));
        let changes: Vec<Change> = fields
            .iter()
            .map(|(field, is)| Change {
                field: (*field).to_owned(),
                was: value(thing, field),
                is: Value::String(is.clone()),
            })
            .filter(|change| !same(&change.field, &change.was, &change.is))
            .collect();
        let is_fixed = |change: &&Change| fixed.contains(&change.field.as_str());
        if let Some(change) = changes.iter().find(is_fixed) {
            let field = fixed.iter().find(|field| **field == change.field).copied();
            return Err(SetupError::Fixed {
                what: format!("{} {name}", resource.name()),
                field: field.unwrap_or_default(),
                is: text(&change.was),
            });
        }
        let settled = self.found(*resource, workspace, name, &sid)?;
        if self.mode == Mode::Apply && !changes.is_empty() {
            self.kept.change(*resource, workspace, name, &sid, &changes)?;
            let form: Vec<_> =
                changes.iter().map(|change| (change.field.clone(), text(&change.is))).collect();
            let place = resource.place(workspace).item(&sid);
            let done = self.rest.update(&place, &form, WITHIN).await;
            done.map_err(|why| failed("change", *resource, name, why))?;
        }
        let action = if changes.is_empty() { Action::Kept } else { Action::Updated };
        self.rows.add(*resource, name, &sid, action).changes = changes;
        Ok(settled)
    }

    /// Makes a thing that is not there.
    pub(super) async fn create(&mut self, wanted: Wanted) -> Result<Settled, SetupError> {
        let Wanted { resource, workspace, name, fields, .. } = wanted;
        let mut sid = NEW.to_owned();
        if self.mode == Mode::Apply {
            self.kept.intend(resource, &workspace, &name)?;
            let mut form = vec![("FriendlyName".to_owned(), name.clone())];
            form.extend(fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
            let place = resource.place(&workspace);
            let made = self.create_once(resource, &workspace, &name, &place, &form).await?;
            sid = text(&value(&made, "Sid"));
            self.kept.found(resource, &workspace, &name, &sid)?;
        }
        let shown = if sid == NEW { "" } else { &sid };
        self.rows.add(resource, &name, shown, Action::Created);
        Ok(Settled { sid })
    }

    /// Creates until it is known to be there, and never while it may be.
    async fn create_once(
        &self,
        resource: Resource,
        workspace: &str,
        name: &str,
        place: &Place,
        form: &[(String, String)],
    ) -> Result<Value, SetupError> {
        let mut tries = 0;
        loop {
            let why = match self.rest.create(place, form, WITHIN).await {
                Ok(made) => return Ok(made),
                Err(why) => why,
            };
            tries += 1;
            if !why.maybe_done() || tries == CREATIONS {
                return Err(failed("make", resource, name, why));
            }
            sleep(SHOWS).await;
            if let Some(made) = find(self.rest, resource, workspace, name).await? {
                return Ok(made);
            }
        }
    }
}

/// The one thing of that name.
pub(super) async fn find(
    rest: &Rest,
    resource: Resource,
    workspace: &str,
    name: &str,
) -> Result<Option<Value>, SetupError> {
    if workspace == NEW {
        return Ok(None);
    }
    let mut place = resource.place(workspace);
    if resource.filters() {
        place = place.with("FriendlyName", name);
    }
    let mut found = list(rest, resource, &place).await?;
    found.retain(|thing| value(thing, "FriendlyName") == name);
    match found.len() {
        0 | 1 => Ok(found.pop()),
        count => {
            let what = format!("{} {name}", resource.name());
            Err(SetupError::Ambiguous { what, count })
        }
    }
}

/// All things of a list.
pub(super) async fn list(
    rest: &Rest,
    resource: Resource,
    place: &Place,
) -> Result<Vec<Value>, SetupError> {
    let listed = rest.list(place, resource.key(), WITHIN).await;
    listed
        .map_err(|why| SetupError::Twilio { what: format!("cannot read {}", resource.key()), why })
}

pub(super) fn failed(verb: &str, resource: Resource, name: &str, why: RestError) -> SetupError {
    SetupError::Twilio { what: format!("cannot {verb} the {} {name}", resource.name()), why }
}
