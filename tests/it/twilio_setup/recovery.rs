//! Runs that end half-way: refused, killed, or without the answer to what was done.

use std::process::Stdio;

use super::{House, Misbehaviour};

/// More changing requests than a whole run has.
const MANY: usize = 50;

#[actix_web::test]
async fn apply_goes_on_after_it_was_refused_at_any_step() {
    let whole = House::start().await;
    whole.runs("apply").await;
    let steps = whole.fake.changes().len();
    assert!((6..MANY).contains(&steps), "{steps}");
    for step in 0..steps {
        let house = House::start().await;
        house.fake.allow_changes(Some((step, Misbehaviour::Status(403))));
        let (code, text) = house.run("apply").await;
        assert_eq!(code, Some(1), "{step}: {text}");
        recovers(&house, steps, step).await;
    }
}

#[actix_web::test]
async fn apply_goes_on_after_it_was_killed_at_any_step() {
    let whole = House::start().await;
    whole.runs("apply").await;
    let steps = whole.fake.changes().len();
    for step in 0..steps {
        for forgets in [false, true] {
            let house = House::start().await;
            let then = if forgets { Misbehaviour::Forget } else { Misbehaviour::Hang };
            house.fake.allow_changes(Some((step, then)));
            let mut command = house.command("apply");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("it starts");
            // It waits for an answer, or has just found that none comes.
            house.fake.changed(step + 1).await;
            child.kill().expect("it is killed");
            child.wait().expect("its end");
            recovers(&house, steps, step).await;
        }
    }
}

#[actix_web::test]
async fn a_creation_whose_answer_was_lost_makes_no_second_one() {
    for list in ["Activities", "TaskQueues", "Workflows", "Applications"] {
        let house = House::start().await;
        house.fake.misbehave("POST", list, Misbehaviour::Forget, 1);
        house.runs("apply").await;
        house.assert_whole();
        house.runs("destroy").await;
        assert!(house.count(list, "Switchhook") == 0 && !house.kept().exists());
    }
}

/// The next run does what is left, and the one after that nothing; then all can be undone.
async fn recovers(house: &House, steps: usize, step: usize) {
    house.fake.allow_changes(None);
    house.runs("apply").await;
    house.assert_whole();
    house.fake.forget_requests();
    house.runs("apply").await;
    assert!(house.fake.changes().is_empty(), "after {step} of {steps}");
    house.runs("destroy").await;
    super::undoing::assert_as_before(house);
}
