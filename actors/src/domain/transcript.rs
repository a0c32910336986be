//! Who said what, in order, cut to what was heard.

use serde::{Deserialize, Serialize};

use super::{
    ids::{Epoch, InstanceId, TurnId},
    playback::spoken_in,
    time::{Millis, Timestamp},
};

/// Words that Twilio says once more come this soon, ms: longer than a line is gone.
const SAID_AGAIN: Millis = 30_000;

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
    /// The answer broke off in mid-stream.
    Cut,
    /// The model's server wrote what is no answer.
    Garbage,
    /// The model's answer had no words.
    Empty,
    /// The answer ran into the model's token limit.
    Length,
    /// A content filter stopped the answer.
    Filtered,
    /// The model declined to answer, in words of its own.
    Refused,
    /// A person takes the call: the caller's words were said when that was settled.
    HandedOver,
    /// No person could be had: the agent asks for a message.
    NoPerson,
    /// The call had reached its longest duration, or its last turn.
    Limit,
    /// A reason that a newer engine knows.
    #[serde(other)]
    Other,
}

impl Reason {
    /// Whether the model, or the way to it, failed to answer.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::FirstTokenTimeout
            | Self::Stalled
            | Self::TurnTimeout
            | Self::ModelFailed
            | Self::Cut
            | Self::Garbage
            | Self::Empty
            | Self::Filtered => true,
            Self::Superseded
            | Self::CallEnded
            | Self::TakenOver
            | Self::Length
            | Self::Refused
            | Self::HandedOver
            | Self::NoPerson
            | Self::Limit
            | Self::Other => false,
        }
    }
}

/// How far the voice had come with a turn when that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// Characters that were spoken.
    pub chars: u32,
    /// When that was, or will be where the voice has other words before it, and the voice spoke on;
    /// None: it had stopped there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
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
    /// Of the agent's, how far the voice had come; None: nothing more was to be spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub played: Option<Played>,
    /// Why it is not whole, or why it has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// So many turns before this one were said and could not be stored: the store was away for
    /// longer than they could wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_before: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
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
            played: None,
            reason: None,
            lost_before: 0,
        }
    }
}

impl Turn {
    /// Whether both are versions of one turn, and not two that happen to have its number: the caller's
    /// words never change.
    #[must_use]
    pub fn is_version_of(&self, other: &Self) -> bool {
        let named = |turn: &Self| (turn.id, turn.role, turn.at);
        named(self) == named(other) && (self.role == Role::Agent || self.text == other.text)
    }

    /// Whether that may be an earlier or later version of this turn: an answer that is gone on with has
    /// begun once more.
    #[must_use]
    pub fn may_continue(&self, other: &Self) -> bool {
        let has_grown = self.text.starts_with(&other.text) || other.text.starts_with(&self.text);
        let is_one = (self.id, self.role) == (other.id, other.role);
        self.is_version_of(other) || (is_one && self.role == Role::Agent && has_grown)
    }

    /// Whether the same was said on the same side at about that time: Twilio may have brought words
    /// of the caller's to the next engine as well.
    #[must_use]
    pub fn says(&self, other: &Self) -> bool {
        let apart = self.at.since(other.at).max(other.at.since(self.at));
        apart <= SAID_AGAIN && self.role == other.role && self.text == other.text
    }

    /// How many characters had been spoken by that moment, should the voice have gone on until then.
    #[must_use]
    pub fn spoken_by(&self, moment: Timestamp) -> u64 {
        let all = self.text.chars().count() as u64;
        let Some(played) = self.played else { return all };
        let since = played.at.map_or(0, |at| spoken_in(moment.since(at)));
        all.min(u64::from(played.chars) + since)
    }
}

