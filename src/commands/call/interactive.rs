//! A conversation that somebody types.

use std::io::BufRead as _;

use tokio::sync::mpsc;

use super::{ENTRY_DEADLINE, Screen};
use crate::caller::{Caller, CallerError, Ending, Happening, script::Failure};

/// Lines that somebody typed ahead.
const TYPED_AHEAD: usize = 64;

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    /// Enter alone.
    Interrupt,
    Press(&'a str),
    HangUp,
    Say(&'a str),
}

impl<'a> Typed<'a> {
    fn read(line: &'a str) -> Self {
        let line = line.trim();
        match line.strip_prefix('#') {
            _ if line.is_empty() => Self::Interrupt,
            _ if line == "/hangup" => Self::HangUp,
            Some(keys) => Self::Press(keys.trim()),
            None => Self::Say(line),
        }
    }
}

/// Talks until somebody hangs up. Fails when the engine broke the protocol or the call.
pub(super) async fn talk(caller: &Caller, mut screen: Screen) -> Vec<Failure> {
    println!("(connected as {}; /hangup or Ctrl-D ends the call)", caller.call_sid());
    let mut lines = typed_lines();
    let mut typing = true;
    loop {
        tokio::select! {
            biased;
            entry = caller.next_entry(ENTRY_DEADLINE) => {
                let Some(entry) = entry else { continue };
                screen.show(&entry);
                if matches!(entry.what, Happening::Ended(_)) {
                    return failures(caller);
                }
            }
            line = lines.recv(), if typing => {
                typing = line.is_some();
                let line = line.unwrap_or_else(|| "/hangup".to_owned());
                match act(caller, &Typed::read(&line)).await {
                    Ok(()) | Err(CallerError::Over) => {}
                    Err(error) => println!("({error})"),
                }
            }
        }
    }
}

async fn act(caller: &Caller, typed: &Typed<'_>) -> Result<(), CallerError> {
    match typed {
        Typed::Interrupt => caller.interrupt().await.map(drop),
        Typed::Press(keys) => caller.press(keys).await.map(drop),
        Typed::HangUp => caller.hang_up().await,
        Typed::Say(text) => caller.barge_in(text).await.map(drop),
    }
}

fn failures(caller: &Caller) -> Vec<Failure> {
    let failure = |problem: String| Failure { line: 0, step: "the call".to_owned(), problem };
    let mut failures: Vec<_> = caller.violations().into_iter().map(failure).collect();
    if let Some(Ending::Failed { reason }) = caller.ending() {
        failures.push(failure(reason));
    }
    failures
}

/// A thread of its own: reading a terminal cannot be cancelled, and must not delay the exit.
fn typed_lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(TYPED_AHEAD);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_said_pressed_or_ends_the_call() {
        for (line, typed) in [
            ("", Typed::Interrupt),
            ("  ", Typed::Interrupt),
            ("#5", Typed::Press("5")),
            ("#12##", Typed::Press("12##")),
            ("/hangup\r", Typed::HangUp),
            (" What is my balance? ", Typed::Say("What is my balance?")),
        ] {
            assert_eq!(Typed::read(line), typed, "{line:?}");
        }
    }
}
