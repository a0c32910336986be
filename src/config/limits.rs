//! How long a call may last, and how many there may be.

use serde::Deserialize;

use super::{problems::Problems, values::whole};

/// A day: Twilio's longest call.
const DAY: u64 = 86_400;

/// An hour, for waits within a call.
const HOUR: u64 = 3600;

/// The most calls an instance is ever configured for: beyond what one machine's ports can carry.
pub const CALLS_MAX: usize = 1_000_000;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    silence_seconds: Option<String>,
    max_call_seconds: Option<String>,
    max_turns: Option<String>,
    line_grace_seconds: Option<String>,
    line_ping_seconds: Option<String>,
    line_silent_seconds: Option<String>,
    line_stall_seconds: Option<String>,
    drain_seconds: Option<String>,
    max_calls: Option<String>,
}

/// Limits of a call and of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `SILENCE_SECONDS`: after so long the caller is asked whether they are still there.
    pub silence_seconds: u64,
    /// `MAX_CALL_SECONDS`.
    pub max_call_seconds: u64,
    /// `MAX_TURNS`.
    pub max_turns: u32,
    /// `LINE_GRACE_SECONDS`: how long a call waits for its line to come back.
    pub line_grace_seconds: u64,
    /// `LINE_PING_SECONDS`: how often a line's peer is asked for a sign of life.
    pub line_ping_seconds: u64,
    /// `LINE_SILENT_SECONDS`: without one for this long, it is dead.
    pub line_silent_seconds: u64,
    /// `LINE_STALL_SECONDS`: how long a peer may leave what it is sent unread, or its machine
    /// unacknowledged, before the system gives the connection up.
    pub line_stall_seconds: u64,
    /// `DRAIN_SECONDS`: how long a stop waits for calls to end.
    pub drain_seconds: u64,
    /// `MAX_CALLS`. None: what the descriptors allow, see `limits::max_calls`.
    pub max_calls: Option<usize>,
}

pub(super) fn parse(raw: Raw, problems: &mut Problems) -> Limits {
    let mut seconds =
        |variable, raw, range, usual: u64| whole(variable, raw, range, problems).unwrap_or(usual);
    let line_ping_seconds = seconds("LINE_PING_SECONDS", raw.line_ping_seconds, 1..=60, 10);
    let line_silent_seconds = seconds("LINE_SILENT_SECONDS", raw.line_silent_seconds, 1..=600, 25);
    let line_stall_seconds = seconds("LINE_STALL_SECONDS", raw.line_stall_seconds, 1..=600, 20);
    let limits = Limits {
        line_ping_seconds,
        line_silent_seconds,
        line_stall_seconds,
        silence_seconds: seconds("SILENCE_SECONDS", raw.silence_seconds, 1..=HOUR, 12),
        max_call_seconds: seconds("MAX_CALL_SECONDS", raw.max_call_seconds, 1..=DAY, 3600),
        line_grace_seconds: seconds("LINE_GRACE_SECONDS", raw.line_grace_seconds, 0..=HOUR, 30),
        drain_seconds: seconds("DRAIN_SECONDS", raw.drain_seconds, 0..=DAY, 1800),
        max_turns: whole("MAX_TURNS", raw.max_turns, 1..=100_000, problems).unwrap_or(200),
        max_calls: whole("MAX_CALLS", raw.max_calls, 1..=CALLS_MAX, problems),
    };
    // A peer that was not asked would count as one that does not answer.
    if line_silent_seconds <= line_ping_seconds {
        let text = format!("expected more than LINE_PING_SECONDS, which is {line_ping_seconds}");
        problems.add("LINE_SILENT_SECONDS", text);
    }
    limits
}
