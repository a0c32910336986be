//! The URL map, and what every route may use.
//!
//! One file a route family: [`voice`] answers Twilio's webhooks, [`taskrouter`] hears of tasks,
//! [`conversation`] takes its sockets (which [`line`] then holds), [`monitor`], [`transcript`] and
//! [`orders`] serve people, [`probes`] serve
//! balancers. [`signed`] and [`access`] decide who may ask.

mod access;
mod admission;
mod callers;
mod conversation;
mod error;
mod line;
mod monitor;
mod orders;
mod probes;
mod signed;
mod taskrouter;
mod transcript;
mod under_way;
mod voice;

use std::{sync::Arc, time::Duration};

use actix_web::{FromRequest, Handler, Resource, Responder, web};
use switchhook_actors::{
    call_session::CallSession,
    directory::Directory,
    domain::{
        ids::{CallSid, InstanceId},
        persona::Persona,
    },
    escalation_manager::EscalationManager,
    keeper::Keeper,
    llm_gateway::Policy,
    registry::Registry,
};

pub use self::{
    access::Access, admission::Admission, line::Pings, probes::Readiness, under_way::UnderWay,
};
use crate::{
    config::PublicUrl,
    links::Links,
    telemetry::Metrics,
    twilio::{signature::Signatures, twiml::ConversationRelay},
};

/// What every route may use. One for the process.
pub struct Web {
    /// Keeps the calls.
    pub registry: Arc<Keeper<Registry>>,
    /// Whether the store behind it still works.
    pub store_alive: Box<dyn Fn() -> bool + Send + Sync>,
    /// Whether the model is asked.
    pub policy: Arc<Policy>,
    /// Whether it cannot write now, and tries to.
    pub store_failing: Box<dyn Fn() -> bool + Send + Sync>,
    /// Knows what becomes of callers who shall be with a person.
    pub escalations: Arc<Keeper<EscalationManager>>,
    /// What callers hear who wait for one.
    pub hold: Hold,
    /// The sessions of this process.
    pub directory: Arc<Directory<CallSession>>,
    /// Whether no other engine can hold these calls: then they stay here while it drains.
    pub alone: bool,
    /// This engine.
    pub instance: InstanceId,
    /// As Twilio sees us: what signatures and TwiML are made of, never a request's own headers.
    pub public_url: PublicUrl,
    /// None without an auth token: then nothing is signed, and we are not public.
    pub signatures: Option<Signatures>,
    /// Who may read, act and erase.
    pub access: Access,
    /// Who may read one transcript.
    pub links: Arc<Links>,
    /// The session every call gets, less its URL and greeting.
    pub relay: ConversationRelay,
    /// What the caller hears first.
    pub greeting: String,
    /// Whose phrases a caller hears when no session can speak.
    pub persona: Arc<Persona>,
    /// How long a quiet line counts as alive.
    pub pings: Pings,
    /// How many calls this engine takes at once, and what it has left for them.
    pub admission: Admission,
    /// Webhooks that are being answered.
    pub under_way: UnderWay,
    /// Starting, ready or draining.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

/// How callers wait for a person.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Addresses of music, played in turn; empty: pauses between the talk.
    pub music: Vec<String>,
    /// After so long nobody will come.
    pub wait_max: Duration,
    /// Whether they can be called back.
    pub call_backs: bool,
}

impl Web {
    /// Whether calls go to other engines from now on: a session that is here keeps its line.
    fn sends_calls_away(&self) -> bool {
        self.readiness.is_draining() && !self.alone
    }

    /// Takes a new call, or says why it is not taken now. Calls that are held already are never
    /// refused.
    fn take_new_call(&self, sid: CallSid) -> Result<(), &'static str> {
        if self.readiness.is_draining() {
            return Err("draining");
        }
        self.admission.take(sid, self.directory.held())
    }
}

/// The whole URL map.
pub fn routes(app: &mut web::ServiceConfig) {
    app.app_data(web::QueryConfig::default().error_handler(|error, _| error::bad_query(&error)))
        .app_data(web::PathConfig::default().error_handler(|error, _| error::bad_path(&error)))
        .service(probe("/", probes::health))
        .service(probe("/livez", probes::livez))
        .service(probe("/readyz", probes::readyz))
        .service(page("/metrics").route(web::get().to(probes::metrics)))
        .service(page("/monitor").route(web::get().to(monitor::calls)))
        .service(webhook("/voice/incoming", voice::incoming))
        .service(webhook("/voice/handoff", voice::handoff))
        .service(webhook("/voice/wait", voice::wait))
        .service(webhook("/voice/queued", voice::queued))
        .service(webhook("/voice/status", voice::status))
        .service(webhook("/taskrouter/events", taskrouter::events))
        .service(page("/conversation/{call_sid}").route(web::get().to(conversation::connect)))
        .service(
            page("/conversation/{call_sid}/after/{ended}/{failed_at}")
                .route(web::get().to(conversation::connect)),
        )
        .service(
            resource("/api/transcript/{id}", "GET, DELETE")
                .route(web::get().to(transcript::read))
                .route(web::delete().to(transcript::erase)),
        )
        .service(
            resource("/api/callers/{number}", "DELETE").route(web::delete().to(callers::erase)),
        )
        .service(
            resource("/api/calls/{call_sid}/escalate", "POST")
                .route(web::post().to(orders::escalate)),
        )
        .default_service(web::route().to(error::no_such_route));
}

fn page(path: &str) -> Resource {
    resource(path, "GET")
}

/// A probe: some balancers ask with HEAD.
fn probe<H, A>(path: &str, handler: H) -> Resource
where
    H: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
{
    resource(path, "GET, HEAD").route(web::get().to(handler.clone())).route(web::head().to(handler))
}

/// A webhook of Twilio's: POST, or GET where a number is configured so.
fn webhook<H, A>(path: &str, handler: H) -> Resource
where
    H: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
{
    resource(path, "GET, POST").route(web::post().to(handler.clone())).route(web::get().to(handler))
}

/// A path whose other methods are refused with these.
fn resource(path: &str, allowed: &'static str) -> Resource {
    web::resource(path).default_service(
        web::route().to(move || std::future::ready(error::no_such_method(allowed))),
    )
}

#[cfg(test)]
mod tests;
