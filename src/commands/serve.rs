//! `switchhook serve`: takes calls until it is told to stop.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use crate::{
    app::{self, Engine},
    config::Config,
    faults,
    limits::{self, CallLimit, Descriptors},
    stop,
    telemetry::{self, Metrics, UPKEEP_EVERY},
};

/// `EX_CONFIG`: the configuration reads well and does not work.
const DID_NOT_START: u8 = 78;

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("the engine did not start: {0}")]
    Start(#[from] app::StartError),
    #[error("the engine failed: {0}")]
    Run(#[from] std::io::Error),
}

/// Runs the engine.
pub fn run(config: &Config) -> ExitCode {
    let telemetry = telemetry::init(&config.log, std::io::stderr().is_terminal())
        .and_then(|()| Metrics::install());
    let metrics = match telemetry {
        Ok(metrics) => metrics,
        Err(error) => {
            eprintln!("the engine did not start: {error}");
            return ExitCode::from(DID_NOT_START);
        }
    };
    telemetry::install_panic_hook();
    faults::take_orders();
    let served = actix::System::new().block_on(async {
        limits::survive_file_size_limit()?;
        let (max_calls, descriptors) = capacity(config);
        let engine = app::start(config, metrics, max_calls, Arc::clone(&descriptors))?;
        // Whoever does not read it needs no engine that dies of it.
        if let Err(error) = announce(&engine, config, &mut io::stdout()) {
            tracing::warn!("standard output cannot be written: {error}");
        }
        actix::spawn(async move {
            loop {
                descriptors.look();
                actix::clock::sleep(limits::LOOK_EVERY).await;
            }
        });
        let metrics = engine.web.metrics.clone();
        actix::spawn(async move {
            loop {
                actix::clock::sleep(UPKEEP_EVERY).await;
                metrics.upkeep();
            }
        });
        let web = engine.web.clone();
        let opening = app::open_doors(engine.store.clone(), move || web.readiness.ready());
        let drain = Duration::from_secs(config.limits.drain_seconds);
        tokio::select! {
            biased;
            stopped = stop::run_until_stopped(engine, drain) => stopped?,
            error = opening => return Err(error.into()),
        }
        Ok::<(), ServeError>(())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(DID_NOT_START)
        }
    }
}

/// How many calls the machine can carry, from its descriptors.
fn capacity(config: &Config) -> (usize, Arc<Descriptors>) {
    let nofile = limits::raise_nofile();
    let CallLimit { calls: max_calls, warning } =
        limits::max_calls(config.limits.max_calls, nofile.soft);
    tracing::info!(nofile.soft, nofile.hard, max_calls, "descriptors");
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    (max_calls, Arc::new(Descriptors::new(nofile.soft, max_calls)))
}

/// Says where to look next, and what is real and what is embedded.
fn announce(engine: &Engine, config: &Config, out: &mut impl Write) -> io::Result<()> {
    let here = format!("http://{}", engine.address);
    writeln!(out, "Switchhook {} listens on {here}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out)?;
    writeln!(out, "  talk with it    switchhook call --url {here}")?;
    writeln!(out, "  live calls      {here}/monitor")?;
    writeln!(out, "  a transcript    {here}/api/transcript/{{CallSid}}")?;
    writeln!(out, "  metrics         {here}/metrics")?;
    writeln!(out)?;
    let model = if config.model.offline {
        "offline: answers from the persona's own knowledge; set OPENAI_API_KEY or OPENAI_BASE_URL for a real one".to_owned()
    } else {
        format!("{} at {}", config.model.name, config.model.base_url)
    };
    writeln!(out, "  model           {model}")?;
    let persona = match &config.persona_file {
        Some(path) => path.display().to_string(),
        None => "OWL Bank (embedded; set PERSONA_FILE for your own)".to_owned(),
    };
    writeln!(out, "  persona         {} from {persona}", engine.web.persona.name)?;
    let journal = config.store.data_dir.display();
    match &config.store.redis {
        None => writeln!(out, "  registry        embedded, in {journal}")?,
        Some(redis) => writeln!(out, "  registry        {redis}, with a journal in {journal}")?,
    }
    let twilio = match (config.twilio.auth_tokens.is_empty(), engine.public_url.is_loopback()) {
        (true, _) => {
            "not configured: signatures are not checked (set TWILIO_AUTH_TOKEN)".to_owned()
        }
        (false, true) => "signatures are checked; PUBLIC_URL is this machine alone".to_owned(),
        (false, false) => format!("webhooks at {}/voice/incoming", engine.public_url.origin()),
    };
    writeln!(out, "  Twilio          {twilio}")?;
    writeln!(out, "  hand-off        {}", engine.desk)?;
    writeln!(out, "  calls at most   {}", engine.web.admission.max_calls())
}
