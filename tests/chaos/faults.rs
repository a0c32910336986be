//! The faults: a plan made from a seed, and how each is done and undone.
//!
//! They run on a thread of their own, one after another, so that each hits a whole cluster.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    cluster::{Cut, Redis},
    findings::{Finding, Findings},
    house::House,
};

/// How long a new master may take to be elected: Sentinels that were kept waiting for the machine do
/// nothing for half a minute.
const ELECTED_WITHIN: Duration = Duration::from_secs(90);

/// By how much a slow Redis answers late: engines wait 80 ms for a turn and 200 ms for the rest, and
/// throw a connection away after 500.
const SLOW_MS: std::ops::Range<u64> = 20..250;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of an engine, which is started again.
    Kill,
    /// An engine stands still, with its sockets open, and goes on later as if nothing had been.
    Zombie,
    /// `kill -9` of the Redis master, which comes back as a replica.
    Failover,
    /// The Redis master is cut off from everybody until another was elected, then is back and still
    /// believes in itself.
    Partition,
    /// The same, with an engine on its side that reaches neither another Redis nor a Sentinel.
    SplitBrain,
    /// SIGTERM: an engine moves its calls away and ends, and is started again.
    Drain,
    /// All of Redis stands still for a while.
    Outage,
    /// `kill -9` of every Redis server and Sentinel at once, and all are started again later.
    Crash,
    /// Somebody empties Redis.
    Flush,
    /// Redis answers late, and its replicas as well.
    Slow,
    /// The balancer dies, and another takes its place: all sockets come back at once.
    Stampede,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What has happened, and when, by the machine's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happened {
    pub(crate) fault: Fault,
    /// Which engine it hit, from 0, if it did.
    pub(crate) engine: Option<usize>,
    pub(crate) from_ms: u64,
    /// When it was undone.
    pub(crate) until_ms: u64,
}

/// How often each happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) kills: usize,
    pub(crate) zombies: usize,
    pub(crate) failovers: usize,
    pub(crate) partitions: usize,
    pub(crate) drains: usize,
    pub(crate) outages: usize,
    pub(crate) crashes: usize,
    pub(crate) flushes: usize,
    pub(crate) slows: usize,
    pub(crate) stampedes: usize,
}

impl Counts {
    /// Whether nothing happens but that engines drain.
    pub(crate) fn are_drains_alone(&self) -> bool {
        let drains = self.drains;
        drains > 0 && self.plan(0).len() == drains
    }

    /// All of them, in an order that the seed gives. Partitions of both kinds take turns.
    pub(crate) fn plan(self, seed: u64) -> Vec<Fault> {
        let mut dice = fastrand::Rng::with_seed(seed);
        let alone = (self.partitions + usize::from(dice.bool())) / 2;
        let all = [
            (Fault::Kill, self.kills),
            (Fault::Zombie, self.zombies),
            (Fault::Failover, self.failovers),
            (Fault::Partition, self.partitions - alone),
            (Fault::SplitBrain, alone),
            (Fault::Drain, self.drains),
            (Fault::Outage, self.outages),
            (Fault::Flush, self.flushes),
            (Fault::Slow, self.slows),
            (Fault::Stampede, self.stampedes),
            (Fault::Crash, self.crashes),
        ];
        let mut plan: Vec<_> =
            all.into_iter().flat_map(|(fault, count)| std::iter::repeat_n(fault, count)).collect();
        dice.shuffle(&mut plan);
        plan
    }
}

/// What is promised is promised of one fault at a time: what was said while Redis was away its owner
/// alone has, until it has brought it back.
const APART: Duration = Duration::from_secs(3);

/// The same of what a store had that was emptied.
const FLUSH_APART: Duration = Duration::from_secs(5);

