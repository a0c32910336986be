//! The callers: each says one thing after another, waits for its answer, and writes down all it said
//! and heard.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use switchhook::caller::{Caller, Reconnect, Replay, RingOptions, record::Fact};

use crate::model::{end_of, question};

/// How long a caller waits for an answer before saying the next thing: longer than an engine's death
/// and two other deaths behind it.
const PATIENCE: Duration = Duration::from_secs(45);

/// What became of one caller.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) sid: String,
    pub(crate) matters: Vec<String>,
    pub(crate) facts: Vec<Fact>,
    /// How the call ended before its caller hung up, if it did.
    pub(crate) cut: Option<String>,
    pub(crate) violations: Vec<String>,
    pub(crate) log: String,
}

/// What all callers share.
#[derive(Clone)]
pub(crate) struct Crowd {
    pub(crate) url: String,
    pub(crate) seed: u64,
    pub(crate) until: Instant,
    pub(crate) client: awc::Client,
    /// How many are in a conversation now.
    pub(crate) talking: Rc<Cell<usize>>,
}

/// What is said without a socket and never replayed is nobody's: there would be nothing to compare.
fn replayed(variant: Reconnect) -> Reconnect {
    let replay = match variant.replay {
        Replay::Never => Replay::Once,
        replay => replay,
    };
    Reconnect { replay, ..variant }
}

/// One caller's whole call; an error when it never began.
pub(crate) async fn call(crowd: Crowd, number: u64) -> Result<Story, String> {
    let mut dice = fastrand::Rng::with_seed(crowd.seed.wrapping_mul(1_000_003) ^ number);
    let options = RingOptions {
        url: crowd.url.clone(),
        from: format!("+1202555{:04}", number % 10_000),
        variant: replayed(Reconnect::random(dice.u64(..))),
        history: 2_000,
        record: true,
        client: Some(crowd.client.clone()),
        ..RingOptions::default()
    };
    let caller = Caller::ring(options).await.map_err(|error| error.to_string())?;
    crowd.talking.set(crowd.talking.get() + 1);
    let mut matters = Vec::new();
    // The greeting.
    caller.quiet(Duration::from_secs(20)).await;
    while Instant::now() < crowd.until && caller.ending().is_none() {
        let matter = format!("{number}-{}", matters.len() + 1);
        // Without a socket what is said waits for the next one.
        if caller.say(&question(&matter)).await.is_err() {
            break;
        }
        let end = end_of(&matter);
        matters.push(matter);
        caller.heard_until(PATIENCE, |heard| heard.contains(&end)).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(300..2_500))).await;
    }
    crowd.talking.set(crowd.talking.get() - 1);
    let cut = caller.ending().map(|ending| ending.to_string());
    if cut.is_none() {
        caller.quiet(Duration::from_secs(20)).await;
        let _ = caller.hang_up().await;
    }
    Ok(Story {
        sid: caller.call_sid().to_owned(),
        matters,
        facts: caller.facts(),
        cut,
        violations: caller.violations(),
        log: caller.log(),
    })
}
