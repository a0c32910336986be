//! What the stories stand on: the real program as a child process, a caller that plays Twilio, and
//! a model that speaks the exact wire and misbehaves on demand.
#![expect(clippy::expect_used, reason = "a house that does not stand fails its story")]

pub(crate) mod door;
pub(crate) mod engine;
pub(crate) mod model;
pub(crate) mod pair;
pub(crate) mod proxy;
pub(crate) mod raw;

/// Installs the TLS provider that the engine's `main` installs; awc panics without one.
pub(crate) fn provider() {
    switchhook::tls::install_provider();
}
