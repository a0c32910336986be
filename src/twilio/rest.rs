//! Twilio's REST API over awc: what the engine and the set-up ask of it, and how they outlive its
//! bad moments.
//!
//! A [`Rest`] belongs to the thread that made it, since an awc client cannot move. Every operation
//! has a deadline for all of its attempts. Reads, changes of something that is there, and deletions
//! may be repeated; a creation is repeated only when Twilio certainly did not do it, because Twilio
//! has no idempotency key: [`RestError::maybe_done`] tells the caller to look before it creates again.

mod calls;
mod credentials;
mod error;
mod pages;
mod pause;
mod place;
mod taskrouter;

use std::{fmt, rc::Rc, time::Duration};

use actix_web::dev::fn_service;
use awc::{
    Client, Connector,
    http::{Method, StatusCode, Version, header},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use url::{Url, form_urlencoded};

use self::{credentials::Credentials, error::sent, pause::Pauses};
pub use self::{
    credentials::RestSettings,
    error::{RestError, Said},
    place::{Api, Place},
    taskrouter::{Figures, NewTask},
};
use crate::outgoing::connect;

/// To connect takes a few round trips; a second attempt shall fit into a deadline of 10 s.
const CONNECT: Duration = Duration::from_secs(3);

/// An attempt with less time is the last one.
const LEAST: Duration = Duration::from_secs(1);

/// A list of 1,000 numbers or tasks has less, bytes.
const BODY_MAX: usize = 1024 * 1024;

const USER_AGENT: &str = concat!("switchhook/", env!("CARGO_PKG_VERSION"));

/// Decoded fields of a form.
pub type Fields = [(String, String)];

/// Twilio's REST API for one account. A clone shares the connections and the thread.
#[derive(Clone)]
pub struct Rest(Rc<Inner>);

struct Inner {
    /// Keeps its connections: what it sends may be repeated on a new one.
    client: Client,
    /// Opens one for each request. A used connection that the other side just closed cannot be told
    /// from a request that was cut, and a creation must not be repeated on a guess.
    fresh: Client,
    credentials: Credentials,
    account: String,
    api: Url,
    taskrouter: Url,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("account", &self.0.account).finish_non_exhaustive()
    }
}

/// One request, as often as it may be sent.
struct Order<'a> {
    method: Method,
    resource: &'static str,
    url: Url,
    fields: Option<&'a Fields>,
    /// Whether doing it twice is the same as doing it once.
    repeatable: bool,
}

