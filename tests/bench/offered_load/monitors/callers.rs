//! The callers: each asks every ten seconds, and tells the board of what happens to its call.
//!
//! Besides those who stay some leave halfway: every other one of them hangs up, and for the others a
//! supervisor orders a person.

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use switchhook::{
    caller::{self, Caller, CallerError, Dialled, Pace, RingOptions},
    load::words::Tag,
};
use tokio::time::sleep_until;

use super::{
    ask,
    board::{Board, Kind, MONITORS},
};

/// From one question of a caller to the next; the callers ring one after the other in as long.
const EVERY: Duration = Duration::from_secs(10);

/// One leaves for so many who stay.
const LEAVES: u32 = 10;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// From the last question until nothing happens any more.
const CALMS: Duration = Duration::from_secs(3);

/// How many hang up in a second at the end.
const HANGS_UP: u32 = 100;

/// What they do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// How many stay.
    pub(super) calls: u32,
    /// How often each asks.
    pub(super) turns: u32,
    /// The engines.
    pub(super) urls: [String; MONITORS],
    /// When the first rings.
    pub(super) start: Instant,
}

impl Plan {
    /// From then on all callers are on the line.
    pub(super) fn all_have_rung(&self) -> Instant {
        self.start + EVERY + CALMS
    }

    /// Nobody asks anything from then on.
    pub(super) fn all_have_asked(&self) -> Instant {
        self.start + EVERY * self.turns
    }

    /// Nothing happens at that time.
    pub(super) fn calm(&self) -> Instant {
        self.all_have_asked() + CALMS
    }

    /// Those who stay and those who leave.
    fn all(&self) -> u32 {
        self.calls + self.calls.div_ceil(LEAVES)
    }
}

/// Plays all of them to their ends; what went wrong.
pub(super) fn play(plan: &Plan, board: &Arc<Board>) -> Vec<String> {
    actix::System::new().block_on(async {
        let client = caller::client();
        let calls: Vec<_> = (0..plan.all())
            .map(|number| {
                let call = (plan.clone(), Arc::clone(board), client.clone());
                actix::spawn(async move { hold(&call.0, number, &call.1, call.2).await })
            })
            .collect();
        let mut troubles = Vec::new();
        for call in calls {
            if let Err(error) = call.await.expect("a caller") {
                troubles.push(error.to_string());
            }
        }
        troubles
    })
}

async fn hold(
    plan: &Plan,
    number: u32,
    board: &Arc<Board>,
    client: awc::Client,
) -> Result<(), CallerError> {
    sleep_until((plan.start + EVERY * number / plan.all()).into()).await;
    let url = plan.urls[number as usize % MONITORS].clone();
    let sid = format!("CA{:016x}{number:016x}", fastrand::u64(..));
    let listener = Listener { sid: sid.clone(), board: Arc::clone(board), turns: Cell::new(None) };
    let listener = Rc::new(listener);
    let ear = Rc::clone(&listener);
    let options = RingOptions {
        url: url.clone(),
        call_sid: Some(sid),
        from: format!("+1202555{:04}", number % 10_000),
        pace: Pace::Instant,
        history: 0,
        dialled: Dialled::Completed,
        ear: Some(Rc::new(move |at, _| ear.hear(at))),
        client: Some(client),
        ..RingOptions::default()
    };
    let caller = Caller::ring(options).await?;
    listener.happened(Kind::Connected, 0);
    let began = Instant::now();
    let leaves = number % (LEAVES + 1) == LEAVES;
    let turns = if leaves { plan.turns.div_ceil(2) } else { plan.turns };
    for question in 0..turns {
        sleep_until((began + EVERY * question).into()).await;
        listener.talk(&caller, Tag { caller: number, question }).await?;
    }
    match number % (2 * (LEAVES + 1)) {
        LEAVES => return order(url, &caller, &listener).await,
        _ if leaves => {}
        _ => {
            let share = Duration::from_secs(1) * number / HANGS_UP;
            sleep_until((plan.calm() + CALMS + share).into()).await;
        }
    }
    listener.happened(Kind::Ended, 0);
    caller.hang_up().await
}

/// A caller's ear, and what is told of the call.
struct Listener {
    sid: String,
    board: Arc<Board>,
    /// How many turns there are once the answer begins that is awaited.
    turns: Cell<Option<usize>>,
}

impl Listener {
    fn happened(&self, kind: Kind, turns: usize) {
        self.board.happened(kind, &self.sid, turns, Instant::now());
    }

    fn hear(&self, at: Instant) {
        if let Some(turns) = self.turns.take() {
            self.board.happened(Kind::Answered, &self.sid, turns, at);
        }
    }

    /// A question and its answer. The greeting is a turn as well.
    async fn talk(&self, caller: &Caller, tag: Tag) -> Result<(), CallerError> {
        let turns = 2 + 2 * tag.question as usize;
        self.turns.set(Some(turns + 1));
        self.happened(Kind::Asked, turns);
        caller.say(&tag.asked()).await?;
        let answer = caller.answer(PATIENCE).await;
        if answer.complete { Ok(()) } else { Err(CallerError::Stuck) }
    }
}

/// The supervisor's order, and the person who speaks with the caller then.
async fn order(url: String, caller: &Caller, listener: &Listener) -> Result<(), CallerError> {
    let path = format!("/api/calls/{}/escalate", caller.call_sid());
    listener.happened(Kind::Ordered, 0);
    let sent = tokio::task::spawn_blocking(move || ask(&url, "POST", &path)).await;
    if !matches!(sent, Ok(Some((202, _)))) {
        return Err(CallerError::NotAnswered("the order is refused".to_owned()));
    }
    caller.ended(PATIENCE).await.map(drop).ok_or(CallerError::Stuck)
}
