//! Keys that the caller presses, joined into one caller turn.
//!
//! Twilio sends one `dtmf` message a key. They belong together until `#`, or until none has come for
//! [`PAUSE`].

use super::time::{Millis, Timestamp};

/// After the last key, ms: who types a number looks up in between, but not for longer.
const PAUSE: Millis = 3_000;

/// Keys of one turn at most. A card number with its date and code has 23.
const KEYS_MAX: usize = 64;

/// Ends a number.
const END: char = '#';

/// Stands before the keys in the transcript and tells the model that they were pressed, not said.
const MARK: &str = "[keys] ";

/// The keys of a turn that is being pressed. They may be a card number: its `Debug` shows none.
#[derive(Default)]
pub struct Keys {
    pressed: String,
    last: Timestamp,
    /// Until then what was pressed before may not have been looked at.
    excused_until: Timestamp,
}

impl Keys {
    /// Whether none was pressed since the last turn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pressed.is_empty()
    }

    /// Takes a key; true when it was the last one of the turn. A `#` ends what was pressed before it;
    /// alone it is a key like any other.
    pub fn press(&mut self, now: Timestamp, key: char) -> bool {
        self.last = now;
        let ends = key == END && !self.is_empty();
        if !ends {
            self.pressed.push(key);
        }
        ends || key == END || self.pressed.len() >= KEYS_MAX
    }

    /// When the turn is over without a further key.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        (!self.is_empty()).then(|| (self.last + PAUSE).max(self.excused_until))
    }

    /// The turn is not over before that moment.
    pub fn excuse(&mut self, until: Timestamp) {
        self.excused_until = until;
    }

    /// The turn's words; there are none left afterwards.
    #[must_use]
    pub fn take(&mut self) -> Option<String> {
        let pressed = std::mem::take(&mut self.pressed);
        (!pressed.is_empty()).then(|| [MARK, &pressed].concat())
    }
}

/// The keys of a turn that was pressed.
#[must_use]
pub fn pressed(words: &str) -> Option<&str> {
    words.strip_prefix(MARK)
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("pressed", &self.pressed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(keys: &mut Keys, sequence: &str) -> Vec<bool> {
        sequence.chars().map(|key| keys.press(Timestamp(1_000), key)).collect()
    }

    #[test]
    fn a_number_ends_with_the_hash_key_or_with_a_pause() {
        let mut keys = Keys::default();
        assert_eq!(press(&mut keys, "12#"), [false, false, true]);
        assert_eq!(keys.take().as_deref(), Some("[keys] 12"));
        assert_eq!((keys.take(), keys.deadline()), (None, None));
        assert_eq!(press(&mut keys, "*4"), [false, false]);
        assert_eq!(keys.deadline(), Some(Timestamp(4_000)));
        assert_eq!(keys.take().as_deref(), Some("[keys] *4"));
    }

    #[test]
    fn a_hash_key_alone_is_a_key() {
        let mut keys = Keys::default();
        assert_eq!(press(&mut keys, "#"), [true]);
        assert_eq!(keys.take().as_deref(), Some("[keys] #"));
    }

    #[test]
    fn keys_are_bounded_and_never_shown() {
        let mut keys = Keys::default();
        let last = press(&mut keys, &"7".repeat(KEYS_MAX));
        assert_eq!(last.iter().filter(|over| **over).count(), 1);
        assert!(!format!("{keys:?}").contains('7'));
    }
}
