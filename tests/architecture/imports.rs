//! Who may import whom.
//!
//! Arrows go one way: the program knows the actors, every actor knows the domain, the domain knows
//! nobody. Answers return as message results or streams, never by calling back into the asker.

use std::collections::BTreeSet;

use super::source::{Source, Violation};

/// What one part may name, besides itself. A row counts for its file and its folder; the row
/// nearest to a file is the one that counts. A row allows what lies below a name too.
struct Row {
    part: &'static str,
    /// Of `actors::` and `switchhook::`.
    may: &'static [&'static str],
    /// Taken out of `may` again.
    never: &'static [&'static str],
    /// The libraries it may name; everything in the manifest where nothing stands here.
    libraries: Option<&'static [&'static str]>,
}

const fn row(part: &'static str, may: &'static [&'static str]) -> Row {
    Row { part, may, never: &[], libraries: None }
}

/// What the domain may use of `std`: nothing that waits, reads or looks outside.
const OUTSIDE: &[&str] =
    &["std::env", "std::fs", "std::io::stdin", "std::net", "std::process", "std::thread"];

/// The ports: what adapters implement. Only the actor behind a port and its adapters name it.
const PORTS: &[&str] = &[
    "actors::escalation_manager::desk::Desk",
    "actors::llm_gateway::model",
    "actors::registry::store::CallStore",
];

/// What a call uses beside a queue.
const BESIDE_QUEUE: &[&str] =
    &["switchhook::caller::call", "switchhook::caller::line", "switchhook::caller::dial"];

/// A call, and what it uses.
const BELOW_CALL: &[&str] = &[
    "switchhook::caller::call",
    "switchhook::caller::line",
    "switchhook::caller::queue",
    "switchhook::caller::dial",
];

/// The same, and the phone with it.
const BELOW_PHONE: &[&str] = &[
    "switchhook::caller::call",
    "switchhook::caller::line",
    "switchhook::caller::queue",
    "switchhook::caller::dial",
    "switchhook::caller::phone",
];

const TABLE: &[Row] = &[
    // The library of the actors. Its manifest has no server, client or store.
    row("actors/src/lib", &["actors"]),
    Row {
        libraries: Some(&["std", "serde", "serde_json", "thiserror", "proptest"]),
        never: OUTSIDE,
        ..row("actors/src/domain", &[])
    },
    Row {
        libraries: Some(&["std", "serde", "serde_json", "thiserror", "toml", "proptest"]),
        never: OUTSIDE,
        ..row("actors/src/domain/persona", &["actors::domain"])
    },
    row("actors/src/clock", &["actors::domain"]),
    row("actors/src/directory", &["actors::domain"]),
    row("actors/src/keeper", &["actors::clock"]),
    row("actors/src/llm_gateway", &["actors::domain", "actors::clock", "actors::pulse"]),
    row("actors/src/pulse", &["actors::clock"]),
    row("actors/src/registry", &["actors::domain", "actors::clock"]),
    Row {
        never: &["actors::registry::store::CallStore"],
        ..row(
            "actors/src/escalation_manager",
            &[
                "actors::domain",
                "actors::keeper",
                "actors::registry::Registry",
                "actors::registry::messages",
                "actors::registry::store",
            ],
        )
    },
    // It is tried on a store in memory.
    row("actors/src/escalation_manager/tests", &["actors"]),
    // A port knows what it is about, and nobody who asks.
    row("actors/src/escalation_manager/desk", &["actors::domain"]),
    Row {
        never: PORTS,
        ..row(
            "actors/src/call_session",
            &[
                "actors::domain",
                "actors::clock",
                "actors::pulse",
                "actors::directory",
                "actors::escalation_manager::EscalationManager",
                "actors::escalation_manager::Outlook",
                "actors::escalation_manager::messages",
                "actors::keeper",
                "actors::llm_gateway::LlmGateway",
                "actors::llm_gateway::messages",
                "actors::registry::Registry",
                "actors::registry::messages",
                "actors::registry::store",
            ],
        )
    },
    // The program.
    row("src/lib", &["actors", "switchhook"]),
    row(
        "src/main",
        &["switchhook::commands", "switchhook::config", "switchhook::telemetry", "switchhook::tls"],
    ),
    row(
        "src/commands",
        &[
            "actors::domain",
            "switchhook::app",
            "switchhook::caller",
            "switchhook::clock",
            "switchhook::config",
            "switchhook::faults",
            "switchhook::limits",
            "switchhook::load",
            "switchhook::setup",
            "switchhook::stop",
            "switchhook::telemetry",
            "switchhook::twilio",
        ],
    ),
    Row { never: &["switchhook::commands"], ..row("src/app", &["actors", "switchhook"]) },
    // It takes leave of every call.
    row(
        "src/stop",
        &[
            "actors::domain",
            "actors::call_session",
            "actors::directory",
            "switchhook::app",
            "switchhook::http::Web",
        ],
    ),
    Row {
        never: PORTS,
        ..row(
            "src/http",
            &[
                "actors",
                "switchhook::clock",
                "switchhook::config",
                "switchhook::desks::CALL_BACK",
                "switchhook::limits",
                "switchhook::links",
                "switchhook::telemetry",
                "switchhook::twilio",
            ],
        )
    },
    // Its routes are tried on a store that is broken.
    row(
        "src/http/tests.rs",
        &[
            "switchhook::http",
            "actors",
            "switchhook::clock",
            "switchhook::config",
            "switchhook::desks",
            "switchhook::links",
            "switchhook::telemetry",
            "switchhook::twilio",
        ],
    ),
    row("src/models", &["actors::domain", "actors::llm_gateway::model", "switchhook::outgoing"]),
    row(
        "src/desks",
        &[
            "actors::domain",
            "actors::escalation_manager::desk",
            "switchhook::clock",
            "switchhook::links",
            "switchhook::twilio::rest",
        ],
    ),
    row("src/links", &["actors::domain", "switchhook::config"]),
    row(
        "src/stores",
        &[
            "actors::domain",
            "actors::clock",
            "actors::registry::store",
            "switchhook::config",
            "switchhook::clock",
        ],
    ),
    row("src/caller", &["actors::domain", "switchhook::outgoing", "switchhook::twilio"]),
    // A call has a line, or a queue, or a telephone that rings; all have the phone: none knows who
    // uses it.
    Row { never: &["switchhook::caller::call"], ..row("src/caller/line", &["switchhook::caller"]) },
    Row { never: BESIDE_QUEUE, ..row("src/caller/queue", &["switchhook::caller"]) },
    Row {
        never: &[
            "switchhook::caller::call",
            "switchhook::caller::line",
            "switchhook::caller::queue",
        ],
        ..row("src/caller/dial", &["switchhook::caller"])
    },
    Row { never: BELOW_CALL, ..row("src/caller/documents", &["switchhook::caller"]) },
    Row { never: BELOW_CALL, ..row("src/caller/phone", &["switchhook::caller"]) },
    Row { never: BELOW_PHONE, ..row("src/caller/switchboard", &["switchhook::caller"]) },
    row("src/load", &["actors::domain", "switchhook::caller", "switchhook::twilio"]),
    row("src/setup", &["switchhook::twilio"]),
    row("src/twilio", &["actors::domain", "switchhook::config"]),
    // Alone of them it asks somebody.
    row(
        "src/twilio/rest",
        &["actors::domain", "switchhook::config", "switchhook::outgoing", "switchhook::tls"],
    ),
    // Configuration knows nobody but the types that check its values; others take their section.
    row("src/config", &["switchhook::twilio::twiml"]),
    row("src/limits", &["switchhook::config"]),
    row("src/faults", &[]),
    row("src/telemetry", &["switchhook::config"]),
    row("src/clock", &["actors::domain"]),
    row("src/tls", &[]),
    row("src/outgoing", &[]),
];

/// The domain neither waits nor logs nor looks at the time: these names do not occur in it.
const DOMAIN_UNKNOWN: [&str; 11] = [
    "actix",
    "clock",
    "dbg",
    "env",
    "eprintln",
    "Instant",
    "metrics",
    "println",
    "SystemTime",
    "tokio",
    "tracing",
];

/// Holds every file against its row.
pub(crate) fn table(files: &[Source], crates: &BTreeSet<String>) -> Vec<Violation> {
    let ours = |file: &&Source| file.is_of("src") || file.is_of("actors/src");
    files.iter().filter(ours).flat_map(|file| against_row(file, crates)).collect()
}

fn against_row(file: &Source, crates: &BTreeSet<String>) -> Vec<Violation> {
    let rows = TABLE.iter().filter(|row| file.is_of(row.part));
    let Some(row) = rows.max_by_key(|row| row.part.len()) else {
        return vec![file.breaks(1, "has no row in the table of imports: decide what it may know")];
    };
    let own = row.part.replace("actors/src/", "actors::").replace("src/", "switchhook::");
    let own = own.replace('/', "::");
    let mut broken = Vec::new();
    for (line, path) in file.paths() {
        let first = path.split("::").next().unwrap_or_default();
        let is_allowed = match first {
            "actors" | "switchhook" => {
                is_below(&path, &own) || row.may.iter().any(|may| is_below(&path, may))
            }
            // A name that is no library's is a module or a type nearby.
            _ if !crates.contains(first) => true,
            _ => row.libraries.is_none_or(|libraries| libraries.contains(&first)),
        };
        if !is_allowed || row.never.iter().any(|never| is_below(&path, never)) {
            broken.push(file.breaks(line, format!("{} may not name {path}", row.part)));
        }
    }
    broken
}

/// Only `src/app.rs` may know the door together with the models or the stores.
pub(crate) fn wiring(files: &[Source]) -> Vec<Violation> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_of("src") && file.path != "src/app.rs") {
        let paths = file.paths();
        let first = |parts: &[&str]| {
            let is_it = |path: &str| parts.iter().any(|part| is_below(path, part));
            paths.iter().find(|(_, path)| is_it(path)).map(|(line, _)| *line)
        };
        let inside = first(&["switchhook::models", "switchhook::stores"]);
        if let (Some(line), Some(_)) = (first(&["switchhook::http"]), inside) {
            let rule = "only src/app.rs brings http together with models or stores";
            broken.push(file.breaks(line, rule));
        }
    }
    broken
}

/// Only `src/http/line.rs` names the actor of a socket: it is frozen when its peer stops reading.
pub(crate) fn sockets(files: &[Source]) -> Vec<Violation> {
    let others = files.iter().filter(|file| file.path != "src/http/line.rs");
    let rule = "only src/http/line.rs names actix_web_actors";
    let names = |file: &Source| {
        let words = file.words().into_iter().filter(|(_, word)| word == "actix_web_actors");
        words.map(|(line, _)| file.breaks(line, rule)).collect::<Vec<_>>()
    };
    others.flat_map(names).collect()
}

/// Names that the domain does not know.
pub(crate) fn domain_words(files: &[Source]) -> Vec<Violation> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_of("actors/src/domain")) {
        for (line, word) in file.words() {
            if DOMAIN_UNKNOWN.contains(&word.as_str()) {
                broken.push(file.breaks(line, format!("the domain does not know `{word}`")));
            }
        }
    }
    broken
}

fn is_below(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
#[path = "imports/tests.rs"]
mod tests;
