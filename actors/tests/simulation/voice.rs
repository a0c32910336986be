//! Twilio's voice: what it was given, and how far it has come. What it has spoken is the truth that
//! the transcript is held against.

use std::collections::{BTreeMap, VecDeque};

use switchhook_actors::domain::{
    ids::TurnId,
    time::{Millis, Timestamp},
};

/// Words in the voice's queue.
#[derive(Debug, Clone)]
struct Piece {
    /// Whose; nobody's if they only cover a wait.
    turn: Option<TurnId>,
    /// The engine that speaks now did not say them.
    foreign: bool,
    text: String,
    /// Where they begin in all that was sent for their turn, bytes.
    from: usize,
    cycle: u32,
    /// How many bytes are spoken.
    spoken: usize,
}

#[derive(Debug)]
pub(crate) struct Voice {
    /// Characters a second.
    pace: u64,
    latency: Millis,
    /// Spoken ones first; those of the last talk cycle stay, for an interrupt repeats them.
    pieces: Vec<Piece>,
    cycle: u32,
    /// Looked at last.
    at: Timestamp,
    /// When the sound begins.
    starts_at: Timestamp,
    /// Thousandths of a character.
    rest: u64,
    /// Characters unspoken.
    left: u64,
    /// How far every turn is spoken, bytes of what was sent.
    pub(crate) reached: BTreeMap<TurnId, usize>,
    /// Spoken and not reported as played, of the last turn.
    unreported: String,
    /// Of turns before.
    reports: VecDeque<String>,
}

/// What is known of a cut.
pub(crate) struct Broken {
    /// What of the talk cycle, or of all, was spoken.
    pub(crate) utterance: String,
    /// How long that took, ms.
    pub(crate) after: Millis,
    /// Whether the engine that speaks now did not say some of it.
    pub(crate) foreign: bool,
}

impl Voice {
    pub(crate) fn new(pace: u64, latency: Millis, now: Timestamp) -> Self {
        Self {
            pace,
            latency,
            pieces: Vec::new(),
            cycle: 0,
            at: now,
            starts_at: now,
            rest: 0,
            left: 0,
            reached: BTreeMap::new(),
            unreported: String::new(),
            reports: VecDeque::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.left == 0
    }

    /// Characters unspoken.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Whether there is sound now.
    pub(crate) fn sounds(&self, now: Timestamp) -> bool {
        self.left > 0 && self.starts_at <= now
    }

    pub(crate) fn starts_at(&self) -> Timestamp {
        self.starts_at
    }

    /// When so many characters more will have been spoken.
    fn spoken_at(&self, chars: u64) -> Timestamp {
        let millis = (chars * 1_000).saturating_sub(self.rest).div_ceil(self.pace);
        self.at.max(self.starts_at) + millis
    }

    /// When all will have been spoken.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        (self.left > 0).then(|| self.spoken_at(self.left))
    }

    /// When so many characters wait to be reported.
    pub(crate) fn reports_at(&self, every: u64) -> Option<Timestamp> {
        if !self.reports.is_empty() {
            return Some(self.at);
        }
        let more = every.saturating_sub(self.unreported.chars().count() as u64);
        (self.left > 0).then(|| self.spoken_at(more.min(self.left).min(self.to_next_piece())))
    }

    /// Characters until other words begin: a report tells of one turn's.
    fn to_next_piece(&self) -> u64 {
        let mut unspoken = self.pieces.iter().filter(|piece| piece.spoken < piece.text.len());
        let current = unspoken.next();
        if current.is_some_and(|piece| piece.spoken == 0 && !self.unreported.is_empty()) {
            return 1;
        }
        let rest = current.and_then(|piece| piece.text.get(piece.spoken..));
        match (rest, unspoken.next()) {
            (Some(rest), Some(_)) => rest.chars().count() as u64 + 1,
            _ => u64::MAX,
        }
    }

    /// What is to be reported now, if so many characters are: at most one turn's words.
    pub(crate) fn report(&mut self, every: u64) -> Option<String> {
        let due = self.unreported.chars().count() as u64 >= every || self.is_idle();
        let last = (due && !self.unreported.is_empty()).then_some(());
        self.reports.pop_front().or_else(|| last.map(|()| std::mem::take(&mut self.unreported)))
    }

    /// Characters that are spoken and not reported.
    pub(crate) fn unreported(&self) -> u64 {
        let waiting = self.reports.iter().chain([&self.unreported]);
        waiting.map(|words| words.chars().count() as u64).sum()
    }

