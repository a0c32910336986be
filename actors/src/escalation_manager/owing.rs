//! What could not be recorded: it is, in its order, when the store is back.
//!
//! Twilio tells each step once, to any engine, and one that does not hold the call has nowhere to write
//! while the store is away. What is owed is in memory: it goes with its engine.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{EscalationManager, messages::EscalationError};
use crate::{
    domain::{
        escalation::{Escalation, Step},
        ids::{CallSid, EscalationId},
        record::CallRecord,
        time::Timestamp,
    },
    registry::store::{Key, StoreError},
};

/// How often the store is looked for.
const AGAIN: Duration = Duration::from_secs(1);

/// How often at most: for a quarter of an hour.
const LOOKS: usize = 900;

/// The owner of the call brings back first what it has kept of it meanwhile.
const OWNER_FIRST: Duration = Duration::from_secs(3);

/// Steps of one call that are owed at most: no caller takes so many.
const OWED_MAX: usize = 64;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Begun(Box<Escalation>),
    /// Of that escalation; none: of the call's last one.
    Step(Option<EscalationId>, Step),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Owed {
    deed: Deed,
    at: Timestamp,
}

/// What is owed of one call.
#[derive(Debug, Default)]
struct List {
    /// Oldest first; never empty.
    owed: VecDeque<Owed>,
    /// The store was away, and not late just once: the owner has kept something as well.
    is_long: bool,
}

/// What is owed, by call.
#[derive(Debug, Default)]
pub(super) struct Owing(RefCell<HashMap<CallSid, List>>);

impl Owing {
    fn has(&self, sid: CallSid) -> bool {
        self.0.borrow().contains_key(&sid)
    }

    fn is_long(&self, sid: CallSid) -> bool {
        self.0.borrow().get(&sid).is_some_and(|list| list.is_long)
    }

    fn lasts(&self, sid: CallSid) {
        if let Some(list) = self.0.borrow_mut().get_mut(&sid) {
            list.is_long = true;
        }
    }

    /// Whether it is the first of its call.
    fn put(&self, sid: CallSid, owed: Owed) -> bool {
        let mut all = self.0.borrow_mut();
        let of_call = &mut all.entry(sid).or_default().owed;
        // A caller who waits is told of every few seconds.
        let is_news = of_call.back().is_none_or(|last| last.deed != owed.deed);
        if is_news && of_call.len() < OWED_MAX {
            of_call.push_back(owed);
        }
        of_call.len() == 1 && is_news
    }

    fn first(&self, sid: CallSid) -> Option<Owed> {
        self.0.borrow().get(&sid)?.owed.front().cloned()
    }

    /// It is recorded, maybe by two at once.
    fn strike_first(&self, sid: CallSid, paid: &Owed) {
        let mut all = self.0.borrow_mut();
        if let Some(list) = all.get_mut(&sid).filter(|list| list.owed.front() == Some(paid)) {
            list.owed.pop_front();
            if list.owed.is_empty() {
                all.remove(&sid);
            }
        }
    }

    fn strike(&self, sid: CallSid) -> usize {
        self.0.borrow_mut().remove(&sid).map_or(0, |list| list.owed.len())
    }
}

fn is_away<T>(done: &Result<T, EscalationError>) -> bool {
    matches!(done, Err(EscalationError::Store(StoreError::Unavailable(_))))
}

fn later() -> EscalationError {
    let why = "it is recorded when the store is back".to_owned();
    EscalationError::Store(StoreError::Unavailable(why))
}

impl EscalationManager {
    /// Records an escalation that a webhook begins, now or when the store is back.
    pub(super) async fn begin(
        &self,
        sid: CallSid,
        escalation: Box<Escalation>,
    ) -> Result<(), EscalationError> {
        let at = escalation.at;
        if self.owes_nothing(sid).await {
            let done = self.records.begin(sid, None, escalation.clone()).await;
            if !is_away(&done) {
                return done;
            }
        }
        self.owe(sid, Owed { deed: Deed::Begun(escalation), at })
    }

    /// Records a step of that escalation, or of the call's last one, now or when the store is back; the
    /// call as it stands then.
    pub(super) async fn step(
        &self,
        sid: CallSid,
        id: Option<EscalationId>,
        step: Step,
    ) -> Result<Option<CallRecord>, EscalationError> {
        let at = (self.now)();
        if self.owes_nothing(sid).await {
            let done = self.step_at(sid, id, step.clone(), at).await;
            if !is_away(&done) {
                return done;
            }
        }
        self.owe(sid, Owed { deed: Deed::Step(id, step), at })
    }

    /// Whether there is nothing to be recorded before what is told now.
    async fn owes_nothing(&self, sid: CallSid) -> bool {
        !self.owing.has(sid) || (!self.owing.is_long(sid) && self.pay_all(sid).await)
    }

    async fn step_at(
        &self,
        sid: CallSid,
        id: Option<EscalationId>,
        step: Step,
        at: Timestamp,
    ) -> Result<Option<CallRecord>, EscalationError> {
        let id = match id {
            Some(id) => id,
            None => {
                let record = self.records.find(Key::Sid(sid)).await?;
                let last = record.as_ref().and_then(|record| record.escalation.as_ref());
                match last.filter(|last| last.at <= at) {
                    Some(escalation) => escalation.id,
                    None => return Ok(record),
                }
            }
        };
        self.records.step(sid, id, step, at).await
    }

    /// Notes it for later, which is an error for who wanted it now.
    fn owe<T>(&self, sid: CallSid, owed: Owed) -> Result<T, EscalationError> {
        if self.owing.put(sid, owed) {
            actix::spawn(self.clone().pay(sid));
        }
        Err(later())
    }

    async fn pay(self, sid: CallSid) {
        for _ in 0..LOOKS {
            tokio::time::sleep(AGAIN).await;
            let found = self.records.find(Key::Sid(sid)).await;
            if is_away(&found) {
                self.owing.lasts(sid);
                continue;
            }
            if self.owing.is_long(sid) {
                tokio::time::sleep(OWNER_FIRST).await;
            }
            let _lane = self.lane(sid).await;
            if self.pay_all(sid).await {
                return;
            }
        }
        let steps = self.owing.strike(sid);
        tracing::error!(call.sid = %sid, steps, "steps of an escalation are lost");
    }

    /// False when the store is away again.
    async fn pay_all(&self, sid: CallSid) -> bool {
        while let Some(owed) = self.owing.first(sid) {
            let Owed { deed, at } = owed.clone();
            let message = matches!(deed, Deed::Step(_, Step::MessageLeft { .. }));
            let paid = match deed {
                Deed::Begun(escalation) => {
                    self.records.begin(sid, None, escalation).await.map(|()| None)
                }
                Deed::Step(id, step) => self.step_at(sid, id, step, at).await,
            };
            if is_away(&paid) {
                return false;
            }
            self.owing.strike_first(sid, &owed);
            match paid {
                Ok(Some(_)) if message => drop(actix::spawn(self.clone().insist(sid))),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(call.sid = %sid, %error, "a step of an escalation is lost");
                }
            }
        }
        true
    }
}
