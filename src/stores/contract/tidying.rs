//! What becomes of calls that nobody looks after any more.

use switchhook_actors::registry::store::{Sweep, Swept};

use super::*;

const SILENCE: Millis = 120_000;
const RETENTION: Millis = 3_600_000;

impl Home {
    async fn sweep(&self, now: Timestamp, attended: &[u32]) -> Swept {
        let attended = attended.iter().map(|&n| sid(n)).collect();
        let sweep = Sweep { attended, now, silence: SILENCE, retention: RETENTION };
        self.store.sweep(sweep).await.unwrap()
    }
}

fn closed(calls: &[u32]) -> Swept {
    Swept { closed: calls.iter().map(|&n| sid(n)).collect(), deleted: 0 }
}

pub(crate) async fn a_silent_call_that_nobody_attends_is_closed_as_failed(home: Home) {
    for n in [0, 1] {
        home.store.open(NewCall { at: BEGIN, ..ringing(n) }).await.unwrap();
        home.claim(n, "a").await;
    }
    assert_eq!(home.sweep(BEGIN + SILENCE - 1, &[]).await, closed(&[]));
    assert_eq!(home.sweep(BEGIN + SILENCE, &[1]).await, closed(&[0]));
    let over = home.find(0).await.unwrap();
    assert_eq!((over.status, over.ended_at), (Status::Failed, Some(BEGIN + SILENCE)));
    assert_eq!(home.find(1).await.unwrap().status, Status::Active);
    // The one that was attended is given its time from then on.
    assert_eq!(home.sweep(BEGIN + 2 * SILENCE - 1, &[]).await, closed(&[]));
    assert_eq!(home.sweep(BEGIN + 2 * SILENCE, &[]).await, closed(&[1]));
    assert_eq!(home.sweep(BEGIN + 3 * SILENCE, &[]).await, closed(&[]));
    assert_eq!(home.store.live().await, Ok(vec![]));
}

pub(crate) async fn every_sign_of_life_counts(home: Home) {
    for n in 1..=5 {
        home.store.open(NewCall { at: BEGIN, ..ringing(n) }).await.unwrap();
    }
    let later = BEGIN + SILENCE / 2;
    home.store.claim(sid(1), engine("a"), later).await.unwrap();
    home.claim(2, "a").await;
    home.append(2, home.epoch(2).await, 1, Turn { at: later, ..caller_says(1, "hi") }).await;
    home.claim(3, "a").await;
    home.settle(3, home.epoch(3).await, rejoined(later), later).await;
    home.store.open(NewCall { at: later, ..ringing(4) }).await.unwrap();
    assert_eq!(home.sweep(BEGIN + SILENCE, &[]).await, closed(&[5]));
}

pub(crate) async fn an_ended_call_is_deleted_after_its_retention(home: Home) {
    for n in [1, 2] {
        let epoch = home.claim(n, "a").await.epoch;
        home.append(n, epoch, 1, caller_says(1, "hi")).await;
        home.store.link(format!("WT{n}").parse().unwrap(), sid(n)).await.unwrap();
        let at = BEGIN + Millis::from(n) * 1_000;
        home.settle(n, epoch, ended(Status::Completed), at).await;
    }
    home.store.remember(sid(3), "k".into(), "reply".into(), BEGIN, 10).await.unwrap();
    let due = BEGIN + 1_000 + RETENTION;
    assert_eq!(home.sweep(due - 1, &[]).await.deleted, 0);
    assert_eq!(home.sweep(due, &[]).await.deleted, 1);
    assert_eq!(home.find(1).await, None);
    assert_eq!(home.store.find(Key::Alias("WT1".parse().unwrap())).await, Ok(None));
    assert_eq!(home.words(2).await, ["hi"]);
    assert_eq!(home.sweep(due + 1_000, &[]).await.deleted, 1);
    assert_eq!(home.sweep(due + 2_000, &[]).await.deleted, 0);
    // A call that comes back under the name has nothing of the old one.
    assert_eq!(home.claim(1, "b").await.transcript.turns().len(), 0);
}
