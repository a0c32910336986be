//! What operators see from outside: the log, the metrics, and the trace that a panic leaves.
//!
//! `main` calls [`init`], [`Metrics::install`] and [`install_panic_hook`] before anything else; the
//! rest of the program uses the macros of `tracing` and `metrics`, with names of [`METRICS`].

use std::{any::Any, io, panic::PanicHookInfo, time::Duration};

use metrics::{Key, KeyName, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::config::{Format, Log};

mod table;

pub use table::{Kind, METRICS, Metric};

/// How often [`Metrics::upkeep`] must run: samples of histograms wait in memory for it, or for
/// somebody who reads the metrics.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Characters of a panic's message that are logged.
const MESSAGE_MAX: usize = 200;

/// What the HTTP library calls an error although a peer did it: bytes that are no request, a head
/// without end, frames that no WebSocket has; the peer was refused, and there is nothing to mend here.
/// And what each worker's server says of its start: the engine says where it listens.
const QUIET: [(&str, LevelFilter); 4] = [
    ("actix_http::h1::dispatcher", LevelFilter::OFF),
    ("actix_http::h1::decoder", LevelFilter::OFF),
    ("actix_http::ws", LevelFilter::OFF),
    ("actix_server", LevelFilter::WARN),
];

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one. Configuration has checked it.
    #[error("the log filter is invalid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody set up a log before.
    #[error("the log cannot be set up: {0}")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody set up metrics before.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Begins to log, to standard error. `is_terminal` tells whether a person reads along: it decides
/// about the form where `LOG_FORMAT` does not, and about colours.
///
/// # Errors
/// When the filter is invalid or a log is set up already.
pub fn init(log: &Log, is_terminal: bool) -> Result<(), TelemetryError> {
    // A line that cannot be written is dropped: nobody reads it, and the calls go on.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(log)?)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    match form(log, is_terminal) {
        Format::Pretty => lines.with_ansi(is_terminal).try_init(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    }
    .map_err(TelemetryError::Log)
}

/// What `LOG` asks for. What is [`QUIET`] is left out, unless it asks for that by the library's name or
/// for everything.
fn filter(log: &Log) -> Result<EnvFilter, TelemetryError> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let for_all = log.filter.split(',').filter_map(|word| word.trim().parse::<LevelFilter>().ok());
    let for_all = for_all.max().unwrap_or(LevelFilter::ERROR);
    if for_all >= LevelFilter::DEBUG {
        return Ok(filter);
    }
    let is_named = |target: &str| {
        target.split("::").next().is_some_and(|library| log.filter.contains(library))
    };
    QUIET
        .iter()
        .filter(|(target, level)| !is_named(target) && *level < for_all)
        .try_fold(filter, |filter, (target, level)| {
            Ok(filter.add_directive(format!("{target}={level}").parse()?))
        })
}

fn form(log: &Log, is_terminal: bool) -> Format {
    log.format.unwrap_or(if is_terminal { Format::Pretty } else { Format::Json })
}

/// The metrics of the process.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Begins to count, for the whole process, and describes every one of [`METRICS`].
    ///
    /// # Errors
    /// When metrics are set up already.
    pub fn install() -> Result<Self, TelemetryError> {
        let (recorder, metrics) = Self::record()?;
        metrics::set_global_recorder(recorder).map_err(BuildError::from)?;
        Ok(metrics)
    }

    /// The text for `GET /metrics`, in Prometheus' format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Moves waiting samples into their histograms; to be called every [`UPKEEP_EVERY`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    pub(crate) fn record() -> Result<(PrometheusRecorder, Self), TelemetryError> {
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS {
            if let Kind::Seconds { buckets } = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                builder = builder.set_buckets_for_metric(name, buckets)?;
            }
        }
        let recorder = builder.build_recorder();
        METRICS.iter().for_each(|metric| describe(&recorder, metric));
        let handle = recorder.handle();
        Ok((recorder, Self { handle }))
    }
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    let (name, help) = (KeyName::from_const_str(metric.name), metric.help.into());
    let key = Key::from_static_name(metric.name);
    // A series without labels begins at 0, so that a rate shows its first step.
    let begins = metric.labels.is_empty();
    match metric.kind {
        Kind::Counter => {
            recorder.describe_counter(name, Some(Unit::Count), help);
            if begins {
                recorder.register_counter(&key, &metadata).increment(0);
            }
        }
        Kind::Gauge => {
            recorder.describe_gauge(name, Some(Unit::Count), help);
            if begins {
                recorder.register_gauge(&key, &metadata).set(0.0);
            }
        }
        Kind::Seconds { .. } => recorder.describe_histogram(name, Some(Unit::Seconds), help),
    }
}

/// Makes a panic one line of the log and one step of `switchhook_panics_total`.
///
/// The line has the place and the thread. It has no backtrace, and the message only when it is
/// fixed in the program: one that was put together may hold a caller's words.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string);
        metrics::counter!("switchhook_panics_total").increment(1);
        tracing::error!(
            place = place.as_deref().unwrap_or("unknown"),
            thread = thread.name().unwrap_or("unnamed"),
            message = message(panic.payload()),
            "panicked"
        );
    }));
}

/// The message of a panic as far as it may be logged.
fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&'static str>()
        .map_or_else(|| "not logged".to_owned(), |text| text.chars().take(MESSAGE_MAX).collect())
}

#[cfg(test)]
mod tests;
