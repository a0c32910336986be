//! Time as an argument: the domain never looks at a clock.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since the Unix epoch, UTC.
///
/// A call takes it once from the wall clock and advances it by the monotonic one, so it never runs
/// backwards within a call. Stored as a number; written as RFC 3339 where people read it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// A length of time in milliseconds.
pub type Millis = u64;

impl Timestamp {
    /// How long after `earlier` this is, ms; 0 when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, millis: Millis) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;

    fn sub(self, millis: Millis) -> Self {
        Self(self.0.saturating_sub(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_begins_before_the_epoch_nor_ends() {
        let noon = Timestamp(43_200_000);
        assert_eq!((noon + 5, noon - 5), (Timestamp(43_200_005), Timestamp(43_199_995)));
        assert_eq!(
            (Timestamp(3) - 5, Timestamp(u64::MAX) + 5),
            (Timestamp(0), Timestamp(u64::MAX))
        );
        assert_eq!(((noon + 5).since(noon), noon.since(noon + 5)), (5, 0));
    }
}
