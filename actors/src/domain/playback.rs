//! What Twilio's voice has spoken by now.
//!
//! Tokens leave in one second, the voice takes ten. Everything that depends on what the caller has
//! *heard* asks here: where an answer was cut, when a goodbye has been spoken, when silence began.
//! Evidence comes in three grades: `tokensPlayed` proves words, `agentSpeaking` proves moments, and
//! between them time is counted at the pace of a voice.

mod crossing;
mod pace;
mod queue;
mod utterance;

pub(super) use self::pace::spoken_in;
use self::{
    crossing::Crossing,
    pace::{backward, chars, duration, forward, unspoken_in},
    queue::Queue,
    utterance::Utterance,
};
use super::{
    heard::{floor_word, follows, is_sure, locate, played},
    ids::TurnId,
    relay::Interrupted,
    time::{Millis, Timestamp},
};

/// `agentSpeaking off` this shortly before an `interrupt` is the interrupt's own doing, ms.
const OFF_BY_INTERRUPT: Millis = 1_500;

/// The voice's queue.
#[derive(Debug, Clone, Default)]
pub struct Playback {
    /// What was given to it.
    queue: Queue,
    /// When all that was sent will have been spoken.
    busy_until: Timestamp,
    /// What was sent so lately that news of the voice knows nothing of it.
    crossing: Crossing,
    /// The voice stopped at this moment with so many characters unspoken by our count, and those said
    /// since: an interrupt may explain the stop only afterwards.
    stopped: Option<(Timestamp, u64)>,
    /// What the loss of the line found.
    paused: Option<Pause>,
    /// What was reported as played last: Twilio may say it again.
    reported: String,
    /// Reports of what was played may have been lost, as with a line: a few letters prove nothing.
    out_of_step: bool,
}

/// A voice without a line.
#[derive(Debug, Clone)]
struct Pause {
    /// Characters that were not spoken when the line was lost, and those said since.
    unspoken: u64,
    /// Of those, the ones said since.
    since: u64,
    /// When the voice would have been done otherwise.
    busy_until: Timestamp,
}

/// A turn of which less was heard than was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Whose words were cut.
    pub turn: TurnId,
    /// What was heard of them.
    pub heard: String,
    /// The place was counted by time, not found in Twilio's words.
    pub estimated: bool,
}

impl Playback {
    /// Words were sent to the voice.
    pub fn speak(&mut self, now: Timestamp, turn: TurnId, words: &str) {
        self.put(now, turn, words);
        self.note(now, words);
    }

    fn put(&mut self, now: Timestamp, turn: TurnId, words: &str) {
        self.settle(now);
        match self.queue.last_mut() {
            Some(last) if last.turn == turn && !last.aside => {
                last.text.push_str(words);
            }
            _ => self.queue.begin(turn, words, false),
        }
        self.take_time(now, words);
    }

    /// Twilio says these words first, of itself: they need no line.
    pub fn greeted(&mut self, now: Timestamp, turn: TurnId, words: &str) {
        self.put(now, turn, words);
        if let Some(pause) = &mut self.paused {
            pause.since = 0;
            pause.busy_until = self.busy_until;
        }
    }

    /// Words that belong to no turn's text were sent to the voice, while that turn is awaited.
    pub fn aside(&mut self, now: Timestamp, turn: TurnId, words: &str) {
        self.settle(now);
        self.queue.begin(turn, words, true);
        self.take_time(now, words);
        self.note(now, words);
    }

    /// Without a line they are sent later.
    fn note(&mut self, now: Timestamp, words: &str) {
        if self.paused.is_none() {
            self.crossing.note(now, chars(words));
        }
    }

    /// A voice that is silent by the clock has left behind what was sent.
    fn settle(&mut self, now: Timestamp) {
        if self.busy_until <= now && self.paused.is_none() {
            self.queue.leave_behind(0);
        }
    }

    fn take_time(&mut self, now: Timestamp, words: &str) {
        self.busy_until = self.busy_until.max(now) + duration(chars(words));
        self.stopped = self.stopped_just_now(now).map(|(at, before)| (at, before + chars(words)));
        if let Some(pause) = &mut self.paused {
            pause.unspoken += chars(words);
            pause.since += chars(words);
        }
    }

    /// The line is lost, maybe earlier than it seemed: what was not spoken by that moment waits, and what is
    /// said from then on.
    pub fn pause(&mut self, at: Timestamp) {
        self.lose_step();
        let Some(pause) = &mut self.paused else {
            let (unspoken, busy_until) = (self.unspoken(at), self.busy_until);
            self.paused = Some(Pause { unspoken, since: 0, busy_until });
            return;
        };
        let unspoken = unspoken_in(pause.busy_until.since(at)) + pause.since;
        pause.unspoken = pause.unspoken.max(unspoken);
    }

