//! Performs a script on a call and collects what was not as expected.

use std::time::Duration;

use super::{After, ScriptLine, Step};
use crate::caller::{Answer, Caller, CallerError, Ending, Place};

/// From a prompt to the end of its answer; more than an engine's own deadline for a turn.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// An answer of some minutes is heard to its end.
const HEARD_DEADLINE: Duration = Duration::from_secs(300);
/// An expectation that the first talk cycle does not meet waits so long for another one: some
/// engines say "one moment" as a cycle of its own.
const NEXT_CYCLE_DEADLINE: Duration = Duration::from_secs(5);
/// From the last word of an answer to the end of its session: one that comes later is not awaited.
const PASS_ON_DEADLINE: Duration = Duration::from_secs(2);
/// Words that are to be heard come in this time: a round of hold talk takes less.
const HEAR_DEADLINE: Duration = Duration::from_secs(90);
/// From the last word of a goodbye to the end of the call.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {step}: {problem}")]
pub struct Failure {
    /// Where in the script; 0 is the call as a whole.
    pub line: usize,
    /// The step as written.
    pub step: String,
    /// What happened instead.
    pub problem: String,
}

struct Run<'a> {
    caller: &'a Caller,
    /// What came since the caller said something last, and which step that was.
    answer: Answer,
    /// The answer has not been waited for yet.
    awaited: Option<&'a ScriptLine>,
    within: Option<(Duration, &'a ScriptLine)>,
    /// The person has cut in: they do not wait for silence.
    interrupted: bool,
    failures: Vec<Failure>,
}

/// Performs the script and hangs up. Empty when every expectation held and the engine said nothing
/// that Twilio would not accept.
pub async fn run(caller: &Caller, script: &[ScriptLine]) -> Vec<Failure> {
    let mut run = Run {
        caller,
        answer: Answer::default(),
        awaited: None,
        within: None,
        interrupted: false,
        failures: Vec::new(),
    };
    let mut lines = script.iter();
    for line in lines.by_ref() {
        if let Err(error) = run.step(line).await {
            run.fail(line, error.to_string());
            break;
        }
    }
    run.settle().await;
    run.give_up(lines.as_slice());
    if caller.ending().is_none()
        && let Err(error) = caller.hang_up().await
        && !matches!(error, CallerError::Over)
    {
        run.failures.push(whole(format!("hanging up: {error}")));
    }
    if let Some(Ending::Failed { reason }) = caller.ending() {
        run.failures.push(whole(format!("the call failed: {reason}")));
    }
    let violations = caller.violations();
    run.failures.extend(violations.into_iter().map(|what| whole(format!("violation: {what}"))));
    run.failures
}

fn whole(problem: String) -> Failure {
    Failure { line: 0, step: "the call".to_owned(), problem }
}

impl<'a> Run<'a> {
    async fn step(&mut self, line: &'a ScriptLine) -> Result<(), CallerError> {
        match &line.step {
            Step::Say(text) => {
                self.settle().await;
                self.interrupted = false;
                self.caller.say(text).await?;
                self.expect_answer(line);
            }
            Step::Press(keys) => {
                let waits = self.caller.place().is_passed_on();
                self.caller.press(keys).await?;
                // What a wait document says is no answer of a session.
                if !waits {
                    self.expect_answer(line);
                }
            }
            Step::Expect(text) => self.expect(line, text).await,
            Step::ExpectNot(text) => {
                self.take_answer().await;
                if contains(&self.answer.text, text) {
                    self.fail(line, format!("the answer was {:?}", self.answer.text));
                }
            }
            Step::Within(time) => self.within = Some((*time, line)),
            Step::Interrupt(after) => self.interrupt(line, *after).await?,
            Step::Pause(time) => self.wait(*time).await,
            Step::HangUp => self.caller.hang_up().await?,
            Step::ExpectEnd => {
                self.take_answer().await;
                let passed_on = self.caller.place_until(END_DEADLINE, Place::is_passed_on).await;
                if !passed_on && self.caller.ending().is_none() {
                    self.fail(line, "the call goes on".to_owned());
                }
            }
            Step::ExpectQueued => {
                self.take_answer().await;
                let waits = |place: &Place| *place == Place::Queue;
                if !self.caller.place_until(END_DEADLINE, waits).await {
                    self.fail(line, format!("the call is at {:?}", self.caller.place()));
                }
            }
            Step::Hear(text) => {
                let heard = |heard: &str| contains(heard, text);
                if !self.caller.words_until(HEAR_DEADLINE, heard).await {
                    self.fail(line, format!("only {:?} was heard", self.caller.answer_heard()));
                }
            }
            Step::Follow => {
                self.settle().await;
                self.follow().await;
            }
            Step::Drop => self.caller.drop_line().await?,
            Step::Reconnect => self.caller.reconnect().await?,
            Step::Lose => self.caller.lose_line().await?,
            Step::Fail(code) => self.caller.fail(*code).await?,
        }
        Ok(())
    }

