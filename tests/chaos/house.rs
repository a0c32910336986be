//! The cluster that is broken: Redis with two replicas, three Sentinels, three engines, HAProxy.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    cluster::{Engine, Haproxy, Replicated, Sentinels, free_port, wait_for},
    fence::Lying,
    findings::{Finding, Findings},
    journals::KEYS,
    rest::{get, ringing, unrest},
    trace::print,
    witness::Witness,
};

/// How long anything that heals may take.
const HEALS_WITHIN: Duration = Duration::from_secs(60);

/// How often an engine is asked whether it has come to rest.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Dropped from the door to the store.
pub(crate) struct House {
    pub(crate) balancer: Haproxy,
    pub(crate) engines: Vec<Engine>,
    pub(crate) sentinels: Sentinels,
    pub(crate) redis: Replicated,
    pub(crate) witness: Witness,
}

impl House {
    /// Starts them all before that model. `drain_s`: how long an engine that ends serves its calls.
    pub(crate) fn start(program: &Path, model: &str, drain_s: u64) -> Self {
        let redis = Replicated::behind_doors();
        let witness = Witness::of(&redis.servers);
        let sentinels = Sentinels::over(&redis);
        let (door, ports) = (free_port(), [free_port(), free_port(), free_port()]);
        let public = format!("http://127.0.0.1:{door}");
        let drain = drain_s.to_string();
        let env = [
            ("REDIS_URL", &*sentinels.url()),
            ("PUBLIC_URL", &*public),
            ("OPENAI_BASE_URL", model),
            ("OPENAI_API_KEY", "sk-chaos"),
            ("RELAY_APPLICATION_RECONNECT", "true"),
            ("TRANSCRIPT_KEYS", KEYS),
            ("DRAIN_SECONDS", &*drain),
            ("MAX_CALL_SECONDS", "7200"),
            ("MAX_TURNS", "2000"),
            ("LOG_FORMAT", "json"),
            ("RUST_BACKTRACE", "0"),
        ];
        let engines = ports.map(|port| Engine::start(program, port, &env)).into();
        let balancer = Haproxy::at(door, ports);
        Self { balancer, engines, sentinels, redis, witness }
    }

    pub(crate) fn engine(&mut self, nth: usize) -> &mut Engine {
        self.engines.get_mut(nth).expect("an engine")
    }

    /// The port of the master, as the Sentinels say.
    pub(crate) fn master(&self) -> u16 {
        wait_for("the Sentinels know a master", HEALS_WITHIN, || self.sentinels.master())
    }

    /// Waits until two replicas follow a master, and the Sentinels could elect another. Tells its
    /// port.
    pub(crate) fn whole_again(&mut self) -> u16 {
        let master = self.redis.wait_for_replicas_of(2, || self.sentinels.master());
        self.sentinels.wait_until_complete();
        master
    }

    /// The calls that an engine says are ringing though its caller has been answered. Engines that do
    /// not answer are passed over.
    pub(crate) fn misplaced(&self) -> Vec<String> {
        let lists = self.engines.iter().filter_map(|engine| get(engine.port, "/monitor"));
        lists.flat_map(|list| ringing(&list)).collect()
    }

    /// Waits until every engine is well and has its calls in Redis; those that do not come to rest.
    pub(crate) fn calm(&self) -> Findings {
        let (began, mut findings) = (Instant::now(), Findings::default());
        for (engine, nth) in self.engines.iter().zip(1..) {
            while let Some(why) = unrest(engine) {
                if began.elapsed() > HEALS_WITHIN {
                    findings.add(Finding::Restless, format!("engine {nth}: {why}"));
                    break;
                }
                #[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        findings
    }

    /// Kills the engines; the folders of their journals.
    pub(crate) fn close(&mut self) -> Vec<PathBuf> {
        self.engines.iter_mut().for_each(Engine::kill);
        self.engines.iter().map(|engine| engine.dir().join("data")).collect()
    }

    /// A call as it lies in Redis.
    pub(crate) fn lying(&self, sid: &str) -> Lying {
        let port = self.master();
        let server = self.redis.servers.iter().find(|server| server.port == port);
        let url = server.expect("the master").url();
        let client = redis::Client::open(url).expect("an address");
        let mut redis = client.get_connection().expect("the master");
        let key = format!("sh:{{{sid}}}");
        let epoch: Option<u64> =
            redis::cmd("HGET").arg(&key).arg("e").query(&mut redis).expect("an epoch");
        let turns: HashMap<String, Vec<u8>> =
            redis::cmd("HGETALL").arg(format!("{key}:t")).query(&mut redis).expect("turns");
        let mark = |value: &[u8]| {
            let mark = value.split(|&byte| byte == b':').next().unwrap_or_default();
            Some((std::str::from_utf8(mark).ok()?.parse().ok()?, print(value)))
        };
        let turns = turns.into_iter();
        let turns = turns.filter_map(|(place, value)| Some((place, mark(&value)?))).collect();
        Lying { epoch: epoch.unwrap_or_default(), turns }
    }

    /// What the engines have written down of the calls, told by those words in their logs: the call,
    /// the line, and which engine.
    fn logged(&self, words: &str) -> Vec<(String, Value, usize)> {
        let mut found = Vec::new();
        for (nth, engine) in self.engines.iter().enumerate() {
            for line in engine.log().lines().filter(|line| line.contains(words)) {
                let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                let sid = line["span"]["call.sid"].as_str().or(line["call.sid"].as_str());
                if let Some(sid) = sid.map(str::to_owned) {
                    found.push((sid, line, nth));
                }
            }
        }
        found
    }

    /// Under which epochs the engines have held each call, as they say.
    pub(crate) fn epochs(&self) -> HashMap<String, HashSet<u64>> {
        let mut epochs: HashMap<String, HashSet<u64>> = HashMap::new();
        for (sid, line, _) in self.logged("\"epoch\":") {
            epochs.entry(sid).or_default().extend(line["epoch"].as_u64());
        }
        epochs
    }

    /// Where the lines of each call ended, and since when.
    pub(crate) fn lines(&self) -> HashMap<String, Vec<(u64, usize)>> {
        let mut lines: HashMap<String, Vec<(u64, usize)>> = HashMap::new();
        for (sid, line, nth) in self.logged("a line is open") {
            let at = line["timestamp"].as_str().and_then(unix_ms);
            lines.entry(sid).or_default().extend(at.map(|at| (at, nth)));
        }
        lines.values_mut().for_each(|lines| lines.sort_unstable());
        lines
    }
}

/// The time of a log's line, such as 2026-11-30T08:23:44.462082Z, ms since 1970.
fn unix_ms(text: &str) -> Option<u64> {
    let digits: Vec<_> = text.split(|byte: char| !byte.is_ascii_digit()).collect();
    let number = |nth: usize| digits.get(nth)?.parse::<u64>().ok();
    let (year, month, day) = (number(0)?, number(1)?, number(2)?);
    // The year begins in March: its last day is the one that is there every four years.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let seconds = ((days - 719_469) * 24 + number(3)?) * 3_600 + number(4)? * 60 + number(5)?;
    Some(seconds * 1_000 + digits.get(6)?.get(..3)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_log_is_the_one_of_the_callers() {
        assert_eq!(unix_ms("1970-01-01T00:00:00.000000Z"), Some(0));
        assert_eq!(unix_ms("2026-11-30T08:23:44.462082Z"), Some(1_796_027_024_462));
        assert_eq!(unix_ms("2024-02-29T23:59:59.999999Z"), Some(1_709_251_199_999));
    }
}
