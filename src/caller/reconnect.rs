//! What Twilio does when a session loses its socket. Most of it is not public, so a caller plays
//! each variant: one that was asked for, or one at random. Asked by the line.
//!
//! Source of what is known: <https://www.twilio.com/en-us/changelog/conversation-relay--dynamic-configuration--application-reconnect>.

use std::{fmt, str::FromStr, time::Duration};

/// Waits before the attempts; 8 s outlast the restart of an instance.
const BACKOFF_MS: [u64; 6] = [0, 250, 500, 1_000, 2_000, 4_000];
/// More attempts than anybody waits for.
const MAX_ATTEMPTS: u32 = 100;
/// Longer than a caller holds a silent line.
const MAX_MILLIS: u64 = 60_000;
/// Twilio keeps as many events of a lost socket.
pub(super) const MAX_REPLAY: usize = 500;

/// Which way leads back to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// The same address is opened again; the action URL is asked once that has failed.
    #[default]
    Socket,
    /// `applicationReconnect` is not honoured: the action URL is asked.
    Action,
    /// The action URL is asked, what it answers is thrown away, and the same address is opened.
    ActionThenSocket,
    /// The same address is opened, then the action URL is asked, and what it answers is followed.
    SocketThenAction,
}

/// What becomes of the events that the engine has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replay {
    /// They are lost: what a caller said without a socket was never heard.
    Never,
    /// They are sent in their order.
    #[default]
    Once,
    /// Each is sent twice in a row.
    Doubles,
    /// All are sent in their order, and all of them again.
    Twice,
}

/// What a close with 1000, 1001 or 1012 means, when the engine did not say `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clean {
    /// 1000 is meant and ends the session, the others are accidents.
    #[default]
    Normal,
    /// Each is an accident.
    Drops,
    /// Each ends the session, and the action URL is asked.
    Ends,
}

/// One variant. The default is the mildest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconnect {
    /// Which way leads back.
    pub way: Way,
    /// Whether a new socket belongs to the same `sessionId`.
    pub keeps_session: bool,
    /// Whether `setup` is sent on a new socket as well.
    pub setup: bool,
    /// What becomes of missed events.
    pub replay: Replay,
    /// How many events before the loss are replayed too, though the engine may have them.
    pub tail: usize,
    /// From the loss to the first attempt or to the action URL.
    pub after: Duration,
    /// A line that the network loses stays open on the engine's side: the new socket comes before
    /// the engine has noticed.
    pub early: bool,
    /// What a clean close means.
    pub clean: Clean,
    /// How often the same address is tried.
    pub attempts: u32,
    /// From one attempt to the next; None: 0.25 s, doubled each time, 4 s at most.
    pub every: Option<Duration>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            way: Way::Socket,
            keeps_session: false,
            setup: true,
            replay: Replay::Once,
            tail: 0,
            after: Duration::ZERO,
            early: false,
            clean: Clean::Normal,
            attempts: 6,
            every: None,
        }
    }
}

/// A variant that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no variant of a reconnect: socket, action, action-then-socket, socket-then-action, \
     same-session, new-session, setup, no-setup, replay, no-replay, doubles, twice, tail=N, \
     after=MS, early, late, clean-drops, clean-ends, attempts=N, every=MS"
)]
pub struct NoSuchVariant(String);

impl Reconnect {
    /// The same seed is the same variant. With [`Replay::Never`] what the caller says without a socket
    /// reaches nobody.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let ways = [Way::Socket, Way::Action, Way::ActionThenSocket, Way::SocketThenAction];
        let replays = [Replay::Once, Replay::Doubles, Replay::Twice];
        let cleans = [Clean::Normal, Clean::Drops, Clean::Ends];
        let variant = Self {
            way: dice.choice(ways).unwrap_or_default(),
            keeps_session: dice.bool(),
            setup: true,
            replay: dice.choice(replays).unwrap_or_default(),
            tail: if dice.bool() { dice.usize(1..=5) } else { 0 },
            after: Duration::from_millis(if dice.bool() { dice.u64(1..=1_500) } else { 0 }),
            early: dice.bool(),
            clean: dice.choice(cleans).unwrap_or_default(),
            attempts: dice.u32(3..=8),
            every: dice.bool().then(|| Duration::from_millis(dice.u64(50..=1_000))),
        };
        let replay = if dice.u8(..4) == 0 { Replay::Never } else { variant.replay };
        Self { setup: dice.u8(..4) > 0, replay, ..variant }
    }

    /// The wait after so many attempts that failed.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        let nth = usize::try_from(attempts).unwrap_or(usize::MAX);
        let backoff = BACKOFF_MS.get(nth).or(BACKOFF_MS.last()).copied().unwrap_or_default();
        self.every.unwrap_or(Duration::from_millis(backoff))
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
        match (name, value) {
            ("socket", None) => self.way = Way::Socket,
            ("action", None) => self.way = Way::Action,
            ("action-then-socket", None) => self.way = Way::ActionThenSocket,
            ("socket-then-action", None) => self.way = Way::SocketThenAction,
            ("same-session", None) => self.keeps_session = true,
            ("new-session", None) => self.keeps_session = false,
            ("setup", None) => self.setup = true,
            ("no-setup", None) => self.setup = false,
            ("replay", None) => self.replay = Replay::Once,
            ("no-replay", None) => self.replay = Replay::Never,
            ("doubles", None) => self.replay = Replay::Doubles,
            ("twice", None) => self.replay = Replay::Twice,
            ("early", None) => self.early = true,
            ("late", None) => self.early = false,
            ("clean-drops", None) => self.clean = Clean::Drops,
            ("clean-ends", None) => self.clean = Clean::Ends,
            ("tail", Some(count)) => {
                self.tail = count.parse().ok().filter(|count| *count <= MAX_REPLAY)?;
            }
            ("after", Some(time)) => self.after = millis(time)?,
            ("every", Some(time)) => self.every = Some(millis(time)?),
            ("attempts", Some(count)) => {
                let counts = 1..=MAX_ATTEMPTS;
                self.attempts = count.parse().ok().filter(|count| counts.contains(count))?;
            }
            _ => return None,
        }
        Some(())
    }
}

