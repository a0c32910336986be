//! Twilio's voice: what has been heard by now, and what is still to be said.
//!
//! Pure: time comes in as the length since the call began. The line pushes what the engine sends,
//! asks when to wake up next, and passes the events on.

use std::{collections::VecDeque, time::Duration};

use super::relay::By;

/// Characters a second of an unhurried English voice; what the engine assumes as well.
pub const DEFAULT_PACE: f64 = 14.0;

/// An open talk cycle that brings nothing for this long is silence on the line: Twilio's voice
/// stops when it has no sentence left to say.
const LULL: Duration = Duration::from_millis(500);

/// An audio file lasts this long, since nobody fetches it.
pub(super) const PLAY_LENGTH: Duration = Duration::from_secs(2);

/// How often `loop="0"` plays, per the reference.
const PLAY_FOREVER: u64 = 1000;

/// How fast the voice speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Every word is heard at the moment it arrives.
    Instant,
    /// So many characters a second, more than 0.
    CharsPerSecond(f64),
}

impl Default for Pace {
    fn default() -> Self {
        Self::CharsPerSecond(DEFAULT_PACE)
    }
}

impl Pace {
    /// How long so many characters take.
    #[must_use]
    pub fn length(self, chars: usize) -> Duration {
        match self {
            Self::Instant => Duration::ZERO,
            Self::CharsPerSecond(pace) => Duration::try_from_secs_f64(as_float(chars) / pace)
                .unwrap_or(Duration::from_secs(86_400)),
        }
    }
}

/// When `tokensPlayed` is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Played {
    /// After each sentence.
    #[default]
    Sentence,
    /// After each frame.
    Frame,
}

/// What Twilio tells those who subscribed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VoiceEvent {
    /// `agentSpeaking`.
    Speaking(bool),
    /// `tokensPlayed`.
    Played(String),
}

/// Where the voice was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// What of the present talk cycle was spoken.
    pub utterance: String,
    /// How long it had been speaking.
    pub after: Duration,
}

/// Something to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// The words.
    pub(super) text: String,
    /// What cuts it short.
    pub(super) interruptible: By,
    /// Whether the next cycle may cut it short.
    pub(super) preemptible: bool,
    /// Whether it closes the talk cycle.
    pub(super) last: bool,
}

#[derive(Debug)]
struct Queued {
    piece: Piece,
    length: Duration,
    cycle: u64,
    /// What the caller had said last when the cycle began to arrive.
    turn: u32,
    arrived: Duration,
}

/// Words and when they were spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) turn: u32,
    pub(super) cycle: u64,
    pub(super) words: String,
    pub(super) arrived: Duration,
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) last: bool,
}

/// The talk cycle that is heard now.
#[derive(Debug, Default)]
struct Utterance {
    cycle: u64,
    /// What of it was spoken.
    words: String,
    since: Duration,
}

/// The voice of one session.
#[derive(Debug, Default)]
pub(super) struct Voice {
    pace: Pace,
    played: Played,
    /// The front one is being spoken.
    queue: VecDeque<Queued>,
    /// When the front one began, or when the last one ended.
    began: Duration,
    speaking: bool,
    /// What cuts the words that were spoken last.
    interruptible: By,
    /// The talk cycle that arrives now.
    cycle: u64,
    /// Whether that cycle has begun and not been closed.
    open: bool,
    /// What an interrupt would tell.
    utterance: Utterance,
    /// Everything that was spoken to its end, cycles apart by line breaks.
    heard: String,
    /// Spoken, and not yet reported as played.
    unreported: String,
    events: Vec<VoiceEvent>,
    /// What the caller said last, and what it was when the present talk cycle began to arrive.
    turn: u32,
    cycle_turn: u32,
    /// What was spoken when; None: nobody wants to know.
    spans: Option<Vec<Span>>,
}

impl Voice {
    /// A silent voice.
    #[must_use]
    pub(super) fn new(pace: Pace, played: Played) -> Self {
        Self { pace, played, ..Self::default() }
    }

