//! The session and the registry: turns and changes, made durable one after the other.

use std::time::Duration;

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::FutureExt;

use super::{
    Answer, CallSession, heard, observed,
    outbox::{Entry, Outbox},
};
use crate::{
    domain::{
        conversation::{Input, Observation},
        ids::{Epoch, InstanceId, TurnId},
        record::{CallRecord, Change},
        transcript::{LateTurn, Role, Transcript, Turn},
    },
    registry::{
        messages::{Append, Settle},
        store::{Appended, Settled},
    },
};

/// How long one write may take before it is tried again, ms. The store's own queue is bounded, so
/// a healthy one answers in a few.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Pause before a failed write is tried again.
const WRITE_AGAIN: Duration = Duration::from_millis(500);

/// How long a finished session keeps trying to store its last words: a store that is started again
/// or given room is back by then. It takes no place among the live calls meanwhile.
const FINISH_PATIENCE: Duration = Duration::from_secs(120);

/// How the session writes. One write is under way at a time: a later sequence number never
/// overtakes an earlier one.
#[derive(Default)]
pub(super) struct Recording {
    owner: Owner,
    /// What a turn's number is higher by in the record: so many exchanges were in there when the call
    /// was held without it.
    ahead: u32,
    outbox: Outbox,
    /// Whether the first that waits is under way.
    writing: bool,
    /// The store failed last time it was asked: a caller's words wait for it, their answer does
    /// not.
    pub(super) is_down: bool,
    /// The session stops when nothing waits.
    finishing: bool,
    /// How often it has begun anew: an answer to a write of before is for nobody.
    life: u32,
}

/// As whom the session writes.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// The claim is not answered yet: what is to be written waits.
    Awaited {
        /// The claim before it and its next sequence number, where it is asked for once more.
        before: Option<(Epoch, u64)>,
    },
    Claimed {
        epoch: Epoch,
        next_seq: u64,
    },
    /// The call is another's, or over: nothing is to be written.
    Nobody,
}

impl Default for Owner {
    fn default() -> Self {
        Self::Awaited { before: None }
    }
}

impl Owner {
    /// The claim in whose name what waits was to be written, and its next sequence number.
    fn claim(self) -> Option<(Epoch, u64)> {
        match self {
            Self::Claimed { epoch, next_seq } => Some((epoch, next_seq)),
            Self::Awaited { before } => before,
            Self::Nobody => None,
        }
    }
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

impl Recording {
    /// The call is ours.
    pub(super) fn own(&mut self, epoch: Epoch, next_seq: u64, ahead: u32) {
        (self.owner, self.ahead) = (Owner::Claimed { epoch, next_seq }, ahead);
        self.is_down = false;
    }

    /// The call will never be ours.
    pub(super) fn disown(&mut self) {
        self.owner = Owner::Nobody;
    }

    /// Nothing is written until it is known whose the call is.
    pub(super) fn hold(&mut self) -> u32 {
        self.writing = true;
        self.life
    }

    /// Whether it has begun anew since it had that `life`.
    pub(super) fn is_another(&self, life: u32) -> bool {
        self.life != life
    }

    /// The claim is asked for once more, and what waits, waits for it.
    pub(super) fn claim_back(&mut self) {
        self.outbox.take_back();
        (self.owner, self.writing) = (Owner::Awaited { before: self.owner.claim() }, false);
        self.life += 1;
    }

    /// The call is ours again. `ours`: all that this session knows, which may have been changed.
    pub(super) fn own_again(&mut self, record: &CallRecord, ours: &Transcript) {
        self.own(record.epoch, record.next_seq, self.ahead);
        for turn in ours.turns() {
            let id = TurnId(turn.id.0.saturating_add(self.ahead));
            let there = record.transcript.get(id, turn.role);
            if there.is_none_or(|there| Turn { id: turn.id, ..there.clone() } != *turn) {
                observed::lost(self.outbox.put_turn(turn.clone()));
            }
        }
    }

    /// Whether a session of another engine's has added to the call.
    pub(super) fn is_behind(&self, record: &CallRecord, ours: &Transcript) -> bool {
        let known = |turn: &Turn| {
            let Some(id) = turn.id.0.checked_sub(self.ahead).map(TurnId) else { return true };
            let turn = Turn { id, ..turn.clone() };
            ours.get(id, turn.role).is_some_and(|known| known.may_continue(&turn))
        };
        !record.transcript.turns().iter().all(known)
    }

    /// The claim is asked for once more.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { life: self.life + 1, ..Self::default() };
    }

    /// Another engine has the call: gives the words of the caller's out that waited, as they would
    /// have been stored. What the agent said of late is counted as lost.
    pub(super) fn refused(&mut self, instance: &InstanceId) -> Vec<LateTurn> {
        let Some((epoch, next_seq)) = self.owner.claim() else { return Vec::new() };
        let turns = self.outbox.give_up().into_iter().filter_map(|entry| match entry {
            Entry::Turn(turn) => Some(turn),
            Entry::Change(..) => None,
        });
        let (callers, agents): (Vec<_>, Vec<_>) =
            (next_seq..).zip(turns).partition(|(_, turn)| turn.role == Role::Customer);
        observed::lost(u32::try_from(agents.len()).unwrap_or(u32::MAX));
        let late = |(seq, mut turn): (u64, Turn)| {
            turn.id = TurnId(turn.id.0.saturating_add(self.ahead));
            LateTurn { instance: instance.clone(), epoch, seq, turn }
        };
        callers.into_iter().map(late).collect()
    }

