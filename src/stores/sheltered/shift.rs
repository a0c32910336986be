//! How a call that was claimed without Redis counts there, where others have gone on with it.

use switchhook_actors::domain::{
    ids::{Epoch, TurnId},
    record::CallRecord,
    transcript::{Transcript, Turn},
};

/// How a call counts in Redis.
#[derive(Debug, Clone)]
pub(super) struct Shift {
    /// Its epoch there.
    pub(super) epoch: Epoch,
    /// How much higher its sequence numbers are.
    pub(super) seqs: u64,
    /// How much higher what was said since it was claimed here is numbered; 0: nobody else has said
    /// anything meanwhile.
    pub(super) turns: u32,
    /// What stood in Redis, where somebody has.
    stands: Transcript,
}

impl Shift {
    /// `there` is the call as it was claimed in Redis, `copy` as its session knows it, and `stood`
    /// what that knew when it began.
    pub(super) fn new(there: &CallRecord, copy: &CallRecord, stood: &Transcript) -> Self {
        let unknown = |turn: &Turn| !is_known(turn, stood) && !is_known(turn, &copy.transcript);
        let (stands, turns) = if there.transcript.turns().iter().any(unknown) {
            // The session's first turn may be an answer to the last that it found.
            let next = there.transcript.last_id().0.saturating_add(1);
            (there.transcript.clone(), next.saturating_sub(stood.last_id().0))
        } else {
            (Transcript::default(), 0)
        };
        let seqs = there.next_seq.saturating_sub(copy.next_seq);
        Self { epoch: there.epoch, seqs, turns, stands }
    }

    /// All that Redis should have.
    pub(super) fn transcript(&self, copy: &Transcript, stood: &Transcript) -> Transcript {
        let is_new = |turn: &&Turn| self.turns == 0 || stood.get(turn.id, turn.role).is_none();
        let new = copy.turns().iter().filter(is_new).map(|turn| self.turn(turn, stood));
        self.stands.turns().iter().cloned().chain(new).collect()
    }

    /// A turn as Redis counts it.
    pub(super) fn turn(&self, turn: &Turn, stood: &Transcript) -> Turn {
        if stood.get(turn.id, turn.role).is_some() {
            return turn.clone();
        }
        Turn { id: TurnId(turn.id.0.saturating_add(self.turns)), ..turn.clone() }
    }
}

/// Whether that transcript has some version of the turn, and not another turn in its place.
pub(super) fn is_known(turn: &Turn, transcript: &Transcript) -> bool {
    transcript.get(turn.id, turn.role).is_some_and(|known| known.is_version_of(turn))
}
