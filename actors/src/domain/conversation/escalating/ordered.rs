//! A supervisor's order: a person takes the call, whatever was being said.

use crate::domain::{
    conversation::{
        Conversation, Effect, Observation,
        closing::{Closing, Exit},
        opening::Opening,
    },
    escalation::Grounds,
    order::{Order, Ordered},
    time::Timestamp,
    transcript::Reason,
};

impl Conversation {
    /// What will become of an order that is given now.
    #[must_use]
    pub fn answer_to(&self, order: &Order) -> Ordered {
        match order {
            Order::Escalate(_) if self.escalating.ordered.is_some() => Ordered::UnderWay,
            Order::Escalate(_) => self.takes_order(),
        }
    }

    /// Whether a person can be sought for the caller now.
    fn takes_order(&self) -> Ordered {
        let asked_in_vain = self.awaits_message() && !self.rules.has_people;
        match self.closing {
            // The next owner is whom to tell.
            Closing::Over | Closing::Ended { exit: Exit::Engine, .. } => Ordered::NotHere,
            _ if self.escalating.current.is_some() || asked_in_vain => Ordered::UnderWay,
            Closing::Bridge(_) | Closing::Ended { exit: Exit::Person, .. } => Ordered::UnderWay,
            Closing::Goodbye { .. } | Closing::Ended { exit: Exit::Goodbye, .. } => Ordered::Ending,
            Closing::No => Ordered::Taken,
        }
    }

    /// An answer that is being written gives way to it.
    pub(in super::super) fn ordered(
        &mut self,
        now: Timestamp,
        grounds: Grounds,
        effects: &mut Vec<Effect>,
    ) {
        if self.takes_order() != Ordered::Taken {
            return effects.push(Effect::Observe(Observation::Ignored("order")));
        }
        if self.opening != Opening::Done {
            self.escalating.ordered.get_or_insert(grounds);
            return;
        }
        let playback = &self.playback;
        // Of a resumed answer the first half was spoken: it stays what it is.
        let unspoken = self
            .answer
            .take_if(|answer| !answer.has_spoken() && playback.sent(answer.turn).is_empty());
        if unspoken.is_some() {
            effects.push(Effect::StopAsking);
            effects
                .push(Effect::Observe(Observation::Answered { reason: Some(Reason::HandedOver) }));
        } else {
            self.give_up_answer(Reason::HandedOver, effects);
            self.turn = self.turn.next();
        }
        self.escalate_now(now, grounds, effects);
    }

    /// The caller can be told things from now on: what was ordered before is done.
    pub(in super::super) fn obey(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if let Some(grounds) = self.escalating.ordered.take() {
            self.ordered(now, grounds, effects);
        }
    }
}
