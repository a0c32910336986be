//! What a caller said and heard, exactly enough for a checker: kept by the history where the options
//! ask for it, written as one JSON object a line.
//!
//! Every fact has `ms`, milliseconds since the caller rang, and `event`:
//!
//! | event | fields |
//! | --- | --- |
//! | `rang` | `call`: the CallSid; `unix_ms`: when, by the machine's clock; `variant` of a reconnect |
//! | `opened` | `socket`: its number, from 1; `session`: the `sessionId` of it |
//! | `lost` | `socket`; `why`: the line was cut, or the engine closed it, and the call goes on |
//! | `said` | `turn`: its number, from 1; `words`, or one key; `socket`: where they went, 0 when there was none and they wait to be replayed |
//! | `cut` | `words` of the present talk cycle when the caller cut in |
//! | `heard` | `turn` that was the last said when the talk cycle began, 0 before any; `cycle`: its number; `words` as the voice spoke them; `arrived_ms` from the engine, `ms` spoken from, `until_ms`; `last`: the cycle was heard to its end |
//! | `webhook` | `told`: what; `status`; `took_ms` |
//! | `violation` | `what` Twilio would not have accepted |
//! | `ended` | `how` |

use std::time::Duration;

use serde::Serialize;

mod account;

pub use self::account::{Account, Gap, Phrase, TurnHeard};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Since the caller rang.
    pub ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened; the table above says what the fields mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the module's table describes each")]
pub enum What {
    Rang { call: String, unix_ms: u64, variant: String },
    Opened { socket: u32, session: String },
    Lost { socket: u32, why: String },
    Said { turn: u32, words: String, socket: u32 },
    Cut { words: String },
    Heard(Heard),
    Webhook { told: String, status: u16, took_ms: u64 },
    Violation { what: String },
    Ended { how: String },
}

/// Words that were spoken without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// What the caller had said last when the talk cycle began to arrive; 0: nothing.
    pub turn: u32,
    /// The number of the talk cycle in the call.
    pub cycle: u64,
    /// The words.
    pub words: String,
    /// When they came from the engine, since the caller rang.
    pub arrived_ms: u64,
    /// When they had been spoken.
    pub until_ms: u64,
    /// Whether they close the talk cycle.
    pub last: bool,
}

/// A length as whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
