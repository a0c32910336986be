//! What is said to callers who shall be with a person, or cannot be.

use std::collections::BTreeSet;

use switchhook_actors::domain::{
    ids::TurnId,
    record::CallRecord,
    transcript::{Reason, Role},
};

use super::{
    super::{Invariant, Seen, Verdict, is_filler},
    Escalations, broken,
    under_way::{Bridge, Sentence},
};

/// What stands in marks and in the arguments of tools, and nowhere else.
const SECRETS: [&str; 3] = ["ESCALATE", "quartz", "Quartz"];

/// The turns whose reason that is in the record: it stays with them, whoever cuts them.
pub(super) fn concerned(record: &CallRecord) -> BTreeSet<(TurnId, Role)> {
    let concerns = [Some(Reason::HandedOver), Some(Reason::NoPerson)];
    let turns = record.transcript.turns().iter().filter(|turn| concerns.contains(&turn.reason));
    turns.map(|turn| (turn.id, turn.role)).collect()
}

impl Escalations {
    pub(super) fn say(&mut self, seen: &Seen<'_>, turn: TurnId, text: &str) -> Verdict {
        if text.is_empty() || is_filler(seen.persona, text) {
            return Ok(());
        }
        let wanted = |it: Sentence| text.trim_end().ends_with(it.words(seen.persona));
        if seen.loses_session() && !self.owed.is_some_and(wanted) {
            // What the voice had not spoken is said once more.
            if let Some(bridge) = self.under_way.as_mut().and_then(|it| it.bridge.as_mut()) {
                bridge.stopped_at = None;
            }
            return Ok(());
        }
        if self.said.0 != turn {
            self.said = (turn, String::new());
        }
        self.said.1.push_str(text);
        if let Some(secret) = SECRETS.iter().find(|secret| self.said.1.contains(**secret)) {
            return broken(Invariant::Whole, format!("{secret:?} is spoken: {text:?}"));
        }
        if self.plea == Some(turn) {
            return broken(Invariant::Bridged, format!("to a caller who pleads: {text:?}"));
        }
        if let Some(sentence) = self.owed {
            // Who is back and has said something since the wish may have said too much by now.
            let limit = sentence == Sentence::Welcome && text.ends_with(&seen.persona.limit);
            if !limit && !wanted(sentence) {
                return broken(Invariant::Escalated, format!("{text:?}, not the {sentence:?}"));
            }
            self.owed = None;
        }
        self.untold = false;
        self.told(seen, text);
        Ok(())
    }

    /// What the caller knows then.
    fn told(&mut self, seen: &Seen<'_>, text: &str) {
        let persona = seen.persona;
        if text.trim_end().ends_with(&persona.bridge)
            && let Some(current) = &mut self.under_way
        {
            let (at, stopped_at) = (seen.now, None);
            current.bridge = Some(Bridge { at, just_now: true, stopped_at });
            if std::mem::take(&mut current.gone) {
                // What they had to say before is over.
                (current.held_at, current.pleaded_at) = (None, None);
            }
        }
        let asks = [&persona.escalation, &persona.unreached];
        if asks.iter().any(|words| text.trim_end().ends_with(words.as_str())) {
            self.message_for = Some(self.number);
        }
    }
}
