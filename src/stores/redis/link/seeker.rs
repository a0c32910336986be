//! Finds the master, makes sure that it will do, and connects to it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{FutureExt, future::select_ok};
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates,
    Value,
    aio::MultiplexedConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;

use super::{super::keys, ANSWER, LinkError, Wires, generation, in_words, open};
use crate::config::RedisAddress;

/// The functions, loaded at every connect: a new server may not have them.
const FUNCTIONS: &str = include_str!("../functions.lua");

/// The oldest Redis that has functions.
const VERSION_MIN: u32 = 7;

/// Knows where to look.
pub(super) struct Seeker {
    address: RedisAddress,
    /// One of each Sentinel, so that none has to wait for another.
    sentinels: Vec<SentinelClient>,
    connects: Arc<AtomicU64>,
}

impl Seeker {
    pub(super) fn new(address: RedisAddress) -> Self {
        Self { address, sentinels: Vec::new(), connects: Arc::default() }
    }

    pub(super) async fn connect(&mut self) -> Result<Wires, LinkError> {
        let client = self.master().await?;
        let mut plain = open(&client, Some(ANSWER)).await.map_err(unreachable)?;
        let facts = Facts::ask(&mut plain).await?;
        load(&mut plain).await.map_err(unreachable)?;
        let generation = generation(&mut plain).await.map_err(unreachable)?;
        let durable = open(&client, Some(ANSWER)).await.map_err(unreachable)?;
        let number = self.connects.fetch_add(1, Ordering::Relaxed);
        let replicas = facts.replicas;
        let replicated = self.address.is_sentinel() || replicas > 0;
        Ok(Wires { number, durable, plain, client, replicated, replicas, generation })
    }

    async fn master(&mut self) -> Result<Client, LinkError> {
        let Some(master) = self.address.master.clone() else { return self.server() };
        if self.sentinels.is_empty() {
            self.sentinels = self.sentinels(&master)?;
        }
        // The first counts that knows a master which says that it is one. A dead Sentinel takes a
        // second to be noticed.
        let asked = self.sentinels.iter_mut().map(|each| each.async_get_client().boxed());
        let found = select_ok(asked).await.map(|(found, _)| found);
        if found.is_err() {
            // The connections to them may be what is broken.
            self.sentinels.clear();
        }
        found.map_err(unreachable)
    }

    fn server(&self) -> Result<Client, LinkError> {
        let (host, port) = self.address.hosts.first().cloned().unwrap_or_default();
        let info = address(host, port, self.address.tls).into_connection_info();
        let info = info.map_err(unusable)?;
        let info = info.set_redis_settings(self.settings()).set_tcp_settings(tcp());
        let client = match self.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        };
        client.map_err(unusable)
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

    /// What `REDIS_CA_FILE` holds.
    fn certificates(&self) -> Result<Option<TlsCertificates>, LinkError> {
        let Some(path) = &self.address.ca_file else { return Ok(None) };
        let refused = |why: String| LinkError::Unusable(format!("REDIS_CA_FILE {why}"));
        let root = std::fs::read(path).map_err(|error| refused(format!("is not read: {error}")))?;
        let mut all = CertificateDer::pem_slice_iter(&root);
        if all.next().is_none_or(|first| first.is_err()) {
            return Err(refused("holds no certificate in PEM".to_owned()));
        }
        Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root) }))
    }

    fn sentinels(&self, master: &str) -> Result<Vec<SentinelClient>, LinkError> {
        let certificates = self.certificates()?;
        let hosts = self.address.hosts.iter();
        let clients = hosts.map(|at| self.sentinel(at.clone(), master, certificates.clone()));
        clients.collect::<Result<_, _>>().map_err(unusable)
    }

    fn sentinel(
        &self,
        (host, port): (String, u16),
        master: &str,
        certificates: Option<TlsCertificates>,
    ) -> Result<SentinelClient, RedisError> {
        let tls = self.address.tls;
        let host = [address(host, port, tls)];
        let mut builder = SentinelClientBuilder::new(host, master, SentinelServerType::Master)?
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
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }
}

/// Loads the functions. A server whose memory is full takes none, and may have them already.
async fn load(redis: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let load = redis::cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(FUNCTIONS).to_owned();
    let Err(refused) = load.query_async::<Value>(redis).await else { return Ok(()) };
    if refused.code() != Some("OOM") {
        return Err(refused);
    }
    // It unlinks nothing: there is no such call.
    let mut one_of_them = redis::cmd("FCALL");
    one_of_them.arg("sh1_unlink").arg(1).arg(keys::alias("none")).arg("none");
    match one_of_them.query_async::<Value>(redis).await {
        Err(error) if error.code() == Some("OOM") => Ok(()),
        Err(_) => Err(refused),
        Ok(_) => Ok(()),
    }
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
