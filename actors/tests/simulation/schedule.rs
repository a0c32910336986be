//! A call as data: the world it happens in and what happens, step by step. The generator writes
//! schedules, the world plays them, the shrinker shortens them; a failure prints one as Rust.

use std::fmt;

use switchhook_actors::domain::{
    answer::{FailureKind, Finish},
    conversation::Rules,
    time::Millis,
};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) setting: Setting,
    pub(crate) steps: Vec<Step>,
}

/// What stays the same for the length of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Of the voice, characters a second.
    pub(crate) pace: u64,
    /// From the first words to the first sound, ms.
    pub(crate) latency: Millis,
    /// Twilio tells when its voice starts and stops.
    pub(crate) info: bool,
    /// Twilio tells what was spoken, so many characters at a time; 0: never.
    pub(crate) played: u64,
    /// What happens while a line is down is told on the next one.
    pub(crate) replay: bool,
    /// An interrupt repeats all that is still in the voice's queue, not only its talk cycle.
    pub(crate) reports_all: bool,
    pub(crate) greeting: Greeting,
    /// No webhook of ours opened the call: nobody's name is known before `setup`.
    pub(crate) unknown: bool,
    /// From a write to its being durable, ms.
    pub(crate) save_after: Millis,
    /// The timer rings so late, ms.
    pub(crate) late: Millis,
    pub(crate) filler: Millis,
    pub(crate) silence: Millis,
    pub(crate) max_call: Millis,
    pub(crate) max_turns: u32,
    pub(crate) farewell: Farewell,
    /// People take calls.
    pub(crate) has_people: bool,
    /// No escalation is ever recorded: what asks for it is not answered.
    pub(crate) unrecorded: bool,
}

/// Who greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    Twilio,
    Engine,
    Nobody,
}

/// How a call ends that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The webhook says so.
    Webhook,
    /// Twilio closes the line.
    Closed,
    /// The line breaks and does not come back.
    Broken,
    /// Nobody does anything for a long time.
    Patience,
}

/// How a caller comes back who was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    /// No person could be had.
    Failed,
    /// They pressed the key for it.
    Withdrawn,
    /// No webhook says why.
    Unsaid,
}

/// Something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time passes; every deadline is met.
    Wait(Millis),
    /// Time passes and no timer rings: the engine was asleep.
    Jump(Millis),
    /// A line comes.
    Attach,
    /// The line's first message. `foreign`: about another call.
    Setup { foreign: bool },
    /// The line is gone.
    Drop { clean: bool },
    /// Twilio says that the session is over.
    Bye,
    /// Twilio gave the session up.
    SessionFailed,
    /// The same, and it was kept from telling for so long.
    SessionFailedBefore(Millis),
    /// The same, and another engine was told.
    SessionFailedElsewhere(Millis),
    /// The engine dies; another goes on from what is durable. `lost`: with a new session.
    TakeOver { lost: bool },
    /// The engine is to stop: the call shall go to another one.
    Move,
    /// It stops, and another one goes on with the call.
    LetGo,
    /// Another engine owns the call, and goes on with it.
    Fence,
    /// A webhook: the call is over.
    Concluded { completed: bool },
    /// The caller spoke.
    Prompt { words: String, last: bool },
    /// The last prompt comes once more.
    PromptAgain,
    /// The caller cuts in.
    Interrupt { report: Report, timed: bool, lag: Millis },
    /// A key.
    Key(char),
    /// What was reported as played is reported again.
    PlayedAgain,
    /// Something without meaning.
    Noise(Noise),
    /// The model writes.
    Token(String),
    /// A token of a question that was stopped.
    Stale(String),
    /// The model calls a tool.
    Call { name: String, arguments: String },
    /// A supervisor wants a person to take the call.
    Order,
    /// The caller was handed over and is back, in a new session.
    Return(Return),
    /// The model is done.
    Done(Finish),
    /// The model fails.
    Fail { kind: FailureKind, retryable: bool, after: Option<Millis> },
    /// The store writes nothing any more.
    Stall,
    /// The store writes again.
    Flow,
}

/// How an interrupt repeats what was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// Word by word.
    Exact,
    /// In lower case, without punctuation.
    Normalised,
    /// With another word in it.
    Reworded,
    /// Without a letter.
    Empty,
    /// Not at all.
    Missing,
}

/// What the engine need not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noise {
    Error,
    Unknown,
    OtherInfo,
    CallerSpeaks(bool),
    /// A timer that rings for nothing.
    Tick,
    /// A turn is durable that nobody waits for.
    Saved,
}

impl Setting {
    /// The rules of the machine in this world.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            first_token: 4_000,
            token_gap: 2_500,
            turn: 20_000,
            filler: self.filler,
            silence: self.silence,
            max_call: self.max_call,
            max_turns: self.max_turns,
            line_grace: 30_000,
            history_tokens: 200,
            language: "en-US".to_owned(),
            has_people: self.has_people,
        }
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            pace: 14,
            latency: 0,
            info: false,
            played: 0,
            replay: false,
            reports_all: false,
            greeting: Greeting::Twilio,
            unknown: false,
            save_after: 0,
            late: 0,
            filler: 1_500,
            silence: 12_000,
            max_call: 3_600_000,
            max_turns: 200,
            farewell: Farewell::Webhook,
            has_people: true,
            unrecorded: false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(text) => write!(f, "Step::Token({text:?}.to_owned())"),
            Self::Stale(text) => write!(f, "Step::Stale({text:?}.to_owned())"),
            Self::Prompt { words, last } => {
                write!(f, "Step::Prompt {{ words: {words:?}.to_owned(), last: {last} }}")
            }
            Self::Call { name, arguments } => write!(
                f,
                "Step::Call {{ name: {name:?}.to_owned(), arguments: {arguments:?}.to_owned() }}"
            ),
            Self::Return(how) => write!(f, "Step::Return(Return::{how:?})"),
            Self::Noise(noise) => write!(f, "Step::Noise(Noise::{noise:?})"),
            Self::Done(finish) => write!(f, "Step::Done(Finish::{finish:?})"),
            Self::Fail { kind, retryable, after } => write!(
                f,
                "Step::Fail {{ kind: FailureKind::{kind:?}, retryable: {retryable}, after: {after:?} }}"
            ),
            Self::Interrupt { report, timed, lag } => write!(
                f,
                "Step::Interrupt {{ report: Report::{report:?}, timed: {timed}, lag: {lag} }}"
            ),
            plain => write!(f, "Step::{plain:?}"),
        }
    }
}

impl fmt::Display for Setting {
    /// Only what differs from an ordinary world.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        write!(f, "Setting {{ ")?;
        macro_rules! odd {
            ($($path:literal $field:ident),*) => {$(
                if self.$field != usual.$field {
                    write!(f, concat!(stringify!($field), ": ", $path, "{:?}, "), self.$field)?;
                }
            )*};
        }
        odd!("" pace, "" latency, "" info, "" played, "" replay, "" reports_all);
        odd!("Greeting::" greeting, "" unknown, "" save_after, "" late, "" filler, "" silence);
        odd!("" max_call, "" max_turns, "Farewell::" farewell, "" has_people);
        odd!("" unrecorded);
        write!(f, "..Setting::default() }}")
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Schedule {{\n    setting: {},\n    steps: vec![", self.setting)?;
        for step in &self.steps {
            writeln!(f, "        {step},")?;
        }
        write!(f, "    ],\n}}")
    }
}
