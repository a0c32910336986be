//! `/api/callers/{number}`: everything that is kept of a caller, erased at once.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use switchhook_actors::registry::messages::EraseCaller;

use super::{Web, error::HttpError};
use crate::config::{self, Role};

/// How long the registry may take: it looks through all calls.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Erased {
    /// Calls.
    erased: usize,
}

/// The number is in no log: it is what was to be erased.
pub(super) async fn erase(
    request: HttpRequest,
    number: web::Path<String>,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    let by = web.access.require(&request, Role::Admin)?.map_or("anybody", Role::as_str);
    let number = number.into_inner();
    if !config::is_phone(&number) {
        let detail = "the caller must be a number in E.164, such as +15551234567";
        return Err(HttpError::BadRequest(detail.to_owned()));
    }
    match web.registry.send(EraseCaller { number }).timeout(PATIENCE).await {
        Ok(Ok(erased)) => {
            tracing::info!(target: "audit", calls = erased, by, "the calls of a caller were erased");
            Ok(HttpResponse::Ok().json(Erased { erased }))
        }
        _ => Err(HttpError::Unavailable("the registry does not answer".to_owned())),
    }
}
