//! `cargo run --release --example fake-twilio`: a Twilio without an account, for trying the hand-off
//! and the set-up. What it holds and what it can be told is in `deploy/twilio/README.md`.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

#[path = "server.rs"]
mod server;

use server::{Agent, FakeTwilio, Options};

/// Plays Twilio: its REST interface, TaskRouter, and the agent who takes the call.
#[derive(Parser)]
#[command(name = "fake-twilio")]
struct Arguments {
    /// Where it listens on 127.0.0.1.
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Begin without a workspace and without a number.
    #[arg(long)]
    empty: bool,
    /// Where the workspace sends its events: the engine's address and /taskrouter/events.
    #[arg(long, default_value = "http://127.0.0.1:3000/taskrouter/events")]
    events: String,
    /// What the agent does.
    #[arg(long, value_enum, default_value_t = Manner::Accepts)]
    agent: Manner,
    /// Seconds until the agent answers.
    #[arg(long, default_value_t = 5.0)]
    answer_after: f64,
    /// Seconds that they talk.
    #[arg(long, default_value_t = 10.0)]
    talk: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Manner {
    /// Answers.
    Accepts,
    /// Refuses every offer.
    Rejects,
    /// Lets every offer pass.
    TimesOut,
    /// Steps are played by hand.
    None,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let answer_after = seconds(arguments.answer_after);
    let agent = match arguments.agent {
        Manner::Accepts => Agent::Accepts { answer_after, talk: seconds(arguments.talk) },
        // Offers without a pause would never end.
        Manner::Rejects => Agent::Rejects { answer_after: answer_after.max(PAUSE) },
        Manner::TimesOut => Agent::TimesOut { answer_after: answer_after.max(PAUSE) },
        Manner::None => Agent::None,
    };
    let options = Options {
        port: arguments.port,
        empty: arguments.empty,
        event_callback_url: arguments.events,
        agent,
        ..Options::default()
    };
    let fake = match FakeTwilio::listen(options) {
        Ok(fake) => fake,
        Err(error) => {
            eprintln!("127.0.0.1:{} cannot be listened on: {error}", arguments.port);
            return ExitCode::FAILURE;
        }
    };
    println!("A fake Twilio listens on {}; the engine finds it with\n", fake.url());
    for (name, value) in fake.env() {
        println!("{name}={value}");
    }
    println!("TWILIO_WORKSPACE_SID={}", server::WORKSPACE_SID);
    println!("TWILIO_WORKFLOW_SID={}", server::WORKFLOW_SID);
    actix_web::rt::System::new().block_on(async {
        // Without a signal it serves for ever.
        let _ = tokio::signal::ctrl_c().await;
    });
    ExitCode::SUCCESS
}

/// Between two offers at least.
const PAUSE: Duration = Duration::from_millis(500);
