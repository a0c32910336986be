//! The manager on a store in memory, and at a desk that does as it is told.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::{
        Mutex as Lock,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{FutureExt as _, future, future::LocalBoxFuture};

use super::{
    desk::{Case, DeskError, Handover},
    *,
};
use crate::{
    domain::{
        escalation::{Grounds, ReasonCode, Unreached},
        handoff::Wanted,
        ids::{Alias, Epoch, InstanceId},
        record::{CallSummary, Change, NewCall, Position},
        time::Millis,
        transcript::{LateTurn, Turn},
    },
    registry::store::{
        Appended, CallStore, Claimed, Feed, Opened, Restored, Settled, Stored, Sweep, Swept,
    },
};

mod owing;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Calls in memory; the first write takes its time, or all fail.
#[derive(Default)]
struct Memory {
    calls: Arc<Lock<HashMap<CallSid, CallRecord>>>,
    replies: Arc<Lock<HashMap<String, String>>>,
    slow_once: Lock<bool>,
    gone: Arc<AtomicBool>,
}

impl Memory {
    fn answer<T: Send + 'static>(&self, answer: T) -> Stored<T> {
        if self.gone.load(Ordering::Relaxed) {
            return future::ready(Err(StoreError::Unavailable("gone".into()))).boxed();
        }
        future::ready(Ok(answer)).boxed()
    }
}

impl CallStore for Memory {
    fn open(&self, call: NewCall) -> Stored<Opened> {
        let record = CallRecord::ringing(call);
        self.calls.lock().unwrap().insert(record.sid, record.clone());
        self.answer(Opened { record, fresh: true })
    }
    fn claim(&self, _: CallSid, _: InstanceId, _: Timestamp) -> Stored<Claimed> {
        self.answer(Claimed::Ended)
    }
    fn append(&self, _: CallSid, _: Epoch, _: u64, _: Turn) -> Stored<Appended> {
        self.answer(Appended::Unknown)
    }
    fn settle(&self, sid: CallSid, epoch: Epoch, change: Change, at: Timestamp) -> Stored<Settled> {
        if self.gone.load(Ordering::Relaxed) {
            return self.answer(Settled::Unknown);
        }
        let (calls, slow) =
            (Arc::clone(&self.calls), std::mem::take(&mut *self.slow_once.lock().unwrap()));
        async move {
            if slow {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let mut calls = calls.lock().unwrap();
            let Some(record) = calls.get_mut(&sid) else { return Ok(Settled::Unknown) };
            if record.epoch != epoch {
                return Ok(Settled::Fenced);
            }
            record.apply(&change, at);
            Ok(Settled::Settled(Box::new(record.clone())))
        }
        .boxed()
    }
    fn restore(&self, _: CallRecord) -> Stored<Restored> {
        self.answer(Restored::Newer)
    }
    fn add_late(&self, _: CallSid, _: Vec<LateTurn>) -> Stored<bool> {
        self.answer(false)
    }
    fn remember(
        &self,
        _: CallSid,
        key: String,
        reply: String,
        _: Timestamp,
        _: Millis,
    ) -> Stored<String> {
        let stands = self.replies.lock().unwrap().entry(key).or_insert(reply).clone();
        self.answer(stands)
    }
    fn answered(&self, _: CallSid, _: String, _: Timestamp) -> Stored<Option<String>> {
        self.answer(None)
    }
    fn link(&self, _: Alias, _: CallSid) -> Stored<bool> {
        self.answer(true)
    }
    fn find(&self, key: Key) -> Stored<Option<CallRecord>> {
        let Key::Sid(sid) = key else { return self.answer(None) };
        let found = self.calls.lock().unwrap().get(&sid).cloned();
        self.answer(found)
    }
    fn live(&self) -> Stored<Vec<CallSummary>> {
        self.answer(Vec::new())
    }
    fn follow(&self, _: Option<Position>) -> Stored<Feed> {
        future::pending().boxed()
    }
    fn erase_caller(&self, _: String) -> Stored<usize> {
        self.answer(0)
    }
    fn erase(&self, _: CallSid) -> Stored<bool> {
        self.answer(false)
    }
    fn sweep(&self, _: Sweep) -> Stored<Swept> {
        self.answer(Swept::default())
    }
    fn flush(&self) -> Stored<()> {
        self.answer(())
    }
}

/// A queue whose call-backs go as planned.
#[derive(Default)]
struct Planned {
    bookings: RefCell<Vec<Result<String, DeskError>>>,
    found: Option<String>,
    booked: Cell<usize>,
    nobody: bool,
}

impl Desk for Planned {
    fn name(&self) -> &'static str {
        "planned"
    }
    fn hand_over(&self, case: &Case) -> Handover {
        if self.nobody {
            return Handover::TakeMessage;
        }
        let attributes = case.escalation.id.to_string();
        Handover::Queue { workflow: "WW1".into(), attributes, priority: 0, timeout_s: 60 }
    }
    fn book_call_back(&self, _: Case) -> LocalBoxFuture<'static, Result<String, DeskError>> {
        self.booked.set(self.booked.get() + 1);
        let next = self.bookings.borrow_mut().remove(0);
        async { next }.boxed_local()
    }
    fn find_call_back(
        &self,
        _: &Case,
    ) -> LocalBoxFuture<'static, Result<Option<String>, DeskError>> {
        let found = self.found.clone();
        async { Ok(found) }.boxed_local()
    }
}

