//! The only file that knows everybody: it starts the actors, sinks first, then the servers.
//!
//! A `shared` arbiter holds the registry, so that a worker busy with tokens never delays a durable
//! write. Each worker thread has its lines, its sessions and one gateway; all gateways share one
//! policy. Chapters: [`model`] and [`desk`] choose who answers and who takes calls, [`rules`] by what
//! deadlines, [`store`] where calls are kept; [`servers`] listens.

mod desk;
mod model;
mod rules;
mod servers;
mod store;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix::{Actor, Arbiter, ArbiterHandle};
use actix_web::web;
use switchhook_actors::{
    call_session::{CallSession, Peers},
    directory::Directory,
    domain::{
        conversation::Rules,
        ids::InstanceId,
        persona::{Persona, PersonaProblems},
        prompt::PromptBuilder,
    },
    escalation_manager::{EscalationManager, Outlook},
    keeper::Keeper,
    llm_gateway::{LlmGateway, Patience, Policy},
    pulse::Pulse,
    registry::Registry,
};

use self::{desk::DeskChoice, model::ModelChoice, rules::pings, servers::Doors};
pub use self::{
    desk::desk as desk_in_words,
    rules::rules,
    servers::Servers,
    store::{open_doors, try_redis, try_store},
};
use crate::{
    clock,
    config::{Config, PublicUrl},
    http::{Access, Admission, Hold, Readiness, UnderWay, Web},
    limits::Descriptors,
    links::Links,
    models::openai::OpenAiError,
    stores::{
        Store,
        embedded::OpenError,
        redis::{self, Calls, LinkError},
    },
    telemetry::Metrics,
    twilio::{
        rest::RestError,
        session,
        signature::{Signatures, TokenError},
    },
};

