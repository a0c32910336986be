//! A whole cluster on this machine: Redis with two replicas and three Sentinels, three engines, and
//! HAProxy before them, with the files of `deploy/`.
//!
//! ```sh
//! cargo run --release --example cluster
//! ```
//!
//! It says what to try, starts nothing again that dies, and leaves nothing behind when it is
//! stopped. Variables of the engine, such as `OPENAI_API_KEY`, are passed on.

#[path = "parts.rs"]
mod cluster;

use std::{path::PathBuf, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Parser;
use cluster::{Engine, Haproxy, Replicated, Sentinels, free_port, need};
use tokio::signal::unix::{SignalKind, signal};

/// A whole cluster on this machine: Redis with two replicas and three Sentinels, three engines and
/// HAProxy on free ports of loopback, and what to try with it. Ctrl-C removes everything.
#[derive(Parser)]
#[command(name = "cluster")]
struct Options {}

fn main() -> std::io::Result<()> {
    let Options {} = Options::parse();
    // Before any of them is started: what is missing, and how to stop.
    for (program, package) in [("redis-server", "redis-server"), ("redis-cli", "redis-tools")] {
        need(program, package);
    }
    let program = build();
    println!("Starting Redis, its Sentinels, the engines and HAProxy …");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut stops = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        let house = House::start(&program);
        house.tell(&program);
        let [interrupt, terminate] = &mut stops;
        match (interrupt, terminate) {
            (Ok(interrupt), Ok(terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => println!("This system tells nobody when to stop."),
        }
        println!("\nStopping.");
    });
    Ok(())
}

/// All of it, from the door to the store: dropped in this order.
struct House {
    balancer: Haproxy,
    engines: Vec<Engine>,
    sentinels: Sentinels,
    redis: Replicated,
}

impl House {
    fn start(program: &std::path::Path) -> Self {
        let redis = Replicated::start(&[]);
        let sentinels = Sentinels::over(&redis);
        let (door, ports) = (free_port(), [free_port(), free_port(), free_port()]);
        let public = format!("http://127.0.0.1:{door}");
        let [links, transcripts] = [key(), key()];
        let env = [
            ("REDIS_URL", &*sentinels.url()),
            ("PUBLIC_URL", &*public),
            ("LINK_KEYS", &*links),
            ("TRANSCRIPT_KEYS", &*transcripts),
        ];
        let engines = ports.map(|port| Engine::start(program, port, &env)).into();
        let balancer = Haproxy::at(door, ports);
        Self { balancer, engines, sentinels, redis }
    }

    fn tell(&self, program: &std::path::Path) {
        println!("\nThe number's door   {}", self.balancer.url());
        println!("  with TLS          https://127.0.0.1:{}", self.balancer.tls_port);
        for (number, engine) in (1..).zip(&self.engines) {
            let (url, pid, dir) = (engine.url(), engine.pid(), engine.dir().display());
            println!("Engine {number}            {url}  pid {pid}  {dir}/log");
        }
        for server in &self.redis.servers {
            let what = if server.is_master() { "master " } else { "replica" };
            println!("Redis {what}       127.0.0.1:{}  pid {}", server.port, server.pid());
        }
        for each in &self.sentinels.sentinels {
            println!("Sentinel            127.0.0.1:{}  pid {}", each.port, each.pid());
        }
        let (user, password) = self.redis.master().admin();
        println!("  inside Redis      redis-cli --user {user} --pass {password} -p PORT");
        let (program, url) = (program.display(), self.balancer.url());
        println!("\nTry, in another terminal:");
        println!("  {program} call --url {url} --say \"What is the late fee?\"");
        println!("  {program} call --url {url}          # talk, and meanwhile:");
        println!(
            "  curl -s {url}/monitor               # which instance has the call; each engine"
        );
        println!("                                      # says at its own address which one it is");
        println!("  kill -9 PID                         # of that engine, or of the Redis master;");
        println!("                                      # kill -STOP and -CONT freeze and wake it");
        println!(
            "  kill PID                            # drains it; once more, and its calls move at once"
        );
        println!("What is killed stays dead. Ctrl-C stops everything.");
    }
}

/// A key that all the engines share, new each time.
fn key() -> String {
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect();
    format!("k1:{}", BASE64_STANDARD.encode(bytes))
}

/// Builds the engine as this program was built; cargo builds none for an example.
#[expect(clippy::disallowed_methods, reason = "it is cargo's environment, not the engine's")]
fn build() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--bin", "switchhook"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    // What cargo tells this process about itself would make it build everything anew.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        if !matches!(name.as_str(), "CARGO_HOME" | "CARGO_TARGET_DIR") {
            build.env_remove(name);
        }
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    if !built.is_ok_and(|status| status.success()) {
        println!("The engine cannot be built.");
        std::process::exit(1);
    }
    let here = std::env::current_exe().unwrap_or_default();
    let beside = here.parent().and_then(std::path::Path::parent);
    beside.map(|folder| folder.join("switchhook")).unwrap_or_default()
}
