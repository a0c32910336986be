//! What was broken when a caller said something: of the plan as it was carried out, and of the
//! engines' logs, which tell where each socket ended.

use std::collections::HashMap;

use switchhook::caller::record::{Fact, What};

use crate::{
    callers::Story,
    faults::{Fault, Happened},
    model::Asked,
};

/// An engine that dies has what came so shortly before in no store yet, ms: the append has 80 and a
/// replica as long again, and then it goes into the journal.
const UNSTORED_MS: u64 = 300;

/// A balancer that dies has what came so shortly before passed on to nobody, ms.
const UNPASSED_MS: u64 = 50;

/// Times of the machine's one clock that were rounded apart, ms.
const ROUNDED_MS: u64 = 5;

/// All of a run that is not one caller's.
#[derive(Debug, Default)]
pub(crate) struct Circumstances {
    pub(crate) happened: Vec<Happened>,
    /// The lines of each call: since when, and to which engine.
    pub(crate) lines: HashMap<String, Vec<(u64, usize)>>,
    /// When the model was asked about what.
    pub(crate) asked: Asked,
}

/// How words came to be lost that nobody had acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// Their socket led to an engine that was dead, about to die, or stood still, or to a balancer
    /// that was.
    Dead,
    /// There was no socket, and Twilio gave the session up with all that waited for one.
    GivenUp,
}

impl Circumstances {
    /// Whether a fault of that kind was under way at that moment.
    pub(crate) fn is_during(&self, fault: Fault, at_ms: u64) -> bool {
        let mut such = self.happened.iter().filter(|happened| happened.fault == fault);
        such.any(|happened| (happened.from_ms..=happened.until_ms).contains(&at_ms))
    }

    /// Why nobody needs to have heard those words, if there is a reason.
    pub(crate) fn excuse(&self, story: &Story, words: &str) -> Option<Excuse> {
        let (nth, ms, socket) = story.facts.iter().enumerate().find_map(|(nth, fact)| {
            let What::Said { words: said, socket, .. } = &fact.what else { return None };
            (said == words).then_some((nth, fact.ms, *socket))
        })?;
        if socket == 0 {
            return is_given_up(story, nth).then_some(Excuse::GivenUp);
        }
        let at = rang_ms(story) + ms;
        let mut stampedes = self.happened.iter().filter(|hit| hit.fault == Fault::Stampede);
        if stampedes
            .any(|hit| (hit.from_ms.saturating_sub(UNPASSED_MS)..=hit.until_ms).contains(&at))
        {
            return Some(Excuse::Dead);
        }
        let engine = self.engine(story, socket)?;
        let mut hits = self.happened.iter().filter(|happened| happened.engine == Some(engine));
        let dead = |hit: &Happened| {
            matches!(hit.fault, Fault::Kill | Fault::Zombie)
                && (hit.from_ms.saturating_sub(UNSTORED_MS)..=hit.until_ms).contains(&at)
        };
        hits.any(dead).then_some(Excuse::Dead)
    }

    /// Where that socket of the call ended: the engine has written down the line before the caller
    /// could know of the socket, and after the one before.
    fn engine(&self, story: &Story, socket: u32) -> Option<usize> {
        let opened = |nth: u32| {
            let mut opened = story.facts.iter().filter_map(|fact| match &fact.what {
                What::Opened { socket, .. } if *socket == nth => Some(rang_ms(story) + fact.ms),
                _ => None,
            });
            opened.next()
        };
        let until = opened(socket)? + ROUNDED_MS;
        let after = opened(socket.saturating_sub(1)).unwrap_or_default();
        let lines = self.lines.get(&story.sid)?.iter();
        let mut lines = lines.filter(|(from, _)| *from > after && *from <= until);
        lines.next_back().map(|(_, engine)| *engine)
    }
}

/// When the call began, by the machine's clock, ms.
pub(crate) fn rang_ms(story: &Story) -> u64 {
    let rang = story.facts.iter().find_map(|fact| match &fact.what {
        What::Rang { unix_ms, .. } => Some(unix_ms.saturating_sub(fact.ms)),
        _ => None,
    });
    rang.unwrap_or_default()
}

