//! A conversation written down: what the caller does, and what they expect to hear.
//!
//! One step a line; empty lines and lines that begin with `#` are comments:
//!
//! ```text
//! say TEXT               say something, once the agent has finished speaking
//! expect TEXT            the answer contains it, in any letter case
//! expect-not TEXT        the answer does not
//! within N ms            the next answer begins in that time
//! interrupt after N words    cut in once so much of the answer was heard
//! interrupt after N ms       cut in so long after the agent began to speak
//! press KEYS             press keys: 0-9 * # A-D
//! pause N ms             be silent
//! hangup                 hang up
//! expect-end             the engine ends the call, or passes it on
//! expect-queued          the engine passes the caller into a queue
//! hear TEXT              words since the last `say` or `press` contain it, outside a session too
//! follow                 go along, if the engine passes the call on within two seconds
//! drop                   the network cuts the line
//! reconnect              the network connects the line again
//! lose                   the network loses the line, and Twilio does as the variant says
//! fail CODE              Twilio gives the session up with an error, such as 64105
//! ```
//!
//! Every `say` must get a complete answer that is not empty, unless it is interrupted. The end of
//! the script hangs up. When the call ends before it, nothing is waited for any more, and what the
//! steps that need a call expect has failed.

use std::time::Duration;

mod run;

pub use self::run::{Failure, run};

/// A script that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Say something.
    Say(String),
    /// The answer contains it.
    Expect(String),
    /// The answer does not contain it.
    ExpectNot(String),
    /// The next answer begins in this time.
    Within(Duration),
    /// Cut in.
    Interrupt(After),
    /// Press keys.
    Press(String),
    /// Be silent.
    Pause(Duration),
    /// Hang up.
    HangUp,
    /// The engine ends the call, or passes it on.
    ExpectEnd,
    /// The engine passes the caller into a queue.
    ExpectQueued,
    /// What is heard contains it.
    Hear(String),
    /// Go along where the call is passed on.
    Follow,
    /// The line is cut.
    Drop,
    /// The line is connected again.
    Reconnect,
    /// The line is lost, and Twilio sees to it.
    Lose,
    /// Twilio gives up with this code.
    Fail(u32),
}

/// When to cut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// So many words of the answer were heard.
    Words(usize),
    /// So long after the agent began to speak.
    Time(Duration),
}

/// A step and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptLine {
    /// Counted from 1.
    pub number: usize,
    /// As written.
    pub text: String,
    /// What it means.
    pub step: Step,
}

/// Reads a script.
///
/// # Errors
/// With the line of the first step that cannot be read.
pub fn parse(script: &str) -> Result<Vec<ScriptLine>, ScriptError> {
    let mut lines = Vec::new();
    for (line, number) in script.lines().zip(1..) {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let step = step(text).map_err(|problem| ScriptError { line: number, problem })?;
        lines.push(ScriptLine { number, text: text.to_owned(), step });
    }
    Ok(lines)
}

/// A script that says one thing after the other, and goes where it leads.
#[must_use]
pub fn saying(says: &[String]) -> Vec<ScriptLine> {
    let lines = says.iter().zip(1..).map(|(say, number)| ScriptLine {
        number,
        text: format!("say {say}"),
        step: Step::Say(say.clone()),
    });
    let follow = ScriptLine { number: 0, text: "follow".to_owned(), step: Step::Follow };
    lines.chain([follow]).collect()
}

