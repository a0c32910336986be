//! How fast a master is looked for: Redis is found within two seconds of its coming, and engines do
//! not all ask it at once.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::LinkError;

/// How long a search may take. Inside a network it takes some milliseconds.
const SEARCH: Duration = Duration::from_millis(800);

/// Pause before the search begins anew; doubled up to [`AGAIN_MAX`], and made up to a quarter
/// shorter or longer.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_MAX: Duration = Duration::from_millis(300);

/// Redis may come in the middle of a search that does not see it; after the pause behind it the
/// next one does.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
const _: () = {
    let longest = 2 * SEARCH.as_millis() + AGAIN_MAX.as_millis() * 5 / 4;
    assert!(longest < FOUND_WITHIN.as_millis(), "Redis is found too late");
};

/// The pace of one search after the other.
pub(super) struct Pace {
    pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: AGAIN }
    }
}

impl Pace {
    /// One search, which is given up when it takes too long: hosts may be silent.
    pub(super) async fn search<T>(
        &self,
        search: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let late = || LinkError::Unreachable("no master was found in time".to_owned());
        timeout(SEARCH, search).await.unwrap_or_else(|_| Err(late()))
    }

    /// The pause behind a search that failed.
    pub(super) async fn rest(&mut self) {
        // Not all engines at once.
        sleep(self.pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        self.pause = (self.pause * 2).min(AGAIN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    /// What a search meets that begins before Redis is there.
    #[derive(Debug, Clone, Copy)]
    enum Before {
        Refused,
        FailsLate,
        Silent,
    }

    async fn seek(before: Before, comes: Instant) -> Result<(), LinkError> {
        let is_there = Instant::now() >= comes;
        let refused = LinkError::Unreachable("nobody listens".to_owned());
        match before {
            _ if is_there => {
                sleep(SEARCH - Duration::from_millis(1)).await;
                Ok(())
            }
            Before::Refused => Err(refused),
            Before::FailsLate => {
                sleep(SEARCH - Duration::from_millis(1)).await;
                Err(refused)
            }
            Before::Silent => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn redis_is_found_within_two_seconds_whenever_it_comes_and_however_slow_it_is() {
        for before in [Before::Refused, Before::FailsLate, Before::Silent] {
            for waits in (1..6_000).step_by(37).map(Duration::from_millis) {
                let comes = Instant::now() + waits;
                let mut pace = Pace::default();
                while pace.search(seek(before, comes)).await.is_err() {
                    pace.rest().await;
                }
                let took = comes.elapsed();
                assert!(took <= Duration::from_secs(2), "{before:?}, after {waits:?}: {took:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_refused_for_a_minute_asks_a_few_times_a_second() {
        let (comes, mut asked) = (Instant::now() + Duration::from_secs(60), 0);
        let mut pace = Pace::default();
        while pace.search(seek(Before::Refused, comes)).await.is_err() {
            asked += 1;
            pace.rest().await;
        }
        assert!((150..300).contains(&asked), "{asked}");
    }
}
