//! When nobody speaks: fillers while an answer takes its time, a word after an interrupt that
//! nothing followed, and the question whether the caller is still there.
//!
//! All of it counts from what the caller hears, never from the last token that was sent.

use super::{Conversation, Effect, Observation, closing::Closing, opening::Opening};
use crate::domain::time::{Millis, Timestamp};

/// After an interrupt without words, ms: a cough is over by then, a thought has begun.
const FOLLOW_UP: Millis = 2_500;

/// An interrupt this shortly after a prompt is about the same breath, ms: the caller has said what
/// there was to say, and the answer is not held back for more.
const SAME_BREATH: Millis = 1_000;

/// Twilio says that the caller speaks, and no words come of it: after so long it is noise, ms.
const SPEAKING_MAX: Millis = 30_000;

/// Fillers of one answer. A third would be a promise that nobody believes.
const FILLERS_MAX: u8 = 2;

/// How often the caller is asked at least before the call is ended for silence.
const ASKED_MIN: usize = 2;

/// What is known of the caller's silence.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// The last sign of life of the caller or of the line.
    since: Timestamp,
    /// The caller makes a sound since then.
    speaking: Option<Timestamp>,
    /// The caller cut in and has not said why: until then the agent is silent.
    yields_until: Option<Timestamp>,
    /// The line broke and came back when nobody spoke: what the caller said meanwhile may be lost,
    /// and they wait for an answer. Since when, and how long what they say may take, ms.
    back: Option<(Timestamp, Millis)>,
    /// The caller was told to go on since they last said something.
    followed_up: bool,
    /// How often the caller was asked whether they are there since they last said something.
    asked: usize,
    /// Which filler was spoken last.
    filler: Option<usize>,
}

impl Quiet {
    /// The caller, or the line, gave a sign of life.
    pub(super) fn stir(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// The caller said something, or pressed a key.
    pub(super) fn end(&mut self, now: Timestamp) {
        *self = Self { since: now, filler: self.filler, ..Self::default() };
    }

    /// The caller has a line again. Of what they began to say on the old one the end may be lost.
    pub(super) fn come_back(&mut self, now: Timestamp, in_silence: bool) {
        self.since = now;
        let spoke = self.speaking.take().is_some();
        let patience = if spoke { 2 * FOLLOW_UP } else { FOLLOW_UP };
        self.back = in_silence.then_some((now, patience)).or(self.back);
    }

    /// What the caller has done up to now may not have been looked at before that moment.
    pub(super) fn excuse(&mut self, now: Timestamp, until: Timestamp) {
        self.since = now;
        self.yields_until = self.yields_until.map(|at| at.max(until));
    }

    /// The caller cut in.
    pub(super) fn cut_in(&mut self, now: Timestamp) {
        self.since = now;
        self.yields_until = Some(now + FOLLOW_UP);
    }

    /// The caller begins or stops to make a sound (`clientSpeaking`).
    pub(super) fn sound(&mut self, now: Timestamp, on: bool) {
        self.since = now;
        self.speaking = on.then_some(now);
        if self.yields_until.is_some() {
            self.yields_until = Some(now + FOLLOW_UP);
        }
    }

    /// Whether the caller was asked if they are there, and has not said a word since.
    pub(super) fn has_asked(&self) -> bool {
        self.asked > 0
    }

    /// Whether the agent holds back for a caller who has cut in.
    pub(super) fn yields(&self) -> bool {
        self.yields_until.is_some()
    }

    /// When the caller will have made no sound for so long.
    pub(super) fn still_at(&self, moment: Millis) -> Timestamp {
        self.speaking.map_or(self.since + moment, |since| since + SPEAKING_MAX)
    }

    fn yields_until(&self) -> Option<Timestamp> {
        let until = self.yields_until?;
        Some(self.speaking.map_or(until, |since| until.max(since + SPEAKING_MAX)))
    }
}

impl Conversation {
    pub(super) fn quiet_deadline(&self) -> Option<Timestamp> {
        [self.quiet.yields_until(), self.unheard_at(), self.silent_at()].into_iter().flatten().min()
    }

    pub(super) fn pass_quiet_deadlines(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.quiet.yields_until().is_some_and(|at| at <= now) {
            self.follow_up(now, effects);
        }
        if self.unheard_at().is_some_and(|at| at <= now) {
            self.quiet.back = None;
            let phrase = self.persona.resume.clone();
            self.say_aside(now, phrase, None, effects);
        }
        if self.silent_at().is_some_and(|at| at <= now) {
            self.ask_for_life(now, effects);
        }
    }

