//! Which model answers: the offline one, or a provider's.

use std::{rc::Rc, sync::Arc, time::Duration};

use switchhook_actors::{domain::persona::Persona, llm_gateway::model::Model};

use super::StartError;
use crate::{
    config::Config,
    models::{
        offline::{Offline, Pace},
        openai::{Endpoint, OpenAi, OpenAiError, OpenAiSettings},
    },
};

/// Which model answers, chosen once and made anew on every thread: HTTP clients cannot move.
#[derive(Clone)]
pub(super) enum ModelChoice {
    Offline(Arc<Persona>),
    OpenAi(Endpoint),
}

impl ModelChoice {
    pub(super) fn new(
        config: &Config,
        persona: &Arc<Persona>,
        answers: usize,
    ) -> Result<Self, StartError> {
        let model = &config.model;
        if model.offline {
            return Ok(Self::Offline(Arc::clone(persona)));
        }
        let settings = OpenAiSettings {
            base_url: model.base_url.parse().map_err(|_| OpenAiError::BaseUrl)?,
            api_key: model.api_key.clone(),
            model: model.name.clone(),
            temperature: model.temperature,
            max_tokens: model.max_tokens,
            tools: model.tools,
            // All permits may be on one thread: none of them shall wait for a connection.
            pool: answers,
            // The conversation has its own deadlines and aborts the request; this is the net below.
            first_byte: Duration::from_millis(model.turn_ms.max(model.first_token_ms)),
        };
        Ok(Self::OpenAi(Endpoint::new(settings)?))
    }

    pub(super) fn make(&self) -> Rc<dyn Model> {
        match self {
            Self::Offline(persona) => Rc::new(Offline::new(Arc::clone(persona), Pace::default())),
            Self::OpenAi(endpoint) => Rc::new(OpenAi::new(endpoint.clone())),
        }
    }
}
