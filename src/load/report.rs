//! What a load has shown, for people and for programs.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

pub use super::tally::{Calls, Tokens, Turns};
use super::{
    Plan,
    process::Process,
    tally::{Delays, Tally},
};

/// Timers of the callers that are later than this say that the callers were too busy to be
/// believed, ms. Timers have steps of one.
const NOISY_MS: f64 = 5.0;

/// How durations are spread, ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many there were.
    pub count: u64,
    /// Half of them were at most so long.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Asked {
    /// Callers.
    pub calls: u32,
    /// Over how long they began, s.
    pub ramp_seconds: f64,
    /// Questions of each.
    pub turns: u32,
    /// From one to the next, s.
    pub every_seconds: f64,
    /// After the last answer, s.
    pub hold_seconds: f64,
    /// Which part was followed by cutting in.
    pub interrupt_rate: f64,
    /// What decided which.
    pub seed: u64,
}

/// The load tool itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Client {
    /// Threads that played callers.
    pub threads: usize,
    /// Its CPU time, s.
    pub cpu_seconds: f64,
    /// The same for each word.
    pub cpu_us_per_token: Option<f64>,
    /// How late its timers were, 99 in a hundred, ms.
    pub tick_late_p99_ms: f64,
    /// It was too busy: delays are its own as much as the engine's.
    pub noisy: bool,
}

/// The engine's process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Engine {
    /// Its CPU time meanwhile, s.
    pub cpu_seconds: f64,
    /// The same for each word: webhooks, sockets, beginnings and ends included.
    pub cpu_us_per_token: Option<f64>,
    /// The same while all callers were on the line and nobody rang or hung up.
    pub talking_cpu_us_per_token: Option<f64>,
    /// Resident memory before, KiB.
    pub rss_before_kib: u64,
    /// The most it ever had, KiB.
    pub rss_peak_kib: u64,
    /// Resident memory after, KiB.
    pub rss_after_kib: u64,
    /// Peak less before, for each call.
    pub rss_kib_per_call: Option<f64>,
    /// Descriptors before and after.
    pub descriptors: [u64; 2],
    /// Threads before and after.
    pub threads: [u64; 2],
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// What was asked for.
    pub plan: Asked,
    /// How long it took, s.
    pub seconds: f64,
    /// What became of the calls.
    pub calls: Calls,
    /// Why calls failed, and how many for each.
    pub failures: BTreeMap<String, u64>,
    /// What became of the questions.
    pub turns: Turns,
    /// What became of the words.
    pub tokens: Tokens,
    /// Words a second, from the first to the last.
    pub tokens_per_second: Option<f64>,
    /// From a question to the first word of its answer, ms.
    pub first_token_ms: Option<Spread>,
    /// From the writing of a word to its arrival, ms; only the stub's words tell.
    pub added_ms: Option<Spread>,
    /// Webhooks that fetch TwiML, ms.
    pub webhook_ms: Option<Spread>,
    /// Opening the socket, ms.
    pub connect_ms: Option<Spread>,
    /// How long after cutting in words of the old answer still came, ms.
    pub after_interrupt_ms: Option<Spread>,
    /// What Twilio would not have accepted.
    pub violations: u64,
    /// The first of them.
    pub violations_told: Vec<String>,
    /// The load tool itself.
    pub client: Client,
    /// The engine's process, if it was named.
    pub engine: Option<Engine>,
    /// Thresholds that were broken.
    pub broken: Vec<String>,
}

/// What was seen around the calls.
pub(super) struct Seen {
    pub(super) threads: usize,
    pub(super) seconds: f64,
    /// The load tool itself, before and after.
    pub(super) own: Option<(Process, Process)>,
    /// The engine, before and after.
    pub(super) engine: Option<(Process, Process)>,
}

pub(super) fn of(plan: &Plan, seen: &Seen, tally: &Tally) -> Report {
    let words = tally.tokens.received;
    let span = tally.span.map(|(first, last)| last.saturating_duration_since(first).as_secs_f64());
    Report {
        plan: asked(plan),
        seconds: seen.seconds,
        calls: tally.calls,
        failures: tally.reasons.clone(),
        turns: tally.turns,
        tokens: tally.tokens,
        tokens_per_second: span.filter(|span| *span > 0.0).map(|span| float(words) / span),
        first_token_ms: spread(&tally.first_token),
        added_ms: spread(&tally.added),
        webhook_ms: spread(&tally.webhook),
        connect_ms: spread(&tally.connect),
        after_interrupt_ms: spread(&tally.after_interrupt),
        violations: tally.violations,
        violations_told: tally.violations_told.clone(),
        client: client(seen, tally),
        engine: seen.engine.map(|(before, after)| Engine {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            cpu_us_per_token: each(after.cpu_seconds - before.cpu_seconds, words),
            talking_cpu_us_per_token: tally.talking.and_then(|((before, come), (after, all))| {
                each(after.cpu_seconds - before.cpu_seconds, all - come)
            }),
            rss_before_kib: before.resident,
            rss_peak_kib: after.peak,
            rss_after_kib: after.resident,
            rss_kib_per_call: (plan.calls > 0)
                .then(|| float(after.peak.saturating_sub(before.resident)) / f64::from(plan.calls)),
            descriptors: [before.descriptors, after.descriptors],
            threads: [before.threads, after.threads],
        }),
        broken: Vec::new(),
    }
}

