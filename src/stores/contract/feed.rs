//! What monitors see.

use switchhook_actors::{
    domain::record::{CallEvent, CallEventKind, Position},
    registry::store::News,
};

use super::*;

impl Home {
    async fn snapshot(&self, after: Option<Position>) -> (Position, Vec<CallSid>) {
        let feed = self.store.follow(after).await.unwrap();
        match feed.news {
            News::Snapshot(calls) => (feed.position, calls.iter().map(|call| call.sid).collect()),
            News::Events(events) => panic!("no snapshot, but {events:?}"),
        }
    }

    async fn events(&self, after: Position) -> (Position, Vec<CallEvent>) {
        let feed = self.store.follow(Some(after)).await.unwrap();
        match feed.news {
            News::Events(events) => (feed.position, events),
            News::Snapshot(calls) => panic!("no events, but {calls:?}"),
        }
    }
}

pub(crate) async fn live_calls_are_listed_by_their_start(home: Home) {
    for n in [3, 1, 4, 2] {
        home.ring(n).await;
    }
    home.claim(4, "a").await;
    home.claim(2, "a").await;
    home.settle(2, home.epoch(2).await, ended(Status::Completed), BEGIN + 9).await;
    let live = home.store.live().await.unwrap();
    assert_eq!(live.iter().map(|call| call.sid).collect::<Vec<_>>(), [sid(1), sid(3), sid(4)]);
    let found = home.find(4).await.unwrap();
    assert_eq!(live[2], found.summary(0));
    assert_eq!(live[2].instance, Some(engine("a")));
}

pub(crate) async fn a_reader_gets_a_snapshot_and_then_what_happens(home: Home) {
    use CallEventKind::{Changed, Claimed, Ended, Erased, Opened, Turn};
    home.ring(1).await;
    let (start, calls) = home.snapshot(None).await;
    assert_eq!(calls, [sid(1)]);
    assert_eq!(home.events(start).await, (start, vec![]));

    home.ring(2).await;
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, caller_says(1, "hi")).await;
    home.append(1, epoch, 2, agent_says(1, "hello there")).await;
    home.append(1, epoch, 3, agent_says(1, "hello")).await;
    let reason = escalated(1, "fraud");
    home.settle(1, epoch, reason, BEGIN + 1).await;
    home.settle(1, epoch, ended(Status::Completed), BEGIN + 2).await;
    home.append(1, epoch, 4, agent_says(2, "bye")).await;
    home.store.erase(sid(1)).await.unwrap();

    let (end, events) = home.events(start).await;
    let seen: Vec<_> = events.iter().map(|event| (event.kind, event.call.turns)).collect();
    let kinds = [Opened, Claimed, Turn, Turn, Turn, Changed, Ended, Turn, Erased];
    let turns = [0, 0, 1, 2, 2, 2, 2, 3, 0];
    assert_eq!(seen, kinds.into_iter().zip(turns).collect::<Vec<_>>());
    let positions: Vec<_> = events.iter().map(|event| event.position.0).collect();
    assert!(positions.is_sorted_by(|a, b| a < b) && positions[0] > start.0);
    assert_eq!(positions.last(), Some(&end.0));
    assert_eq!(events[5].call.escalation_reason, Some("fraud".into()));
    assert_eq!(
        (events[6].call.status, events[6].call.ended_at),
        (Status::Completed, Some(BEGIN + 2))
    );
    assert_eq!(home.events(events[6].position).await, (end, events[7..].to_vec()));
}

pub(crate) async fn a_reader_that_was_away_for_too_long_begins_anew(home: Home) {
    let (start, _) = home.snapshot(None).await;
    // More events than any store keeps for its readers.
    for n in 0..100 {
        let rings = (0..50).map(|m| home.store.open(ringing(n * 50 + m)));
        futures_util::future::try_join_all(rings).await.unwrap();
    }
    let (now, calls) = home.snapshot(Some(start)).await;
    assert_eq!(calls.len(), 5_000);
    // Nor does a position from the future, or from before a restart, mean anything.
    assert_eq!(home.snapshot(Some(Position(now.0 + 1))).await.0, now);
    assert_eq!(home.snapshot(Some(Position(0))).await.0, now);
    home.claim(7, "a").await;
    assert_eq!(home.events(now).await.1.len(), 1);
}

pub(crate) async fn what_changes_nothing_is_no_news(home: Home) {
    let epoch = home.claim(1, "a").await.epoch;
    home.append(1, epoch, 1, caller_says(1, "hi")).await;
    home.settle(1, epoch, ended(Status::Failed), BEGIN + 1).await;
    let (start, _) = home.snapshot(None).await;
    home.append(1, epoch, 1, caller_says(1, "hi")).await;
    home.append(1, Epoch(0), 2, caller_says(1, "hi")).await;
    home.append(1, epoch, 9, caller_says(1, "hi")).await;
    home.settle(1, epoch, ended(Status::Completed), BEGIN + 2).await;
    home.store.open(ringing(1)).await.unwrap();
    home.store.claim(sid(1), engine("b"), BEGIN + 3).await.unwrap();
    home.find(1).await;
    assert_eq!(home.events(start).await, (start, vec![]));
}
