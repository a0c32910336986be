//! The engine itself: is it running, and if not, could it?

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use serde::Deserialize;

use super::Finding;
use crate::{app, config::Config};

/// A healthy engine on this machine answers in a few ms.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the store may take to open and close again.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// What `/` and `/readyz` say.
#[derive(Deserialize)]
struct Answer {
    status: String,
    instance: String,
    #[serde(default)]
    calls: u64,
    #[serde(default)]
    degraded: Vec<String>,
}

pub(super) async fn look(config: &Config, client: &awc::Client) -> Vec<Finding> {
    let address = SocketAddr::new(config.listen.bind, config.listen.port);
    match running(&address, client).await {
        Some(ready) => vec![told(&address, &ready), public(config, client, &ready).await],
        None => vec![port(address), store(config).await, not_public(config)],
    }
}

/// What an engine at that address says of itself.
async fn running(address: &SocketAddr, client: &awc::Client) -> Option<Answer> {
    let asked = client.get(format!("http://{address}/readyz")).timeout(PATIENCE).send().await;
    asked.ok()?.json().await.ok()
}

fn told(address: &SocketAddr, ready: &Answer) -> Finding {
    let Answer { status, calls, degraded, .. } = ready;
    let text = format!("running at {address}: {status}, {calls} calls");
    match status.as_str() {
        "ready" => Finding::good("engine", text),
        "draining" => Finding::note("engine", text, "it stops when its calls have ended"),
        _ => {
            let text = format!("{text}, broken: {}", degraded.join(", "));
            Finding::bad("engine", text, "read its log and restart it")
        }
    }
}

fn port(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::good("engine", format!("not running; {address} is free")),
        Err(error) => Finding::bad(
            "engine",
            format!("not running, and {address} cannot be listened on: {error}"),
            "stop what uses it, or choose another BIND and PORT",
        ),
    }
}

/// Opens the store as the engine would. Only done when none is running.
async fn store(config: &Config) -> Finding {
    let dir = &config.store.data_dir;
    if let Some(redis) = &config.store.redis {
        let reached = tokio::time::timeout(STORE_PATIENCE, app::try_redis(config)).await;
        let why = match reached {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it does not answer in time".to_owned()),
        };
        if let Some(why) = why {
            return Finding::bad(
                "store",
                format!("{redis}: {why}"),
                "start Redis or mend REDIS_URL",
            );
        }
    }
    match tokio::time::timeout(STORE_PATIENCE, app::try_store(config)).await {
        Ok(Ok(())) => {
            Finding::good("store", format!("{} can be written, {}", dir.display(), sealed(config)))
        }
        Ok(Err(error)) => Finding::bad("store", error.to_string(), "mend or change DATA_DIR"),
        Err(_) => Finding::bad("store", "it does not open in time", "look at the disk of DATA_DIR"),
    }
}

/// Whether somebody who gets at the disk can read what was said.
fn sealed(config: &Config) -> String {
    match config.store.transcript_keys.first() {
        Some(key) => format!("and transcripts are encrypted under {}", key.kid),
        None => "and transcripts are stored readable".to_owned(),
    }
}

/// Whether Twilio's way in ends at this engine.
async fn public(config: &Config, client: &awc::Client, ready: &Answer) -> Finding {
    if config.public_url.is_loopback() {
        return not_public(config);
    }
    let origin = config.public_url.origin();
    let asked = client.get(format!("{origin}/")).timeout(PATIENCE).send().await;
    let answer: Option<Answer> = match asked {
        Ok(mut response) => response.json().await.ok(),
        Err(error) => {
            return Finding::bad(
                "public URL",
                format!("{origin} cannot be reached from here: {error}"),
                "start the tunnel or proxy, or mend PUBLIC_URL",
            );
        }
    };
    if answer.is_some_and(|answer| answer.instance == ready.instance) {
        return Finding::good("public URL", format!("{origin} leads to this engine"));
    }
    Finding::note(
        "public URL",
        format!("{origin} leads to another engine or to something else"),
        "with several engines that is as it should be; else mend the tunnel or PUBLIC_URL",
    )
}

fn not_public(config: &Config) -> Finding {
    if config.public_url.is_loopback() {
        return Finding::note(
            "public URL",
            "this machine alone can call in",
            "for real calls set PUBLIC_URL, TWILIO_AUTH_TOKEN and ACCESS_TOKENS",
        );
    }
    let origin = config.public_url.origin();
    Finding::note("public URL", format!("{origin} was not tried"), "start the engine, check again")
}
