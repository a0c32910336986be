use proptest::prelude::*;

use super::*;

const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

/// A breaker, the time, and requests that are made one after the other.
#[derive(Default)]
struct Story {
    breaker: Breaker,
    passed: Millis,
}

impl Story {
    fn now(&self) -> Timestamp {
        BEGIN + self.passed
    }

    fn admit(&mut self) -> Option<Ticket> {
        self.breaker.admit(self.now())
    }

    fn report(&mut self, ticket: Ticket, verdict: Verdict) -> Option<Shift> {
        self.breaker.report(self.now(), ticket, verdict)
    }

    /// A request that must be admitted, and what its verdict changes.
    #[track_caller]
    fn request(&mut self, verdict: Verdict) -> Option<Shift> {
        let ticket = self.admit().expect("a request that is admitted");
        self.report(ticket, verdict)
    }

    /// Fails until it opens; tells for how long.
    fn open(&mut self, wish: Millis) -> Millis {
        for _ in 1..FAILURES {
            assert_eq!(self.request(Verdict::Failed(wish)), None);
        }
        match self.request(Verdict::Failed(wish)) {
            Some(Shift::Opened(wait)) => wait,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_fifth_failure_in_a_row_opens_it_for_five_seconds() {
    let mut story = Story::default();
    assert_eq!(story.open(0), 5_000);
    assert!(story.breaker.is_open());
    assert_eq!(story.admit(), None);
    story.passed = 4_999;
    assert_eq!(story.admit(), None);
    story.passed = 5_000;
    assert!(story.admit().is_some_and(|ticket| ticket.probe));
}

#[test]
fn an_answer_in_between_begins_the_count_anew_and_a_caller_who_goes_does_not() {
    let mut story = Story::default();
    for _ in 0..20 {
        for _ in 1..FAILURES {
            assert_eq!(story.request(Verdict::Failed(0)), None);
        }
        assert_eq!(story.request(Verdict::Answered), None);
    }
    for verdict in [Verdict::Failed(0), Verdict::Nothing].repeat(FAILURES as usize - 1) {
        assert_eq!(story.request(verdict), None);
    }
    assert_eq!(story.request(Verdict::Failed(0)), Some(Shift::Opened(5_000)));
}

#[test]
fn one_probe_at_a_time_decides_for_everybody() {
    let mut story = Story::default();
    story.passed = story.open(0);
    let probe = story.admit().expect("a probe");
    for _ in 0..3 {
        assert_eq!(story.admit(), None);
        story.passed += 60_000;
    }
    assert_eq!(story.report(probe, Verdict::Answered), Some(Shift::Closed));
    assert!(!story.breaker.is_open());
    let tickets: Vec<_> = (0..100).filter_map(|_| story.admit()).collect();
    assert!(tickets.len() == 100 && tickets.iter().all(|ticket| !ticket.probe));
}

#[test]
fn a_probe_whose_caller_goes_leaves_its_place_to_the_next() {
    let mut story = Story::default();
    story.passed = story.open(0);
    for _ in 0..3 {
        let probe = story.admit().expect("a probe");
        assert!(probe.probe);
        assert_eq!(story.admit(), None);
        assert_eq!(story.report(probe, Verdict::Nothing), None);
        assert!(story.breaker.is_open());
    }
    assert_eq!(story.request(Verdict::Answered), Some(Shift::Closed));
}

#[test]
fn the_wait_doubles_with_every_failed_probe_up_to_a_minute() {
    let mut story = Story::default();
    let mut waits = vec![story.open(0)];
    for _ in 0..5 {
        story.passed += waits.last().unwrap();
        match story.request(Verdict::Failed(0)) {
            Some(Shift::Opened(wait)) => waits.push(wait),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    story.passed += 60_000;
    assert_eq!(story.request(Verdict::Answered), Some(Shift::Closed));
    assert_eq!(story.open(0), 5_000, "an outage that is over is forgotten");
}

#[test]
fn a_provider_is_left_alone_as_long_as_it_asks_but_not_for_ever() {
    for (wish, wait) in
        [(0, 5_000), (4_000, 5_000), (30_000, 30_000), (3_600_000, 300_000), (u64::MAX, 300_000)]
    {
        assert_eq!(Story::default().open(wish), wait, "{wish}");
    }
    let mut story = Story::default();
    assert_eq!(story.request(Verdict::Failed(20_000)), None);
    story.passed = 8_000;
    for _ in 2..FAILURES {
        assert_eq!(story.request(Verdict::Failed(0)), None);
    }
    assert_eq!(
        story.request(Verdict::Failed(0)),
        Some(Shift::Opened(12_000)),
        "the last failure need not be the one that asks"
    );
    story.passed = 20_000;
    assert_eq!(story.request(Verdict::Failed(15_000)), Some(Shift::Opened(15_000)));
}

#[test]
fn an_empty_purse_opens_it_at_once_and_for_long() {
    let mut story = Story::default();
    assert_eq!(story.request(Verdict::Exhausted(0)), Some(Shift::Opened(60_000)));
    story.passed = 60_000;
    assert_eq!(story.request(Verdict::Exhausted(90_000)), Some(Shift::Opened(90_000)));
    story.passed = 150_000;
    assert_eq!(story.request(Verdict::Answered), Some(Shift::Closed));
    assert_eq!(story.open(0), 5_000);
}

#[test]
fn what_was_asked_before_a_change_says_nothing_after_it() {
    let mut story = Story::default();
    let old: Vec<_> = (0..20).filter_map(|_| story.admit()).collect();
    story.passed = story.open(0);
    assert_eq!(story.report(old[0], Verdict::Answered), None);
    let probe = story.admit().expect("a probe");
    assert_eq!(story.report(old[1], Verdict::Answered), None);
    assert_eq!(story.report(old[2], Verdict::Failed(0)), None);
    assert_eq!(story.admit(), None, "the probe is still out");
    assert_eq!(story.report(probe, Verdict::Answered), Some(Shift::Closed));
    for old in &old[3..] {
        assert_eq!(story.report(*old, Verdict::Exhausted(0)), None);
    }
    assert!(!story.breaker.is_open());
}

#[test]
fn a_failure_counts_when_it_would_meet_the_next_caller_too() {
    let verdict = |kind, retryable, after, fresh| {
        Verdict::of(&ModelFailure { kind, detail: String::new(), retryable, after }, fresh)
    };
    let failed = |kind| assert_eq!(verdict(kind, true, None, false), Verdict::Failed(0), "{kind}");
    for kind in [
        FailureKind::Connect,
        FailureKind::Garbage,
        FailureKind::Cut,
        FailureKind::Upstream,
        FailureKind::Timeout,
    ] {
        failed(kind);
    }
    for status in [301, 307, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529] {
        failed(FailureKind::Status(status));
    }
    for status in [400, 405, 413, 415, 422, 499] {
        assert_eq!(verdict(FailureKind::Status(status), false, None, false), Verdict::Nothing);
    }
    for ours in [FailureKind::Saturated, FailureKind::Unavailable] {
        assert_eq!(verdict(ours, false, None, false), Verdict::Nothing);
    }
    assert_eq!(verdict(FailureKind::Dropped, true, None, false), Verdict::Nothing);
    assert_eq!(verdict(FailureKind::Dropped, true, None, true), Verdict::Failed(0));
    for status in [429, 503] {
        let asked = verdict(FailureKind::Status(status), true, Some(7_000), false);
        assert_eq!(asked, Verdict::Failed(7_000));
    }
    let unpaid = verdict(FailureKind::Status(429), false, Some(7_000), false);
    assert_eq!(unpaid, Verdict::Exhausted(7_000));
    assert_eq!(verdict(FailureKind::Status(402), false, None, false), Verdict::Exhausted(0));
}

#[derive(Debug, Clone)]
enum Step {
    Ask,
    /// Of the requests that are out.
    End(prop::sample::Index, Verdict),
    Pass(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    let wish = prop_oneof![Just(0), 0..120_000u64, Just(u64::MAX)];
    let verdict = prop_oneof![
        2 => Just(Verdict::Answered),
        6 => wish.clone().prop_map(Verdict::Failed),
        1 => wish.prop_map(Verdict::Exhausted),
        2 => Just(Verdict::Nothing),
    ];
    prop_oneof![
        5 => Just(Step::Ask),
        5 => (any::<prop::sample::Index>(), verdict).prop_map(|(which, end)| Step::End(which, end)),
        1 => (0..70_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Against the rules in plain words, whatever the order of requests and ends.
    #[test]
    fn nobody_is_refused_without_a_reason_and_none_for_ever(
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut story = Story::default();
        let mut out: Vec<Ticket> = Vec::new();
        let mut in_a_row = 0;
        let mut opened: Option<(Timestamp, Millis)> = None;
        for step in steps {
            match step {
                Step::Pass(time) => story.passed += time,
                Step::Ask => {
                    let probing = out.iter().any(|ticket| ticket.generation == story.breaker.generation && ticket.probe);
                    let ticket = story.admit();
                    let due = opened.is_none_or(|(at, wait)| story.now().since(at) >= wait);
                    prop_assert_eq!(ticket.is_some(), due && !probing);
                    prop_assert_eq!(ticket.is_some_and(|ticket| ticket.probe), ticket.is_some() && opened.is_some());
                    out.extend(ticket);
                }
                Step::End(which, verdict) if !out.is_empty() => {
                    let ticket = out.swap_remove(which.index(out.len()));
                    let news = ticket.generation == story.breaker.generation;
                    let was_open = opened.is_some();
                    match story.report(ticket, verdict) {
                        Some(Shift::Opened(wait)) => {
                            prop_assert!(news && (FIRST_WAIT..=LONGEST_ASKED).contains(&wait));
                            let fifth = in_a_row + 1 == FAILURES;
                            let exhausted = matches!(verdict, Verdict::Exhausted(_));
                            prop_assert!(ticket.probe || fifth || exhausted);
                            opened = Some((story.now(), wait));
                        }
                        Some(Shift::Closed) => {
                            prop_assert!(news && ticket.probe && verdict == Verdict::Answered);
                            opened = None;
                        }
                        None => prop_assert_eq!(was_open, opened.is_some()),
                    }
                    in_a_row = match verdict {
                        _ if was_open || opened.is_some() => 0,
                        _ if !news => in_a_row,
                        Verdict::Answered => 0,
                        Verdict::Failed(_) => in_a_row + 1,
                        Verdict::Exhausted(_) | Verdict::Nothing => in_a_row,
                    };
                    prop_assert!(in_a_row < FAILURES);
                }
                Step::End(..) => {}
            }
            prop_assert_eq!(story.breaker.is_open(), opened.is_some());
        }
    }
}
