//! What every caller said and heard, compared with what is kept.

use serde_json::Value;
use switchhook::caller::record::{Account, Fact, What};

use crate::{
    callers::Story,
    circumstances::{Circumstances, Excuse},
    fence::{Fence, Lying},
    latency::Latencies,
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
    /// Turns that were kept, and of whose answers no word was heard.
    pub(crate) unanswered: Vec<String>,
    /// Things that no engine has kept and nobody has answered, because they were said to an engine
    /// that was dead or stood still.
    pub(crate) to_the_dead: usize,
    /// And because Twilio had no socket and then gave the session up.
    pub(crate) given_up: usize,
    pub(crate) apologies: usize,
    pub(crate) latencies: Latencies,
    pub(crate) acknowledged_lost: Vec<String>,
    pub(crate) unacknowledged_lost: Vec<String>,
    pub(crate) heard_twice: Vec<String>,
    pub(crate) kept_twice: Vec<String>,
    pub(crate) out_of_order: Vec<String>,
    pub(crate) epochs_back: Vec<String>,
    /// What the store has refused to engines that a call had moved on from, and what not.
    pub(crate) fence: Fence,
    pub(crate) stranded: Vec<String>,
    pub(crate) dropped: Vec<String>,
    pub(crate) protocol: Vec<String>,
}

/// Phrases of the persona's that say that something went wrong.
const APOLOGIES: [&str; 2] =
    ["I am sorry, I could not look that up just now.", "Sorry, I lost you for a moment."];

impl Verdict {
    /// Looks at one call: its caller's story, its transcript, and its turns as they lie in Redis.
    pub(crate) fn look(&mut self, story: &Story, kept: &Value, lying: &Lying, all: &Circumstances) {
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
        self.words(story, &heard, &transcript, &late, all);
        self.order(story, &transcript, lying);
        self.line(story, &account);
        self.latencies.take(story, &account, all);
    }

    fn words(
        &mut self,
        story: &Story,
        heard: &str,
        transcript: &[Value],
        late: &[Value],
        all: &Circumstances,
    ) {
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
                // The last words before a call ended may not have been heard by anybody.
                0 if nth + 1 == story.matters.len() && story.cut.is_some() => {}
                0 => match all.excuse(story, &said) {
                    Some(Excuse::Dead) => self.to_the_dead += 1,
                    Some(Excuse::GivenUp) => self.given_up += 1,
                    None => self.unacknowledged_lost.push(told()),
                },
                // Nobody else owes an answer to what came late.
                1 if here == 1 && times == 0 && !begun => self.unanswered.push(told()),
                1 => {}
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
        self.gaps += account.gaps.len();
        if let Some(last) = account.gaps.last().filter(|last| !left_at_once(story, last.lost_ms)) {
            self.hit += 1;
            if has_gone_on(story, last.lost_ms) {
                self.resumed += 1;
            } else {
                self.stranded.push(format!("{} lost its line at {} ms", story.sid, last.lost_ms));
            }
        }
        if let Some(cut) = &story.cut {
            self.dropped.push(format!("{}: {cut}", story.sid));
        }
        self.protocol.extend(story.violations.iter().map(|what| format!("{} {what}", story.sid)));
    }

    /// Everything that must not be, by name.
    pub(crate) fn violations(&self) -> [(&'static str, &[String]); 12] {
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
            ("calls hit that heard no answer any more", &self.stranded),
            ("calls dropped", &self.dropped),
            ("frames that Twilio would refuse", &self.protocol),
        ]
    }
}

/// A caller who hangs up so soon after the loss of a line waits for nothing, ms.
const AT_ONCE_MS: u64 = 1_000;

/// Whether the caller hung up before anybody could have come back.
fn left_at_once(story: &Story, lost_ms: u64) -> bool {
    story.facts.iter().any(|fact| {
        let left = matches!(&fact.what, What::Ended { how } if how.contains("the caller hung up"));
        left && fact.ms < lost_ms + AT_ONCE_MS
    })
}

