use super::*;
use crate::domain::{
    escalation::{Grounds, ReasonCode},
    ids::{InstanceId, TurnId},
    transcript::{Role, Turn},
};

fn record(greeting: Option<&str>) -> CallRecord {
    CallRecord::ringing(NewCall {
        sid: "CA0123456789abcdef0123456789abcdef".parse().unwrap(),
        caller: String::new(),
        called: String::new(),
        greeting: greeting.map(str::to_owned),
        at: Timestamp(1_000),
    })
}

#[test]
fn a_greeting_is_said_once_by_the_engine_or_by_twilio() {
    assert!(record(None).wants_greeting());
    assert!(!record(Some("Hello.")).wants_greeting());
    for greeting in [None, Some("Hello.")] {
        let mut record = record(greeting);
        record.transcript.put(Turn::new(TurnId(0), Role::Agent, "Hello.", Timestamp(1_000)));
        assert!(!record.wants_greeting());
    }
}

#[test]
fn the_first_end_of_a_call_stands() {
    let mut record = record(None);
    assert!(!record.status.is_final());
    record.apply(&Change::Ended { status: Status::Completed }, Timestamp(2_000));
    record.apply(&Change::Ended { status: Status::Failed }, Timestamp(3_000));
    assert!(record.status.is_final());
    assert_eq!((record.status, record.ended_at), (Status::Completed, Some(Timestamp(2_000))));
}

#[test]
fn a_sign_of_life_never_lies_before_an_earlier_one() {
    let mut record = record(None);
    let reason = "lost card".to_owned();
    let grounds = Grounds::new(ReasonCode::LostCard, &reason);
    let escalation = Escalation::new(record.next_escalation(), grounds, Timestamp(2_000));
    record.apply(&Change::Escalated { escalation: Box::new(escalation) }, Timestamp(2_000));
    let (caller, called) = ("+14155550100".to_owned(), "+18005550199".to_owned());
    record.apply(&Change::Identified { caller, called }, Timestamp(1_500));
    assert_eq!(record.seen_at, Timestamp(2_000));
    let summary = record.summary(3);
    assert_eq!((summary.caller.as_str(), summary.turns), ("+14155550100", 3));
    assert_eq!(summary.escalation_reason, Some(reason));
}

#[test]
fn sessions_that_are_lost_within_a_minute_are_counted_and_older_ones_forgotten() {
    let mut record = record(None);
    let lost = |record: &mut CallRecord, change: Change, second: u64| {
        record.apply(&change, Timestamp(second * 1_000));
        record.keeps_failing(Timestamp(second * 1_000))
    };
    let rejoined_in = |second: u64| rejoined(Timestamp(second * 1_000));
    for second in [1, 30, 31, 31, 32] {
        assert!(
            !lost(&mut record, Change::Resumed { after: None, addressed: None }, second),
            "{second}: told twice, it counts once"
        );
    }
    assert!(
        !lost(&mut record, Change::Resumed { after: None, addressed: None }, 61),
        "the first is forgotten"
    );
    assert!(lost(&mut record, Change::Resumed { after: None, addressed: None }, 62));
    // Sessions that Twilio gave up, and those that have gone on.
    for second in 100..104 {
        assert!(!lost(&mut record, rejoined_in(second), second));
        assert!(!lost(&mut record, Change::Resumed { after: None, addressed: None }, second));
    }
    assert!(lost(&mut record, rejoined_in(104), 104));
    assert!(!record.keeps_failing(Timestamp(165_000)));
    for second in 200..220 {
        lost(&mut record, rejoined_in(second), second);
    }
    assert_eq!(record.failures.len(), losses::LOSSES_KEPT);
    // One that the store could not be told of at the time is no later than the others.
    record.apply(&rejoined(Timestamp(219_000) + 500), Timestamp(219_000) + 500);
    record.apply(&rejoined(Timestamp(218_500)), Timestamp(218_500));
    assert!(record.failures.is_sorted_by_key(|failure| failure.ended));
    assert_eq!(record.unresumed().last().map(|last| last.at), Some(Timestamp(219_500)));
}

fn rejoined(at: Timestamp) -> Change {
    Change::Rejoined { failure: Failure::new(at) }
}

