//! The wall clock of the program, and how a moment is written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use switchhook_actors::domain::time::Timestamp;

/// Now.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// RFC 3339 in UTC, milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    // Year 9999 is the last that RFC 3339 can write.
    const LAST: u64 = 253_402_300_799_999;
    let at = UNIX_EPOCH + Duration::from_millis(at.0.min(LAST));
    humantime::format_rfc3339_millis(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(Timestamp(1_792_000_000_123)), "2026-10-14T17:46:40.123Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
