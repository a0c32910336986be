//! Characters and the time that a voice takes for them.

use crate::domain::time::Millis;

/// Pace of a synthetic voice, characters a second (measured on Google and ElevenLabs voices).
const CHARS_PER_SECOND: u64 = 14;

pub(super) fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

/// Characters that a voice speaks in that time.
pub(in super::super) fn spoken_in(time: Millis) -> u64 {
    time * CHARS_PER_SECOND / 1_000
}

/// Characters that a voice which has that time left has not spoken whole: the one it is at counts.
pub(super) fn unspoken_in(time: Millis) -> u64 {
    (time * CHARS_PER_SECOND).div_ceil(1_000)
}

pub(super) fn duration(chars: u64) -> Millis {
    chars * 1_000 / CHARS_PER_SECOND
}

/// The byte `count` characters after `from`.
pub(super) fn forward(text: &str, from: usize, count: u64) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let steps = usize::try_from(count).unwrap_or(usize::MAX);
    rest.char_indices().nth(steps).map_or(text.len(), |(at, _)| from + at)
}

/// The byte before the last `count` characters.
pub(super) fn backward(text: &str, count: u64) -> usize {
    let Some(before) = usize::try_from(count).ok().and_then(|count| count.checked_sub(1)) else {
        return text.len();
    };
    text.char_indices().rev().nth(before).map_or(0, |(at, _)| at)
}
