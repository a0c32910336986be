//! The session and its claim: the call is asked for until it is had, and held meanwhile.
//!
//! A caller does not wait for a store. Without an answer in time the call is held as one of which
//! nothing is known; the claim goes on behind it, and what is said waits in the outbox.

use std::time::Duration;

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{CallSession, heard};
use crate::{
    domain::{
        record::{CallRecord, NewCall},
        time::Timestamp,
    },
    registry::{messages::Claim, store::Claimed},
};

/// How long the registry may take to hand over the call, ms. The caller hears the greeting
/// meanwhile; later than that the call is held without its record.
const CLAIM_PATIENCE: u64 = 5_000;

/// Pause before a claim that failed within that time is tried again.
const CLAIM_AGAIN: Duration = Duration::from_millis(300);

/// Pause before the first claim behind a call that is held already; doubled after each failure.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// The longest pause: what waits is stored this long after the store is back.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// How far the claim is.
#[derive(Default)]
pub(super) struct Claiming {
    /// Until when the caller waits for it: fixed by the first attempt.
    by: Option<Timestamp>,
    /// The pause before the last attempt behind the call.
    backoff: Option<Duration>,
    /// The call was ours before, and its conversation goes on meanwhile.
    back: bool,
}

impl Claiming {
    /// For a call that was ours before, and goes on.
    pub(super) fn back() -> Self {
        Self { back: true, ..Self::default() }
    }
}

impl CallSession {
    /// Asks the registry for the call, again and again: first with the caller waiting for it, then
    /// behind the call.
    pub(super) fn claim(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let by = *self.claiming.by.get_or_insert(now + CLAIM_PATIENCE);
        let patience = match self.claiming.backoff {
            None => Duration::from_millis(by.since(now)),
            Some(_) => BACKOFF_MAX,
        };
        let claim = Claim { sid: self.sid, by: self.peers.instance.clone(), at: now };
        let claimed = self.peers.registry.send(claim).timeout(patience);
        ctx.spawn(claimed.into_actor(self).map(|answer, this, ctx| {
            let _in = this.span.clone().entered();
            if this.broken {
                return;
            }
            match heard(answer) {
                Ok(Claimed::Yours(record)) => this.take_over(*record, ctx),
                Ok(Claimed::Ended) => this.come_too_late(ctx),
                Err(cause) => this.claim_again(&cause, ctx),
            }
        }));
    }

    fn claim_again(&mut self, cause: &str, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        if self.claiming.by.is_some_and(|by| by > now) && self.claiming.backoff.is_none() {
            ctx.run_later(CLAIM_AGAIN, |this, ctx| {
                let _in = this.span.clone().entered();
                this.claim_behind(ctx);
            });
            return;
        }
        let pause = match self.claiming.backoff {
            None => BACKOFF_FIRST,
            Some(last) => (last * 2).min(BACKOFF_MAX),
        };
        let first = self.claiming.backoff.replace(pause).is_none();
        ctx.run_later(pause, |this, ctx| {
            let _in = this.span.clone().entered();
            this.claim_behind(ctx);
        });
        if first {
            tracing::error!("the registry failed, the call is held without being stored: {cause}");
            self.recording.is_down = true;
            if !self.claiming.back {
                self.hold_unknown(now, ctx);
            }
        }
    }

    /// A call whose line is lost may be another engine's by now: it must not be taken from there.
    fn claim_behind(&mut self, ctx: &mut Context<Self>) {
        if self.mouth.has_line() || self.recording.is_finishing() {
            self.claim(ctx);
        } else {
            self.claim_again("the line is lost", ctx);
        }
    }

    fn hold_unknown(&mut self, now: Timestamp, ctx: &mut Context<Self>) {
        let mut unknown = CallRecord::ringing(NewCall {
            sid: self.sid,
            caller: String::new(),
            called: String::new(),
            // Whether Twilio spoke a greeting is not known; two would be worse than none.
            greeting: Some(String::new()),
            at: now,
        });
        unknown.next_seq = 0;
        self.converse(unknown, ctx);
    }

    fn take_over(&mut self, record: CallRecord, ctx: &mut Context<Self>) {
        let epoch = record.epoch;
        if self.claiming.back {
            return self.take_back(record, ctx);
        }
        if self.claiming.backoff.is_none() {
            tracing::info!(epoch = epoch.0, "the call is held by this session");
            self.recording.own(epoch, record.next_seq, 0);
            return self.converse(record, ctx);
        }
        // The call has gone on without its record: its turns come after those in there.
        let known = record.transcript.turns().last().map_or(0, |turn| turn.id.0.saturating_add(1));
        tracing::warn!(epoch = epoch.0, waiting = self.recording.waiting(), "the store is back");
        self.recording.own(epoch, record.next_seq, known);
        self.write(ctx);
    }

    /// The call is over, says the registry.
    pub(super) fn come_too_late(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!("a line came for a call that is over");
        if self.claiming.backoff.is_none() && !self.claiming.back {
            self.mouth.refuse();
            return ctx.stop();
        }
        // Its caller is there all the same, and is talked with to the end.
        self.keep_late();
        self.recording.disown();
        self.write(ctx);
    }
}
