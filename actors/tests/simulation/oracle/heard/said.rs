//! What was sent of one turn, and how much of it was heard.

use switchhook_actors::domain::transcript::Turn;

use super::{Invariant, Verdict, Violation, letters};

/// How much of a turn was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// All of it, sooner or later.
    Whole,
    /// Up to this byte, give or take so many letters.
    Cut { at: usize, off: u64 },
    /// Nobody can know: the engine that said it is gone, or its words were lost on the way.
    Vague,
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) sent: String,
    pub(super) fate: Fate,
}

impl Said {
    /// Whether nothing is missing when it is not noted at all.
    pub(super) fn was_hardly_heard(&self) -> bool {
        let heard = match self.fate {
            Fate::Vague => return true,
            Fate::Whole => &self.sent,
            Fate::Cut { at, off } => {
                let heard = self.sent.get(..at).unwrap_or_default();
                if letters(heard).chars().count() as u64 <= off { "" } else { heard }
            }
        };
        letters(heard).is_empty()
    }

    pub(super) fn compare(&self, turn: &Turn) -> Verdict {
        let (noted, sent) = (letters(&turn.text), letters(&self.sent));
        let wrong = |why: &str| {
            let heard = match self.fate {
                Fate::Cut { at, .. } => self.sent.get(..at).unwrap_or_default(),
                Fate::Whole | Fate::Vague => &self.sent,
            };
            let detail = format!("{why}: heard {heard:?} of {self:?}, noted {turn:?}");
            Err(Violation::of(Invariant::Heard, detail))
        };
        let were_sent = match self.fate {
            // Some of it may have been lost before the rest was said.
            Fate::Vague => is_within(&noted, &sent),
            Fate::Whole | Fate::Cut { .. } => sent.starts_with(&noted),
        };
        if !were_sent {
            return wrong("words that were not sent");
        }
        let count = |text: &str| text.chars().count() as u64;
        match self.fate {
            Fate::Vague => Ok(()),
            Fate::Whole if noted == sent => Ok(()),
            Fate::Whole => wrong("all was heard"),
            Fate::Cut { at, off } => {
                let heard = self.sent.get(..at).unwrap_or_default();
                // A word that was begun counts as unheard.
                let words = match heard.rfind(char::is_whitespace) {
                    _ if at == self.sent.len() => heard,
                    Some(space) => heard.get(..space).unwrap_or_default(),
                    None => "",
                };
                let most = count(&letters(heard)) + off;
                let least = count(&letters(words)).saturating_sub(off);
                let noted = count(&noted);
                if noted > most {
                    wrong("more than was heard")
                } else if noted < least {
                    wrong("less than was heard")
                } else if off == 0 && turn.estimated {
                    wrong("the place could be found")
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// Whether the letters stand in `all` in this order.
fn is_within(letters: &str, all: &str) -> bool {
    let mut all = all.chars();
    letters.chars().all(|letter| all.any(|other| other == letter))
}
