//! What every caller said and heard, compared with what is kept.

use serde_json::Value;
use switchhook::caller::record::{Account, Fact, What};

use crate::{
    callers::Story,
    fence::{Fence, Lying},
    model::{end_of, question},
};

/// What the comparison came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) calls: usize,
    pub(crate) said: usize,
    pub(crate) answered: usize,
    /// Calls that have lost their socket at least once, and how many of those went on.
    pub(crate) hit: usize,
    pub(crate) resumed: usize,
    pub(crate) gaps: usize,
    pub(crate) late: usize,
    /// Things said as the socket broke, which no engine was told and nobody answered.
    pub(crate) into_a_break: usize,
    pub(crate) apologies: usize,
    /// From the opening of the next socket to the first word on it, ms, where a caller waited for one.
    pub(crate) shares: Vec<u64>,
    /// From the caller's words to the first word, ms.
    pub(crate) first_words: Vec<u64>,
    pub(crate) acknowledged_lost: Vec<String>,
    pub(crate) unacknowledged_lost: Vec<String>,
    pub(crate) heard_twice: Vec<String>,
    pub(crate) kept_twice: Vec<String>,
    pub(crate) out_of_order: Vec<String>,
    pub(crate) epochs_back: Vec<String>,
    /// What the store has refused to engines that a call had moved on from, and what not.
    pub(crate) fence: Fence,
    pub(crate) dropped: Vec<String>,
    pub(crate) protocol: Vec<String>,
}

/// How near the loss of a socket words may be lost with it, ms: a balancer takes an engine that stands
/// still for dead after as long.
const BREAK_MS: u64 = 4_000;

/// Phrases of the persona's that say that something went wrong.
const APOLOGIES: [&str; 2] =
    ["I am sorry, I could not look that up just now.", "Sorry, I lost you for a moment."];

impl Verdict {
    /// Looks at one call: its caller's story, its transcript, and its turns as they lie in Redis.
    pub(crate) fn look(&mut self, story: &Story, kept: &Value, lying: &Lying) {
        self.calls += 1;
        self.said += story.matters.len();
        let account = Account::of(&story.facts, &APOLOGIES);
        self.apologies += account.phrases.iter().map(|phrase| phrase.times).sum::<usize>();
        let heard: String = account.turns.iter().map(|turn| turn.heard.as_str()).collect();
        let empty = Vec::new();
        let lines = |name: &str| {
            let lines = kept[name].as_array().unwrap_or(&empty);
            lines.iter().filter(|line| line["role"] == "customer").cloned().collect::<Vec<_>>()
        };
        let (transcript, late) = (lines("transcript"), lines("late"));
        self.late += late.len();
        self.words(story, &heard, &transcript, &late);
        self.order(story, &transcript, lying);
        self.line(story, &account);
    }

    fn words(&mut self, story: &Story, heard: &str, transcript: &[Value], late: &[Value]) {
        for (nth, matter) in story.matters.iter().enumerate() {
            let told = || format!("{} {matter}", story.sid);
            let times = heard.matches(&end_of(matter)).count();
            let begun = heard.contains(&format!("Matter {matter} "));
            self.answered += usize::from(times > 0);
            if times > 1 || heard.matches(&format!("Matter {matter} was looked")).count() > 1 {
                self.heard_twice.push(told());
            }
            let said = question(matter);
            let kept = |lines: &[Value]| lines.iter().filter(|line| line["text"] == said).count();
            let (here, beside) = (kept(transcript), kept(late));
            match here + beside {
                0 if begun => self.acknowledged_lost.push(told()),
                // Twilio gave them to a socket that was gone, and connected the caller anew.
                0 if is_at_a_break(story, &said) => self.into_a_break += 1,
                // The last words before a call ended may not have been heard by anybody.
                0 if nth + 1 < story.matters.len() => self.unacknowledged_lost.push(told()),
                0 | 1 => {}
                _ if here > 1 => self.kept_twice.push(told()),
                _ => {}
            }
        }
    }

    fn order(&mut self, story: &Story, transcript: &[Value], lying: &Lying) {
        let place =
            |line: &Value| story.matters.iter().position(|matter| line["text"] == question(matter));
        let places: Vec<_> = transcript.iter().filter_map(place).collect();
        if !places.is_sorted() {
            self.out_of_order.push(story.sid.clone());
        }
        let number = |place: &str| place.strip_suffix('c')?.parse::<u32>().ok();
        let turns = lying.turns.iter();
        let mut epochs: Vec<_> =
            turns.filter_map(|(place, (epoch, _))| Some((number(place)?, *epoch))).collect();
        epochs.sort_unstable();
        if !epochs.is_sorted_by_key(|(_, epoch)| *epoch) {
            self.epochs_back.push(format!("{} {epochs:?}", story.sid));
        }
    }

    fn line(&mut self, story: &Story, account: &Account) {
        self.first_words.extend(account.turns.iter().filter_map(|turn| turn.first_word_ms));
        self.gaps += account.gaps.len();
        if !account.gaps.is_empty() {
            self.hit += 1;
            let last = account.gaps.last().map_or(0, |gap| gap.lost_ms);
            let went_on = story.facts.iter().any(|fact| match &fact.what {
                What::Heard(heard) => heard.arrived_ms > last && !heard.words.trim().is_empty(),
                _ => false,
            });
            self.resumed += usize::from(went_on || story.cut.is_none());
        }
        for gap in &account.gaps {
            let Some(open) = gap.open_after_ms.map(|after| gap.lost_ms + after) else { continue };
            // Somebody waited for an answer of which no word had been heard yet.
            let waited = account.turns.iter().any(|turn| {
                let first = turn.first_word_ms.map(|after| turn.said_ms + after);
                turn.said_ms < open && first.is_some_and(|first| first >= open)
            });
            let word = story.facts.iter().find_map(|fact| match &fact.what {
                What::Heard(heard) if heard.arrived_ms >= open => Some(heard.arrived_ms),
                _ => None,
            });
            if let (true, Some(word)) = (waited, word) {
                self.shares.push(word.saturating_sub(open));
            }
        }
        if let Some(cut) = &story.cut {
            self.dropped.push(format!("{}: {cut}", story.sid));
        }
        self.protocol.extend(story.violations.iter().map(|what| format!("{} {what}", story.sid)));
    }

    /// Everything that must not be, by name.
    pub(crate) fn violations(&self) -> [(&'static str, &[String]); 11] {
        [
            ("acknowledged turns lost", &self.acknowledged_lost),
            ("other turns lost", &self.unacknowledged_lost),
            ("answers heard twice", &self.heard_twice),
            ("turns kept twice", &self.kept_twice),
            ("calls out of order", &self.out_of_order),
            ("epochs that went back", &self.epochs_back),
            ("stale writes accepted", &self.fence.accepted),
            ("epochs with two owners", &self.fence.shared),
            ("turns of an epoch without an owner", &self.fence.unowned),
            ("calls dropped", &self.dropped),
            ("frames that Twilio would refuse", &self.protocol),
        ]
    }
}

/// Whether something was said about when a socket was lost of a socket, or while there was none.
fn is_at_a_break(story: &Story, said: &str) -> bool {
    let at = story.facts.iter().find_map(|fact| match &fact.what {
        What::Said { words, socket, .. } if words == said => Some((fact.ms, *socket)),
        _ => None,
    });
    let Some((at, socket)) = at else { return false };
    let near =
        |fact: &Fact| matches!(fact.what, What::Lost { .. }) && fact.ms.abs_diff(at) <= BREAK_MS;
    socket == 0 || story.facts.iter().any(near)
}
