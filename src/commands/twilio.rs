//! `switchhook twilio`: sets the Twilio account up, tells what that would change, checks it, and
//! undoes it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use crate::{
    config::Config,
    setup::{self, Action, Report, Settings, SetupError},
    twilio::rest::{Rest, RestSettings},
};

/// What `--help` says above the options.
pub const LONG_ABOUT: &str = "\
Set the Twilio account up.

Finds the workspace of Flex, makes or updates activities, queues, the workflow, the event callback, a \
TwiML application, the webhooks of your numbers and the size of the queue. It never buys anything, and \
keeps what it needs to undo all of it in a file beside the settings. Credentials come from the \
environment, as for the engine.";

/// Arguments of `switchhook twilio`.
#[derive(Debug, Args)]
pub struct TwilioArgs {
    #[command(subcommand)]
    order: Order,
    /// What shall be set up.
    #[arg(long, global = true, default_value = "deploy/twilio/twilio.toml")]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Order {
    /// Say what apply would change; only reads.
    Plan,
    /// Make and change what is not as it shall be.
    Apply,
    /// Compare everything with what it shall be; exits with 1 when something differs.
    Verify,
    /// Delete what apply made and restore what it changed.
    Destroy,
}

/// Does it.
pub fn run(arguments: TwilioArgs, config: &Config) -> ExitCode {
    let report = actix::System::new().block_on(perform(&arguments, config));
    match report {
        Ok(report) => tell(arguments.order, &report),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn perform(arguments: &TwilioArgs, config: &Config) -> Result<Report, SetupError> {
    let TwilioArgs { order, config: file } = arguments;
    let settings = RestSettings::of(&config.twilio).ok_or_else(|| SetupError::Setting {
        name: "TWILIO_ACCOUNT_SID",
        expected: "required, with TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET, or with \
                   TWILIO_AUTH_TOKEN"
            .to_owned(),
    })?;
    let rest = Rest::new(settings);
    let rest = rest.map_err(|why| SetupError::Twilio { what: "no client".to_owned(), why })?;
    let kept = kept_beside(file);
    if *order == Order::Destroy {
        return Ok(setup::destroy(&rest, &kept).await);
    }
    let public_url = (!config.public_url.is_loopback()).then(|| config.public_url.origin());
    let workspace = config.twilio.workspace_sid.as_deref();
    let settings = Settings::load(file, public_url, workspace)?;
    Ok(match order {
        Order::Apply => setup::apply(&rest, &settings, &kept).await,
        _ => setup::plan(&rest, &settings, &kept).await,
    })
}

/// `twilio.toml` has `twilio.kept.json` beside it.
fn kept_beside(file: &Path) -> PathBuf {
    file.with_extension("kept.json")
}

fn tell(order: Order, report: &Report) -> ExitCode {
    report.rows.iter().for_each(|row| println!("{row}"));
    if let Some(error) = &report.error {
        eprintln!("\n{error}");
        return ExitCode::FAILURE;
    }
    let count = |action| report.rows.iter().filter(|row| row.action == action).count();
    let differ = count(Action::Created) + count(Action::Updated);
    match order {
        Order::Plan => println!("\napply would make or change {differ}; nothing was changed."),
        Order::Verify if differ > 0 => println!("\n{differ} differ from what they shall be."),
        Order::Verify => println!("\nEverything is as it shall be."),
        Order::Destroy if report.rows.is_empty() => println!("There is nothing to undo."),
        Order::Destroy if count(Action::Left) == 0 => println!("\nEverything is undone."),
        Order::Destroy => println!("\n{} could not be undone.", count(Action::Left)),
        Order::Apply => {
            println!("\n{differ} made or changed. The engine needs\n");
            for (name, value) in &report.environment {
                println!("{name}={value}");
            }
        }
    }
    let bad = match order {
        Order::Verify => differ > 0,
        Order::Destroy => count(Action::Left) > 0,
        Order::Plan | Order::Apply => false,
    };
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