/// Whether Twilio, instead of opening a socket again, asked the action for another session.
fn is_given_up(story: &Story, said: usize) -> bool {
    let variant = story.facts.iter().find_map(|fact| match &fact.what {
        What::Rang { variant, .. } => Some(variant.as_str()),
        _ => None,
    });
    // There what the action answers is thrown away once, and the session goes on.
    let thrown_away = usize::from(variant.unwrap_or_default().starts_with("action-then-socket"));
    let later = story.facts.iter().skip(said);
    let until = later.take_while(|fact| !matches!(fact.what, What::Opened { .. }));
    let asked = until.filter(|fact| is_failed_session(fact)).count();
    asked > thrown_away
}

fn is_failed_session(fact: &Fact) -> bool {
    matches!(&fact.what, What::Webhook { told, .. } if told.contains("SessionStatus=failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANG: u64 = 1_000_000;

    fn story(variant: &str, facts: Vec<(u64, What)>) -> Story {
        let rang = What::Rang {
            call: "CA1".to_owned(),
            unix_ms: RANG,
            variant: format!("{variant},new-session"),
        };
        let facts = [(0, rang)].into_iter().chain(facts);
        Story {
            sid: "CA1".to_owned(),
            facts: facts.map(|(ms, what)| Fact { ms, what }).collect(),
            ..Story::default()
        }
    }

    fn opened(socket: u32) -> What {
        What::Opened { socket, session: String::new() }
    }

    fn said(socket: u32) -> What {
        What::Said { turn: 1, words: "words".to_owned(), socket }
    }

    fn failed() -> What {
        let told = "POST /session-over SessionStatus=failed".to_owned();
        What::Webhook { told, status: 200, took_ms: 5 }
    }

    fn broken(fault: Fault, engine: usize, from: u64, until: u64) -> Circumstances {
        let (from_ms, until_ms) = (RANG + from, RANG + until);
        Circumstances {
            happened: vec![Happened { fault, engine: Some(engine), from_ms, until_ms }],
            lines: HashMap::from([("CA1".to_owned(), vec![(RANG + 105, 0), (RANG + 9_005, 1)])]),
            ..Circumstances::default()
        }
    }

    #[test]
    fn words_to_an_engine_that_stood_still_are_excused_and_those_to_another_are_not() {
        let frozen = broken(Fault::Zombie, 0, 4_000, 9_000);
        let talk = |ms| story("socket", vec![(100, opened(1)), (ms, said(1))]);
        let excuse = |circumstances: &Circumstances, ms| circumstances.excuse(&talk(ms), "words");
        assert_eq!(excuse(&frozen, 4_500), Some(Excuse::Dead));
        assert_eq!(excuse(&frozen, 3_900), Some(Excuse::Dead), "not stored yet");
        assert_eq!(excuse(&frozen, 2_000), None);
        assert_eq!(excuse(&broken(Fault::Zombie, 1, 4_000, 9_000), 4_500), None);
        assert_eq!(excuse(&broken(Fault::Drain, 0, 4_000, 9_000), 4_500), None);
        // The next socket came at once, to another engine.
        let soon = vec![(100, opened(1)), (8_990, said(1)), (9_000, opened(2))];
        assert_eq!(frozen.excuse(&story("socket", soon), "words"), Some(Excuse::Dead));
        let next = story("socket", vec![(100, opened(1)), (9_000, opened(2)), (9_100, said(2))]);
        assert_eq!(frozen.excuse(&next, "words"), None);
    }

    #[test]
    fn words_to_a_balancer_that_dies_are_excused_in_that_moment_alone() {
        let mut stampede = broken(Fault::Stampede, 0, 4_000, 4_010);
        stampede.happened[0].engine = None;
        let excuse = |ms| {
            let talk = story("socket", vec![(100, opened(1)), (ms, said(1))]);
            stampede.excuse(&talk, "words")
        };
        assert_eq!((excuse(3_960), excuse(4_005)), (Some(Excuse::Dead), Some(Excuse::Dead)));
        assert_eq!((excuse(3_900), excuse(4_100)), (None, None));
    }

    #[test]
    fn words_without_a_socket_are_excused_only_where_twilio_gave_the_session_up() {
        let calm = Circumstances::default();
        let excuse = |variant: &str, facts| calm.excuse(&story(variant, facts), "words");
        let given_up = || vec![(500, said(0)), (600, failed()), (700, opened(2))];
        assert_eq!(excuse("action", given_up()), Some(Excuse::GivenUp));
        assert_eq!(excuse("action-then-socket", given_up()), None);
        let replayed = vec![(500, said(0)), (600, opened(2)), (700, failed())];
        assert_eq!(excuse("socket", replayed), None);
    }
}