/// Does them all, spread until that moment; says each as it happens, and tells what has, and what
/// was seen meanwhile that must not be.
pub(crate) fn perform(
    house: &mut House,
    plan: &[Fault],
    seed: u64,
    outage: Duration,
    until: Instant,
) -> (Vec<Happened>, Findings) {
    let mut dice = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let mut findings = Findings::default();
    let mut breaker = Breaker { house, dice: &mut dice, outage, drained: 0, mended_ms: None };
    let began = Instant::now();
    let step =
        until.saturating_duration_since(began) / u32::try_from(plan.len().max(1)).unwrap_or(1);
    let mut mended = began;
    let happened = plan.iter().enumerate().map(|(nth, fault)| {
        let due = began + step * u32::try_from(nth).unwrap_or(u32::MAX);
        pause(due.saturating_duration_since(Instant::now()));
        let before = nth.checked_sub(1).and_then(|before| plan.get(before));
        let flushes = [Some(fault), before].contains(&Some(&Fault::Flush));
        let apart = if flushes { FLUSH_APART } else { APART };
        pause((mended + apart).saturating_duration_since(Instant::now()));
        for call in breaker.house.misplaced() {
            findings.add(Finding::Misplaced, format!("{call} before {fault} {}", nth + 1));
        }
        let (from, since) = (Instant::now(), unix_ms());
        let (what, engine) = breaker.one(*fault);
        println!(
            "{:>6.1} s  {fault}: {what} ({:.1} s)",
            began.elapsed().as_secs_f64(),
            from.elapsed().as_secs_f64()
        );
        mended = Instant::now();
        let until_ms = breaker.mended_ms.take().unwrap_or_else(unix_ms);
        Happened { fault: *fault, engine, from_ms: since, until_ms }
    });
    let happened = happened.collect();
    pause(APART);
    for call in breaker.house.misplaced() {
        findings.add(Finding::Misplaced, format!("{call} after the last fault"));
    }
    (happened, findings)
}

#[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
fn pause(length: Duration) {
    std::thread::sleep(length);
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Breaks a house, and mends it.
struct Breaker<'a> {
    house: &'a mut House,
    dice: &'a mut fastrand::Rng,
    outage: Duration,
    /// How many engines were drained.
    drained: usize,
    /// When the cause was gone, where healing takes longer.
    mended_ms: Option<u64>,
}

