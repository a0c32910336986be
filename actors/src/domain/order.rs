//! What somebody can have done to a live call from outside it, and what became of that.

use serde::{Deserialize, Serialize};

use super::escalation::Grounds;

/// An order to whoever holds a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// A person takes the call.
    Escalate(Grounds),
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordered {
    /// It is carried out.
    Taken,
    /// What it wants is under way already.
    UnderWay,
    /// The call is at its end: the caller hears the goodbye.
    Ending,
    /// The call has no session where it was looked for.
    NotHere,
    /// The engine that owns the call gives no sign of life.
    OwnerGone,
    /// No answer came in time. It may have been carried out, and will not be any more.
    Silent,
    /// It, or its answer, is not understood: the other engine is of another version.
    #[serde(other)]
    Unknown,
}

impl Ordered {
    /// As text, in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::UnderWay => "under_way",
            Self::Ending => "ending",
            Self::NotHere => "not_here",
            Self::OwnerGone => "owner_gone",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}
