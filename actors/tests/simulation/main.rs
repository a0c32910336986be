//! The turn machine in a simulated world: Twilio and its voice, a model, a store, clocks and
//! callers that do anything at any moment, all from one seed.
//!
//! ```text
//! cargo test -p switchhook-actors --test simulation                       # 20,000 schedules
//! SIMULATE_SCHEDULES=10000000 SIMULATE_SEED=0 cargo test --release -p switchhook-actors \
//!     --test simulation a_call_keeps -- --nocapture                       # ten million
//! ```
//!
//! A failure prints its seed and the shortest schedule that breaks the same promise, as Rust: it
//! goes into `regressions.rs`. A seed names a schedule only as long as the generator is as it is.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a promise that is broken fails the run"
)]

mod generator;
mod machine;
mod oracle;
mod planted;
mod reach;
mod regressions;
mod schedule;
mod search;
mod shrink;
mod store;
mod voice;
mod world;

use machine::Cast;

/// Schedules of the normal run.
const SCHEDULES: u64 = 20_000;

/// A number from the environment, or the usual one.
#[expect(
    clippy::disallowed_methods,
    reason = "it says how much to simulate, nothing to the product"
)]
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number of schedules"))
}

#[test]
fn a_call_keeps_every_promise_whatever_happens() {
    let (first, count) = (number("SIMULATE_SEED", 0), number("SIMULATE_SCHEDULES", SCHEDULES));
    if let Some(failure) = search::search(&Cast::sound(), first, count) {
        panic!("{failure}");
    }
    println!("{count} schedules from seed {first}: every promise was kept");
}
