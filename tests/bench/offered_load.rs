//! What the engine carries, beside the thinnest relay there can be.
//!
//! `cargo bench --bench offered_load` offers 1,000 and 3,000 calls, five times each, in turns to the
//! engine and to the floor: callers, model and engine are processes of one machine. Each caller asks
//! every 8 s and is answered with 40 words, 25 ms apart, after 300 ms. It prints medians. With an
//! option of [`Options`] after `--` it measures something else.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement whose parts do not start has no result"
)]

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use serde_json::{Value, json};

#[path = "../cluster/parts.rs"]
mod cluster;
#[path = "offered_load/figures.rs"]
mod figures;
#[path = "offered_load/floor.rs"]
mod floor;
#[path = "offered_load/house.rs"]
mod house;
#[path = "offered_load/modes.rs"]
mod modes;
#[path = "offered_load/monitors.rs"]
mod monitors;
#[path = "offered_load/shared.rs"]
mod shared;

/// Measures an engine under offered load.
#[derive(Debug, Parser)]
struct Options {
    /// How many calls at once; several, with commas
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 3_000])]
    calls: Vec<u32>,
    /// How often; the medians are told
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// 100 calls of two turns, once: whether the measurement itself works
    #[arg(long)]
    quick: bool,
    /// Memory of calls that only hold the line
    #[arg(long)]
    idle: bool,
    /// Time from the start of the program to its readiness
    #[arg(long)]
    start: bool,
    /// So many short calls, and whether everything is back where it was afterwards
    #[arg(long, value_name = "CALLS")]
    churn: Option<u32>,
    /// Redis with two replicas against the embedded store, in turns; needs redis-server
    #[arg(long)]
    redis: bool,
    /// How soon the monitors of three engines that share a Redis show what happens to calls
    #[arg(long)]
    monitors: bool,
    /// How soon an engine is ready that was started before its Redis
    #[arg(long)]
    late_redis: bool,
    /// The highest rate at which 99 in a hundred words are delayed by less than 20 ms
    #[arg(long)]
    knee: bool,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Be the floor, in front of this model
    #[arg(long, hide = true, value_name = "URL")]
    floor: Option<String>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if let Some(model) = &options.floor {
        floor::serve(model);
        return ExitCode::SUCCESS;
    }
    house::build();
    if options.quick {
        (options.calls, options.runs) = (vec![100], 1);
    }
    let turns = if options.quick { 2 } else { 4 };
    let first = options.calls.first().copied().unwrap_or(1_000);
    let measured = if options.start {
        modes::start(options.runs)
    } else if options.redis {
        shared::against_embedded(first, options.runs, turns)
    } else if options.monitors {
        monitors::follow(first, turns)
    } else if options.late_redis {
        shared::late_redis(options.runs)
    } else if let Some(calls) = options.churn {
        modes::churn(calls)
    } else if options.knee {
        modes::knee(first)
    } else if options.idle {
        all(&options, "idle", modes::idle)
    } else {
        all(&options, "talking", |calls, runs| modes::offered(calls, runs, turns))
    };
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&measured).expect("JSON");
        std::fs::write(path, text).expect("a file that can be written");
    }
    ExitCode::SUCCESS
}

/// The same for each number of calls.
fn all(options: &Options, name: &str, measure: impl Fn(u32, usize) -> Value) -> Value {
    let measured: Vec<_> =
        options.calls.iter().map(|calls| measure(*calls, options.runs)).collect();
    json!({ name: measured })
}
