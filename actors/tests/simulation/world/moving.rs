//! Calls that one engine lets go, and another goes on with.

use switchhook_actors::domain::{
    conversation::{Effect, Input},
    handoff::{HandoffKind, HandoffNote},
    record::Change,
};

use super::{
    super::{
        oracle::{Invariant, Verdict, Violation},
        schedule::Farewell,
    },
    World,
};

/// Whether the session is ended for another engine.
pub(super) fn is_move(handoff: &str) -> bool {
    HandoffNote::parse(handoff).is_ok_and(|note| note.kind == HandoffKind::Move)
}

impl World<'_> {
    /// Twilio ends the session after `end`, asks what is next, and connects the call anew.
    pub(super) fn move_on(&mut self) -> Verdict {
        if self.setting.farewell == Farewell::Webhook {
            self.give(Input::HandedOver)?;
            self.lose_line(true)?;
        } else {
            self.lose_line(true)?;
            self.give(Input::HandedOver)?;
        }
        self.store.flush(self.now);
        let whole = self.store.durable.transcript == *self.machine.transcript();
        let after = self.store.durable.transcript.last_said();
        self.store.durable.apply(&Change::Moved { after }, self.now);
        self.go_on_elsewhere(true)?;
        self.unnoticed = whole;
        self.attach()
    }

    /// The engine stops where the talk is.
    pub(super) fn let_go(&mut self) -> Verdict {
        if self.is_over() {
            return Ok(());
        }
        self.compare(false)?;
        self.give(Input::LetGo)?;
        self.store.flush(self.now);
        self.go_where_it_was_let_go()
    }

    /// A call whose engine has let it go is had by another one.
    pub(super) fn go_where_it_was_let_go(&mut self) -> Verdict {
        if self.let_go { self.go_on_elsewhere(true) } else { Ok(()) }
    }

    /// Nothing is said about a move.
    pub(super) fn stays_unnoticed(&mut self, effects: &[Effect]) -> Verdict {
        let about_it = |effect: &Effect| match effect {
            Effect::Say { text, .. } => text.contains(&self.cast.persona.resume),
            _ => false,
        };
        if self.unnoticed && effects.iter().any(about_it) {
            return Err(Violation::of(Invariant::Moved, format!("{effects:?}")));
        }
        Ok(())
    }
}
