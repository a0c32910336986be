//! Which desk takes calls: a workflow of TaskRouter's, else a telephone, else nobody.

use std::{rc::Rc, sync::Arc};

use actix::{Actor as _, ArbiterHandle};
use switchhook_actors::{
    escalation_manager::{EscalationManager, Outlook, desk::Desk},
    keeper::Keeper,
    registry::Registry,
};

use super::StartError;
use crate::{
    clock,
    config::Config,
    desks::{Message, Phone, TaskRouter},
    links::Links,
    twilio::rest::{Rest, RestSettings},
};

/// Chosen once and made on the manager's thread: HTTP clients cannot move.
#[derive(Clone)]
pub(super) enum DeskChoice {
    TaskRouter {
        workflow: String,
        /// With a workspace: then call-backs are booked, and waits are known.
        rest: Option<(RestSettings, String)>,
        links: Arc<Links>,
        language: String,
    },
    Phone(String),
    Message,
}

impl DeskChoice {
    pub(super) fn new(
        config: &Config,
        links: &Arc<Links>,
        language: &str,
    ) -> Result<Self, StartError> {
        let twilio = &config.twilio;
        if let Some(workflow) = twilio.workflow_sid.clone() {
            let rest = RestSettings::of(twilio).zip(twilio.workspace_sid.clone());
            if let Some((settings, _)) = &rest {
                // What cannot work is found at the start, not at the first call.
                Rest::new(settings.clone()).map_err(StartError::Rest)?;
            }
            let links = Arc::clone(links);
            return Ok(Self::TaskRouter { workflow, rest, links, language: language.to_owned() });
        }
        Ok(twilio.escalation_number.clone().map_or(Self::Message, Self::Phone))
    }

    pub(super) fn has_people(&self) -> bool {
        !matches!(self, Self::Message)
    }

    pub(super) fn books_call_backs(&self) -> bool {
        matches!(self, Self::TaskRouter { rest: Some(_), .. })
    }

    fn make(&self) -> Rc<dyn Desk> {
        match self {
            Self::TaskRouter { workflow, rest, links, language } => {
                // Its settings were checked at the start: without it callers are handed over all the same.
                let rest = rest
                    .clone()
                    .and_then(|(settings, workspace)| Some((Rest::new(settings).ok()?, workspace)));
                let (workflow, language) = (workflow.clone(), language.clone());
                Rc::new(TaskRouter::new(workflow, rest, Arc::clone(links), language))
            }
            Self::Phone(number) => Rc::new(Phone { number: number.clone() }),
            Self::Message => Rc::new(Message),
        }
    }

    /// The manager of this desk, on that arbiter.
    pub(super) fn manager(
        &self,
        shared: &ArbiterHandle,
        registry: &Arc<Keeper<Registry>>,
        outlook: &Arc<Outlook>,
    ) -> Arc<Keeper<EscalationManager>> {
        let (choice, shared) = (self.clone(), shared.clone());
        let (registry, outlook) = (Arc::clone(registry), Arc::clone(outlook));
        Arc::new(Keeper::new("escalations", move || {
            let (choice, registry, outlook) =
                (choice.clone(), Arc::clone(&registry), Arc::clone(&outlook));
            EscalationManager::start_in_arbiter(&shared, move |_| {
                EscalationManager::new(registry, choice.make(), Rc::new(clock::now), outlook)
            })
        }))
    }
}

/// Who takes calls, in words: at the start, and for `check`.
#[must_use]
pub fn desk(config: &Config) -> String {
    let twilio = &config.twilio;
    match (&twilio.workflow_sid, &twilio.escalation_number) {
        (Some(workflow), _) => {
            let asks = RestSettings::of(twilio).is_some() && twilio.workspace_sid.is_some();
            let more = if asks {
                "books call-backs, knows waits"
            } else {
                "without call-backs and waits: set TWILIO_ACCOUNT_SID, TWILIO_WORKSPACE_SID and credentials"
            };
            format!("TaskRouter workflow {workflow}, {more}")
        }
        (None, Some(number)) => format!("the telephone {number}"),
        (None, None) => {
            "nobody: the agent takes a message (set TWILIO_WORKFLOW_SID or ESCALATION_NUMBER)"
                .to_owned()
        }
    }
}
