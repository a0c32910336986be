//! Where each operation goes: to Redis, as long as that answers in time, else to the journal.

use std::sync::Arc;

use switchhook_actors::{
    domain::{
        ids::{Alias, CallSid, Epoch, InstanceId},
        record::{CallRecord, Change, NewCall},
        time::Timestamp,
        transcript::Turn,
    },
    registry::store::{Appended, CallStore, Claimed, Key, Opened, Restored, Settled, StoreError},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    ASK, ASK_AGAIN, FOR_WORDS, Inner, LOOK_AGAIN,
    held::{Held, Where},
};
use crate::stores::redis::Redis;

/// How long a claim may take.
#[derive(Clone, Copy)]
struct Patience {
    /// Until then where this engine knows what was said, or nobody does.
    by: Instant,
    /// Until then where another engine knows it.
    for_words: Instant,
}

impl Inner {
    /// A call that this engine has stays as it is, however often Twilio repeats its webhook.
    pub(super) async fn open(&self, call: NewCall, by: Instant) -> Result<Opened, StoreError> {
        let held = self.calls.get(call.sid).filter(|held| held.is_kept());
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.ask(by, |redis| redis.open(call.clone())).await {
                Ok(opened) => return Ok(opened),
                Err(error @ StoreError::Unreadable(_)) => return Err(error),
                Err(_) => {}
            }
        }
        if let Some(held) = held {
            return Ok(Opened { record: held.copy(), fresh: false });
        }
        let sid = call.sid;
        let written = self.journal.written(sid).await?;
        let opened = self.journal.open(call).await?;
        self.calls.hold_here(opened.record.clone(), None, written);
        self.work.notify_one();
        tracing::warn!(call.sid = %sid, "a call is opened in the journal");
        Ok(opened)
    }

    pub(super) async fn claim(
        &self,
        sid: CallSid,
        engine: InstanceId,
        at: Timestamp,
        by: Instant,
    ) -> Result<Claimed, StoreError> {
        let patience = Patience { by, for_words: Instant::now() + FOR_WORDS };
        if let Some(held) = self.outranked(sid) {
            self.give_back(&held, patience.for_words).await;
        }
        let outranked = self.outranked(sid);
        let held = self.calls.get(sid).filter(|held| held.is_kept());
        let is_newest = held.is_some() && outranked.is_none();
        let known = if is_newest { None } else { self.known(sid) };
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.claim_there(sid, &engine, at, patience, known.as_ref()).await? {
                Some(Claimed::Yours(record)) => {
                    self.calls.hold((*record).clone());
                    return Ok(Claimed::Yours(record));
                }
                Some(Claimed::Ended) => return Ok(Claimed::Ended),
                None => {}
            }
        }
        let before = held.filter(|held| is_newest || held.is_journaled());
        self.claim_here(sid, engine, at, before, known).await
    }

    /// Claims the call in the journal: Redis cannot be reached. `before` is as this engine has held it,
    /// and `known` what it has heard of a newer owner.
    async fn claim_here(
        &self,
        sid: CallSid,
        engine: InstanceId,
        at: Timestamp,
        before: Option<Arc<Held>>,
        known: Option<CallRecord>,
    ) -> Result<Claimed, StoreError> {
        let words_missing = known.is_some();
        let mut written = Vec::new();
        match &before {
            None => {
                written = self.journal.written(sid).await?;
                if let Some(known) = known {
                    self.journal.restore(CallRecord { next_seq: 1, ..known }).await?;
                }
            }
            Some(held) if held.is_journaled() => {}
            Some(held) => drop(self.journal.restore(held.copy_for_redis()).await?),
        }
        let mut claimed = self.journal.claim(sid, engine, at).await?;
        if let Claimed::Yours(record) = &mut claimed {
            record.words_missing = words_missing;
            if before.is_none() && !words_missing && record.wants_greeting() {
                // Another engine may have opened it, and Twilio have greeted: two greetings would be worse
                // than none.
                record.greeting = Some(String::new());
            }
            self.calls.hold_here((**record).clone(), before.as_deref(), written);
            self.work.notify_one();
            tracing::warn!(call.sid = %sid, "a call is claimed in the journal");
        }
        Ok(claimed)
    }

    /// As this engine holds the call, if it has heard that another one has claimed it since.
    fn outranked(&self, sid: CallSid) -> Option<Arc<Held>> {
        let held = self.calls.get(sid).filter(|held| held.is_kept())?;
        let known = self.redis.known(sid)?;
        let is_newer = known.epoch > held.epoch_in_redis() && known.instance != held.instance();
        is_newer.then_some(held)
    }

    /// What the journal has of a call that another engine has claimed since goes beside the transcript
    /// before the call is claimed again.
    async fn give_back(&self, held: &Held, until: Instant) {
        while held.is_journaled() && Instant::now() < until {
            let there = self.ask(Instant::now() + ASK, Redis::probe).await;
            if there.is_err() || self.bring_back(held).await.is_err() {
                sleep(ASK_AGAIN).await;
            }
        }
    }

    /// A call that a session has held before, on another engine: its caller is better served a moment
    /// later by who knows what was said.
    fn known(&self, sid: CallSid) -> Option<CallRecord> {
        self.redis.known(sid).filter(|record| record.epoch > Epoch(0))
    }

    /// None where Redis cannot be reached in time.
    async fn claim_there(
        &self,
        sid: CallSid,
        engine: &InstanceId,
        at: Timestamp,
        patience: Patience,
        known: Option<&CallRecord>,
    ) -> Result<Option<Claimed>, StoreError> {
        let Patience { mut by, for_words } = patience;
        loop {
            match self.ask(by, |redis| redis.claim(sid, engine.clone(), at)).await {
                Ok(claimed) => return Ok(Some(claimed)),
                Err(error @ StoreError::Unreadable(_)) => return Err(error),
                Err(_) => {}
            }
            let Some(known) = known.filter(|_| Instant::now() < for_words) else { return Ok(None) };
            sleep(ASK_AGAIN).await;
            // The caller may have gone there since: only the session knows whether its line stands.
            let newer =
                |now: &CallRecord| now.epoch > known.epoch && now.instance.as_ref() != Some(engine);
            if self.known(sid).is_some_and(|now| newer(&now)) {
                let why = "another engine has claimed the call meanwhile";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
            by = Instant::now() + ASK;
        }
    }

    /// An engine that has just started knows of no call before it has looked: it looks first.
    pub(super) async fn begun(&self) {
        let looked = async {
            while !self.redis.has_looked() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let _ = timeout(FOR_WORDS, looked).await;
    }

    pub(super) async fn append(
        &self,
        sid: CallSid,
        epoch: Epoch,
        seq: u64,
        turn: Turn,
        by: Instant,
    ) -> Result<Appended, StoreError> {
        let Some(held) = self.calls.get(sid).filter(|held| held.is_of(epoch)) else {
            return self.ask(by, |redis| redis.append(sid, epoch, seq, turn)).await;
        };
        match held.whereabouts() {
            Where::Lost => return Ok(Appended::Fenced),
            Where::Erased => return Ok(Appended::Unknown),
            Where::Journal => return self.journal(&held, seq, turn).await,
            Where::Redis => {}
        }
        let there = held.in_redis(seq, &turn);
        let (epoch, at, sent) = (there.epoch, there.seq, there.turn);
        let answer = self.ask(by, |redis| redis.append(sid, epoch, at, sent.clone())).await;
        match answer {
            Ok(Appended::Appended | Appended::Duplicate) => {
                held.appended(seq, turn);
                answer
            }
            Ok(refused) if held.counts(seq) => {
                if self.bring_up(&held, refused).await? {
                    let answer = self.ask(by, |redis| redis.append(sid, epoch, at, sent)).await;
                    if matches!(answer, Ok(Appended::Appended | Appended::Duplicate)) {
                        held.appended(seq, turn);
                        return answer;
                    }
                    return self.journal_from(&held, seq, turn).await;
                }
                match held.whereabouts() {
                    Where::Lost => Ok(Appended::Fenced),
                    Where::Erased => Ok(Appended::Unknown),
                    Where::Redis | Where::Journal => self.journal_from(&held, seq, turn).await,
                }
            }
            Ok(refused) => Ok(refused),
            Err(error @ StoreError::Unreadable(_)) => Err(error),
            Err(_) => self.journal_from(&held, seq, turn).await,
        }
    }

    /// Redis refuses what the owner knows to be right: it has lost something, or another engine has
    /// taken the call. Whether it has all now.
    async fn bring_up(&self, held: &Held, refused: Appended) -> Result<bool, StoreError> {
        tracing::warn!(call.sid = %held.sid(), ?refused, "Redis knows less of a call than its owner");
        match self.ask(Instant::now() + ASK, |redis| redis.restore(held.copy_for_redis())).await {
            Ok(Restored::Restored) | Err(StoreError::NotDurable) => Ok(true),
            Ok(Restored::Newer) => {
                held.lose();
                Ok(false)
            }
            Ok(Restored::Erased) => {
                held.erase();
                Ok(false)
            }
            Err(StoreError::Unavailable(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The first turn that goes into the journal takes all before it along.
    async fn journal_from(
        &self,
        held: &Held,
        seq: u64,
        turn: Turn,
    ) -> Result<Appended, StoreError> {
        self.begin_journal(held).await?;
        self.journal(held, seq, turn).await
    }

    async fn begin_journal(&self, held: &Held) -> Result<(), StoreError> {
        self.journal.restore(held.copy()).await?;
        held.shelter();
        self.work.notify_one();
        tracing::warn!(call.sid = %held.sid(), "a call is kept in the journal");
        Ok(())
    }

    async fn journal(&self, held: &Held, seq: u64, turn: Turn) -> Result<Appended, StoreError> {
        let answer = self.journal.append(held.sid(), held.epoch(), seq, turn.clone()).await?;
        if matches!(answer, Appended::Appended | Appended::Duplicate) {
            held.journaled(seq, turn);
            self.work.notify_one();
        }
        Ok(answer)
    }

    pub(super) async fn settle(
        &self,
        sid: CallSid,
        epoch: Epoch,
        change: Change,
        at: Timestamp,
        by: Instant,
    ) -> Result<Settled, StoreError> {
        // A webhook speaks in the name of the newest epoch that it has found.
        let Some(held) = self.calls.get(sid).filter(|held| held.is_of_any(epoch)) else {
            return self.ask(by, |redis| redis.settle(sid, epoch, change, at)).await;
        };
        match held.whereabouts() {
            Where::Lost => return Ok(Settled::Fenced),
            Where::Erased => return Ok(Settled::Unknown),
            Where::Journal => return self.settle_here(&held, change, at).await,
            Where::Redis => {}
        }
        let there = held.epoch_in_redis();
        let answer = self.ask(by, |redis| redis.settle(sid, there, change.clone(), at)).await;
        match answer {
            Ok(Settled::Settled(record)) => {
                held.settled(&record);
                Ok(Settled::Settled(record))
            }
            Ok(refused @ (Settled::Fenced | Settled::Unknown)) => {
                let refused_turn = match refused {
                    Settled::Fenced => Appended::Fenced,
                    _ => Appended::Unknown,
                };
                if self.bring_up(&held, refused_turn).await? {
                    let again = |redis: &Redis| redis.settle(sid, there, change.clone(), at);
                    if let Ok(Settled::Settled(record)) = self.ask(by, again).await {
                        held.settled(&record);
                        return Ok(Settled::Settled(record));
                    }
                }
                match held.whereabouts() {
                    Where::Redis => self.settle_from(&held, change, at).await,
                    _ => Ok(refused),
                }
            }
            Err(error @ StoreError::Unreadable(_)) => Err(error),
            Err(_) => self.settle_from(&held, change, at).await,
        }
    }

    /// A change that is the first to go into the journal takes all before it along.
    async fn settle_from(
        &self,
        held: &Held,
        change: Change,
        at: Timestamp,
    ) -> Result<Settled, StoreError> {
        self.begin_journal(held).await?;
        self.settle_here(held, change, at).await
    }

    async fn settle_here(
        &self,
        held: &Held,
        change: Change,
        at: Timestamp,
    ) -> Result<Settled, StoreError> {
        let answer = self.journal.settle(held.sid(), held.epoch(), change.clone(), at).await?;
        if let Settled::Settled(record) = &answer {
            held.changed(record, change, at);
            self.work.notify_one();
        }
        Ok(answer)
    }

    pub(super) async fn find(
        &self,
        key: Key,
        by: Instant,
    ) -> Result<Option<CallRecord>, StoreError> {
        // It may be on its way back to Redis just now.
        if let Key::Sid(sid) = &key
            && self.calls.get(*sid).is_some_and(|held| held.is_journaled())
            && let Some(record) = self.journal.find(key.clone()).await?
        {
            return Ok(Some(record));
        }
        match self.ask(by, |redis| redis.find(key.clone())).await {
            Err(StoreError::Unavailable(why)) => match &key {
                Key::Sid(sid) => match self.calls.get(*sid) {
                    Some(held) if held.whereabouts() == Where::Erased => Ok(None),
                    // What its owner knows is the newest there is.
                    Some(held) if held.is_kept() => Ok(Some(held.copy())),
                    Some(_) | None => Err(StoreError::Unavailable(why)),
                },
                Key::Alias(_) => {
                    let here = self.journal.find(key).await?;
                    here.map(Some).ok_or(StoreError::Unavailable(why))
                }
            },
            answer => answer,
        }
    }

    pub(super) async fn link(
        &self,
        alias: Alias,
        sid: CallSid,
        by: Instant,
    ) -> Result<bool, StoreError> {
        let held = self.calls.get(sid).filter(|held| held.is_kept());
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.ask(by, |redis| redis.link(alias.clone(), sid)).await {
                Err(StoreError::Unavailable(_)) if held.is_some() => {}
                answer => return answer,
            }
        }
        let Some(held) = held else { return Ok(false) };
        if !held.is_journaled() {
            self.begin_journal(&held).await?;
        }
        held.linked(alias.clone());
        self.journal.link(alias, sid).await
    }
}