    /// There is a line again: what was said meanwhile is spoken now.
    pub fn go_on(&mut self, now: Timestamp) {
        let Some(pause) = self.paused.take() else { return };
        self.queue.leave_behind(spoken_in(pause.busy_until.since(now)) + pause.since);
        self.crossing.note(now, pause.since);
        self.busy_until = match pause.since {
            0 => pause.busy_until,
            since => pause.busy_until.max(now) + duration(since),
        };
    }

    /// Words of that turn were heard before this playback began (a call taken over).
    pub fn resume(&mut self, turn: TurnId, heard: &str) {
        self.queue.begin(turn, heard, false);
        if let Some(utterance) = self.queue.last_mut() {
            utterance.heard = heard.len();
        }
    }

    /// The voice has these words of that turn from a playback before this one, behind those that were
    /// heard.
    pub fn resume_speaking(&mut self, now: Timestamp, turn: TurnId, heard: &str, words: &str) {
        self.resume(turn, heard);
        self.put(now, turn, words);
    }

    /// Whose words were sent last, unless they belong to no turn's text.
    #[must_use]
    pub fn last_turn(&self) -> Option<TurnId> {
        self.queue.last().filter(|last| !last.aside).map(|last| last.turn)
    }

    /// What was sent for that turn.
    #[must_use]
    pub fn sent(&self, turn: TurnId) -> &str {
        let said = |utterance: &&Utterance| utterance.turn == turn && !utterance.aside;
        let of_turn = self.queue.iter().rev().find(said);
        of_turn.map_or("", |utterance| &utterance.text)
    }

    /// How many characters of that turn's are still unspoken, by the clock.
    #[must_use]
    pub fn unspoken_of(&self, now: Timestamp, turn: TurnId) -> u64 {
        let mut unspoken = self.unspoken(now);
        for utterance in self.queue.iter().rev() {
            let all = chars(&utterance.text);
            if utterance.turn == turn && !utterance.aside {
                return unspoken.min(all);
            }
            unspoken = unspoken.saturating_sub(all);
        }
        0
    }

    /// How long the voice takes until it comes to that turn, by the clock, ms.
    #[must_use]
    pub fn takes_until(&self, now: Timestamp, turn: TurnId) -> Millis {
        let of_turn = |utterance: &&Utterance| utterance.turn == turn && !utterance.aside;
        let from = self.queue.iter().rev().take_while(|utterance| !of_turn(utterance));
        let behind: u64 = from.map(|utterance| chars(&utterance.text)).sum();
        let of_it = chars(self.sent(turn));
        duration(self.unspoken(now).saturating_sub(behind + of_it))
    }

