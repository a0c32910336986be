use proptest::prelude::*;

use super::*;
use crate::domain::escalation::ReasonCode;

fn escalation() -> Escalation {
    let id = "CA0123456789abcdef0123456789abcdef.e1".parse().unwrap();
    Escalation::new(id, Grounds::new(ReasonCode::CallerAsked, "x"), Timestamp(0))
}

fn after(steps: &[Step]) -> Escalation {
    let mut escalation = escalation();
    for (at, step) in (1..).zip(steps) {
        escalation.apply(step, Timestamp(at));
    }
    escalation
}

fn reserved(name: &str) -> Step {
    Step::Reserved { reservation: name.into(), worker: Some(format!("worker of {name}")) }
}

fn unreserved(name: &str) -> Step {
    Step::Unreserved { reservation: name.into() }
}

const QUEUED: Step = Step::Queued { task: None };

#[test]
fn a_caller_who_reaches_a_person_goes_all_the_way() {
    let steps = [
        (Step::HandedOff, EscalationState::HandedOff, Status::Escalating),
        (Step::Queued { task: Some("WT1".into()) }, EscalationState::Queued, Status::Queued),
        (reserved("WR1"), EscalationState::Reserved, Status::Queued),
        (Step::Accepted { worker: None }, EscalationState::WithAgent, Status::WithAgent),
        (Step::Finished, EscalationState::Finished, Status::Completed),
    ];
    let mut escalation = escalation();
    for (at, (step, state, status)) in (1..).zip(steps) {
        assert!(escalation.apply(&step, Timestamp(at)), "{step:?}");
        assert_eq!((escalation.state, escalation.since), (state, Timestamp(at)));
        assert_eq!(escalation.state.status(), status);
        let twice = escalation.clone();
        assert!(!escalation.apply(&step, Timestamp(99)), "{step:?}");
        assert_eq!(escalation, twice);
    }
    assert_eq!(escalation.task.as_deref(), Some("WT1"));
    assert_eq!(escalation.worker.as_deref(), Some("worker of WR1"));
}

#[test]
fn a_reservation_that_came_to_nothing_leads_back_to_the_queue_and_its_late_events_nowhere() {
    let back = after(&[QUEUED, reserved("WR1"), unreserved("WR1")]);
    assert_eq!((back.state, &back.worker), (EscalationState::Queued, &None));
    let late = after(&[QUEUED, reserved("WR1"), unreserved("WR1"), reserved("WR1")]);
    assert_eq!(late.state, EscalationState::Queued);
    let early = after(&[QUEUED, unreserved("WR1"), reserved("WR1")]);
    assert_eq!(early.state, EscalationState::Queued, "its end came first");
    let second = after(&[QUEUED, reserved("WR1"), reserved("WR2"), unreserved("WR1")]);
    assert_eq!(second.state, EscalationState::Reserved);
    let accepted =
        after(&[QUEUED, Step::Accepted { worker: None }, reserved("WR1"), unreserved("WR1")]);
    assert_eq!(accepted.state, EscalationState::WithAgent);
}

#[test]
fn who_is_with_a_person_has_not_failed_when_they_part() {
    let left = Step::Failed { why: Unreached::CallerLeft };
    assert_eq!(
        after(&[QUEUED, Step::Accepted { worker: None }, left]).state,
        EscalationState::Finished
    );
    assert_eq!(
        after(&[Step::Accepted { worker: None }, Step::Withdrawn]).state,
        EscalationState::Finished
    );
}

#[test]
fn a_call_back_is_asked_for_once_and_booked_whenever_its_task_is_known() {
    let booked = Step::CallBackBooked { task: "WT9".into() };
    let call_back = after(&[QUEUED, Step::CallBackAsked, Step::CallBackAsked, booked]).call_back;
    assert_eq!(
        call_back,
        Some(CallBack { task: Some("WT9".into()), at: Timestamp(2), failures: 0 })
    );
}

fn step() -> impl Strategy<Value = Step> {
    let reservation = prop::sample::select(vec!["WR1", "WR2"]);
    prop_oneof![
        Just(Step::HandedOff),
        Just(QUEUED),
        reservation.clone().prop_map(reserved),
        reservation.prop_map(unreserved),
        Just(Step::Accepted { worker: None }),
        Just(Step::Finished),
        Just(Step::Withdrawn),
        Just(Step::Failed { why: Unreached::TimedOut }),
        Just(Step::CallBackAsked),
        Just(Step::Summarized { summary: "s".into() }),
    ]
}

proptest! {
    #[test]
    fn an_end_absorbs_and_no_step_leads_back_but_from_a_reservation(
        steps in prop::collection::vec(step(), 0..24),
    ) {
        let mut escalation = escalation();
        for (at, step) in (1..).zip(&steps) {
            let before = escalation.state;
            escalation.apply(step, Timestamp(at));
            let now = escalation.state;
            if before.is_final() {
                prop_assert_eq!(before, now);
            }
            let back = now.rank() < before.rank();
            let came_to_nothing = (before, now) == (EscalationState::Reserved, EscalationState::Queued);
            prop_assert!(!back || came_to_nothing, "{:?} to {:?}", before, now);
            prop_assert_eq!(escalation.unreached.is_some(), now == EscalationState::Failed);
            prop_assert!(escalation.spent.len() <= RESERVATIONS_KEPT);
        }
        let json = serde_json::to_string(&escalation).unwrap();
        prop_assert_eq!(serde_json::from_str::<Escalation>(&json).unwrap(), escalation);
    }
}