/// The persona that answers when no other is configured.
pub const OWL_BANK: &str = include_str!("../deploy/personas/owl-bank.md");

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The persona file cannot be read.
    #[error("PERSONA_FILE: {0}: {1}")]
    PersonaFile(String, io::Error),
    /// The persona file is not a persona.
    #[error("PERSONA_FILE: {0}")]
    Persona(PersonaProblems),
    /// The ConversationRelay attributes do not go together.
    #[error("RELAY_…: {}", .0.join("; "))]
    Relay(Vec<String>),
    /// The store does not open.
    #[error("DATA_DIR: {0}")]
    Store(#[from] OpenError),
    /// The registry that the engines share gets no thread.
    #[error("REDIS_URL: the registry's thread cannot be started: {0}")]
    Thread(io::Error),
    /// The registry that the engines share will never do.
    #[error("REDIS_URL: {0}")]
    Redis(LinkError),
    /// The auth tokens are not usable.
    #[error("TWILIO_AUTH_TOKEN: {0}")]
    Signatures(#[from] TokenError),
    /// The model's settings are not usable.
    #[error("OPENAI_…: {0}")]
    Model(#[from] OpenAiError),
    /// Twilio's REST interface cannot be used with these settings.
    #[error("TWILIO_…: {0}")]
    Rest(RestError),
    /// The port is taken, or not ours to take.
    #[error("BIND, PORT: cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

/// A running engine.
pub struct Engine {
    /// Where it listens.
    pub address: SocketAddr,
    /// As Twilio sees it.
    pub public_url: PublicUrl,
    /// What all routes share.
    pub web: web::Data<Web>,
    /// The store, to be closed last.
    pub store: Store,
    /// Who takes calls, in words.
    pub desk: String,
    /// Whom to ask to stop, and who says that they have.
    pub servers: Servers,
}

/// Starts everything on the configured store. Calls are taken when this returns, or as soon as the
/// store that several engines share can be reached.
///
/// # Errors
/// When a part of the configuration only turns out to be wrong where it is used: a file, a port, a
/// directory.
pub fn start(
    config: &Config,
    metrics: Metrics,
    max_calls: usize,
    descriptors: Arc<Descriptors>,
) -> Result<Engine, StartError> {
    let alone = config.store.redis.is_none();
    let store = |engine| store::open(config, engine);
    assemble(store, alone, config, metrics, max_calls, descriptors)
}

/// Starts everything on that store, which other engines of this process may share.
///
/// # Errors
/// As [`start`].
pub fn start_on(
    store: impl FnOnce(redis::Engine) -> Result<Store, StartError>,
    config: &Config,
    metrics: Metrics,
    max_calls: usize,
    descriptors: Arc<Descriptors>,
) -> Result<Engine, StartError> {
    assemble(store, false, config, metrics, max_calls, descriptors)
}

/// `alone`: no other engine can hold a call of this store.
fn assemble(
    store: impl FnOnce(redis::Engine) -> Result<Store, StartError>,
    alone: bool,
    config: &Config,
    metrics: Metrics,
    max_calls: usize,
    descriptors: Arc<Descriptors>,
) -> Result<Engine, StartError> {
    let persona = Arc::new(persona(config)?);
    let relay = session::relay(&config.relay, &persona).map_err(StartError::Relay)?;
    let signatures = signatures(config)?;
    let model = ModelChoice::new(config, &persona, max_calls)?;
    let doors = Doors::open(config)?;
    let address = doors.address;
    let rules = rules(config, &persona);
    let public_url = config.public_url.on_port(&config.listen, address.port());
    let links = Arc::new(Links::new(&config.store.link_keys, public_url.origin()));
    let desk = DeskChoice::new(config, &links, &rules.language)?;
    let directory = Arc::new(Directory::<CallSession>::default());
    let instance = InstanceId(uuid::Uuid::now_v7().simple().to_string());
    let calls = Arc::clone(&directory);
    let calls = Calls(Arc::new(move || calls.held()));
    let hands = store::hands(&directory);
    let store = store(redis::Engine { instance: instance.clone(), calls, hands })?;
    let shared = Arbiter::new().handle();
    let registry = registry(&shared, &store, &directory, config.store.retention_hours);
    let outlook = Arc::new(Outlook::default());
    let escalations = desk.manager(&shared, &registry, &outlook);
    let patience =
        Patience { first_token: config.model.first_token_ms, token_gap: config.model.token_gap_ms };
    let policy = Arc::new(Policy::new(max_calls, patience));
    let greeting = config.relay.welcome_greeting.clone();
    let web = web::Data::new(Web {
        registry: Arc::clone(&registry),
        store_alive: Box::new(store::asks(&store, Store::is_alive)),
        policy: Arc::clone(&policy),
        store_failing: Box::new(store::asks(&store, Store::is_failing)),
        directory: Arc::clone(&directory),
        alone,
        instance: instance.clone(),
        public_url: public_url.clone(),
        signatures,
        access: Access::new(&config.access.tokens, config.access.open),
        links,
        escalations: Arc::clone(&escalations),
        hold: Hold {
            music: config.twilio.hold_music.clone(),
            wait_max: Duration::from_secs(config.twilio.escalation_wait_seconds),
            call_backs: desk.books_call_backs(),
        },
        greeting: greeting.unwrap_or_else(|| persona.greeting.clone()),
        relay,
        persona: Arc::clone(&persona),
        pings: pings(config),
        admission: Admission::new(max_calls, Arc::clone(&descriptors)),
        under_way: UnderWay::default(),
        readiness: Readiness::default(),
        metrics,
    });

    let prompts = Arc::new(PromptBuilder::new(&persona));
    let rules = Rules { has_people: desk.has_people(), ..rules };
    let worker = Worker {
        registry,
        escalations,
        outlook,
        directory,
        instance,
        persona,
        prompts,
        rules,
        policy,
        model,
    };
    let servers = doors.serve(config, &web, &worker, &descriptors)?;
    if !store.is_shared() {
        web.readiness.ready();
    }
    let desk = desk::desk(config);
    Ok(Engine { address, public_url, web, store, desk, servers })
}

/// The persona of `PERSONA_FILE`, or OWL Bank.
///
/// # Errors
/// When the file cannot be read, or is no persona: every problem with its line.
pub fn persona(config: &Config) -> Result<Persona, StartError> {
    let text = match &config.persona_file {
        None => OWL_BANK.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| StartError::PersonaFile(path.display().to_string(), error))?,
    };
    Persona::parse(&text).map_err(StartError::Persona)
}

fn signatures(config: &Config) -> Result<Option<Signatures>, StartError> {
    let tokens = &config.twilio.auth_tokens;
    if tokens.is_empty() {
        return Ok(None);
    }
    Ok(Some(Signatures::new(tokens.iter().cloned())?))
}

fn registry(
    shared: &ArbiterHandle,
    store: &Store,
    directory: &Arc<Directory<CallSession>>,
    retention_hours: u64,
) -> Arc<Keeper<Registry>> {
    let shared = shared.clone();
    let (store, directory) = (store.calls(), Arc::clone(directory));
    Arc::new(Keeper::new("registry", move || {
        let (store, directory) = (Arc::clone(&store), Arc::clone(&directory));
        Registry::start_in_arbiter(&shared, move |_| {
            let attended = Box::new(move || directory.calls());
            Registry::new(store, attended, Box::new(clock::now), retention_hours * 3_600_000)
        })
    }))
}

/// What every worker thread builds its own peers from.
#[derive(Clone)]
struct Worker {
    registry: Arc<Keeper<Registry>>,
    escalations: Arc<Keeper<EscalationManager>>,
    outlook: Arc<Outlook>,
    directory: Arc<Directory<CallSession>>,
    instance: InstanceId,
    persona: Arc<Persona>,
    prompts: Arc<PromptBuilder>,
    rules: Rules,
    policy: Arc<Policy>,
    model: ModelChoice,
}

impl Worker {
    /// Runs on the worker's thread: its gateway starts there.
    fn peers(&self) -> Peers {
        let (model, policy) = (self.model.clone(), Arc::clone(&self.policy));
        // Sessions of this thread alone ask it: a new one starts here as well.
        let pulse = Pulse::start();
        let beats = Arc::clone(&pulse);
        let gateway = Keeper::new("gateway", move || {
            LlmGateway::new(model.make(), Arc::clone(&policy), Arc::clone(&beats)).start()
        });
        Peers {
            registry: Arc::clone(&self.registry),
            gateway: Arc::new(gateway),
            escalations: Arc::clone(&self.escalations),
            outlook: Arc::clone(&self.outlook),
            directory: Arc::clone(&self.directory),
            instance: self.instance.clone(),
            pulse,
            persona: Arc::clone(&self.persona),
            prompts: Arc::clone(&self.prompts),
            rules: self.rules.clone(),
        }
    }
}
