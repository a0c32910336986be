//! Whether the store has kept every engine out that a call had moved on from: counts the writes under
//! an epoch when a higher one had been claimed, the refused and the accepted, from what every Redis
//! server did.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::trace::{Deed, Event};

/// A call as it lies in Redis at the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lying {
    pub(crate) epoch: u64,
    /// Each turn by its place: the epoch of its mark, and the print of its value.
    pub(crate) turns: HashMap<String, (u64, u64)>,
}

/// What the servers have decided.
#[derive(Debug, Default)]
pub(crate) struct Fence {
    /// Stale writes that were kept out.
    pub(crate) refused: usize,
    /// Stale writes that went in.
    pub(crate) accepted: Vec<String>,
    /// Epochs that more than one engine was given.
    pub(crate) shared: Vec<String>,
    /// Turns of an epoch that nobody was given.
    pub(crate) unowned: Vec<String>,
    /// Writes under an epoch that were looked at.
    pub(crate) asked: usize,
    /// Turns at the end whose writing was not seen: a server had just changed its role.
    pub(crate) unseen: usize,
    /// Turns at the end that were looked at.
    pub(crate) kept: usize,
    owners: HashMap<(String, u64), HashSet<String>>,
    /// When each epoch of a call was given, and published again.
    given: HashMap<String, BTreeMap<u64, Vec<u64>>>,
    /// When a server forgot everything: epochs too, until their owners have published them again.
    flushed: Vec<u64>,
    /// Every value that was written: by which epoch, and when.
    writes: HashMap<u64, (u64, u64)>,
}

/// A write that was asked for.
struct Asking {
    sid: String,
    epoch: u64,
    /// The highest epoch that the call had then, on that server.
    known: u64,
    went_in: bool,
}

impl Fence {
    /// Looks at all that one server did, in order.
    pub(crate) fn watch(&mut self, events: &[Event]) {
        let mut known: HashMap<&str, u64> = HashMap::new();
        let mut asking: Option<Asking> = None;
        for event in events {
            match &event.deed {
                Deed::Joined => known.clear(),
                Deed::Flushed => {
                    known.clear();
                    self.flushed.push(event.at_us);
                }
                Deed::Asked { sid, epoch } => {
                    self.settle(asking.take());
                    let known = known.get(sid.as_str()).copied().unwrap_or_default();
                    let (sid, epoch) = (sid.clone(), *epoch);
                    asking = Some(Asking { sid, epoch, known, went_in: false });
                }
                Deed::Owned { sid, epoch, owner } => {
                    let highest = known.entry(sid).or_default();
                    *highest = (*highest).max(*epoch);
                    self.own(sid, *epoch, owner, event.at_us);
                }
                Deed::Wrote { sid, print } => {
                    if let Some(asking) = asking.as_mut().filter(|_| event.decided) {
                        asking.went_in |= asking.sid == *sid;
                        self.writes.entry(*print).or_insert((asking.epoch, event.at_us));
                    }
                }
                Deed::Changed { sid } => {
                    if let Some(asking) = asking.as_mut().filter(|_| event.decided) {
                        asking.went_in |= asking.sid == *sid;
                    }
                }
                Deed::Marked(_) => {}
            }
        }
        self.settle(asking);
    }

    fn own(&mut self, sid: &str, epoch: u64, owner: &str, at_us: u64) {
        self.given.entry(sid.to_owned()).or_default().entry(epoch).or_default().push(at_us);
        if !owner.is_empty() {
            self.owners.entry((sid.to_owned(), epoch)).or_default().insert(owner.to_owned());
        }
    }

    fn settle(&mut self, asking: Option<Asking>) {
        let Some(Asking { sid, epoch, known, went_in }) = asking else { return };
        self.asked += 1;
        match (epoch < known, went_in) {
            (true, true) => self.accepted.push(format!("{sid} under {epoch}, owned under {known}")),
            (true, false) => self.refused += 1,
            (false, _) => {}
        }
    }

