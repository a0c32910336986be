//! What can be measured.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    figures::{median, table},
    house::{self, MODEL, Model, Started, call, engine, floor, pause},
};

/// Starts are spread over as long as callers wait between two questions: the load is even.
pub(crate) const EVERY: &str = "8";

/// More delay than this at p99 is beyond the knee, ms.
const KNEE_MS: f64 = 20.0;

/// More calls than this are not tried: two descriptors each, and one machine's ports.
const KNEE_CALLS: u32 = 12_000;

/// Steps between the last good rate and the first bad one.
const KNEE_STEPS: u32 = 4;

/// How many calls of a churn begin in a second.
const CHURN_RATE: u32 = 200;

/// Before the first look: caches are filled, threads and buffers are there.
const CHURN_WARMS_UP: u32 = 2_000;

/// After so long without a question kept connections to the model are closed: the engine looks once a
/// minute, and a whole minute has to pass.
const LINGERS: Duration = Duration::from_secs(125);

pub(crate) fn arguments(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn home() -> TempDir {
    TempDir::new().expect("a directory")
}

/// Runs the callers against a new engine.
fn against_engine(model: Model, arguments: &[String]) -> Value {
    let (model, home) = (model.start(), home());
    let engine = engine(&model, &home, &[]);
    call(&engine, arguments)
}

/// The offered load: engine and floor in turns, so that what the machine does hits both.
pub(crate) fn offered(calls: u32, runs: usize, turns: u32) -> Value {
    let (count, turns) = (calls.to_string(), turns.to_string());
    let arguments =
        arguments(&["--calls", &count, "--turns", &turns, "--every", EVERY, "--ramp", EVERY]);
    let (mut engines, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        engines.push(against_engine(MODEL, &arguments));
        let model = MODEL.start();
        floors.push(call(&floor(&model), &arguments));
    }
    let rate = calls * MODEL.tokens / 8;
    let title = format!("{calls} calls, {rate} tokens/s, medians of {runs}");
    table(&title, ["engine", "floor"], &engines, &floors)
}

/// Calls that hold the line and say nothing.
pub(crate) fn idle(calls: u32, runs: usize) -> Value {
    let count = calls.to_string();
    let arguments =
        arguments(&["--calls", &count, "--turns", "0", "--ramp", EVERY, "--hold", "10"]);
    let engines: Vec<_> = (0..runs).map(|_| against_engine(MODEL, &arguments)).collect();
    let floors: Vec<_> = (0..runs).map(|_| call(&floor(&MODEL.start()), &arguments)).collect();
    let title = format!("{calls} calls that hold the line, medians of {runs}");
    table(&title, ["engine", "floor"], &engines, &floors)
}

/// From the start of the program to its readiness, with a new store and with the same again.
pub(crate) fn start(runs: usize) -> Value {
    let model = MODEL.start();
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let home = home();
        for times in [&mut fresh, &mut again] {
            times.push(engine(&model, &home, &[]).ready.as_secs_f64() * 1e3);
        }
    }
    println!("start to readiness, ms: new store {fresh:.1?}, the same again {again:.1?}");
    let (fresh, again) = (median(fresh), median(again));
    println!("medians: {:.1} and {:.1}", fresh.unwrap_or(0.0), again.unwrap_or(0.0));
    json!({"start_ms": {"new": fresh, "again": again}})
}

/// Many short calls: what is left of them.
pub(crate) fn churn(calls: u32) -> Value {
    let model = Model { tokens: 8, first_ms: 50, gap_ms: 10 }.start();
    let home = home();
    let engine = engine(&model, &home, &[]);
    let started = look("after the start", &engine);
    let _ = round(&engine, CHURN_WARMS_UP);
    let before = look_again(&format!("after {CHURN_WARMS_UP} calls"), &engine);
    let report = round(&engine, calls);
    let after = look_again(&format!("after {calls} more"), &engine);
    println!("calls: {}  tokens: {}", report["calls"], report["tokens"]);
    json!({"churn": {"calls": calls, "started": started, "before": before, "after": after,
        "report": report}})
}

/// Short calls.
fn round(engine: &Started, calls: u32) -> Value {
    let (count, ramp) = (calls.to_string(), calls.div_ceil(CHURN_RATE).to_string());
    call(engine, &arguments(&["--calls", &count, "--turns", "2", "--every", "1", "--ramp", &ramp]))
}

/// What the engine holds once its kept connections are closed too.
fn look_again(when: &str, engine: &Started) -> Value {
    engine.settle();
    pause(LINGERS);
    look(when, engine)
}

/// What the engine holds once its calls are gone.
fn look(when: &str, engine: &Started) -> Value {
    engine.settle();
    let seen = engine.look();
    let live = engine.metric("switchhook_calls_live ").unwrap_or_default();
    println!(
        "{when:<20} RSS {} KiB, {} descriptors, {} threads, {live} calls",
        seen.resident, seen.descriptors, seen.threads
    );
    json!({"rss_kib": seen.resident, "descriptors": seen.descriptors, "threads": seen.threads,
        "calls": live})
}

/// Raises the rate until the words come late, then looks between.
pub(crate) fn knee(first: u32) -> Value {
    let mut tried = Vec::new();
    let mut holds = |calls: u32| {
        let count = calls.to_string();
        let arguments =
            arguments(&["--calls", &count, "--turns", "3", "--every", EVERY, "--ramp", EVERY]);
        let report = against_engine(house::MODEL, &arguments);
        let p99 = report.pointer("/added_ms/p99").and_then(Value::as_f64).unwrap_or(f64::MAX);
        let all_served = report["calls"]["failed"] == 0 && report["turns"]["delayed"] == 0;
        println!(
            "{calls:>6} calls, {:>6.0} tokens/s offered: added p50 {:.2}, p99 {p99:.2} ms, webhook \
             p99 {:.1} ms, CPU us a token {:.1}, failed {}{}",
            f64::from(calls * MODEL.tokens) / 8.0,
            report.pointer("/added_ms/p50").and_then(Value::as_f64).unwrap_or_default(),
            report.pointer("/webhook_ms/p99").and_then(Value::as_f64).unwrap_or_default(),
            report.pointer("/engine/cpu_us_per_token").and_then(Value::as_f64).unwrap_or_default(),
            report["calls"]["failed"],
            if report["client"]["noisy"] == true { ", NOISY" } else { "" },
        );
        tried.push(report);
        p99 < KNEE_MS && all_served
    };
    let (mut good, mut bad) = (0, first);
    while bad <= KNEE_CALLS && holds(bad) {
        good = bad;
        bad += bad.div_ceil(2);
    }
    for _ in 0..KNEE_STEPS {
        let middle = u32::midpoint(good, bad.min(KNEE_CALLS));
        if holds(middle) { good = middle } else { bad = middle }
    }
    let rate = good * MODEL.tokens / 8;
    println!("the knee: {good} calls, {rate} tokens/s with p99 under {KNEE_MS} ms");
    json!({"knee": {"calls": good, "tokens_per_second": rate, "tried": tried}})
}
