//! `switchhook call`: be the caller, in the terminal, against any ConversationRelay server.
//!
//! Three ways: interactive, a few things to say (`--say`), or a script with expectations
//! (`--script`). The exit code is 0 only when every expectation held.

use std::{
    fmt, io::IsTerminal as _, path::PathBuf, process::ExitCode, str::FromStr, time::Duration,
};

use clap::Args;
use serde_json::json;

use self::screen::Screen;
use crate::caller::{
    Caller, CallerError, NoSuchVariant, Pace, Reconnect, RingOptions,
    record::Account,
    script::{self, Failure, ScriptError, ScriptLine},
};
use crate::{config::Config, twilio::signature::Signatures};

mod interactive;
mod screen;

/// The screen is fed for as long as the call lasts; nothing happens at this deadline.
const ENTRY_DEADLINE: Duration = Duration::from_secs(600);

/// The options of `switchhook call`.
#[derive(Debug, Clone, Args)]
pub struct CallArgs {
    /// Scheme, host and port to connect to
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// What the server calls itself (its PUBLIC_URL): what is below it is reached at --url, and
    /// signed as written [default: the same as --url]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Connect to this socket at once, without webhooks and TwiML
    #[arg(long, value_name = "URL", conflicts_with_all = ["url", "public_url"])]
    pub ws: Option<String>,
    /// Sign as Twilio does, with this auth token [default: TWILIO_AUTH_TOKEN]
    #[arg(long, value_name = "AUTH_TOKEN")]
    pub token: Option<AuthToken>,
    /// Say this, wait until the answer was heard, go on; then hang up. May be repeated
    #[arg(long, value_name = "TEXT", conflicts_with = "script")]
    pub say: Vec<String>,
    /// Perform this script
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Who calls
    #[arg(long, value_name = "NUMBER", default_value = "+12025550142")]
    pub from: String,
    /// Who is called
    #[arg(long, value_name = "NUMBER", default_value = "+12025550100")]
    pub to: String,
    /// How fast the voice speaks: characters a second, or "fast" for at once
    #[arg(long, value_name = "CHARS_PER_SECOND", default_value = "14", value_parser = pace)]
    pub pace: Pace,
    /// The fake Twilio whose people take the calls that the server queues; without it a caller who
    /// is queued waits until they hang up
    #[arg(long, value_name = "URL")]
    pub twilio: Option<String>,
    /// What Twilio does when the socket is lost, of which little is public: "random", or a list of
    /// the variants below
    #[arg(long, value_name = "VARIANT[,…]", default_value = "socket", value_parser = variant)]
    pub reconnect: Variant,
    /// With --say and --script, the answer goes on until nothing was said for so long: words such as
    /// "one moment" and apologies are talk cycles like answers, and nothing marks them. 0: the first
    /// talk cycle is the answer
    #[arg(long, value_name = "MS", default_value_t = 1_500)]
    pub answer_quiet: u64,
    /// Write what was said and heard to this file, a JSON object a line, and what it comes to as
    /// the last one (`account`). Times are milliseconds since the call began; the fields are
    /// described in src/caller/record.rs
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The same seed is the same random variant [default: a new one, which is printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Send no info messages (agentSpeaking, tokensPlayed), even to those who subscribe them
    #[arg(long)]
    pub no_info: bool,
}

/// What `switchhook call --help` says first. The subcommand carries it: its own comment would win
/// over one of [`CallArgs`].
pub const LONG_ABOUT: &str = "\
Be the caller, in the terminal, against any server that speaks Twilio ConversationRelay.

Without --say and --script, type what the caller says:
  TEXT + Enter      say it; interrupts the agent when it is speaking
  Enter             interrupt the agent
  #5                press the key 5 (#12## presses 1 2 # #)
  /hangup, Ctrl-D   hang up

Where the server passes the call on, the caller goes along: into the queue of <Enqueue>, with its
hold talk, where keys work as above; with --twilio to the person who takes the call and to the end
of the talk; or to a telephone, which nobody answers; and back to the agent.

With --say, a call that is passed on within two seconds of the last answer is followed: without
--twilio through one round of the wait, with it to the end.

A script has one step a line; lines that begin with # are comments:
  say TEXT                   say something, once the agent has finished speaking
  expect TEXT                the answer contains it, in any letter case
  expect-not TEXT            the answer does not
  within N ms                the next answer begins in that time
  interrupt after N words    cut in once so much of the answer was heard
  interrupt after N ms       cut in so long after the agent began to speak
  press KEYS                 press keys: 0-9 * # A-D
  pause N ms                 be silent
  hangup                     hang up
  expect-end                 the engine ends the call, or passes it on
  expect-queued              the engine passes the caller into a queue
  hear TEXT                  words since the last `say` or `press` contain it, in a session or
                             outside, such as the talk of a queue
  follow                     go along, if the engine passes the call on within two seconds
  drop                       the network cuts the line
  reconnect                  the network connects the line again
  lose                       the network loses the line, and Twilio does as --reconnect says
  fail CODE                  Twilio gives the session up with an error, such as 64105

With --reconnect, a comma between, what Twilio does when the socket is lost:
  socket (as it is without), action, action-then-socket, socket-then-action
                             the same address is opened again; the action URL is asked (64105);
                             it is asked, and the address opened all the same; the address is
                             opened, then the action asked and its answer followed
  same-session, new-session  the sessionId of the new socket
  setup, no-setup            whether it begins with `setup`
  replay, no-replay, doubles, twice
                             what becomes of the events since the loss, 500 at most: sent once, not
                             at all, each twice in a row, all and then all again
  tail=N                     the last N events before the loss are replayed too
  after=MS                   from the loss to the first attempt, or to the action URL
  early, late                whether the old socket still stands when the network loses the line
  clean-drops, clean-ends    a close with 1000, 1001 or 1012 is an accident, or the end of the
                             session; without either 1000 is the end
  attempts=N, every=MS       how often the address is tried (6), and how far apart (0.25 s, doubled)
                             before the action URL is asked (64102)

When the call ends before the script, pauses end too, and what still needs a call has failed.

The exit code is 0 only when every expectation held: every `say` got a complete answer that is
not empty, and the server sent nothing that Twilio would refuse.";

/// What `--reconnect` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variant {
    /// This.
    Given(Reconnect),
    /// One that the seed makes.
    Random,
}

