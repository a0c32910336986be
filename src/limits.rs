//! File descriptors: how many the process may open, and so how many calls it may take.
//!
//! Called once at the start, before anything listens.

use crate::config::CALLS_MAX;

/// Descriptors of a call that talks: its line, and its connection to the model.
const PER_CALL: u64 = 2;

/// Descriptors for everything else: the store, webhooks, supervisors, the log.
const RESERVE: u64 = 256;

/// What POSIX grants at least. Assumed when the system does not tell.
const LEAST: u64 = 20;

/// How many descriptors the process may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nofile {
    /// Now.
    pub soft: u64,
    /// At most.
    pub hard: u64,
}

/// Raises the number of descriptors as far as the system lets us, and tells what came of it.
#[must_use]
pub fn raise_nofile() -> Nofile {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the number of file descriptors cannot be raised");
    }
    match rlimit::Resource::NOFILE.get() {
        Ok((soft, hard)) => Nofile { soft, hard },
        Err(error) => {
            tracing::warn!(%error, "the number of file descriptors is unknown");
            Nofile { soft: LEAST, hard: LEAST }
        }
    }
}

/// How many calls an instance takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimit {
    /// So many at the same time, at least one.
    pub calls: usize,
    /// What the operator should know about it.
    pub warning: Option<String>,
}

/// How many calls an instance takes: `configured`, or as many as `soft` descriptors allow.
#[must_use]
pub fn max_calls(configured: Option<usize>, soft: u64) -> CallLimit {
    let fit = usize::try_from(soft.saturating_sub(RESERVE) / PER_CALL).unwrap_or(CALLS_MAX);
    let room = fit.clamp(1, CALLS_MAX);
    let wanted = configured.unwrap_or(room);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX);
    let needed = needed.saturating_mul(PER_CALL).saturating_add(RESERVE);
    let warning = (wanted > fit).then(|| match configured {
        Some(wanted) => format!(
            "MAX_CALLS is {wanted}, but {soft} file descriptors allow {room}: raise the limit \
             (nofile) to {needed}"
        ),
        None => format!("{soft} file descriptors are hardly enough for one call"),
    });
    CallLimit { calls: wanted.min(room), warning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_takes_as_many_calls_as_its_descriptors_allow() {
        for (configured, soft, calls, warned) in [
            (None, 1024, 384, false),
            (None, 20_000, 9872, false),
            (None, u64::MAX, CALLS_MAX, false),
            (Some(100), 1024, 100, false),
            (Some(384), 1024, 384, false),
            (Some(385), 1024, 384, true),
            (Some(usize::MAX), 1024, 384, true),
            (None, 256, 1, true),
            (None, 0, 1, true),
            (Some(1), 0, 1, true),
        ] {
            let limit = max_calls(configured, soft);
            assert_eq!(limit.calls, calls, "{configured:?} {soft}");
            assert_eq!(limit.warning.is_some(), warned, "{limit:?}");
        }
    }

    #[test]
    fn an_operator_reads_which_limit_would_do() {
        let told = max_calls(Some(1000), 1024).warning.unwrap_or_default();
        for word in ["MAX_CALLS is 1000", "1024", "384", "2256"] {
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn descriptors_are_raised_to_what_the_system_grants() {
        let raised = raise_nofile();
        assert_eq!(raised.soft, raised.hard);
        assert_eq!(raise_nofile(), raised);
    }
}