/// Whether an answer was heard to its end after that moment; a caller who asked nothing more was
/// spoken to.
fn has_gone_on(story: &Story, lost_ms: u64) -> bool {
    let asks = |fact: &Fact| matches!(fact.what, What::Said { .. }) && fact.ms > lost_ms;
    let asked = story.facts.iter().any(asks);
    let later = story.facts.iter().filter_map(|fact| match &fact.what {
        What::Heard(heard) if heard.arrived_ms >= lost_ms => Some(heard.words.as_str()),
        _ => None,
    });
    let heard: String = later.collect();
    if !asked {
        return !heard.is_empty();
    }
    story.matters.iter().any(|matter| heard.contains(&end_of(matter)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchhook::caller::record::Heard;

    use super::*;
    use crate::{
        faults::{Fault, Happened},
        model::answer,
    };

    /// What is said at that moment, and heard a moment later, if anything.
    fn said(ms: u64, matter: &str, heard: &[&str]) -> Vec<Fact> {
        let (turn, words) = (matter.parse().unwrap(), question(matter));
        let said = Fact { ms, what: What::Said { turn, words, socket: 1 } };
        let heard = heard.iter().map(|words| {
            let (arrived_ms, words) = (ms + 100, (*words).to_owned());
            let heard = Heard { turn, cycle: 1, words, arrived_ms, until_ms: ms + 101, last: true };
            Fact { ms: ms + 100, what: What::Heard(heard) }
        });
        [said].into_iter().chain(heard).collect()
    }

    fn story(matters: &[&str], facts: &[Vec<Fact>]) -> Story {
        let opened = What::Opened { socket: 1, session: String::new() };
        let rang = What::Rang { call: String::new(), unix_ms: 0, variant: "socket".to_owned() };
        let begin = [rang, opened].map(|what| Fact { ms: 0, what });
        Story {
            sid: "CA1".to_owned(),
            matters: matters.iter().map(|matter| (*matter).to_owned()).collect(),
            facts: begin.into_iter().chain(facts.concat()).collect(),
            ..Story::default()
        }
    }

    fn kept(matters: &[&str]) -> Value {
        let line = |matter: &&str| json!({"role": "customer", "text": question(matter)});
        json!({"transcript": matters.iter().map(line).collect::<Vec<_>>()})
    }

    fn look(story: &Story, kept: &Value, happened: Vec<Happened>) -> Verdict {
        let lines = [("CA1".to_owned(), vec![(1, 0)])].into_iter().collect();
        let mut verdict = Verdict::default();
        verdict.look(story, kept, &Lying::default(), &Circumstances { happened, lines });
        verdict
    }

    fn found(verdict: &Verdict) -> Vec<&'static str> {
        let found = verdict.violations().into_iter().filter(|(_, found)| !found.is_empty());
        found.map(|(what, _)| what).collect()
    }

    #[test]
    fn a_turn_that_nobody_kept_is_lost_unless_its_engine_was_dead() {
        let talk = [said(1_000, "1", &[]), said(5_000, "2", &[&answer("2")])];
        let story = story(&["1", "2"], &talk);
        let calm = look(&story, &kept(&["2"]), Vec::new());
        assert_eq!(found(&calm), ["other turns lost"]);
        let killed =
            Happened { fault: Fault::Kill, engine: Some(0), from_ms: 1_100, until_ms: 3_000 };
        let excused = look(&story, &kept(&["2"]), vec![killed]);
        assert_eq!((found(&excused), excused.to_the_dead), (vec![], 1));
        // Its answer had begun, so it had to be kept whatever happened.
        let acknowledged = look(&story, &kept(&["1"]), vec![killed]);
        assert_eq!(found(&acknowledged), ["acknowledged turns lost"]);
    }

    #[test]
    fn an_answer_that_is_heard_twice_and_a_turn_that_is_kept_twice_are_found() {
        let twice = story(&["1"], &[said(1_000, "1", &[&answer("1"), &answer("1")])]);
        assert_eq!(found(&look(&twice, &kept(&["1"]), Vec::new())), ["answers heard twice"]);
        let once = story(&["1"], &[said(1_000, "1", &[&answer("1")])]);
        assert_eq!(found(&look(&once, &kept(&["1", "1"]), Vec::new())), ["turns kept twice"]);
        assert_eq!(found(&look(&once, &kept(&["1"]), Vec::new())), [""; 0]);
    }

    #[test]
    fn a_caller_who_stays_on_the_line_without_an_answer_has_not_gone_on() {
        let lost = |ms| vec![Fact { ms, what: What::Lost { socket: 1, why: String::new() } }];
        let before = story(&["1"], &[said(1_000, "1", &[&answer("1")]), lost(3_000)]);
        let verdict = look(&before, &kept(&["1"]), Vec::new());
        assert_eq!((verdict.hit, verdict.resumed), (1, 0));
        assert_eq!(found(&verdict), ["calls hit that heard no answer any more"]);
        let after = story(&["1"], &[lost(500), said(1_000, "1", &[&answer("1")])]);
        assert_eq!(look(&after, &kept(&["1"]), Vec::new()).resumed, 1);
    }
}
