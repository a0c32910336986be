//! The session and its line: what is said, what is heard, and which socket counts.

use std::{collections::VecDeque, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    CallSession,
    messages::{Attach, Heard, LineFrame, LineGone, Silenced},
    receipts::{Given, Ledger, Receipts},
};
use crate::{
    domain::{
        conversation::Input,
        ids::{LineId, TurnId},
        record::{CallRecord, Failure},
        relay::{Inbound, Outbound},
        time::Timestamp,
    },
    registry::{messages::Find, store::Key},
};

/// Words that wait for a line at most, bytes: an hour of speech. A line that is that far behind, or by
/// so many frames, is dead.
const UNSENT_MAX: usize = 64 * 1024;

/// Frames that wait for a line at most: words of one talk cycle are joined into one.
const UNSENT_FRAMES: usize = 64;

/// How long the registry may take to say whose the call is.
pub(super) const OWNER_PATIENCE: Duration = Duration::from_millis(300);

/// What the session speaks through.
#[derive(Default)]
pub(super) struct Mouth {
    line: Option<Seat>,
    /// The newest line, until it is gone: it may have been given up before.
    newest: Option<LineId>,
    /// When the last line came: since then the caller may have been on another engine.
    came_at: Option<Timestamp>,
    /// When Twilio last said something on it.
    heard_at: Option<Timestamp>,
    /// The failure of the session before that of the last line, as its address tells.
    failed_before: Option<Failure>,
    /// What it was given, as long as it may be lost.
    ledger: Ledger,
    /// What waits for a line, or for room in its channel, in order.
    unsent: VecDeque<Unsent>,
    /// The wait for room, while there is one.
    waiting: Option<SpawnHandle>,
}

struct Seat {
    id: LineId,
    out: mpsc::Sender<LineFrame>,
    silenced: Silenced,
}

enum Unsent {
    Words { turn: TurnId, text: String, last: bool },
    EndCycle,
    Control(String),
}

impl Seat {
    /// What the line is given of it.
    fn frame(&self, unsent: Unsent, ledger: &mut Ledger) -> LineFrame {
        match unsent {
            Unsent::Words { turn, text, last } => {
                let frame = Outbound::text(&text, last).encode();
                ledger.note(Given { turn, text, last });
                LineFrame::Words { cuts: self.silenced.cuts(), last, frame }
            }
            Unsent::EndCycle => {
                ledger.end_cycle();
                LineFrame::EndCycle
            }
            Unsent::Control(frame) => LineFrame::Control(frame),
        }
    }
}

impl Mouth {
    /// Forgets the words that were not sent, and lets the line drop those in its channel.
    pub(super) fn silence(&mut self, ctx: &mut Context<CallSession>) {
        if let Some(seat) = &self.line {
            seat.silenced.cut();
        }
        let dropped_end = self
            .unsent
            .iter()
            .any(|unsent| matches!(unsent, Unsent::Words { last: true, .. } | Unsent::EndCycle));
        self.unsent.retain(|unsent| matches!(unsent, Unsent::Control(_)));
        self.ledger.forget();
        if dropped_end {
            // The words that would have closed their cycle are gone: the cycle still ends.
            self.unsent.push_front(Unsent::EndCycle);
        }
        if self.unsent.is_empty() {
            self.stop_waiting(ctx);
        }
    }

    /// Closes the line: it has no business with this call.
    pub(super) fn refuse(&mut self) {
        if let Some(seat) = self.line.take() {
            // A full channel is closed by the dropped sender all the same, after its frames.
            let _ = seat.out.try_send(LineFrame::Close);
        }
    }

    /// Closes the line: its session cannot go on.
    pub(super) fn break_off(&mut self) {
        if let Some(seat) = self.line.take() {
            let _ = seat.out.try_send(LineFrame::Broken);
        }
    }

    pub(super) fn has_line(&self) -> bool {
        self.line.is_some()
    }

    /// What a conversation that begins anew is to learn of the line there is.
    pub(super) fn news(&self) -> impl Iterator<Item = Input> + use<> {
        self.failed_before.map(Input::FailedBefore).into_iter().chain([Input::Attached])
    }

    /// Whether there is a line that came behind that failure.
    pub(super) fn came_behind(&self, failure: Failure, now: Timestamp) -> bool {
        let is_known = self.failed_before.is_some_and(|known| failure.ended <= known.ended);
        let is_later = self.came_at.is_some_and(|came| !failure.may_be_of(came, now));
        self.has_line() && (is_known || is_later)
    }