    /// Keeps what is spoken when, from now on.
    pub(super) fn keep_spans(&mut self) {
        self.spans = Some(Vec::new());
    }

    /// The caller has said something: what begins to arrive now is heard after it.
    pub(super) fn asked(&mut self, turn: u32) {
        self.turn = turn;
    }

    /// What was spoken when.
    pub(super) fn spans(&self) -> &[Span] {
        self.spans.as_deref().unwrap_or_default()
    }

    /// Takes the next words.
    pub(super) fn push(&mut self, now: Duration, piece: Piece) {
        let length = self.pace.length(piece.text.chars().count());
        self.enqueue(now, piece, length);
    }

    /// Takes an audio file, which is a talk cycle of its own.
    pub(super) fn play(&mut self, now: Duration, times: u64, mut piece: Piece) {
        piece.text.clear();
        piece.last = true;
        let times = if times == 0 { PLAY_FOREVER } else { times.min(PLAY_FOREVER) };
        let once = if self.pace == Pace::Instant { Duration::ZERO } else { PLAY_LENGTH };
        let length = once.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
        self.enqueue(now, piece, length);
    }

    fn enqueue(&mut self, now: Duration, piece: Piece, length: Duration) {
        self.advance(now);
        if !self.open {
            self.cycle += 1;
            self.cycle_turn = self.turn;
            self.preempt(now);
        }
        self.open = !piece.last;
        let silent = piece.text.is_empty() && length.is_zero();
        if self.queue.is_empty() && !(silent && self.speaking) {
            self.began = now;
        }
        if !self.speaking && !silent {
            self.speaking = true;
            self.events.push(VoiceEvent::Speaking(true));
        }
        self.queue.push_back(Queued {
            piece,
            length,
            cycle: self.cycle,
            turn: self.cycle_turn,
            arrived: now,
        });
        self.advance(now);
    }

    /// A new cycle takes the word from one that may be cut.
    fn preempt(&mut self, now: Duration) {
        if self.queue.front().is_some_and(|front| front.piece.preemptible) {
            self.keep_partly_spoken(now);
            self.queue.retain(|queued| !queued.piece.preemptible);
            self.began = now;
        }
    }

