//! Something that looks like an engine to the balancer, and is as well or ill as a story wants it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::cluster::parts::{free_port, wait_for};

/// No answer at all: what the system does for a process that is frozen.
pub(crate) const FROZEN: u16 = 0;

/// Long enough for the balancer to notice anything.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_secs(15);

/// The key of RFC 6455's own example, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Listens until the process ends.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// What `/readyz` answers.
    ready: AtomicU16,
    /// Whether it closes connections instead of answering anything else.
    dies: AtomicBool,
    /// Whether it stops to listen.
    killed: AtomicBool,
    sockets: AtomicUsize,
    requests: AtomicUsize,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let state = Arc::new(State {
            ready: AtomicU16::new(200),
            dies: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            sockets: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if serving.killed.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&serving);
                std::thread::spawn(move || serve(socket, &state));
            }
        });
        Self { port, state }
    }

    /// From now on `/readyz` answers that.
    pub(crate) fn be(&self, ready: u16) {
        self.state.ready.store(ready, Ordering::SeqCst);
    }

    /// From now on it is well by its own account, and closes what it is asked.
    pub(crate) fn die_of_every_request(&self) {
        self.state.dies.store(true, Ordering::SeqCst);
    }

    /// From now on nobody listens on its port.
    pub(crate) fn kill(&self) {
        self.state.killed.store(true, Ordering::SeqCst);
        // The first connection lets it notice.
        wait_for("nobody listens", NOTICED_WITHIN, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err().then_some(())
        });
    }

    /// Sockets that it was given.
    pub(crate) fn sockets(&self) -> usize {
        self.state.sockets.load(Ordering::SeqCst)
    }

    /// Other requests that came to it.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

/// Requests until the other side closes; an upgraded socket says everything back.
fn serve(mut socket: TcpStream, state: &State) {
    while let Some(head) = head(&mut socket) {
        let answer = if head.contains(" /readyz ") {
            match state.ready.load(Ordering::SeqCst) {
                FROZEN => return swallow(&mut socket),
                status => format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n"),
            }
        } else if state.ready.load(Ordering::SeqCst) == FROZEN {
            return swallow(&mut socket);
        } else if head.to_lowercase().contains("upgrade: websocket") {
            state.sockets.fetch_add(1, Ordering::SeqCst);
            let upgrade = "Upgrade: websocket\r\nConnection: Upgrade";
            let answer =
                format!("HTTP/1.1 101 Yes\r\n{upgrade}\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n");
            let _ = socket.write_all(answer.as_bytes());
            return echo(&mut socket);
        } else {
            state.requests.fetch_add(1, Ordering::SeqCst);
            if state.dies.load(Ordering::SeqCst) {
                return;
            }
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nengine".to_owned()
        };
        if socket.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn swallow(socket: &mut TcpStream) {
    let _ = std::io::copy(socket, &mut std::io::sink());
}

fn echo(socket: &mut TcpStream) {
    let mut bytes = [0; 64];
    while let Ok(read @ 1..) = socket.read(&mut bytes) {
        if socket.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

/// Up to the empty line; none at the end of the connection.
fn head(socket: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// A socket through the balancer, as Twilio opens one.
#[derive(Debug)]
pub(crate) struct Line(TcpStream);

impl Line {
    pub(crate) fn open(port: u16) -> Self {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the balancer");
        socket.set_read_timeout(Some(NOTICED_WITHIN)).expect("a deadline");
        let request = format!(
            "GET /conversation/CA1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).expect("the balancer reads");
        let answer = head(&mut socket).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self(socket)
    }

    /// Whether what is said on it comes back.
    pub(crate) fn is_open(&mut self) -> bool {
        let mut heard = [0; 5];
        let said = self.0.write_all(b"hello").and_then(|()| self.0.read_exact(&mut heard));
        said.is_ok() && heard == *b"hello"
    }

    /// Waits until the other side closes it; says whether it did.
    pub(crate) fn is_cut(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A request on a connection of its own; head and body of the answer.
pub(crate) fn request(port: u16, method: &str, path: &str) -> String {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the balancer");
    socket.set_read_timeout(Some(NOTICED_WITHIN)).expect("a deadline");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("the balancer reads");
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    answer
}
