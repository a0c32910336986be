use super::*;
use crate::domain::{
    escalation::{Grounds, ReasonCode},
    ids::TurnId,
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
fn reconnects_of_a_minute_are_counted_and_older_ones_forgotten() {
    let mut record = record(None);
    for second in 1..=20 {
        record.apply(&Change::Rejoined, Timestamp(second * 1_000));
    }
    assert_eq!(record.rejoins.len(), REJOINS_KEPT);
    assert_eq!(record.rejoins_within(3_000, Timestamp(20_000)), 3);
    assert_eq!(record.rejoins_within(3_000, Timestamp(60_000)), 0);
}
