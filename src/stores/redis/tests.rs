//! The contract, on a Redis of the test's own.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use switchhook_actors::{
    domain::{
        ids::{InstanceId, TurnId},
        record::Status,
        transcript::Role,
    },
    registry::store::CallStore,
};
use tempfile::TempDir;

use super::*;
use crate::stores::{
    contract::{BEGIN, Home, contract},
    sealed::{Place, tests::vault},
};

#[path = "../../../tests/cluster/parts.rs"]
pub(crate) mod cluster;
mod erasing;
mod full;
mod orders;
mod replicated;
mod secrecy;
mod tls;

/// A server of the test's own. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    dir: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let (port, dir) = (cluster::free_port(), tempfile::tempdir().unwrap());
        Self { child: run(port, &dir), port, dir }
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = run(self.port, &self.dir);
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn answer(&self, words: &[&str]) -> Vec<u8> {
        let port = self.port.to_string();
        let raw = ["-p", &port, "--raw"];
        Command::new("redis-cli").args(raw).args(words).output().unwrap().stdout
    }

    pub(crate) fn order(&self, words: &[&str]) {
        let port = self.port.to_string();
        let done = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

fn run(port: u16, dir: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--dir", dir.path().to_str().unwrap()])
        .args(["--save", "", "--appendonly", "yes"])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn address(port: u16) -> RedisAddress {
    RedisAddress {
        hosts: vec![("127.0.0.1".into(), port)],
        master: None,
        tls: false,
        user: None,
        password: None,
        database: 0,
        ca_file: None,
    }
}

/// An engine that holds nothing and does nothing.
pub(crate) fn engine(name: &str) -> Engine {
    let calls = Calls(Arc::new(|| 0));
    Engine { instance: InstanceId(name.into()), calls, hands: Hands::idle() }
}

async fn home() -> Home {
    let server = Server::start();
    let engine = engine("me");
    let store = Redis::start(address(server.port), Vault::new(&[]), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    let store: Arc<dyn CallStore> = Arc::new(store);
    Home { store, _keep: Box::new(server) }
}

mod rules {
    super::contract! { super::home }
}

/// In an outage one engine answers the webhook and another one the socket, and the first is back first.
#[tokio::test]
async fn a_call_that_was_claimed_elsewhere_does_not_ring_any_more() {
    let server = Server::start();
    let store = Redis::start(address(server.port), Vault::new(&[]), engine("me"), BEGIN).unwrap();
    store.ready().await.unwrap();
    let sid: CallSid = format!("CA{:032x}", 1).parse().unwrap();
    let (caller, called) = ("+15550001111".to_owned(), String::new());
    let call = NewCall { sid, caller, called, greeting: None, at: BEGIN };
    let opened = store.open(call).await.unwrap().record;
    let instance = Some(InstanceId("other".into()));
    let (epoch, status) = (Epoch(BEGIN.0 + 7), Status::Active);
    let copy = CallRecord { epoch, instance, status, caller: String::new(), ..opened };
    assert_eq!(store.restore_over(copy, Epoch(0)).await, Ok(Restored::Restored));
    let found = store.find(Key::Sid(sid)).await.unwrap().unwrap();
    assert_eq!((found.status, found.epoch, &*found.caller), (status, epoch, "+15550001111"));
}

/// Twenty questions and answers as they are said on the telephone.
#[tokio::test]
async fn forty_turns_take_less_than_fifteen_kilobytes() {
    let server = Server::start();
    let engine = engine("me");
    let store = Redis::start(address(server.port), vault(&["a"]), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    // As in deploy/redis.conf.
    server.order(&["CONFIG", "SET", "hash-max-listpack-entries", "512"]);
    server.order(&["CONFIG", "SET", "hash-max-listpack-value", "2048"]);
    let sid: CallSid = format!("CA{:032x}", 1).parse().unwrap();
    let claimed = store.claim(sid, InstanceId("me".into()), BEGIN).await.unwrap();
    let Claimed::Yours(record) = claimed else { panic!("it is over") };
    let question = "What do I pay when I take cash out of a machine with the Eagle card?";
    let answer = "For cash from a machine the fee is five percent of the amount, ten dollars at \
                  least, and interest runs from the day on which you take it. ";
    let turns = (1..=20).flat_map(|id| {
        [(id, Role::Customer, question.to_owned()), (id, Role::Agent, answer.repeat(2))]
    });
    for (seq, (id, role, words)) in (1..).zip(turns) {
        let turn = Turn::new(TurnId(id), role, words, BEGIN);
        assert_eq!(store.append(sid, record.epoch, seq, turn).await, Ok(Appended::Appended));
    }
    let size = |key: String| {
        let told = String::from_utf8(server.answer(&["MEMORY", "USAGE", &key])).unwrap();
        told.trim().parse::<u64>().unwrap()
    };
    let bytes = size(keys::call(sid)) + size(keys::turns(sid));
    println!("forty turns take {bytes} bytes");
    assert!((7_000..15_000).contains(&bytes), "{bytes}");
}
