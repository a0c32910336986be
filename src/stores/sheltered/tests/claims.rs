//! Calls that are claimed while Redis cannot be asked who else has claimed them.

use super::*;
use crate::stores::redis::tests::cluster::{Cut, Proxy};

/// An engine behind a door that can be cut: the others reach Redis all the same.
async fn behind_a_door(server: &Server, name: &str) -> (Proxy, Shelter) {
    let door = Proxy::before(server.port);
    let shelter = shelter(address(door.port), name).await;
    (door, shelter)
}

impl Shelter {
    /// Engine "a" claims the first call, later than that claim was made.
    async fn claim_behind(&self, epoch: Epoch) -> CallRecord {
        while clock::now().0 <= epoch.0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let record = self.claim(1, "a").await;
        assert!(record.epoch > epoch);
        record
    }
}

#[tokio::test]
async fn what_another_engine_was_told_in_between_stands_when_the_caller_comes_back_in_an_outage() {
    let server = Server::start();
    let (door, shelter) = behind_a_door(&server, "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    door.cut(Cut::Everybody);
    // Nobody will ever hear of the other engine again.
    let taken = other.claim(1, "b").await;
    assert_eq!(other.hear(1, taken.epoch, 2, "two").await.0, Appended::Appended);
    let back = shelter.claim_behind(taken.epoch).await;
    assert_eq!(shelter.hear(1, back.epoch, back.next_seq, "three").await.0, Appended::Appended);
    door.cut(Cut::Nobody);
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one", "two", "three"]);
    assert_eq!(shelter.hear(1, back.epoch, 3, "four").await.0, Appended::Appended);
    assert_eq!(shelter.words(1).await, ["one", "two", "three", "four"]);
    let found = other.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    assert_eq!((found.late, found.instance), (vec![], Some(InstanceId("a".into()))));
}

#[tokio::test]
async fn what_an_engine_was_told_before_it_lost_the_call_and_got_it_back_is_kept_beside_it() {
    let server = Server::start();
    let (door, shelter) = behind_a_door(&server, "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    door.cut(Cut::Everybody);
    assert_eq!(shelter.hear(1, epoch, 2, "two").await.0, Appended::Appended);
    let taken = other.claim(1, "b").await;
    assert_eq!(other.hear(1, taken.epoch, 2, "new").await.0, Appended::Appended);
    let back = shelter.claim_behind(taken.epoch).await;
    assert_eq!(shelter.hear(1, back.epoch, back.next_seq, "three").await.0, Appended::Appended);
    door.cut(Cut::Nobody);
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one", "new", "three"]);
    let found = other.store.find(Key::Sid(sid(1))).await.unwrap().unwrap();
    let late: Vec<_> =
        found.late.iter().map(|late| (late.epoch, late.seq, &*late.turn.text)).collect();
    assert_eq!(late, [(epoch, 2, "two")]);
}

#[tokio::test]
async fn a_second_claim_whose_answer_came_too_late_silences_nobody() {
    let server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    // Redis takes the claim when nobody waits for it any more, and gives it a later epoch.
    server.order(&["CLIENT", "PAUSE", "400"]);
    let record = shelter.claim(1, "a").await;
    assert_eq!(shelter.hear(1, record.epoch, 2, "two").await.0, Appended::Appended);
    shelter.all_back().await;
    assert_eq!(shelter.hear(1, record.epoch, 3, "three").await.0, Appended::Appended);
    assert_eq!(shelter.words(1).await, ["one", "two", "three"]);
    assert_eq!(shelter.store.find(Key::Sid(sid(1))).await.unwrap().unwrap().late, []);
}

#[tokio::test]
async fn an_engine_that_has_lost_a_call_does_not_take_its_old_copy_for_the_newest() {
    let mut server = Server::start();
    let shelter = shelter(address(server.port), "a").await;
    let other = self::shelter(address(server.port), "b").await;
    let epoch = shelter.claim(1, "a").await.epoch;
    shelter.hear(1, epoch, 1, "one").await;
    let taken = other.claim(1, "b").await;
    assert_eq!(other.hear(1, taken.epoch, 2, "two").await.0, Appended::Appended);
    assert_eq!(shelter.hear(1, epoch, 2, "stale").await.0, Appended::Fenced);
    while shelter.store.redis().known(sid(1)).is_none_or(|known| known.epoch < taken.epoch) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    let back = shelter.claim(1, "a").await;
    assert_eq!((back.words_missing, back.transcript.turns().len()), (true, 0));
    assert_eq!(shelter.hear(1, back.epoch, 1, "three").await.0, Appended::Appended);
    server.restart();
    shelter.all_back().await;
    assert_eq!(shelter.words(1).await, ["one", "two", "three"]);
}
