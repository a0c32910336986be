//! How calls and replies are found again, and how they are forgotten.

use switchhook_actors::domain::{
    ids::Alias,
    order::{Order, Ordered},
};

use super::*;

fn alias(id: &str) -> Alias {
    id.parse().unwrap()
}

async fn found_under(home: &Home, id: &str) -> Option<CallSid> {
    home.store.find(Key::Alias(alias(id))).await.unwrap().map(|record| record.sid)
}

pub(crate) async fn the_first_reply_to_a_webhook_stands_until_its_time_is_over(home: Home) {
    let remember =
        |reply: &str, now| home.store.remember(sid(1), "k".into(), reply.into(), now, 100);
    let answered = |now| home.store.answered(sid(1), "k".into(), now);
    assert_eq!(answered(BEGIN).await, Ok(None));
    assert_eq!(remember("first", BEGIN).await, Ok("first".into()));
    assert_eq!(remember("second", BEGIN + 99).await, Ok("first".into()));
    assert_eq!(answered(BEGIN + 99).await, Ok(Some("first".into())));
    assert_eq!(answered(BEGIN + 100).await, Ok(None));
    assert_eq!(remember("third", BEGIN + 100).await, Ok("third".into()));
    assert_eq!(answered(BEGIN + 199).await, Ok(Some("third".into())));
    assert_eq!(home.store.answered(sid(1), "other".into(), BEGIN).await, Ok(None));
    assert_eq!(home.store.answered(sid(2), "k".into(), BEGIN + 100).await, Ok(None));
}

pub(crate) async fn a_call_is_found_by_its_linked_ids(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, caller_says(1, "hi")).await;
    assert_eq!(found_under(&home, "WT1").await, None);
    for id in ["WT1", "CF1"] {
        assert_eq!(home.store.link(alias(id), sid(1)).await, Ok(true));
        let found = home.store.find(Key::Alias(alias(id))).await.unwrap();
        assert_eq!(found, home.find(1).await);
    }
}

pub(crate) async fn the_newest_link_of_an_id_stands(home: Home) {
    home.ring(1).await;
    home.ring(2).await;
    for n in [1, 2] {
        assert_eq!(home.store.link(alias("WT1"), sid(n)).await, Ok(true));
        assert_eq!(found_under(&home, "WT1").await, Some(sid(n)));
    }
    // The link is the second call's now: it does not go with the first.
    assert_eq!(home.store.erase(sid(1)).await, Ok(true));
    assert_eq!(found_under(&home, "WT1").await, Some(sid(2)));
}

pub(crate) async fn an_erased_call_leaves_no_trace(home: Home) {
    for n in [1, 2] {
        let epoch = home.claim(n, "a").await.epoch;
        home.append(n, epoch, 1, caller_says(1, "my card number")).await;
        home.store.link(alias(&format!("WT{n}")), sid(n)).await.unwrap();
    }
    let epoch = home.epoch(1).await;
    home.settle(1, epoch, ended(Status::Completed), BEGIN + 1).await;
    let reply = |n| home.store.remember(sid(n), "k".into(), "words".into(), BEGIN, 1_000_000);
    reply(1).await.unwrap();
    assert_eq!(home.store.erase(sid(1)).await, Ok(true));
    assert_eq!(home.store.erase(sid(1)).await, Ok(false));
    assert_eq!(home.find(1).await, None);
    assert_eq!(found_under(&home, "WT1").await, None);
    assert_eq!(home.append(1, epoch, 2, caller_says(2, "late")).await, Appended::Unknown);
    // Neither does a live one, and its owner learns it.
    let epoch = home.epoch(2).await;
    assert_eq!(home.store.erase(sid(2)).await, Ok(true));
    assert_eq!(home.store.answered(sid(1), "k".into(), BEGIN).await, Ok(None));
    assert_eq!(home.append(2, epoch, 2, caller_says(2, "late")).await, Appended::Unknown);
    assert_eq!(home.store.live().await, Ok(vec![]));
    // A claim begins such a call anew, without a word of the old one.
    let anew = home.claim(2, "b").await;
    assert_eq!((anew.next_seq, anew.transcript.turns().len()), (1, 0));
}

pub(crate) async fn all_calls_from_a_number_are_erased_and_no_others(home: Home) {
    for (n, caller) in [(1, "+15550009999"), (2, "+15550001111"), (3, "+15550009999")] {
        let call = NewCall { caller: caller.into(), ..ringing(n) };
        home.store.open(call).await.unwrap();
        let epoch = home.claim(n, "a").await.epoch;
        home.append(n, epoch, 1, caller_says(1, "my card number")).await;
    }
    home.settle(1, home.epoch(1).await, ended(Status::Completed), BEGIN + 1).await;
    let erase = |number: &str| home.store.erase_caller(number.into());
    assert_eq!(erase("+15550009").await, Ok(0));
    assert_eq!(erase("+15550009999").await, Ok(2));
    assert_eq!((home.find(1).await, home.find(3).await), (None, None));
    assert_eq!(home.words(2).await, ["my card number"]);
    assert_eq!(home.store.live().await.unwrap().len(), 1);
    assert_eq!(erase("+15550009999").await, Ok(0));
}

pub(crate) async fn flush_resolves_after_what_was_accepted_before(home: Home) {
    home.claim(1, "a").await;
    let epoch = home.epoch(1).await;
    let appended = home.store.append(sid(1), epoch, 1, caller_says(1, "hi"));
    home.store.flush().await.unwrap();
    // Nobody has polled the append yet; it is done nevertheless.
    assert_eq!(home.words(1).await, ["hi"]);
    assert_eq!(appended.await, Ok(Appended::Appended));
}

pub(crate) async fn an_order_about_a_call_that_nobody_holds_reaches_nobody(home: Home) {
    let order = || Order::Escalate(Grounds::new(ReasonCode::Supervisor, "x"));
    home.ring(1).await;
    for n in [1, 2] {
        assert_eq!(home.store.order(sid(n), order()).await, Ok(Ordered::NotHere));
    }
    assert!(home.find(1).await.unwrap().escalation.is_none());
}
