//! Calls: any sequence of frames and other events, put to the turn machine with time between them,
//! leaves it in order. The story is made of the input's bytes; [`world`] judges what comes of it.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::json;
use switchhook_actors::domain::{
    answer::{AnswerEvent, FailureKind, Finish, ModelFailure, ToolCall},
    conversation::Input,
    escalation::{Grounds, ReasonCode},
    ids::TurnId,
    prompt::{ESCALATE_TOOL, STAY_TOOL},
    record::{Failure, Status},
    relay::Inbound,
    time::Millis,
};

#[path = "frame_sequences/world.rs"]
mod world;

use world::World;

/// Steps of a story: more of them find nothing that fewer do not.
const STEPS_MAX: usize = 200;

/// A call before its first step.
#[derive(Debug, Arbitrary)]
struct Call<'a> {
    /// What the TwiML told Twilio to say first.
    greeting: Option<&'a str>,
    /// What was said before, on another engine: in turn the caller and the agent.
    before: Vec<&'a str>,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// Time passes, and every deadline within it is kept.
    Wait(u16),
    /// Time passes while the engine is too busy to notice.
    Stall(u16),
    Attached,
    /// Any text as a frame.
    Frame(&'a str),
    Setup {
        sid: Option<&'a str>,
    },
    Prompt {
        words: &'a str,
        last: bool,
    },
    /// The caller cuts in; the utterance is a piece of what was said, or anything.
    Interrupt {
        piece: Option<(u8, u8)>,
        words: Option<&'a str>,
        after: Option<u16>,
    },
    Key(char),
    AgentSpeaking(bool),
    ClientSpeaking(bool),
    /// Twilio reports a piece of what was said, or anything, as played.
    Played {
        piece: Option<(u8, u8)>,
        words: &'a str,
    },
    /// The turn before the last one that was asked counts back `ago`.
    Saved {
        ago: u8,
    },
    Token {
        ago: u8,
        words: &'a str,
    },
    /// What a model writes that the machine has to notice.
    Marked {
        mark: Mark,
        /// Cut in two there.
        at: u8,
    },
    Done {
        ago: u8,
        finish: Ends,
    },
    Failed {
        ago: u8,
        retryable: bool,
        after: Option<u16>,
    },
    LineLost {
        clean: bool,
    },
    SessionFailed,
    Concluded {
        completed: bool,
    },
    Fenced,
    /// The model calls a tool.
    Called {
        ago: u8,
        tool: Tool<'a>,
        arguments: &'a str,
    },
    /// A supervisor wants a person.
    Ordered {
        reason: &'a str,
    },
    /// What was asked for last is recorded.
    Escalated,
    HandedOver,
}

#[derive(Debug, Arbitrary)]
enum Tool<'a> {
    Escalate,
    /// With arguments that it takes, whatever the step says.
    EscalateWell,
    Stay,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Mark {
    Escalate,
    EndCall,
    Words,
    Price,
    Bold,
}

#[derive(Debug, Arbitrary)]
enum Ends {
    Stop,
    Length,
    Filtered,
    Refused,
}

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let Ok(call) = Call::arbitrary(&mut source) else { return };
    let mut world = World::new(call.greeting, &call.before);
    for _ in 0..STEPS_MAX {
        if source.is_empty() || world.is_over() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut source) else { break };
        step.take(&mut world);
    }
    world.come_to_rest();
}

