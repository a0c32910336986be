//! The command line, configuration, telemetry, and the command; nothing else.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use switchhook::{
    commands::{call, check, load, serve, twilio},
    config::Config,
};

/// `EX_USAGE`: the configuration is wrong.
const BAD_CONFIGURATION: u8 = 64;

/// A call engine: Twilio ConversationRelay on one side, a language model on the other.
///
/// Configuration comes from the environment and a `.env` file; see the README.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Take calls (the default).
    Serve,
    /// Be the caller, in the terminal, against any ConversationRelay server.
    #[command(long_about = call::LONG_ABOUT)]
    Call(Box<call::CallArgs>),
    /// Be many callers at once, and report what the server makes of them; or be the model.
    #[command(long_about = load::LONG_ABOUT)]
    Load(Box<load::LoadArgs>),
    /// Say what is configured, reachable and missing.
    Check,
    /// Set the Twilio account up: plan, apply, verify, destroy.
    #[command(long_about = twilio::LONG_ABOUT)]
    Twilio(twilio::TwilioArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    switchhook::tls::install_provider();
    let config = match Config::load() {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&config),
        Command::Call(arguments) => call::run(*arguments, &config),
        Command::Load(arguments) => load::run(*arguments, &config),
        Command::Check => check::run(&config),
        Command::Twilio(arguments) => twilio::run(arguments, &config),
    }
}