    /// When Twilio last said something on the line there is.
    pub(super) fn heard_at(&self) -> Option<Timestamp> {
        self.heard_at.filter(|_| self.has_line())
    }

    fn take(
        &mut self,
        seat: Seat,
        receipts: Receipts,
        now: Timestamp,
        ctx: &mut Context<CallSession>,
    ) {
        self.stop_waiting(ctx);
        self.refuse();
        self.say_lost();
        self.ledger = Ledger::new(receipts);
        self.newest = Some(seat.id);
        (self.came_at, self.heard_at) = (Some(now), None);
        self.line = Some(seat);
    }

    /// What the peer of a lost line has surely not got is for the next one.
    fn say_lost(&mut self) {
        for Given { turn, text, last } in self.ledger.lost().rev() {
            self.unsent.push_front(Unsent::Words { turn, text, last });
        }
    }

    /// Forgets all that was to be said.
    pub(super) fn forget(&mut self, ctx: &mut Context<CallSession>) {
        self.silence(ctx);
        self.unsent.clear();
        self.stop_waiting(ctx);
    }

    fn is(&self, line: LineId) -> bool {
        self.line.as_ref().is_some_and(|seat| seat.id == line)
    }

    fn stop_waiting(&mut self, ctx: &mut Context<CallSession>) {
        if let Some(waiting) = self.waiting.take() {
            ctx.cancel_future(waiting);
        }
    }

    /// Queues what cannot be sent now; words of one cycle become one frame.
    fn keep(&mut self, unsent: Unsent) {
        match (self.unsent.back_mut(), unsent) {
            (
                Some(Unsent::Words { turn, text, last }),
                Unsent::Words { turn: of, text: more, last: closes },
            ) if *turn == of && !*last => {
                text.push_str(&more);
                *last = closes;
            }
            (_, unsent) => self.unsent.push_back(unsent),
        }
        let bytes: usize = self.unsent.iter().map(Unsent::len).sum();
        if bytes > UNSENT_MAX || self.unsent.len() > UNSENT_FRAMES {
            self.unsent.clear();
            if self.line.take().is_some() {
                tracing::warn!(bytes, "the line takes nothing for too long: it is given up");
                metrics::counter!("switchhook_lines_total", "event" => "overrun").increment(1);
            }
        }
    }
}

impl Unsent {
    fn len(&self) -> usize {
        match self {
            Self::Words { text, .. } | Self::Control(text) => text.len(),
            Self::EndCycle => 0,
        }
    }
}

impl CallSession {
    /// Words for the voice.
    pub(super) fn say(&mut self, turn: TurnId, text: String, last: bool, ctx: &mut Context<Self>) {
        let words = match (text.is_empty(), last) {
            (true, false) => return,
            (true, true) => Unsent::EndCycle,
            (false, _) => Unsent::Words { turn, text, last },
        };
        self.send(words, ctx);
    }

    /// The session shall end; Twilio speaks what it has first.
    pub(super) fn end_session(&mut self, handoff: &str, ctx: &mut Context<Self>) {
        tracing::info!("the session is ended: its last words have been spoken");
        let end = Outbound::End { handoff_data: Some(handoff) }.encode();
        self.send(Unsent::Control(end), ctx);
    }

    fn send(&mut self, unsent: Unsent, ctx: &mut Context<Self>) {
        let mouth = &mut self.mouth;
        if mouth.unsent.is_empty()
            && mouth.waiting.is_none()
            && let Some(seat) = &mouth.line
        {
            let gone = match seat.out.try_reserve() {
                Ok(room) => return room.send(seat.frame(unsent, &mut mouth.ledger)),
                Err(refused) => matches!(refused, TrySendError::Closed(())),
            };
            if gone {
                mouth.line = None;
            }
        }
        mouth.keep(unsent);
        self.flush(ctx);
    }

    /// Waits for room in the line's channel, once, however much is unsent.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.mouth.unsent.is_empty() || self.mouth.waiting.is_some() {
            return;
        }
        let Some(seat) = &self.mouth.line else { return };
        let room = seat.out.clone().reserve_owned();
        let waiting = ctx.spawn(room.into_actor(self).map(|room, this, ctx| {
            this.mouth.waiting = None;
            let mouth = &mut this.mouth;
            match (room, &mouth.line) {
                (Ok(room), Some(seat)) => {
                    if let Some(unsent) = mouth.unsent.pop_front() {
                        room.send(seat.frame(unsent, &mut mouth.ledger));
                    }
                }
                _ => mouth.line = None,
            }
            this.flush(ctx);
        }));
        self.mouth.waiting = Some(waiting);
    }
}

