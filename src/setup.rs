//! Sets a Twilio account up for the engine, and undoes it: workspace, activities, queues, workflow,
//! event callback, TwiML application, number webhooks and the size of the call queue.
//!
//! `switchhook twilio` runs it. Everything is found by its name before it is made, so that it can be
//! run again, and every old value and every intention is on disk before Twilio is asked to change
//! anything, so that it can be killed between any two steps.

mod destroy;
mod error;
mod kept;
mod resource;
mod row;
mod run;
mod settings;
mod taskrouter;
mod voice;
mod workspace;

use std::path::Path;

pub use self::{
    error::SetupError,
    resource::Resource,
    row::{Action, Change, Row},
    settings::Settings,
};
use self::{
    kept::Kept,
    row::Rows,
    run::{Mode, Run},
};
use crate::twilio::rest::Rest;

/// What was done, or would be.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order in which it was done.
    pub rows: Vec<Row>,
    /// Variables for the engine, once they are known.
    pub environment: Vec<(&'static str, String)>,
    /// Why it ended before everything was done.
    pub error: Option<SetupError>,
}

impl Report {
    /// Whether everything is as it was wanted before.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.error.is_none() && self.rows.iter().all(|row| row.action == Action::Kept)
    }
}

/// Tells what [`apply`] would do; also whether what it did is still so. Only reads.
pub async fn plan(rest: &Rest, settings: &Settings, file: &Path) -> Report {
    run(rest, settings, file, Mode::Plan).await
}

/// Makes and changes what is not as it shall be. `file` holds what is needed to undo it.
pub async fn apply(rest: &Rest, settings: &Settings, file: &Path) -> Report {
    run(rest, settings, file, Mode::Apply).await
}

/// Deletes what was made and restores what was changed, as far as nobody has changed it since.
pub async fn destroy(rest: &Rest, file: &Path) -> Report {
    let mut rows = Rows::default();
    let error = destroy::destroy(rest, file, &mut rows).await.err();
    Report { rows: rows.0, environment: Vec::new(), error }
}

async fn run(rest: &Rest, settings: &Settings, file: &Path, mode: Mode) -> Report {
    let kept = match Kept::load(file, rest.account()) {
        Ok(kept) => kept,
        Err(error) => return Report { error: Some(error), ..Report::default() },
    };
    let mut run = Run::new(rest, mode, kept);
    let result = steps(&mut run, settings).await;
    let (environment, error) = match result {
        Ok(environment) => (environment, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    Report { rows: run.rows.0, environment, error }
}

async fn steps(
    run: &mut Run<'_>,
    settings: &Settings,
) -> Result<Vec<(&'static str, String)>, SetupError> {
    // A number that the account does not have is said before anything is made.
    let numbers = voice::numbers(run, settings).await?;
    let workspace = workspace::find(run, settings).await?;
    let missed = taskrouter::activities(run, &workspace).await?;
    let queues = taskrouter::queues(run, &workspace).await?;
    let workflow = taskrouter::workflow(run, settings, &workspace, &queues).await?;
    workspace::events(run, settings, &workspace, missed).await?;
    voice::queue(run, settings, &workflow).await?;
    voice::application(run, settings).await?;
    // Last: from here on callers come.
    voice::webhooks(run, settings, numbers).await?;
    Ok(vec![("TWILIO_WORKSPACE_SID", workspace.sid), ("TWILIO_WORKFLOW_SID", workflow.sid)])
}
