//! What a session is told, by its lines and by webhooks, and what it tells a line.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use actix::Message;
use tokio::sync::mpsc;

use crate::domain::{
    ids::{LineId, TurnId},
    record::Status,
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
}

/// A line brought a text frame.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Heard {
    /// Which line; an old one is not listened to.
    pub line: LineId,
    /// The frame, fragments joined.
    pub frame: String,
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
pub struct SessionFailed;

/// The call is over, on the word of a signed webhook.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Conclude {
    /// How it ended.
    pub status: Status,
}

/// What a line is given to send or do.
#[derive(Debug)]
pub enum LineFrame {
    /// Words of a turn. Dropped when the turn has been silenced since.
    Words {
        /// Whose.
        turn: TurnId,
        /// Whether they close their talk cycle.
        last: bool,
        /// The frame, JSON.
        frame: String,
    },
    /// Sent in any case.
    Control(String),
    /// The line is to be closed: it was replaced, or is not about this call.
    Close,
}

/// The turns whose words are not to be sent any more: shared with the line, since frames may wait
/// in its channel when the caller cuts in.
#[derive(Debug, Clone, Default)]
pub struct Silenced(Arc<AtomicU32>);

impl Silenced {
    /// Whether words of that turn may still be sent.
    #[must_use]
    pub fn allows(&self, turn: TurnId) -> bool {
        // The stored number is the first turn that may speak.
        turn.0 >= self.0.load(Ordering::Acquire)
    }

    pub(super) fn up_to(&self, turn: TurnId) {
        self.0.fetch_max(turn.next().0, Ordering::AcqRel);
    }
}
