//! What one store takes over from another, and what comes too late.

use switchhook_actors::{domain::transcript::LateTurn, registry::store::Restored};

use super::*;

fn restored() -> Result<Restored, switchhook_actors::registry::store::StoreError> {
    Ok(Restored::Restored)
}

pub(crate) async fn what_was_lost_is_restored_from_a_copy(home: Home) {
    let mut copy = CallRecord::ringing(ringing(1));
    copy.status = Status::Active;
    copy.epoch = Epoch(BEGIN.0 + 7);
    copy.instance = Some(engine("a"));
    copy.next_seq = 9;
    copy.transcript = [caller_says(1, "hi"), agent_says(1, "hello")].into_iter().collect();
    assert_eq!(home.store.restore(copy.clone()).await, restored());
    assert_eq!(home.find(1).await, Some(copy.clone()));
    assert_eq!(home.store.live().await, Ok(vec![copy.summary(2)]));
    // Its owner goes on as if nothing had been lost, and the same copy again changes nothing.
    let next = caller_says(2, "bye");
    assert_eq!(home.append(1, copy.epoch, 9, next).await, Appended::Appended);
    assert_eq!(home.store.restore(copy).await, restored());
    assert_eq!(home.words(1).await, ["hi", "hello", "bye"]);
    assert_eq!(home.find(1).await.unwrap().next_seq, 10);
}

pub(crate) async fn what_a_store_has_lost_of_a_call_is_restored_and_the_rest_is_kept(home: Home) {
    let record = home.claim(1, "a").await;
    home.append(1, record.epoch, 1, caller_says(1, "hi")).await;
    let copy = CallRecord {
        next_seq: 4,
        transcript: [caller_says(1, "hi"), agent_says(1, "hello"), caller_says(2, "bye")]
            .into_iter()
            .collect(),
        ..record.clone()
    };
    let settled = home.settle(1, record.epoch, escalated(1, "fraud"), BEGIN + 1).await;
    assert_eq!(home.store.restore(copy.clone()).await, restored());
    let found = home.find(1).await.unwrap();
    assert_eq!((found.transcript, found.next_seq), (copy.transcript, 4));
    assert_eq!(found.escalation, settled.escalation);
    assert_eq!(home.store.live().await.unwrap()[0].turns, 3);
}

/// As a server does that comes back without its last second.
pub(crate) async fn a_store_that_has_lost_a_claim_takes_from_the_copy_how_the_call_stands(
    home: Home,
) {
    home.store.open(ringing(1)).await.unwrap();
    let mut copy = CallRecord {
        epoch: Epoch(BEGIN.0 + 7),
        instance: Some(engine("a")),
        next_seq: 2,
        transcript: [caller_says(1, "hi")].into_iter().collect(),
        ..CallRecord::ringing(ringing(1))
    };
    copy.status = Status::Active;
    copy.apply(&escalated(1, "fraud"), BEGIN + 1);
    copy.seen_at = BEGIN + 2;
    assert_eq!(home.store.restore(copy.clone()).await, restored());
    assert_eq!(home.find(1).await, Some(copy.clone()));
    assert_eq!(home.store.live().await, Ok(vec![copy.summary(1)]));
    // What somebody has noted there since the claim stays, whenever the owner was heard last.
    for (n, change, status) in [
        (2, ended(Status::Completed), Status::Completed),
        (3, escalated(3, "x"), Status::Escalating),
    ] {
        let there = home.claim(n, "a").await;
        let epoch = Epoch(there.epoch.0 + 5);
        home.settle(n, there.epoch, change, Timestamp(epoch.0 + 5)).await;
        let copy = CallRecord { epoch, seen_at: Timestamp(epoch.0 + 10), ..there };
        assert_eq!(home.store.restore(copy).await, restored());
        assert_eq!(home.find(n).await.unwrap().status, status);
    }
}

pub(crate) async fn a_copy_of_an_older_owner_changes_nothing(home: Home) {
    let old = home.claim(1, "a").await;
    let new = home.claim(1, "b").await;
    home.append(1, new.epoch, 1, caller_says(1, "hi")).await;
    let before = home.find(1).await;
    let copy = |epoch, by: &str| CallRecord {
        epoch,
        instance: Some(engine(by)),
        next_seq: 5,
        transcript: [agent_says(1, "stale")].into_iter().collect(),
        ..old.clone()
    };
    for copy in [copy(old.epoch, "a"), copy(new.epoch, "a")] {
        assert_eq!(home.store.restore(copy).await, Ok(Restored::Newer));
    }
    assert_eq!(home.find(1).await, before);
}

pub(crate) async fn late_turns_stand_beside_the_transcript_once(home: Home) {
    let late = |seq: u64, words: &str| LateTurn {
        instance: engine("a"),
        epoch: Epoch(1),
        seq,
        turn: Turn { at: BEGIN + seq, ..caller_says(1, words) },
    };
    assert_eq!(home.store.add_late(sid(1), vec![late(1, "hi")]).await, Ok(false));
    let record = home.claim(1, "b").await;
    home.append(1, record.epoch, 1, agent_says(1, "hello")).await;
    let again = vec![late(1, "one"), late(2, "another")];
    // What stands in the transcript is not late.
    let there = LateTurn { epoch: record.epoch, turn: agent_says(1, "hello"), ..late(1, "") };
    for turns in [vec![late(2, "two")], again, vec![there]] {
        assert_eq!(home.store.add_late(sid(1), turns).await, Ok(true));
    }
    let found = home.find(1).await.unwrap();
    assert_eq!(found.late, [late(1, "one"), late(2, "two")]);
    assert_eq!(found.transcript.turns(), [agent_says(1, "hello")]);
    assert_eq!(home.claim(1, "c").await.transcript, found.transcript);
    home.store.erase(sid(1)).await.unwrap();
    home.claim(1, "d").await;
    assert_eq!(home.find(1).await.unwrap().late, []);
}
