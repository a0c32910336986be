//! The connections to Redis: which server is the master, and what becomes of a connection that
//! answers no more.
//!
//! One task does it for all. Whoever meets a broken connection reports it and goes on without; the
//! task asks the Sentinels again, checks the role, loads the functions, and hands out the new ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates,
    aio::MultiplexedConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use secrecy::ExposeSecret;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::keys;
use crate::config::RedisAddress;

/// The functions, loaded at every connect: a new server may not have them.
const FUNCTIONS: &str = include_str!("functions.lua");

/// The oldest Redis that has functions.
const VERSION_MIN: u32 = 7;

/// A server that has not answered by then is taken for dead: `WAIT` takes 180 ms at most.
const ANSWER: Duration = Duration::from_millis(500);

/// How long a connection may take to be opened.
const CONNECT: Duration = Duration::from_millis(500);

/// How long the whole search for a master may take: Sentinels may be dead as well.
const SEARCH: Duration = Duration::from_secs(3);

/// Pause before the search begins anew; doubled up to [`AGAIN_MAX`].
const AGAIN: Duration = Duration::from_millis(50);

/// The longest pause: Redis is found again within so long.
const AGAIN_MAX: Duration = Duration::from_millis(500);

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// It cannot be reached now.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(String),
    /// It never will do.
    #[error("Redis cannot be used: {0}")]
    Unusable(String),
}

/// The connections of one connect, to one master.
#[derive(Clone)]
pub(super) struct Wires {
    /// Counts the connects, so that a report about an old one does no harm.
    pub(super) number: u64,
    /// For writes that must be durable, and nothing else: `WAIT` holds it up.
    pub(super) durable: MultiplexedConnection,
    /// For everything else.
    pub(super) plain: MultiplexedConnection,
    /// Opens more to the same server.
    pub(super) client: Client,
    /// Whether the server has replicas, or should have.
    pub(super) replicated: bool,
    /// Which life of the store it was then.
    pub(super) generation: String,
}

/// What the store knows of its server.
#[derive(Clone)]
pub(super) enum State {
    /// Not found yet, or lost.
    Down(LinkError),
    /// There it is.
    Up(Box<Wires>),
}

/// Hands out connections. Clones share them.
#[derive(Clone)]
pub(super) struct Link {
    state: watch::Receiver<State>,
    reports: mpsc::UnboundedSender<u64>,
}

impl Link {
    /// Begins the search, on the runtime that this is called in.
    pub(super) fn start(address: RedisAddress) -> Self {
        let down = LinkError::Unreachable("not connected yet".to_owned());
        let (tell, state) = watch::channel(State::Down(down));
        let (reports, broken) = mpsc::unbounded_channel();
        tokio::spawn(keep(Seeker::new(address), tell, broken));
        Self { state, reports }
    }

    /// The connections, if there are any now.
    pub(super) fn wires(&self) -> Result<Wires, LinkError> {
        match &*self.state.borrow() {
            State::Up(wires) => Ok((**wires).clone()),
            State::Down(error) => Err(error.clone()),
        }
    }

    /// Whatever becomes of them.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Something went wrong on connections of that number. They are thrown away where that helps.
    pub(super) fn report(&self, number: u64, error: &RedisError) {
        if is_broken(error) {
            let _ = self.reports.send(number);
        }
    }
}

/// Whether the connection is of no more use: it is closed, silent, or no longer to the master. A
/// server that lost its functions gets them with the next connect.
fn is_broken(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        ErrorKind::Server(_) => {
            error.detail().is_some_and(|text| text.contains("unction not found"))
        }
        _ => true,
    }
}

/// Finds the master again and again.
async fn keep(
    mut seeker: Seeker,
    tell: watch::Sender<State>,
    mut broken: mpsc::UnboundedReceiver<u64>,
) {
    loop {
        let number = search(&mut seeker, &tell).await;
        loop {
            match broken.recv().await {
                None => return,
                Some(of) if of == number => break,
                Some(_) => {}
            }
        }
        tracing::warn!("the connection to Redis is broken; the master is looked for again");
        metrics::counter!("switchhook_redis_connects_total", "outcome" => "lost").increment(1);
        tell.send_replace(State::Down(LinkError::Unreachable("the connection broke".to_owned())));
    }
}

async fn search(seeker: &mut Seeker, tell: &watch::Sender<State>) -> u64 {
    let mut pause = AGAIN;
    let mut told = String::new();
    loop {
        let found = timeout(SEARCH, seeker.connect()).await;
        let error = match found {
            Ok(Ok(wires)) => {
                let number = wires.number;
                tracing::info!(replicated = wires.replicated, "connected to Redis");
                metrics::counter!("switchhook_redis_connects_total", "outcome" => "ok")
                    .increment(1);
                tell.send_replace(State::Up(Box::new(wires)));
                return number;
            }
            Ok(Err(error)) => error,
            Err(_) => LinkError::Unreachable("no master was found in time".to_owned()),
        };
        metrics::counter!("switchhook_redis_connects_total", "outcome" => "failed").increment(1);
        let text = error.to_string();
        if text != told {
            tracing::warn!("{text}");
            told = text;
        }
        tell.send_replace(State::Down(error));
        // Not all engines at once.
        sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(AGAIN_MAX);
    }
}