    /// Compares a call as it lies at the end with all that was seen; `logged` are the epochs that the
    /// engines say they were given.
    pub(crate) fn compare(&mut self, sid: &str, lying: &Lying, logged: &HashSet<u64>) {
        let none = BTreeMap::new();
        let given = self.given.get(sid).unwrap_or(&none);
        // A claim that a failover took back counts for nobody.
        let lasting = |epoch: u64| {
            epoch == lying.epoch || lying.turns.values().any(|(mark, _)| *mark == epoch)
        };
        for (place, (mark, print)) in &lying.turns {
            self.kept += 1;
            let told = || format!("{sid} {place} under {mark}");
            if !given.contains_key(mark) && !logged.contains(mark) {
                self.unowned.push(told());
            }
            let Some((by, at_us)) = self.writes.get(print) else {
                self.unseen += 1;
                continue;
            };
            let stood = |given: &[u64]| given.iter().any(|given| self.is_known(*given, *at_us));
            let over = given.range(by + 1..).find(|(epoch, at)| stood(at) && lasting(**epoch));
            if let Some((epoch, _)) = over {
                self.accepted.push(format!("{}, owned under {epoch} before", told()));
            }
        }
    }

    /// Whether what a store was told at one moment could be known there at another.
    fn is_known(&self, told: u64, at_us: u64) -> bool {
        told < at_us && !self.flushed.iter().any(|flushed| (told..at_us).contains(flushed))
    }

    /// Whether the marks of a call's turns, each with the print of its value in the turns' order, never
    /// go back. A copy that is published anew after a flush marks older turns with a later epoch.
    pub(crate) fn never_goes_back(&self, turns: &[(u64, u64)]) -> bool {
        let written = |print: &u64| self.writes.get(print).map(|(_, at_us)| *at_us);
        let is_copied = |earlier: &(u64, u64), later: &(u64, u64)| {
            let times = written(&earlier.1).zip(written(&later.1));
            times.is_some_and(|(earlier, later)| self.is_copy(earlier, later))
        };
        turns.is_sorted_by(|earlier, later| earlier.0 <= later.0 || is_copied(earlier, later))
    }

    /// Whether an earlier turn that was written after a later one is there once more after a flush.
    fn is_copy(&self, earlier: u64, later: u64) -> bool {
        earlier > later && self.flushed.iter().any(|flushed| *flushed < earlier)
    }

