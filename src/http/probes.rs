//! For balancers and operations: is it there, is it well, does it take calls, what does it count.

use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use switchhook_actors::call_session::Peers;

use super::{Web, error::HttpError};
use crate::config::Role;

/// Whether the engine takes calls.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// The first start is complete. An engine that drains already goes on draining.
    pub fn ready(&self) {
        let _ = self.0.compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.load(Ordering::Acquire) == DRAINING
    }

    /// No new calls: the balancer shall look elsewhere.
    pub fn drain(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }
}

#[derive(Serialize)]
struct State<'a> {
    status: &'a str,
    version: &'a str,
    instance: &'a str,
}

pub(super) async fn health(web: web::Data<Web>) -> HttpResponse {
    HttpResponse::Ok().json(state(&web, "ok"))
}

fn state<'a>(web: &'a Web, status: &'a str) -> State<'a> {
    State { status, version: env!("CARGO_PKG_VERSION"), instance: &web.instance.0 }
}

/// 503 when something is dead that only a restart brings back.
pub(super) async fn livez(
    web: web::Data<Web>,
    peers: web::Data<Peers>,
) -> Result<HttpResponse, HttpError> {
    let dead = dead(&web, &peers);
    if dead.is_empty() {
        return Ok(HttpResponse::Ok().json(state(&web, "live")));
    }
    Err(HttpError::Unavailable(format!("dead: {}", dead.join(", "))))
}

/// 200 when calls are taken, if need be degraded: a caller is better served without a registry
/// than turned away.
pub(super) async fn readyz(web: web::Data<Web>, peers: web::Data<Peers>) -> HttpResponse {
    match web.readiness.0.load(Ordering::Acquire) {
        STARTING => HttpResponse::ServiceUnavailable().json(state(&web, "starting")),
        READY => {
            let degraded = degraded(&web, &peers);
            let status = if degraded.is_empty() { "ready" } else { "degraded" };
            let calls = web.directory.held();
            HttpResponse::Ok().json(json!({
                "status": status, "degraded": degraded,
                "calls": calls, "maxCalls": web.admission.max_calls(), "instance": web.instance,
            }))
        }
        _ => HttpResponse::NotFound().json(state(&web, "draining")),
    }
}

/// What is dead, and what does not work now and tries to.
fn degraded(web: &Web, peers: &Peers) -> Vec<&'static str> {
    let mut parts = dead(web, peers);
    if (web.store_failing)() && !parts.contains(&"store") {
        parts.push("store");
    }
    if web.policy.is_breaker_open() {
        parts.push("model");
    }
    if web.admission.is_short_of_descriptors() {
        parts.push("descriptors");
    }
    parts
}

fn dead(web: &Web, peers: &Peers) -> Vec<&'static str> {
    let parts = [
        ("registry", web.registry.connected()),
        ("escalation manager", web.escalations.connected()),
        ("store", (web.store_alive)()),
        ("model gateway", peers.gateway.connected()),
    ];
    parts.into_iter().filter(|(_, alive)| !alive).map(|(part, _)| part).collect()
}

pub(super) async fn metrics(
    request: HttpRequest,
    web: web::Data<Web>,
) -> Result<HttpResponse, HttpError> {
    web.access.require(&request, Role::Viewer)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(web.metrics.render()))
}
