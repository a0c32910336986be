//! One caller of a load, from ringing to hanging up, and the thread that plays many.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    task::JoinHandle,
    time::{sleep, sleep_until},
};

use super::{
    Plan,
    answer::Listener,
    process::Process,
    tally::Shared,
    words::{MOST, Tag},
};
use crate::caller::{self, Caller, CallerError, RingOptions};

/// A caller who waits longer for the end of an answer has hung up.
const ANSWER: Duration = Duration::from_secs(30);

/// A caller cuts in within this time after the first word.
const CUTS_IN_WITHIN: Duration = Duration::from_millis(800);

/// From cutting in until what the caller says then is recognised.
const SPEAKS: Duration = Duration::from_millis(400);

/// How often a thread looks whether its timers are late.
const TICK: Duration = Duration::from_millis(20);

/// Why a call was not served.
#[derive(Debug, thiserror::Error)]
enum CallFailed {
    #[error("{0}")]
    Caller(#[from] CallerError),
    #[error("an answer did not come in {} s", ANSWER.as_secs())]
    Unanswered,
    #[error("{0}")]
    Ended(String),
}

/// Plays every caller whose number fits this part, on the present thread.
pub(super) fn play(plan: &Plan, part: usize, parts: usize, start: Instant, tally: &Shared) {
    actix::System::new().block_on(async {
        let mut watching = vec![actix::spawn(tick(tally.clone()))];
        if part == 0 {
            watching.push(actix::spawn(watch(plan.clone(), start, tally.clone())));
        }
        let client = caller::client();
        let plan = Rc::new(plan.clone());
        let mine = (0..plan.calls).skip(part).step_by(parts);
        let calls: Vec<_> = mine
            .map(|number| {
                let options = RingOptions { client: Some(client.clone()), ..plan.options() };
                actix::spawn(hold(Rc::clone(&plan), number, options, start, tally.clone()))
            })
            .collect();
        for call in calls {
            if call.await.is_err() {
                tally.count(|tally| tally.fail("the caller's task panicked".to_owned()));
            }
        }
        watching.iter().for_each(JoinHandle::abort);
    });
}

/// A timer knows when it should ring: what it is late by, every word may be late by as well.
async fn tick(tally: Shared) {
    loop {
        let due = Instant::now() + TICK;
        sleep_until(due.into()).await;
        tally.count(|tally| tally.tick.add(due.elapsed()));
    }
}

/// Looks at the engine when all have rung, and again before the first hangs up: what it does
/// between is to talk.
async fn watch(plan: Plan, start: Instant, tally: Shared) {
    let Some((engine, (from, until))) = plan.engine.zip(plan.all_talk()) else { return };
    let mut looks = Vec::new();
    for at in [from, until] {
        sleep_until((start + at).into()).await;
        let Ok(seen) = Process::look(engine) else { return };
        looks.push((seen, tally.count(|tally| tally.tokens.received)));
    }
    if let [before, after] = looks[..] {
        tally.count(|tally| tally.talking = Some((before, after)));
    }
}

async fn hold(plan: Rc<Plan>, number: u32, options: RingOptions, start: Instant, tally: Shared) {
    sleep_until((start + plan.rings_at(number)).into()).await;
    tally.count(|tally| tally.calls.started += 1);
    let listener = Rc::new(Listener::new(tally.clone()));
    let ear = Rc::clone(&listener);
    let options = RingOptions { ear: Some(Rc::new(move |at, text| ear.hear(at, text))), ..options };
    let caller = match Caller::ring(options).await {
        Ok(caller) => caller,
        Err(error) => return tally.count(|tally| tally.fail(error.to_string())),
    };
    let rng = fastrand::Rng::with_seed(plan.seed.wrapping_add(u64::from(number)));
    let mut call = Call { plan, number, caller, listener, tally: tally.clone(), rng, asked: 0 };
    let talked = call.talk().await;
    tally.count(|tally| {
        call.caller.webhook_times().into_iter().for_each(|time| tally.webhook.add(time));
        call.caller.connect_times().into_iter().for_each(|time| tally.connect.add(time));
        tally.violate(call.caller.violations());
        match talked {
            Ok(()) => tally.calls.served += 1,
            Err(failed) => tally.fail(failed.to_string()),
        }
    });
}

/// A call that is connected.
struct Call {
    plan: Rc<Plan>,
    number: u32,
    caller: Caller,
    listener: Rc<Listener>,
    tally: Shared,
    rng: fastrand::Rng,
    /// How many questions it has put.
    asked: u32,
}

impl Call {
    async fn talk(&mut self) -> Result<(), CallFailed> {
        let began = Instant::now();
        for turn in 0..self.plan.turns {
            let due = began + self.plan.every * turn;
            if turn > 0 && due <= Instant::now() {
                self.tally.count(|tally| tally.turns.delayed += 1);
            }
            sleep_until(due.into()).await;
            self.turn().await.map_err(|failed| self.explain(failed))?;
        }
        sleep(self.plan.hold).await;
        self.caller.hang_up().await.map_err(|error| self.explain(error.into()))
    }

    /// The end of the call explains more than what it kept the caller from.
    fn explain(&self, failed: CallFailed) -> CallFailed {
        self.caller.ending().map_or(failed, |ending| CallFailed::Ended(ending.to_string()))
    }

    /// A question and its answer; now and then the caller cuts in and asks anew.
    async fn turn(&mut self) -> Result<(), CallFailed> {
        self.ask().await?;
        if self.rng.f64() < self.plan.interrupt_rate {
            if !self.caller.speaking(ANSWER).await {
                return Err(CallFailed::Unanswered);
            }
            sleep(CUTS_IN_WITHIN.mul_f64(self.rng.f64())).await;
            let cut_at = Instant::now();
            if self.caller.interrupt().await?.is_some() {
                self.listener.cut(cut_at);
                self.tally.count(|tally| tally.turns.interrupted += 1);
                sleep(SPEAKS).await;
                self.ask().await?;
            }
        }
        if !self.caller.answer(ANSWER).await.complete {
            return Err(CallFailed::Unanswered);
        }
        self.listener.finish();
        let is_unstamped = !self.listener.is_told();
        self.tally.count(|tally| {
            tally.turns.answered += 1;
            tally.turns.unstamped += u64::from(is_unstamped);
        });
        Ok(())
    }

    async fn ask(&mut self) -> Result<(), CallFailed> {
        let tag = Tag { caller: self.number, question: self.asked % MOST };
        let say = &self.plan.say;
        let words = match say.iter().cycle().nth(self.asked as usize % say.len().max(1)) {
            Some(words) => words.clone(),
            None => tag.asked(),
        };
        self.asked += 1;
        self.tally.count(|tally| tally.turns.asked += 1);
        self.listener.ask(tag);
        Ok(self.caller.say(&words).await?)
    }
}
