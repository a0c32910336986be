//! The words of one turn, as they were given to the voice.

use crate::domain::ids::TurnId;

/// The words of one turn.
#[derive(Debug, Clone)]
pub(super) struct Utterance {
    pub(super) turn: TurnId,
    /// All that was sent for speaking.
    pub(super) text: String,
    /// Bytes of it that are known to have been heard.
    pub(super) heard: usize,
    /// Spoken in a turn and no part of it, such as a filler.
    pub(super) aside: bool,
    /// Bytes of it that by the clock had been spoken before the next words came, and are not again.
    pub(super) past: usize,
}

impl Utterance {
    /// Where these words end in what is not known to be heard.
    pub(super) fn end_of(
        &self,
        words: &str,
        find: fn(&str, usize, &str) -> Option<usize>,
    ) -> Option<usize> {
        if self.heard < self.text.len() { find(&self.text, self.heard, words) } else { None }
    }

    /// Whether the voice has a letter or digit of it still to speak.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead().chars().any(char::is_alphanumeric)
    }

    /// What the voice has still to speak of it.
    pub(super) fn ahead(&self) -> &str {
        self.text.get(self.heard.max(self.past)..).unwrap_or_default()
    }
}
