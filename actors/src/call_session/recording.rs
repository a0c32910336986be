//! The session and the registry: turns and changes, made durable one after the other.

use std::{collections::VecDeque, time::Duration};

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::CallSession;
use crate::{
    domain::{
        conversation::{Input, Observation},
        ids::{Epoch, TurnId},
        record::Change,
        time::Timestamp,
        transcript::{Role, Turn},
    },
    registry::{
        messages::{Append, Settle},
        store::{Appended, Settled},
    },
};

use super::observed;

/// How long one write may take before it is tried again, ms. The store's own queue is bounded, so
/// a healthy one answers in a few.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Pause before a failed write is tried again.
const WRITE_AGAIN: Duration = Duration::from_millis(500);

/// How long a finished session keeps trying to store its last words.
const FINISH_PATIENCE: Duration = Duration::from_secs(30);

/// What waits to be durable. One write is under way at a time: a later sequence number never
/// overtakes an earlier one.
#[derive(Default)]
pub(super) struct Outbox {
    /// As whom the session writes; None while it has no claim, or has lost it.
    owner: Option<Owner>,
    /// Until when the claim is waited for.
    claim_by: Option<Timestamp>,
    waiting: VecDeque<Entry>,
    /// Whether the first of `waiting` is under way.
    writing: bool,
    /// Whether the first of `waiting` was sent, and may be stored: then it stays as it is, since a
    /// repetition under the same number would be taken for the old version.
    sent: bool,
    /// The session stops when nothing waits.
    finishing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    epoch: Epoch,
    next_seq: u64,
}

#[derive(Debug, Clone)]
enum Entry {
    Turn(Turn),
    Change(Change, Timestamp),
}

/// How a write ended.
enum Written {
    /// Durable now, or not wanted any more.
    Done,
    /// A higher epoch owns the call.
    Fenced,
    /// The store counts differently: this is the sequence number it waits for.
    Expected(u64),
    /// To be tried again.
    Failed(String),
}

impl Outbox {
    /// Until when the claim is waited for: fixed by the first to ask.
    pub(super) fn claim_by(&mut self, latest: Timestamp) -> Timestamp {
        *self.claim_by.get_or_insert(latest)
    }

    /// The call is ours.
    pub(super) fn own(&mut self, epoch: Epoch, next_seq: u64) {
        self.owner = Some(Owner { epoch, next_seq });
    }

    /// Queues a turn. A version of it that waits already is not worth writing any more.
    fn put_turn(&mut self, turn: Turn) {
        let under_way = usize::from(self.sent);
        let same = |entry: &&mut Entry| matches!(entry, Entry::Turn(known) if (known.id, known.role) == (turn.id, turn.role));
        match self.waiting.iter_mut().skip(under_way).find(same) {
            Some(entry) => *entry = Entry::Turn(turn),
            None => self.waiting.push_back(Entry::Turn(turn)),
        }
    }
}

impl CallSession {
    pub(super) fn append(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        self.outbox.put_turn(turn);
        self.write(ctx);
    }

    pub(super) fn settle(&mut self, change: Change, ctx: &mut Context<Self>) {
        if let Change::Ended { status } = &change {
            tracing::info!(?status, "the call is over");
            observed::ended(*status, self.clock.now().since(self.begun_at));
        }
        self.outbox.waiting.push_back(Entry::Change(change, self.clock.now()));
        self.write(ctx);
    }

    /// The session stops as soon as its last words are stored.
    pub(super) fn finish(&mut self, ctx: &mut Context<Self>) {
        self.outbox.finishing = true;
        if self.outbox.waiting.is_empty() {
            return ctx.stop();
        }
        ctx.run_later(FINISH_PATIENCE, |this, ctx| {
            let _in = this.span.clone().entered();
            let lost = this.outbox.waiting.len();
            tracing::error!(lost, "the end of the call could not be stored");
            ctx.stop();
        });
    }

