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
mod findings;
mod gaps;
mod hearing;
mod house;
mod journals;
mod latency;
mod model;
mod phrases;
mod report;
mod rest;
mod trace;
mod witness;
mod words;

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
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
    findings::Findings,
    house::House,
    model::{Asked, Model},
    phrases::Phrases,
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
    /// kill -9 of every Redis server and Sentinel at once.
    #[arg(long, default_value_t = 1)]
    crashes: usize,
    /// For how long all of Redis is silent or dead, seconds.
    #[arg(long, default_value_t = 10)]
    outage_seconds: u64,
    /// FLUSHALL.
    #[arg(long, default_value_t = 1)]
    flushes: usize,
    /// All of Redis late for some seconds.
    #[arg(long, default_value_t = 1)]
    slows: usize,
    /// kill -9 of the balancer, with another one in its place: every socket at once.
    #[arg(long, default_value_t = 1)]
    stampedes: usize,
    /// How long an engine that ends serves its calls before it moves them, seconds.
    #[arg(long, default_value_t = 3)]
    drain_seconds: u64,
    /// How many answers may be missing their last words at a break: how far a voice had come is counted
    /// by time.
    #[arg(long, default_value_t = 0)]
    by_the_clock: usize,
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
    let phrases = Phrases::of_the_line();
    let model = Model::start(&phrases.resume).expect("a model");
    let house = House::start(&program, &model.url, options.drain_seconds);
    let counts = options.counts();
    println!(
        "seed {}: {} calls, {} faults",
        options.seed,
        options.calls,
        counts.plan(options.seed).len()
    );
    let (house, heard) = talk(&options, house).await;
    let (mut house, restless) = tokio::task::spawn_blocking(move || {
        let restless = house.calm();
        (house, restless)
    })
    .await
    .expect("a calm house");
    let Heard { stories, never, happened, seen, client } = heard;
    let faults = happened.len();
    let mut verdict = Verdict::new(phrases);
    verdict.findings = restless;
    verdict.findings.extend(seen);
    let kept = check(&house, &stories, (happened, model.asked()), &client, &mut verdict).await;
    for journal in house.close() {
        journals::compare(&journal, &kept, &mut verdict.findings).await;
    }
    verdict.conclude(counts.are_drains_alone());
    let logs: Vec<_> = house.engines.iter().map(cluster::Engine::log).collect();
    let report =
        Report { verdict: &verdict, stories: &stories, never: &never, faults, logs: &logs };
    let clean = report.tell(options.seed, options.verbose, options.by_the_clock);
    model.stop().await;
    drop(house);
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Options {
    fn counts(&self) -> Counts {
        Counts {
            kills: self.kills,
            zombies: self.zombies,
            failovers: self.failovers,
            partitions: self.partitions,
            drains: self.drains,
            outages: self.outages,
            crashes: self.crashes,
            flushes: self.flushes,
            slows: self.slows,
            stampedes: self.stampedes,
        }
    }
}

/// What the callers brought home, and what was broken meanwhile.
struct Heard {
    stories: Vec<Story>,
    /// Why calls never began.
    never: Vec<String>,
    happened: Vec<Happened>,
    /// What was seen between the faults that must not be.
    seen: Findings,
    client: awc::Client,
}

/// Lets all callers talk while the house is broken by the plan.
async fn talk(options: &Options, mut house: House) -> (House, Heard) {
    let until = Instant::now() + Duration::from_secs_f64(options.minutes * 60.0);
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
    let (plan, seed) = (options.counts().plan(options.seed), options.seed);
    let outage = Duration::from_secs(options.outage_seconds);
    let broken = tokio::task::spawn_blocking(move || {
        let done = faults::perform(&mut house, &plan, seed, outage, until - CALM);
        (house, done)
    });
    let (house, (happened, seen)) = broken.await.expect("the faults");
    let (mut stories, mut never) = (Vec::new(), Vec::new());
    for caller in callers {
        match caller.await.expect("a caller") {
            Ok(story) => stories.push(story),
            Err(error) => never.push(error),
        }
    }
    (house, Heard { stories, never, happened, seen, client: crowd.client })
}

/// Compares every call with what is kept of it, and tells that.
async fn check(
    house: &House,
    stories: &[Story],
    (happened, asked): (Vec<Happened>, Asked),
    client: &awc::Client,
    verdict: &mut Verdict,
) -> HashMap<String, Value> {
    for events in house.witness.tell(&house.redis.servers) {
        verdict.fence.watch(&events);
    }
    let (logged, none) = (house.epochs(), HashSet::new());
    let all = Circumstances { happened, lines: house.lines(), asked };
    let url = house.engines.first().expect("an engine").url();
    let mut calls = HashMap::new();
    for story in stories {
        let path = format!("{url}/api/transcript/{}", story.sid);
        let kept: Value = match client.get(path).timeout(Duration::from_secs(10)).send().await {
            Ok(mut answer) => answer.json().limit(4 << 20).await.unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let lying = house.lying(&story.sid);
        verdict.look(story, &kept, &lying, &all);
        verdict.fence.compare(&story.sid, &lying, logged.get(&story.sid).unwrap_or(&none));
        calls.insert(story.sid.clone(), kept);
    }
    calls
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