fn escalated(record: &mut CallRecord, at: u64) -> EscalationId {
    let id = record.next_escalation();
    let grounds = Grounds::new(ReasonCode::LostCard, &format!("wish {}", id.number));
    let escalation = Box::new(Escalation::new(id, grounds, Timestamp(at)));
    record.apply(&Change::Escalated { escalation }, Timestamp(at));
    id
}

#[test]
fn the_call_stands_where_its_escalation_stands() {
    let mut record = record(None);
    record.status = Status::Active;
    let id = escalated(&mut record, 1);
    assert_eq!(
        (record.status, record.escalation_reason.as_deref()),
        (Status::Escalating, Some("wish 1"))
    );
    let steps = [
        (Step::HandedOff, Status::Escalating),
        (Step::Queued { task: None }, Status::Queued),
        (Step::Accepted { worker: None }, Status::WithAgent),
        (Step::Finished, Status::Completed),
    ];
    for (at, (step, status)) in (2..).zip(steps) {
        record.apply(&Change::Escalation { id, step }, Timestamp(at));
        assert_eq!(record.status, status);
    }
    assert_eq!(record.ended_at, Some(Timestamp(5)));
}

#[test]
fn a_caller_who_left_the_queue_by_hanging_up_is_no_active_call() {
    let mut record = record(None);
    let id = escalated(&mut record, 1);
    let step = Step::Failed { why: Unreached::CallerLeft };
    record.apply(&Change::Escalation { id, step }, Timestamp(2));
    assert_eq!((record.status, record.ended_at), (Status::Completed, Some(Timestamp(2))));
}

#[test]
fn a_second_wish_and_a_step_of_another_escalation_change_nothing() {
    let mut record = record(None);
    let id = escalated(&mut record, 1);
    let before = record.clone();
    let second = EscalationId { number: 2, ..id };
    let grounds = Grounds::new(ReasonCode::Other, "again");
    let escalation = Box::new(Escalation::new(second, grounds.clone(), Timestamp(1)));
    record.apply(&Change::Escalated { escalation: escalation.clone() }, Timestamp(1));
    record.apply(&Change::Escalation { id: second, step: Step::HandedOff }, Timestamp(1));
    assert_eq!(record, before);
    record.apply(&Change::Escalation { id, step: Step::Withdrawn }, Timestamp(2));
    assert_eq!((record.status, record.escalation_under_way()), (Status::Active, None));
    record.apply(&Change::Escalated { escalation }, Timestamp(3));
    assert_eq!(
        (record.status, record.escalation_reason.as_deref()),
        (Status::Escalating, Some("again"))
    );
    let old = Box::new(Escalation::new(id, grounds, Timestamp(4)));
    let before = record.clone();
    record.apply(&Change::Escalated { escalation: old }, Timestamp(1));
    assert_eq!(record, before);
}

#[test]
fn a_call_that_ends_leaves_no_escalation_that_goes_on() {
    let ends = |steps: &[Step], status| {
        let mut record = record(None);
        let id = escalated(&mut record, 1);
        for step in steps {
            record.apply(&Change::Escalation { id, step: step.clone() }, Timestamp(2));
        }
        record.apply(&Change::Ended { status }, Timestamp(3));
        assert_eq!(record.status, status);
        record.escalation.map(|escalation| (escalation.state, escalation.unreached)).unwrap()
    };
    let queued = Step::Queued { task: None };
    let failed = EscalationState::Failed;
    assert_eq!(
        ends(std::slice::from_ref(&queued), Status::Completed),
        (failed, Some(Unreached::CallerLeft))
    );
    assert_eq!(ends(&[], Status::Failed), (failed, Some(Unreached::CallFailed)));
    let talking = Step::Accepted { worker: None };
    assert_eq!(ends(&[talking], Status::Completed), (EscalationState::Finished, None));
    let asked = [queued.clone(), Step::CallBackAsked];
    assert_eq!(ends(&asked, Status::Completed), (failed, Some(Unreached::CallerLeft)));
    let booked = [queued, Step::CallBackBooked { task: "WT1".into() }];
    assert_eq!(ends(&booked, Status::Completed), (EscalationState::Finished, None));
}