fn sid() -> CallSid {
    "CA0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn call() -> NewCall {
    let (caller, called) = ("+12025550142".to_owned(), String::new());
    NewCall { sid: sid(), caller, called, greeting: None, at: NOW }
}

fn escalation(number: u32) -> Box<Escalation> {
    let id = EscalationId { call: sid(), number };
    Box::new(Escalation::new(id, Grounds::new(ReasonCode::Fraud, "x"), NOW))
}

/// The manager of a call, and what the store knows of it.
struct House {
    manager: actix::Addr<EscalationManager>,
    desk: Rc<Planned>,
    calls: Arc<Lock<HashMap<CallSid, CallRecord>>>,
}

impl House {
    fn new(store: Memory, desk: Planned) -> Self {
        let calls = Arc::clone(&store.calls);
        let (store, desk): (Arc<dyn CallStore>, _) = (Arc::new(store), Rc::new(desk));
        let registry = Arc::new(Keeper::new("registry", move || {
            Registry::new(Arc::clone(&store), Box::new(Vec::new), Box::new(|| NOW), 0).start()
        }));
        let now: Now = Rc::new(|| NOW + 1);
        let manager =
            EscalationManager::new(registry, Rc::clone(&desk) as Rc<dyn Desk>, now, Arc::default());
        Self { manager: manager.start(), desk, calls }
    }

    /// With a call that was opened.
    fn ringing(store: Memory, desk: Planned) -> Self {
        store.calls.lock().unwrap().insert(sid(), CallRecord::ringing(call()));
        Self::new(store, desk)
    }

    fn known(&self) -> Escalation {
        self.calls.lock().unwrap().get(&sid()).and_then(|call| call.escalation.clone()).unwrap()
    }

    async fn escalate(&self, epoch: Option<Epoch>) -> Result<(), EscalationError> {
        let order = Escalate { sid: sid(), epoch, escalation: escalation(1) };
        self.manager.send(order).await.unwrap()
    }

    async fn hand_over(&self) -> HandedOver {
        let grounds = Grounds::new(ReasonCode::Other, "as the note says");
        let order = HandOver { call: call(), wanted: Wanted { id: None, grounds } };
        self.manager.send(order).await.unwrap()
    }

    async fn book(&self, asking: &str) -> Result<Booked, EscalationError> {
        let asking = asking.to_owned();
        self.manager.send(BookCallBack { sid: sid(), asking }).await.unwrap()
    }
}

fn to(attributes: &str) -> HandedOver {
    let (workflow, attributes) = ("WW1".to_owned(), attributes.to_owned());
    HandedOver::To(Handover::Queue { workflow, attributes, priority: 0, timeout_s: 60 })
}

#[actix::test]
async fn an_escalation_is_recorded_when_it_is_answered_and_whoever_was_fenced_is_told() {
    let house = House::ringing(Memory::default(), Planned::default());
    assert_eq!(house.escalate(Some(Epoch(7))).await, Err(EscalationError::Fenced));
    assert_eq!(house.escalate(Some(Epoch(0))).await, Ok(()));
    assert_eq!(house.known().state, EscalationState::Requested);
    assert_eq!(house.known().grounds.code, ReasonCode::Fraud);
}

#[actix::test]
async fn a_withdrawal_never_overtakes_the_wish() {
    let memory = Memory { slow_once: Lock::new(true), ..Memory::default() };
    let house = House::ringing(memory, Planned::default());
    let wish = Escalate { sid: sid(), epoch: None, escalation: escalation(1) };
    let back = Advance { sid: sid(), id: escalation(1).id, step: Step::Withdrawn };
    let (wish, back) = future::join(house.manager.send(wish), house.manager.send(back)).await;
    assert_eq!((wish.unwrap(), back.unwrap()), (Ok(()), Ok(())));
    assert_eq!(house.known().state, EscalationState::Withdrawn);
}

#[actix::test]
async fn the_caller_goes_where_the_record_says_and_as_often_as_it_is_asked() {
    let house = House::ringing(Memory::default(), Planned::default());
    house.escalate(None).await.unwrap();
    let first = format!("{}.e1", sid());
    for _ in 0..3 {
        assert_eq!(house.hand_over().await, to(&first));
        assert_eq!(house.known().state, EscalationState::HandedOff);
    }
    assert_eq!(house.known().grounds.reason, "x", "the record knows better than the note");
}

