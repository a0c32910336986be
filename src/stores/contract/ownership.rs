//! Who may write to a call, and what becomes of what is written.

use super::*;

pub(crate) async fn a_call_that_rings_twice_is_opened_once(home: Home) {
    let first = home.store.open(ringing(1)).await.unwrap();
    assert!(first.fresh);
    assert_eq!(first.record, CallRecord::ringing(ringing(1)));
    let other = NewCall { caller: "+15559999999".into(), ..ringing(1) };
    let again = home.store.open(other).await.unwrap();
    assert!(!again.fresh);
    assert_eq!(again.record, first.record);
    assert_eq!(home.store.live().await.unwrap().len(), 1);
}

pub(crate) async fn each_claim_has_a_higher_epoch_and_the_words_so_far(home: Home) {
    home.ring(1).await;
    let first = home.claim(1, "a").await;
    assert_eq!(first.status, Status::Active);
    assert!(first.epoch.0 >= BEGIN.0, "a store that was rolled back gives no epoch twice");
    assert_eq!(first.instance, Some(engine("a")));
    assert_eq!(first.greeting, Some("Hello".into()));
    home.append(1, first.epoch, 1, caller_says(1, "hi")).await;
    let second = home.claim(1, "b").await;
    assert!(second.epoch > first.epoch);
    assert_eq!(second.next_seq, 2);
    assert_eq!(second.instance, Some(engine("b")));
    assert_eq!(second.transcript.turns(), [caller_says(1, "hi")]);
    assert_eq!(home.find(1).await, Some(second));
}

pub(crate) async fn a_call_that_nobody_opened_can_be_claimed(home: Home) {
    let record = home.claim(1, "a").await;
    assert_eq!(record.status, Status::Active);
    assert_eq!((record.caller.as_str(), record.started_at), ("", BEGIN));
    assert!(record.wants_greeting());
    let change = Change::Identified { caller: "+1".into(), called: "+2".into() };
    let record = home.settle(1, record.epoch, change, BEGIN + 1).await;
    assert_eq!((record.caller.as_str(), record.called.as_str()), ("+1", "+2"));
}

pub(crate) async fn an_ended_call_cannot_be_claimed(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.settle(1, epoch, ended(Status::Completed), BEGIN + 5).await;
    let claimed = home.store.claim(sid(1), engine("b"), BEGIN + 6).await.unwrap();
    assert_eq!(claimed, Claimed::Ended);
    assert_eq!(home.find(1).await.unwrap().epoch, epoch);
}

pub(crate) async fn a_fenced_owner_changes_nothing(home: Home) {
    let old = home.claim(1, "a").await.epoch;
    home.claim(1, "b").await;
    let before = home.find(1).await;
    for epoch in [Epoch(0), old, Epoch(u64::MAX)] {
        assert_eq!(home.append(1, epoch, 1, caller_says(1, "hi")).await, Appended::Fenced);
        let settled = home.store.settle(sid(1), epoch, ended(Status::Failed), BEGIN).await;
        assert_eq!(settled, Ok(Settled::Fenced));
    }
    assert_eq!(home.find(1).await, before);
}

pub(crate) async fn turns_are_stored_once_and_without_a_hole(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    let gap = |expected| Appended::Gap { expected };
    assert_eq!(home.append(1, epoch, 2, caller_says(1, "early")).await, gap(1));
    assert_eq!(home.append(1, epoch, 0, caller_says(1, "nought")).await, gap(1));
    assert_eq!(home.append(1, epoch, 1, caller_says(1, "hi")).await, Appended::Appended);
    assert_eq!(home.append(1, epoch, 1, caller_says(1, "again")).await, Appended::Duplicate);
    assert_eq!(home.append(1, epoch, 3, agent_says(1, "late")).await, gap(2));
    assert_eq!(home.append(1, epoch, 2, agent_says(1, "hello")).await, Appended::Appended);
    assert_eq!(home.words(1).await, ["hi", "hello"]);
    assert_eq!(home.find(1).await.unwrap().next_seq, 3);
}

