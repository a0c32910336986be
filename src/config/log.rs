//! What is logged, and in which form.

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::problems::{Problems, found};

/// `LOG`.
const FILTER: &str = "info";

/// The engine's crates, as a filter names them.
const OUR_TARGETS: &str = "switchhook";

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    log: Option<String>,
    log_format: Option<String>,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `LOG`: a valid filter of the tracing-subscriber crate.
    pub filter: String,
    /// `LOG_FORMAT`. None: pretty on a terminal, else JSON.
    pub format: Option<Format>,
}

pub(super) fn parse(raw: Raw, problems: &mut Problems) -> Log {
    let filter = raw.log.unwrap_or_else(|| FILTER.to_owned());
    if EnvFilter::builder().parse(&filter).is_err() {
        let expected = "expected a level, or filters such as info,switchhook=debug";
        problems.add("LOG", format!("{expected}, {}", found(&filter)));
    }
    for word in filter.split(',').map(str::trim) {
        // A misspelt level is a valid filter: the name of a target, which nothing has.
        let bare = !word.is_empty() && !word.contains(['=', '[']) && !word.contains(OUR_TARGETS);
        if bare && word.parse::<LevelFilter>().is_err() {
            let expected = "expected error, warn, info, debug, trace or off, or a crate=level";
            problems.add("LOG", format!("{expected}, {}", found(word)));
        }
    }
    let format = raw.log_format.and_then(|raw| match raw.as_str() {
        "pretty" => Some(Format::Pretty),
        "json" => Some(Format::Json),
        _ => {
            problems.add("LOG_FORMAT", format!("expected pretty or json, {}", found(&raw)));
            None
        }
    });
    Log { filter, format }
}
