//! What becomes of events that are read together.

use switchhook_actors::domain::record::{NewCall, Status};

use super::*;
use crate::stores::contract::BEGIN;

fn ringing() -> CallRecord {
    CallRecord::ringing(NewCall {
        sid: format!("CA{:032x}", 1).parse().unwrap(),
        caller: "+12025550142".into(),
        called: "+12025550100".into(),
        greeting: None,
        at: BEGIN,
    })
}

/// What an engine knows that has last read that the call rings.
fn shared() -> Shared {
    let mut index = Index::new(Vec::new(), BEGIN);
    index.reset(vec![(ringing(), 0)], Position(1));
    Shared {
        me: InstanceId("me".into()),
        index: Mutex::new(index),
        own: Mutex::default(),
        looked: AtomicBool::new(true),
        told: AtomicU64::new(0),
        seen: watch::channel(0).0,
    }
}

/// The claim of an engine, and a turn behind it.
fn claim_and_turn(by: &str) -> Vec<(Position, Told)> {
    let told = |k, n, c| Told { s: ringing().sid, k, n: Some(n), b: by.into(), c };
    vec![
        (Position(2), told(CallEventKind::Claimed, 0, 1)),
        (Position(3), told(CallEventKind::Turn, 1, 2)),
    ]
}

#[track_caller]
fn assert_active_with_one_turn(shared: &Shared) {
    let calls = shared.index().calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.status, call.turns), (Status::Active, 1));
}

#[test]
fn a_turn_that_is_read_with_another_engines_claim_does_not_take_it_back() {
    let (shared, claimed) = (shared(), CallRecord { status: Status::Active, ..ringing() });
    let (news, unknown) = shared.sort(claim_and_turn("other"));
    assert_eq!(unknown, [claimed.sid], "it is looked up once");
    shared.apply(news, &HashMap::from([(claimed.sid, Some((claimed, 1)))]));
    assert_active_with_one_turn(&shared);
}

#[test]
fn a_turn_that_is_read_with_a_claim_of_this_engine_does_not_take_it_back() {
    let (shared, claimed) = (shared(), CallRecord { status: Status::Active, ..ringing() });
    shared.own().insert(1, claimed);
    let (news, unknown) = shared.sort(claim_and_turn("me"));
    assert_eq!(unknown, [], "this engine knows its own calls");
    shared.apply(news, &HashMap::new());
    assert_active_with_one_turn(&shared);
}
