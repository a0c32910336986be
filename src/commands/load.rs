//! `switchhook load`: what an engine carries, measured by callers; and the model they need for it.
//!
//! The exit code is 0 when every threshold held, 1 when one was broken or not measured, when no
//! answer had the stamps that were expected, or the load could not be carried out, 2 for a command
//! line that makes no sense.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::call::{AuthToken, pace};
use crate::{
    caller::{self, Pace},
    config::Config,
    limits,
    load::{
        self, LoadError, Plan, Report, Target,
        report::{NO_ANSWER, NO_STAMP},
        stub::{self, Stub},
        words,
    },
};

/// What `switchhook load --help` says first.
pub const LONG_ABOUT: &str = "\
Be many callers at once, and report what a ConversationRelay server makes of them.

The callers ring, ask every so often, cut in now and then, and hang up. Against an engine whose
model is the stub (`switchhook load --model-stub`, then OPENAI_BASE_URL=http://127.0.0.1:8089/v1),
every word tells when it was written and for whom: the report says what the engine adds to each
word, and finds words that are lost, doubled, or another caller's. With --say the callers ask a
real model: its words have no stamps, and what is added to them, lost or doubled is not measured.

To size an installation, run all three on machines like the real ones:
  switchhook load --model-stub
  OPENAI_BASE_URL=http://127.0.0.1:8089/v1 OPENAI_API_KEY=none switchhook
  switchhook load --calls 1000 --engine-pid PID

In the report:
  put late         questions that were due before the answer to the one before was over
  without a stamp  answers that are not the stub's, such as apologies
  lost, doubled    words of an answer that did not come, or came again
  foreign          words of another caller's answer
  stale            words of an answer that came over 300 ms after the caller had cut it off
  ahead            words of a model whose clock is ahead of this one: their delay is not known
  while all talk   the engine's CPU time while every caller is on the line and none rings or
                   hangs up; measured when (turns - 1) x every is 1.5 s longer than the ramp

The exit code is 0 when every threshold held, 1 when one was broken or could not be measured, or
when no answer had the stamps that were expected, 2 for a wrong command line.";

/// The options of `switchhook load`.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// Scheme, host and port to connect to
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000", value_parser = base)]
    pub url: String,
    /// What the server calls itself (its PUBLIC_URL) [default: the same as --url]
    #[arg(long, value_name = "URL", value_parser = base)]
    pub public_url: Option<String>,
    /// Connect to this socket at once, without webhooks and TwiML
    #[arg(long, value_name = "URL", conflicts_with_all = ["url", "public_url"])]
    pub ws: Option<String>,
    /// Sign as Twilio does, with this auth token [default: TWILIO_AUTH_TOKEN]
    #[arg(long, value_name = "AUTH_TOKEN")]
    pub token: Option<AuthToken>,
    /// Who is called
    #[arg(long, value_name = "NUMBER", default_value = "+12025550100")]
    pub to: String,
    /// How fast the voices speak: characters a second, or "fast" for at once
    #[arg(long, value_name = "CHARS_PER_SECOND", default_value = "fast", value_parser = pace)]
    pub pace: Pace,
    /// Send no info messages (agentSpeaking, tokensPlayed), even to those who subscribe them
    #[arg(long)]
    pub no_info: bool,
    /// Report the end of each call to this path too, such as /voice/status
    #[arg(long, value_name = "PATH")]
    pub status_path: Option<String>,
    /// How many callers
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(words::CALLERS)))]
    pub calls: u32,
    /// Spread their starts over so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = seconds)]
    pub ramp: Duration,
    /// How often each asks something; 0: they only hold the line
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(0..=i64::from(words::MOST) / 2))]
    pub turns: u32,
    /// From one question of a caller to the next
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = seconds)]
    pub every: Duration,
    /// How long each stays on the line after the last answer
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub hold: Duration,
    /// Ask this instead of stamped words, for a real model. May be repeated
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// Cut in on this part of the answers
    #[arg(long, value_name = "0..1", default_value = "0", value_parser = share)]
    pub interrupt_rate: f64,
    /// The same seed cuts in on the same answers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads that play the callers [default: one for 2,000 calls]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Measure this process meanwhile: the engine, on this machine. It has to listen on the port
    /// that is called, unless that leads elsewhere
    #[arg(long, value_name = "PID")]
    pub engine_pid: Option<u32>,
    /// Write the report as JSON to this file; - for standard output, without the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// What is still good
    #[command(flatten)]
    pub thresholds: Thresholds,
    /// The model
    #[command(flatten)]
    pub model: ModelArgs,
}

/// What is still good.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Thresholds (exit code 1)")]
pub struct Thresholds {
    /// Calls that may fail
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failed: u64,
    /// Tokens that may be lost, doubled, foreign or stale, and answers that may lack their stamp
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_lost: u64,
    /// Frames that Twilio would refuse
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_violations: u64,
    /// From a question to its first word, p99
    #[arg(long, value_name = "MS")]
    pub max_first_token_ms: Option<f64>,
    /// What is added to a word, p99
    #[arg(long, value_name = "MS")]
    pub max_added_p99_ms: Option<f64>,
    /// Webhooks, p99
    #[arg(long, value_name = "MS")]
    pub max_webhook_p99_ms: Option<f64>,
}

