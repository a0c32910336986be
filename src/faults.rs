//! Faults on order, for tests that want to see what becomes of a call: only in a program that was
//! built with failpoints, which a release is not.
//!
//! `FAILPOINTS` holds the first orders (`session=2*off->1*panic`); where that is set, each line of
//! the standard input is one more. The points are `answer`, `session`, `gateway`, `registry`,
//! `store` (the thread) and `disk` (the commit).

use std::io::BufRead;

/// Takes orders from now on, if this program knows faults at all.
pub fn take_orders() {
    if !fail::has_failpoints() {
        return;
    }
    // It would clear all orders when it goes.
    std::mem::forget(fail::FailScenario::setup());
    if fail::list().is_empty() {
        return;
    }
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let order = line.split_once('=').ok_or_else(|| "it is no order".to_owned());
            match order.and_then(|(name, actions)| fail::cfg(name, actions)) {
                Ok(()) => tracing::warn!("a fault on order: {line}"),
                Err(error) => tracing::error!("a fault was not understood: {line}: {error}"),
            }
        }
    });
}
