//! Requests that Twilio signed: nothing of them is believed before the signature is checked.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::Method, web};
use futures_util::StreamExt;

use super::{Web, error::HttpError};
use crate::twilio::forms::Form;

/// Where the signature stands.
const SIGNATURE: &str = "X-Twilio-Signature";

/// Same for every repetition of one webhook.
const IDEMPOTENCY: &str = "I-Twilio-Idempotency-Token";

/// Bytes of that name: Twilio's have 36. It becomes part of a key that is kept.
const IDEMPOTENCY_MAX: usize = 128;

/// Twilio's forms are a few KiB; `HandoffData` is ours and small.
const BODY_MAX: usize = 64 * 1024;

/// A webhook's fields, signed by Twilio (or not checked at all, where no auth token is set).
pub(super) struct Signed {
    pub(super) form: Form,
    /// Twilio's name of the request, the same for its retries.
    pub(super) idempotency: Option<String>,
}

impl FromRequest for Signed {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = body(payload).await?;
            let form = if request.method() == Method::GET {
                Form::parse(request.query_string().as_bytes())
            } else {
                Form::parse(&body)
            };
            let form = form.map_err(|error| HttpError::BadRequest(error.to_string()))?;
            // Of a GET, the fields are signed as part of the URL.
            let fields = if request.method() == Method::GET { &[] } else { form.pairs() };
            let web = web(&request)?;
            if let Some(signatures) = &web.signatures {
                let url = format!("{}{}", web.public_url.origin(), target(&request));
                let given = header(&request, SIGNATURE);
                signatures
                    .verify_form(&url, fields, given)
                    .map_err(|cause| refuse(&request, &url, cause.label()))?;
            }
            let idempotency = header(&request, IDEMPOTENCY)
                .filter(|token| (1..=IDEMPOTENCY_MAX).contains(&token.len()))
                .map(str::to_owned);
            Ok(Self { form, idempotency })
        })
    }
}

/// Checks the upgrade to a WebSocket: Twilio signs the `wss://` URL of the TwiML.
///
/// # Errors
/// [`HttpError::Signature`].
pub(super) fn check_upgrade(request: &HttpRequest) -> Result<(), HttpError> {
    let web = web(request)?;
    let Some(signatures) = &web.signatures else { return Ok(()) };
    let url = format!("{}{}", web.public_url.socket_origin(), target(request));
    signatures
        .verify_upgrade(&url, header(request, SIGNATURE))
        .map_err(|cause| refuse(request, &url, cause.label()))
}

fn refuse(request: &HttpRequest, url: &str, cause: &'static str) -> HttpError {
    let route = request.match_pattern().unwrap_or_default();
    // Twilio tells nobody why it was refused: this line is where an operator finds out.
    tracing::warn!(route, url, cause, "a request was refused: its Twilio signature does not fit");
    metrics::counter!("switchhook_signatures_refused_total", "route" => route, "reason" => cause)
        .increment(1);
    HttpError::Signature
}

/// Path and query as they came, neither decoded nor re-encoded.
fn target(request: &HttpRequest) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn web(request: &HttpRequest) -> Result<&web::Data<Web>, HttpError> {
    // Set for every worker where the server is built.
    request.app_data().ok_or_else(|| HttpError::Unavailable("the engine is starting".to_owned()))
}

async fn body(mut payload: Payload) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| HttpError::BadRequest(error.to_string()))?;
        if body.len() + chunk.len() > BODY_MAX {
            return Err(HttpError::TooLarge(BODY_MAX));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
