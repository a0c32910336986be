//! What has happened on a call, as far as a person or a test wants to know it.
//!
//! Written by the task that makes the call, read by the handle; both are on one thread.

use std::{
    cell::RefCell,
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    happening::{Ending, Entry, Happening, Place},
    record::{Fact, Heard, What, millis},
    relay::By,
    twiml_reader::Enqueue,
    validate::Text,
    voice::{Piece, Voice},
};

/// What the engine said to one prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// All tokens, joined.
    pub text: String,
    /// From the prompt, or the last key, to the first token that was not empty.
    pub first_token: Option<Duration>,
    /// How many frames with words.
    pub tokens: usize,
    /// Whether `last` came.
    pub complete: bool,
    /// When the frames with words arrived.
    pub arrivals: Vec<Instant>,
}

impl Answer {
    /// Another talk cycle belongs to it.
    pub(super) fn take(&mut self, more: Self) {
        self.text.push('\n');
        self.text.push_str(&more.text);
        self.first_token = self.first_token.or(more.first_token);
        self.tokens += more.tokens;
        self.complete = more.complete;
        self.arrivals.extend(more.arrivals);
    }
}

/// A text frame that came between an interrupt and the next prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleToken {
    /// The words.
    pub text: String,
    /// Whether it closed the talk cycle.
    pub last: bool,
    /// When it arrived.
    pub at: Instant,
}

impl StaleToken {
    /// `{"token":"","last":true}`: it closes the interrupted cycle, and nobody hears it.
    #[must_use]
    pub fn is_terminator(&self) -> bool {
        self.text.is_empty() && self.last
    }
}

/// The present state of a call.
pub(super) struct History {
    pub(super) voice: Voice,
    started: Instant,
    entries: VecDeque<Entry>,
    /// What a checker wants to know; None: nobody does.
    facts: Option<Vec<Fact>>,
    /// How often the caller said something.
    turn: u32,
    /// The number of the oldest entry kept.
    first: u64,
    limit: usize,
    pub(super) violations: Vec<String>,
    /// Since the last prompt.
    cycles: Vec<Answer>,
    /// When the caller said something last.
    asked: Option<Instant>,
    /// How many of the cycles somebody has asked for already.
    taken: usize,
    /// The cycle before the last prompt was still open: an empty terminator belongs to it.
    before_open: bool,
    /// What was heard before the last prompt, bytes.
    heard_before: usize,
    /// An interrupt was sent, and no prompt since.
    interrupted: bool,
    pub(super) stale: Vec<StaleToken>,
    /// When the present socket was opened; None: there is none.
    pub(super) connected: Option<Instant>,
    /// How many sockets were opened.
    pub(super) sessions: u32,
    /// How long each webhook took to be answered.
    pub(super) webhooks: Vec<Duration>,
    /// How long each socket took to be opened.
    pub(super) connects: Vec<Duration>,
    /// What the last `end` carried.
    pub(super) handoff: Option<String>,
    /// Where the call is.
    pub(super) place: Place,
    /// The last one.
    pub(super) enqueue: Option<Enqueue>,
    /// How many wait documents were heard to their end.
    pub(super) rounds: u32,
    pub(super) ending: Option<Ending>,
}

impl History {
    pub(super) fn new(voice: Voice, limit: usize) -> Self {
        Self {
            voice,
            started: Instant::now(),
            entries: VecDeque::new(),
            facts: None,
            turn: 0,
            first: 0,
            limit,
            violations: Vec::new(),
            cycles: Vec::new(),
            asked: None,
            taken: 0,
            before_open: false,
            heard_before: 0,
            interrupted: false,
            stale: Vec::new(),
            connected: None,
            sessions: 0,
            webhooks: Vec::new(),
            connects: Vec::new(),
            handoff: None,
            place: Place::Between,
            enqueue: None,
            rounds: 0,
            ending: None,
        }
    }

