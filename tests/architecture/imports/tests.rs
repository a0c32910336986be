use super::*;

fn crates() -> BTreeSet<String> {
    ["std", "serde", "tokio", "toml"].map(str::to_owned).into()
}

fn broken(path: &str, text: &str) -> Vec<String> {
    let found = table(&[Source::new(path, text)], &crates());
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn an_import_against_its_row_is_found() {
    for (path, text) in [
        ("actors/src/domain/ids.rs", "use crate::registry::Registry;"),
        ("actors/src/domain/ids.rs", "use super::super::directory::Directory;"),
        ("actors/src/domain/ids.rs", "use tokio::sync::mpsc;"),
        ("actors/src/domain/ids.rs", "fn f() -> String { std::fs::read_to_string(\"a\") }"),
        ("actors/src/domain/ids.rs", "use toml::Value;"),
        ("actors/src/llm_gateway/relay.rs", "use crate::{domain::ids, registry::messages::Find};"),
        ("actors/src/registry.rs", "use crate::call_session::CallSession;"),
        ("actors/src/call_session.rs", "use crate::llm_gateway::Policy;"),
        ("actors/src/call_session.rs", "use crate::registry::store::CallStore;"),
        ("actors/src/call_session.rs", "use crate::registry::{self, messages::Find};"),
        ("actors/src/directory.rs", "use crate::registry::*;"),
        ("src/http/voice.rs", "use crate::stores::embedded::Embedded;"),
        ("src/http/voice.rs", "fn f() { let _ = vec![crate::app::OWL_BANK]; }"),
        ("src/http.rs", "use super::models::offline;"),
        ("src/models/openai.rs", "use crate::config::Model;"),
        ("src/models/openai.rs", "use switchhook_actors::llm_gateway::Policy;"),
        ("src/stores/embedded.rs", "use switchhook_actors::registry::messages::Find;"),
        ("src/config/relay.rs", "use crate::twilio::session;"),
        ("src/config/relay.rs", "use switchhook_actors::domain::ids::CallSid;"),
        ("src/twilio/forms.rs", "use crate::http::Web;"),
        ("src/caller/line.rs", "use crate::http::Web;"),
        ("src/caller/line/orders.rs", "use crate::caller::call::Next;"),
        ("src/caller/phone.rs", "use super::line::Line;"),
        ("src/caller/queue.rs", "use super::line::Line;"),
        ("src/caller/queue/sounds.rs", "use crate::caller::call::Next;"),
        ("src/caller/dial.rs", "use super::queue::Queue;"),
        ("src/caller/documents.rs", "use super::call::Next;"),
        ("src/caller/switchboard.rs", "use super::phone::Phone;"),
        ("src/commands/serve.rs", "use crate::http::Web;"),
        ("src/app.rs", "use crate::commands::serve;"),
        ("src/main.rs", "fn main() { switchhook::app::start() }"),
        ("src/telephone.rs", ""),
    ] {
        let found = broken(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    }
}

#[test]
fn an_import_that_a_row_allows_is_none() {
    for (path, text) in [
        ("actors/src/domain/ids.rs", "use serde::Serialize;\nuse std::fmt;\nuse super::time::A;"),
        ("actors/src/domain/persona/header.rs", "use toml::Value;\nuse crate::domain::ids::A;"),
        ("actors/src/call_session/attached.rs", "use crate::registry::{Registry, store::Claimed};"),
        ("actors/src/call_session.rs", "use self::attached::Mouth;\nuse tokio::sync::mpsc;"),
        ("src/http/voice.rs", "use crate::twilio::twiml;\nuse super::Web;"),
        ("src/models/openai.rs", "use crate::models::sse::SseParser;"),
        ("src/app.rs", "use crate::{http::Web, models::offline, stores::embedded};"),
    ] {
        assert_eq!(broken(path, text), [""; 0], "{path}");
    }
}

#[test]
fn a_violation_names_file_line_and_rule() {
    let found = broken("src/twilio.rs", "//! Words.\n\nuse crate::http::Web;\n");
    assert_eq!(found, ["src/twilio.rs:3: src/twilio may not name switchhook::http::Web"]);
}

#[test]
fn a_second_file_that_wires_is_found() {
    let text = "use crate::{http::Web, stores::embedded::Embedded};";
    let found = wiring(&[Source::new("src/stop.rs", text), Source::new("src/app.rs", text)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found.iter().all(|violation| violation.to_string().starts_with("src/stop.rs:1: ")));
}

#[test]
fn a_second_file_that_knows_the_actor_of_a_socket_is_found() {
    let text = "// actix_web_actors\nuse actix_web_actors::ws;";
    let found = sockets(&[Source::new("src/http/line.rs", text), Source::new("src/app.rs", text)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found.iter().all(|violation| violation.to_string().starts_with("src/app.rs:2: ")));
}

#[test]
fn a_word_that_the_domain_does_not_know_is_found() {
    for text in ["fn f() { tracing::info!(\"a\") }", "fn f(clock: u8) {}", "use std::env;"] {
        assert_eq!(domain_words(&[Source::new("actors/src/domain/ids.rs", text)]).len(), 1);
        assert!(domain_words(&[Source::new("actors/src/clock.rs", text)]).is_empty());
    }
    let prose = "// The clock.\nfn f() -> &'static str { \"clock\" }";
    assert!(domain_words(&[Source::new("actors/src/domain/ids.rs", prose)]).is_empty());
}
