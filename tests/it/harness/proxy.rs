//! A proxy between a caller and the engine that stops doing its work and keeps its connections.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use switchhook::caller::RingOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use super::{engine::Engine, raw::UNREAD};

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It reads nothing more: what is sent to it piles up.
    Still,
    /// It reads everything and passes nothing on: what is sent to it is acknowledged, and lost.
    Swallow,
}

/// A running proxy. Connections that come after a failure work again.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) url: String,
    target: Arc<watch::Sender<SocketAddr>>,
    failure: Arc<watch::Sender<Option<Failure>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(engine: &Engine) -> Self {
        let target = Arc::new(watch::Sender::new(address(engine)));
        let leads_to = target.subscribe();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("no free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let failure = Arc::new(watch::Sender::new(None));
        let failed = Arc::clone(&failure);
        let accepting = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.expect("out of sockets");
                let far = TcpSocket::new_v4().expect("a socket");
                far.set_recv_buffer_size(UNREAD).expect("a small buffer");
                let target = *leads_to.borrow();
                let far = far.connect(target).await.expect("the engine");
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, failed.subscribe()));
                tokio::spawn(pass(far_in, near_out, failed.subscribe()));
            }
        });
        Self { url, target, failure, accepting }
    }

    /// An ordinary caller whose connections all go through it.
    pub(crate) fn caller(&self, engine: &Engine) -> RingOptions {
        RingOptions {
            url: self.url.clone(),
            public_url: Some(engine.url.clone()),
            reconnect: false,
            ..engine.caller()
        }
    }

    /// Leads to another engine from now on; connections stay where they are.
    pub(crate) fn lead_to(&self, engine: &Engine) {
        self.target.send_replace(address(engine));
    }

    /// Fails every connection there is.
    pub(crate) fn fail(&self, how: Failure) {
        self.failure.send_replace(Some(how));
    }
}

fn address(engine: &Engine) -> SocketAddr {
    let address = engine.url.strip_prefix("http://").expect("an address");
    address.parse().expect("an address")
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut failure: watch::Receiver<Option<Failure>>,
) {
    let mut chunk = [0; 4_096];
    let mut swallows = false;
    loop {
        let read = tokio::select! {
            biased;
            // The proxy is gone only with its story.
            _ = failure.changed() => {
                swallows = true;
                if *failure.borrow_and_update() == Some(Failure::Still) {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            read = from.read(&mut chunk) => read,
        };
        match read {
            Ok(read @ 1..) if swallows => drop(chunk.get(..read)),
            Ok(read @ 1..) => {
                if to.write_all(&chunk[..read]).await.is_err() {
                    return;
                }
            }
            // A failed proxy does not pass an end on either.
            _ if swallows => std::future::pending().await,
            _ => return,
        }
    }
}