pub(crate) async fn a_later_version_of_a_turn_replaces_it(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, agent_says(1, "all that was sent")).await;
    home.append(1, epoch, 2, caller_says(1, "hi")).await;
    let cut = Turn { interrupted: true, ..agent_says(1, "all that") };
    home.append(1, epoch, 3, cut.clone()).await;
    let turns = home.find(1).await.unwrap().transcript;
    assert_eq!(turns.turns(), [caller_says(1, "hi"), cut]);
    assert_eq!(home.store.live().await.unwrap()[0].turns, 2);
}

pub(crate) async fn an_ended_call_still_takes_its_last_cut(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, agent_says(1, "goodbye then")).await;
    let over = home.settle(1, epoch, ended(Status::Completed), BEGIN + 9).await;
    assert_eq!(over.ended_at, Some(BEGIN + 9));
    assert_eq!(home.append(1, epoch, 2, agent_says(1, "goodbye")).await, Appended::Appended);
    assert_eq!(home.append(1, Epoch(0), 3, agent_says(1, "good")).await, Appended::Fenced);
    assert_eq!(home.words(1).await, ["goodbye"]);
    assert_eq!(home.find(1).await.unwrap().status, Status::Completed);
    assert_eq!(home.store.live().await.unwrap(), []);
}

pub(crate) async fn a_final_status_never_changes_again(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.settle(1, epoch, ended(Status::Failed), BEGIN + 1).await;
    let after = home.settle(1, epoch, ended(Status::Completed), BEGIN + 2).await;
    assert_eq!((after.status, after.ended_at), (Status::Failed, Some(BEGIN + 1)));
    // What else became known of it still lands.
    let reason = escalated(1, "asked for a person");
    home.settle(1, epoch, reason, BEGIN + 3).await;
    let found = home.find(1).await.unwrap();
    assert_eq!(found.status, Status::Failed);
    assert_eq!(found.escalation_reason, Some("asked for a person".into()));
}

pub(crate) async fn what_is_settled_is_found(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, caller_says(1, "hi")).await;
    let reason = escalated(1, "fraud");
    home.settle(1, epoch, reason, BEGIN + 10).await;
    home.settle(1, epoch, rejoined(BEGIN + 20), BEGIN + 20).await;
    let settled = home.settle(1, epoch, rejoined(BEGIN + 30), BEGIN + 30).await;
    assert_eq!(settled.failures, [BEGIN + 20, BEGIN + 30].map(Failure::new));
    assert_eq!(settled.seen_at, BEGIN + 30);
    assert_eq!(settled.escalation_reason, Some("fraud".into()));
    assert!(settled.transcript.turns().is_empty());
    let found = home.find(1).await.unwrap();
    assert_eq!(found.transcript.turns(), [caller_says(1, "hi")]);
    assert_eq!(CallRecord { transcript: settled.transcript.clone(), ..found }, settled);
}

pub(crate) async fn nothing_is_known_of_an_unknown_call(home: Home) {
    assert_eq!(home.find(1).await, None);
    assert_eq!(home.append(1, Epoch(1), 1, caller_says(1, "hi")).await, Appended::Unknown);
    let settled = home.store.settle(sid(1), Epoch(1), rejoined(BEGIN), BEGIN).await;
    assert_eq!(settled, Ok(Settled::Unknown));
    assert_eq!(home.store.link("WT1".parse().unwrap(), sid(1)).await, Ok(false));
    assert_eq!(home.store.erase(sid(1)).await, Ok(false));
    assert_eq!(home.find(1).await, None);
    assert_eq!(home.store.live().await, Ok(vec![]));
}

pub(crate) async fn words_of_every_script_survive(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    let all = ["Grüße, 你好", "مرحبا \u{202e}", "🦉\u{0}\n\"\\ e\u{301}", "\u{feff}", ""];
    for (seq, words) in (1..).zip(all) {
        let exchange = u32::try_from(seq).unwrap();
        assert_eq!(
            home.append(1, epoch, seq, caller_says(exchange, words)).await,
            Appended::Appended
        );
    }
    assert_eq!(home.words(1).await, all);
}
