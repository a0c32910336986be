use std::sync::Mutex;

use futures_util::{FutureExt, future};
use tokio::sync::{mpsc, oneshot};

use super::{
    messages::{Append, Find, Live},
    store::{Appended, Claimed, Feed, Key, Opened, Restored, Settled, Stored},
    *,
};
use crate::domain::{
    ids::{Alias, Epoch, InstanceId, TurnId},
    record::{CallRecord, CallSummary, Change, NewCall, Position},
    transcript::{LateTurn, Role, Turn},
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const RETENTION: Millis = 3_600_000;

/// What the store was asked, and how its rounds of tidying end.
enum Asked {
    Sweep(Sweep, oneshot::Sender<Result<Swept, StoreError>>),
    Append(u64),
}

/// A store that tells the test what it is asked, and knows nothing.
struct Watched(Mutex<mpsc::UnboundedSender<Asked>>);

fn unavailable<T: Send + 'static>() -> Stored<T> {
    future::ready(Err(StoreError::Unavailable("gone".into()))).boxed()
}

impl CallStore for Watched {
    fn open(&self, _: NewCall) -> Stored<Opened> {
        unavailable()
    }
    fn claim(&self, _: CallSid, _: InstanceId, _: Timestamp) -> Stored<Claimed> {
        unavailable()
    }
    fn append(&self, _: CallSid, _: Epoch, seq: u64, _: Turn) -> Stored<Appended> {
        let _ = self.0.lock().unwrap().send(Asked::Append(seq));
        // The first is answered last, never: order must not depend on answers.
        if seq == 1 {
            return future::pending().boxed();
        }
        future::ready(Ok(Appended::Appended)).boxed()
    }
    fn settle(&self, _: CallSid, _: Epoch, _: Change, _: Timestamp) -> Stored<Settled> {
        unavailable()
    }
    fn restore(&self, _: CallRecord) -> Stored<Restored> {
        unavailable()
    }
    fn add_late(&self, _: CallSid, _: Vec<LateTurn>) -> Stored<bool> {
        unavailable()
    }
    fn remember(
        &self,
        _: CallSid,
        _: String,
        _: String,
        _: Timestamp,
        _: Millis,
    ) -> Stored<String> {
        unavailable()
    }
    fn answered(&self, _: CallSid, _: String, _: Timestamp) -> Stored<Option<String>> {
        unavailable()
    }
    fn link(&self, _: Alias, _: CallSid) -> Stored<bool> {
        unavailable()
    }
    fn find(&self, _: Key) -> Stored<Option<CallRecord>> {
        future::ready(Ok(None)).boxed()
    }
    fn live(&self) -> Stored<Vec<CallSummary>> {
        unavailable()
    }
    fn follow(&self, _: Option<Position>) -> Stored<Feed> {
        unavailable()
    }
    fn erase_caller(&self, _: String) -> Stored<usize> {
        unavailable()
    }
    fn erase(&self, _: CallSid) -> Stored<bool> {
        unavailable()
    }
    fn sweep(&self, sweep: Sweep) -> Stored<Swept> {
        let (done, swept) = oneshot::channel();
        let _ = self.0.lock().unwrap().send(Asked::Sweep(sweep, done));
        swept.map(|swept| swept.unwrap()).boxed()
    }
    fn flush(&self) -> Stored<()> {
        unavailable()
    }
}

fn sid() -> CallSid {
    format!("CA{:032x}", 1).parse().unwrap()
}

fn registry(tidy_every: Duration) -> (Registry, mpsc::UnboundedReceiver<Asked>) {
    let (tell, asked) = mpsc::unbounded_channel();
    let store = Arc::new(Watched(Mutex::new(tell)));
    let registry = Registry::new(store, Box::new(|| vec![sid()]), Box::new(|| NOW), RETENTION);
    (Registry { tidy_every, ..registry }, asked)
}

#[actix::test]
async fn calls_that_nobody_looks_after_are_tidied_again_and_again() {
    let (registry, mut asked) = registry(Duration::from_millis(1));
    let _registry = registry.start();
    for outcome in [
        Ok(Swept { closed: vec![sid()], deleted: 1 }),
        Err(StoreError::Unavailable("gone".into())),
        Ok(Swept::default()),
    ] {
        let Some(Asked::Sweep(sweep, done)) = asked.recv().await else { panic!("no round") };
        let expected =
            Sweep { attended: vec![sid()], now: NOW, silence: SILENCE, retention: RETENTION };
        assert_eq!(sweep, expected);
        done.send(outcome).unwrap();
    }
}

#[actix::test]
async fn a_round_of_tidying_never_runs_beside_another() {
    let (registry, mut asked) = registry(Duration::from_millis(1));
    let registry = registry.start();
    let Some(Asked::Sweep(_, under_way)) = asked.recv().await else { panic!("no round") };
    let mut ticks = actix::clock::interval(Duration::from_millis(2));
    for _ in 0..5 {
        ticks.tick().await;
        registry.send(Find { key: Key::Sid(sid()) }).await.unwrap().unwrap();
    }
    assert!(asked.try_recv().is_err(), "a second round began");
    under_way.send(Ok(Swept::default())).unwrap();
    assert!(matches!(asked.recv().await, Some(Asked::Sweep(..))));
}

#[actix::test]
async fn operations_reach_the_store_in_the_order_in_which_they_were_sent() {
    let (registry, mut asked) = registry(TIDY_EVERY);
    let registry = registry.start();
    let turn = Turn::new(TurnId(1), Role::Customer, "hi", NOW);
    let append =
        |seq| registry.send(Append { sid: sid(), epoch: Epoch(1), seq, turn: turn.clone() });
    let unanswered = append(1);
    let sent = actix::spawn(unanswered);
    for seq in 2..20 {
        let next = append(seq);
        assert_eq!(next.await.unwrap(), Ok(Appended::Appended));
    }
    let mut order = Vec::new();
    while let Ok(Asked::Append(seq)) = asked.try_recv() {
        order.push(seq);
    }
    assert!(order.iter().filter(|&&seq| seq > 1).is_sorted());
    assert_eq!(order.len(), 19, "the one that waits holds up nobody");
    sent.abort();
}

#[actix::test]
async fn an_asker_is_told_that_the_store_is_gone() {
    let (registry, _asked) = registry(TIDY_EVERY);
    let answer = registry.start().send(Live).await.unwrap();
    assert_eq!(answer, Err(StoreError::Unavailable("gone".into())));
}
