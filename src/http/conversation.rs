//! `GET /conversation/{callSid}` and `…/after/{ended}/{failedAt}`: Twilio's socket, checked before it is one.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use switchhook_actors::{
    call_session::Peers,
    domain::{
        ids::CallSid,
        record::{Failure, Status},
        time::{Millis, Timestamp},
    },
    registry::{messages::Find, store::Key},
};

use super::{Web, error::HttpError, line, signed};
use crate::clock;

/// How long the registry may take to say whether a call is over, ms. Without its answer the call
/// is taken: the session claims it anyway.
const LOOK_UP: Duration = Duration::from_millis(500);

/// How far ahead of this engine's clock that of another one may be, ms: what is said to have failed later
/// than that has not failed.
const AHEAD: Millis = 3_600_000;

pub(super) async fn connect(
    request: HttpRequest,
    payload: web::Payload,
    web: web::Data<Web>,
    peers: web::Data<Peers>,
) -> Result<HttpResponse, actix_web::Error> {
    signed::check_upgrade(&request)?;
    let sid: CallSid = request
        .match_info()
        .get("call_sid")
        .and_then(|sid| sid.parse().ok())
        .ok_or_else(|| HttpError::NotFound("no such call".to_owned()))?;
    let failed_before = failed_before(&request)?;
    admit(&web, sid).await?;
    let peers = Arc::clone(&peers);
    let call = line::Call { sid, failed_before };
    let answer = line::connect(&request, payload, call, &web.directory, &peers, web.pings);
    // From here on its session counts.
    web.admission.arrived(sid);
    answer
}

/// The failure of the session before this one, if the address tells of one: two moments, ms since 1970.
fn failed_before(request: &HttpRequest) -> Result<Option<Failure>, HttpError> {
    let latest = clock::now() + AHEAD;
    let moment = |name: &str| {
        let at = request.match_info().get(name)?;
        Some(at.parse().ok().map(Timestamp).filter(|at| *at <= latest))
    };
    let Some((ended, at)) = moment("ended").zip(moment("failed_at")) else { return Ok(None) };
    let failure = ended.zip(at).map(|(ended, at)| Failure { ended, at });
    failure.map(Some).ok_or_else(|| HttpError::NotFound("no such moment".to_owned()))
}

/// Whether a line may be held for that call. One that has a session here is never refused.
async fn admit(web: &Web, sid: CallSid) -> Result<(), HttpError> {
    if web.directory.find(sid).is_some() {
        return Ok(());
    }
    if web.sends_calls_away() {
        return Err(HttpError::Unavailable("draining: another engine takes the call".to_owned()));
    }
    let known = web.registry.send(Find { key: Key::Sid(sid) }).timeout(LOOK_UP).await;
    let status = match known {
        Ok(Ok(record)) => record.map(|record| record.status),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(call.sid = %sid, "the registry did not say what it knows of a call");
            Some(Status::Active)
        }
    };
    match status {
        Some(status) if status.is_final() => Err(HttpError::Over),
        // Nobody opened it: a new call, and as any new call it needs room.
        None => web.take_new_call(sid).map_err(|reason| {
            metrics::counter!("switchhook_calls_refused_total", "reason" => reason).increment(1);
            HttpError::Unavailable(format!("no new calls are taken: {reason}"))
        }),
        Some(_) => Ok(()),
    }
}