    /// Whether the agent may say something that answers nothing: there is a line, nothing else is
    /// due on it, and the call goes on.
    pub(super) fn may_speak_up(&self) -> bool {
        self.line_lost.is_none()
            && self.opening == Opening::Done
            && self.closing == Closing::No
            && !self.quiet.yields()
    }

    /// The caller cut in, and no words came: an answer that was held back is spoken, else the caller
    /// is told that we listen.
    fn follow_up(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.quiet.yields_until = None;
        if self.answer.is_some() {
            return self.speak_held(now, effects);
        }
        let told = std::mem::replace(&mut self.quiet.followed_up, true);
        if !told && self.keys.is_empty() && self.may_speak_up() {
            effects.push(Effect::Observe(Observation::Reprompted("interrupt")));
            let phrase = self.persona.interrupted.clone();
            self.say_aside(now, phrase, None, effects);
        }
    }

    /// When a caller who came back, and to whom nobody has said anything since, is told of the break.
    fn unheard_at(&self) -> Option<Timestamp> {
        let (since, patience) = self.quiet.back?;
        let idle = self.answer.is_none() && self.keys.is_empty() && self.may_speak_up();
        let said = self.playback.ends_at() > since;
        (idle && !said).then(|| self.quiet.still_at(FOLLOW_UP).max(since + patience))
    }

    /// When the caller has been silent for too long.
    fn silent_at(&self) -> Option<Timestamp> {
        let idle = self.answer.is_none() && self.keys.is_empty() && self.may_speak_up();
        let sound = self.quiet.speaking.map(|since| since + SPEAKING_MAX);
        let since = self.quiet.since.max(self.playback.ends_at()).max(sound.unwrap_or_default());
        idle.then(|| since + self.rules.silence)
    }

    /// Asks whether the caller is there, the second time in other words; then ends the call.
    fn ask_for_life(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let phrases = &self.persona.silence;
        let questions = phrases.len().saturating_sub(1);
        let goodbye = self.quiet.asked >= questions.max(ASKED_MIN);
        let at =
            if goodbye { questions } else { self.quiet.asked.min(questions.saturating_sub(1)) };
        let phrase = phrases.get(at).unwrap_or(&self.persona.goodbye).clone();
        self.quiet.asked += 1;
        self.quiet.since = now;
        effects.push(Effect::Observe(Observation::Reprompted("silence")));
        self.say_aside(now, phrase, None, effects);
        if goodbye {
            self.closing = Closing::Goodbye { binding: false };
        }
    }

    /// When the wait for an answer is to be covered, counted from the end of what is being spoken.
    pub(super) fn filler_at(&self) -> Option<Timestamp> {
        let answer = self.answer.as_ref()?;
        let wanted = self.rules.filler <= self.rules.first_token
            && answer.fillers < FILLERS_MAX
            && answer.is_awaited()
            // Of a resumed answer the caller has heard the first half, or its cycle is open for it.
            && self.playback.sent(answer.turn).is_empty()
            && !answer.cycle_open
            && self.may_speak_up();
        let heard = self.playback.ends_at();
        let first = (answer.asked_at + self.rules.filler).max(heard).max(answer.excused_until);
        let next = heard.max(answer.asked_at) + self.rules.filler;
        wanted.then_some(if answer.fillers == 0 { first } else { next })
    }

    /// Says a filler, in a talk cycle of its own, never the same twice in a row. It is no part of
    /// the answer, nor of the transcript.
    pub(super) fn fill(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(answer) = &mut self.answer else { return };
        answer.fillers += 1;
        let turn = answer.turn;
        let fillers = &self.persona.fillers;
        let next = self.quiet.filler.map_or(turn.0 as usize, |last| last + 1);
        let Some(at) = next.checked_rem(fillers.len()) else { return };
        let Some(filler) = fillers.get(at) else { return };
        self.quiet.filler = Some(at);
        self.playback.aside(now, turn, filler);
        effects.push(Effect::Observe(Observation::Filled));
        effects.push(Effect::Say { turn, text: filler.clone(), last: true });
    }

    /// Whether an interrupt now is the caller's answer to something, rather than a part of what they
    /// have just said.
    pub(super) fn is_new_breath(&self, now: Timestamp) -> bool {
        self.answer.as_ref().is_none_or(|answer| now.since(answer.asked_at) >= SAME_BREATH)
    }
}
