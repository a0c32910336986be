//! What the caller heard, and whether the transcript says so.
//!
//! Where an interrupt repeats our words faithfully and they stand in one place only, the place is
//! exact to the word. Everywhere else the engine counts time at the pace of a usual voice, and may
//! be wrong by as much as this voice differs from it: that is the tolerance.

mod said;

use std::collections::BTreeMap;

use switchhook_actors::domain::{
    ids::TurnId,
    time::{Millis, Timestamp},
    transcript::{Role, Transcript},
};

use self::said::{Fate, Said};
use super::{super::machine::GREETING, Invariant, Verdict, Violation, letters};

/// Pace of a voice by the engine's count, characters a second.
const USUAL_PACE: u64 = 14;

/// A place that time estimates may be off by so many letters in any case: a long word, and what is
/// lost by rounding at every token.
const SLACK: u64 = 24;

/// So long after a voice that stopped an interrupt may still say why, ms: until then the engine
/// keeps its idea of how far the voice had come.
const OFF_BY_INTERRUPT: Millis = 1_500;

/// How many utterances the engine looks for Twilio's words in.
const KNOWN: usize = 6;

#[derive(Debug)]
pub(crate) struct Heard {
    pace: u64,
    said: BTreeMap<TurnId, Said>,
    /// What the engine may look for Twilio's words in: since the last cut, in order.
    known: Vec<(Option<TurnId>, String)>,
    /// When all would be spoken at the usual pace.
    busy_until: Timestamp,
    /// Until when an interrupt may say why the voice has stopped.
    doubtful_until: Timestamp,
    /// Since when the voice, or the engine's idea of it, has been speaking.
    speaking_since: Timestamp,
    /// Letters that the idea may be wrong by for other causes than pace.
    astray: u64,
    /// The engine's idea of the voice has nothing to do with it, until the next cut.
    adrift: bool,
    /// A session failed, maybe within a word: the next one goes on in the middle of it.
    ragged: bool,
    /// A session failed: the next that is said again is the first.
    begins_again: bool,
    /// By how many letters it was wrong when the line was lost.
    off_at_loss: Option<u64>,
}

impl Heard {
    pub(crate) fn new(pace: u64, now: Timestamp) -> Self {
        Self {
            pace,
            said: BTreeMap::new(),
            known: Vec::new(),
            busy_until: now,
            doubtful_until: now,
            speaking_since: now,
            astray: 0,
            adrift: false,
            ragged: false,
            begins_again: false,
            off_at_loss: None,
        }
    }

    /// What was sent for a turn so far, bytes.
    pub(crate) fn sent(&self, turn: TurnId) -> &str {
        self.said.get(&turn).map_or("", |said| &said.sent)
    }

    /// Words were said; `idle`: into a silence, which takes the voice `latency` to break.
    pub(crate) fn say(
        &mut self,
        now: Timestamp,
        turn: Option<TurnId>,
        text: &str,
        idle: bool,
        latency: Millis,
    ) {
        if idle && self.busy_until.max(self.doubtful_until) <= now {
            self.speaking_since = now;
            self.astray = 0;
        }
        if idle {
            self.delayed(latency);
        }
        // Which of two equal sentences is reported as played nobody can tell.
        let twice = self.known.iter().map(|(_, known)| equal_end(known, text)).max();
        self.astray += twice.filter(|letters| *letters > SLACK).unwrap_or_default();
        let chars = text.chars().count() as u64;
        self.busy_until = self.busy_until.max(now) + chars * 1_000 / USUAL_PACE;
        if let Some(turn) = turn {
            let new = || Said { sent: String::new(), fate: Fate::Whole };
            let said = self.said.entry(turn).or_insert_with(new);
            said.sent.push_str(text);
            if said.fate != Fate::Whole {
                // It is gone on with: what lies between nobody heard, or nobody knows.
                said.fate = Fate::Vague;
            }
        }
        match self.known.last_mut() {
            Some((last, known)) if *last == turn && turn.is_some() => known.push_str(text),
            _ => self.known.push((turn, text.to_owned())),
        }
    }

    /// The line is gone, or back.
    pub(crate) fn line_lost(&mut self, at: Option<Timestamp>) {
        self.off_at_loss = at.map(|at| self.off_at_loss.unwrap_or_else(|| self.off(at)));
    }

