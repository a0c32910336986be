//! What every caller said and heard, compared with what is kept.

#[cfg(test)]
pub(crate) mod stories;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, time::Duration};

use serde_json::Value;
use switchhook::caller::record::{Account, What};

use crate::{
    callers::{PATIENCE, Story},
    circumstances::{Circumstances, Excuse},
    fence::{Fence, Lying},
    findings::{Finding, Findings},
    gaps::{Call, Gaps},
    hearing::{Hearing, Twice},
    latency::Latencies,
    phrases::Phrases,
    words::{SAID_AGAIN, matter_of, question},
};

/// An answer whose last word was heard so shortly before the caller, who had waited long enough,
/// spoke again was being spoken then.
const BEING_SPOKEN: Duration = Duration::from_secs(3);

/// Of more turns than one in so many the writing has to have been seen.
const SEEN: usize = 50;

/// What the comparison came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) phrases: Phrases,
    pub(crate) calls: usize,
    pub(crate) said: usize,
    pub(crate) answered: usize,
    pub(crate) gaps: Gaps,
    pub(crate) late: usize,
    /// Things that no engine has kept and nobody has answered, because they were said to an engine
    /// that was dead or stood still.
    pub(crate) to_the_dead: usize,
    /// And because Twilio had no socket and then gave the session up.
    pub(crate) given_up: usize,
    /// How often an engine said that there had been a break, and how often it apologised.
    pub(crate) breaks_told: usize,
    pub(crate) apologies: usize,
    /// In which calls that was, and with which words.
    pub(crate) apologised: Vec<String>,
    pub(crate) latencies: Latencies,
    pub(crate) findings: Findings,
    /// What the store has refused to engines that a call had moved on from, and what not.
    pub(crate) fence: Fence,
}

/// A call's turns as they are kept.
struct Kept {
    transcript: Vec<String>,
    /// The exchange of each.
    numbers: Vec<u64>,
    late: Vec<String>,
}

impl Kept {
    fn of(call: &Value) -> Self {
        let lines = |name: &str| {
            let lines = call[name].as_array().map(Vec::as_slice).unwrap_or_default();
            let customer = lines.iter().filter(|line| line["role"] == "customer");
            customer.map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let all = call["transcript"].as_array().map(Vec::as_slice).unwrap_or_default();
        let customer = all.iter().filter(|line| line["role"] == "customer");
        let numbers = customer.map(|line| line["turn"].as_u64().unwrap_or_default()).collect();
        Self { transcript: lines("transcript"), numbers, late: lines("late") }
    }

    /// In which exchanges those words are.
    fn places(&self, words: &str) -> Vec<u64> {
        let lines = self.transcript.iter().zip(&self.numbers);
        lines.filter(|(line, _)| *line == words).map(|(_, number)| *number).collect()
    }

    /// How often those words are in the transcript, and beside it.
    fn count(&self, words: &str) -> (usize, usize) {
        let count = |lines: &[String]| lines.iter().filter(|line| *line == words).count();
        (count(&self.transcript), count(&self.late))
    }
}

impl Verdict {
    /// Nothing looked at yet; engines use those phrases.
    pub(crate) fn new(phrases: Phrases) -> Self {
        Self { phrases, ..Self::default() }
    }

    /// Looks at one call: its caller's story, its transcript, and its turns as they lie in Redis.
    pub(crate) fn look(&mut self, story: &Story, kept: &Value, lying: &Lying, all: &Circumstances) {
        self.calls += 1;
        self.said += story.matters.len();
        let account = Account::of(&story.facts, &self.phrases.all());
        for phrase in &account.phrases {
            let is_break = phrase.words == self.phrases.resume;
            *(if is_break { &mut self.breaks_told } else { &mut self.apologies }) += phrase.times;
            self.apologised.push(format!("{} {} x {}", story.sid, phrase.times, phrase.words));
        }
        let (hearing, kept) = (Hearing::of(&story.facts), Kept::of(kept));
        self.late += kept.late.len();
        let untold = self.turns(story, &hearing, &kept, all);
        self.heard(story, &hearing);
        self.order(story, &kept.transcript, lying);
        let call = Call { story, account: &account, hearing: &hearing, untold: &untold };
        for stranded in self.gaps.look(&call) {
            self.findings.add(Finding::Stranded, stranded);
        }
        if let Some(cut) = &story.cut {
            self.findings.add(Finding::Dropped, format!("{}: {cut}", story.sid));
        }
        for what in &story.violations {
            self.findings.add(Finding::Protocol, format!("{} {what}", story.sid));
        }
        for silent in self.latencies.take(&call, all, &self.phrases) {
            self.findings.add(Finding::Silent, silent);
        }
    }

