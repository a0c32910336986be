//! What goes wrong at the door, as `application/problem+json` (RFC 9457): never a stack, never a
//! secret.

use actix_web::{
    Error, HttpResponse, ResponseError,
    error::{PathError, QueryPayloadError},
    http::StatusCode,
};
use serde::Serialize;

/// What who is told "not now" waits at least, s: another engine takes a call of a dead one in less.
const RETRY_AFTER: u64 = 2;

/// A request that is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 401: no access token, or an unknown one.
    #[error("a known access token is required: Authorization: Bearer <token>")]
    Unauthorized,
    /// 403: a known token that may not do this.
    #[error("the {0} role is required")]
    Role(&'static str),
    /// 403: Twilio's signature is missing or wrong.
    #[error("the Twilio signature is missing or wrong")]
    Signature,
    /// 403: a signed link that reads nothing.
    #[error("the link has expired, or is not valid")]
    Link,
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// 405: these methods are allowed.
    #[error("the method is not one of: {0}")]
    Method(&'static str),
    /// 409: it stands otherwise.
    #[error("{0}")]
    Conflict(String),
    /// 410: it was there, and is over.
    #[error("the call is over")]
    Over,
    /// 413.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// 503: now, not for ever.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: String,
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Role(_) | Self::Signature | Self::Link => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Over => StatusCode::GONE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let problem = Problem {
            // RFC 9457: "about:blank" says that the title is all there is to say of the type.
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.to_string(),
        };
        let mut response = HttpResponse::build(status);
        response.content_type("application/problem+json");
        match self {
            Self::Unauthorized => drop(response.insert_header(("WWW-Authenticate", "Bearer"))),
            Self::Unavailable(_) => drop(response.insert_header(("Retry-After", RETRY_AFTER))),
            Self::Method(allowed) => drop(response.insert_header(("Allow", *allowed))),
            _ => {}
        }
        response.body(serde_json::to_string(&problem).unwrap_or_default())
    }
}

/// Whatever is not in the map.
pub(super) async fn no_such_route() -> Result<HttpResponse, HttpError> {
    Err(HttpError::NotFound("no such route".to_owned()))
}

/// A route that takes other methods.
pub(super) fn no_such_method(allowed: &'static str) -> Result<HttpResponse, HttpError> {
    Err(HttpError::Method(allowed))
}

/// A query that its route cannot read.
pub(super) fn bad_query(error: &QueryPayloadError) -> Error {
    HttpError::BadRequest(format!("the query cannot be read: {error}")).into()
}

/// A path that names nothing, since it is not even text.
pub(super) fn bad_path(_: &PathError) -> Error {
    HttpError::NotFound("no such route".to_owned()).into()
}