    /// The voice's clock.
    pub(super) fn clock(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.started)
    }

    /// The clock's time for a timer.
    pub(super) fn instant(&self, clock: Duration) -> Instant {
        self.started.checked_add(clock).unwrap_or_else(Instant::now)
    }

    /// Whether anything is kept at all.
    pub(super) fn is_kept(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn record(&mut self, what: Happening) {
        if !self.is_kept() {
            return;
        }
        if self.entries.len() >= self.limit {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(Entry { at: Instant::now(), what });
    }

    pub(super) fn violation(&mut self, what: String) {
        self.violations.push(what.clone());
        self.fact(|_| What::Violation { what: what.clone() });
        self.record(Happening::Violation(what));
    }

    pub(super) fn end(&mut self, ending: Ending) {
        let now = self.clock(Instant::now());
        self.voice.stop(now);
        self.fact(|_| What::Ended { how: ending.to_string() });
        self.record(Happening::Ended(ending.clone()));
        self.ending = Some(ending);
    }

    /// The session has failed: what its voice had still to say is not said.
    pub(super) fn fail_session(&mut self) {
        let now = self.clock(Instant::now());
        self.voice.stop(now);
    }

    /// Twilio says something by itself, outside of a session.
    pub(super) fn speak(&mut self, text: &str) {
        self.record(Happening::Said(text.to_owned()));
        let piece = Piece {
            text: text.to_owned(),
            interruptible: By::None,
            preemptible: false,
            last: true,
        };
        let now = self.clock(Instant::now());
        self.voice.push(now, piece);
    }

    /// Speaks until now; when the next word of it ends, if there is one.
    pub(super) fn wakes(&mut self) -> Option<Instant> {
        let now = self.clock(Instant::now());
        self.voice.advance(now);
        self.voice.wakes_at(now).map(|at| self.instant(at))
    }

    /// What is being said is cut short.
    pub(super) fn fall_silent(&mut self) {
        let now = self.clock(Instant::now());
        self.voice.stop(now);
    }

    /// Keeps facts from now on.
    pub(super) fn keep_facts(&mut self) {
        self.facts = Some(Vec::new());
        self.voice.keep_spans();
    }

    /// Notes a fact, where they are kept; it may want the number of the present socket.
    pub(super) fn fact(&mut self, what: impl FnOnce(u32) -> What) {
        let (ms, socket) = (millis(self.clock(Instant::now())), self.sessions);
        if let Some(facts) = &mut self.facts {
            facts.push(Fact { ms, what: what(socket) });
        }
    }

    /// All facts in the order of their time, with what was heard until now.
    pub(super) fn facts(&mut self) -> Vec<Fact> {
        let now = self.clock(Instant::now());
        self.voice.advance(now);
        let heard = self.voice.spans().iter().map(|span| {
            let (arrived_ms, until_ms) = (millis(span.arrived), millis(span.until));
            let (turn, cycle, words, last) = (span.turn, span.cycle, span.words.clone(), span.last);
            let heard = Heard { turn, cycle, words, arrived_ms, until_ms, last };
            Fact { ms: millis(span.from), what: What::Heard(heard) }
        });
        let mut facts: Vec<_> = self.facts.iter().flatten().cloned().chain(heard).collect();
        facts.sort_by_key(|fact| fact.ms);
        facts
    }

    /// The caller says something: what comes now answers it. Without a socket it waits for one.
    pub(super) fn ask(&mut self, at: Instant, words: &str, has_socket: bool) {
        self.turn += 1;
        let turn = self.turn;
        self.voice.asked(turn);
        self.fact(|socket| What::Said {
            turn,
            words: words.to_owned(),
            socket: if has_socket { socket } else { 0 },
        });
        self.before_open = self.cycles.last().is_some_and(|cycle| !cycle.complete)
            || (self.before_open && self.cycles.is_empty());
        self.cycles.clear();
        self.taken = 0;
        self.asked = Some(at);
        self.interrupted = false;
        self.heard_before = self.voice.heard(self.clock(at)).len();
    }

    pub(super) fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// A text frame arrived. Whether it begins or ends an answer.
    pub(super) fn text(&mut self, at: Instant, text: &Text) -> bool {
        if self.interrupted {
            let token = StaleToken { text: text.token.clone(), last: text.last, at };
            self.stale.push(token);
        }
        let closes_older = text.token.is_empty() && text.last && self.before_open;
        self.before_open = false;
        if closes_older {
            return false;
        }
        if self.cycles.last().is_none_or(|cycle| cycle.complete) {
            self.cycles.push(Answer::default());
        }
        let asked = self.asked;
        if let Some(cycle) = self.cycles.last_mut() {
            cycle.complete = text.last;
            if !text.token.is_empty() {
                cycle.text.push_str(&text.token);
                cycle.tokens += 1;
                cycle.arrivals.push(at);
                cycle.first_token = cycle
                    .first_token
                    .or_else(|| asked.map(|asked| at.saturating_duration_since(asked)));
                return cycle.tokens == 1 || text.last;
            }
        }
        text.last
    }

    /// The next complete answer that was not taken yet.
    pub(super) fn take_answer(&mut self) -> Option<Answer> {
        let answer = self.cycles.get(self.taken).filter(|answer| answer.complete)?;
        self.taken += 1;
        Some(answer.clone())
    }

    /// The answer that is coming in, as far as it has come.
    pub(super) fn partial_answer(&self) -> Answer {
        self.cycles.get(self.taken).cloned().unwrap_or_default()
    }

    /// Whether the answer has come and been heard to its end, or never will be.
    pub(super) fn is_answer_over(&self) -> bool {
        let complete = self.cycles.last().is_some_and(|cycle| cycle.complete);
        self.ending.is_some() || (complete && self.voice.is_quiet())
    }

    /// Whether a session has no socket, or one that is younger than this.
    pub(super) fn is_torn(&self, young: Duration) -> bool {
        let stands = self.connected.is_some_and(|since| since.elapsed() >= young);
        self.ending.is_none() && self.place == Place::Session && !stands
    }

    pub(super) fn heard(&self) -> String {
        self.voice.heard(self.clock(Instant::now()))
    }

    /// What was heard since the caller said something last.
    pub(super) fn heard_since_prompt(&self) -> String {
        self.heard().get(self.heard_before..).unwrap_or_default().trim_start().to_owned()
    }

    /// The first entry with this number or a higher one that fits, and the number after it.
    pub(super) fn entry(&self, from: u64, fits: fn(&Happening) -> bool) -> Option<(u64, Entry)> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let mut kept = self.entries.iter().zip(self.first..).skip(skip);
        kept.find(|(entry, _)| fits(&entry.what)).map(|(entry, number)| (number + 1, entry.clone()))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The whole story, a line an entry, for the message of a failed test.
    pub(super) fn log(&self) -> String {
        let mut log = String::new();
        if self.first > 0 {
            log.push_str(&format!("({} earlier entries were dropped)\n", self.first));
        }
        for entry in &self.entries {
            let (mark, text) = entry.what.told();
            let at = entry.at.saturating_duration_since(self.started).as_secs_f64();
            log.push_str(&format!("{at:>9.3} {mark} {text}\n"));
        }
        log
    }
}

/// The history, and the news that it has changed.
pub(super) struct Shared {
    history: RefCell<History>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(history: History) -> Self {
        Self { history: RefCell::new(history), changed: watch::Sender::new(()) }
    }

    /// Looks, or takes something that nobody waits for.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut History) -> R) -> R {
        look(&mut self.history.borrow_mut())
    }

    /// Changes, and tells those who wait.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut History) -> R) -> R {
        let result = self.with(change);
        self.changed.send_replace(());
        result
    }

    /// Waits until `check` finds what it looks for; None when the deadline comes first.
    pub(super) async fn until<R>(
        &self,
        deadline: Duration,
        mut check: impl FnMut(&mut History) -> Option<R>,
    ) -> Option<R> {
        let mut changes = self.changed.subscribe();
        let mut late = std::pin::pin!(tokio::time::sleep(deadline));
        loop {
            if let Some(found) = self.with(&mut check) {
                return Some(found);
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = &mut late => return self.with(&mut check),
            }
        }
    }
}

#[cfg(test)]
mod tests;
