//! How Twilio reaches an engine: signed webhooks, and a signed WebSocket upgrade.

use std::time::Duration;

use actix_web::dev::fn_service;
use awc::ws::{Frame, Message};
use futures_util::{Sink, Stream};
use url::form_urlencoded;

use super::address::Target;
use crate::{outgoing::connect, twilio::signature::Signatures};

/// Twilio's ceiling for a voice webhook.
const WEBHOOK_DEADLINE: Duration = Duration::from_secs(15);
/// Twilio's default for a TCP connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// TwiML is at most 64 KiB; a little more lets the reader say so.
const MAX_BODY: usize = 128 * 1024;
/// Longer frames from an engine are a mistake.
const MAX_FRAME: usize = 1024 * 1024;

/// The engine could not be reached, or did not answer as it should.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WireError {
    /// No answer.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Which address.
        url: String,
        /// Why.
        reason: String,
    },
    /// No connection.
    #[error("{url} cannot be reached: {reason}")]
    Unconnected {
        /// Which address.
        url: String,
        /// Why.
        reason: String,
    },
    /// An answer that is not a 2xx.
    #[error("{url} answered {status}: {body}")]
    Refused {
        /// Which address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
}

/// What a webhook answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, empty when missing.
    pub content_type: String,
    /// The body as text.
    pub body: String,
}

/// An open socket, whatever it runs over.
pub(super) trait Frames:
    Stream<Item = Result<Frame, awc::error::WsProtocolError>>
    + Sink<Message, Error = awc::error::WsProtocolError>
    + Unpin
{
}

impl<S> Frames for S where
    S: Stream<Item = Result<Frame, awc::error::WsProtocolError>>
        + Sink<Message, Error = awc::error::WsProtocolError>
        + Unpin
{
}

/// The client and the secret of one account.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) client: awc::Client,
    pub(super) signatures: Option<Signatures>,
}

/// A client that thousands of calls on one thread can share.
#[must_use]
pub fn client() -> awc::Client {
    awc::Client::builder()
        // Every open line counts as a connection: no limit but the system's.
        .connector(
            awc::Connector::new().connector(fn_service(connect)).limit(0).timeout(CONNECT_DEADLINE),
        )
        // ConversationRelay upgrades HTTP/1.1.
        .max_http_version(awc::http::Version::HTTP_11)
        // Twilio's redirects lose the form, so they are errors here.
        .disable_redirects()
        .timeout(WEBHOOK_DEADLINE)
        .add_default_header((awc::http::header::USER_AGENT, "TwilioProxy/1.1"))
        .finish()
}

impl Wire {
    /// Sends a webhook once and returns whatever came back.
    pub(super) async fn request(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
    ) -> Result<Reply, WireError> {
        self.request_as(target, method, fields, "").await
    }

    /// The same under a token, by which the engine knows a repetition; empty: without one.
    pub(super) async fn request_as(
        &self,
        target: &Target,
        method: &str,
        fields: &[(String, String)],
        token: &str,
    ) -> Result<Reply, WireError> {
        let marked = |request: awc::ClientRequest| match token {
            "" => request,
            token => request.insert_header(("I-Twilio-Idempotency-Token", token)),
        };
        let unreachable =
            |reason: String| WireError::Unreachable { url: target.connect.clone(), reason };
        let sent = if method == "GET" {
            let (written, connect) =
                (with_query(&target.written, fields), with_query(&target.connect, fields));
            marked(self.signed(self.client.get(connect), &written, &[])).send().await
        } else {
            let request = self.client.post(&target.connect);
            marked(self.signed(request, &target.written, fields)).send_form(&fields).await
        };
        let mut response = sent.map_err(|error| match error {
            awc::error::SendRequestError::Connect(error) => {
                WireError::Unconnected { url: target.connect.clone(), reason: error.to_string() }
            }
            error => unreachable(error.to_string()),
        })?;
        let body = response.body().limit(MAX_BODY).await;
        let body = body.map_err(|error| unreachable(error.to_string()))?;
        let content_type = response.headers().get(awc::http::header::CONTENT_TYPE);
        Ok(Reply {
            status: response.status().as_u16(),
            content_type: content_type.and_then(|kind| kind.to_str().ok()).unwrap_or("").to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    fn signed(
        &self,
        request: awc::ClientRequest,
        url: &str,
        fields: &[(String, String)],
    ) -> awc::ClientRequest {
        // A connection kept for later may be closed by the engine just when it is needed; the
        // upgrade would be lost with it.
        let request = request.force_close();
        match &self.signatures {
            Some(signatures) => {
                request.insert_header(("X-Twilio-Signature", signatures.sign_form(url, fields)))
            }
            None => request,
        }
    }

    /// Opens the socket. The signature covers the address as the TwiML wrote it.
    pub(super) async fn open(&self, target: &Target) -> Result<Box<dyn Frames>, WireError> {
        let unreachable =
            |reason: String| WireError::Unreachable { url: target.connect.clone(), reason };
        let mut request = self.client.ws(&target.connect).max_frame_size(MAX_FRAME);
        if let Some(signatures) = &self.signatures {
            request = request.header("X-Twilio-Signature", signatures.sign_url(&target.written));
        }
        let opening = tokio::time::timeout(WEBHOOK_DEADLINE, request.connect()).await;
        match opening.map_err(|_| unreachable("no answer in time".to_owned()))? {
            Ok((_, framed)) => Ok(Box::new(framed)),
            Err(awc::error::WsClientError::InvalidResponseStatus(status)) => {
                Err(WireError::Refused {
                    url: target.connect.clone(),
                    status: status.as_u16(),
                    body: "the upgrade was refused".to_owned(),
                })
            }
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}

fn with_query(address: &str, fields: &[(String, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let glue = if address.contains('?') { '&' } else { '?' };
    format!("{address}{glue}{query}")
}
