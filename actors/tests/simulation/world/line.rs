//! What lies between the engine and the caller: a socket, what waits for it, and Twilio's voice.

use std::collections::{BTreeMap, VecDeque};

use switchhook_actors::domain::{
    conversation::Input,
    ids::TurnId,
    record::{CallRecord, Failure},
    relay::Info,
    time::{Millis, Timestamp},
};

use super::super::{
    schedule::Setting,
    voice::{Broken, Voice},
};

/// What Twilio takes to connect a session, ms.
const LATENCY: Millis = 300;

/// Words that wait for a line.
#[derive(Debug)]
struct Unsent {
    turn: Option<TurnId>,
    text: String,
    from: usize,
    last: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) voice: Voice,
    info: bool,
    played: u64,
    replay: bool,
    reports_all: bool,
    up: bool,
    ever_up: bool,
    /// When the session was asked for, and when its first line came.
    asked: Timestamp,
    opened: Option<Timestamp>,
    /// When the caller was lost, and how far every turn was spoken then. `false`: Twilio may be back.
    lost: Option<(Timestamp, BTreeMap<TurnId, usize>, bool)>,
    foreign_at_loss: bool,
    unsent: VecDeque<Unsent>,
    /// What Twilio tells once the line is back.
    pub(super) backlog: Vec<Input>,
    /// Twilio has told that its voice speaks.
    speaking: bool,
    /// Its voice stopped by itself, and it tells of that at this moment: words may pass the news.
    stops: Option<Timestamp>,
    /// News of the voice takes so long, ms.
    lag: Millis,
    /// What Twilio last told to be played.
    told: String,
    /// That was before another engine took the call.
    told_another: bool,
    /// That was told again to this one, or this one spoke while its words were in the queue.
    echoed: bool,
}

