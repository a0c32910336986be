//! What happened before the registry has answered the claim.

use super::MAILBOX;
use crate::domain::{conversation::Input, record::Failure};

/// In the order in which the conversation is to learn of it.
///
/// That a session failed comes first, then the line that there is now, and behind it what was said: of
/// lines that have come and gone meanwhile the conversation need not know.
#[derive(Default)]
pub(super) struct Early(Vec<Input>);

impl Early {
    pub(super) fn push(&mut self, input: Input) {
        match &input {
            Input::SessionFailed(failure) | Input::FailedBefore(failure) => {
                if self
                    .0
                    .first()
                    .and_then(failure_in)
                    .is_some_and(|known| failure.ended < known.ended)
                {
                    // Told late: the line there is came behind a later one.
                    return;
                }
                self.0.retain(|it| !is_of_a_line(it) && failure_in(it).is_none());
                self.0.insert(0, input);
            }
            Input::Attached => {
                self.0.retain(|it| !is_of_a_line(it));
                let at = usize::from(self.0.first().and_then(failure_in).is_some());
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

fn failure_in(input: &Input) -> Option<Failure> {
    match input {
        Input::SessionFailed(failure) | Input::FailedBefore(failure) => Some(*failure),
        _ => None,
    }
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
        let failure = |at| Failure::new(Timestamp(at));
        let failed = Input::SessionFailed(failure(5));
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
        let story = vec![failed.clone(), Input::Attached, Input::SessionFailed(failure(9))];
        assert_eq!(of(story), [Input::SessionFailed(failure(9))]);
        // A webhook about an older session may come behind the address of the line there is.
        let known = Input::FailedBefore(failure(9));
        let story = vec![known.clone(), Input::Attached, failed.clone(), Input::Attached];
        assert_eq!(of(story), [known, Input::Attached]);
    }
}
