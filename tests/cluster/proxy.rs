//! A door before a server, that can be cut: for everybody, for all but one process, or for that one.
//! It can be slow as well.
//!
//! What is cut off stays connected and hears nothing any more, as on a network that loses every
//! packet: bytes stop both ways, new connections are taken and stay silent. What was sent meanwhile
//! arrives when the door is mended, as late as that may be. Processes are told apart by the socket at
//! the other end of a connection, which the system lists under who has it open.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Handle,
    sync::watch,
};

use super::free_port;

/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;

/// Whom a door lets through no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is whole.
    Nobody,
    /// Everybody.
    Everybody,
    /// All but the process with that id.
    AllBut(u32),
    /// Only the process with that id.
    Only(u32),
}

/// How a door is.
#[derive(Debug, Clone, Copy)]
struct State {
    cut: Cut,
    /// For how long it holds back what the server is asked.
    delay: Duration,
}

/// A door; it closes, with all its connections, when this is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens, on loopback.
    pub(crate) port: u16,
    state: watch::Sender<State>,
}

impl Proxy {
    /// Opens one before the server at that port, which need not be there yet.
    pub(crate) fn before(server: u16) -> Self {
        let port = free_port();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a door");
        listener.set_nonblocking(true).expect("a door");
        let (state, states) = watch::channel(State { cut: Cut::Nobody, delay: Duration::ZERO });
        runtime().spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a door");
            take(listener, server, states).await;
        });
        Self { port, state }
    }

    /// Cuts it so, at once and for connections that stand as well.
    pub(crate) fn cut(&self, cut: Cut) {
        self.state.send_modify(|state| state.cut = cut);
    }

    /// Holds back for so long what the server is asked from now on.
    pub(crate) fn slow(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }
}

/// All doors are on one thread of their own: those who break a cluster wait without a runtime.
fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}

async fn take(listener: TcpListener, server: u16, mut states: watch::Receiver<State>) {
    let own = listener.local_addr().expect("a door").port();
    loop {
        tokio::select! {
            taken = listener.accept() => {
                let Ok((caller, peer)) = taken else { continue };
                let gate = Gate { socket: socket_of(peer, own), states: states.clone() };
                tokio::spawn(serve(caller, server, gate));
            }
            over = gone(&mut states) => return over,
        }
    }
}

/// Waits until the door is gone.
async fn gone(states: &mut watch::Receiver<State>) {
    while states.changed().await.is_ok() {}
}

/// What decides whether a connection passes.
#[derive(Debug, Clone)]
struct Gate {
    /// The number of the socket at its other end, as the system lists it.
    socket: Option<String>,
    states: watch::Receiver<State>,
}

impl Gate {
    /// Waits until it is open; an error when there is no door any more.
    async fn open(&mut self) -> io::Result<()> {
        loop {
            let State { cut, .. } = *self.states.borrow_and_update();
            if self.is_open_when(cut) {
                return Ok(());
            }
            self.states.changed().await.map_err(io::Error::other)?;
        }
    }

    /// Waits for another cut.
    async fn changed(&mut self) -> io::Result<()> {
        self.states.changed().await.map_err(io::Error::other)
    }

    /// Waits for as long as the door is slow.
    async fn delay(&self) {
        let State { delay, .. } = *self.states.borrow();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    fn is_open_when(&self, cut: Cut) -> bool {
        let is_of = |pid| self.socket.as_ref().is_some_and(|socket| has_open(pid, socket));
        match cut {
            Cut::Nobody => true,
            Cut::Everybody => false,
            Cut::AllBut(pid) => is_of(pid),
            Cut::Only(pid) => !is_of(pid),
        }
    }
}

/// One connection; either end closes both.
async fn serve(caller: TcpStream, server: u16, mut gate: Gate) -> io::Result<()> {
    gate.open().await?;
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    for socket in [&caller, &server] {
        socket.set_nodelay(true)?;
    }
    let ((from_caller, to_caller), (from_server, to_server)) =
        (caller.into_split(), server.into_split());
    tokio::select! {
        over = pass(from_caller, to_server, gate.clone(), true) => over,
        over = pass(from_server, to_caller, gate, false) => over,
    }
}

/// What is asked waits at a slow door, what is answered does not.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: Gate,
    is_asked: bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        gate.open().await?;
        let length = tokio::select! {
            // What comes with a cut does not pass it.
            biased;
            changed = gate.changed() => {
                changed?;
                continue;
            }
            length = from.read(&mut piece) => length?,
        };
        if length == 0 {
            return Ok(());
        }
        if is_asked {
            gate.delay().await;
        }
        gate.open().await?;
        to.write_all(&piece[..length]).await?;
    }
}

