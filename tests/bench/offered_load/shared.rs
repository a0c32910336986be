//! What it costs to share calls in Redis, and how soon an engine that waits for Redis is ready.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchhook::load::process::Process;

use super::{
    cluster::{Redis, Replicated, wait_for},
    figures::{median, table},
    house::{MODEL, Started, call, engine, pause},
    modes::{EVERY, arguments, home},
};

/// What sharing may cost: the median of first words, ms, and how many times the delay of a word.
const FIRST_TOKEN_MS: f64 = 1.0;
const ADDED_TIMES: f64 = 1.2;

/// An engine is ready so soon after Redis has come.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Longer than an engine or Redis takes to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// How long an engine waits for Redis before it comes: its pauses have their full length by then.
/// Redis comes at another moment of a pause in each run.
const WAITS: Duration = Duration::from_millis(1_500);
const WAITS_LONGER: Duration = Duration::from_millis(170);

/// An engine with a new store of its own, and one with a new Redis and two replicas, in turns.
pub(crate) fn against_embedded(calls: u32, runs: usize, turns: u32) -> Value {
    let (count, turns) = (calls.to_string(), turns.to_string());
    let arguments =
        arguments(&["--calls", &count, "--turns", &turns, "--every", EVERY, "--ramp", EVERY]);
    let (mut redis, mut embedded) = (Vec::new(), Vec::new());
    let mut busy = Vec::new();
    for run in 1..=runs {
        let servers = Replicated::start(&[]);
        redis.push(measure(&arguments, &[("REDIS_URL", &servers.master().url())]));
        busy = servers.servers.iter().map(cpu_seconds).collect();
        drop(servers);
        embedded.push(measure(&arguments, &[]));
        eprintln!("run {run} of {runs} is over");
    }
    let title =
        format!("{calls} calls, Redis with two replicas and the embedded store, {runs} runs");
    let told = table(&title, ["redis", "embedded"], &redis, &embedded);
    let seconds = redis.last().and_then(|report| report["seconds"].as_f64()).unwrap_or(f64::NAN);
    println!("CPU of master and replicas in the last run of {seconds:.0} s: {busy:.1?} s");
    verdict(&told["medians"]);
    told
}

fn cpu_seconds(server: &Redis) -> f64 {
    Process::look(server.pid()).map_or(f64::NAN, |seen| seen.cpu_seconds)
}

fn measure(arguments: &[String], env: &[(&str, &str)]) -> Value {
    let (model, home) = (MODEL.start(), home());
    let engine = engine(&model, &home, env);
    wait_until_ready(&engine);
    call(&engine, arguments)
}

fn verdict(medians: &Value) {
    let figure = |name: &str, of: &str| medians[name][of].as_f64();
    let first = |of| figure("first token p50 ms", of);
    if let Some((redis, embedded)) = first("redis").zip(first("embedded")) {
        let more = redis - embedded;
        println!("first token p50: {more:+.2} ms ({})", kept(more <= FIRST_TOKEN_MS));
    }
    if let Some(times) = figure("added p50 ms", "ratio") {
        println!("added to a token p50: {times:.2} times ({})", kept(times <= ADDED_TIMES));
    }
    if let Some(times) = figure("added p99 ms", "ratio") {
        println!("added to a token p99: {times:.2} times");
    }
}

fn kept(promise: bool) -> &'static str {
    if promise { "as promised" } else { "MORE than promised" }
}

/// From the coming of Redis to the readiness of an engine that was started without it: once where
/// nobody listened, once where a server was silent.
pub(crate) fn late_redis(runs: usize) -> Value {
    let model = MODEL.start();
    let (mut refused, mut silent) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let waits = WAITS + WAITS_LONGER * u32::try_from(run % 8).unwrap_or_default();
        refused.push(comes(&model, waits, Redis::kill, Redis::restart));
        silent.push(comes(&model, waits, |redis| redis.stop(), |redis| redis.cont()));
    }
    let longest = refused.iter().chain(&silent).copied().fold(0.0, f64::max);
    println!("Redis comes to readiness, ms: nobody listened {refused:.0?}, silent {silent:.0?}");
    println!("longest {longest:.0} ms ({})", kept(longest <= READY_WITHIN.as_secs_f64() * 1e3));
    let medians = [median(refused.clone()), median(silent.clone())];
    println!("medians: {:.0} and {:.0}", medians[0].unwrap_or(0.0), medians[1].unwrap_or(0.0));
    json!({"late_redis_ms": {"refused": refused, "silent": silent, "longest": longest}})
}

/// The start of the server is part of it.
fn comes(
    model: &Started,
    waits: Duration,
    away: impl FnOnce(&mut Redis),
    back: impl FnOnce(&mut Redis),
) -> f64 {
    let (mut redis, home) = (Redis::single(&[]), home());
    let url = redis.url();
    away(&mut redis);
    let engine = engine(model, &home, &[("REDIS_URL", &url)]);
    pause(waits);
    assert!(!engine.is_ready(), "an engine is ready without Redis");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let ready = scope.spawn(|| {
            wait_until_ready(&engine);
            began.elapsed().as_secs_f64() * 1e3
        });
        back(&mut redis);
        ready.join().expect("readiness")
    })
}

pub(crate) fn wait_until_ready(engine: &Started) {
    wait_for("an engine is ready", STARTS_WITHIN, || engine.is_ready().then_some(()));
}