#[actix::test]
async fn a_call_that_nobody_knows_and_a_store_that_is_gone_keep_nobody_from_a_person() {
    let first = format!("{}.e1", sid());
    let house = House::new(Memory::default(), Planned::default());
    assert_eq!(house.hand_over().await, to(&first));
    assert_eq!(house.known().grounds.reason, "as the note says");
    let house =
        House::new(Memory { gone: Arc::new(true.into()), ..Memory::default() }, Planned::default());
    assert_eq!(house.hand_over().await, to(&first));
}

#[actix::test]
async fn where_nobody_takes_calls_or_the_wish_is_over_the_caller_goes_back() {
    let house = House::ringing(Memory::default(), Planned { nobody: true, ..Planned::default() });
    let HandedOver::Back(record) = house.hand_over().await else { panic!("to a person") };
    assert_eq!(record.escalation.and_then(|it| it.unreached), Some(Unreached::NoDesk));
    assert_eq!(house.known().unreached, Some(Unreached::NoDesk));
    let house = House::ringing(Memory::default(), Planned::default());
    house.escalate(None).await.unwrap();
    let id = escalation(1).id;
    let back = Advance { sid: sid(), id, step: Step::Withdrawn };
    house.manager.send(back).await.unwrap().unwrap();
    let wanted = Wanted { id: Some(id), grounds: Grounds::new(ReasonCode::Other, "late") };
    let late = house.manager.send(HandOver { call: call(), wanted }).await.unwrap();
    assert!(matches!(late, HandedOver::Back(_)), "{late:?}");
}

#[actix::test]
async fn a_creation_of_which_nothing_is_known_is_looked_for_before_another() {
    let unknown = || Err(DeskError::Unknown("cut".into()));
    let desk = Planned {
        bookings: vec![unknown()].into(),
        found: Some("WT9".into()),
        ..Planned::default()
    };
    let house = House::ringing(Memory::default(), desk);
    house.escalate(None).await.unwrap();
    assert_eq!(house.book("10").await, Ok(Booked::Booked));
    assert_eq!(house.book("20").await, Ok(Booked::Booked));
    assert_eq!((house.desk.booked.get(), house.known().is_promised()), (1, true));
    let bookings = vec![unknown(), Ok("WT8".to_owned())].into();
    let house = House::ringing(Memory::default(), Planned { bookings, ..Planned::default() });
    house.escalate(None).await.unwrap();
    assert!(matches!(house.book("10").await, Err(EscalationError::Desk(_))));
    assert!(matches!(house.book("10").await, Err(EscalationError::Desk(_))), "the same key press");
    assert_eq!(house.desk.booked.get(), 1);
    assert_eq!(
        house.book("20").await,
        Ok(Booked::Booked),
        "it was not there, and may be tried again"
    );
    assert_eq!(house.desk.booked.get(), 2);
}

#[actix::test]
async fn a_desk_without_call_backs_keeps_the_message_with_the_call() {
    let bookings = vec![Err(DeskError::NoCallBacks)].into();
    let house = House::ringing(Memory::default(), Planned { bookings, ..Planned::default() });
    house.escalate(None).await.unwrap();
    let step = Step::MessageLeft { text: "Call me.".into() };
    let left = Advance { sid: sid(), id: escalation(1).id, step };
    assert_eq!(house.manager.send(left).await.unwrap(), Ok(()));
    assert_eq!(house.known().message.as_deref(), Some("Call me."));
}

#[actix::test]
async fn a_message_that_could_not_be_passed_on_is_tried_again() {
    let bookings = vec![Err(DeskError::Failed("503".into())), Ok("WT7".to_owned())].into();
    let house = House::ringing(Memory::default(), Planned { bookings, ..Planned::default() });
    house.escalate(None).await.unwrap();
    tokio::time::pause();
    let step = Step::MessageLeft { text: "Call me.".into() };
    let left = Advance { sid: sid(), id: escalation(1).id, step };
    assert_eq!(house.manager.send(left).await.unwrap(), Ok(()));
    assert_eq!((house.desk.booked.get(), house.known().is_promised()), (1, false));
    tokio::time::sleep(MESSAGE_PAUSES[0] + Duration::from_millis(1)).await;
    assert_eq!((house.desk.booked.get(), house.known().is_promised()), (2, true));
}

#[actix::test]
async fn what_a_dead_engine_has_asked_for_is_looked_for() {
    for found in [None, Some("WT9".to_owned())] {
        let expected = found.is_some();
        let bookings = vec![Ok("WT8".to_owned())].into();
        let memory = Memory::default();
        memory
            .replies
            .lock()
            .unwrap()
            .insert(format!("call-back:{}:0", escalation(1).id), "it".into());
        let house = House::ringing(memory, Planned { bookings, found, ..Planned::default() });
        house.escalate(None).await.unwrap();
        tokio::time::pause();
        assert_eq!(house.book("10").await.is_ok(), expected);
        assert_eq!((house.desk.booked.get(), house.known().is_promised()), (0, expected));
        assert_eq!(
            house.book("20").await,
            Ok(Booked::Booked),
            "it is tried, where it was not there"
        );
        assert_eq!(house.desk.booked.get(), usize::from(!expected));
        tokio::time::resume();
    }
}