impl Step<'_> {
    fn take(self, world: &mut World) {
        match self {
            Self::Wait(millis) => world.wait(Millis::from(millis)),
            Self::Stall(millis) => world.stall(Millis::from(millis)),
            Self::Attached => world.on(Input::Attached),
            Self::LineLost { clean } => world.on(Input::LineLost { clean }),
            Self::SessionFailed => world.on(Input::SessionFailed(Failure::new(world.now))),
            Self::Concluded { completed: true } => world.on(Input::Concluded(Status::Completed)),
            Self::Concluded { completed: false } => world.on(Input::Concluded(Status::Failed)),
            Self::Fenced => world.on(Input::Fenced),
            Self::HandedOver => world.on(Input::HandedOver),
            Self::Ordered { reason } => {
                world.on(Input::Ordered(Grounds::new(ReasonCode::Supervisor, reason)));
            }
            Self::Escalated => {
                if let Some(id) = world.escalation() {
                    world.on(Input::Escalated(id));
                }
            }
            Self::Called { ago, tool, arguments } => {
                world.on(Input::Answer(back(world, ago), tool.call(arguments)));
            }
            Self::Saved { ago } => world.on(Input::Saved(back(world, ago))),
            Self::Token { ago, words } => world.token(back(world, ago), words),
            Self::Marked { mark, at } => mark.take(usize::from(at), world),
            Self::Done { ago, finish } => {
                world.on(Input::Answer(back(world, ago), AnswerEvent::Done(finish.into())));
            }
            Self::Failed { ago, retryable, after } => {
                let failure = ModelFailure {
                    kind: FailureKind::Connect,
                    detail: String::new(),
                    retryable,
                    after: after.map(Millis::from),
                };
                world.on(Input::Answer(back(world, ago), AnswerEvent::Failed(failure)));
            }
            other => {
                let frame = other.frame(world);
                if let Ok(message) = Inbound::parse(&frame) {
                    world.on(Input::Relay(message));
                }
            }
        }
    }

    /// The text that Twilio sends.
    fn frame(&self, world: &World) -> String {
        let piece = |piece: Option<(u8, u8)>| piece.map(|piece| world.piece(piece));
        let frame = match self {
            Self::Frame(text) => return (*text).to_owned(),
            Self::Setup { sid } => {
                let sid = sid.unwrap_or(world::SID);
                json!({ "type": "setup", "callSid": sid, "from": "+14155550100" })
            }
            Self::Prompt { words, last } => {
                json!({ "type": "prompt", "voicePrompt": words, "last": last })
            }
            Self::Interrupt { piece: of, words, after } => {
                let utterance = piece(*of).or_else(|| words.map(str::to_owned));
                json!({
                    "type": "interrupt",
                    "utteranceUntilInterrupt": utterance,
                    "durationUntilInterruptMs": after,
                })
            }
            Self::Key(key) => json!({ "type": "dtmf", "digit": key.to_string() }),
            Self::AgentSpeaking(on) => info("agentSpeaking", if *on { "on" } else { "off" }),
            Self::ClientSpeaking(on) => info("clientSpeaking", if *on { "on" } else { "off" }),
            Self::Played { piece: of, words } => {
                info("tokensPlayed", &piece(*of).unwrap_or_else(|| (*words).to_owned()))
            }
            _ => json!({ "type": "end" }),
        };
        frame.to_string()
    }
}

fn info(name: &str, value: &str) -> serde_json::Value {
    json!({ "type": "info", "name": name, "value": value })
}

/// The turn that the model was asked for last, or one of those before it.
fn back(world: &World, ago: u8) -> TurnId {
    // Mostly the last: what is stale is dropped at once.
    TurnId(world.asked().0.saturating_sub(u32::from(ago) / 64))
}

impl Tool<'_> {
    fn call(&self, arguments: &str) -> AnswerEvent {
        let (name, arguments) = match self {
            Self::Escalate => (ESCALATE_TOOL, arguments),
            Self::EscalateWell => (ESCALATE_TOOL, r#"{"reason":"a lost card"}"#),
            Self::Stay => (STAY_TOOL, arguments),
            Self::Other(name) => (*name, arguments),
        };
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        AnswerEvent::Called(ToolCall { id: "call-1".to_owned(), name, arguments })
    }
}

impl Mark {
    fn take(&self, at: usize, world: &mut World) {
        let text = match self {
            Self::Escalate => "I will ask. ESCALATE: a lost card\n",
            Self::EndCall => "END_CALL",
            Self::Words => "The late fee is twenty-nine dollars, ",
            Self::Price => "$1,299.50 at https://owl.example/fees ",
            Self::Bold => "**Barn** is `free`. ",
        };
        let (one, other) = text.split_at(at % text.len());
        let turn = world.asked();
        world.token(turn, one);
        world.token(turn, other);
    }
}

impl From<Ends> for Finish {
    fn from(ends: Ends) -> Self {
        match ends {
            Ends::Stop => Self::Stop,
            Ends::Length => Self::Length,
            Ends::Filtered => Self::Filtered,
            Ends::Refused => Self::Refused,
        }
    }
}
