//! The contract, on a Redis of the test's own.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use switchhook_actors::{domain::ids::InstanceId, registry::store::CallStore};
use tempfile::TempDir;

use super::*;
use crate::stores::contract::{BEGIN, Home, contract};

struct Server {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Server {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--dir",
                dir.path().to_str().unwrap(),
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port, _dir: dir }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(port: u16) -> RedisAddress {
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

async fn home() -> Home {
    let server = Server::start();
    let engine = Engine { instance: InstanceId("me".into()), calls: Calls(Arc::new(|| 0)) };
    let store = Redis::start(address(server.port), Vault::new(&[]), engine, BEGIN).unwrap();
    store.ready().await.unwrap();
    let store: Arc<dyn CallStore> = Arc::new(store);
    Home { store, _keep: Box::new(server) }
}

mod rules {
    super::contract! { super::home }
}