    /// Goes where the engine sends the caller: with people to the end of the talk, and without any
    /// through one round of the wait.
    async fn follow(&self) {
        let caller = self.caller;
        // Each time a session has ended.
        while caller.place_until(PASS_ON_DEADLINE, |place| *place != Place::Session).await {
            let sessions = caller.sessions();
            if !caller.place_until(ANSWER_DEADLINE, |place| *place != Place::Between).await {
                return;
            }
            if caller.place() == Place::Queue && !caller.has_people() {
                caller.rounds_heard(1, HEARD_DEADLINE).await;
                return;
            }
            if !caller.session_after(sessions, HEARD_DEADLINE).await {
                return;
            }
            // The caller is back: what the agent says about it is heard.
            caller.speaking(NEXT_CYCLE_DEADLINE).await;
            caller.quiet(HEARD_DEADLINE).await;
        }
    }

    /// Waits, as long as there is a call.
    async fn wait(&self, time: Duration) {
        // Which of the two it was shows in the next step.
        let _ = self.caller.ended(time).await;
    }

    /// What these lines expect did not come: they cannot be performed any more.
    fn give_up(&mut self, rest: &[ScriptLine]) {
        let over = self.caller.ending().is_some();
        let why = if over { "the call was over before" } else { "a step before it failed" };
        for line in rest {
            match line.step {
                Step::ExpectEnd if over => {}
                Step::Follow
                | Step::Pause(_)
                | Step::HangUp
                | Step::Drop
                | Step::Reconnect
                | Step::Lose
                | Step::Fail(_) => {}
                _ => self.fail(line, why.to_owned()),
            }
        }
    }

    fn expect_answer(&mut self, line: &'a ScriptLine) {
        self.answer = Answer::default();
        self.awaited = Some(line);
    }

    /// Lets the agent finish, as a polite caller does.
    async fn settle(&mut self) {
        self.take_answer().await;
        if !self.interrupted && !self.caller.quiet(HEARD_DEADLINE).await {
            self.failures.push(whole("the agent does not stop speaking".to_owned()));
        }
    }

    /// Waits for the answer to the last prompt, once.
    async fn take_answer(&mut self) {
        let Some(asked) = self.awaited.take() else { return };
        self.answer = self.caller.whole_answer(ANSWER_DEADLINE).await;
        if !self.answer.complete {
            self.fail(asked, format!("no complete answer, only {:?}", self.answer.text));
        } else if self.answer.text.trim().is_empty() {
            self.fail(asked, "the answer was empty".to_owned());
        }
        let Some((within, line)) = self.within.take() else { return };
        match self.answer.first_token {
            Some(first) if first <= within => {}
            Some(first) => self.fail(line, format!("it took {} ms", first.as_millis())),
            None => self.fail(line, "there was no token".to_owned()),
        }
    }

    async fn expect(&mut self, line: &ScriptLine, text: &str) {
        self.take_answer().await;
        while !contains(&self.answer.text, text) {
            let more = self.caller.answer(NEXT_CYCLE_DEADLINE).await;
            if !more.complete {
                self.fail(line, format!("the answer was {:?}", self.answer.text));
                return;
            }
            self.answer.text.push('\n');
            self.answer.text.push_str(&more.text);
        }
    }

    async fn interrupt(&mut self, line: &ScriptLine, after: After) -> Result<(), CallerError> {
        let heard = match after {
            After::Words(count) => {
                let enough = |heard: &str| heard.split_whitespace().count() >= count;
                self.caller.answer_heard_until(ANSWER_DEADLINE, enough).await
            }
            After::Time(time) => {
                let speaking = self.caller.speaking(ANSWER_DEADLINE).await;
                self.wait(time).await;
                speaking
            }
        };
        if !heard {
            self.fail(line, format!("only {:?} was heard", self.caller.answer_heard()));
        } else if self.caller.interrupt().await?.is_none() {
            self.fail(line, "the voice is silent, or may not be interrupted".to_owned());
        }
        self.awaited = None;
        self.interrupted = true;
        Ok(())
    }

    fn fail(&mut self, line: &ScriptLine, problem: String) {
        let failure = Failure { line: line.number, step: line.text.clone(), problem };
        self.failures.push(failure);
    }
}

fn contains(answer: &str, text: &str) -> bool {
    answer.to_lowercase().contains(&text.to_lowercase())
}
