//! Breaks a whole cluster under many calls, by a plan that a seed gives, and compares what every
//! caller heard with what is kept. See `tests/chaos/run`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what cannot be done fails the run"
)]

mod callers;
mod checker;
mod circumstances;
#[path = "../cluster/parts.rs"]
mod cluster;
mod faults;
mod fence;
mod house;
mod latency;
mod model;
mod report;
mod trace;
mod witness;

use std::{
    cell::Cell,
    collections::HashSet,
    path::PathBuf,
    process::{Command, ExitCode},
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::Value;

use self::{
    callers::{Crowd, Story},
    checker::Verdict,
    circumstances::Circumstances,
    faults::{Counts, Happened},
    house::House,
    model::Model,
    report::Report,
};

/// How long calls may go on without a fault at the end: all that heals has healed by then.
const CALM: Duration = Duration::from_secs(15);

/// Calls that begin in one second at the start.
const RINGS: u64 = 25;

#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Options {
    /// Calls at the same time.
    #[arg(long, default_value_t = 60)]
    calls: u64,
    /// Length of the run, minutes.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Orders the faults and the callers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// kill -9 of an engine.
    #[arg(long, default_value_t = 3)]
    kills: usize,
    /// SIGSTOP and SIGCONT of an engine.
    #[arg(long, default_value_t = 2)]
    zombies: usize,
    /// kill -9 of the Redis master.
    #[arg(long, default_value_t = 1)]
    failovers: usize,
    /// The Redis master cut off, from everybody or from all but one engine, until it comes back and
    /// still believes in itself.
    #[arg(long, default_value_t = 1)]
    partitions: usize,
    /// SIGTERM of an engine.
    #[arg(long, default_value_t = 1)]
    drains: usize,
    /// All of Redis silent.
    #[arg(long, default_value_t = 1)]
    outages: usize,
    /// For how long it is silent, seconds.
    #[arg(long, default_value_t = 10)]
    outage_seconds: u64,
    /// FLUSHALL.
    #[arg(long, default_value_t = 1)]
    flushes: usize,
    /// How long an engine that ends serves its calls before it moves them, seconds.
    #[arg(long, default_value_t = 3)]
    drain_seconds: u64,
    /// Prints what happened to calls with a violation.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let program = build();
    actix_web::rt::System::new().block_on(run(options, program))
}

async fn run(options: Options, program: PathBuf) -> ExitCode {
    let model = Model::start().expect("a model");
    let mut house = House::start(&program, &model.url, options.drain_seconds);
    let counts = Counts {
        kills: options.kills,
        zombies: options.zombies,
        failovers: options.failovers,
        partitions: options.partitions,
        drains: options.drains,
        outages: options.outages,
        flushes: options.flushes,
    };
    let plan = counts.plan(options.seed);
    println!("seed {}: {} calls, {} faults", options.seed, options.calls, plan.len());
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let until = Instant::now() + length;
    let crowd = Crowd {
        url: house.balancer.url(),
        seed: options.seed,
        until,
        client: switchhook::caller::client(),
        talking: Rc::new(Cell::new(0)),
    };
    let callers: Vec<_> = (0..options.calls)
        .map(|number| {
            let crowd = crowd.clone();
            actix_web::rt::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number * 1_000 / RINGS)).await;
                callers::call(crowd, number).await
            })
        })
        .collect();
    let warm = Duration::from_secs(options.calls / RINGS + 8);
    tokio::time::sleep(warm).await;
    println!("{} callers talk", crowd.talking.get());
    let (seed, outage) = (options.seed, Duration::from_secs(options.outage_seconds));
    let faults_until = until - CALM;
    let broken = tokio::task::spawn_blocking(move || {
        let done = faults::perform(&mut house, &plan, seed, outage, faults_until);
        (house, done)
    });
    let (house, done) = broken.await.expect("the faults");
    let mut stories = Vec::new();
    let mut never = Vec::new();
    for caller in callers {
        match caller.await.expect("a caller") {
            Ok(story) => stories.push(story),
            Err(error) => never.push(error),
        }
    }
    let house = tokio::task::spawn_blocking(move || {
        house.calm();
        house
    });
    let house = house.await.expect("a calm house");
    let faults = done.len();
    let verdict = check(&house, &stories, done, &crowd.client).await;
    let logs: Vec<_> = house.engines.iter().map(cluster::Engine::log).collect();
    let (verdict, stories, never) = (&verdict, &stories, &never);
    let report = Report { verdict, stories, never, faults, logs: &logs };
    let clean = report.tell(options.seed, options.verbose);
    model.stop().await;
    drop(house);
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn check(
    house: &House,
    stories: &[Story],
    happened: Vec<Happened>,
    client: &awc::Client,
) -> Verdict {
    let mut verdict = Verdict::default();
    for events in house.witness.tell(&house.redis.servers) {
        verdict.fence.watch(&events);
    }
    let (logged, none) = (house.epochs(), HashSet::new());
    let all = Circumstances { happened, lines: house.lines() };
    let url = house.engines.first().expect("an engine").url();
    for story in stories {
        let path = format!("{url}/api/transcript/{}", story.sid);
        let kept: Value = match client.get(path).timeout(Duration::from_secs(10)).send().await {
            Ok(mut answer) => answer.json().limit(4 << 20).await.unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let lying = house.lying(&story.sid);
        verdict.look(story, &kept, &lying, &all);
        verdict.fence.compare(&story.sid, &lying, logged.get(&story.sid).unwrap_or(&none));
    }
    verdict.fence.conclude();
    verdict
}

/// Builds the engine as this program was built; cargo builds none for an example.
#[expect(clippy::disallowed_methods, reason = "it is cargo's environment, not the engine's")]
fn build() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--quiet", "--bin", "switchhook"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        if !matches!(name.as_str(), "CARGO_HOME" | "CARGO_TARGET_DIR") {
            build.env_remove(name);
        }
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "the engine cannot be built");
    let here = std::env::current_exe().expect("this program");
    let beside = here.parent().and_then(std::path::Path::parent).expect("its folder");
    beside.join("switchhook")
}