    /// The voice is behind the engine's idea of it by so many ms more.
    pub(crate) fn delayed(&mut self, millis: Millis) {
        self.busy_until = self.busy_until + millis;
        let letters = self.letters_in(millis);
        self.astray += letters;
        self.off_at_loss = self.off_at_loss.map(|off| off + letters);
    }

    /// The engine's idea is behind the voice by so many ms more.
    pub(crate) fn outrun(&mut self, now: Timestamp, millis: Millis) {
        self.imagined(now, self.letters_in(millis));
    }

    /// What is spoken in that time at most.
    fn letters_in(&self, millis: Millis) -> u64 {
        millis.div_ceil(1_000 / USUAL_PACE.max(self.pace))
    }

    /// The voice stopped by itself, as far as the engine can know without an interrupt.
    pub(crate) fn stopped(&mut self, now: Timestamp) {
        self.doubtful_until = now + OFF_BY_INTERRUPT;
    }

    /// The engine takes the last so many characters of this for spoken from now on; somebody was before.
    pub(crate) fn believed(&mut self, now: Timestamp, text: &str, chars: u64) {
        let known = (chars > 0).then(|| (None, text.to_owned()));
        self.known.extend(known);
        self.imagined(now, chars);
    }

    /// The engine takes so many characters for unspoken that nobody speaks from now on.
    pub(crate) fn imagined(&mut self, now: Timestamp, chars: u64) {
        self.busy_until = self.busy_until.max(now) + chars * 1_000 / USUAL_PACE;
        self.astray += chars;
    }

    /// The session has failed: what it had to say may be said again.
    pub(crate) fn session_failed(&mut self) {
        self.begins_again = true;
    }

    /// The rest of a turn is said once more, in a new session: all before was heard or lost.
    pub(crate) fn say_again(&mut self, now: Timestamp, turn: TurnId, text: &str) {
        let sent = self.sent(turn).to_owned();
        let takes = text.chars().count() as u64 * 1_000 / USUAL_PACE;
        if let Some(said) = self.said.get_mut(&turn).filter(|said| said.fate != Fate::Vague) {
            said.fate = Fate::Whole;
        }
        if std::mem::take(&mut self.begins_again) {
            self.astray = self.off_at_loss.unwrap_or_else(|| self.off(now));
            self.known.clear();
            (self.busy_until, self.speaking_since) = (now, now);
        }
        self.known.push((Some(turn), sent));
        self.busy_until = self.busy_until + takes;
    }

    /// By how many letters the engine's idea of the voice may be wrong.
    fn off(&self, now: Timestamp) -> u64 {
        let millis = now.since(self.speaking_since);
        self.pace.abs_diff(USUAL_PACE) * millis / 1_000 + self.astray + SLACK
    }

    /// Whether these words stand in one place only of those that the engine looks at.
    pub(crate) fn is_findable(&self, utterance: &str) -> bool {
        let looked_for = letters(utterance);
        let from = self.known.len().saturating_sub(KNOWN);
        let known: String = self.known.iter().skip(from).map(|(_, text)| letters(text)).collect();
        let mut places = known
            .char_indices()
            .filter(|(at, _)| known.get(*at..).is_some_and(|rest| rest.starts_with(&looked_for)));
        !self.ragged && !looked_for.is_empty() && places.next().is_some() && places.next().is_none()
    }

    /// The voice was cut. `reached`: how far every turn was spoken by then.
    pub(crate) fn cut(
        &mut self,
        now: Timestamp,
        reached: &BTreeMap<TurnId, usize>,
        findable: bool,
    ) {
        if std::mem::take(&mut self.adrift) {
            return self.is_vague();
        }
        // Of several places the nearest is taken: that may be twice as far off, in bytes.
        let off = if findable { 0 } else { 8 * self.off(now) };
        let forgotten = self.known.len().saturating_sub(KNOWN);
        for (order, (turn, _)) in std::mem::take(&mut self.known).into_iter().enumerate() {
            let Some((turn, said)) = turn.and_then(|turn| Some((turn, self.said.get_mut(&turn)?)))
            else {
                continue;
            };
            let at = reached.get(&turn).copied().unwrap_or(0);
            if order < forgotten && at < said.sent.len() {
                said.fate = Fate::Vague;
            } else if said.fate == Fate::Whole && (at < said.sent.len() || !findable) {
                said.fate = Fate::Cut { at, off };
            }
        }
        self.busy_until = now;
        self.speaking_since = now;
        self.astray = 0;
        self.ragged = false;
    }

