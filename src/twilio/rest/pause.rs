//! How long to wait before Twilio is asked again.

use std::time::{Duration, SystemTime};

use awc::http::header::{HeaderMap, RETRY_AFTER};

/// The first pause. Twilio's limits count per second.
const FIRST: Duration = Duration::from_millis(250);

/// No pause is longer, unless Twilio asks for it.
const LONGEST: Duration = Duration::from_secs(5);

/// The pauses of one operation, each about twice as long as the one before.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    taken: u32,
}

impl Pauses {
    /// The next one, or none when it does not fit into what is left of the deadline. Half of it is
    /// chance: many calls that failed together shall not come back together.
    pub(super) fn next(&mut self, asked: Option<Duration>, left: Duration) -> Option<Duration> {
        let whole = FIRST.saturating_mul(1 << self.taken.min(8)).min(LONGEST);
        self.taken += 1;
        let pause = whole.mul_f64(0.5 + fastrand::f64() / 2.0).max(asked.unwrap_or_default());
        (pause < left).then_some(pause)
    }
}

/// What `Retry-After` says: seconds or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
    }
}

#[cfg(test)]
mod tests {
    use awc::http::header::HeaderValue;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn pauses_grow_to_a_bound_and_have_chance_in_them() {
        let mut pauses = Pauses::default();
        for whole in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
            let whole = Duration::from_millis(whole);
            let pause = pauses.next(None, LONG).expect("a pause");
            assert!(whole / 2 <= pause && pause <= whole, "{pause:?} of {whole:?}");
        }
    }

    #[test]
    fn a_pause_that_twilio_asks_for_is_taken_only_when_there_is_time() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(Pauses::default().next(asked, LONG), asked);
        assert_eq!(Pauses::default().next(asked, Duration::from_secs(7)), None);
    }

    #[test]
    fn twilio_may_ask_in_seconds_or_with_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, now)
        };
        assert_eq!(wait("3"), Some(Duration::from_secs(3)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:41 GMT"), Some(Duration::from_secs(4)));
        assert_eq!(wait("soon"), None);
    }
}
