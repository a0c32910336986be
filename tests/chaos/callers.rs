//! The callers: each says one thing after another, waits for its answer, and writes down all it said
//! and heard.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use switchhook::caller::{
    Caller, CallerError, Hiccups, Reconnect, Replay, RingOptions, record::Fact,
};

use crate::words::{end_of, question};

/// How long a caller waits for an answer before saying the next thing: longer than an engine's death
/// and two other deaths behind it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// How long a caller who has nothing more to say listens.
const LISTENS: Duration = Duration::from_secs(20);

/// Pause before somebody who was told that nobody listens says it again: Twilio was just speaking.
const AGAIN: Duration = Duration::from_millis(300);

/// Of so many webhooks in a hundred each is sent twice or late.
const HICCUPS: u8 = 2;

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
        history: 4_000,
        record: true,
        hiccups: Hiccups { percent: HICCUPS, seed: dice.u64(..) },
        client: Some(crowd.client.clone()),
        ..RingOptions::default()
    };
    let caller = Caller::ring(options).await.map_err(|error| error.to_string())?;
    crowd.talking.set(crowd.talking.get() + 1);
    let Talk { matters, refused, answered } = talk(&caller, &crowd, number, &mut dice).await;
    crowd.talking.set(crowd.talking.get() - 1);
    if answered {
        // Behind the last answer the call may end as well. Who has waited for one in vain, and says
        // nothing more, is asked why, and the call is ended for their silence.
        caller.quiet(LISTENS).await;
    }
    let cut = match caller.ending() {
        Some(ending) => Some(ending.to_string()),
        None => caller.hang_up().await.err().map(|error| format!("hanging up: {error}")),
    };
    Ok(Story {
        sid: caller.call_sid().to_owned(),
        matters,
        facts: caller.facts(),
        cut: refused.or(cut),
        violations: caller.violations(),
        log: caller.log(),
    })
}

/// What was asked.
struct Talk {
    matters: Vec<String>,
    /// Why nothing more could be said.
    refused: Option<String>,
    /// The last of them has its answer.
    answered: bool,
}

/// One question after the other.
async fn talk(caller: &Caller, crowd: &Crowd, number: u64, dice: &mut fastrand::Rng) -> Talk {
    let mut talk = Talk { matters: Vec::new(), refused: None, answered: true };
    // The greeting.
    caller.quiet(LISTENS).await;
    while Instant::now() < crowd.until && caller.ending().is_none() {
        let matter = format!("{number}x{}", talk.matters.len() + 1);
        // Without a socket what is said waits for the next one; with one that breaks under it, it
        // was said all the same.
        match caller.say(&question(&matter)).await {
            Ok(()) | Err(CallerError::NoLine) => {}
            Err(CallerError::Unheard) => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            // Told as the end that it is.
            Err(_) if caller.ending().is_some() => break,
            Err(error) => {
                talk.refused = Some(format!("saying {matter}: {error}"));
                break;
            }
        }
        let end = end_of(&matter);
        talk.matters.push(matter);
        talk.answered = caller.heard_until(PATIENCE, |heard| heard.contains(&end)).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(300..2_500))).await;
    }
    talk
}
