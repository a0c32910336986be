//! The connections to Redis: which server is the master, and what becomes of a connection that
//! answers no more.
//!
//! One task does it for all. Whoever meets a broken connection reports it and goes on without; the
//! task has a [`seeker`] ask the Sentinels again, at a [`pace`], and hands out the new ones.

mod pace;
mod seeker;

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::sync::{mpsc, watch};

use self::{pace::Pace, seeker::Seeker};
use super::keys;
use crate::config::RedisAddress;

/// A server that has not answered by then is taken for dead: `WAIT` takes 180 ms at most.
const ANSWER: Duration = Duration::from_millis(500);

/// How long a connection may take to be opened.
const CONNECT: Duration = Duration::from_millis(500);

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
    /// How many were connected to it then.
    pub(super) replicas: u64,
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
    /// Another server may be the master by now.
    is_sentinel: bool,
}

impl Link {
    /// Begins the search, on the runtime that this is called in.
    pub(super) fn start(address: RedisAddress) -> Self {
        let down = LinkError::Unreachable("not connected yet".to_owned());
        let (tell, state) = watch::channel(State::Down(down));
        let (reports, broken) = mpsc::unbounded_channel();
        let is_sentinel = address.is_sentinel();
        tokio::spawn(keep(Seeker::new(address), tell, broken));
        Self { state, reports, is_sentinel }
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
        if is_broken(error, self.is_sentinel) {
            let _ = self.reports.send(number);
        }
    }
}

/// Whether the connection is of no more use: it is closed, silent, or no longer to the master, which
/// one without replicas may be. A server that lost its functions gets them with the next connect. One
/// that refuses for another reason (its memory is full, its disk is, a value is of another type) would
/// do so on every connection.
fn is_broken(error: &RedisError, is_sentinel: bool) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed => true,
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        ErrorKind::Server(_) => is_without_function(error),
        ErrorKind::Extension => is_sentinel && error.code() == Some("NOREPLICAS"),
        _ => false,
    }
}

/// Whether the server does not know one of our functions.
fn is_without_function(error: &RedisError) -> bool {
    error.detail().is_some_and(|text| text.contains("unction not found"))
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
    let mut pace = Pace::default();
    let mut told = String::new();
    loop {
        let error = match pace.search(seeker.connect()).await {
            Ok(wires) => {
                let number = wires.number;
                tracing::info!(replicas = wires.replicas, "connected to Redis");
                metrics::counter!("switchhook_redis_connects_total", "outcome" => "ok")
                    .increment(1);
                tell.send_replace(State::Up(Box::new(wires)));
                return number;
            }
            Err(error) => error,
        };
        metrics::counter!("switchhook_redis_connects_total", "outcome" => "failed").increment(1);
        let text = error.to_string();
        if text != told {
            tracing::warn!("{text}");
            told = text;
        }
        tell.send_replace(State::Down(error));
        pace.rest().await;
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

/// Which life of the store this is: one that has lost everything is given another name. A server
/// whose memory is full still says which.
pub(super) async fn generation(redis: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let stands = redis::cmd("GET").arg(keys::GENERATION).query_async(redis).await?;
    if let Some(stands) = stands {
        return Ok(stands);
    }
    let mine = uuid::Uuid::now_v7().simple().to_string();
    let mut order = redis::cmd("SET");
    order.arg(keys::GENERATION).arg(&mine).arg("NX").arg("GET");
    let stands: Option<String> = order.query_async(redis).await?;
    Ok(stands.unwrap_or(mine))
}

/// Without what was sent: a server may quote it.
pub(super) fn in_words(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("it answered {code}"),
        // What the system or TLS says: no server has a part in it.
        None if error.kind() == ErrorKind::Io => error.to_string(),
        None => format!("{:?}: {}", error.kind(), error.category()),
    }
}
