//! What the caller hears while they wait: one wait document, verb by verb.

use super::*;
use crate::caller::{
    twiml_reader::{self, Gather, Verb},
    voice::{PLAY_LENGTH, Pace},
};

/// The key that ends the keys of a `<Gather>`.
const FINISH: char = '#';

/// How a document ends.
pub(super) enum Flow {
    /// With its last verb.
    Over,
    /// Another one goes on.
    Next(Document),
    /// The call leaves.
    Cut(Cut),
}

impl Queue<'_> {
    pub(super) async fn perform(&mut self, document: &Document) -> Result<Flow, CallerError> {
        for verb in twiml_reader::read(&document.body)? {
            let cut = match verb {
                Verb::Say { .. } | Verb::Play { .. } | Verb::Pause { .. } => {
                    self.sound(&verb, Keys::Lost).await?
                }
                Verb::Gather(gather) => match self.gather(&gather, document).await? {
                    Flow::Over => None,
                    flow => return Ok(flow),
                },
                Verb::Leave => {
                    self.tell_leave("leave").await;
                    Some(Cut::Canceled("leave".to_owned()))
                }
                Verb::Hangup => {
                    self.tell_leave("hangup").await;
                    Some(Cut::Canceled("hangup".to_owned()))
                }
                Verb::Redirect { url, method } => {
                    let fields = self.fields(None);
                    let next = self.phone.follow(&url, &document.url, &method, &fields).await?;
                    return Ok(Flow::Next(next));
                }
                other => {
                    let problem = format!("a wait document may not hold {}", name(&other));
                    self.change(|history| history.violation(problem));
                    None
                }
            };
            if let Some(cut) = cut {
                return Ok(Flow::Cut(cut));
            }
        }
        Ok(Flow::Over)
    }

    /// Keys, for as long as `<Gather>` lasts; with some of them its action goes on.
    async fn gather(&mut self, gather: &Gather, document: &Document) -> Result<Flow, CallerError> {
        let keys = if gather.keys { Keys::Awaited } else { Keys::Lost };
        let mut digits = String::new();
        for child in &gather.children {
            match self.sound(child, keys).await? {
                None => {}
                Some(Cut::Key(key)) => {
                    digits.push(key);
                    break;
                }
                Some(cut) => return Ok(Flow::Cut(cut)),
            }
        }
        let wanted = gather.digits.unwrap_or(usize::MAX);
        while digits.len() < wanted && !digits.ends_with(FINISH) {
            let until = Instant::now() + Duration::from_secs(gather.timeout);
            match self.pass(until, keys).await? {
                None => break,
                Some(Cut::Key(key)) => digits.push(key),
                Some(cut) => return Ok(Flow::Cut(cut)),
            }
        }
        let digits = digits.trim_end_matches(FINISH);
        if digits.is_empty() {
            return Ok(Flow::Over);
        }
        let action = gather.action.as_deref().unwrap_or(&document.url);
        let fields = self.fields(Some(digits));
        let next = self.phone.follow(action, &document.url, &gather.method, &fields).await?;
        Ok(Flow::Next(next))
    }

    /// Words, a recording or silence.
    async fn sound(&mut self, verb: &Verb, keys: Keys) -> Result<Option<Cut>, CallerError> {
        let length = match verb {
            Verb::Say { text } => return self.say(text, keys).await,
            Verb::Pause { seconds } => Duration::from_secs(*seconds),
            Verb::Play { url } => {
                self.change(|history| history.record(Happening::Plays(url.clone())));
                if self.phone.options.pace == Pace::Instant { Duration::ZERO } else { PLAY_LENGTH }
            }
            _ => Duration::ZERO,
        };
        self.pass(Instant::now() + length, keys).await
    }

    async fn say(&mut self, text: &str, keys: Keys) -> Result<Option<Cut>, CallerError> {
        self.change(|history| history.speak(text));
        loop {
            let Some(wakes) = self.change(|history| history.wakes()) else {
                return self.pass(Instant::now(), keys).await;
            };
            if let Some(cut) = self.pass(wakes, keys).await? {
                self.change(|history| history.fall_silent());
                return Ok(Some(cut));
            }
        }
    }
}

fn name(verb: &Verb) -> String {
    match verb {
        Verb::Connect(_) => "<Connect>".to_owned(),
        Verb::Enqueue(_) => "<Enqueue>".to_owned(),
        Verb::Dial(_) => "<Dial>".to_owned(),
        Verb::Other { name, .. } => format!("<{name}>"),
        other => format!("{other:?}"),
    }
}