/// The stub.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The model")]
pub struct ModelArgs {
    /// Be the model instead: an OpenAI-compatible server whose words tell when they were written
    #[arg(long)]
    pub model_stub: bool,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into(),
          requires = "model_stub")]
    pub bind: IpAddr,
    /// On which port; 0 for a free one
    #[arg(long, default_value_t = 8089, requires = "model_stub")]
    pub port: u16,
    /// Words of an answer
    #[arg(long, value_name = "N", default_value_t = 40, requires = "model_stub",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(words::MOST)))]
    pub tokens: u32,
    /// From one word to the next
    #[arg(long, value_name = "MS", default_value_t = 25, requires = "model_stub")]
    pub gap_ms: u64,
    /// From the question to the first word
    #[arg(long, value_name = "MS", default_value_t = 300, requires = "model_stub")]
    pub first_ms: u64,
}

fn base(address: &str) -> Result<String, String> {
    caller::check_base(address).map(|()| address.to_owned()).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| "it takes 0 to 86400 seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it takes 0 to 1".to_owned())
}

/// What keeps the command from doing it.
#[derive(Debug, thiserror::Error)]
enum LoadCommandError {
    #[error("the model cannot listen on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the report cannot be written to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the report cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Is the callers, or the model. What the command line leaves open comes from the configuration of
/// the engine that is called: the first auth token, and `PUBLIC_URL` when an operator has set it.
pub fn run(args: LoadArgs, config: &Config) -> ExitCode {
    let _ = limits::raise_nofile();
    let done = if args.model.model_stub { be_the_model(&args.model) } else { call(args, config) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn be_the_model(args: &ModelArgs) -> Result<bool, LoadCommandError> {
    let address = SocketAddr::new(args.bind, args.port);
    let pace = stub::Pace {
        tokens: args.tokens,
        first: Duration::from_millis(args.first_ms),
        gap: Duration::from_millis(args.gap_ms),
    };
    actix::System::new().block_on(async {
        let stub = Stub::bind(address, pace).await;
        let stub = stub.map_err(|error| LoadCommandError::Bind(address, error))?;
        let address = stub.address().map_err(|error| LoadCommandError::Bind(address, error))?;
        println!("the model stub listens on http://{address}/v1");
        stub.serve().await;
        Ok(true)
    })
}

fn call(args: LoadArgs, config: &Config) -> Result<bool, LoadCommandError> {
    let (json, thresholds) = (args.json.clone(), args.thresholds.clone());
    let mut report = load::run(&plan(args, config))?;
    report.broken = thresholds.broken_by(&report);
    match json.as_deref() {
        Some(path) if path == Path::new("-") => println!("{}", serde_json::to_string(&report)?),
        Some(path) => {
            let text = serde_json::to_string_pretty(&report)? + "\n";
            let written = std::fs::write(path, text);
            written.map_err(|source| LoadCommandError::Write { path: path.to_owned(), source })?;
            print!("{report}");
        }
        None => print!("{report}"),
    }
    // What cannot be printed any more has lost its reader.
    let _ = io::stdout().flush();
    Ok(report.broken.is_empty())
}

fn plan(args: LoadArgs, config: &Config) -> Plan {
    let token = args.token.or_else(|| AuthToken::configured(config));
    Plan {
        target: Target {
            url: args.url,
            public_url: args.public_url.or(config.public_url.given().map(str::to_owned)),
            ws_url: args.ws,
            status_path: args.status_path,
            signatures: token.map(AuthToken::into_signatures),
            to: args.to,
            pace: args.pace,
            info: !args.no_info,
        },
        calls: args.calls,
        ramp: args.ramp,
        turns: args.turns,
        every: args.every,
        hold: args.hold,
        interrupt_rate: args.interrupt_rate,
        say: args.say,
        seed: args.seed,
        threads: args.threads.map(usize::from),
        engine: args.engine_pid,
    }
}

impl Thresholds {
    fn broken_by(&self, report: &Report) -> Vec<String> {
        let tokens = report.tokens;
        // Without any stamp nothing is known of the words, and that is told below.
        let unstamped = if tokens.stamped > 0 { report.turns.unstamped } else { 0 };
        let lost = tokens.lost + tokens.doubled + tokens.foreign + tokens.stale + unstamped;
        let counts = [
            ("calls failed", report.calls.failed, self.max_failed),
            ("tokens lost, doubled, foreign or stale", lost, self.max_lost),
            ("violations", report.violations, self.max_violations),
        ];
        let delays = [
            ("first token p99", report.first_token_ms, self.max_first_token_ms, NO_ANSWER),
            ("added p99", report.added_ms, self.max_added_p99_ms, NO_STAMP),
            ("webhook p99", report.webhook_ms, self.max_webhook_p99_ms, "no webhook was answered"),
        ];
        let counts = counts.into_iter().filter(|(_, count, most)| count > most);
        let mut broken: Vec<_> =
            counts.map(|(what, count, most)| format!("{what}: {count}, at most {most}")).collect();
        if report.lacks_stamps() {
            let answers = report.turns.answered;
            broken.push(format!(
                "stamps: none of {answers} answers has one, so that nothing was measured of their \
                 words: the engine asks another model than `switchhook load --model-stub`, or \
                 cannot reach it. With --say TEXT the callers ask a real model, and no stamps are \
                 expected"
            ));
        }
        for (what, spread, most, why) in delays {
            let Some(most) = most else { continue };
            match spread {
                Some(spread) if spread.p99 <= most => {}
                Some(spread) => {
                    broken.push(format!("{what}: {:.2} ms, at most {most}", spread.p99));
                }
                None => broken.push(format!("{what}: not measured, {why}; at most {most}")),
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests;