#[test]
fn a_reconnect_that_is_told_twice_counts_once() {
    let mut record = record(None);
    let failure = |ended, at| Failure { ended: Timestamp(ended), at: Timestamp(at) };
    // Two engines date one failure by their own clocks, and an older one may be told of last.
    let told = [failure(5, 7), failure(5, 6), failure(8, 9), failure(5, 10), failure(4, 11)];
    for failure in told {
        record.apply(&Change::Rejoined { failure }, failure.at);
    }
    let noted = [failure(4, 11), failure(5, 7), failure(8, 9)];
    assert_eq!(record.failures, noted);
    assert_eq!(record.unresumed().last().map(|last| last.at), Some(Timestamp(9)));
    // Whoever has gone on behind it may know it by another moment.
    record.apply(&Change::Resumed { after: Some(failure(8, 12)), addressed: None }, Timestamp(13));
    assert_eq!(
        (record.failures.as_slice(), record.unresumed().last().map(|last| last.at)),
        (noted.as_slice(), None)
    );
}

#[test]
fn a_session_ended_when_twilio_says_so_unless_it_was_kept_from_telling() {
    let (asked, lasted) = (Some(Timestamp(10_000)), Some(25_000));
    let failed = |told| {
        let failure = Failure::told(asked, lasted, Timestamp(told));
        (failure.ended.0, failure.at.0)
    };
    assert_eq!(failed(35_000), (35_000, 35_000));
    // `SessionDuration` is exact to a second, and a socket takes its time to open.
    assert_eq!(failed(36_299), (35_000, 36_299));
    // Twilio tries three times.
    assert_eq!(failed(36_300), (35_000, 35_000));
    assert_eq!(failed(50_999), (35_000, 35_000));
    // Whatever such a figure means, it is not that.
    assert_eq!(failed(51_000), (51_000, 51_000));
    for (asked, lasted) in [(None, lasted), (asked, None)] {
        assert_eq!(Failure::told(asked, lasted, Timestamp(7)), Failure::new(Timestamp(7)));
    }
    // The session behind it cannot have ended before.
    let failure = Failure { ended: Timestamp(9), at: Timestamp(7) }.not_before(Some(Timestamp(12)));
    assert_eq!((failure.ended, failure.at), (Timestamp(9), Timestamp(12)));
    assert_eq!([5, 40].map(|now| failure.next_since(Timestamp(now)).0), [13, 40]);
}

#[test]
fn a_session_that_somebody_has_spoken_on_since_was_longer_than_twilio_counts() {
    let mut record = record(None);
    let first = Failure { ended: Timestamp(10_000), at: Timestamp(10_200) };
    record.apply(&Change::Rejoined { failure: first }, first.at);
    // Its socket came again, and Twilio counts from there.
    record.transcript.put(Turn::new(TurnId(2), Role::Customer, "And?", Timestamp(12_000)));
    let told = |ended, now| Failure { ended: Timestamp(ended), at: Timestamp(now) }.by(&record);
    assert_eq!(told(5_000, 5_000), Failure::new(Timestamp(12_000)));
    // That it failed at first is told once more.
    let again = Failure { at: Timestamp(12_000), ..first };
    assert_eq!(told(10_000, 10_000), again);
    // Twilio has told at once.
    let at_once = Failure { ended: Timestamp(12_000), at: Timestamp(12_900) };
    assert_eq!(told(12_000, 12_900), at_once);
}

#[test]
fn what_came_late_to_two_engines_is_kept_once() {
    let mut record = record(None);
    let late = |instance: &str, text: &str, at| LateTurn {
        instance: InstanceId(instance.to_owned()),
        epoch: Epoch(2),
        seq: 7,
        turn: Turn::new(TurnId(3), Role::Customer, text, Timestamp(at)),
    };
    assert!(!record.has_heard(&late("a", "Hello?", 5_000)));
    record.late.push(late("a", "Hello?", 5_000));
    assert!(record.has_heard(&late("b", "Hello?", 7_300)));
    assert!(!record.has_heard(&late("b", "Hello!", 7_300)));
    assert!(!record.has_heard(&late("b", "Hello?", 500_000)));
    // The caller may say "yes" twice to one.
    assert!(!record.has_heard(&late("a", "Hello?", 7_300)));
}
