//! How many frames a peer may send.

use std::time::{Duration, Instant};

/// Frames a second, for as long as the peer likes. A caller who speaks and a voice that reports
/// every word it has played make ten.
const RATE: u32 = 50;

/// Frames beyond the rate, once: Twilio keeps 500 events of a lost line and replays them in one go;
/// the second in which that happens has its own.
const BURST: u32 = 500 + RATE;

/// A bucket of tokens: a frame takes one, time brings them back.
#[derive(Debug)]
pub(super) struct Pace {
    tokens: u32,
    /// Up to when time has been turned into tokens.
    counted: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { tokens: BURST, counted: now }
    }

    /// Takes one frame; false when it is one too many.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let interval = Duration::from_secs(1) / RATE;
        let due = now.saturating_duration_since(self.counted).as_millis() / interval.as_millis();
        let due = u32::try_from(due).unwrap_or(u32::MAX).min(BURST);
        self.tokens = self.tokens.saturating_add(due);
        self.counted += interval * due;
        if self.tokens >= BURST {
            // What does not fit is lost, and so is the rest of an interval.
            (self.tokens, self.counted) = (BURST, self.counted.max(now));
        }
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_replay_of_500_events_is_no_flood_and_twice_as_many_are() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let taken = (0..1_000).take_while(|_| pace.allows(now)).count();
        assert_eq!(taken, 550);
        // A second brings fifty more, a long rest no more than all.
        let later = now + Duration::from_secs(1);
        assert_eq!((0..100).take_while(|_| pace.allows(later)).count(), 50);
        let rested = later + Duration::from_secs(3_600);
        assert_eq!((0..1_000).take_while(|_| pace.allows(rested)).count(), 550);
    }

    #[test]
    fn fifty_frames_a_second_may_go_on_for_ever() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let frames = (0..20_000_u32).map(|nth| now + Duration::from_millis(20) * nth);
        assert!(frames.into_iter().all(|at| pace.allows(at)));
    }

    proptest! {
        #[test]
        fn no_more_pass_than_the_rate_and_the_burst(gaps in prop::collection::vec(0_u64..40, 1..3_000)) {
            let begun = Instant::now();
            let (mut pace, mut now, mut passed) = (Pace::new(begun), begun, 0_u128);
            for gap in gaps {
                now += Duration::from_millis(gap);
                passed += u128::from(pace.allows(now));
                let most = 550 + now.duration_since(begun).as_millis() / 20;
                prop_assert!(passed <= most, "{passed} of {most}");
            }
        }

        #[test]
        fn a_clock_that_stands_still_or_goes_back_gives_nothing_away(backs in prop::collection::vec(0_u64..100, 600..700)) {
            let begun = Instant::now() + Duration::from_secs(60);
            let mut pace = Pace::new(begun);
            let passed = backs.iter().filter(|back| pace.allows(begun - Duration::from_millis(**back))).count();
            prop_assert_eq!(passed, 550);
        }
    }
}