impl Rest {
    /// Makes the client, on the thread that will use it. Connects to nothing yet.
    ///
    /// # Errors
    /// When there are no credentials, an address is not one, or the process has no TLS provider.
    pub fn new(settings: RestSettings) -> Result<Self, RestError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(RestError::Settings("no TLS provider is installed in this process"));
        }
        let credentials = Credentials::new(&settings)?;
        Ok(Self(Rc::new(Inner {
            client: client(),
            fresh: client(),
            credentials,
            account: settings.account_sid,
            api: address(&settings.api_url)?,
            taskrouter: address(&settings.taskrouter_url)?,
        })))
    }

    /// The account, `AC…`.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// Reads one thing.
    ///
    /// # Errors
    /// When it cannot be had `within` that time; see [`RestError`].
    pub async fn read(&self, place: &Place, within: Duration) -> Result<Value, RestError> {
        self.perform(&self.order(Method::GET, place, None, true)?, within).await
    }

    /// Makes something new in a list.
    ///
    /// # Errors
    /// As [`RestError`] says; [`RestError::maybe_done`] tells whether it may be there all the same.
    pub async fn create(
        &self,
        place: &Place,
        fields: &Fields,
        within: Duration,
    ) -> Result<Value, RestError> {
        self.perform(&self.order(Method::POST, place, Some(fields), false)?, within).await
    }

    /// Changes something that is there.
    ///
    /// # Errors
    /// When it cannot be done `within` that time; see [`RestError`].
    pub async fn update(
        &self,
        place: &Place,
        fields: &Fields,
        within: Duration,
    ) -> Result<Value, RestError> {
        self.perform(&self.order(Method::POST, place, Some(fields), true)?, within).await
    }

    /// Deletes something. What is gone already is an error like any other: 404.
    ///
    /// # Errors
    /// When it cannot be done `within` that time; see [`RestError`].
    pub async fn delete(&self, place: &Place, within: Duration) -> Result<(), RestError> {
        self.perform(&self.order(Method::DELETE, place, None, true)?, within).await.map(|_| ())
    }

    fn order<'a>(
        &self,
        method: Method,
        place: &Place,
        fields: Option<&'a Fields>,
        repeatable: bool,
    ) -> Result<Order<'a>, RestError> {
        let base = match place.api {
            Api::Core => &self.0.api,
            Api::TaskRouter => &self.0.taskrouter,
        };
        let url = place.on(base, &self.0.account)?;
        Ok(Order { method, resource: place.resource, url, fields, repeatable })
    }

    /// Sends it until it is answered, as long as that is allowed and there is time.
    async fn perform(&self, order: &Order<'_>, within: Duration) -> Result<Value, RestError> {
        let deadline = Instant::now() + within;
        let mut pauses = Pauses::default();
        loop {
            let attempt = attempt(order.repeatable, deadline);
            let error = match self.authorized(order, attempt).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let may_repeat = error.is_passing() && (order.repeatable || !error.maybe_done());
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(pause) = pauses.next(error.wait(), left).filter(|_| may_repeat) else {
                return Err(error);
            };
            sleep(pause).await;
        }
    }

    /// Sends it once, and once more with the other credentials when these are refused.
    async fn authorized(&self, order: &Order<'_>, deadline: Instant) -> Result<Value, RestError> {
        let credentials = &self.0.credentials;
        let first = credentials.current();
        let result = self.once(order, &first.1, deadline).await;
        if !matches!(&result, Err(error) if error.is_unauthorized()) {
            return result;
        }
        let Some(other) = credentials.after(first.0) else { return result };
        let result = self.once(order, &other.1, deadline).await;
        if !matches!(&result, Err(error) if error.is_unauthorized()) {
            credentials.prefer(other.0);
            tracing::warn!("Twilio refuses the API key: the auth token is used in its place");
        }
        result
    }

    async fn once(
        &self,
        order: &Order<'_>,
        authorization: &header::HeaderValue,
        deadline: Instant,
    ) -> Result<Value, RestError> {
        let result = match timeout_at(deadline, self.send(order, authorization)).await {
            Ok(result) => result,
            Err(_) => Err(RestError::Late),
        };
        let outcome = result.as_ref().err().map_or("ok", RestError::label);
        metrics::counter!(
            "switchhook_twilio_requests_total",
            "resource" => order.resource, "outcome" => outcome
        )
        .increment(1);
        result
    }

    async fn send(
        &self,
        order: &Order<'_>,
        authorization: &header::HeaderValue,
    ) -> Result<Value, RestError> {
        let client = if order.repeatable { &self.0.client } else { &self.0.fresh };
        let mut request = client
            .request(order.method.clone(), order.url.as_str())
            .insert_header((header::USER_AGENT, USER_AGENT))
            .insert_header((header::ACCEPT, "application/json"))
            .insert_header((header::AUTHORIZATION, authorization.clone()));
        if !order.repeatable {
            request = request.force_close();
        }
        let sending = match order.fields {
            Some(fields) => request
                .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
                .send_body(form(fields)),
            None => request.send(),
        };
        let mut response = sending.await.map_err(|error| sent(&error))?;
        let status = response.status();
        let wait = pause::retry_after(response.headers(), std::time::SystemTime::now());
        let body = response.body().limit(BODY_MAX).await;
        if status.is_success() {
            return read(status, &body.map_err(|_| RestError::Lost)?);
        }
        // The status says enough, whatever became of the words.
        Err(RestError::answered(status, wait, &body.unwrap_or_default()))
    }
}

/// When an attempt ends. One that may be repeated takes half of what is left, so that a request which
/// is never answered leaves time for another.
fn attempt(repeatable: bool, deadline: Instant) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    if repeatable && left > LEAST { now + left / 2 } else { deadline }
}

fn client() -> Client {
    let connector = Connector::new()
        .connector(fn_service(connect))
        .max_http_version(Version::HTTP_11)
        .timeout(CONNECT)
        .handshake_timeout(CONNECT);
    // The deadline of the operation is the only one: it covers the body too.
    Client::builder().connector(connector).disable_redirects().disable_timeout().finish()
}

fn address(text: &str) -> Result<Url, RestError> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()
    });
    url.ok_or(RestError::Settings("an address of Twilio's API is not one"))
}

fn form(fields: &Fields) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn read(status: StatusCode, body: &Bytes) -> Result<Value, RestError> {
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    // awc takes the end of a connection for the end of a body.
    let wrong = |error: serde_json::Error| match error.is_eof() {
        true => RestError::Lost,
        false => RestError::Unreadable,
    };
    serde_json::from_slice(body).map_err(wrong)
}

#[cfg(test)]
mod tests;
