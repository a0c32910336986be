//! The workspace: found, hardly ever made, and told where its events go.

use serde_json::Value;

use super::{
    Resource, Settings, SetupError,
    resource::{text, value},
    run::{Run, Settled, WITHIN, Wanted, failed, list},
    settings::product,
};

/// The one that Flex uses; an account has only one.
const FLEX: &str = "Flex Task Assignment";

/// What the engine wants to know.
const EVENTS: &str = "task.created,task.updated,task.canceled,task.completed,task.wrapup,\
    reservation.created,reservation.accepted,reservation.rejected,reservation.timeout,\
    reservation.canceled,reservation.rescinded,reservation.completed";

/// The workspace to use.
pub(super) async fn find(run: &mut Run<'_>, settings: &Settings) -> Result<Settled, SetupError> {
    const KIND: Resource = Resource::Workspace;
    let there = list(run.rest, KIND, &KIND.place("")).await?;
    let named = |name: &str| -> Vec<&Value> {
        there.iter().filter(|workspace| value(workspace, "FriendlyName") == name).collect()
    };
    let sid = settings.workspace_sid.as_deref();
    let (wanted, found) = match (sid, settings.workspace.as_deref()) {
        (Some(sid), _) => (sid, there.iter().filter(|thing| value(thing, "Sid") == sid).collect()),
        (None, Some(name)) => (name, named(name)),
        (None, None) if !named(FLEX).is_empty() => (FLEX, named(FLEX)),
        (None, None) => (FLEX, named(&product())),
    };
    match found.as_slice() {
        // Its row comes with its events.
        [workspace] => {
            let (name, sid) = (value(workspace, "FriendlyName"), value(workspace, "Sid"));
            run.found(KIND, "", &text(&name), &text(&sid))
        }
        [] if settings.create_workspace && sid.is_none() && named(FLEX).is_empty() => {
            let name = settings.workspace.clone().unwrap_or_else(product);
            run.create(wanted_as(name, vec![("Template", "NONE".to_owned())])).await
        }
        [] => Err(SetupError::NoWorkspace {
            wanted: wanted.to_owned(),
            there: there.iter().map(|thing| text(&value(thing, "FriendlyName"))).collect(),
        }),
        several => {
            let what = format!("workspace {wanted}");
            Err(SetupError::Ambiguous { what, count: several.len() })
        }
    }
}

/// Sends its events to the engine, and workers who missed a call to an activity of their own.
pub(super) async fn events(
    run: &mut Run<'_>,
    settings: &Settings,
    workspace: &Settled,
    missed: Settled,
) -> Result<(), SetupError> {
    if workspace.is_new() {
        return Ok(());
    }
    let place = Resource::Workspace.place("").item(&workspace.sid);
    let thing = run.rest.read(&place, WITHIN).await;
    let thing = thing.map_err(|why| failed("read", Resource::Workspace, &workspace.sid, why))?;
    let name = text(&value(&thing, "FriendlyName"));
    let fields = vec![
        ("EventCallbackUrl", settings.route("/taskrouter/events")),
        ("EventsFilter", EVENTS.to_owned()),
        ("TimeoutActivitySid", missed.sid),
    ];
    run.change(&wanted_as(name, fields), &thing).await.map(|_| ())
}

fn wanted_as(name: String, fields: Vec<(&'static str, String)>) -> Wanted {
    Wanted { resource: Resource::Workspace, workspace: String::new(), name, fields, fixed: &[] }
}
