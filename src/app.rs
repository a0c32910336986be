//! The only file that knows everybody: it starts the actors, sinks first, then the server.
//!
//! A `shared` arbiter holds the registry, so that a worker busy with tokens never delays a durable
//! write. Each worker thread has its lines, its sessions and one gateway; all gateways share one
//! policy. Chapters: [`model`] and [`desk`] choose who answers and who takes calls, [`rules`] by what
//! deadlines, [`store`] where calls are kept.

mod desk;
mod model;
mod rules;
mod store;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::Duration,
};

use actix::{Actor, Arbiter, ArbiterHandle};
use actix_cors::Cors;
use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::Condition,
    web,
};
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

use self::{desk::DeskChoice, model::ModelChoice, rules::pings};
pub use self::{
    desk::desk as desk_in_words,
    rules::rules,
    store::{open_doors, try_redis, try_store},
};
use crate::{
    clock,
    config::{Config, PublicUrl},
    http::{self, Access, Admission, Hold, Readiness, UnderWay, Web},
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

/// How long the server waits for open connections once the calls are gone, s.
const SERVER_PATIENCE: u64 = 2;

/// Worker threads at most: what the server accepts.
const WORKERS_MAX: usize = 512;

/// Connections that may wait to be accepted: a burst of calls.
const BACKLOG: i32 = 4_096;

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
    /// Stops the server.
    pub handle: ServerHandle,
    /// Resolves when the server has stopped.
    pub server: Server,
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
    let listener = listen(config)?;
    let address = listener.local_addr().map_err(|error| {
        StartError::Listen(SocketAddr::new(config.listen.bind, config.listen.port), error)
    })?;
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
    let stall = Duration::from_secs(config.limits.line_stall_seconds);
    let origins = config.cors_origins.clone();
    let server = serve(listener, web.clone(), worker, descriptors, origins, stall)
        .map_err(|error| StartError::Listen(address, error))?;
    if !store.is_shared() {
        web.readiness.ready();
    }
    let desk = desk::desk(config);
    Ok(Engine { address, public_url, web, store, desk, handle: server.handle(), server })
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

fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(config.listen.bind, config.listen.port);
    let bind = || -> io::Result<TcpListener> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|error| StartError::Listen(address, error))
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

/// `stall`: how long written data may stay unacknowledged before the kernel gives the socket up. It
/// is the only thing that frees a line whose peer has stopped reading.
fn serve(
    listener: TcpListener,
    web: web::Data<Web>,
    worker: Worker,
    descriptors: Arc<Descriptors>,
    origins: Vec<String>,
    stall: Duration,
) -> io::Result<Server> {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(WORKERS_MAX);
    let connections = (descriptors.connections_max() / workers).max(1);
    let factory = move || {
        App::new()
            .app_data(web.clone())
            .app_data(web::Data::new(worker.peers()))
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .configure(http::routes)
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        // More would wait in the backlog anyway, and take the descriptors of calls that are held.
        .max_connections(connections)
        .on_connect(move |connection, extensions| {
            extensions.insert(descriptors.accepted());
            if let Some(tcp) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
                let socket = socket2::SockRef::from(tcp);
                // A socket that refuses has been closed by its peer: it ends by itself.
                let _ = socket.set_tcp_user_timeout(Some(stall));
                let _ = socket.set_tcp_nodelay(true);
            }
        })
        .disable_signals()
        .shutdown_timeout(SERVER_PATIENCE)
        .listen(listener)?;
    Ok(server.run())
}

/// Pages of other origins that may read: an exact list.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default().allow_any_header().allowed_methods(["GET", "POST", "DELETE"]);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