fn asked(plan: &Plan) -> Asked {
    Asked {
        calls: plan.calls,
        ramp_seconds: plan.ramp.as_secs_f64(),
        turns: plan.turns,
        every_seconds: plan.every.as_secs_f64(),
        hold_seconds: plan.hold.as_secs_f64(),
        interrupt_rate: plan.interrupt_rate,
        seed: plan.seed,
    }
}

fn client(seen: &Seen, tally: &Tally) -> Client {
    let cpu = seen.own.map_or(0.0, |(before, after)| after.cpu_seconds - before.cpu_seconds);
    let late = spread(&tally.tick).map_or(0.0, |tick| tick.p99);
    Client {
        threads: seen.threads,
        cpu_seconds: cpu,
        cpu_us_per_token: each(cpu, tally.tokens.received),
        tick_late_p99_ms: late,
        noisy: late > NOISY_MS,
    }
}

/// Microseconds for each.
fn each(seconds: f64, words: u64) -> Option<f64> {
    (words > 0).then(|| seconds * 1e6 / float(words))
}

fn spread(delays: &Delays) -> Option<Spread> {
    let all = delays.all();
    let at = |quantile| millis(all.value_at_quantile(quantile));
    (!all.is_empty()).then(|| Spread {
        count: all.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: millis(all.max()),
    })
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52 here")]
fn float(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, max, count } = self;
        write!(f, "p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  max {max:.2} ms  ({count})")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, turns, tokens) = (&self.calls, &self.turns, &self.tokens);
        writeln!(
            f,
            "calls           {} started, {} served, {} failed, in {:.1} s",
            calls.started, calls.served, calls.failed, self.seconds
        )?;
        for (reason, count) in &self.failures {
            writeln!(f, "                {count} x {reason}")?;
        }
        writeln!(
            f,
            "questions       {} asked, {} answered, {} cut in on, {} put late, {} answered \
             without a stamp",
            turns.asked, turns.answered, turns.interrupted, turns.delayed, turns.unstamped
        )?;
        writeln!(
            f,
            "tokens          {} received, {} stamped, {} lost, {} doubled, {} foreign, {} stale, \
             {:.0} a second",
            tokens.received,
            tokens.stamped,
            tokens.lost,
            tokens.doubled,
            tokens.foreign,
            tokens.stale,
            self.tokens_per_second.unwrap_or_default()
        )?;
        if tokens.ahead > 0 {
            writeln!(f, "                {} from a clock that is ahead", tokens.ahead)?;
        }
        for (name, spread) in [
            ("first token", &self.first_token_ms),
            ("added a token", &self.added_ms),
            ("webhook", &self.webhook_ms),
            ("connect", &self.connect_ms),
            ("after cut-in", &self.after_interrupt_ms),
        ] {
            if let Some(spread) = spread {
                writeln!(f, "{name:<16}{spread}")?;
            }
        }
        self.processes(f)?;
        if self.violations > 0 {
            writeln!(f, "violations      {}", self.violations)?;
        }
        self.violations_told.iter().try_for_each(|told| writeln!(f, "                {told}"))?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "BROKEN          {broken}"))
    }
}

impl Report {
    fn processes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |each: Option<f64>| each.unwrap_or_default();
        if let Some(engine) = &self.engine {
            writeln!(
                f,
                "engine          {:.2} s CPU, {:.1} us a token, {:.1} while all talk; {} KiB before, {} at the peak, \
                 {} after: {:.1} a call; descriptors {:?}, threads {:?}",
                engine.cpu_seconds,
                us(engine.cpu_us_per_token),
                us(engine.talking_cpu_us_per_token),
                engine.rss_before_kib,
                engine.rss_peak_kib,
                engine.rss_after_kib,
                engine.rss_kib_per_call.unwrap_or_default(),
                engine.descriptors,
                engine.threads
            )?;
        }
        let client = &self.client;
        writeln!(
            f,
            "callers         {:.2} s CPU, {:.1} us a token, on {} threads; timers late by {:.2} ms \
             (p99){}",
            client.cpu_seconds,
            us(client.cpu_us_per_token),
            client.threads,
            client.tick_late_p99_ms,
            if client.noisy { ": NOISY, they were too busy themselves" } else { "" }
        )
    }
}