    /// The voice fell silent at that moment, since the line was lost or the call is over.
    pub(crate) fn silenced(&mut self, at: Timestamp, reached: &BTreeMap<TurnId, usize>) {
        self.ragged = true;
        if std::mem::take(&mut self.adrift) {
            return self.is_vague();
        }
        let off = self.off_at_loss.unwrap_or_else(|| self.off(at));
        let forgotten = self.known.len().saturating_sub(KNOWN);
        for (order, (turn, _)) in std::mem::take(&mut self.known).into_iter().enumerate() {
            let Some(turn) = turn else { continue };
            let Some(said) = self.said.get_mut(&turn) else { continue };
            let heard = reached.get(&turn).copied().unwrap_or(0);
            match &mut said.fate {
                fate if order < forgotten && heard < said.sent.len() => *fate = Fate::Vague,
                Fate::Whole => said.fate = Fate::Cut { at: heard, off },
                // Its last words never left.
                Fate::Cut { at, .. } => *at = heard.min(*at),
                Fate::Vague => {}
            }
        }
    }

    /// What was said since the last cut: nobody can tell what was heard of it.
    fn is_vague(&mut self) {
        for turn in std::mem::take(&mut self.known).into_iter().filter_map(|(turn, _)| turn) {
            if let Some(said) = self.said.get_mut(&turn) {
                said.fate = Fate::Vague;
            }
        }
    }

    /// The same, and the engine does not know that the voice was cut.
    pub(crate) fn cast_adrift(&mut self) {
        self.is_vague();
        self.adrift = true;
    }

    /// Whether the engine's idea of the voice has nothing to do with it.
    pub(crate) fn is_adrift(&self) -> bool {
        self.adrift
    }

    /// The engine had no occasion to note that turn.
    pub(crate) fn unnoted(&mut self, turn: TurnId) {
        self.said.remove(&turn);
    }

    /// Words of a turn were silenced before they left.
    pub(crate) fn dropped(&mut self, now: Timestamp, turn: TurnId, at: usize) {
        // An interrupt of what an engine before this one said tells how long that was spoken: of
        // words that were silenced with it the engine may believe as much.
        let off = self.off(now);
        let fate = if self.adrift { Fate::Vague } else { Fate::Cut { at, off } };
        if let Some(said) = self.said.get_mut(&turn).filter(|said| said.fate == Fate::Whole) {
            said.fate = fate;
        }
    }

    /// Another engine begins with what is durable.
    pub(crate) fn taken_over(&mut self, now: Timestamp, durable: &Transcript) {
        *self = Self::new(self.pace, now);
        for turn in durable.turns().iter().filter(|turn| turn.role == Role::Agent) {
            self.said.insert(turn.id, Said { sent: turn.text.clone(), fate: Fate::Vague });
        }
        // Should it not be durable, it is noted again.
        let greeting = || Said { sent: GREETING.to_owned(), fate: Fate::Vague };
        self.said.entry(TurnId(0)).or_insert_with(greeting);
    }

    /// Holds the transcript against what was heard. An answer that is still being written may be
    /// behind.
    pub(crate) fn compare(
        &self,
        transcript: &Transcript,
        unfinished: Option<TurnId>,
        at_end: bool,
    ) -> Verdict {
        let done = |turn: &&TurnId| Some(**turn) != unfinished;
        for (id, said) in self.said.iter().filter(|(turn, _)| done(turn)) {
            match transcript.get(*id, Role::Agent) {
                Some(turn) => said.compare(turn)?,
                None if !at_end || said.was_hardly_heard() => {}
                None => {
                    let detail = format!("turn {id} is not noted: {said:?}");
                    return Err(Violation::of(Invariant::Heard, detail));
                }
            }
        }
        let unsaid = transcript.turns().iter().find(|turn| {
            turn.role == Role::Agent && !turn.text.is_empty() && !self.said.contains_key(&turn.id)
        });
        match unsaid {
            None => Ok(()),
            Some(turn) => Err(Violation::of(Invariant::Heard, format!("nobody said {turn:?}"))),
        }
    }
}

/// How many letters two texts end with alike.
fn equal_end(one: &str, other: &str) -> u64 {
    let (one, other) = (letters(one), letters(other));
    one.chars().rev().zip(other.chars().rev()).take_while(|(one, other)| one == other).count()
        as u64
}