/// A turn of an owner that the call had moved on from: it was said and heard, and came to the store
/// when another engine had gone on without it. Shown beside the transcript, never told a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateTurn {
    /// The engine that held the call.
    pub instance: InstanceId,
    /// Its claim.
    pub epoch: Epoch,
    /// The sequence number that the turn had there.
    pub seq: u64,
    /// What was said.
    pub turn: Turn,
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

    /// Takes a turn: a later version of one it has replaces that one. What is missing before a turn
    /// stays missing: a later version may not know.
    pub fn put(&mut self, mut turn: Turn) {
        let key = (turn.id, turn.role);
        match self.turns.binary_search_by_key(&key, |known| (known.id, known.role)) {
            Ok(at) => {
                if let Some(known) = self.turns.get_mut(at) {
                    turn.lost_before = turn.lost_before.max(known.lost_before);
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

    /// Whether the same was said at about that time.
    #[must_use]
    pub fn says(&self, turn: &Turn) -> bool {
        self.turns.iter().any(|said| said.says(turn))
    }

    /// Whether a turn of an engine that the call has left is unknown here: it does not stand, and no
    /// other engine has heard the same. `its`: all the turns of that engine.
    #[must_use]
    pub fn lacks(&self, turn: &Turn, its: &[Turn]) -> bool {
        let mut of_others = self.turns.iter().filter(|stands| !its.contains(stands));
        !self.turns.contains(turn) && !of_others.any(|stands| stands.says(turn))
    }

    /// The last exchange that anything is known of.
    #[must_use]
    pub fn last_id(&self) -> TurnId {
        self.turns.last().map_or(TurnId(0), |turn| turn.id)
    }

    /// The last exchange in which the agent said something.
    #[must_use]
    pub fn last_said(&self) -> TurnId {
        let said = self.turns.iter().rfind(|turn| turn.role == Role::Agent);
        said.map_or(TurnId(0), |turn| turn.id)
    }

    /// When somebody began to say something last, as far as it bears on a session that is thought to
    /// have ended at `end`: the caller proves that it lived, an agent's words only that an engine
    /// believed so, and for a moment that one may be right.
    #[must_use]
    pub fn last_sign_of_life(&self, end: Timestamp, moment: Millis) -> Option<Timestamp> {
        let proves = |turn: &&Turn| turn.role == Role::Customer || turn.at < end + moment;
        self.turns.iter().filter(proves).map(|turn| turn.at).max()
    }

    /// The last exchange in which the caller said something.
    #[must_use]
    pub fn last_asked(&self) -> TurnId {
        let asked = self.turns.iter().rfind(|turn| turn.role == Role::Customer);
        asked.map_or(TurnId(0), |turn| turn.id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_before_a_turn_is_still_missing_in_its_later_version() {
        let turn = Turn::new(TurnId(3), Role::Agent, "Half", Timestamp(1));
        let known = Turn { lost_before: 2, ..turn.clone() };
        let transcript: Transcript =
            [known, Turn { text: "Whole".into(), ..turn }].into_iter().collect();
        let last = transcript.get(TurnId(3), Role::Agent);
        assert_eq!(last.map(|turn| (turn.text.as_str(), turn.lost_before)), Some(("Whole", 2)));
        let json = serde_json::to_value(last).unwrap();
        assert_eq!(json["lost_before"], 2);
    }

    #[test]
    fn a_turn_of_an_older_engine_has_nothing_missing_before_it() {
        let json = r#"{"id":1,"role":"customer","text":"Hi","at":1}"#;
        let turn: Turn = serde_json::from_str(json).unwrap();
        assert_eq!(turn.lost_before, 0);
        assert!(!serde_json::to_string(&turn).unwrap().contains("lost_before"));
    }

    fn turn(id: u32, role: Role, text: &str) -> Turn {
        Turn::new(TurnId(id), role, text, Timestamp(0))
    }

    #[test]
    fn turns_stand_in_order_and_a_later_version_replaces_an_earlier_one() {
        let mut transcript = Transcript::default();
        assert_eq!(transcript.last_id(), TurnId(0));
        transcript.put(turn(2, Role::Agent, "Nil."));
        transcript.put(turn(0, Role::Agent, "Hello."));
        transcript.put(turn(2, Role::Customer, "The fee?"));
        transcript.put(turn(2, Role::Agent, "29 dollars."));
        let texts: Vec<_> = transcript.turns().iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!(texts, ["Hello.", "The fee?", "29 dollars."]);
        assert_eq!(transcript.last_id(), TurnId(2));
        let fee = transcript.get(TurnId(2), Role::Agent).map(|turn| turn.text.as_str());
        assert_eq!((fee, transcript.get(TurnId(1), Role::Agent)), (Some("29 dollars."), None));
    }

    #[test]
    fn a_transcript_lacks_what_neither_stands_nor_was_heard_by_another_engine() {
        let said = |id, text| turn(id, Role::Customer, text);
        let its = [said(1, "One."), said(2, "Yes."), said(3, "Again."), said(4, "Yes.")];
        let stands: Transcript =
            [said(1, "One."), said(2, "Yes."), said(3, "Hm?"), said(5, "Again.")]
                .into_iter()
                .collect();
        let lacking: Vec<_> = its.iter().filter(|turn| stands.lacks(turn, &its)).collect();
        // "Yes" was said twice to it, and one of them is there.
        assert_eq!(lacking, [&said(4, "Yes.")]);
        let of_an_hour_later = Turn { at: Timestamp(3_600_000), ..said(3, "Again.") };
        assert!(stands.lacks(&of_an_hour_later, &its));
    }

    #[test]
    fn only_the_callers_last_words_wait_for_an_answer_until_there_is_a_reason() {
        let asked = turn(1, Role::Customer, "The fee?");
        let ended = Turn { reason: Some(Reason::CallEnded), ..asked.clone() };
        let answered = [asked.clone(), turn(1, Role::Agent, "29 dollars.")];
        assert_eq!(Transcript::from_iter([asked.clone()]).unanswered(), Some(&asked));
        assert_eq!(Transcript::from_iter([ended]).unanswered(), None);
        assert_eq!(Transcript::from_iter(answered).unanswered(), None);
        assert_eq!(Transcript::default().unanswered(), None);
    }
}