/// The number of the socket at the other end of a connection to a port of this machine.
fn socket_of(peer: SocketAddr, own: u16) -> Option<String> {
    let sockets = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let ends = [format!("0100007F:{:04X}", peer.port()), format!("0100007F:{own:04X}")];
    sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_it =
            fields.get(1) == Some(&ends[0].as_str()) && fields.get(2) == Some(&ends[1].as_str());
        is_it.then(|| fields.get(9).map(|number| (*number).to_owned())).flatten()
    })
}

fn has_open(pid: u32, socket: &str) -> bool {
    let name = format!("socket:[{socket}]");
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten().any(|open| {
        std::fs::read_link(open.path()).is_ok_and(|target| target.as_os_str() == name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read as _, Write as _},
        net::{TcpListener, TcpStream},
        time::Instant,
    };

    use super::*;

    /// As long as one looks for something that does not come.
    const SILENCE: Duration = Duration::from_millis(150);

    /// A server that says back what it is told.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut &caller, &mut &caller);
                });
            }
        });
        port
    }

    fn connect(door: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).unwrap()
    }

    #[track_caller]
    fn hears(mut socket: &TcpStream, word: &[u8]) {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut heard = vec![0; word.len()];
        socket.read_exact(&mut heard).unwrap();
        assert_eq!(heard, word);
    }

    #[track_caller]
    fn hears_nothing(mut socket: &TcpStream) {
        socket.set_read_timeout(Some(SILENCE)).unwrap();
        let nothing = socket.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(nothing, Err(ErrorKind::WouldBlock));
    }

    #[test]
    fn who_is_cut_off_stays_connected_and_hears_it_all_when_the_door_is_mended() {
        let door = Proxy::before(echo());
        let mut old = connect(&door);
        old.write_all(b"one").unwrap();
        hears(&old, b"one");
        door.cut(Cut::Everybody);
        old.write_all(b"two").unwrap();
        hears_nothing(&old);
        let mut new = connect(&door);
        new.write_all(b"three").unwrap();
        hears_nothing(&new);
        door.cut(Cut::Nobody);
        hears(&old, b"two");
        hears(&new, b"three");
    }

    #[test]
    fn a_slow_door_holds_back_what_is_asked_until_it_is_mended() {
        let door = Proxy::before(echo());
        let mut socket = connect(&door);
        door.slow(SILENCE * 2);
        let asked = Instant::now();
        socket.write_all(b"one").unwrap();
        hears_nothing(&socket);
        hears(&socket, b"one");
        assert!(asked.elapsed() >= SILENCE * 2);
        // One that is as slow as that could not answer before.
        door.slow(Duration::from_secs(60));
        door.slow(Duration::ZERO);
        socket.write_all(b"two").unwrap();
        hears(&socket, b"two");
    }

    #[test]
    fn a_door_is_cut_for_one_process_or_for_all_the_others() {
        let door = Proxy::before(echo());
        let mut socket = connect(&door);
        let (us, other) = (std::process::id(), 1);
        for (cut, passes) in [
            (Cut::AllBut(us), true),
            (Cut::Only(us), false),
            (Cut::Only(other), true),
            (Cut::AllBut(other), false),
        ] {
            door.cut(cut);
            socket.write_all(b"word").unwrap();
            if !passes {
                hears_nothing(&socket);
                door.cut(Cut::Nobody);
            }
            hears(&socket, b"word");
        }
    }
}
