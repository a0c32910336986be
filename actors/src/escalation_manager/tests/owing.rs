//! What is told while the store is away.

use super::*;

/// The caller is handed over, waits, and goes back to the agent in an outage of the store.
#[actix::test]
async fn what_happens_while_the_store_is_away_is_recorded_in_its_order_when_it_is_back() {
    tokio::time::pause();
    let gone = Arc::new(AtomicBool::new(true));
    let memory = Memory { gone: Arc::clone(&gone), ..Memory::default() };
    let house = House::ringing(memory, Planned::default());
    assert_eq!(house.hand_over().await, to(&format!("{}.e1", sid())));
    let told = |step| {
        let told = Progress { key: Key::Sid(sid()), step: Some(step), aliases: Vec::new() };
        house.manager.send(told)
    };
    for _ in 0..3 {
        let waits = told(Step::Queued { task: None }).await.unwrap();
        assert!(matches!(waits, Err(EscalationError::Store(_))), "{waits:?}");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    gone.store(false, Ordering::Relaxed);
    // One that is told when the store has just come back does not overtake them.
    assert!(told(Step::Withdrawn).await.unwrap().is_err());
    assert_eq!(house.calls.lock().unwrap().get(&sid()).unwrap().escalation, None);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let known = house.known();
    assert_eq!(
        (known.state, &*known.grounds.reason),
        (EscalationState::Withdrawn, "as the note says")
    );
    assert_eq!(known.since, NOW + 1);
    // And nothing is owed any more.
    assert!(told(Step::Queued { task: None }).await.unwrap().is_ok());
}

#[actix::test]
async fn a_store_that_was_late_once_makes_no_step_late() {
    let gone = Arc::new(AtomicBool::new(false));
    let memory = Memory { gone: Arc::clone(&gone), ..Memory::default() };
    let house = House::ringing(memory, Planned::default());
    house.escalate(None).await.unwrap();
    for (is_gone, step) in [(true, Step::Queued { task: None }), (false, Step::Withdrawn)] {
        gone.store(is_gone, Ordering::Relaxed);
        let told = Progress { key: Key::Sid(sid()), step: Some(step), aliases: Vec::new() };
        assert_eq!(house.manager.send(told).await.unwrap().is_err(), is_gone);
    }
    assert_eq!(house.known().state, EscalationState::Withdrawn);
}

#[actix::test]
async fn a_step_that_is_owed_is_of_no_escalation_that_began_behind_it() {
    tokio::time::pause();
    let gone = Arc::new(AtomicBool::new(true));
    let memory = Memory { gone: Arc::clone(&gone), ..Memory::default() };
    let house = House::ringing(memory, Planned::default());
    let told = Progress { key: Key::Sid(sid()), step: Some(Step::Withdrawn), aliases: Vec::new() };
    assert!(house.manager.send(told).await.unwrap().is_err());
    // The owner of the call brings back a second wish.
    let second = Escalation { at: NOW + 5, ..*escalation(2) };
    let change = Change::Escalated { escalation: Box::new(second) };
    house.calls.lock().unwrap().get_mut(&sid()).unwrap().apply(&change, NOW + 5);
    gone.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(house.known().state, EscalationState::Requested);
}
