//! The session and an engine that has claimed its call: the call is with whom Twilio talks to.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::Instrument;

use super::{
    CallSession, attached::OWNER_PATIENCE, claiming::Claiming, heard, late, messages::Attach,
};
use crate::{
    domain::{
        conversation::Input,
        record::CallRecord,
        relay::{Inbound, Prompted},
        time::{Millis, Timestamp},
    },
    registry::{
        messages::{Claim, Find},
        store::{Claimed, Key},
    },
};

/// How long a claim may take before a line is listened to that came to an engine which stood still: its
/// connections may have to be made anew.
const RECLAIM_PATIENCE: Duration = Duration::from_secs(1);

/// Who is heard so long after another engine's claim, ms, was not heard before it.
const HEARD_SINCE: Millis = 300;

impl CallSession {
    /// A write was refused: another engine has claimed the call. It may have done so late, for a line
    /// that was gone by then: the call is with whom Twilio talks to.
    pub(super) fn contest(&mut self, ctx: &mut Context<Self>) {
        // Who has stood still hears what was said long ago.
        if self.mouth.heard_at().is_none() || self.peers.pulse.stood_still() {
            return self.fall_silent(ctx);
        }
        let life = self.recording.hold();
        let find = Find { key: Key::Sid(self.sid) };
        let found = self.peers.registry.send(find).timeout(OWNER_PATIENCE);
        ctx.spawn(found.into_actor(self).map(move |found, this, ctx| {
            let _in = this.span.clone().entered();
            if this.recording.is_another(life) {
                return;
            }
            let claimed = match &found {
                Ok(Ok(Some(record))) => Some(Timestamp(record.epoch.0)),
                _ => None,
            };
            let heard = claimed.zip(this.mouth.heard_at());
            match heard.filter(|(claimed, heard)| heard.since(*claimed) >= HEARD_SINCE) {
                Some(_) => this.claim_back(ctx),
                None => this.fall_silent(ctx),
            }
        }));
    }

    fn claim_back(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!(
            "another engine has claimed the call without its caller: it is claimed back"
        );
        metrics::counter!("switchhook_lines_total", "event" => "reclaimed").increment(1);
        self.recording.claim_back();
        self.claiming = Claiming::back();
        self.claim(ctx);
    }

    /// The call is ours again. If the other engine has added to it, the conversation begins anew from
    /// there, with what the caller said here and is not stored.
    pub(super) fn take_back(&mut self, record: CallRecord, ctx: &mut Context<Self>) {
        let Some(talk) = &self.talk else { return };
        if !self.recording.is_behind(&record, talk.transcript()) {
            self.recording.own_again(&record, talk.transcript());
            return self.write(ctx);
        }
        self.give_way_to(&record, ctx);
        self.early.extend(self.mouth.news());
        self.converse(record, ctx);
    }

    /// A line comes to an engine that has stood still: others may have held the call meanwhile, and what
    /// it can look up may be as old as its sleep. So it claims the call once more before anything is said.
    pub(super) fn reclaim(&mut self, new: Attach, ctx: &mut Context<Self>) {
        self.recording.claim_back();
        let claim = Claim { sid: self.sid, by: self.peers.instance.clone(), at: self.clock.now() };
        let claimed = self.peers.registry.send(claim).timeout(RECLAIM_PATIENCE);
        let reclaimed = claimed.into_actor(self).map(|answer, this, ctx| {
            let _in = this.span.clone().entered();
            this.claiming = Claiming::back();
            match heard(answer) {
                Ok(Claimed::Yours(record)) => this.take_back_on(new, *record, ctx),
                Ok(Claimed::Ended) => {
                    this.come_too_late(ctx);
                    this.take_line(new, ctx);
                }
                Err(_) => {
                    this.take_line(new, ctx);
                    this.claim(ctx);
                }
            }
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "no line is listened to meanwhile, and the new one shall not be before"
        )]
        ctx.wait(reclaimed);
    }

    /// The call is ours again, and has that line.
    fn take_back_on(&mut self, new: Attach, record: CallRecord, ctx: &mut Context<Self>) {
        let Some(talk) = &self.talk else { return self.take_line(new, ctx) };
        if self.recording.is_behind(&record, talk.transcript()) {
            tracing::warn!(
                "another engine has held the call meanwhile: it is gone on with from there"
            );
            metrics::counter!("switchhook_lines_total", "event" => "reclaimed").increment(1);
            self.give_way_to(&record, ctx);
            self.take_line(new, ctx);
            return self.converse(record, ctx);
        }
        self.recording.own_again(&record, talk.transcript());
        self.read_of_failure(&record, ctx);
        self.take_line(new, ctx);
        self.write(ctx);
    }

    /// What this session knows is older than that record: it forgets all but what the caller said here
    /// and is not stored.
    fn give_way_to(&mut self, record: &CallRecord, ctx: &mut Context<Self>) {
        self.recording.own(record.epoch, record.next_seq, 0);
        let words = self.recording.refused(&self.peers.instance);
        self.forget(ctx);
        let said = words.into_iter().map(|late| {
            let said = Prompted { text: late.turn.text, lang: None, last: true };
            Input::Relay(Inbound::Prompt(said))
        });
        self.early.extend(said);
    }

    /// Another engine owns the call: nothing is said or written any more.
    pub(super) fn fall_silent(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!("another engine owns the call now: this session falls silent");
        self.keep_late();
        self.recording.disown();
        self.give_up(ctx);
        // A line that Twilio still uses came to an engine that had slept meanwhile: brought back, it
        // finds a session that owns the call.
        self.mouth.break_off();
        self.happen(Input::Fenced, ctx);
    }

    /// What the caller said to this engine, and nobody else has heard, is kept beside the call.
    pub(super) fn keep_late(&mut self) {
        let turns = self.recording.refused(&self.peers.instance);
        if !turns.is_empty() {
            let peers = Arc::clone(&self.peers);
            actix::spawn(late::keep(peers, self.sid, turns).instrument(self.span.clone()));
        }
    }
}
