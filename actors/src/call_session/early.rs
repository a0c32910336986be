//! What happened before the registry has answered the claim.

use super::MAILBOX;
use crate::domain::conversation::Input;

/// In the order in which the conversation is to learn of it.
///
/// That a session failed comes first, then the line that there is now, and behind it what was said: of
/// lines that have come and gone meanwhile the conversation need not know.
#[derive(Default)]
pub(super) struct Early(Vec<Input>);

impl Early {
    pub(super) fn push(&mut self, input: Input) {
        match &input {
            Input::SessionFailed(_) | Input::FailedBefore(_) => {
                self.0.retain(|it| !is_of_a_line(it) && !is_a_failure(it));
                self.0.insert(0, input);
            }
            Input::Attached => {
                self.0.retain(|it| !is_of_a_line(it));
                let at = usize::from(self.0.first().is_some_and(is_a_failure));
                self.0.insert(at, input);
            }
            _ if self.0.len() < MAILBOX => self.0.push(input),
            _ => {}
        }
    }

    /// Whether it holds an order for a person.
    pub(super) fn has_order(&self) -> bool {
        self.0.iter().any(|input| matches!(input, Input::Ordered(_)))
    }
}

fn is_of_a_line(input: &Input) -> bool {
    matches!(input, Input::Attached | Input::LineLost { .. })
}

fn is_a_failure(input: &Input) -> bool {
    matches!(input, Input::SessionFailed(_) | Input::FailedBefore(_))
}

impl Extend<Input> for Early {
    fn extend<T: IntoIterator<Item = Input>>(&mut self, inputs: T) {
        inputs.into_iter().for_each(|input| self.push(input));
    }
}

impl IntoIterator for Early {
    type Item = Input;
    type IntoIter = std::vec::IntoIter<Input>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{relay::Inbound, time::Timestamp};

    #[test]
    fn a_conversation_learns_of_the_failure_first_and_of_the_last_line_alone() {
        let failed = Input::SessionFailed(Timestamp(5));
        let said = || Input::Relay(Inbound::End);
        let lost = || Input::LineLost { clean: false };
        let of = |inputs: Vec<Input>| {
            let mut early = Early::default();
            early.extend(inputs);
            early.into_iter().collect::<Vec<_>>()
        };
        let story = vec![Input::Attached, said(), failed.clone(), Input::Attached, said()];
        assert_eq!(of(story), [failed.clone(), Input::Attached, said(), said()]);
        let story = vec![Input::Attached, said(), lost()];
        assert_eq!(of(story), [Input::Attached, said(), lost()]);
        let story = vec![Input::Attached, said(), lost(), Input::Attached, said()];
        assert_eq!(of(story), [Input::Attached, said(), said()]);
        let story = vec![failed.clone(), Input::Attached, Input::SessionFailed(Timestamp(9))];
        assert_eq!(of(story), [Input::SessionFailed(Timestamp(9))]);
    }
}
