//! What Twilio says on a line that is not the call's first: some of it may have been said before.
//!
//! Twilio keeps events of a lost socket and says them again on the next one; whether it does, and
//! which, is not documented. The first frames of a line that equal, in their order, the last ones of
//! the call are dropped, until the first that does not: the caller may truly say "yes" twice. It may
//! also say each of them twice, new or old, one by one or all of them: words that come again in the
//! same go were said once. Keys are dropped only where words have shown that all is said twice: a
//! number may have the same digit twice.

use std::{
    collections::{VecDeque, hash_map::DefaultHasher},
    fmt,
    hash::{Hash, Hasher},
};

use super::{Conversation, Effect, Observation, opening::Opening};
use crate::domain::{
    digits::pressed,
    phrases::consists_of,
    relay::{Inbound, Info},
    time::{Millis, Timestamp},
    transcript::{Role, Transcript},
};

/// What lies further back is not said again, ms: longer than a line is gone that comes back by itself.
const REMEMBERED: Millis = 30_000;

/// How soon after the line, or after the one before it, a frame that is said again comes, ms: all of
/// them come in one go, and a caller takes longer to say the same once more.
const AT_ONCE: Millis = 500;

/// How soon behind each other the frames of a go come that Twilio sends without a pause, ms: nobody
/// says two things, or one thing twice, so fast.
const BURST: Millis = 100;

/// Words that a sentence has at least: "yes" and "no, no" are said twice, one like this is not, and
/// not at once.
const SENTENCE: usize = 3;

/// Events that are remembered at most: those of a caller who presses two keys a second.
const KEPT: usize = 64;

/// What the caller has done of late, and how far the present line has repeated it.
#[derive(Default)]
pub(super) struct Replays {
    /// What each event said, and when, oldest first.
    seen: VecDeque<(Timestamp, u64)>,
    /// It is from the record, which knows no interrupts, no hums and no end of a number.
    inherited: bool,
    /// While the frames of this line may be old ones.
    matching: Option<Matching>,
    /// The sentences of this line, while they come in one go.
    here: Vec<u64>,
    /// Until when they do.
    here_until: Option<Timestamp>,
    /// What comes at the very beginning of the line, without a pause.
    burst: Option<Burst>,
}

/// Frames that came without a pause, as often as Twilio sent each of them.
struct Burst {
    until: Timestamp,
    events: Vec<u64>,
    /// How far all of it has come again, once words have shown that it does.
    pass: Option<usize>,
    /// Words have shown that each frame comes twice in a row.
    doubles: bool,
    /// The last one has come twice.
    paired: bool,
}

impl Burst {
    /// Whether it is a frame of this go once more; one that is not is part of it from now on.
    fn comes_again(&mut self, now: Timestamp, event: u64, is_key: bool) -> bool {
        if self.pass.is_some_and(|at| self.events.get(at) == Some(&event)) {
            self.pass = self.pass.map(|at| at + 1);
            self.until = now + BURST;
            return true;
        }
        let doubled = !self.paired && self.events.last() == Some(&event);
        if doubled && (self.doubles || !is_key) {
            (self.doubles, self.paired) = (true, true);
            self.until = now + BURST;
            return true;
        }
        if !is_key && !self.doubles && self.events.first() == Some(&event) {
            self.pass = Some(1);
            self.until = now + BURST;
            return true;
        }
        self.push(now, event);
        false
    }

    /// One more frame of this go.
    fn push(&mut self, now: Timestamp, event: u64) {
        (self.until, self.paired) = (now + BURST, false);
        if self.events.len() < KEPT {
            self.events.push(event);
        }
    }
}

struct Matching {
    until: Timestamp,
    /// Which events may come next; None: the first of them may be any.
    next: Option<Vec<usize>>,
    /// The last one dropped was a key.
    in_keys: bool,
}

impl fmt::Debug for Replays {
    /// Keys may be a card number: nothing of them is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("seen", &self.seen.len()).finish_non_exhaustive()
    }
}

impl Replays {
    /// What the record says that the caller has done.
    pub(super) fn of(transcript: &Transcript) -> Self {
        let mut seen = VecDeque::new();
        for turn in transcript.turns().iter().filter(|turn| turn.role == Role::Customer) {
            match pressed(&turn.text) {
                Some(keys) => seen.extend(keys.chars().map(|key| (turn.at, print(&key)))),
                None => seen.push_back((turn.at, print(turn.text.as_str()))),
            }
        }
        let inherited = !seen.is_empty();
        seen.drain(..seen.len().saturating_sub(KEPT));
        Self { seen, inherited, ..Self::default() }
    }

    /// A line is there that may begin with old events.
    pub(super) fn expect(&mut self, now: Timestamp) {
        while self.seen.front().is_some_and(|(at, _)| now.since(*at) > REMEMBERED) {
            self.seen.pop_front();
        }
        let until = now + AT_ONCE;
        self.here.clear();
        self.here_until = Some(until);
        self.burst =
            Some(Burst { until, events: Vec::new(), pass: None, doubles: false, paired: false });
        let expected = !self.seen.is_empty();
        self.matching = expected.then_some(Matching { until, next: None, in_keys: false });
    }

