//! How soon the monitors of three engines show what happens to calls.
//!
//! Three engines on one Redis with two replicas hold the calls, each a third. [`callers`] tell
//! [`board`] what they do and hear, and what every monitor should show from then on; a reader a
//! monitor reads its list again and again and ticks off what it shows. A delay ends with the last
//! byte of the list, so pause and length of a reading are part of it.

#[path = "monitors/board.rs"]
mod board;
#[path = "monitors/callers.rs"]
mod callers;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    board::{Board, Kind, MONITORS, Rows, read},
    callers::Plan,
};
use super::{
    cluster::Replicated,
    house::{MODEL, Started, ask, engine, pause},
    modes::home,
    shared::wait_until_ready,
};

/// What the monitors promise.
const SHOWN_WITHIN: Duration = Duration::from_millis(200);

/// From the end of one reading of a list to the next. A list of a thousand calls has 300 KB.
const READ_EVERY: Duration = Duration::from_millis(30);

/// Dialled where a person is asked for. Fiction, as all numbers here.
const PERSON: &str = "+12025550199";

/// Once the last caller has rung and before the first look.
const SETTLES: Duration = Duration::from_millis(500);

/// What one reader has done.
#[derive(Default)]
struct Reading {
    /// How long each reading took, ms.
    took: Vec<f64>,
    /// How many were not answered.
    failed: usize,
}

/// Holds so many calls over three engines, each of which has a turn every ten seconds.
pub(crate) fn follow(calls: u32, turns: u32) -> Value {
    let (servers, model) = (Replicated::start(&[]), MODEL.start());
    let homes = [home(), home(), home()];
    let redis = servers.master().url();
    // Nobody is asked whether they are still there.
    let quiet = ("SILENCE_SECONDS", "120");
    let env = [("REDIS_URL", &*redis), ("ESCALATION_NUMBER", PERSON), quiet];
    let engines = homes.each_ref().map(|home| engine(&model, home, &env));
    engines.iter().for_each(wait_until_ready);
    let (board, over) = (Arc::new(Board::default()), Arc::new(AtomicBool::new(false)));
    let urls = engines.each_ref().map(|engine| engine.url.clone());
    let readers = urls.iter().cloned().enumerate().map(|(monitor, url)| {
        let (board, over) = (Arc::clone(&board), Arc::clone(&over));
        thread::spawn(move || watch(monitor, &url, &board, &over))
    });
    let readers: Vec<_> = readers.collect();
    let plan = Plan { calls, turns, urls, start: Instant::now() + SETTLES };
    let callers = {
        let (plan, board) = (plan.clone(), Arc::clone(&board));
        thread::spawn(move || callers::play(&plan, &board))
    };
    let seen = look(&plan, &engines);
    let troubles = callers.join().expect("callers");
    pause(SETTLES);
    over.store(true, Ordering::Release);
    let readings: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("it")).collect();
    tell(&plan, &board, &seen, &readings, &troubles)
}

/// Reads a list again and again.
fn watch(monitor: usize, url: &str, board: &Board, over: &AtomicBool) -> Reading {
    let mut reading = Reading::default();
    while !over.load(Ordering::Acquire) {
        let began = Instant::now();
        match list(url) {
            Some(rows) => board.shown(monitor, &rows, Instant::now()),
            None => reading.failed += 1,
        }
        reading.took.push(began.elapsed().as_secs_f64() * 1e3);
        pause(READ_EVERY);
    }
    reading
}

fn list(url: &str) -> Option<Rows> {
    ask(url, "GET", "/monitor").filter(|(status, _)| *status == 200).map(|(_, list)| read(&list))
}

/// What was seen from outside while all callers were on the line.
struct Seen {
    /// Cores that each engine was busy with.
    cpu: Vec<f64>,
    /// How many calls each list had, once all was calm.
    listed: Vec<usize>,
    /// What the lists do not agree about then.
    differ: Vec<String>,
}

fn look(plan: &Plan, engines: &[Started; MONITORS]) -> Seen {
    let until = |at: Instant| pause(at.saturating_duration_since(Instant::now()));
    let cpu = || engines.each_ref().map(|engine| engine.look().cpu_seconds);
    until(plan.all_have_rung());
    let (before, began) = (cpu(), Instant::now());
    until(plan.all_have_asked());
    let (after, seconds) = (cpu(), began.elapsed().as_secs_f64());
    until(plan.calm());
    let lists = engines.each_ref().map(|engine| list(&engine.url).unwrap_or_default());
    let [first, ..] = &lists;
    let rows = |sid: &String| lists.each_ref().map(|list| list.get(sid).cloned());
    let differ = first.keys().map(|sid| (sid, rows(sid)));
    let differ = differ.filter(|(_, rows)| rows.iter().any(|row| *row != rows[0]));
    Seen {
        cpu: after.iter().zip(before).map(|(after, before)| (after - before) / seconds).collect(),
        listed: lists.iter().map(|list| list.len()).collect(),
        differ: differ.map(|(sid, rows)| format!("{sid}: {rows:?}")).collect(),
    }
}

fn tell(
    plan: &Plan,
    board: &Board,
    seen: &Seen,
    readings: &[Reading],
    troubles: &[String],
) -> Value {
    let Plan { calls, turns, .. } = plan;
    println!("\n{calls} calls on three engines, {turns} turns each, and what happens to them");
    println!(
        "{:<34}{:>8}{:>9}{:>9}{:>9}{:>10}{:>8}",
        "shown by a monitor after", "times", "p50 ms", "p99 ms", "max ms", "> 200 ms", "never"
    );
    let mut told = Vec::new();
    let (mut late, mut missing) = (0, 0);
    for kind in Kind::ALL {
        let (delays, never) = board.delays(kind, plan.all_have_rung());
        let at = |share: usize| {
            delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1)))
        };
        let millis = |at: Option<&Duration>| at.map_or(0.0, Duration::as_secs_f64) * 1e3;
        let [p50, p99, max] = [millis(at(50)), millis(at(99)), millis(delays.last())];
        let over = delays.iter().filter(|delay| **delay > SHOWN_WITHIN).count();
        println!(
            "{:<34}{:>8}{p50:>9.1}{p99:>9.1}{max:>9.1}{over:>10}{never:>8}",
            kind.told(),
            delays.len()
        );
        (late, missing) = (late + over, missing + never);
        told.push(json!({"what": kind.told(), "count": delays.len(), "p50_ms": p50,
            "p99_ms": p99, "max_ms": max, "late": over, "never": never}));
    }
    let mut took: Vec<_> = readings.iter().flat_map(|reading| reading.took.clone()).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    let failed: usize = readings.iter().map(|reading| reading.failed).sum();
    println!(
        "a list is read in p50 {:.1}, p99 {:.1} ms, {} times, every {} ms besides; {failed} failed",
        at(50),
        at(99),
        took.len(),
        READ_EVERY.as_millis()
    );
    println!("engines were busy with {:.2?} of a core", seen.cpu);
    println!("calm: the lists have {:?} calls, and differ in {}", seen.listed, seen.differ.len());
    seen.differ.iter().take(5).for_each(|call| println!("  {call}"));
    println!("{} calls went wrong", troubles.len());
    troubles.iter().take(5).for_each(|trouble| println!("  {trouble}"));
    let kept = late + missing + seen.differ.len() + troubles.len() == 0;
    println!("{}", if kept { "as promised" } else { "NOT as promised" });
    json!({"monitors": {"calls": calls, "shown": told, "read_ms": {"p50": at(50), "p99": at(99)},
        "cpu": seen.cpu, "listed": seen.listed, "differ": seen.differ, "troubles": troubles}})
}
