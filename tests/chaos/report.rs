//! What a run came to, in words.

use std::path::PathBuf;

use crate::{
    callers::Story,
    checker::Verdict,
    fence::Fence,
    findings::Finding,
    gaps::Gaps,
    latency::{self, Latencies, Wait},
};

/// So many of a kind are named.
const NAMED: usize = 5;

/// Of a run.
pub(crate) struct Report<'a> {
    pub(crate) verdict: &'a Verdict,
    pub(crate) stories: &'a [Story],
    /// Why calls never began.
    pub(crate) never: &'a [String],
    /// How many there were.
    pub(crate) faults: usize,
    /// What each engine has logged.
    pub(crate) logs: &'a [String],
}

impl Report<'_> {
    /// Prints it; whether nothing was found.
    pub(crate) fn tell(&self, seed: u64, verbose: bool, by_the_clock: usize) -> bool {
        self.tell_counts();
        tell_latencies(&self.verdict.latencies);
        let Fence { accepted, refused, asked, unseen, kept, .. } = &self.verdict.fence;
        println!(
            "stale writes accepted: {}, refused: {refused} (of {asked} writes on three servers; of \
             {unseen} of {kept} turns kept the writing was not seen, 2 in 100 are allowed)",
            accepted.len()
        );
        self.tell_findings();
        let violations = self.never.len() + self.verdict.findings.wrong(by_the_clock);
        if verbose {
            self.tell_stories();
        }
        if violations == 0 {
            println!("chaos: clean");
        } else {
            println!("chaos: {violations} violations; again with --seed {seed} --verbose");
        }
        violations == 0
    }

    fn tell_counts(&self) {
        let Verdict { calls, said, answered, gaps, late, .. } = self.verdict;
        let Verdict { breaks_told, apologies, to_the_dead, given_up, .. } = self.verdict;
        let Gaps { lost, gone_on, at_once, idle, hit, resumed } = gaps;
        let faults = self.faults;
        println!(
            "\n{calls} calls, {faults} faults, {said} turns said, {answered} answered to the end"
        );
        println!(
            "{resumed} of {hit} calls hit went on behind each gap; of {lost} sockets lost {gone_on} of \
             {}: {at_once} callers hung up at once, {idle} waited for nothing",
            lost - at_once - idle
        );
        println!(
            "{late} turns came late, {breaks_told} words about a break and {apologies} apologies heard"
        );
        println!(
            "said into a break and told to nobody: {to_the_dead} to an engine or a balancer that was \
             dead or stood still, {given_up} without a socket before Twilio gave the session up"
        );
    }

    /// All kinds, those that must not be first.
    fn tell_findings(&self) {
        let findings = &self.verdict.findings;
        println!("must not be:");
        tell_places("calls that never began", self.never);
        for what in Finding::ALL {
            if what == Finding::Beside {
                println!("may be:");
            }
            tell_places(what.told(), findings.of(what));
        }
    }

    /// The calls of which something is told or that waited long, and the engines' logs: all into
    /// files, the shortest with a violation whole.
    fn tell_stories(&self) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/chaos"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let findings = &self.verdict.findings;
        let wrong = |story: &&Story| findings.about(&story.sid) == Some(true);
        let slow = self.verdict.latencies.slow();
        let told = |story: &&Story| {
            let is_slow = slow.iter().any(|wait| wait.place.starts_with(&story.sid));
            is_slow || findings.about(&story.sid).is_some()
        };
        let keep = |name: String, text: &str| {
            std::fs::write(folder.join(format!("{name}.log")), text).expect("a file");
        };
        for story in self.stories.iter().filter(told) {
            keep(story.sid.clone(), &story.log);
        }
        self.logs.iter().zip(1..).for_each(|(log, nth)| keep(format!("engine-{nth}"), log));
        if let Some(story) = self.stories.iter().filter(wrong).min_by_key(|story| story.log.len()) {
            println!("\nthe shortest of them, {}:\n{}", story.sid, story.log);
        }
    }
}

fn tell_places(what: &str, places: &[String]) {
    println!("{:>6}  {what}", places.len());
    places.iter().take(NAMED).for_each(|place| println!("          {place}"));
}

fn tell_latencies(latencies: &Latencies) {
    println!("the engine's share of");
    for (what, waits) in latencies.all() {
        println!("  {what}: {}", latency::told(waits));
    }
    let mut gaps: Vec<_> = latencies.gaps.iter().collect();
    gaps.sort_by_key(|wait| std::cmp::Reverse(wait.engine_ms));
    tell_waits("the longest gaps", &gaps);
    let slow = latencies.slow();
    tell_waits(&format!("{} waits longer than a second", slow.len()), &slow);
}

fn tell_waits(what: &str, waits: &[&Wait]) {
    println!("{what}:");
    for Wait { engine_ms, ms, place } in waits.iter().take(NAMED) {
        println!("          {engine_ms} ms, {ms} with the model: {place}");
    }
}