fn millis(text: &str) -> Option<Duration> {
    let millis = text.parse().ok().filter(|millis| *millis <= MAX_MILLIS)?;
    Some(Duration::from_millis(millis))
}

impl FromStr for Reconnect {
    type Err = NoSuchVariant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut variant = Self::default();
        for word in text.split(',').map(str::trim) {
            variant.take(word).ok_or_else(|| NoSuchVariant(word.to_owned()))?;
        }
        Ok(variant)
    }
}

/// As it is written on a command line.
impl fmt::Display for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way {
            Way::Socket => "socket",
            Way::Action => "action",
            Way::ActionThenSocket => "action-then-socket",
            Way::SocketThenAction => "socket-then-action",
        })?;
        f.write_str(if self.keeps_session { ",same-session" } else { ",new-session" })?;
        f.write_str(if self.setup { ",setup" } else { ",no-setup" })?;
        f.write_str(match self.replay {
            Replay::Never => ",no-replay",
            Replay::Once => ",replay",
            Replay::Doubles => ",doubles",
            Replay::Twice => ",twice",
        })?;
        write!(f, ",tail={},after={}", self.tail, self.after.as_millis())?;
        f.write_str(if self.early { ",early" } else { ",late" })?;
        f.write_str(match self.clean {
            Clean::Normal => "",
            Clean::Drops => ",clean-drops",
            Clean::Ends => ",clean-ends",
        })?;
        write!(f, ",attempts={}", self.attempts)?;
        self.every.map_or(Ok(()), |every| write!(f, ",every={}", every.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_read_as_it_is_written() {
        for seed in 0..500 {
            let variant = Reconnect::random(seed);
            assert_eq!(variant.to_string().parse(), Ok(variant), "seed {seed}");
        }
        for words in ["no-setup,no-replay,twice", "no-replay", "clean-ends,early,every=0"] {
            let variant: Reconnect = words.parse().unwrap();
            assert_ne!(variant, Reconnect::default());
            assert_eq!(variant.to_string().parse(), Ok(variant));
        }
    }

    #[test]
    fn a_seed_is_one_variant_and_all_kinds_are_played() {
        assert_eq!(Reconnect::random(7), Reconnect::random(7));
        for replay in [Replay::Never, Replay::Once, Replay::Doubles, Replay::Twice] {
            assert!((0..100).any(|seed| Reconnect::random(seed).replay == replay), "{replay:?}");
        }
        for setup in [false, true] {
            assert!((0..100).any(|seed| Reconnect::random(seed).setup == setup), "{setup}");
        }
        for way in [Way::Socket, Way::Action, Way::ActionThenSocket, Way::SocketThenAction] {
            assert!((0..100).any(|seed| Reconnect::random(seed).way == way), "{way:?}");
        }
    }

    #[test]
    fn what_is_no_variant_is_named() {
        for word in ["", "sockets", "tail", "tail=501", "after=-1", "attempts=0", "early=1"] {
            let problem = word.parse::<Reconnect>().unwrap_err().to_string();
            assert!(problem.starts_with(&format!("{word:?} is no variant")), "{problem}");
        }
    }

    #[test]
    fn attempts_are_doubled_apart_or_as_it_was_asked_for() {
        let variant = Reconnect::default();
        let pauses: Vec<_> = (1..8).map(|nth| variant.pause(nth).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
        let variant = Reconnect { every: Some(Duration::from_millis(7)), ..variant };
        assert_eq!(variant.pause(5), Duration::from_millis(7));
    }
}