/// Knows where to look.
struct Seeker {
    address: RedisAddress,
    sentinel: Option<SentinelClient>,
    connects: Arc<AtomicU64>,
}

impl Seeker {
    fn new(address: RedisAddress) -> Self {
        Self { address, sentinel: None, connects: Arc::default() }
    }

    async fn connect(&mut self) -> Result<Wires, LinkError> {
        let client = self.master().await?;
        let mut plain = open(&client, Some(ANSWER)).await.map_err(unreachable)?;
        let facts = Facts::ask(&mut plain).await?;
        let load = redis::cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(FUNCTIONS).to_owned();
        let _: String = load.query_async(&mut plain).await.map_err(unreachable)?;
        let generation = generation(&mut plain).await.map_err(unreachable)?;
        let durable = open(&client, Some(ANSWER)).await.map_err(unreachable)?;
        let number = self.connects.fetch_add(1, Ordering::Relaxed);
        let replicated = self.address.is_sentinel() || facts.replicas > 0;
        Ok(Wires { number, durable, plain, client, replicated, generation })
    }

    async fn master(&mut self) -> Result<Client, LinkError> {
        let Some(master) = self.address.master.clone() else {
            return self.server().map_err(unusable);
        };
        if self.sentinel.is_none() {
            self.sentinel = Some(self.sentinels(&master).map_err(unusable)?);
        }
        let Some(sentinel) = &mut self.sentinel else {
            return Err(LinkError::Unreachable("no Sentinel".to_owned()));
        };
        // It asks for the role as well.
        let found = sentinel.async_get_client().await;
        if found.is_err() {
            // Its connections may be what is broken.
            self.sentinel = None;
        }
        found.map_err(unreachable)
    }

    fn server(&self) -> Result<Client, RedisError> {
        let (host, port) = self.address.hosts.first().cloned().unwrap_or_default();
        let info = address(host, port, self.address.tls)
            .into_connection_info()?
            .set_redis_settings(self.settings())
            .set_tcp_settings(tcp());
        match self.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    fn settings(&self) -> RedisConnectionInfo {
        let settings = RedisConnectionInfo::default().set_db(self.address.database);
        let settings = match &self.address.user {
            Some(user) => settings.set_username(user),
            None => settings,
        };
        match &self.address.password {
            Some(password) => settings.set_password(password.expose_secret()),
            None => settings,
        }
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, RedisError> {
        let Some(path) = &self.address.ca_file else { return Ok(None) };
        let root = std::fs::read(path)?;
        Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root) }))
    }

    fn sentinels(&self, master: &str) -> Result<SentinelClient, RedisError> {
        let tls = self.address.tls;
        let hosts = self.address.hosts.iter().cloned();
        let hosts = hosts.map(|(host, port)| address(host, port, tls));
        let mut builder = SentinelClientBuilder::new(hosts, master, SentinelServerType::Master)?
            .set_client_to_redis_db(self.address.database)
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
        if tls {
            builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
        }
        if let Some(user) = &self.address.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.address.password {
            builder = builder.set_client_to_redis_password(password.expose_secret());
        }
        if let Some(certificates) = self.certificates()? {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }
}

/// Opens a connection; without a bound on answers where it will wait for news.
pub(super) async fn open(
    client: &Client,
    answer: Option<Duration>,
) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(answer);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Which life of the store this is: one that has lost everything is given another name.
pub(super) async fn generation(redis: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let mine = uuid::Uuid::now_v7().simple().to_string();
    let mut order = redis::cmd("SET");
    order.arg(keys::GENERATION).arg(&mine).arg("NX").arg("GET");
    let stands: Option<String> = order.query_async(redis).await?;
    Ok(stands.unwrap_or(mine))
}

fn address(host: String, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn unreachable(error: RedisError) -> LinkError {
    LinkError::Unreachable(in_words(&error))
}

fn unusable(error: RedisError) -> LinkError {
    LinkError::Unusable(in_words(&error))
}

/// Without what was sent: a server may quote it.
pub(super) fn in_words(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("it answered {code}"),
        None => format!("{:?}: {}", error.kind(), error.category()),
    }
}

/// What a server says of itself that matters to us.
struct Facts {
    replicas: u64,
}

impl Facts {
    async fn ask(connection: &mut MultiplexedConnection) -> Result<Self, LinkError> {
        let info: String = redis::cmd("INFO").query_async(connection).await.map_err(unreachable)?;
        let fact = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
        };
        if fact("cluster_enabled") == "1" {
            let text = "it is a Cluster; a single server or Sentinel is wanted";
            return Err(LinkError::Unusable(text.to_owned()));
        }
        let version = fact("redis_version");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < VERSION_MIN) {
            let text = format!("it is version {version}, and {VERSION_MIN} is the least");
            return Err(LinkError::Unusable(text));
        }
        if fact("role") == "slave" {
            return Err(LinkError::Unreachable("the server is a replica".to_owned()));
        }
        let policy = fact("maxmemory_policy");
        if !policy.is_empty() && policy != "noeviction" {
            tracing::warn!(
                policy,
                "Redis may forget calls when its memory is full: set maxmemory-policy noeviction"
            );
        }
        Ok(Self { replicas: fact("connected_slaves").parse().unwrap_or(0) })
    }
}
