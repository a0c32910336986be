//! What a session is told, by its lines and by webhooks, and what it tells a line.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use actix::Message;
use tokio::sync::mpsc;

pub use super::receipts::Receipts;
use crate::{
    clock::Deadline,
    domain::{
        ids::LineId,
        order::{Order, Ordered},
        record::{Failure, Status},
        relay::Inbound,
    },
};

/// A line is there for the call: it speaks from now on, and any older one is closed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// Its number, higher than that of any line before it.
    pub line: LineId,
    /// Where its frames go. Bounded; dropping it closes the line.
    pub out: mpsc::Sender<LineFrame>,
    /// The line asks it before it sends words that waited in the channel.
    pub silenced: Silenced,
    /// What its peer has got of the words.
    pub receipts: Receipts,
    /// The failure of the session before it, if its address tells of one.
    pub failed_before: Option<Failure>,
}

/// A line brought a message.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Heard {
    /// Which line; an old one is not listened to.
    pub line: LineId,
    /// What it says.
    pub message: Inbound,
}

/// A line is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LineGone {
    /// Which line.
    pub line: LineId,
    /// Whether Twilio closed it in good order.
    pub clean: bool,
}

/// Twilio gave the session up and is told to connect the call again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SessionFailed {
    /// Which session and when, as the call's record has it.
    pub failure: Failure,
}

/// The call is over, on the word of a signed webhook.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Conclude {
    /// How it ended.
    pub status: Status,
}

/// Twilio is told where the caller goes: this session has no more part in the call.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HandedOver;

/// This engine is to stop: another one shall have the call at the next pause in the talk.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct MoveAway;

/// This engine stops: the line is closed at once, and Twilio brings the caller to another one.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LetGo;

/// Somebody wants something done to the call. One that comes too late is not carried out: whoever
/// gave it was told so.
#[derive(Debug, Message)]
#[rtype(result = "Ordered")]
pub struct Obey {
    /// What.
    pub order: Order,
    /// Until when.
    pub by: Deadline,
}

/// What a line is given to send or do.
#[derive(Debug)]
pub enum LineFrame {
    /// Words for the voice. Dropped when the caller has cut in since.
    Words {
        /// How often the caller had cut in before they were said.
        cuts: u32,
        /// Whether they close their talk cycle.
        last: bool,
        /// The frame, JSON.
        frame: String,
    },
    /// The talk cycle ends here. Not sent when none is open: Twilio would speak an empty turn.
    EndCycle,
    /// Sent in any case.
    Control(String),
    /// The line is to be closed: it was replaced, or is not about this call.
    Close,
    /// The line is to be closed: its session had a fault, and the call may come back.
    Broken,
}

/// How often the caller has cut in: shared with the line, since words may wait in its channel when
/// it happens. Those are dropped; what is said afterwards is not, whichever turn it belongs to.
#[derive(Debug, Clone, Default)]
pub struct Silenced(Arc<AtomicU32>);

impl Silenced {
    /// Whether words that were said after so many cuts may still be sent.
    #[must_use]
    pub fn allows(&self, cuts: u32) -> bool {
        cuts == self.cuts()
    }

    pub(super) fn cuts(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn cut(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