    /// Finds the epochs that were given twice, when all was seen; a fence that nobody came to has
    /// proved nothing.
    pub(crate) fn conclude(&mut self) {
        if self.asked == 0 {
            self.unowned.push("no write was seen at all".to_owned());
        }
        let shared = self.owners.iter().filter(|(_, owners)| owners.len() > 1);
        self.shared = shared.map(|((sid, epoch), who)| format!("{sid} {epoch} {who:?}")).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "CA1";

    fn at(at_us: u64, deed: Deed) -> Event {
        Event { at_us, decided: true, deed }
    }

    fn owned(at_us: u64, epoch: u64, owner: &str) -> Event {
        at(at_us, Deed::Owned { sid: SID.to_owned(), epoch, owner: owner.to_owned() })
    }

    fn asked(at_us: u64, epoch: u64) -> Event {
        at(at_us, Deed::Asked { sid: SID.to_owned(), epoch })
    }

    fn wrote(at_us: u64, print: u64) -> Event {
        at(at_us, Deed::Wrote { sid: SID.to_owned(), print })
    }

    fn lying(epoch: u64, turns: &[(&str, u64, u64)]) -> Lying {
        let turns = turns.iter().map(|(place, mark, print)| ((*place).to_owned(), (*mark, *print)));
        Lying { epoch, turns: turns.collect() }
    }

    #[test]
    fn a_write_of_an_engine_that_the_call_has_left_counts_as_refused_or_as_accepted() {
        let before = [owned(1, 10, "a"), asked(2, 10), wrote(3, 1), owned(4, 20, "b")];
        let mut kept_out = Fence::default();
        kept_out.watch(&[&before[..], &[asked(5, 10), asked(6, 20), wrote(7, 2)]].concat());
        assert_eq!((kept_out.refused, kept_out.accepted.len()), (1, 0));
        let mut let_in = Fence::default();
        let_in.watch(&[&before[..], &[asked(5, 10), wrote(6, 3)]].concat());
        assert_eq!((let_in.refused, let_in.accepted.len()), (0, 1), "{:?}", let_in.accepted);
    }

    #[test]
    fn a_turn_that_was_written_elsewhere_after_the_call_had_moved_on_is_found_in_the_transcript() {
        let old = [owned(1, 10, "a"), asked(50, 10), wrote(51, 7)];
        let new = [owned(40, 20, "b"), asked(45, 20), wrote(46, 8)];
        let mut fence = Fence::default();
        fence.watch(&old);
        fence.watch(&new);
        fence.compare(SID, &lying(20, &[("1c", 20, 8)]), &HashSet::new());
        assert_eq!(fence.accepted, [""; 0]);
        fence.compare(SID, &lying(20, &[("1c", 10, 7), ("2c", 20, 8)]), &HashSet::new());
        assert_eq!(fence.accepted.len(), 1, "{:?}", fence.accepted);
    }

    #[test]
    fn a_claim_that_a_failover_took_back_makes_no_write_stale() {
        let mut fence = Fence::default();
        fence.watch(&[owned(1, 10, "a"), owned(2, 20, "b")]);
        fence.watch(&[at(3, Deed::Joined), asked(4, 10), wrote(5, 7)]);
        fence.compare(SID, &lying(10, &[("1c", 10, 7)]), &HashSet::new());
        assert_eq!(fence.accepted, [""; 0]);
    }

    #[test]
    fn a_flush_forgets_what_was_claimed_until_it_is_published_again() {
        let before = [owned(1, 10, "a"), owned(2, 20, "b"), at(3, Deed::Flushed)];
        let anew = [asked(4, 10), owned(4, 10, "a"), wrote(5, 7), wrote(6, 8)];
        let owner = [asked(7, 20), owned(7, 20, "b"), wrote(8, 9)];
        let mut fence = Fence::default();
        fence.watch(&[&before[..], &anew, &owner].concat());
        // The owner has copied the first turn anew, the other engine has written the second before.
        fence.compare(SID, &lying(20, &[("1c", 20, 9), ("2c", 10, 8)]), &HashSet::new());
        assert_eq!(fence.accepted, [""; 0]);
        assert!(fence.never_goes_back(&[(20, 9), (10, 8)]));
        assert!(!fence.never_goes_back(&[(20, 8), (10, 9)]), "written later under an older epoch");
        fence.watch(&[owned(9, 20, "b"), asked(10, 10), wrote(11, 12)]);
        fence.compare(SID, &lying(20, &[("3c", 10, 12)]), &HashSet::new());
        assert_eq!(fence.accepted.len(), 2, "{:?}", fence.accepted);
    }

    #[test]
    fn an_epoch_that_two_engines_were_given_and_one_that_nobody_was_are_told() {
        let mut fence = Fence::default();
        fence.watch(&[owned(1, 10, "a"), owned(2, 10, "a"), owned(3, 20, "a")]);
        fence.watch(&[owned(3, 20, "b"), asked(4, 20)]);
        fence.compare(SID, &lying(20, &[("1c", 20, 1), ("2c", 30, 2)]), &HashSet::new());
        fence.conclude();
        assert_eq!(fence.shared.len(), 1, "{:?}", fence.shared);
        assert_eq!(fence.unowned, ["CA1 2c under 30"]);
        assert_eq!((fence.unseen, fence.kept), (2, 2));
        let mut blind = Fence::default();
        blind.conclude();
        assert_eq!(blind.unowned, ["no write was seen at all"]);
        let mut logged = Fence::default();
        logged.compare(SID, &lying(30, &[("2c", 30, 2)]), &HashSet::from([30]));
        assert_eq!(logged.unowned, [""; 0]);
    }
}
