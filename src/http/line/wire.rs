//! The bytes of a line before anything is kept of them: what a frame's head says is believed at
//! once, and what is too much is not read.
//!
//! The codec behind it would buffer a frame of any length whole, and take any number of frames in.
//! Here only heads are looked at; the payload passes. Source: RFC 6455, section 5.2.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::pace::Pace;

/// A text message, fragments joined, at most: 64 KiB, as OpenAI's and other servers bound it.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;

/// The longest head: two bytes, eight of length, four of mask.
const HEAD_MAX: usize = 14;

/// Payload of a control frame, at most.
const CONTROL_MAX: u64 = 125;

/// Why nothing more of a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A message longer than [`MESSAGE_MAX`] has been announced.
    Oversize,
    /// More frames than a peer may send.
    Flood,
    /// A frame that the protocol does not have.
    Protocol,
    /// The connection broke.
    Broken,
}

/// Where a line is in its bytes.
#[derive(Debug)]
pub(super) struct Wire {
    pace: Pace,
    head: [u8; HEAD_MAX],
    /// How much of the next head is there.
    known: usize,
    /// What is still to come of the payload.
    left: u64,
    /// Whether that payload ends a message.
    ends: bool,
    /// Bytes of the message so far, as announced.
    message: u64,
    /// Since when a frame or a message has been begun and not ended.
    begun: Option<Instant>,
    refused: Option<Refusal>,
}

/// A head that is whole.
struct Head {
    fin: bool,
    opcode: u8,
    length: u64,
}

impl Wire {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            pace: Pace::new(now),
            head: [0; HEAD_MAX],
            known: 0,
            left: 0,
            ends: true,
            message: 0,
            begun: None,
            refused: None,
        }
    }

    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// For how long a message has been coming in and is not whole.
    pub(super) fn unfinished(&self, now: Instant) -> Option<Duration> {
        self.begun.map(|begun| now.saturating_duration_since(begun))
    }

    /// Follows these bytes; tells how many of them may be read. All of them, unless something is
    /// refused: then those before that frame, and none that come later.
    pub(super) fn follow(&mut self, bytes: &[u8], now: Instant) -> usize {
        let (mut rest, mut whole) = (bytes, 0);
        while !rest.is_empty() && self.refused.is_none() {
            if self.left > 0 {
                let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                self.left -= skipped as u64;
                rest = rest.get(skipped..).unwrap_or_default();
            } else if let Some((byte, more)) = rest.split_first() {
                rest = more;
                self.begun.get_or_insert(now);
                if let Some(slot) = self.head.get_mut(self.known) {
                    *slot = *byte;
                }
                self.known += 1;
                match self.head() {
                    Ok(Some(head)) => self.frame(&head, now),
                    Ok(None) => continue,
                    Err(refusal) => self.refused = Some(refusal),
                }
            }
            if self.refused.is_none() {
                whole = bytes.len() - rest.len();
                self.pause();
            }
        }
        if self.refused.is_some() { whole } else { bytes.len() }
    }

    /// A frame is over; between messages nothing is unfinished.
    fn pause(&mut self) {
        if self.left == 0 && self.ends && self.known == 0 {
            self.begun = None;
        }
    }

    /// The head, once it is whole.
    fn head(&self) -> Result<Option<Head>, Refusal> {
        let [first, second, ..] = self.head;
        if self.known < 2 {
            return Ok(None);
        }
        let (fin, opcode, masked) = (first & 0x80 != 0, first & 0x0f, second & 0x80 != 0);
        let control = opcode & 0x08 != 0;
        let known = matches!(opcode, 0..=2 | 8..=10);
        // Reserved bits belong to extensions, of which none was agreed.
        if first & 0x70 != 0 || !masked || !known || (control && !fin) {
            return Err(Refusal::Protocol);
        }
        let short = u64::from(second & 0x7f);
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if control && short > CONTROL_MAX {
            return Err(Refusal::Protocol);
        }
        if self.known < 2 + extended + 4 {
            return Ok(None);
        }
        let digits = self.head.iter().skip(2).take(extended);
        let long = digits.fold(0, |length, byte| (length << 8) | u64::from(*byte));
        Ok(Some(Head { fin, opcode, length: if extended > 0 { long } else { short } }))
    }

    fn frame(&mut self, head: &Head, now: Instant) {
        (self.known, self.left) = (0, head.length);
        if !self.pace.allows(now) {
            self.refused = Some(Refusal::Flood);
        }
        if head.opcode & 0x08 != 0 {
            // Between the fragments of a message there may be control frames.
            return;
        }
        let before = if head.opcode == 0 { self.message } else { 0 };
        self.message = before.saturating_add(head.length);
        self.ends = head.fin;
        if self.message > MESSAGE_MAX as u64 {
            self.refused = Some(Refusal::Oversize);
        }
    }
}

/// The bytes of a request's payload, as far as the wire lets them pass; it ends where it refuses.
pub(super) struct Guarded<S> {
    bytes: S,
    wire: Rc<RefCell<Wire>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(bytes: S, wire: Rc<RefCell<Wire>>) -> Self {
        Self { bytes, wire }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Guarded<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.wire.borrow().refused.is_some() {
            return Poll::Ready(None);
        }
        let polled = self.bytes.poll_next_unpin(cx);
        let mut wire = self.wire.borrow_mut();
        polled.map(|item| match item {
            Some(Ok(mut bytes)) => {
                bytes.truncate(wire.follow(&bytes, Instant::now()));
                Some(Ok(bytes))
            }
            Some(Err(error)) => {
                wire.refused = Some(Refusal::Broken);
                tracing::debug!("a line broke: {error}");
                None
            }
            None => None,
        })
    }
}

#[cfg(test)]
mod tests;