    /// The next session of the call claims it: an answer that still comes is not for us.
    pub(super) fn claim_no_more(&mut self) {
        if matches!(self.owner, Owner::Awaited { .. }) {
            self.owner = Owner::Nobody;
        }
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// The claim of this session, once it has one.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        match self.owner {
            Owner::Claimed { epoch, .. } => Some(epoch),
            Owner::Awaited { .. } | Owner::Nobody => None,
        }
    }

    /// How much waits.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len()
    }
}

impl CallSession {
    pub(super) fn append(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        // Who asks a store that is down has waited long enough: what he said is stored later.
        let unsaved = (self.recording.is_down && turn.role == Role::Customer).then_some(turn.id);
        observed::lost(self.recording.outbox.put_turn(turn));
        if let Some(turn) = unsaved {
            observed::count(Observation::Unsaved);
            self.saved(turn, ctx);
        }
        self.write(ctx);
    }

    pub(super) fn settle(&mut self, change: Change, ctx: &mut Context<Self>) {
        observed::lost(self.recording.outbox.put_change(change, self.clock.now()));
        self.write(ctx);
    }

    /// The session stops as soon as its last words are stored.
    pub(super) fn finish(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.recording.finishing, true) {
            return;
        }
        if self.recording.outbox.is_empty() {
            return ctx.stop();
        }
        if let Some(presence) = &mut self.presence {
            presence.retire();
        }
        ctx.run_later(FINISH_PATIENCE, |this, ctx| {
            let _in = this.span.clone().entered();
            tracing::error!(left = this.recording.waiting(), "the end of the call is not stored");
            this.give_up(ctx);
        });
    }

    /// Writes the first entry that waits, if none is under way.
    pub(super) fn write(&mut self, ctx: &mut Context<Self>) {
        if self.recording.writing {
            return;
        }
        let (epoch, seq) = match self.recording.owner {
            Owner::Awaited { .. } => return,
            Owner::Nobody => return self.give_up(ctx),
            Owner::Claimed { epoch, next_seq } => (epoch, next_seq),
        };
        let Some(entry) = self.recording.outbox.begin() else { return };
        self.recording.writing = true;
        let (sid, registry, life) = (self.sid, &self.peers.registry, self.recording.life);
        let written = match entry {
            Entry::Turn(mut turn) => {
                turn.id = TurnId(turn.id.0.saturating_add(self.recording.ahead));
                let append = registry.send(Append { sid, epoch, seq, turn });
                append.timeout(WRITE_PATIENCE).map(|answer| outcome(answer, appended)).boxed_local()
            }
            Entry::Change(change, at) => {
                let settle = registry.send(Settle { sid, epoch, change, at });
                settle.timeout(WRITE_PATIENCE).map(|answer| outcome(answer, settled)).boxed_local()
            }
        };
        let written = written.into_actor(self);
        ctx.spawn(written.map(move |written, this, ctx| this.written(life, written, ctx)));
    }

    fn written(&mut self, life: u32, written: Written, ctx: &mut Context<Self>) {
        let _in = self.span.clone().entered();
        if self.recording.is_another(life) {
            return;
        }
        self.recording.writing = false;
        self.recording.is_down = matches!(written, Written::Failed(_));
        match written {
            Written::Done => self.entry_done(ctx),
            Written::Fenced => self.contest(ctx),
            Written::Expected(expected) => {
                tracing::warn!(
                    expected,
                    "the store counts the turns differently; its count is taken"
                );
                if let Owner::Claimed { next_seq, .. } = &mut self.recording.owner {
                    *next_seq = expected;
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
        match self.recording.outbox.done() {
            Some(Entry::Turn(turn)) => {
                if let Owner::Claimed { next_seq, .. } = &mut self.recording.owner {
                    *next_seq += 1;
                }
                if turn.role == Role::Customer {
                    self.saved(turn.id, ctx);
                }
            }
            // A session that the call has left long ago does not know how it ended.
            Some(Entry::Change(Change::Ended { status }, _)) => {
                tracing::info!(?status, "the call is over");
            }
            Some(Entry::Change(..)) | None => {}
        }
        self.write(ctx);
        if self.recording.finishing && self.recording.outbox.is_empty() {
            ctx.stop();
        }
    }

    /// Nothing of this call can be stored any more: it is held all the same, and what is lost is
    /// counted.
    pub(super) fn give_up(&mut self, ctx: &mut Context<Self>) {
        for entry in self.recording.outbox.give_up() {
            let Entry::Turn(turn) = entry else { continue };
            observed::lost(1);
            if turn.role == Role::Customer {
                self.saved(turn.id, ctx);
            }
        }
        if self.recording.finishing {
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

/// How a write ended that was answered so.
fn outcome<T>(answer: Answer<T>, means: impl FnOnce(T) -> Written) -> Written {
    heard(answer).map_or_else(Written::Failed, means)
}

fn settled(answer: Settled) -> Written {
    match answer {
        Settled::Settled(_) | Settled::Unknown => Written::Done,
        Settled::Fenced => Written::Fenced,
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