pub(super) fn variant(text: &str) -> Result<Variant, NoSuchVariant> {
    if text == "random" { Ok(Variant::Random) } else { text.parse().map(Variant::Given) }
}

/// A secret that is never printed.
#[derive(Clone)]
pub struct AuthToken(Signatures);

impl AuthToken {
    /// The first one of the engine's own configuration.
    pub(super) fn configured(config: &Config) -> Option<Self> {
        let first = config.twilio.auth_tokens.first().cloned()?;
        Signatures::new([first]).ok().map(Self)
    }

    pub(super) fn into_signatures(self) -> Signatures {
        self.0
    }
}

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthToken")
    }
}

impl FromStr for AuthToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // During a rotation there is a list; the first one signs.
        let first = text.split(',').next().unwrap_or_default().trim();
        let signatures = Signatures::new([first.into()]);
        signatures.map(Self).map_err(|_| "an auth token is not empty")
    }
}

pub(super) fn pace(text: &str) -> Result<Pace, String> {
    if text == "fast" {
        return Ok(Pace::Instant);
    }
    match text.parse() {
        Ok(pace) if (0.1..=10_000.0).contains(&pace) => Ok(Pace::CharsPerSecond(pace)),
        _ => Err("it takes 0.1 to 10000 characters a second, or \"fast\"".to_owned()),
    }
}

/// What keeps the command from calling.
#[derive(Debug, thiserror::Error)]
pub enum CallCommandError {
    /// The script cannot be opened.
    #[error("the script {} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The script cannot be understood.
    #[error("the script {}: {source}", path.display())]
    Script {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: ScriptError,
    },
    /// What was heard cannot be written.
    #[error("the record {} cannot be written: {source}", path.display())]
    Record {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The call cannot be made.
    #[error(transparent)]
    Call(#[from] CallerError),
}

/// Calls. What the command line leaves open comes from the configuration of the engine that is
/// called: the first auth token, and `PUBLIC_URL` when an operator has set it.
pub fn run(mut args: CallArgs, config: &Config) -> ExitCode {
    args.token = args.token.or_else(|| AuthToken::configured(config));
    args.public_url = args.public_url.or(config.public_url.given().map(str::to_owned));
    match actix::System::new().block_on(call(args)) {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            for failure in failures {
                eprintln!("failed: {failure}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn call(args: CallArgs) -> Result<Vec<Failure>, CallCommandError> {
    let script = read_script(&args)?;
    let colours = std::io::stdout().is_terminal();
    let record = args.record.clone();
    let caller = Caller::ring(options(args)).await?;
    let failures = match script {
        Some(script) => {
            println!("(call {})", caller.call_sid());
            perform(&caller, &script, Screen::new(colours, true)).await
        }
        None => interactive::talk(&caller, Screen::new(colours, false)).await,
    };
    if let Some(path) = record {
        let written = std::fs::write(&path, recorded(&caller));
        written.map_err(|source| CallCommandError::Record { path, source })?;
    }
    Ok(failures)
}

/// What was said and heard, a line a fact, and what it comes to.
fn recorded(caller: &Caller) -> String {
    let facts = caller.facts();
    let account = json!({"account": Account::of(&facts, &[])});
    let lines = facts.iter().filter_map(|fact| serde_json::to_string(fact).ok());
    lines.chain([account.to_string()]).map(|line| line + "\n").collect()
}

fn options(args: CallArgs) -> RingOptions {
    let variant = match args.reconnect {
        Variant::Given(variant) => variant,
        Variant::Random => {
            let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
            let variant = Reconnect::random(seed);
            println!("(--reconnect {variant}, as of --seed {seed})");
            variant
        }
    };
    RingOptions {
        url: args.url,
        public_url: args.public_url,
        ws_url: args.ws,
        signatures: args.token.map(AuthToken::into_signatures),
        from: args.from,
        to: args.to,
        pace: args.pace,
        info: !args.no_info,
        twilio: args.twilio,
        variant,
        record: args.record.is_some(),
        answer_quiet: Duration::from_millis(args.answer_quiet),
        ..RingOptions::default()
    }
}

fn read_script(args: &CallArgs) -> Result<Option<Vec<ScriptLine>>, CallCommandError> {
    let Some(path) = &args.script else {
        return Ok((!args.say.is_empty()).then(|| script::saying(&args.say)));
    };
    let path = path.clone();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(CallCommandError::File { path, source }),
    };
    script::parse(&text).map(Some).map_err(|source| CallCommandError::Script { path, source })
}

/// Runs the script and shows what happens meanwhile.
async fn perform(caller: &Caller, script: &[ScriptLine], mut screen: Screen) -> Vec<Failure> {
    let mut run = std::pin::pin!(script::run(caller, script));
    let failures = loop {
        tokio::select! {
            biased;
            Some(entry) = caller.next_entry(ENTRY_DEADLINE) => screen.show(&entry),
            failures = &mut run => break failures,
        }
    };
    while let Some(entry) = caller.next_entry(Duration::ZERO).await {
        screen.show(&entry);
    }
    failures
}

#[cfg(test)]
mod tests;
