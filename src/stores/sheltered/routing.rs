//! Where each operation goes: to Redis, as long as that answers in time, else to the journal.

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

impl Inner {
    pub(super) async fn open(&self, call: NewCall, by: Instant) -> Result<Opened, StoreError> {
        let held = self.calls.get(call.sid);
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.ask(by, |redis| redis.open(call.clone())).await {
                Ok(opened) => return Ok(opened),
                Err(error @ StoreError::Unreadable(_)) => return Err(error),
                Err(_) => {}
            }
        }
        let sid = call.sid;
        let opened = self.journal.open(call).await?;
        let held = self.calls.hold(opened.record.clone());
        held.shelter(true);
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
        let held = self.calls.get(sid);
        let known = if held.is_none() { self.known(sid) } else { None };
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.claim_there(sid, &engine, at, by, known.as_ref()).await {
                Ok(Some(Claimed::Yours(record))) => {
                    self.calls.hold((*record).clone());
                    return Ok(Claimed::Yours(record));
                }
                Ok(Some(Claimed::Ended)) => return Ok(Claimed::Ended),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        let words_missing = known.is_some();
        let born_here = match &held {
            None => {
                if let Some(known) = known {
                    self.journal.restore(CallRecord { next_seq: 1, ..known }).await?;
                }
                true
            }
            Some(held) if held.is_journaled() => held.is_born_here(),
            Some(held) => {
                self.journal.restore(held.copy()).await?;
                false
            }
        };
        let mut claimed = self.journal.claim(sid, engine, at).await?;
        if let Claimed::Yours(record) = &mut claimed {
            record.words_missing = words_missing;
            self.calls.hold((**record).clone()).shelter(born_here);
            self.work.notify_one();
            tracing::warn!(call.sid = %sid, "a call is claimed in the journal");
        }
        Ok(claimed)
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
        by: Instant,
        known: Option<&CallRecord>,
    ) -> Result<Option<Claimed>, StoreError> {
        let worth_it = Instant::now() + FOR_WORDS;
        let mut by = by;
        loop {
            match self.ask(by, |redis| redis.claim(sid, engine.clone(), at)).await {
                Ok(claimed) => return Ok(Some(claimed)),
                Err(error @ StoreError::Unreadable(_)) => return Err(error),
                Err(_) => {}
            }
            let Some(known) = known.filter(|_| Instant::now() < worth_it) else { return Ok(None) };
            sleep(ASK_AGAIN).await;
            // The caller may have gone there since: only the session knows whether its line stands.
            if self.known(sid).is_some_and(|now| now.epoch > known.epoch) {
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
        held.shelter(false);
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
                    return self.ask(by, |redis| redis.settle(sid, there, change, at)).await;
                }
                match held.whereabouts() {
                    Where::Redis => {
                        self.begin_journal(&held).await?;
                        self.settle_here(&held, change, at).await
                    }
                    _ => Ok(refused),
                }
            }
            Err(error @ StoreError::Unreadable(_)) => Err(error),
            Err(_) => {
                self.begin_journal(&held).await?;
                self.settle_here(&held, change, at).await
            }
        }
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
        if let Key::Sid(sid) = &key
            && let Some(held) = self.calls.get(*sid).filter(|held| held.is_journaled())
        {
            return self.journal.find(Key::Sid(held.sid())).await;
        }
        match self.ask(by, |redis| redis.find(key.clone())).await {
            Err(StoreError::Unavailable(why)) => match &key {
                // What its owner knows is the newest there is.
                Key::Sid(sid) => match self.calls.get(*sid) {
                    Some(held) => Ok(Some(held.copy())),
                    None => Err(StoreError::Unavailable(why)),
                },
                Key::Alias(_) => match self.journal.find(key).await? {
                    Some(record) => Ok(Some(record)),
                    None => Err(StoreError::Unavailable(why)),
                },
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
        let held = self.calls.get(sid);
        if held.as_ref().is_none_or(|held| !held.is_journaled()) {
            match self.ask(by, |redis| redis.link(alias.clone(), sid)).await {
                Err(StoreError::Unavailable(why)) if held.is_none() => {
                    return Err(StoreError::Unavailable(why));
                }
                Err(StoreError::Unavailable(_)) => {}
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
