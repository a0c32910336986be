//! Who said what, in order, cut to what was heard.

use serde::{Deserialize, Serialize};

use super::{ids::TurnId, time::Timestamp};

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The caller.
    Customer,
    /// The model, in the persona's name.
    Agent,
}

/// Why a turn is not what it should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The caller went on talking before a word of the answer was spoken; the next turn answers.
    Superseded,
    /// The caller hung up, or the call ended otherwise.
    CallEnded,
    /// The engine that wrote the answer died; its successor went on.
    TakenOver,
    /// No token in time.
    FirstTokenTimeout,
    /// The tokens stopped coming.
    Stalled,
    /// The answer took too long as a whole.
    TurnTimeout,
    /// The model could not be reached, refused, or broke off.
    ModelFailed,
    /// The model's answer had no words.
    Empty,
    /// The answer ran into the model's token limit.
    Length,
    /// A content filter stopped the answer.
    Filtered,
    /// The model declined to answer, in words of its own.
    Refused,
    /// The call had reached its longest duration, or its last turn.
    Limit,
    /// A reason that a newer engine knows.
    #[serde(other)]
    Other,
}

/// One side of an exchange.
///
/// A turn is appended again when more is known of it; the later version replaces the earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Which exchange. Question and answer share it; the greeting is 0.
    pub id: TurnId,
    /// Whose words.
    pub role: Role,
    /// The words: all of the caller's; of the agent's only what was heard, as far as is known.
    pub text: String,
    /// When it began.
    pub at: Timestamp,
    /// The agent's turn was cut short: by the caller, a failure or the end of the call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Where the cut lies was estimated from time: Twilio's words could not be found in ours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// The answer was still being written when this version was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Why it is not whole, or why it has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Turn {
    /// A whole turn.
    #[must_use]
    pub fn new(id: TurnId, role: Role, text: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id,
            role,
            text: text.into(),
            at,
            interrupted: false,
            estimated: false,
            open: false,
            reason: None,
        }
    }
}

/// The turns of a call, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript {
    turns: Vec<Turn>,
}

impl Transcript {
    /// The turns: by exchange, the caller's words before the answer.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Takes a turn: a later version of one it has replaces that one.
    pub fn put(&mut self, turn: Turn) {
        let key = (turn.id, turn.role);
        match self.turns.binary_search_by_key(&key, |known| (known.id, known.role)) {
            Ok(at) => {
                if let Some(known) = self.turns.get_mut(at) {
                    *known = turn;
                }
            }
            Err(at) => self.turns.insert(at, turn),
        }
    }

    /// The turn of that exchange and side.
    #[must_use]
    pub fn get(&self, id: TurnId, role: Role) -> Option<&Turn> {
        let at = self.turns.binary_search_by_key(&(id, role), |turn| (turn.id, turn.role)).ok()?;
        self.turns.get(at)
    }

    /// The last exchange that anything is known of.
    #[must_use]
    pub fn last_id(&self) -> TurnId {
        self.turns.last().map_or(TurnId(0), |turn| turn.id)
    }

    /// The caller's turn that still waits for an answer, if the last one does.
    #[must_use]
    pub fn unanswered(&self) -> Option<&Turn> {
        self.turns.last().filter(|turn| turn.role == Role::Customer && turn.reason.is_none())
    }
}

impl FromIterator<Turn> for Transcript {
    fn from_iter<I: IntoIterator<Item = Turn>>(turns: I) -> Self {
        let mut transcript = Self::default();
        turns.into_iter().for_each(|turn| transcript.put(turn));
        transcript
    }
}
