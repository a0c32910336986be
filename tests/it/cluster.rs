//! What `deploy/` promises of Redis, its Sentinels and the balancer: each is started with its very
//! files.

mod redis;

#[path = "../cluster/parts.rs"]
mod parts;