fn step(text: &str) -> Result<Step, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let nothing_more = |step: Step| match rest {
        "" => Ok(step),
        _ => Err(format!("{word} takes nothing, not {rest:?}")),
    };
    match word {
        "say" => Ok(Step::Say(some_text(word, rest)?)),
        "expect" => Ok(Step::Expect(some_text(word, rest)?)),
        "expect-not" => Ok(Step::ExpectNot(some_text(word, rest)?)),
        "press" => keys(rest).map(Step::Press),
        "within" => millis(word, rest).map(Step::Within),
        "pause" => millis(word, rest).map(Step::Pause),
        "interrupt" => interrupt(rest).map(Step::Interrupt),
        "fail" => rest
            .parse()
            .map(Step::Fail)
            .map_err(|_| format!("fail takes an error code, such as 64105, not {rest:?}")),
        "hangup" => nothing_more(Step::HangUp),
        "expect-end" => nothing_more(Step::ExpectEnd),
        "expect-queued" => nothing_more(Step::ExpectQueued),
        "hear" => Ok(Step::Hear(some_text(word, rest)?)),
        "follow" => nothing_more(Step::Follow),
        "drop" => nothing_more(Step::Drop),
        "reconnect" => nothing_more(Step::Reconnect),
        "lose" => nothing_more(Step::Lose),
        _ => Err(format!("{word:?} is not a step")),
    }
}

fn some_text(word: &str, rest: &str) -> Result<String, String> {
    if rest.is_empty() { Err(format!("{word} takes a text")) } else { Ok(rest.to_owned()) }
}

fn keys(rest: &str) -> Result<String, String> {
    let known = |key: char| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
    if rest.is_empty() || !rest.chars().all(known) {
        return Err(format!("press takes keys out of 0-9 * # A-D, not {rest:?}"));
    }
    Ok(rest.to_owned())
}

fn interrupt(rest: &str) -> Result<After, String> {
    let wrong = || format!("interrupt takes \"after N words\" or \"after N ms\", not {rest:?}");
    let mut words = rest.split_ascii_whitespace();
    let (Some("after"), Some(number), Some(unit), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong());
    };
    match unit {
        "word" | "words" => number.parse().map(After::Words).map_err(|_| wrong()),
        "ms" => {
            number.parse().map(|ms| After::Time(Duration::from_millis(ms))).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

fn millis(word: &str, rest: &str) -> Result<Duration, String> {
    let number = rest.strip_suffix("ms").map(str::trim_end).and_then(|ms| ms.parse().ok());
    number
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{word} takes a time such as \"500 ms\", not {rest:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_as_it_is_documented() {
        let script = "
            # the balance
            say What is my balance?
            within 800 ms
            expect  Which account
            expect-not sorry
            interrupt after 3 words
            interrupt after 1 word
            interrupt after 250 ms
            press 5#
            pause 20ms
            drop
            reconnect
            fail 64105
            expect-end
            expect-queued
            hear  your place
            follow
            hangup";
        let steps: Vec<_> = parse(script).unwrap().into_iter().map(|line| line.step).collect();
        let ms = Duration::from_millis;
        assert_eq!(
            steps,
            [
                Step::Say("What is my balance?".to_owned()),
                Step::Within(ms(800)),
                Step::Expect("Which account".to_owned()),
                Step::ExpectNot("sorry".to_owned()),
                Step::Interrupt(After::Words(3)),
                Step::Interrupt(After::Words(1)),
                Step::Interrupt(After::Time(ms(250))),
                Step::Press("5#".to_owned()),
                Step::Pause(ms(20)),
                Step::Drop,
                Step::Reconnect,
                Step::Fail(64105),
                Step::ExpectEnd,
                Step::ExpectQueued,
                Step::Hear("your place".to_owned()),
                Step::Follow,
                Step::HangUp,
            ]
        );
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for wrong in [
            "sing a song",
            "say",
            "expect ",
            "within soon",
            "within 5 s",
            "pause -1 ms",
            "interrupt",
            "interrupt after words",
            "interrupt after 3 lines",
            "interrupt after 3 words please",
            "press",
            "press x",
            "fail",
            "fail badly",
            "hangup now",
            "hear",
            "expect-queued soon",
            "follow me",
        ] {
            let error = parse(&format!("# first\n\nsay hi\n{wrong}\n")).expect_err(wrong);
            assert_eq!(error.line, 4, "{error}");
        }
    }
}
