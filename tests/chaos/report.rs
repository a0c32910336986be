//! What a run came to, in words.

use std::path::PathBuf;

use crate::{
    callers::Story,
    checker::Verdict,
    fence::Fence,
    latency::{self, Latencies},
    model::FIRST,
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
    pub(crate) fn tell(&self, seed: u64, verbose: bool) -> bool {
        self.tell_counts();
        tell_latencies(&self.verdict.latencies);
        self.tell_unanswered();
        let Fence { accepted, refused, asked, unseen, .. } = &self.verdict.fence;
        println!(
            "stale writes accepted: {}, refused: {refused} (of {asked} writes on three servers; of \
             {unseen} turns kept the writing was not seen)",
            accepted.len()
        );
        let violations = self.tell_violations();
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
        let Verdict { calls, said, answered, hit, resumed, gaps, .. } = self.verdict;
        let Verdict { late, apologies, to_the_dead, given_up, .. } = self.verdict;
        let faults = self.faults;
        println!(
            "\n{calls} calls, {faults} faults, {said} turns said, {answered} answered to the end"
        );
        println!("{hit} calls hit, {resumed} of them went on, {gaps} sockets lost");
        println!("{late} turns came late, {apologies} apologies or bridge phrases heard");
        println!(
            "said into a break and told to nobody: {to_the_dead} to an engine that was dead or \
             stood still, {given_up} without a socket before Twilio gave the session up"
        );
    }

    /// What is no violation, and should not be often.
    fn tell_unanswered(&self) {
        let unanswered = &self.verdict.unanswered;
        println!("{:>6}  turns kept of whose answers no word was heard", unanswered.len());
        unanswered.iter().take(NAMED).for_each(|one| println!("          {one}"));
    }

    fn tell_violations(&self) -> usize {
        let mut violations = self.never.len();
        println!("{:>6}  calls that never began", self.never.len());
        for (what, found) in self.verdict.violations() {
            println!("{:>6}  {what}", found.len());
            violations += found.len();
            found.iter().take(NAMED).for_each(|one| println!("          {one}"));
        }
        violations
    }

    /// The calls with a violation or a long wait, and the engines' logs: all into files, the
    /// shortest of the former whole.
    fn tell_stories(&self) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/chaos"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let wrong = |story: &&Story| {
            let mut found = self.verdict.violations().into_iter().flat_map(|(_, found)| found);
            found.any(|one| one.starts_with(&story.sid))
        };
        let slow = |story: &&Story| {
            let mut told = self.verdict.latencies.slow.iter().chain(&self.verdict.unanswered);
            told.any(|one| one.starts_with(&story.sid))
        };
        let keep = |name: String, text: &str| {
            std::fs::write(folder.join(format!("{name}.log")), text).expect("a file");
        };
        for story in self.stories.iter().filter(|story| wrong(story) || slow(story)) {
            keep(story.sid.clone(), &story.log);
        }
        self.logs.iter().zip(1..).for_each(|(log, nth)| keep(format!("engine-{nth}"), log));
        if let Some(story) = self.stories.iter().filter(wrong).min_by_key(|story| story.log.len()) {
            println!("\nthe shortest of them, {}:\n{}", story.sid, story.log);
        }
    }
}

fn tell_latencies(latencies: &Latencies) {
    println!("the engine's share, without the model's {} ms, of", FIRST.as_millis());
    for (what, millis) in latencies.all() {
        println!("  {what}: {}", latency::told(millis));
    }
    println!("{:>6}  waits longer than a second", latencies.slow.len());
    latencies.slow.iter().take(NAMED).for_each(|one| println!("          {one}"));
}
