//! Watches every Redis server for as long as the run lasts, as a user of its own who may do
//! everything.
//!
//! A server that changes its role throws the witness out with everybody else; until it is back some
//! lines are missed, which [`Fence::unseen`](crate::fence::Fence::unseen) counts.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    cluster::{Redis, wait_for},
    trace::{self, Deed, Event},
};

/// From one attempt to reach a server that is away to the next.
const AGAIN: Duration = Duration::from_millis(2);

/// How long lines may be on their way.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Reads what the servers do.
pub(crate) struct Witness {
    servers: Vec<(u16, Arc<Mutex<Vec<Event>>>)>,
    over: Arc<AtomicBool>,
}

impl Witness {
    /// Begins to watch these servers.
    pub(crate) fn of(servers: &[Redis]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let watched = servers.iter().map(|server| {
            let events = Arc::new(Mutex::new(Vec::new()));
            let (port, login) = (server.inner, server.admin());
            let (seen, over) = (events.clone(), over.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // Whatever ends it: the server is gone, or throws everybody out.
                    let _ = follow(port, login, &seen);
                    #[expect(clippy::disallowed_methods, reason = "it has nothing else to do")]
                    std::thread::sleep(AGAIN);
                }
            });
            (port, events)
        });
        Self { servers: watched.collect(), over }
    }

    /// Everything that each server has done, when all of it has been read.
    pub(crate) fn tell(&self, servers: &[Redis]) -> Vec<Vec<Event>> {
        let mark = format!("mark-{}", fastrand::u64(..));
        for server in servers {
            server.order(&["PING", &mark]);
        }
        let told = self.servers.iter().map(|(port, events)| {
            wait_for(&format!("all that {port} did is read"), READ_WITHIN, || {
                let events = events.lock().expect("nobody panics with it");
                let read = |event: &Event| event.deed == Deed::Marked(mark.clone());
                events.iter().rev().take(1_000).any(read).then(|| events.clone())
            })
        });
        told.collect()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn follow(
    port: u16,
    (user, password): (&str, &str),
    seen: &Mutex<Vec<Event>>,
) -> std::io::Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.write_all(format!("AUTH {user} {password}\r\nMONITOR\r\n").as_bytes())?;
    let mut lines = BufReader::new(socket);
    let mut line = Vec::new();
    let mut answers = 0;
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = line.trim_ascii_end();
        let event = if answers < 2 {
            // Of its name and of the order.
            answers += 1;
            (answers == 2).then_some(Event { at_us: 0, decided: false, deed: Deed::Joined })
        } else {
            trace::read(text)
        };
        seen.lock().expect("nobody panics with it").extend(event);
        line.clear();
    }
    Ok(())
}