    /// Speaks until now.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let since = now.since(self.at.max(self.starts_at));
        self.at = self.at.max(now);
        if self.left == 0 || since == 0 {
            return;
        }
        self.rest += since * self.pace;
        let mut chars = (self.rest / 1_000).min(self.left);
        self.rest -= chars * 1_000;
        self.left -= chars;
        for piece in self.pieces.iter_mut().filter(|piece| piece.spoken < piece.text.len()) {
            let unspoken = piece.text.get(piece.spoken..).unwrap_or_default();
            if piece.spoken == 0 && !self.unreported.is_empty() {
                self.reports.push_back(std::mem::take(&mut self.unreported));
            }
            for char in unspoken.chars() {
                if chars == 0 {
                    break;
                }
                chars -= 1;
                piece.spoken += char.len_utf8();
                self.unreported.push(char);
            }
            if let Some(turn) = piece.turn {
                self.reached.insert(turn, piece.from + piece.spoken);
            }
            if chars == 0 {
                break;
            }
        }
    }

    /// Takes words of a turn that begin at `from` in what was sent for it.
    pub(crate) fn take(&mut self, now: Timestamp, turn: Option<TurnId>, text: &str, from: usize) {
        self.advance(now);
        if self.left == 0 {
            self.starts_at = now + self.latency;
            self.rest = 0;
            let cycle = self.cycle;
            self.pieces.retain(|piece| piece.cycle == cycle);
        }
        self.left += text.chars().count() as u64;
        let cycle = self.cycle;
        match self.pieces.last_mut() {
            Some(last)
                if last.turn == turn
                    && !last.foreign
                    && last.cycle == cycle
                    && last.from + last.text.len() == from =>
            {
                last.text.push_str(text);
            }
            _ => {
                let text = text.to_owned();
                self.pieces.push(Piece { turn, foreign: false, text, from, cycle, spoken: 0 });
            }
        }
        if let Some(turn) = turn {
            self.reached.entry(turn).or_insert(from);
        }
    }

    pub(crate) fn end_cycle(&mut self) {
        self.cycle += 1;
    }

    /// Stops, and forgets what was not spoken. With a `lag` the sound stopped before now.
    pub(crate) fn cut(&mut self, now: Timestamp, lag: Millis, all: bool) -> Broken {
        self.advance(now);
        if self.left > 0 {
            self.rewind(lag * self.pace / 1_000);
        }
        let current = self.pieces.iter().rev().find(|piece| piece.spoken > 0 || self.left == 0);
        let cycle = current.map(|piece| piece.cycle);
        let mut broken = Broken { utterance: String::new(), after: 0, foreign: false };
        let mut before = None;
        for piece in self.pieces.iter().filter(|piece| piece.spoken > 0) {
            let spoken = piece.text.get(..piece.spoken).unwrap_or_default();
            if Some(piece.cycle) == cycle {
                broken.after += spoken.chars().count() as u64 * 1_000 / self.pace;
            } else if !all {
                continue;
            }
            if before.is_some_and(|turn| turn != piece.turn) {
                broken.utterance.push(' ');
            }
            broken.utterance.push_str(spoken);
            before = Some(piece.turn);
        }
        broken.foreign = self.is_foreign();
        self.forget();
        broken
    }

    /// Whether some of what it speaks, or spoke last, was said by an engine before this one.
    pub(crate) fn is_foreign(&self) -> bool {
        self.pieces.iter().any(|piece| piece.foreign)
    }

    /// The queue is gone.
    pub(crate) fn forget(&mut self) {
        self.pieces.clear();
        self.left = 0;
        self.rest = 0;
        self.cycle += 1;
        self.unreported.clear();
        self.reports.clear();
    }

    /// Some characters were not spoken after all, unless they were reported already.
    fn rewind(&mut self, chars: u64) {
        let mut chars = chars.min(self.unreported.chars().count() as u64);
        for piece in self.pieces.iter_mut().rev() {
            while chars > 0 && piece.spoken > 0 {
                let spoken = piece.text.get(..piece.spoken).unwrap_or_default();
                piece.spoken -= spoken.chars().next_back().map_or(piece.spoken, char::len_utf8);
                chars -= 1;
            }
            if let (Some(turn), true) = (piece.turn, piece.spoken < piece.text.len()) {
                self.reached.insert(turn, piece.from + piece.spoken);
            }
        }
    }

    /// Another engine speaks from now on: it knows nothing of what is in the queue.
    pub(crate) fn disown(&mut self) {
        for piece in &mut self.pieces {
            (piece.turn, piece.foreign) = (None, true);
        }
        self.reached.clear();
    }
}
