//! Keeps one shared actor alive: an actor whose handler panicked is gone for good (its mailbox is
//! closed, `Supervisor` restarts only what stopped by itself), so the next to ask it gets a new one.
//!
//! Sessions and webhooks ask through it. What waited in the mailbox of the dead one is answered as
//! closed, and its askers know what to do about that.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix::{
    Actor, Addr, Handler, Message,
    dev::{Request, ToEnvelope},
};

use crate::clock::Stopwatch;

/// How many deaths within [`DEATHS_OF`] are made good. More is a fault that another actor of the
/// same kind does not cure: it stays dead, and `/livez` asks for a restart of the process.
const DEATHS_MAX: usize = 5;

/// The time in which deaths are counted.
const DEATHS_OF: Duration = Duration::from_secs(60);

/// The seat of a shared actor.
pub struct Keeper<A: Actor> {
    /// What it is called in logs and metrics.
    name: &'static str,
    make: Box<dyn Fn() -> Addr<A> + Send + Sync>,
    held: Mutex<Held<A>>,
}

struct Held<A: Actor> {
    addr: Addr<A>,
    deaths: VecDeque<Stopwatch>,
}

impl<A: Actor> Keeper<A> {
    /// Starts the actor with `make`, now and after each of its deaths. `make` runs on the thread
    /// of whoever asks: one that ties the actor to its thread is asked on that thread alone.
    pub fn new(name: &'static str, make: impl Fn() -> Addr<A> + Send + Sync + 'static) -> Self {
        let held = Mutex::new(Held { addr: make(), deaths: VecDeque::new() });
        Self { name, make: Box::new(make), held }
    }

    /// Asks the actor; a dead one is replaced first.
    pub fn send<M>(&self, message: M) -> Request<A, M>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.addr().send(message)
    }

    /// Whether it can be asked, if need be after a replacement.
    pub fn connected(&self) -> bool {
        self.addr().connected()
    }

    fn addr(&self) -> Addr<A> {
        // A panic while the lock was held left the address as it was.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.addr.connected() {
            held.deaths.retain(|death| death.elapsed() < DEATHS_OF);
            if held.deaths.len() < DEATHS_MAX {
                held.deaths.push_back(Stopwatch::start());
                tracing::error!(
                    actor = self.name,
                    "a shared actor is dead: another takes its seat"
                );
                metrics::counter!("switchhook_actors_replaced_total", "actor" => self.name)
                    .increment(1);
                held.addr = (self.make)();
            }
        }
        held.addr.clone()
    }
}

impl<A: Actor> fmt::Debug for Keeper<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Context, MailboxError};

    use super::*;

    struct Frail;

    impl Actor for Frail {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Double(u32);

    impl Handler<Double> for Frail {
        type Result = u32;

        fn handle(&mut self, Double(number): Double, _: &mut Self::Context) -> u32 {
            assert!(number < 10, "a number it cannot bear");
            number * 2
        }
    }

    #[actix::test]
    async fn whoever_asks_after_a_death_is_answered_and_who_asked_before_is_told() {
        let keeper = Keeper::new("frail", || Frail.start());
        for _ in 0..DEATHS_MAX {
            assert_eq!(keeper.send(Double(4)).await, Ok(8));
            let (killed, behind) = (keeper.send(Double(10)), keeper.send(Double(1)));
            assert_eq!(killed.await, Err(MailboxError::Closed));
            assert_eq!(behind.await, Err(MailboxError::Closed));
            assert!(keeper.connected());
        }
    }

    #[actix::test]
    async fn an_actor_that_dies_again_and_again_stays_dead_and_is_seen_to_be() {
        let keeper = Keeper::new("frail", || Frail.start());
        for _ in 0..=DEATHS_MAX {
            assert!(keeper.connected());
            assert_eq!(keeper.send(Double(10)).await, Err(MailboxError::Closed));
        }
        assert!(!keeper.connected());
        assert_eq!(keeper.send(Double(1)).await, Err(MailboxError::Closed));
    }
}
