//! What a run may have found, by kind: of most of it nothing may be there.

use std::collections::BTreeMap;

/// A kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    Empty,
    Acknowledged,
    Lost,
    Unanswered,
    Unfinished,
    HeardTwice,
    Foreign,
    KeptTwice,
    Unsaid,
    OutOfOrder,
    EpochsBack,
    EpochsMissing,
    Accepted,
    Shared,
    Unowned,
    Unseen,
    Apologies,
    Stranded,
    Silent,
    Dropped,
    Restless,
    Misplaced,
    Journaled,
    Protocol,
    Beside,
    LateAlone,
    SpokenOver,
    HeardAgain,
    Holes,
    BroughtBack,
}

impl Finding {
    /// All kinds, those that must not be first.
    pub(crate) const ALL: [Self; 30] = [
        Self::Empty,
        Self::Acknowledged,
        Self::Lost,
        Self::Unanswered,
        Self::Unfinished,
        Self::HeardTwice,
        Self::Foreign,
        Self::KeptTwice,
        Self::Unsaid,
        Self::OutOfOrder,
        Self::EpochsBack,
        Self::EpochsMissing,
        Self::Accepted,
        Self::Shared,
        Self::Unowned,
        Self::Unseen,
        Self::Apologies,
        Self::Stranded,
        Self::Silent,
        Self::Dropped,
        Self::Restless,
        Self::Misplaced,
        Self::Journaled,
        Self::Protocol,
        Self::Beside,
        Self::LateAlone,
        Self::SpokenOver,
        Self::HeardAgain,
        Self::Holes,
        Self::BroughtBack,
    ];

    /// Whether there must be none.
    pub(crate) fn is_wrong(self) -> bool {
        self < Self::Beside
    }

    /// Whether it tells of how far the voice had come, which engines know by the clock alone.
    pub(crate) fn is_by_the_clock(self) -> bool {
        matches!(self, Self::Unfinished | Self::Stranded)
    }

    /// In words, for many.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Empty => "runs that prove nothing",
            Self::Acknowledged => "acknowledged turns lost",
            Self::Lost => "other turns lost",
            Self::Unanswered => "kept turns never answered",
            Self::Unfinished => "answers never heard to their end",
            Self::HeardTwice => "answers heard twice",
            Self::Foreign => "answers to what the caller had not asked",
            Self::KeptTwice => "turns kept twice",
            Self::Unsaid => "lines kept that nobody said",
            Self::OutOfOrder => "calls out of order",
            Self::EpochsBack => "epochs that went back",
            Self::EpochsMissing => "calls with turns that have no epoch in Redis",
            Self::Accepted => "stale writes accepted",
            Self::Shared => "epochs with two owners",
            Self::Unowned => "turns of an epoch without an owner",
            Self::Unseen => "runs with too many turns whose writing was not seen",
            Self::Apologies => "apologies where engines only drained",
            Self::Stranded => "gaps behind which the answer was not heard to its end",
            Self::Silent => "gaps in which the word that was due never came",
            Self::Dropped => "calls dropped",
            Self::Restless => "engines that did not come to rest",
            Self::Misplaced => "calls that are talked with and said to ring",
            Self::Journaled => "turns in a journal and not in Redis",
            Self::Protocol => "frames that Twilio would refuse",
            Self::Beside => "turns kept in the transcript and beside it",
            Self::LateAlone => "turns kept beside the transcript alone, and never answered",
            Self::SpokenOver => "answers that the caller spoke over after a long wait",
            Self::HeardAgain => "answers of which half a second of text was heard once more",
            Self::Holes => "answers heard to their end, five words of them or more never",
            Self::BroughtBack => "calls still in a journal, and in Redis as well",
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings(BTreeMap<Finding, Vec<String>>);

impl Findings {
    /// One more; where it is, first of all the call.
    pub(crate) fn add(&mut self, what: Finding, place: impl Into<String>) {
        self.0.entry(what).or_default().push(place.into());
    }

    /// All that others have found besides.
    pub(crate) fn extend(&mut self, others: Self) {
        for (what, places) in others.0 {
            self.0.entry(what).or_default().extend(places);
        }
    }

    /// All of that kind.
    pub(crate) fn of(&self, what: Finding) -> &[String] {
        self.0.get(&what).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many there are that must not be; so many by the clock may.
    pub(crate) fn wrong(&self, by_the_clock: usize) -> usize {
        let wrong = self.0.iter().filter(|(what, _)| what.is_wrong());
        let (clock, other): (Vec<_>, Vec<_>) = wrong.partition(|(what, _)| what.is_by_the_clock());
        let count = |of: Vec<(&Finding, &Vec<String>)>| -> usize {
            of.into_iter().map(|(_, places)| places.len()).sum()
        };
        count(other) + count(clock).saturating_sub(by_the_clock)
    }

    /// Whether anything of that call is told, and whether it must not be.
    pub(crate) fn about(&self, sid: &str) -> Option<bool> {
        let about = |places: &[String]| places.iter().any(|place| place.starts_with(sid));
        let mut kinds = self.0.iter().filter(|(_, places)| about(places)).map(|(what, _)| what);
        kinds.next().map(|what| what.is_wrong())
    }

    /// Those that must not be and are.
    #[cfg(test)]
    pub(crate) fn kinds(&self) -> Vec<Finding> {
        self.0.keys().copied().filter(|what| what.is_wrong()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_reported_and_counted_where_it_must_not_be() {
        assert!(Finding::ALL.is_sorted_by(|one, next| one < next));
        let mut findings = Findings::default();
        for (what, nth) in Finding::ALL.into_iter().zip(1..) {
            findings.add(what, format!("CA{nth} somewhere"));
            assert_eq!(findings.of(what).len(), 1);
        }
        assert_eq!(findings.wrong(0), findings.kinds().len());
        assert_eq!(findings.wrong(0), Finding::ALL.len() - 6);
        let by_the_clock = Finding::ALL.into_iter().filter(|what| what.is_by_the_clock()).count();
        assert_eq!(findings.wrong(1), Finding::ALL.len() - 6 - 1);
        assert_eq!(findings.wrong(100), Finding::ALL.len() - 6 - by_the_clock, "and no other kind");
        assert_eq!(findings.about("CA1 "), Some(true));
        assert_eq!(findings.about("CA30"), Some(false));
        assert_eq!(findings.about("CA31"), None);
    }
}
