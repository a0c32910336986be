//! The chat completions API of OpenAI and of all who speak it, streamed over awc.
//!
//! Implements the port `Model`; built on the thread of the gateway that asks it, since an awc client
//! cannot move. It asks once: whether to ask again is the conversation's decision.

mod answer;
mod calls;
mod chunk;
mod failure;
mod message;
mod request;
mod tools;
mod words;

use std::{cell::RefCell, fmt, time::Duration};

use actix_web::dev::fn_service;
use awc::{
    Client, Connector,
    http::{
        StatusCode, Uri, Version,
        header::{self, HeaderValue},
    },
};
use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture};
use secrecy::{ExposeSecret as _, SecretString};
use switchhook_actors::{
    domain::{
        answer::{FailureKind, ModelFailure},
        prompt::Prompt,
    },
    llm_gateway::model::{AnswerStream, Model},
};
use url::Url;

pub use self::answer::{BodyKind, read_answer};
use self::{answer::Answer, failure::Cause, request::Bodies};
use crate::outgoing::connect;

/// To connect takes a few round trips: a second attempt after 3 s still fits into a turn.
const CONNECT: Duration = Duration::from_secs(3);

/// TLS takes two more round trips.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// Idle connections are kept this long: callers pause between turns, handshakes cost 100 ms.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Then a connection is replaced, so that a change of address in DNS is noticed.
const LIFETIME: Duration = Duration::from_secs(600);

/// What is read of the body of a refusal. Error objects have a few hundred bytes.
const REFUSAL_BYTES: usize = 16 * 1024;

/// How long the body of a refusal may take: the status alone says enough.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

const USER_AGENT: &str = concat!("switchhook/", env!("CARGO_PKG_VERSION"));

/// Where the model is and how it shall answer.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// The base of the API, such as `https://api.openai.com/v1`; `/chat/completions` is appended.
    pub base_url: Url,
    /// Sent as a bearer token. Local servers need none.
    pub api_key: Option<SecretString>,
    /// The name of the model.
    pub model: String,
    /// 0 to 2.
    pub temperature: f64,
    /// The bound of an answer, tokens.
    pub max_tokens: u32,
    /// Whether the model is offered tools; without them its marks are all it has.
    pub tools: bool,
    /// How many answers may be written at the same time on this thread; 0 for no bound. Beyond it a
    /// request waits in silence, so it should be no less than what the gateway admits.
    pub pool: usize,
    /// How long the head of the response may take: connection, upload and the model's thinking.
    pub first_byte: Duration,
}

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenAiError {
    /// Not a place to send requests to.
    #[error("the model's base URL must be http or https with a host and without credentials")]
    BaseUrl,
    /// Characters that no header can carry.
    #[error("the model's API key has characters that cannot be sent in a header")]
    ApiKey,
    /// The process has no TLS.
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
}

/// Settings that were checked: what every thread makes its client from.
#[derive(Debug, Clone)]
pub struct Endpoint {
    uri: Uri,
    /// Marked as sensitive: it is not shown.
    authorization: Option<HeaderValue>,
    model: String,
    temperature: f64,
    max_tokens: u32,
    tools: bool,
    pool: usize,
    first_byte: Duration,
}

impl Endpoint {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When they cannot work, or no rustls provider is installed (awc would panic).
    pub fn new(settings: OpenAiSettings) -> Result<Self, OpenAiError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(OpenAiError::NoTlsProvider);
        }
        Ok(Self {
            uri: uri(&settings.base_url)?,
            authorization: settings.api_key.as_ref().map(authorization).transpose()?,
            model: settings.model,
            temperature: settings.temperature,
            max_tokens: settings.max_tokens,
            tools: settings.tools,
            pool: settings.pool,
            first_byte: settings.first_byte,
        })
    }
}

/// A model behind an OpenAI-compatible API. It belongs to the thread that made it.
pub struct OpenAi {
    client: RefCell<Client>,
    /// Its connections are closed after one answer, so it never has a used one. awc takes an idle
    /// connection wherever it has one, and cannot be told not to.
    fresh: Client,
    bodies: Bodies,
    endpoint: Endpoint,
}

