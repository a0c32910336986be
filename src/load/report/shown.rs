//! The report as a person reads it. What could not be measured says so: a zero would be a figure.

use std::fmt;

use super::{Client, Engine, NO_ANSWER, NO_STAMP, Report, Spread};

/// Where the figures begin.
const INDENT: &str = "                ";

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, max, count } = self;
        write!(f, "p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  max {max:.2} ms  ({count})")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = &self.calls;
        writeln!(
            f,
            "calls           {} started, {} served, {} failed, in {:.1} s",
            calls.started, calls.served, calls.failed, self.seconds
        )?;
        self.failures
            .iter()
            .try_for_each(|(reason, count)| writeln!(f, "{INDENT}{count} x {reason}"))?;
        self.words(f)?;
        self.delays(f)?;
        if let Some(engine) = &self.engine {
            write!(f, "{engine}")?;
        }
        write!(f, "{}", self.client)?;
        if self.violations > 0 {
            writeln!(f, "violations      {}", self.violations)?;
        }
        self.violations_told.iter().try_for_each(|told| writeln!(f, "{INDENT}{told}"))?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "BROKEN          {broken}"))
    }
}

impl Report {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (turns, tokens) = (&self.turns, &self.tokens);
        writeln!(
            f,
            "questions       {} asked, {} answered, {} cut in on, {} put late (the answer before was \
             not over), {} answered without a stamp",
            turns.asked, turns.answered, turns.interrupted, turns.delayed, turns.unstamped
        )?;
        let rate = known(self.tokens_per_second, |rate| format!("{rate:.0}"));
        writeln!(
            f,
            "tokens          {} received, {} stamped, a second: {rate}",
            tokens.received, tokens.stamped
        )?;
        if tokens.stamped == 0 {
            return writeln!(f, "{INDENT}lost, doubled, foreign, stale: not measured: {NO_STAMP}");
        }
        writeln!(
            f,
            "{INDENT}{} lost, {} doubled, {} foreign (another caller's), {} stale (of an answer cut \
             off before)",
            tokens.lost, tokens.doubled, tokens.foreign, tokens.stale
        )?;
        if tokens.ahead > 0 {
            writeln!(
                f,
                "{INDENT}{} ahead (of a clock that is ahead of this one: their delay is not known)",
                tokens.ahead
            )?;
        }
        Ok(())
    }

    fn delays(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, spread, why) in [
            ("first token", &self.first_token_ms, NO_ANSWER),
            ("added a token", &self.added_ms, NO_STAMP),
        ] {
            match spread {
                Some(spread) => writeln!(f, "{name:<16}{spread}")?,
                None => writeln!(f, "{name:<16}not measured: {why}")?,
            }
        }
        for (name, spread) in [
            ("webhook", &self.webhook_ms),
            ("connect", &self.connect_ms),
            ("after cut-in", &self.after_interrupt_ms),
        ] {
            if let Some(spread) = spread {
                writeln!(f, "{name:<16}{spread}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [descriptors_before, descriptors_after] = self.descriptors;
        let [threads_before, threads_after] = self.threads;
        writeln!(
            f,
            "engine          {:.2} s CPU, a token {}, while all talk {}",
            self.cpu_seconds,
            known(self.cpu_us_per_token, micros),
            known(self.talking_cpu_us_per_token, micros)
        )?;
        writeln!(
            f,
            "{INDENT}memory {} KiB before, {} at the peak, {} after, a call {}",
            self.rss_before_kib,
            self.rss_peak_kib,
            self.rss_after_kib,
            known(self.rss_kib_per_call, |kib| format!("{kib:.1}"))
        )?;
        writeln!(
            f,
            "{INDENT}descriptors {descriptors_before} before, {descriptors_after} after; \
             threads {threads_before} before, {threads_after} after"
        )
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noisy = if self.noisy { ": NOISY, they were too busy themselves" } else { "" };
        writeln!(
            f,
            "callers         {} CPU, a token {}, on {} threads; timers late by {:.2} ms (p99){noisy}",
            known(self.cpu_seconds, |seconds| format!("{seconds:.2} s")),
            known(self.cpu_us_per_token, micros),
            self.threads,
            self.tick_late_p99_ms
        )
    }
}

fn micros(micros: f64) -> String {
    format!("{micros:.1} us")
}

fn known(figure: Option<f64>, show: impl FnOnce(f64) -> String) -> String {
    figure.map_or_else(|| "not measured".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::super::{Tokens, Turns};
    use super::*;

    #[test]
    fn an_operator_reads_what_the_figures_of_questions_and_words_mean() {
        let turns = Turns { asked: 3, answered: 3, delayed: 1, ..Turns::default() };
        let tokens = Tokens {
            received: 9,
            stamped: 9,
            doubled: 1,
            foreign: 2,
            stale: 3,
            ahead: 4,
            ..Tokens::default()
        };
        let shown = Report { turns, tokens, ..Report::default() }.to_string();
        for told in [
            "1 put late (the answer before was not over)",
            "0 lost, 1 doubled, 2 foreign (another caller's), 3 stale (of an answer cut off before)",
            "4 ahead (of a clock that is ahead of this one: their delay is not known)",
        ] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
    }
}
