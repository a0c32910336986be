//! Webhooks that are sent twice or late, as Twilio does now and then: a share of them, by a seed.
//! Asked by the phone for each webhook that fetches a document.

use std::time::Duration;

/// How late a webhook may be, ms: well before Twilio would give it up.
const LATE_MS: std::ops::Range<u64> = 200..2_000;

/// When a webhook may come once more, ms: the call has gone on meanwhile.
const AGAIN_MS: std::ops::Range<u64> = 500..10_000;

/// How often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hiccups {
    /// Of a hundred webhooks so many are sent twice or late.
    pub percent: u8,
    /// The same seed meets the same webhooks of a call.
    pub seed: u64,
}

/// What happens to one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hiccup {
    /// Nothing.
    None,
    /// It is sent so much later.
    Late(Duration),
    /// It is sent twice: the other one so much later, or at once, and nobody waits for its answer.
    Twice(Duration),
}

impl Hiccups {
    /// What happens to the webhook with that number.
    pub(super) fn at(self, number: usize) -> Hiccup {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let mut dice = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        if dice.u8(..100) >= self.percent {
            return Hiccup::None;
        }
        match dice.u8(..3) {
            0 => Hiccup::Late(Duration::from_millis(dice.u64(LATE_MS))),
            1 => Hiccup::Twice(Duration::ZERO),
            _ => Hiccup::Twice(Duration::from_millis(dice.u64(AGAIN_MS))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(hiccups: Hiccups, fits: fn(&Hiccup) -> bool) -> usize {
        (0..10_000).map(|number| hiccups.at(number)).filter(fits).count()
    }

    #[test]
    fn about_the_share_that_was_asked_for_is_twice_or_late() {
        let some = Hiccups { percent: 2, seed: 7 };
        let all = count(some, |hiccup| *hiccup != Hiccup::None);
        assert!((150..250).contains(&all), "{all}");
        assert!(count(some, |hiccup| matches!(hiccup, Hiccup::Late(_))) > 30);
        assert!(count(some, |hiccup| *hiccup == Hiccup::Twice(Duration::ZERO)) > 30);
        assert_eq!(count(Hiccups::default(), |hiccup| *hiccup != Hiccup::None), 0);
    }

    #[test]
    fn a_seed_meets_the_same_webhooks() {
        let of =
            |seed| (0..500).map(|nth| Hiccups { percent: 50, seed }.at(nth)).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
