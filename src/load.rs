//! Many callers at once, to learn what an engine carries: `switchhook load`.
//!
//! Each caller is a [`crate::caller::Caller`] with a plan: ring, ask every so often, cut in now and
//! then, hang up. Their answers come from the [`stub`], whose words tell when they were written and
//! for whom, so that every word that is late, lost, doubled or another caller's is found.

use std::{
    io, thread,
    time::{Duration, Instant},
};

mod answer;
mod call;
pub mod process;
pub mod report;
pub mod stub;
mod tally;
pub mod words;

pub use self::report::Report;
use self::{process::Process, tally::Shared};
use crate::{
    caller::{self, Pace, RingOptions},
    twilio::signature::Signatures,
};

/// Callers that one thread plays well: more are spread over several.
const CALLERS_PER_THREAD: u32 = 2_000;

/// From the order to begin to the first call: every thread is up by then.
const HEAD_START: Duration = Duration::from_millis(50);

/// From the last ring until that call is connected.
const SETTLED: Duration = Duration::from_millis(500);

/// CPU time is told in steps of 10 ms: a shorter measurement says little.
const MEASURED: Duration = Duration::from_secs(1);

/// Whom to call, and as whom.
#[derive(Clone)]
pub struct Target {
    /// Scheme, host and port to connect to.
    pub url: String,
    /// What the server calls itself, if not the same.
    pub public_url: Option<String>,
    /// A server that has only a socket.
    pub ws_url: Option<String>,
    /// Where the end of a call is reported, if anywhere.
    pub status_path: Option<String>,
    /// Signs webhooks and upgrades.
    pub signatures: Option<Signatures>,
    /// Who is called, E.164.
    pub to: String,
    /// How fast the voices speak.
    pub pace: Pace,
    /// Whether subscribed events are sent.
    pub info: bool,
}

impl Target {
    /// The port of a server on this machine.
    fn loopback_port(&self) -> Option<u16> {
        caller::loopback_port(self.ws_url.as_ref().unwrap_or(&self.url))
    }
}

/// What the callers do.
#[derive(Clone)]
pub struct Plan {
    /// Whom they call.
    pub target: Target,
    /// How many, below [`words::CALLERS`].
    pub calls: u32,
    /// Their starts are spread over this time.
    pub ramp: Duration,
    /// How often each asks something.
    pub turns: u32,
    /// From one question of a caller to the next.
    pub every: Duration,
    /// How long each stays on the line after the last answer.
    pub hold: Duration,
    /// Which part of the questions is followed by cutting in, 0 to 1.
    pub interrupt_rate: f64,
    /// What they ask; empty: what the stub answers with stamped words.
    pub say: Vec<String>,
    /// The same seed gives the same interruptions.
    pub seed: u64,
    /// How many threads play them; None: as many as they need.
    pub threads: Option<usize>,
    /// The engine's process on this machine, to be measured meanwhile.
    pub engine: Option<u32>,
}

/// Why a load cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine's process cannot be measured.
    #[error("the engine's process {pid} cannot be measured: {source}")]
    Engine {
        /// Which.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The process to be measured is not the one that is called.
    #[error(
        "the process {pid} ({name}) does not listen on port {port}: --engine-pid takes the engine's own"
    )]
    NotTheEngine {
        /// Which.
        pid: u32,
        /// What it calls itself.
        name: String,
        /// Where the calls go.
        port: u16,
    },
    /// A thread cannot be had, or died.
    #[error("the callers cannot be played: {0}")]
    Thread(String),
}

impl Plan {
    fn threads(&self) -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let needed = usize::try_from(self.calls.div_ceil(CALLERS_PER_THREAD)).unwrap_or(cores);
        self.threads.unwrap_or(needed.min(cores)).max(1)
    }

    /// When a caller rings, counted from the first.
    fn rings_at(&self, caller: u32) -> Duration {
        self.ramp * caller / self.calls.max(1)
    }

    /// From when until when all callers are on the line and ask, counted from the first. None: they
    /// never do, or not for long enough to be measured.
    fn all_talk(&self) -> Option<(Duration, Duration)> {
        let from = self.ramp + SETTLED;
        let until = self.every * self.turns.saturating_sub(1);
        (until >= from + MEASURED).then_some((from, until))
    }

    fn options(&self) -> RingOptions {
        let target = self.target.clone();
        RingOptions {
            url: target.url,
            public_url: target.public_url,
            ws_url: target.ws_url,
            status_path: target.status_path,
            signatures: target.signatures,
            to: target.to,
            pace: target.pace,
            info: target.info,
            history: 0,
            ..RingOptions::default()
        }
    }
}

/// Carries the plan out. It ends by itself: every wait of every caller has a deadline.
///
/// # Errors
/// When the engine's process or a thread cannot be had, or the process is another's. What goes wrong with calls is in the report.
pub fn run(plan: &Plan) -> Result<Report, LoadError> {
    let measured = |pid| move |source| LoadError::Engine { pid, source };
    if let Some((pid, port)) = plan.engine.zip(plan.target.loopback_port())
        && !process::listens(pid, port).map_err(measured(pid))?
    {
        return Err(LoadError::NotTheEngine { pid, name: process::name(pid), port });
    }
    let before = plan.engine.map(|pid| Process::look(pid).map_err(measured(pid))).transpose()?;
    let own = Process::look(std::process::id()).ok();
    let start = Instant::now() + HEAD_START;
    let threads = plan.threads();
    let tally = Shared::default();
    let parts: Vec<_> = (0..threads)
        .map(|part| {
            let (plan, tally) = (plan.clone(), tally.clone());
            thread::Builder::new()
                .name(format!("callers-{part}"))
                .spawn(move || call::play(&plan, part, threads, start, &tally))
        })
        .collect();
    for part in parts {
        let thread = part.map_err(|error| LoadError::Thread(error.to_string()))?;
        thread.join().map_err(|_| LoadError::Thread("one panicked".to_owned()))?;
    }
    let after = plan.engine.map(|pid| Process::look(pid).map_err(measured(pid))).transpose()?;
    let seconds = start.elapsed().as_secs_f64();
    let own = own.zip(Process::look(std::process::id()).ok());
    let seen = report::Seen { threads, seconds, own, engine: before.zip(after) };
    Ok(tally.count(|tally| report::of(plan, &seen, tally)))
}