impl Line {
    pub(super) fn new(setting: &Setting, now: Timestamp) -> Self {
        Self {
            voice: Voice::new(setting.pace, setting.latency, now),
            info: setting.info,
            played: setting.played,
            replay: setting.replay,
            reports_all: setting.reports_all,
            up: false,
            ever_up: false,
            asked: now,
            opened: None,
            lost: None,
            foreign_at_loss: false,
            unsent: VecDeque::new(),
            backlog: Vec::new(),
            speaking: false,
            stops: None,
            lag: setting.latency / 3,
            told: String::new(),
            told_another: false,
            echoed: false,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Whether all that was said is spoken, or its last character has begun: nobody counts finer.
    pub(super) fn is_idle(&mut self, now: Timestamp) -> bool {
        self.voice.advance(now);
        self.voice.left() < 2 && self.unsent.iter().all(|unsent| unsent.text.is_empty())
    }

    pub(super) fn was_ever_up(&self) -> bool {
        self.ever_up
    }

    /// Whether Twilio keeps what happens for the next line.
    pub(super) fn keeps(&self) -> bool {
        self.replay && self.lost.as_ref().is_some_and(|(_, _, clean)| !clean)
    }

    /// A line comes. How long what waited for it has waited, and whether the session is a new one
    /// after the caller had been gone.
    pub(super) fn attach(&mut self, now: Timestamp) -> (Millis, bool) {
        self.up = true;
        self.ever_up = true;
        if self.opened.is_none() {
            // Twilio connects at once when it is told to.
            (self.opened, self.asked) = (Some(now), self.asked.max(now - LATENCY));
        }
        let lost = self.lost.take();
        self.foreign_at_loss = false;
        let waited = lost.as_ref().map_or(0, |(at, ..)| now.since(*at));
        let anew = lost.is_some_and(|(.., clean)| clean);
        (if self.unsent.is_empty() { 0 } else { waited }, anew)
    }

    /// The line is gone; a clean end takes the session with it.
    pub(super) fn lose(&mut self, now: Timestamp, clean: bool) {
        self.up = false;
        if self.lost.is_none() {
            self.voice.advance(now);
            self.lost = Some((now, self.voice.reached.clone(), clean));
            self.foreign_at_loss = self.voice.is_foreign();
        }
        if clean {
            self.end_session();
        }
    }

    /// What an engine makes of a session that failed then when it is told of it now.
    pub(super) fn fail(
        &mut self,
        failed: Timestamp,
        now: Timestamp,
        record: &CallRecord,
    ) -> Failure {
        let lasted = self.opened.take().map_or(0, |opened| failed.since(opened)) / 1_000 * 1_000;
        let failure = Failure::told(Some(self.asked), Some(lasted), now).by(record);
        self.asked = failure.next_since(now);
        failure
    }

    /// The queue of the voice is gone.
    pub(super) fn end_session(&mut self) {
        self.voice.forget();
        (self.speaking, self.stops) = (false, None);
        self.backlog.clear();
    }

    /// The engine closed it.
    pub(super) fn refused(&mut self, now: Timestamp) {
        if self.up {
            self.lose(now, false);
        }
    }

    /// Forgets what is unsent: whose words, and from where on.
    pub(super) fn silence(&mut self) -> Vec<(TurnId, usize)> {
        let words = self.unsent.drain(..).filter(|unsent| !unsent.text.is_empty());
        words.filter_map(|unsent| Some((unsent.turn?, unsent.from))).collect()
    }

    /// Another engine has the call.
    pub(super) fn taken_over(&mut self, now: Timestamp, lost: bool) {
        self.up = false;
        self.ever_up = false;
        self.lost = None;
        self.foreign_at_loss = false;
        self.unsent.clear();
        self.backlog.clear();
        self.voice.advance(now);
        if lost {
            self.end_session();
            (self.asked, self.opened) = (self.asked.max(now), None);
        }
        self.voice.disown();
        (self.told_another, self.echoed) = (true, false);
    }

    /// When the caller heard the last sound, and how much of every turn by then.
    /// Whether the voice speaks, or spoke when the caller was lost, for an engine before this one.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign_at_loss || self.voice.is_foreign()
    }

    /// What was told last to be played is told once more, and whether an engine before this one
    /// had said it: in the same words as this one, maybe.
    pub(super) fn tell_again(&mut self) -> (String, bool) {
        self.echoed |= self.told_another;
        (self.told.clone(), self.told_another)
    }

    /// Whether news of the voice may be of what an engine before this one said: in the same words, or
    /// when its last words ended under ours.
    pub(super) fn misleads(&self) -> bool {
        self.echoed || self.is_foreign()
    }

    pub(super) fn fell_silent(&mut self, now: Timestamp) -> (Timestamp, BTreeMap<TurnId, usize>) {
        self.voice.advance(now);
        match &self.lost {
            Some((at, reached, _)) => (*at, reached.clone()),
            None => (now, self.voice.reached.clone()),
        }
    }

    /// Words for the voice: silenced within the same step, they never leave.
    pub(super) fn say(&mut self, turn: Option<TurnId>, text: &str, from: usize, last: bool) {
        self.echoed |= self.voice.is_foreign();
        self.unsent.push_back(Unsent { turn, text: text.to_owned(), from, last });
    }

    /// Gives the voice what was said, if there is a line.
    pub(super) fn flush(&mut self, now: Timestamp) {
        if !self.up {
            return;
        }
        self.has_ended(now);
        while let Some(words) = self.unsent.pop_front() {
            if !words.text.is_empty() {
                self.voice.take(now, words.turn, &words.text, words.from);
            }
            if words.last {
                self.voice.end_cycle();
            }
        }
    }

    /// The caller cuts in.
    pub(super) fn cut(&mut self, now: Timestamp, lag: Millis) -> Broken {
        self.voice.cut(now, lag, self.reports_all)
    }

    /// Whether Twilio still has to tell that its voice stopped.
    pub(super) fn stops(&mut self) -> bool {
        self.stops = None;
        std::mem::take(&mut self.speaking)
    }

    /// Whether the voice has just come to its end, which is told in a moment.
    pub(super) fn has_ended(&mut self, now: Timestamp) -> bool {
        self.voice.advance(now);
        let ends = self.info && self.speaking && self.stops.is_none() && self.voice.is_idle();
        if ends {
            self.stops = Some(now + self.lag);
        }
        ends
    }

    /// When Twilio tells something of its voice.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        let starts =
            (self.info && !self.speaking && !self.voice.is_idle()).then(|| self.voice.starts_at());
        let ends = (self.info && self.speaking && self.stops.is_none())
            .then(|| self.voice.ends_at().unwrap_or_default());
        let played = (self.played > 0).then(|| self.voice.reports_at(self.played)).flatten();
        [starts, ends, self.stops, played].into_iter().flatten().min()
    }

    /// What Twilio tells of its voice now, one thing after the other.
    pub(super) fn tells(&mut self, now: Timestamp) -> Option<Info> {
        self.voice.advance(now);
        if self.info && !self.speaking && self.voice.sounds(now) {
            self.speaking = true;
            return Some(Info::AgentSpeaking(true));
        }
        if self.played > 0
            && let Some(words) = self.voice.report(self.played)
        {
            self.told.clone_from(&words);
            self.told_another = self.voice.is_foreign();
            return Some(Info::TokensPlayed(words));
        }
        if self.stops.is_some_and(|at| at <= now) {
            (self.speaking, self.stops) = (false, None);
            return Some(Info::AgentSpeaking(false));
        }
        None
    }
}