impl Breaker<'_> {
    /// Does one; what it hit, and which engine.
    fn one(&mut self, fault: Fault) -> (String, Option<usize>) {
        let nth = self.dice.usize(..self.house.engines.len());
        let engine = |nth: usize| (format!("engine {}", nth + 1), Some(nth));
        match fault {
            Fault::Kill => {
                self.house.engine(nth).kill();
                self.rest(500..2_500);
                self.house.engine(nth).restart();
                engine(nth)
            }
            Fault::Zombie => {
                self.house.engine(nth).stop();
                self.rest(4_000..9_000);
                self.house.engine(nth).cont();
                engine(nth)
            }
            Fault::Drain => engine(self.drain()),
            Fault::Failover => {
                let old = self.house.master();
                self.house.redis.at(old).kill();
                self.house.sentinels.wait_for_another(old, ELECTED_WITHIN);
                self.house.redis.at(old).restart();
                let new = self.house.whole_again();
                (format!("{old} -> {new}"), None)
            }
            Fault::Partition => (self.partition(), None),
            Fault::SplitBrain => (self.split(nth), Some(nth)),
            Fault::Outage => {
                self.house.redis.servers.iter().for_each(|server| server.stop());
                pause(self.outage);
                self.house.redis.servers.iter().for_each(|server| server.cont());
                self.mended_ms = Some(unix_ms());
                let now = self.house.whole_again();
                (format!("all of Redis, {now} is the master now"), None)
            }
            Fault::Crash => (self.crash(), None),
            Fault::Flush => {
                let master = self.house.master();
                self.house.redis.at(master).order(&["FLUSHALL"]);
                (master.to_string(), None)
            }
            Fault::Slow => (self.slow(), None),
            Fault::Stampede => {
                self.house.balancer.replace();
                ("the balancer".to_owned(), None)
            }
        }
    }

    fn crash(&mut self) -> String {
        let House { redis, sentinels, .. } = &mut *self.house;
        redis.servers.iter_mut().for_each(Redis::kill);
        sentinels.sentinels.iter_mut().for_each(|each| each.kill());
        pause(self.outage);
        redis.servers.iter_mut().for_each(Redis::restart);
        sentinels.sentinels.iter_mut().for_each(|each| each.restart());
        self.mended_ms = Some(unix_ms());
        let now = self.house.whole_again();
        format!("all of Redis and its Sentinels, {now} is the master now")
    }

    fn rest(&mut self, millis: std::ops::Range<u64>) {
        pause(Duration::from_millis(self.dice.u64(millis)));
    }

    /// The engines take turns.
    fn drain(&mut self) -> usize {
        let nth = self.drained % self.house.engines.len();
        self.drained += 1;
        self.house.engine(nth).drain();
        crate::cluster::wait_for("an engine ends", ELECTED_WITHIN, || {
            self.house.engine(nth).has_ended().then_some(())
        });
        self.house.engine(nth).restart();
        nth
    }

    /// Every request to a Redis is on its way for longer than an engine waits for a turn, or for less.
    fn slow(&mut self) -> String {
        let late = Duration::from_millis(self.dice.u64(SLOW_MS));
        self.house.redis.servers.iter().for_each(|server| server.slow(late));
        self.rest(4_000..9_000);
        self.house.redis.servers.iter().for_each(|server| server.slow(Duration::ZERO));
        self.mended_ms = Some(unix_ms());
        let now = self.house.whole_again();
        format!("all of Redis by {} ms, {now} is the master now", late.as_millis())
    }

    fn partition(&mut self) -> String {
        let old = self.house.master();
        self.house.redis.at(old).cut(Cut::Everybody);
        self.house.sentinels.wait_for_another(old, ELECTED_WITHIN);
        self.rest(0..2_000);
        self.house.redis.at(old).cut(Cut::Nobody);
        let new = self.house.whole_again();
        format!("{old} from everybody -> {new}")
    }

    /// The engine is left alone with the old master for long enough that this one, without a
    /// replica, takes no more writes.
    fn split(&mut self, nth: usize) -> String {
        let (old, engine) = (self.house.master(), self.house.engine(nth).pid());
        self.cut(old, Cut::AllBut(engine), Cut::Only(engine));
        self.house.sentinels.wait_for_another(old, ELECTED_WITHIN);
        self.rest(3_000..8_000);
        self.cut(old, Cut::Nobody, Cut::Nobody);
        let new = self.house.whole_again();
        format!("{old} with engine {} from everybody -> {new}", nth + 1)
    }

    fn cut(&self, master: u16, its: Cut, others: Cut) {
        for server in &self.house.redis.servers {
            server.cut(if server.port == master { its } else { others });
        }
        self.house.sentinels.sentinels.iter().for_each(|sentinel| sentinel.cut(others));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Counts = Counts {
        kills: 0,
        zombies: 0,
        failovers: 0,
        partitions: 0,
        drains: 0,
        outages: 0,
        crashes: 0,
        flushes: 0,
        slows: 0,
        stampedes: 0,
    };

    #[test]
    fn a_plan_has_each_fault_as_often_as_it_was_asked_for_in_an_order_of_the_seed() {
        let counts = Counts { kills: 4, slows: 3, stampedes: 2, partitions: 2, ..NONE };
        let plan = counts.plan(1);
        let count = |fault| plan.iter().filter(|planned| **planned == fault).count();
        assert_eq!([Fault::Kill, Fault::Slow, Fault::Stampede].map(count), [4, 3, 2]);
        assert_eq!(plan.len(), 11);
        assert_eq!(plan, counts.plan(1));
        assert!((2..9).any(|seed| counts.plan(seed) != plan));
    }

    #[test]
    fn a_plan_of_drains_alone_is_known() {
        assert!(Counts { drains: 1, ..NONE }.are_drains_alone());
        for counts in [
            NONE,
            Counts { drains: 1, kills: 1, ..NONE },
            Counts { drains: 1, slows: 1, ..NONE },
            Counts { drains: 1, crashes: 1, ..NONE },
            Counts { drains: 1, stampedes: 1, ..NONE },
        ] {
            assert!(!counts.are_drains_alone(), "{counts:?}");
        }
    }
}