    /// Each turn: where it is kept, and whether it was answered. Those that no engine owes an answer.
    fn turns(
        &mut self,
        story: &Story,
        hearing: &Hearing,
        kept: &Kept,
        all: &Circumstances,
    ) -> HashSet<String> {
        let mut untold = HashSet::new();
        for (nth, matter) in story.matters.iter().enumerate() {
            let place = format!("{} {matter}", story.sid);
            let is_ended = hearing.ends(matter).next().is_some();
            let is_begun = hearing.about(matter).next().is_some();
            self.answered += usize::from(is_ended);
            let (here, beside) = kept.count(&question(matter));
            if here > 1 || beside > 1 {
                let places = kept.places(&question(matter));
                let told = format!("{place}, {here} and {beside}, in {places:?}");
                self.findings.add(Finding::KeptTwice, told);
            } else if here + beside > 1 {
                self.findings.add(Finding::Beside, place.as_str());
            }
            // The last words before a call broke off may not have been heard by anybody.
            let is_cut = nth + 1 == story.matters.len() && story.cut.is_some();
            match here + beside {
                0 if is_begun => self.findings.add(Finding::Acknowledged, place),
                0 if is_cut || self.is_excused(story, matter, all) => {
                    untold.insert(matter.clone());
                }
                0 => self.findings.add(Finding::Lost, place),
                _ if is_ended || is_cut => {}
                _ if is_begun && is_spoken_over(story, hearing, matter) => {
                    self.findings.add(Finding::SpokenOver, place);
                }
                _ if is_begun => self.findings.add(Finding::Unfinished, place),
                // Nobody else owes an answer to what came late.
                _ if here == 0 => {
                    self.findings.add(Finding::LateAlone, place);
                    untold.insert(matter.clone());
                }
                _ => self.findings.add(Finding::Unanswered, place),
            }
        }
        untold
    }

    /// Whether nobody could know what the caller said; counts it.
    fn is_excused(&mut self, story: &Story, matter: &str, all: &Circumstances) -> bool {
        match all.excuse(story, &question(matter)) {
            Some(Excuse::Dead) => self.to_the_dead += 1,
            Some(Excuse::GivenUp) => self.given_up += 1,
            None => return false,
        }
        true
    }

    /// Whether the caller heard everything once and whole, and nobody else's affairs.
    fn heard(&mut self, story: &Story, hearing: &Hearing) {
        for (matter, twice) in hearing.twice() {
            let what = match twice {
                Twice::Unstored => Finding::HeardAgain,
                Twice::More => Finding::HeardTwice,
            };
            let again = hearing.repeated(matter);
            let told =
                again.map_or_else(String::new, |(words, ms)| format!(": {words:?} at {ms} ms"));
            self.findings.add(what, format!("{} {matter}{told}", story.sid));
        }
        for matter in &story.matters {
            let missing = hearing.missing(matter);
            if missing >= SAID_AGAIN {
                self.findings.add(Finding::Holes, format!("{} {matter}: {missing}", story.sid));
            }
        }
        let is_own = |matter: &str| story.matters.iter().any(|own| own == matter);
        for word in hearing.words.iter().filter(|word| !word.matter().is_none_or(is_own)) {
            let place = format!("{} {} at {} ms", story.sid, word.text, word.heard_ms);
            self.findings.add(Finding::Foreign, place);
        }
    }

    fn order(&mut self, story: &Story, transcript: &[String], lying: &Lying) {
        let sid = &story.sid;
        let mut places = Vec::new();
        for line in transcript {
            match story.matters.iter().position(|matter| *line == question(matter)) {
                Some(place) => places.push(place),
                None => self.findings.add(Finding::Unsaid, format!("{sid} {line:?}")),
            }
        }
        if !places.is_sorted() {
            self.findings.add(Finding::OutOfOrder, sid.as_str());
        }
        let number = |place: &str| place.strip_suffix('c')?.parse::<u32>().ok();
        let turns = lying.turns.iter();
        let mut epochs: Vec<_> =
            turns.filter_map(|(place, marked)| Some((number(place)?, *marked))).collect();
        epochs.sort_unstable();
        let marks: Vec<_> = epochs.iter().map(|(_, marked)| *marked).collect();
        if !self.fence.never_goes_back(&marks) {
            self.findings.add(Finding::EpochsBack, format!("{sid} {epochs:?}"));
        }
        if epochs.len() < transcript.len() {
            let counts = format!("{sid} {} of {} turns", epochs.len(), transcript.len());
            self.findings.add(Finding::EpochsMissing, counts);
        }
    }

    /// What is to be said of all calls together; in a run of drains alone nobody apologises.
    pub(crate) fn conclude(&mut self, drains_alone: bool) {
        self.fence.conclude();
        for (what, places) in [
            (Finding::Accepted, &self.fence.accepted),
            (Finding::Shared, &self.fence.shared),
            (Finding::Unowned, &self.fence.unowned),
        ] {
            places.iter().for_each(|place| self.findings.add(what, place.as_str()));
        }
        let Fence { unseen, kept, .. } = self.fence;
        if unseen * SEEN > kept {
            self.findings.add(Finding::Unseen, format!("{unseen} of {kept} turns"));
        }
        if drains_alone {
            for place in &self.apologised {
                self.findings.add(Finding::Apologies, place.as_str());
            }
        }
        let Self { calls, answered, .. } = self;
        if *calls == 0 || *answered == 0 {
            self.findings.add(Finding::Empty, format!("{calls} calls, {answered} answers"));
        }
    }
}

/// Whether the caller waited for as long as anybody does, and spoke into the answer then.
fn is_spoken_over(story: &Story, hearing: &Hearing, matter: &str) -> bool {
    let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let mut said = story.facts.iter().filter_map(|fact| match &fact.what {
        What::Said { words, .. } => Some((fact.ms, words.split_whitespace().find_map(matter_of))),
        _ => None,
    });
    let Some((asked, _)) = said.find(|(_, asked)| *asked == Some(matter)) else { return false };
    let again = said.next().map(|(again, _)| again);
    let last = hearing.about(matter).map(|word| word.heard_ms).max();
    again.zip(last).is_some_and(|(again, last)| {
        again >= asked + millis(PATIENCE) && last + millis(BEING_SPOKEN) >= again
    })
}
