//! Who listens: a server for each worker thread, all on one address.
//!
//! The kernel spreads connections over them by chance (`SO_REUSEPORT`). One server with several
//! workers would deal them out in turn: where each call brings a webhook and then a socket, every
//! socket falls to the same worker.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::Condition,
    web,
};
use futures_util::future::{join_all, try_join_all};

use super::{StartError, Worker};
use crate::{
    config::Config,
    http::{self, Web},
    limits::{Accepted, Descriptors},
};

/// How long a server waits for open connections once the calls are gone, s.
const PATIENCE: u64 = 2;

/// Worker threads at most: more descriptors than that for listening alone are not spent.
const WORKERS_MAX: usize = 512;

/// Connections that may wait for a worker to accept them: a burst of calls.
const BACKLOG: i32 = 4_096;

/// Listeners on one address, one for each worker.
pub(super) struct Doors {
    pub(super) address: SocketAddr,
    listeners: Vec<TcpListener>,
}

impl Doors {
    /// Opens them. Connections wait until somebody serves.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let asked = SocketAddr::new(config.listen.bind, config.listen.port);
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(WORKERS_MAX);
        Self::listen(asked, workers).map_err(|error| StartError::Listen(asked, error))
    }

    fn listen(asked: SocketAddr, workers: usize) -> io::Result<Self> {
        // Whoever shares a port is not told that another program of the same user does so too; of two
        // that start within microseconds neither is.
        bind(asked, false)?;
        let first = listen(asked)?;
        let address = first.local_addr()?;
        let mut listeners = vec![first];
        for _ in 1..workers {
            listeners.push(listen(address)?);
        }
        Ok(Self { address, listeners })
    }

    /// Starts the servers.
    pub(super) fn serve(
        self,
        config: &Config,
        web: &web::Data<Web>,
        worker: &Worker,
        descriptors: &Arc<Descriptors>,
    ) -> Result<Servers, StartError> {
        let share = descriptors.share_among(self.listeners.len());
        let servers = self.listeners.into_iter().enumerate().map(|(number, listener)| {
            let descriptors = Arc::clone(descriptors);
            let accepted = move || descriptors.accepted(number);
            serve(listener, (share, accepted), config, web.clone(), worker.clone())
        });
        let servers: io::Result<Vec<_>> = servers.collect();
        servers.map(Servers).map_err(|error| StartError::Listen(self.address, error))
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A server of one worker, which accepts `share` connections at most: more would wait outside
/// anyway, and take the descriptors of calls that are held.
fn serve(
    listener: TcpListener,
    (share, accepted): (usize, impl Fn() -> Accepted + Clone + Send + Sync + 'static),
    config: &Config,
    web: web::Data<Web>,
    worker: Worker,
) -> io::Result<Server> {
    // How long written data may stay unacknowledged before the kernel gives the socket up: the only
    // thing that frees a line whose peer has stopped reading.
    let stall = Duration::from_secs(config.limits.line_stall_seconds);
    let origins = config.cors_origins.clone();
    let factory = move || {
        App::new()
            .app_data(web.clone())
            .app_data(web::Data::new(worker.peers()))
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .configure(http::routes)
    };
    let server = HttpServer::new(factory)
        .workers(1)
        .max_connections(share)
        .on_connect(move |connection, extensions| {
            extensions.insert(accepted());
            if let Some(tcp) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
                let socket = socket2::SockRef::from(tcp);
                // A socket that refuses has been closed by its peer: it ends by itself.
                let _ = socket.set_tcp_user_timeout(Some(stall));
                let _ = socket.set_tcp_nodelay(true);
            }
        })
        .disable_signals()
        .shutdown_timeout(PATIENCE)
        .listen(listener)?;
    Ok(server.run())
}

/// Pages of other origins that may read: an exact list.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default().allow_any_header().allowed_methods(["GET", "POST", "DELETE"]);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// The servers of all workers.
pub struct Servers(Vec<Server>);

impl Servers {
    /// Stops them.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(self.0.iter().map(Server::handle).collect())
    }

    /// Serves until all have stopped.
    ///
    /// # Errors
    /// When one of them cannot serve.
    pub async fn serve(self) -> io::Result<()> {
        try_join_all(self.0).await.map(drop)
    }
}

/// Stops [`Servers`].
pub struct Stop(Vec<ServerHandle>);

impl Stop {
    /// Waits for answers that are under way, for a moment, and closes what is left.
    pub async fn gracefully(self) {
        join_all(self.0.iter().map(|server| server.stop(true))).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::TcpStream};

    use super::*;

    const ANYWHERE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    /// A webhook and a socket a call: every second connection is one that stays.
    #[test]
    fn sockets_reach_every_worker_where_each_comes_behind_a_webhook() {
        let doors = Doors::listen(ANYWHERE, 2).unwrap();
        // All to one of two by chance: once in 2^127 times.
        let sockets: Vec<_> = (0..128)
            .map(|_| {
                drop(TcpStream::connect(doors.address).unwrap());
                TcpStream::connect(doors.address).unwrap()
            })
            .collect();
        let mut staying = [0; 2];
        for (listener, staying) in doors.listeners.iter().zip(&mut staying) {
            listener.set_nonblocking(true).unwrap();
            while let Ok((_, peer)) = listener.accept() {
                *staying +=
                    usize::from(sockets.iter().any(|own| own.local_addr().unwrap() == peer));
            }
        }
        assert_eq!(staying.iter().sum::<usize>(), 128);
        assert!(staying.iter().all(|staying| *staying > 0), "{staying:?}");
    }

    #[test]
    fn a_port_that_another_program_has_is_refused_even_where_it_shares_it() {
        let doors = Doors::listen(ANYWHERE, 3).unwrap();
        let again = Doors::listen(doors.address, 1).map(|doors| doors.address);
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
        let alone = TcpListener::bind(ANYWHERE).unwrap();
        let again = Doors::listen(alone.local_addr().unwrap(), 2).map(|doors| doors.address);
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
