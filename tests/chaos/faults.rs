//! The faults: a plan made from a seed, and how each is done and undone.
//!
//! They run on a thread of their own, one after another, so that each hits a whole cluster.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::house::House;

/// How long a new master may take to be elected.
const ELECTED_WITHIN: Duration = Duration::from_secs(30);

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of an engine, which is started again.
    Kill,
    /// An engine stands still, with its sockets open, and goes on later as if nothing had been.
    Zombie,
    /// `kill -9` of the Redis master, which comes back as a replica.
    Failover,
    /// The Redis master stands still until another was elected, then goes on as if it were one.
    Partition,
    /// SIGTERM: an engine moves its calls away and ends, and is started again.
    Drain,
    /// All of Redis stands still for ten seconds.
    Outage,
    /// Somebody empties Redis.
    Flush,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
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
    pub(crate) flushes: usize,
}

impl Counts {
    /// All of them, in an order that the seed gives.
    pub(crate) fn plan(self, seed: u64) -> Vec<Fault> {
        let all = [
            (Fault::Kill, self.kills),
            (Fault::Zombie, self.zombies),
            (Fault::Failover, self.failovers),
            (Fault::Partition, self.partitions),
            (Fault::Drain, self.drains),
            (Fault::Outage, self.outages),
            (Fault::Flush, self.flushes),
        ];
        let mut plan: Vec<_> =
            all.into_iter().flat_map(|(fault, count)| std::iter::repeat_n(fault, count)).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut plan);
        plan
    }
}

/// Does them all, spread until that moment; says each as it happens. How many were done.
pub(crate) fn perform(house: &mut House, plan: &[Fault], seed: u64, until: Instant) -> usize {
    let mut dice = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let began = Instant::now();
    let step =
        until.saturating_duration_since(began) / u32::try_from(plan.len().max(1)).unwrap_or(1);
    for (nth, fault) in plan.iter().enumerate() {
        let due = began + step * u32::try_from(nth).unwrap_or(u32::MAX);
        #[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let happened = Instant::now();
        let what = one(house, *fault, &mut dice);
        println!(
            "{:>6.1} s  {fault}: {what} ({:.1} s)",
            began.elapsed().as_secs_f64(),
            happened.elapsed().as_secs_f64()
        );
    }
    plan.len()
}

#[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
fn rest(dice: &mut fastrand::Rng, millis: std::ops::Range<u64>) {
    std::thread::sleep(Duration::from_millis(dice.u64(millis)));
}

fn one(house: &mut House, fault: Fault, dice: &mut fastrand::Rng) -> String {
    let nth = dice.usize(..house.engines.len());
    match fault {
        Fault::Kill => {
            house.engine(nth).kill();
            rest(dice, 500..2_500);
            house.engine(nth).restart();
            format!("engine {}", nth + 1)
        }
        Fault::Zombie => {
            house.engine(nth).stop();
            rest(dice, 4_000..9_000);
            house.engine(nth).cont();
            format!("engine {}", nth + 1)
        }
        Fault::Drain => {
            house.engine(nth).drain();
            crate::cluster::wait_for("an engine ends", ELECTED_WITHIN, || {
                house.engine(nth).has_ended().then_some(())
            });
            house.engine(nth).restart();
            format!("engine {}", nth + 1)
        }
        Fault::Failover => {
            let old = house.master();
            house.redis.at(old).kill();
            let new = house.sentinels.wait_for_another(old, ELECTED_WITHIN);
            house.redis.at(old).restart();
            house.whole_again(new);
            format!("{old} -> {new}")
        }
        Fault::Partition => {
            let old = house.master();
            house.redis.at(old).stop();
            let new = house.sentinels.wait_for_another(old, ELECTED_WITHIN);
            rest(dice, 0..2_000);
            house.redis.at(old).cont();
            house.whole_again(new);
            format!("{old} -> {new}")
        }
        Fault::Outage => {
            house.redis.servers.iter().for_each(|server| server.stop());
            rest(dice, 9_000..11_000);
            house.redis.servers.iter().for_each(|server| server.cont());
            let now = house.settled_master();
            house.whole_again(now);
            format!("all of Redis, {now} is the master now")
        }
        Fault::Flush => {
            let master = house.master();
            house.redis.at(master).order(&["FLUSHALL"]);
            format!("{master}")
        }
    }
}