    /// Speaks until now.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some(front) = self.queue.front() {
            let ended = self.began.saturating_add(front.length);
            if ended > now {
                break;
            }
            let Some(front) = self.queue.pop_front() else { break };
            self.keep_span(&front, &front.piece.text, ended, front.piece.last);
            self.spoken(front.cycle, &front.piece.text);
            self.interruptible = front.piece.interruptible;
            self.unreported.push_str(&front.piece.text);
            self.report(front.piece.last);
            self.began = ended;
        }
        let over = if self.open { self.began.saturating_add(LULL) } else { self.began };
        if self.speaking && self.queue.is_empty() && over <= now {
            self.report(true);
            self.fall_silent();
        }
    }

    fn keep_span(&mut self, front: &Queued, words: &str, until: Duration, last: bool) {
        let from = self.began;
        let Some(spans) = &mut self.spans else { return };
        spans.push(Span {
            turn: front.turn,
            cycle: front.cycle,
            words: words.to_owned(),
            arrived: front.arrived,
            from,
            until,
            last,
        });
    }

    /// Adds words that were heard.
    fn spoken(&mut self, cycle: u64, words: &str) {
        if self.utterance.cycle != cycle {
            self.utterance = Utterance { cycle, words: String::new(), since: self.began };
        }
        if self.utterance.words.is_empty() && !self.heard.is_empty() && !words.is_empty() {
            self.heard.push('\n');
        }
        self.utterance.words.push_str(words);
        self.heard.push_str(words);
    }

    fn report(&mut self, cycle_over: bool) {
        let sentence = self.unreported.trim_end().ends_with(['.', '!', '?', '…', ':', ';']);
        let due = cycle_over || sentence || self.played == Played::Frame;
        if due && !self.unreported.trim().is_empty() {
            self.events.push(VoiceEvent::Played(std::mem::take(&mut self.unreported)));
        }
    }

    fn fall_silent(&mut self) {
        if self.speaking {
            self.speaking = false;
            self.events.push(VoiceEvent::Speaking(false));
        }
    }

    /// The caller cuts in by speech or by a key: the voice stops and forgets what it had to say.
    /// Nothing happens when it is silent or may not be cut.
    pub(super) fn interrupt(&mut self, now: Duration, by_key: bool) -> Option<Cut> {
        self.advance(now);
        let by = self.queue.front().map_or(self.interruptible, |front| front.piece.interruptible);
        let allowed = if by_key { by.dtmf() } else { by.speech() };
        if !self.speaking || !allowed {
            return None;
        }
        self.keep_partly_spoken(now);
        let cut = Cut {
            utterance: self.utterance.words.trim().to_owned(),
            after: now.saturating_sub(self.utterance.since),
        };
        self.queue.clear();
        self.unreported.clear();
        self.open = false;
        self.began = now;
        self.fall_silent();
        Some(cut)
    }

    fn keep_partly_spoken(&mut self, now: Duration) {
        let words = self.partly_spoken(now).to_owned();
        // What is still to be said of it is forgotten by whoever called.
        if let Some(front) = self.queue.pop_front() {
            if !words.is_empty() {
                self.keep_span(&front, &words, now, false);
            }
            self.spoken(front.cycle, &words);
            self.queue.push_front(front);
        }
    }

    /// The whole words of the front piece that were spoken by now.
    fn partly_spoken(&self, now: Duration) -> &str {
        let Some(front) = self.queue.front() else { return "" };
        let text = front.piece.text.as_str();
        let ends = text.char_indices().enumerate().filter(|(_, (_, char))| char.is_whitespace());
        let last = ends
            .take_while(|(index, _)| self.began.saturating_add(self.pace.length(*index)) <= now)
            .last();
        last.and_then(|(_, (byte, _))| text.get(..byte)).unwrap_or("")
    }

    /// When something happens next without a push: a word ends, a piece ends, silence falls.
    #[must_use]
    pub(super) fn wakes_at(&self, now: Duration) -> Option<Duration> {
        let Some(front) = self.queue.front() else {
            return self.speaking.then(|| self.began.saturating_add(LULL));
        };
        let words = front.piece.text.chars().enumerate().filter(|(_, char)| char.is_whitespace());
        let word = words
            .map(|(index, _)| self.began.saturating_add(self.pace.length(index)))
            .find(|end| *end > now);
        let end = self.began.saturating_add(front.length);
        Some(word.map_or(end, |word| word.min(end)))
    }

    /// What the caller has heard by now, talk cycles apart by line breaks.
    #[must_use]
    pub(super) fn heard(&self, now: Duration) -> String {
        let mut heard = self.heard.clone();
        if let Some(front) = self.queue.front() {
            let words = self.partly_spoken(now);
            let begins = front.cycle != self.utterance.cycle || self.utterance.words.is_empty();
            if begins && !heard.is_empty() && !words.is_empty() {
                heard.push('\n');
            }
            heard.push_str(words);
        }
        heard
    }

    /// Whether the caller hears words now.
    #[must_use]
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Whether everything was said and nothing more is announced.
    #[must_use]
    pub(super) fn is_quiet(&self) -> bool {
        !self.speaking && self.queue.is_empty() && !self.open
    }

    /// Forgets what is to be said: the session is over.
    pub(super) fn stop(&mut self, now: Duration) {
        self.advance(now);
        self.keep_partly_spoken(now);
        self.queue.clear();
        self.unreported.clear();
        self.open = false;
        self.fall_silent();
    }

    /// What happened since this was asked last.
    pub(super) fn take_events(&mut self) -> Vec<VoiceEvent> {
        std::mem::take(&mut self.events)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 characters")]
fn as_float(chars: usize) -> f64 {
    chars as f64
}

#[cfg(test)]
mod tests;