    /// Whether this event is an old one; one that is not is the last that could have been.
    fn repeats(&mut self, now: Timestamp, event: u64, key: Option<char>) -> bool {
        let Some(matching) = self.matching.as_mut().filter(|matching| now <= matching.until) else {
            return false;
        };
        if self.inherited && matching.in_keys && key == Some('#') {
            return true;
        }
        let fits = |at: &usize| self.seen.get(*at).is_some_and(|(_, seen)| *seen == event);
        let mut next: Vec<usize> = match &matching.next {
            Some(next) => next.iter().copied().filter(fits).collect(),
            None => (0..self.seen.len()).filter(fits).collect(),
        };
        if next.is_empty() {
            return false;
        }
        next.iter_mut().for_each(|at| *at += 1);
        matching.next = Some(next);
        (matching.until, matching.in_keys) = (now + AT_ONCE, key.is_some());
        if let Some(burst) = &mut self.burst {
            burst.push(now, event);
        }
        true
    }

    /// Whether this event has come on this line before, in a go without a pause.
    fn comes_at_once(&mut self, now: Timestamp, event: u64, key: Option<char>) -> bool {
        self.burst = self.burst.take().filter(|burst| now <= burst.until);
        self.burst.as_mut().is_some_and(|burst| burst.comes_again(now, event, key.is_some()))
    }

    /// Whether what the line says belongs to the go that it began with: of the voice that may be old
    /// news.
    fn is_in_first_go(&mut self, now: Timestamp) -> bool {
        self.burst = self.burst.take().filter(|burst| now <= burst.until);
        self.burst.as_mut().is_some_and(|burst| {
            burst.until = burst.until.max(now + BURST);
            true
        })
    }

    /// Whether this sentence has come on this line before, in the same go.
    fn comes_again(&mut self, now: Timestamp, sentence: u64) -> bool {
        if self.here_until.is_none_or(|until| now > until) {
            return false;
        }
        self.here_until = Some(now + AT_ONCE);
        let again = self.here.contains(&sentence);
        if !again && self.here.len() < KEPT {
            self.here.push(sentence);
        }
        again
    }

    /// The caller has done that, now or before.
    fn remember(&mut self, now: Timestamp, event: u64) {
        if self.seen.len() < KEPT {
            self.seen.push_back((now, event));
        }
    }

    /// The caller has done something new.
    fn note(&mut self, now: Timestamp, event: u64) {
        // What the record knew is behind it.
        (self.matching, self.inherited) = (None, false);
        if self.seen.len() >= KEPT {
            self.seen.pop_front();
        }
        self.remember(now, event);
    }
}

impl Conversation {
    /// Twilio says something, for the first time or once more.
    pub(super) fn hear(&mut self, now: Timestamp, message: Inbound, effects: &mut Vec<Effect>) {
        if let Inbound::Setup(setup) = &message
            && !setup.call_sid.is_empty()
            && setup.call_sid != self.sid.as_str()
        {
            // Its end is not told any more: the call waits for a line of its own from now on.
            self.line_lost.get_or_insert((now, false));
            self.playback.pause(now);
            effects.push(Effect::RefuseLine);
            return;
        }
        let of_the_past =
            matches!(message, Inbound::Info(Info::AgentSpeaking(false) | Info::TokensPlayed(_)));
        if of_the_past && self.replays.is_in_first_go(now) {
            // What the voice had reached is known better by the clock. It may have been news, though.
            self.playback.lose_step();
            effects.push(Effect::Observe(Observation::Ignored("replay")));
            if self.opening.deadline().is_some() {
                self.open(now, effects);
            }
            return;
        }
        if matches!(
            (&message, self.opening),
            (Inbound::Info(_), Opening::Due { taken_over: true, .. })
        ) {
            // News of the voice are of what was said before this line, not of what we say now.
            self.listen(now, message, effects);
            return self.open(now, effects);
        }
        if self.opening.deadline().is_some() {
            self.open(now, effects);
        }
        if self.is_replay(now, &message) {
            return effects.push(Effect::Observe(Observation::Ignored("replay")));
        }
        self.listen(now, message, effects);
    }

    /// Whether the call has heard of that before. What starts no turn is neither old nor new.
    fn is_replay(&mut self, now: Timestamp, message: &Inbound) -> bool {
        let (event, key) = match message {
            Inbound::Prompt(prompt) if prompt.last && !prompt.text.trim().is_empty() => {
                let words = prompt.text.trim();
                if self.replays.inherited && consists_of(words, &self.persona.backchannel) {
                    return false;
                }
                let sentence = words.split_whitespace().nth(SENTENCE - 1).is_some();
                if sentence && self.replays.comes_again(now, print(words)) {
                    return true;
                }
                (print(words), None)
            }
            Inbound::Dtmf(key) => (print(key), Some(*key)),
            Inbound::Interrupt(cut) => {
                let words = cut.utterance.as_deref().map(str::trim).unwrap_or_default();
                if words.is_empty() {
                    return false;
                }
                (print(&("cut", words, cut.after)), None)
            }
            _ => return false,
        };
        if self.replays.inherited && matches!(message, Inbound::Interrupt(_)) {
            // Old or new, nobody knows; the next line's may be this one.
            self.replays.remember(now, event);
            return false;
        }
        let replayed =
            self.replays.repeats(now, event, key) || self.replays.comes_at_once(now, event, key);
        if !replayed {
            self.replays.note(now, event);
        }
        replayed
    }
}

/// What an event says, short enough to be kept.
fn print(event: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher.finish()
}