impl OpenAi {
    /// Makes the client, on the thread that will use it. Connects to nothing yet.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let Endpoint { model, temperature, max_tokens, tools, .. } = &endpoint;
        let bodies = Bodies::new(model, *temperature, *max_tokens, *tools);
        Self { client: client(&endpoint).into(), fresh: client(&endpoint), bodies, endpoint }
    }

    fn request(&self, fresh: bool) -> awc::ClientRequest {
        let uri = self.endpoint.uri.clone();
        let request = match fresh {
            true => self.fresh.post(uri).force_close(),
            false => self.client.borrow().post(uri),
        };
        let request = request
            .insert_header((header::USER_AGENT, USER_AGENT))
            .insert_header((header::ACCEPT, "text/event-stream"))
            .insert_header((header::CONTENT_TYPE, "application/json"));
        match &self.endpoint.authorization {
            Some(value) => request.insert_header((header::AUTHORIZATION, value.clone())),
            None => request,
        }
    }
}

fn client(endpoint: &Endpoint) -> Client {
    // HTTP/1.1 on purpose: awc's HTTP/2 sends no pings, so one dead connection would silence every
    // caller of the thread, and a dropped answer must stop the model at once.
    let connector = Connector::new()
        .connector(fn_service(connect))
        .max_http_version(Version::HTTP_11)
        .timeout(CONNECT)
        .handshake_timeout(HANDSHAKE)
        .conn_keep_alive(KEEP_ALIVE)
        .conn_lifetime(LIFETIME)
        .limit(endpoint.pool);
    Client::builder().connector(connector).disable_redirects().timeout(endpoint.first_byte).finish()
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Model for OpenAi {
    fn open(
        &self,
        prompt: Prompt,
        fresh: bool,
    ) -> LocalBoxFuture<'static, Result<AnswerStream, ModelFailure>> {
        let body = self.bodies.write(&prompt);
        let request = self.request(fresh);
        async move {
            let body = body.map_err(|error| failure::unsendable(&error))?;
            let response =
                request.send_body(body).await.map_err(|error| failure::unsent(&error))?;
            if !response.status().is_success() {
                return Err(refusal(response).await);
            }
            if !is_framed(&response) {
                return Err(failure::unframed());
            }
            let kind = body_kind(response.headers().get(header::CONTENT_TYPE))?;
            Ok(Answer::new(response, kind).boxed_local())
        }
        .boxed_local()
    }

    /// awc closes a connection that has expired only when it looks for one: with its client they all
    /// go. Answers that are being written keep theirs.
    fn rest(&self) {
        self.client.replace(client(&self.endpoint));
    }
}

fn uri(base: &Url) -> Result<Uri, OpenAiError> {
    let plain = matches!(base.scheme(), "http" | "https")
        && base.has_host()
        && base.username().is_empty()
        && base.password().is_none();
    if !plain {
        return Err(OpenAiError::BaseUrl);
    }
    let mut url = base.clone();
    url.set_path(&format!("{}/chat/completions", base.path().trim_end_matches('/')));
    url.set_fragment(None);
    Uri::try_from(url.as_str()).map_err(|_| OpenAiError::BaseUrl)
}

fn authorization(key: &SecretString) -> Result<HeaderValue, OpenAiError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
        .map_err(|_| OpenAiError::ApiKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the body of a success may be. Only a page is certainly wrong: some servers label an event
/// stream as plain text, or not at all.
fn body_kind(content_type: Option<&HeaderValue>) -> Result<BodyKind, ModelFailure> {
    let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(BodyKind::Json),
        "text/html" | "application/xhtml+xml" => Err(failure::page()),
        _ => Ok(BodyKind::Events),
    }
}

/// Whether the end of the body is marked. HTTP/1.1 allows a body that ends with the connection (RFC
/// 9112, 6.3); awc reads it as empty.
fn is_framed(response: &awc::ClientResponse<impl Sized>) -> bool {
    let headers = response.headers();
    response.version() < Version::HTTP_11
        || headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING)
}

/// Reads why the provider refused, as far as that comes soon.
async fn refusal(mut response: awc::ClientResponse) -> ModelFailure {
    let status: StatusCode = response.status();
    let after = failure::retry_after(response.headers(), std::time::SystemTime::now());
    let mut body = Vec::new();
    let read = async {
        while let Some(Ok(chunk)) = response.next().await {
            let room = REFUSAL_BYTES.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if room <= chunk.len() {
                break;
            }
        }
    };
    // Too late is as good as no body.
    let _ = tokio::time::timeout(REFUSAL_WAIT, read).await;
    let cause = Cause::of_body(&body);
    ModelFailure {
        kind: FailureKind::Status(status.as_u16()),
        retryable: cause.is_retryable(Some(status.as_u16())),
        detail: cause.detail(),
        after,
    }
}

#[cfg(test)]
mod tests;
