//! What the engine needs from outside: the model's endpoint, and Twilio.

use std::time::Duration;

use awc::http::{StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::Finding;
use crate::{
    config::Config,
    twilio::rest::{Rest, RestSettings},
};

/// A person waits for the result.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lists of models are long at some providers.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Where Twilio's REST API is, unless configured otherwise.
const TWILIO_API: &str = "https://api.twilio.com";

pub(super) fn client() -> awc::Client {
    awc::Client::builder().timeout(PATIENCE).disable_redirects().finish()
}

/// Asks for the list of models: the cheapest question that needs the key.
pub(super) async fn model(config: &Config, client: &awc::Client) -> Finding {
    const WHAT: &str = "model";
    let model = &config.model;
    if model.offline {
        let text = "offline: answers from the persona's own knowledge";
        return Finding::note(WHAT, text, "set OPENAI_API_KEY or OPENAI_BASE_URL for a real one");
    }
    let url = format!("{}/models", model.base_url.trim_end_matches('/'));
    let mut request = client.get(&url);
    if let Some(key) = &model.api_key {
        let bearer = format!("Bearer {}", key.expose_secret());
        request = request.insert_header((header::AUTHORIZATION, bearer));
    }
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let text = format!("{} cannot be reached: {error}", model.base_url);
            return Finding::bad(WHAT, text, "start the server, or mend OPENAI_BASE_URL");
        }
    };
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let text = format!("{} refuses the key ({status})", model.base_url);
            Finding::bad(WHAT, text, "mend OPENAI_API_KEY")
        }
        StatusCode::OK => {
            let listed: Value = response.json().limit(BODY_MAX).await.unwrap_or_default();
            offered(&model.base_url, &model.name, &listed)
        }
        _ => Finding::note(
            WHAT,
            format!("{} is reached, and does not list its models ({status})", model.base_url),
            "make a call to be sure: switchhook call --say hello",
        ),
    }
}

fn offered(base_url: &str, name: &str, listed: &Value) -> Finding {
    let named = |model: &Value| model.get("id").is_some_and(|id| id == name);
    let models = listed.get("data").and_then(Value::as_array);
    if models.is_some_and(|models| models.iter().any(named)) {
        return Finding::good("model", format!("{name} at {base_url}"));
    }
    let text = format!("{base_url} is reached, and does not list {name}");
    Finding::note("model", text, "check OPENAI_MODEL")
}

/// Whether TaskRouter knows the workflow that takes calls, where it can be asked.
pub(super) async fn workflow(config: &Config) -> Option<Finding> {
    const WHAT: &str = "workflow";
    let twilio = &config.twilio;
    let (workflow, workspace) = (twilio.workflow_sid.as_ref()?, twilio.workspace_sid.as_ref()?);
    let rest = match Rest::new(RestSettings::of(twilio)?) {
        Ok(rest) => rest,
        Err(error) => {
            return Some(Finding::bad(WHAT, error.to_string(), "mend the TWILIO_ variables"));
        }
    };
    Some(match rest.workflow(workspace, workflow, PATIENCE).await {
        Ok(found) => {
            let name = found.get("friendly_name").and_then(Value::as_str).unwrap_or(workflow);
            Finding::good(WHAT, format!("TaskRouter knows {name:?}"))
        }
        Err(error) if error.said().is_some_and(|said| said.status == 404) => Finding::bad(
            WHAT,
            format!(
                "TaskRouter knows no {workflow} in {workspace}: no caller would reach a person"
            ),
            "mend TWILIO_WORKFLOW_SID and TWILIO_WORKSPACE_SID (switchhook twilio apply prints them)",
        ),
        Err(error) => Finding::note(
            WHAT,
            format!("TaskRouter does not show {workflow}: {error}"),
            "allow outgoing https, mend the credentials; callers are handed over without it",
        ),
    })
}

/// Signatures, and the REST API where an account is configured.
pub(super) async fn twilio(config: &Config, client: &awc::Client) -> Vec<Finding> {
    let twilio = &config.twilio;
    let signed = match twilio.auth_tokens.len() {
        0 => Finding::note("signatures", "not checked", "set TWILIO_AUTH_TOKEN for real calls"),
        1 => Finding::good("signatures", "checked with TWILIO_AUTH_TOKEN"),
        tokens => Finding::good("signatures", format!("checked with {tokens} auth tokens")),
    };
    let Some(account) = &twilio.account_sid else {
        let text = "not tried: TWILIO_ACCOUNT_SID is not set";
        return vec![signed, Finding::note("Twilio", text, "calls do not need it")];
    };
    let secret = match (&twilio.api_key_sid, &twilio.api_key_secret) {
        (Some(key), Some(secret)) => Some((key.clone(), secret.clone())),
        _ => twilio.auth_tokens.first().map(|token| (account.clone(), token.clone())),
    };
    let Some((user, password)) = secret else {
        let text = "not tried: there is no API key and no auth token";
        return vec![signed, Finding::note("Twilio", text, "calls do not need it")];
    };
    let api = twilio.api_url.as_deref().unwrap_or(TWILIO_API);
    let url = format!("{api}/2010-04-01/Accounts/{account}.json");
    let asked = client.get(&url).basic_auth(user, password.expose_secret()).send().await;
    vec![
        signed,
        reached(api, asked.map(|response| response.status()).map_err(|error| error.to_string())),
    ]
}

fn reached(api: &str, status: Result<StatusCode, String>) -> Finding {
    match status {
        Ok(StatusCode::OK) => Finding::good("Twilio", format!("{api} knows the account")),
        Ok(StatusCode::UNAUTHORIZED) => Finding::note(
            "Twilio",
            format!("{api} refuses the credentials"),
            "mend TWILIO_AUTH_TOKEN or the API key: signatures fail with a wrong auth token",
        ),
        Ok(status) => {
            Finding::note("Twilio", format!("{api} answers {status}"), "check TWILIO_ACCOUNT_SID")
        }
        Err(error) => Finding::note(
            "Twilio",
            format!("{api} cannot be reached: {error}"),
            "allow outgoing https; calls that Twilio makes to us do not need it",
        ),
    }
}
