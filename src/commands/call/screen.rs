//! What a call looks like in the terminal.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

use crate::caller::{Entry, Happening, Told, read_frame};

/// Shows a call as it happens.
pub(super) struct Screen {
    colours: bool,
    /// Whether the caller's own words are shown; someone who types has seen them.
    own_words: bool,
    /// When the caller said something last.
    asked: Option<Instant>,
    first_token: Option<Duration>,
    tokens: usize,
    /// The cursor is behind words of the agent.
    in_answer: bool,
    /// The caller is in a queue.
    waits: bool,
}

impl Screen {
    pub(super) fn new(colours: bool, own_words: bool) -> Self {
        Self {
            colours,
            own_words,
            asked: None,
            first_token: None,
            tokens: 0,
            in_answer: false,
            waits: false,
        }
    }

    /// Shows what happened. A terminal that is gone is not worth an error.
    pub(super) fn show(&mut self, entry: &Entry) {
        let text = self.render(entry);
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn render(&mut self, entry: &Entry) -> String {
        let mut out = String::new();
        match &entry.what {
            Happening::Received(frame) => self.received(&mut out, entry.at, frame),
            Happening::Sent(frame) => self.sent(&mut out, entry.at, frame),
            Happening::Said(text) => {
                let who = if self.waits { "waiting" } else { "twilio" };
                self.line(&mut out, CYAN, &format!("{who}: {text}"));
            }
            Happening::Violation(what) => {
                self.line(&mut out, RED, &format!("violation: {what}"));
            }
            Happening::Ended(ending) => self.line(&mut out, DIM, &format!("({ending})")),
            Happening::Broken(why) => self.line(&mut out, RED, &format!("({why})")),
            Happening::Note(_) => {}
            passed_on => self.passed_on(&mut out, passed_on),
        }
        out
    }

    /// What happens to a caller who is in no session.
    fn passed_on(&mut self, out: &mut String, what: &Happening) {
        match what {
            Happening::Queued(enqueue) => {
                self.waits = true;
                let told = format!("(the engine passes the caller on)\n{}", enqueue.shown);
                self.line(out, DIM, &told);
            }
            Happening::Waiting { position, seconds } => {
                self.line(out, DIM, &format!("(position {position}, waited {seconds} s)"));
            }
            Happening::Plays(url) => self.line(out, CYAN, &format!("(plays {url})")),
            Happening::Pressed(keys) if self.own_words => {
                self.line(out, BOLD, &format!("caller: presses {keys}"));
            }
            Happening::Dialled(dial) => self.line(out, DIM, &format!("(dials {})", dial.number)),
            Happening::Talking { worker } => {
                self.line(out, BOLD, &format!("(talking with {worker})"));
            }
            Happening::Left { result } => {
                self.waits = false;
                self.line(out, DIM, &format!("(that is over: {result})"));
            }
            _ => {}
        }
    }

    fn received(&mut self, out: &mut String, at: Instant, frame: &str) {
        match read_frame(frame) {
            Ok(Told::Text(text)) => {
                if !text.token.is_empty() {
                    if !self.in_answer {
                        self.begin(out);
                    }
                    out.push_str(&self.paint(CYAN, &text.token));
                    self.tokens += 1;
                    let since = self.asked.map(|asked| at.saturating_duration_since(asked));
                    self.first_token = self.first_token.or(since);
                }
                if text.last && self.in_answer {
                    self.finish(out);
                }
            }
            Ok(Told::Play { source, .. }) => self.line(out, CYAN, &format!("(plays {source})")),
            Ok(Told::SendDigits { digits }) => {
                self.line(out, CYAN, &format!("(presses {digits})"));
            }
            Ok(Told::Language { tts, transcription }) => {
                let spoken = tts.as_deref().unwrap_or("as before");
                let heard = transcription.as_deref().unwrap_or("as before");
                self.line(out, DIM, &format!("(language: speaks {spoken}, hears {heard})"));
            }
            Ok(Told::End { handoff_data }) => {
                let told = match handoff_data {
                    Some(carried) => format!("(end of the session, with hand-off data {carried})"),
                    None => "(end of the session)".to_owned(),
                };
                self.line(out, DIM, &told);
            }
            // The violation follows by itself.
            Err(_) => {}
        }
    }

    fn sent(&mut self, out: &mut String, at: Instant, frame: &str) {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(frame) else { return };
        let field = |name: &str| message.get(name).and_then(serde_json::Value::as_str);
        match field("type") {
            Some("prompt") => {
                self.ask(at);
                if self.own_words {
                    let words = field("voicePrompt").unwrap_or_default();
                    self.line(out, BOLD, &format!("caller: {words}"));
                }
            }
            Some("dtmf") => {
                self.ask(at);
                if self.own_words {
                    let key = field("digit").unwrap_or_default();
                    self.line(out, BOLD, &format!("caller: presses {key}"));
                }
            }
            Some("interrupt") => {
                let heard = field("utteranceUntilInterrupt").unwrap_or_default();
                self.line(out, DIM, &format!("(interrupted, heard {heard:?})"));
            }
            _ => {}
        }
    }

    fn ask(&mut self, at: Instant) {
        self.asked = Some(at);
        self.first_token = None;
        self.tokens = 0;
    }

    fn begin(&mut self, out: &mut String) {
        out.push_str(&self.paint(CYAN, "agent: "));
        self.in_answer = true;
    }

    /// The answer is complete: how fast it was.
    fn finish(&mut self, out: &mut String) {
        self.in_answer = false;
        out.push('\n');
        if let Some(first) = self.first_token {
            let noun = if self.tokens == 1 { "token" } else { "tokens" };
            let told = format!("(first token {} ms, {} {noun})", first.as_millis(), self.tokens);
            self.line(out, DIM, &told);
        }
        self.first_token = None;
        self.tokens = 0;
        self.asked = None;
    }

    fn line(&mut self, out: &mut String, style: &str, text: &str) {
        if self.in_answer {
            out.push('\n');
            self.in_answer = false;
        }
        // Writing to a String does not fail.
        let _ = writeln!(out, "{}", self.paint(style, text));
    }

    /// Colours where there are some, and no control characters of the engine's.
    fn paint(&self, style: &str, text: &str) -> String {
        let clean: String =
            text.chars().filter(|char| !char.is_control() || *char == '\n').collect();
        if self.colours { format!("\u{1b}[{style}m{clean}\u{1b}[0m") } else { clean }
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const CYAN: &str = "36";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Enqueue, Verb, read_twiml};

    fn shown(screen: &mut Screen, entries: &[(u64, Happening)]) -> String {
        let start = Instant::now();
        let entries = entries
            .iter()
            .map(|(ms, what)| Entry { at: start + Duration::from_millis(*ms), what: what.clone() });
        entries.map(|entry| screen.render(&entry)).collect()
    }

    fn token(text: &str, last: bool) -> Happening {
        let frame = serde_json::json!({"type": "text", "token": text, "last": last});
        Happening::Received(frame.to_string())
    }

    fn read(twiml: &str) -> Enqueue {
        match read_twiml(twiml).unwrap().remove(0) {
            Verb::Enqueue(enqueue) => enqueue,
            other => panic!("{other:?}"),
        }
    }

    fn prompt(text: &str) -> Happening {
        let frame = serde_json::json!({"type": "prompt", "voicePrompt": text, "last": true});
        Happening::Sent(frame.to_string())
    }

    #[test]
    fn an_answer_is_shown_as_it_comes_and_timed() {
        let mut screen = Screen::new(false, true);
        let shown = shown(
            &mut screen,
            &[
                (0, token("Hi. ", false)),
                (0, token("", true)),
                (1_000, prompt("Balance?")),
                (1_212, token("It is", false)),
                (1_300, token(" 5.", false)),
                (1_301, token("", true)),
            ],
        );
        let wanted =
            "agent: Hi. \ncaller: Balance?\nagent: It is 5.\n(first token 212 ms, 2 tokens)\n";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_cut_answer_leaves_the_next_line_to_what_follows() {
        let mut screen = Screen::new(false, false);
        let cut = r#"{"type":"interrupt","utteranceUntilInterrupt":"It"}"#;
        let shown = shown(
            &mut screen,
            &[
                (0, token("It is", false)),
                (5, Happening::Sent(cut.to_owned())),
                (6, token("", true)),
            ],
        );
        assert_eq!(shown, "agent: It is\n(interrupted, heard \"It\")\n");
    }

    #[test]
    fn a_caller_who_is_passed_on_is_shown_where_they_are() {
        let enqueue = "<Response><Enqueue action='/done?a=1&amp;b=2' \
                       workflowSid='WW0000000000000000000000000000000a'>\
                       <Task>{\"name\":\"A &lt; B\"}</Task></Enqueue></Response>";
        let enqueue = read(enqueue);
        let worker = "Ada".to_owned();
        let shown = shown(
            &mut Screen::new(false, true),
            &[
                (0, Happening::Queued(enqueue.clone())),
                (1, Happening::Waiting { position: 1, seconds: 12 }),
                (2, Happening::Said("Please hold.".to_owned())),
                (3, Happening::Pressed("2".to_owned())),
                (4, Happening::Talking { worker }),
                (5, Happening::Left { result: "bridged".to_owned() }),
                (6, Happening::Said("Sorry.".to_owned())),
            ],
        );
        let (told, rest) = shown.split_once('\n').unwrap();
        assert_eq!(told, "(the engine passes the caller on)");
        let (element, rest) = rest.split_once("</Enqueue>").unwrap();
        let again = format!("<Response>{element}</Enqueue></Response>");
        assert_eq!(read(&again).action, enqueue.action);
        assert!(element.contains("\n      \"name\": \"A &lt; B\"\n"), "{element}");
        let wanted = "\n(position 1, waited 12 s)\nwaiting: Please hold.\ncaller: presses 2\n\
                      (talking with Ada)\n(that is over: bridged)\ntwilio: Sorry.\n";
        assert_eq!(rest, wanted);
    }

    #[test]
    fn an_engine_cannot_send_escape_sequences_to_the_terminal() {
        let mut screen = Screen::new(false, false);
        let shown = shown(&mut screen, &[(0, token("\u{1b}[2Jhi\u{7}", true))]);
        assert_eq!(shown, "agent: [2Jhi\n");
    }
}
