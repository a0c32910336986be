//! Where calls are kept: the back ends of [`switchhook_actors::registry::store::CallStore`].
//!
//! Every back end passes the one suite in `stores/contract.rs`; what differs is only who may
//! share it. The embedded one belongs to a single engine.

pub mod embedded;
mod index;
pub mod redis;
pub mod sealed;

#[cfg(test)]
mod contract;