impl CallSession {
    /// A caller may have been on another engine since this one had a line: then what this session
    /// knows is old, and it begins anew, from the record. Nothing else is done until that is known.
    fn confirm(&mut self, new: Attach, ctx: &mut Context<Self>) {
        let find = Find { key: Key::Sid(self.sid) };
        let found = self.peers.registry.send(find).timeout(OWNER_PATIENCE);
        let confirmed = found.into_actor(self).map(|found, this, ctx| {
            let _in = this.span.clone().entered();
            // Without an answer it goes on: the next write tells.
            if let Ok(Ok(Some(record))) = found {
                this.compare(&record, ctx);
            }
            this.take_line(new, ctx);
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "no line is listened to meanwhile, and the new one shall not be before"
        )]
        ctx.wait(confirmed);
    }

    fn compare(&mut self, record: &CallRecord, ctx: &mut Context<Self>) {
        let outranked = self.recording.epoch().is_some_and(|epoch| epoch < record.epoch);
        if outranked && record.instance.as_ref() != Some(&self.peers.instance) {
            return self.begin_anew(ctx);
        }
        self.read_of_failure(record, ctx);
    }

    /// Twilio may have told another engine that the session before this line failed, and have connected
    /// the socket to the old address all the same.
    pub(super) fn read_of_failure(&mut self, record: &CallRecord, ctx: &mut Context<Self>) {
        // Where nothing was said until then Twilio greets anew, which the address alone denies.
        let first = record.transcript.turns().first().map(|turn| turn.at);
        let was_heard = |failure: &&Failure| first.is_some_and(|first| first <= failure.at);
        if let Some(failure) = record.failures.last().filter(was_heard) {
            self.happen(Input::FailureNoted(*failure), ctx);
        }
    }

    pub(super) fn take_line(&mut self, new: Attach, ctx: &mut Context<Self>) {
        tracing::info!(line = new.line.0, "a line is attached");
        metrics::counter!("switchhook_lines_total", "event" => "attached").increment(1);
        self.mouth.failed_before = new.failed_before;
        if let Some(failure) = new.failed_before {
            self.happen(Input::FailedBefore(failure), ctx);
        }
        let seat = Seat { id: new.line, out: new.out, silenced: new.silenced };
        self.mouth.take(seat, new.receipts, self.clock.now(), ctx);
        if self.peers.pulse.stood_still() {
            self.happen(Input::StoodStill, ctx);
        }
        self.happen(Input::Attached, ctx);
        self.flush(ctx);
    }
}

impl Handler<Attach> for CallSession {
    type Result = ();

    fn handle(&mut self, new: Attach, ctx: &mut Self::Context) {
        let _in = self.span.clone().entered();
        let goes_on = self.mouth.came_at.is_some() && self.recording.epoch().is_some();
        match goes_on && !self.broken {
            true if self.peers.pulse.stood_still() => self.reclaim(new, ctx),
            true => self.confirm(new, ctx),
            false => self.take_line(new, ctx),
        }
    }
}

impl Handler<Heard> for CallSession {
    type Result = ();

    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        if !self.mouth.is(heard.line) {
            return;
        }
        let _in = self.span.clone().entered();
        self.mouth.heard_at = Some(self.clock.now());
        if let Inbound::Error { description } = &heard.message {
            // Twilio repeats our message, words and all: not for the ordinary log.
            tracing::warn!("twilio refused a message or failed");
            tracing::debug!("twilio says: {description}");
        }
        self.happen(Input::Relay(heard.message), ctx);
    }
}

impl Handler<LineGone> for CallSession {
    type Result = ();

    fn handle(&mut self, gone: LineGone, ctx: &mut Self::Context) {
        // One that was given up or refused leaves the call without a line all the same.
        if self.mouth.newest != Some(gone.line) {
            return;
        }
        self.mouth.newest = None;
        let _in = self.span.clone().entered();
        tracing::info!(line = gone.line.0, clean = gone.clean, "the line is gone");
        let event = if gone.clean { "closed" } else { "lost" };
        metrics::counter!("switchhook_lines_total", "event" => event).increment(1);
        self.mouth.stop_waiting(ctx);
        self.mouth.line = None;
        self.mouth.say_lost();
        self.happen(Input::LineLost { clean: gone.clean }, ctx);
    }
}
