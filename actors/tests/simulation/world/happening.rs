//! What every step does to the world. A step that makes no sense in its place does nothing, so that
//! any part of a schedule is a schedule.

use switchhook_actors::domain::{
    answer::{AnswerEvent, ModelFailure, ToolCall},
    conversation::Input,
    escalation::{Grounds, ReasonCode},
    handoff::{Next, SessionOver},
    ids::{Epoch, TurnId},
    record::Status,
    relay::{Inbound, Info, Interrupted, Prompted, Setup},
    time::Millis,
    transcript::Role,
};

use super::{
    super::{
        machine::GREETING,
        oracle::{Verdict, is_filler},
        schedule::{Noise, Report, Step},
    },
    SID, World,
    people::Whereabouts,
};

impl World<'_> {
    pub(super) fn step(&mut self, step: &Step) -> Verdict {
        self.go_where_it_was_let_go()?;
        match step {
            Step::Wait(millis) => self.wait(*millis),
            Step::Move => self.give(Input::Move),
            Step::LetGo => self.let_go(),
            Step::Jump(millis) => self.jump(*millis),
            Step::Attach => self.attach(),
            Step::Setup { foreign } => self.set_up(*foreign),
            Step::Drop { clean } => self.lose_line(*clean),
            Step::Bye => self.bye(),
            Step::SessionFailed => self.fail_session(0, true),
            Step::SessionFailedBefore(told) => self.fail_session(*told, true),
            Step::SessionFailedElsewhere(told) => self.fail_session(*told, false),
            Step::TakeOver { lost } => self.take_over(*lost),
            Step::Fence => self.fence(),
            Step::Concluded { completed } => {
                let status = if *completed { Status::Completed } else { Status::Failed };
                self.give(Input::Concluded(status))
            }
            Step::Prompt { words, last } => {
                self.prompted.clone_from(words);
                self.prompt(words.clone(), *last)
            }
            Step::PromptAgain => self.prompt(self.prompted.clone(), true),
            Step::Interrupt { report, timed, lag } => self.interrupt(*report, *timed, *lag),
            Step::Key(key) => self.hear(Inbound::Dtmf(*key)),
            Step::PlayedAgain => {
                let (words, of_another) = self.line.tell_again();
                if of_another {
                    self.heard.cast_adrift();
                }
                self.hear(Inbound::Info(Info::TokensPlayed(words)))
            }
            Step::Noise(noise) => self.noise(*noise),
            Step::Order => {
                let grounds = Grounds::new(ReasonCode::Supervisor, "by a supervisor");
                self.give(Input::Ordered(grounds))
            }
            Step::Return(how) => self.come_back(*how),
            Step::Stall => {
                self.store.stalled = true;
                Ok(())
            }
            Step::Flow => {
                self.store.stalled = false;
                Ok(())
            }
            Step::Call { .. } => {
                // A model takes its time: what comes of its answer lies between others in time too.
                self.wait(1)?;
                self.model(step)?;
                self.wait(1)
            }
            model => self.model(model),
        }
    }

    /// What the model does; nothing, when it is not asked.
    fn model(&mut self, step: &Step) -> Verdict {
        if let Step::Stale(text) = step {
            return match self.stopped {
                Some(turn) if Some(turn) != self.question => {
                    self.give(Input::Answer(turn, AnswerEvent::Token(text.clone())))
                }
                _ => Ok(()),
            };
        }
        let Some(turn) = self.question else { return Ok(()) };
        let event = match step {
            Step::Token(text) => AnswerEvent::Token(text.clone()),
            Step::Call { name, arguments } => AnswerEvent::Called(ToolCall {
                id: "call-1".to_owned(),
                name: name.clone(),
                arguments: arguments.clone(),
            }),
            Step::Done(finish) => AnswerEvent::Done(*finish),
            Step::Fail { kind, retryable, after } => AnswerEvent::Failed(ModelFailure {
                kind: *kind,
                detail: String::new(),
                retryable: *retryable,
                after: *after,
            }),
            _ => return Ok(()),
        };
        if !matches!(event, AnswerEvent::Token(_) | AnswerEvent::Called(_)) {
            self.stopped = self.question.take();
        }
        self.give(Input::Answer(turn, event))
    }

    /// Time passes while the engine sleeps; what came meanwhile is there when it wakes.
    fn jump(&mut self, millis: Millis) -> Verdict {
        self.now = self.now + millis;
        while self.happens_by_itself()? {}
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        self.oracle.spoken.finished
    }

    /// Twilio says something, or will when there is a line again.
    pub(super) fn hear(&mut self, message: Inbound) -> Verdict {
        let input = Input::Relay(message);
        if self.line.is_up() {
            return self.give(input);
        }
        if self.line.keeps() {
            self.line.backlog.push(input);
        }
        Ok(())
    }

    /// What was kept for this line.
    pub(super) fn tell_backlog(&mut self) -> Verdict {
        if self.line.is_up() {
            let backlog = std::mem::take(&mut self.line.backlog);
            if backlog.iter().any(|input| matches!(input, Input::Relay(Inbound::Info(_)))) {
                // News of the voice that are old: what the engine makes of them is anybody's guess.
                self.heard.cast_adrift();
            }
            for input in backlog {
                self.give(input)?;
            }
        }
        Ok(())
    }

    fn prompt(&mut self, text: String, last: bool) -> Verdict {
        self.hear(Inbound::Prompt(Prompted { text, lang: None, last }))
    }

    pub(super) fn attach(&mut self) -> Verdict {
        if self.is_over() {
            return Ok(());
        }
        if let Some(failure) = self.address {
            self.give(Input::FailedBefore(failure))?;
        }
        // One that takes the place of another is a break that callers may notice.
        self.unnoticed &= !self.line.is_up();
        let (waited, anew) = self.line.attach(self.now);
        if anew {
            self.heard.cast_adrift();
        }
        self.heard.line_lost(None);
        self.heard.delayed(waited);
        if !std::mem::replace(&mut self.greeted, true) {
            self.line.say(Some(TurnId(0)), GREETING, 0, true);
            self.line.flush(self.now);
            self.heard.say(self.now, Some(TurnId(0)), GREETING, true, self.setting.latency);
            self.greeted_at = Some(self.now);
        }
        self.oracle.spoken.attached();
        self.untold = false;
        self.give(Input::Attached)
    }

    fn set_up(&mut self, foreign: bool) -> Verdict {
        if !self.line.is_up() {
            return Ok(());
        }
        let call_sid = if foreign { SID.replace('0', "f") } else { SID.to_owned() };
        let setup = Setup { call_sid, from: "+14155550100".to_owned(), ..Setup::default() };
        self.give(Input::Relay(Inbound::Setup(Box::new(setup))))?;
        self.tell_backlog()
    }

    pub(super) fn lose_line(&mut self, clean: bool) -> Verdict {
        if !self.line.is_up() {
            return Ok(());
        }
        self.unnoticed = false;
        self.line.lose(self.now, clean);
        self.oracle.spoken.line_lost();
        self.heard.line_lost(Some(self.now));
        self.give(Input::LineLost { clean })
    }

    /// Twilio takes its leave, then closes.
    fn bye(&mut self) -> Verdict {
        if !self.line.is_up() {
            return Ok(());
        }
        self.unnoticed = false;
        self.line.lose(self.now, true);
        self.oracle.spoken.line_lost();
        self.heard.line_lost(Some(self.now));
        self.give(Input::Relay(Inbound::End))?;
        self.give(Input::LineLost { clean: true })
    }

    /// Its voice falls silent now; the engine is told so much later, or only by the address of the
    /// next line, which comes at once then.
    fn fail_session(&mut self, told: Millis, here: bool) -> Verdict {
        let is_there = if here { self.line.was_ever_up() } else { self.line.is_up() };
        if self.is_over() || !is_there {
            return Ok(());
        }
        if told > 0 {
            self.lose_line(false)?;
        }
        let failed = self.now;
        self.unnoticed = false;
        self.line.lose(self.now, false);
        self.heard.line_lost(Some(self.now));
        self.fall_silent();
        self.line.end_session();
        self.wait(told)?;
        if self.is_over() {
            return Ok(());
        }
        self.store.catch_up(self.now);
        let over = SessionOver::Failed { lasted: None, failures: 0 };
        if let Next::HandOver(wanted) = over.next(Some(&self.store.durable), self.now) {
            // A caller who was promised a person is not connected to us again.
            self.give(Input::HandedOver)?;
            self.queue(wanted.id);
            return Ok(());
        }
        let failure = self.line.fail(failed, self.now, &self.store.durable);
        (self.address, self.untold) = (Some(failure), true);
        if here { self.give(Input::SessionFailed(failure)) } else { self.attach() }
    }

    fn fence(&mut self) -> Verdict {
        if self.is_over() {
            return Ok(());
        }
        self.give(Input::Fenced)?;
        self.go_on_elsewhere(false)
    }

    fn take_over(&mut self, lost: bool) -> Verdict {
        if self.is_over() {
            return Ok(());
        }
        self.compare(false)?;
        self.go_on_elsewhere(lost)
    }

    /// Another engine begins with what is durable.
    pub(super) fn go_on_elsewhere(&mut self, lost: bool) -> Verdict {
        self.store.lose();
        (self.greeted, self.let_go, self.unnoticed) = (true, false, false);
        // A new session has an address of its own.
        self.address = self.address.filter(|_| !lost);
        // The record may not say that a session has gone on since.
        self.untold = self.address.is_some();
        let record = &mut self.store.durable;
        record.epoch = Epoch(record.epoch.0 + 1);
        if record.status == Status::Ringing {
            record.status = Status::Active;
        }
        let record = record.clone();
        let transcript = record.transcript.clone();
        self.greeting_lost = transcript.get(TurnId(0), Role::Agent).is_none();
        self.line.taken_over(self.now, lost);
        self.heard.taken_over(self.now, &transcript);
        if let Some(turn) = transcript.turns().last().filter(|turn| turn.role == Role::Agent) {
            // What the store has not heard of: a voice that was cut, or is gone.
            let all = turn.text.chars().count() as u64;
            self.heard.believed(self.now, &turn.text, all - turn.spoken_by(self.now));
        }
        self.oracle.spoken.taken_over(transcript.last_said(), transcript.last_asked());
        self.oracle.waits = Default::default();
        self.oracle.words = Default::default();
        self.oracle.record.taken_over(transcript.clone());
        (self.question, self.stopped, self.closes_at) = (None, None, None);
        self.oracle.escalations.taken_over(&record, &self.cast.persona);
        self.whereabouts = Whereabouts::WithUs;
        self.machine = self.cast.machine(record, self.rules.clone());
        Ok(())
    }

    fn interrupt(&mut self, report: Report, timed: bool, lag: Millis) -> Verdict {
        if !self.line.is_up() || self.is_over() {
            return Ok(());
        }
        let off = self.line.stops();
        if off && timed {
            self.hear(Inbound::Info(Info::AgentSpeaking(false)))?;
        }
        let broken = self.line.cut(self.now, lag);
        let words = &broken.utterance;
        let utterance = match report {
            Report::Exact => Some(words.clone()),
            Report::Normalised => Some(normalised(words)),
            Report::Reworded => Some(reworded(words)),
            Report::Empty => Some(" ".to_owned()),
            Report::Missing => None,
        };
        let faithful = matches!(report, Report::Exact | Report::Normalised) && !broken.foreign;
        if broken.foreign {
            self.heard.cast_adrift();
        } else {
            let findable = faithful && self.heard.is_findable(words);
            self.heard.delayed(lag);
            let reached = self.line.voice.reached.clone();
            self.heard.cut(self.now, &reached, findable);
        }
        let after = timed.then_some(broken.after);
        self.hear(Inbound::Interrupt(Interrupted { utterance, after }))?;
        if off && !timed {
            if !self.line.is_idle(self.now) {
                // Something fell due in the same instant: the engine takes the news of the voice
                // that was cut for news of what it has just begun to say.
                self.heard.cast_adrift();
            }
            self.hear(Inbound::Info(Info::AgentSpeaking(false)))?;
        }
        self.compare(false)
    }

    fn noise(&mut self, noise: Noise) -> Verdict {
        let message = match noise {
            Noise::Error => Inbound::Error { description: "Invalid message".to_owned() },
            Noise::Unknown => Inbound::Unknown { kind: "weather".to_owned() },
            Noise::OtherInfo => Inbound::Info(Info::Other("configUpdated".to_owned())),
            Noise::CallerSpeaks(on) => Inbound::Info(Info::ClientSpeaking(on)),
            Noise::Tick => return self.give(Input::Tick),
            Noise::Saved => return self.give(Input::Saved(TurnId(u32::MAX))),
        };
        self.hear(message)
    }

    /// Words leave for the voice, or wait for a line.
    pub(super) fn say(&mut self, turn: TurnId, text: &str, last: bool, resaid: bool) {
        let now = self.now;
        let covers = last && is_filler(&self.cast.persona, text);
        let owner = (!covers).then_some(turn);
        let sent = self.heard.sent(turn);
        self.line.voice.advance(now);
        let from = if resaid && sent.ends_with(text) {
            let from = sent.len() - text.len();
            self.heard.say_again(now, turn, text);
            from
        } else {
            let from = if covers { 0 } else { sent.len() };
            if !text.is_empty() {
                let idle = self.line.voice.is_idle();
                self.heard.say(now, owner, text, idle, self.setting.latency);
            }
            from
        };
        self.line.say(owner, text, from, last);
    }
}

/// In lower case, without punctuation, one space between words.
fn normalised(words: &str) -> String {
    let plain: String = words.chars().filter(|c| !c.is_ascii_punctuation() || *c == '\'').collect();
    plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With another word in its middle.
fn reworded(words: &str) -> String {
    let mut words: Vec<_> = words.split_whitespace().collect();
    let middle = words.len() / 2;
    words.insert(middle, "bzzt");
    words.join(" ")
}
