//! A webhook is answered once: its repetitions, on whichever instance, get the same bytes.

use std::future::Future;

use actix_web::HttpResponse;
use switchhook_actors::{
    domain::{ids::CallSid, legible::label, time::Millis},
    registry::messages::{Answered, Remember},
};

use super::{REGISTRY_PATIENCE, Web, count};
use crate::{
    clock,
    http::signed::Signed,
    twilio::twiml::{self, Response},
};

/// How long a webhook's reply is kept for its repetitions, ms.
pub(super) const REPLY_TTL: Millis = 60_000;

/// Characters of a field that becomes part of a reply's name: a `SessionId` has 34.
const NAME_MAX: usize = 64;

/// Answers a webhook once: its repetitions get the same bytes. Of two at once on two instances the
/// first that is kept wins, and both send it.
pub(super) async fn once(
    web: &Web,
    route: &'static str,
    sid: CallSid,
    key: String,
    ttl: Millis,
    reply: impl Future<Output = Response>,
) -> HttpResponse {
    let started = std::time::Instant::now();
    let _pass = web.under_way.pass(&key).await;
    let now = clock::now();
    let known =
        web.registry.send(Answered { sid, key: key.clone(), now }).timeout(REGISTRY_PATIENCE).await;
    let (xml, outcome) = match known {
        Ok(Ok(Some(known))) => (known, "repeated"),
        // A registry that does not answer will not keep the reply either: the caller waits for it.
        Err(_) | Ok(Err(_)) => (reply.await.to_xml(), "unsaved"),
        Ok(Ok(None)) => {
            let xml = reply.await.to_xml();
            let keep =
                Remember { sid, key: key.clone(), reply: xml.clone(), now: clock::now(), ttl };
            match web.registry.send(keep).timeout(REGISTRY_PATIENCE).await {
                Ok(Ok(stands)) => (stands, "answered"),
                _ => (xml, "unsaved"),
            }
        }
    };
    count(route, outcome);
    metrics::histogram!("switchhook_webhook_seconds", "route" => route).record(started.elapsed());
    HttpResponse::Ok().content_type(twiml::CONTENT_TYPE).body(xml)
}

/// What identifies a webhook: Twilio's own name of it, else what it is about.
pub(super) fn reply_key(route: &str, signed: &Signed, sid: CallSid, part: &str) -> String {
    match &signed.idempotency {
        Some(token) => format!("{route}:{sid}:token:{token}"),
        None => {
            let status = signed.form.get("CallStatus").unwrap_or_default();
            let (part, status) = (label(part, NAME_MAX), label(status, NAME_MAX));
            format!("{route}:{sid}:{part}:{status}")
        }
    }
}
