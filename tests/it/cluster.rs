//! What `deploy/` promises of Redis, its Sentinels and the balancer: each is started with its very
//! files.

mod balancer;
#[path = "../cluster/parts.rs"]
pub(crate) mod parts;
mod redis;
mod upstream;