    /// Writes the first entry that waits, if none is under way.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.outbox.writing {
            return;
        }
        let Some(Owner { epoch, next_seq: seq }) = self.outbox.owner else {
            return self.write_off(ctx);
        };
        let Some(entry) = self.outbox.waiting.front().cloned() else { return };
        self.outbox.writing = true;
        self.outbox.sent = true;
        let (sid, registry) = (self.sid, &self.peers.registry);
        match entry {
            Entry::Turn(turn) => {
                let append = registry.send(Append { sid, epoch, seq, turn });
                let written = async move {
                    match append.timeout(WRITE_PATIENCE).await {
                        Ok(Ok(answer)) => appended(answer),
                        Ok(Err(error)) => Written::Failed(error.to_string()),
                        Err(error) => Written::Failed(error.to_string()),
                    }
                };
                ctx.spawn(
                    written.into_actor(self).map(|written, this, ctx| this.written(written, ctx)),
                );
            }
            Entry::Change(change, at) => {
                let settle = registry.send(Settle { sid, epoch, change, at });
                let written = async move {
                    match settle.timeout(WRITE_PATIENCE).await {
                        Ok(Ok(Settled::Settled(_) | Settled::Unknown)) => Written::Done,
                        Ok(Ok(Settled::Fenced)) => Written::Fenced,
                        Ok(Err(error)) => Written::Failed(error.to_string()),
                        Err(error) => Written::Failed(error.to_string()),
                    }
                };
                ctx.spawn(
                    written.into_actor(self).map(|written, this, ctx| this.written(written, ctx)),
                );
            }
        }
    }

    fn written(&mut self, written: Written, ctx: &mut Context<Self>) {
        let _in = self.span.clone().entered();
        self.outbox.writing = false;
        match written {
            Written::Done => self.entry_done(ctx),
            Written::Fenced => {
                tracing::warn!("another engine owns the call now: this session falls silent");
                self.outbox.owner = None;
                self.outbox.waiting.clear();
                self.happen(Input::Fenced, ctx);
            }
            Written::Expected(seq) => {
                tracing::warn!(seq, "the store counts the turns differently; its count is taken");
                if let Some(owner) = &mut self.outbox.owner {
                    owner.next_seq = seq;
                }
                self.write(ctx);
            }
            Written::Failed(cause) => {
                tracing::warn!("a write failed and is tried again: {cause}");
                ctx.run_later(WRITE_AGAIN, |this, ctx| this.write(ctx));
            }
        }
    }

    fn entry_done(&mut self, ctx: &mut Context<Self>) {
        self.outbox.sent = false;
        if let Some(Entry::Turn(turn)) = self.outbox.waiting.pop_front() {
            if let Some(owner) = &mut self.outbox.owner {
                owner.next_seq += 1;
            }
            if turn.role == Role::Customer {
                self.saved(turn.id, ctx);
            }
        }
        self.write(ctx);
        if self.outbox.finishing && self.outbox.waiting.is_empty() {
            ctx.stop();
        }
    }

    /// Nothing of this call can be stored: it is held all the same, and counted.
    fn write_off(&mut self, ctx: &mut Context<Self>) {
        for entry in std::mem::take(&mut self.outbox.waiting) {
            observed::count(Observation::Unsaved);
            if let Entry::Turn(Turn { id, role: Role::Customer, .. }) = entry {
                self.saved(id, ctx);
            }
        }
        if self.outbox.finishing {
            ctx.stop();
        }
    }

    /// Not at once: the conversation is in the middle of a step when it asks for a write.
    fn saved(&mut self, turn: TurnId, ctx: &mut Context<Self>) {
        ctx.spawn(async move {}.into_actor(self).map(move |(), this, ctx| {
            let _in = this.span.clone().entered();
            this.happen(Input::Saved(turn), ctx);
        }));
    }
}

fn appended(answer: Appended) -> Written {
    match answer {
        // A duplicate is a write of ours whose answer was lost.
        Appended::Appended | Appended::Duplicate => Written::Done,
        Appended::Fenced => Written::Fenced,
        Appended::Gap { expected } => Written::Expected(expected),
        // Erased while it goes on: the caller is still to be talked with.
        Appended::Unknown => Written::Done,
    }
}
