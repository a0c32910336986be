//! What a load has shown, for people and for programs.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

mod shown;

pub use super::tally::{Calls, Tokens, Turns};
use super::{
    Plan,
    process::Process,
    tally::{Delays, Tally},
};

/// Why something is not known of words.
pub const NO_STAMP: &str = "no word has a stamp";

/// Why something is not known of answers.
pub const NO_ANSWER: &str = "no answer came";

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
    /// Whether they asked for stamped words, as the model stub writes them.
    pub stamps: bool,
}

/// The load tool itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Client {
    /// Threads that played callers.
    pub threads: usize,
    /// Its CPU time, s.
    pub cpu_seconds: Option<f64>,
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
        stamps: plan.say.is_empty(),
    }
}

fn client(seen: &Seen, tally: &Tally) -> Client {
    let cpu = seen.own.map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    let late = spread(&tally.tick).map_or(0.0, |tick| tick.p99);
    Client {
        threads: seen.threads,
        cpu_seconds: cpu,
        cpu_us_per_token: cpu.and_then(|cpu| each(cpu, tally.tokens.received)),
        tick_late_p99_ms: late,
        noisy: late > NOISY_MS,
    }
}

/// Microseconds for each. None: there were none, or it was less than CPU times tell apart.
fn each(seconds: f64, words: u64) -> Option<f64> {
    (words > 0 && seconds > 0.0).then(|| seconds * 1e6 / float(words))
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

impl Report {
    /// Whether the callers asked for stamped words, were answered, and got none: the engine asks
    /// another model, and nothing is known of its words.
    #[must_use]
    pub fn lacks_stamps(&self) -> bool {
        self.plan.stamps && self.turns.answered > 0 && self.tokens.stamped == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_word_takes_is_known_when_there_were_words_and_cpu_time_was_told() {
        assert_eq!(each(0.5, 1_000), Some(500.0));
        assert_eq!(each(0.5, 0), None);
        assert_eq!(each(0.0, 1_000), None, "it is told in steps of 10 ms");
    }
}
