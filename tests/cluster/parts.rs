//! The parts of a cluster, started from the very files of `deploy/` on free ports of this machine,
//! to be killed, stopped and started again by those who test what becomes of the calls.
//!
//! The example `cluster` puts them together for people; tests take the parts that they need. Every
//! process dies with its handle, and with the test that started it.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each of its users needs a part of it, and a part that does not start fails them"
)]

mod engines;
mod haproxy;
mod ports;
mod process;
mod proxy;
mod redis;
mod sentinels;
mod waiting;

pub(crate) use engines::Engine;
pub(crate) use haproxy::Haproxy;
pub(crate) use ports::free_port;
pub(crate) use process::{Running, guarded, need};
pub(crate) use proxy::{Cut, Proxy};
pub(crate) use redis::{PASSWORD, Redis, Replicated};
pub(crate) use sentinels::Sentinels;
pub(crate) use waiting::{STARTS_WITHIN, wait_for};

/// Where the files of the deployment lie.
pub(crate) const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
