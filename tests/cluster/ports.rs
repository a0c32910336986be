//! Ports that nobody listens on.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, TcpListener},
    sync::Mutex,
};

/// Given out by this process already: a server that was killed comes back to its own.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A free port below those that the system gives to connections and to servers without a wish, so
/// that it is still free when its server, or the next one, comes.
pub(crate) fn free_port() -> u16 {
    let mut given = GIVEN.lock().expect("nobody panics with it");
    let given = given.get_or_insert_default();
    loop {
        let port = fastrand::u16(10_000..32_000);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
}