    /// When all that was sent will have been spoken, as far as can be told.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.busy_until
    }

    /// When all of it has been spoken and no interrupt can still say otherwise: a voice that stops before
    /// its time may have been stopped by the caller.
    #[must_use]
    pub fn surely_ends_at(&self) -> Timestamp {
        let doubtful = self.stopped.filter(|(_, unspoken)| *unspoken > 0);
        let explained =
            doubtful.map(|(at, unspoken)| at + duration(unspoken).min(OFF_BY_INTERRUPT));
        explained.map_or(self.busy_until, |at| at.max(self.busy_until))
    }

    /// The voice starts or stops (`agentSpeaking`). Stopped without an interrupt, it has spoken
    /// all there was, but for what was on its way.
    pub fn voice(&mut self, now: Timestamp, on: bool) {
        let stopped = self.stopped;
        self.stopped = (!on).then(|| (now, self.unspoken(now)));
        if !on {
            let unheard = self.crossing.sent(now);
            self.queue.hear(unheard);
        } else if let Some((_, unspoken)) = stopped.filter(|_| self.queue.ahead() == 0) {
            // The stop was that of an answer before what was thought to be spoken by it.
            self.queue.take_back(unspoken);
        }
        self.busy_until = now + duration(self.queue.ahead());
    }

    /// Words that have been spoken may not have been told of.
    pub fn lose_step(&mut self) {
        self.out_of_step = true;
    }

    /// These words have been spoken (`tokensPlayed`). Repeated and unknown words prove nothing, and
    /// a few letters only what comes next.
    pub fn played(&mut self, now: Timestamp, words: &str) {
        let found = self.find_played(words);
        words.clone_into(&mut self.reported);
        let Some((at, end)) = found else { return };
        self.out_of_step = false;
        for (index, utterance) in self.queue.iter_mut().enumerate().take(at + 1) {
            utterance.heard = if index == at { end } else { utterance.text.len() };
        }
        self.busy_until = now + duration(self.queue.ahead());
    }

    /// In which utterance these words end, and where: a few letters, or words that were reported
    /// before, only at the beginning of what comes next, or of what is over by the clock alone.
    fn find_played(&self, words: &str) -> Option<(usize, usize)> {
        let all = 0..self.queue.iter().len();
        if is_sure(words) && self.reported != words {
            let end = |at: usize| Some((at, self.queue.get(at)?.end_of(words, played)?));
            return all.into_iter().find_map(end);
        }
        if self.out_of_step {
            return None;
        }
        let end = |at: usize| Some((at, self.queue.get(at)?.end_of(words, follows)?));
        let next = self.queue.iter().position(Utterance::is_ahead);
        let over = 0..next.unwrap_or(all.end);
        next.into_iter().chain(over).find_map(end)
    }

    /// The caller cut in: the voice is silent now and its queue is gone.
    ///
    /// Returns the turns of which less was heard than was sent, and whether Twilio's words were
    /// found among ours.
    pub fn interrupted(&mut self, now: Timestamp, cut: &Interrupted) -> (Vec<Cut>, bool) {
        let all = self.queue.joined();
        let near = self.position(now, &all, cut.after);
        let found = cut.utterance.as_deref().and_then(|words| locate(&all, words, near));
        (self.cut_at(found.unwrap_or(near), found.is_none(), now), found.is_some())
    }

    /// The voice fell silent for good: the caller hung up, or the line is gone.
    pub fn silenced(&mut self, now: Timestamp) -> Vec<Cut> {
        let all = self.queue.joined();
        let near = self.position(now, &all, None);
        self.cut_at(near, true, now)
    }

    /// Where the voice is in `all`, counted by time and never before what is known to be heard.
    /// `after`: Twilio's own count, from the start of the utterance that it cut, whichever it was.
    fn position(&self, now: Timestamp, all: &str, after: Option<Millis>) -> usize {
        let unspoken = self.unspoken(now);
        let by_clock = backward(all, unspoken);
        if unspoken == 0 {
            return by_clock;
        }
        let by_twilio = after.and_then(|after| {
            let places = self.queue.starts().map(|start| forward(all, start, spoken_in(after)));
            places.min_by_key(|place| place.abs_diff(by_clock))
        });
        floor_word(all, by_twilio.unwrap_or(by_clock)).max(self.proven(now))
    }

    /// End of the last words that are known to be heard, in the joined text. What `agentSpeaking
    /// off` seemed to prove does not count while an interrupt may still explain it.
    fn proven(&self, now: Timestamp) -> usize {
        if self.stopped_just_now(now).is_some() {
            return 0;
        }
        let heard =
            self.queue.starts().zip(self.queue.iter()).filter(|(_, utterance)| utterance.heard > 0);
        heard.last().map_or(0, |(start, utterance)| start + utterance.heard)
    }

    /// The voice stopped, and an interrupt may still say why.
    fn stopped_just_now(&self, now: Timestamp) -> Option<(Timestamp, u64)> {
        self.stopped.filter(|(at, _)| now.since(*at) < OFF_BY_INTERRUPT)
    }

    /// Characters sent and not yet spoken, by the clock.
    fn unspoken(&self, now: Timestamp) -> u64 {
        if let Some(pause) = &self.paused {
            return pause.unspoken;
        }
        match self.stopped_just_now(now) {
            Some((_, unspoken)) => unspoken,
            None => unspoken_in(self.busy_until.since(now)),
        }
    }

    fn cut_at(&mut self, end: usize, estimated: bool, now: Timestamp) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut start = 0;
        for utterance in self.queue.drain() {
            let heard = end.saturating_sub(start).min(utterance.text.len());
            start += utterance.text.len() + 1;
            let unheard = utterance.text.get(heard..).unwrap_or_default();
            if !utterance.aside && unheard.chars().any(char::is_alphanumeric) {
                let heard = utterance.text.get(..heard).unwrap_or_default().trim_end().to_owned();
                cuts.push(Cut { turn: utterance.turn, heard, estimated });
            }
        }
        self.busy_until = now;
        self.stopped = None;
        self.crossing = Crossing::default();
        if let Some(pause) = &mut self.paused {
            *pause = Pause { unspoken: 0, since: 0, busy_until: now };
        }
        cuts
    }
}

#[cfg(test)]
mod tests;
