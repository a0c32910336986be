//! What the monitors should show, since when, and when each has shown it.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use serde::Deserialize;

/// One an engine.
pub(super) const MONITORS: usize = 3;

/// Status and turns of the calls of one list.
pub(super) type Rows = HashMap<String, (String, usize)>;

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connected,
    Asked,
    Answered,
    Ordered,
    Ended,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Connected, Self::Asked, Self::Answered, Self::Ordered, Self::Ended];

    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Connected => "the caller is connected",
            Self::Asked => "the caller has spoken",
            Self::Answered => "the first word of the answer",
            Self::Ordered => "a person is ordered",
            Self::Ended => "the call is over",
        }
    }
}

/// What should be shown of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    kind: Kind,
    sid: String,
    turns: usize,
    since: Instant,
}

impl Wanted {
    fn is_in(&self, rows: &Rows) -> bool {
        let row = rows.get(&self.sid);
        match self.kind {
            Kind::Connected => row.is_some_and(|(status, _)| status == "active"),
            Kind::Asked | Kind::Answered => row.is_some_and(|(_, turns)| *turns >= self.turns),
            Kind::Ordered => {
                row.is_none_or(|(status, _)| status != "active" && status != "ringing")
            }
            Kind::Ended => row.is_none(),
        }
    }
}

#[derive(Default)]
struct State {
    /// What each monitor does not show yet.
    awaited: [Vec<Wanted>; MONITORS],
    shown: Vec<(Kind, Instant, Duration)>,
}

/// Shared by the callers and the readers.
#[derive(Default)]
pub(super) struct Board(Mutex<State>);

impl Board {
    /// That has happened; of a turn it is said how many there are now.
    pub(super) fn happened(&self, kind: Kind, sid: &str, turns: usize, since: Instant) {
        let wanted = Wanted { kind, sid: sid.to_owned(), turns, since };
        let mut state = self.0.lock().expect("nobody panics with it");
        state.awaited.iter_mut().for_each(|awaited| awaited.push(wanted.clone()));
    }

    /// A monitor has shown these calls by then.
    pub(super) fn shown(&self, monitor: usize, rows: &Rows, at: Instant) {
        let state = &mut *self.0.lock().expect("nobody panics with it");
        for wanted in state.awaited[monitor].extract_if(.., |wanted| wanted.is_in(rows)) {
            let delay = at.saturating_duration_since(wanted.since);
            state.shown.push((wanted.kind, wanted.since, delay));
        }
    }

    /// How long it took each time, the shortest first, and how often it never was. Of turns those
    /// count that came from then on.
    pub(super) fn delays(&self, kind: Kind, from: Instant) -> (Vec<Duration>, usize) {
        let state = self.0.lock().expect("nobody panics with it");
        let is_turn = matches!(kind, Kind::Asked | Kind::Answered);
        let counts = |of: Kind, since: Instant| of == kind && (!is_turn || since >= from);
        let shown = state.shown.iter().filter(|(of, since, _)| counts(*of, *since));
        let mut delays: Vec<_> = shown.map(|(_, _, delay)| *delay).collect();
        delays.sort_unstable();
        let never =
            state.awaited.iter().flatten().filter(|wanted| counts(wanted.kind, wanted.since));
        (delays, never.count())
    }
}

/// Reads a list.
pub(super) fn read(list: &str) -> Rows {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        call_sid: &'a str,
        status: &'a str,
        turns: usize,
    }
    let rows: Vec<Row<'_>> = serde_json::from_str(list).expect("a list of calls");
    let row = |row: Row<'_>| (row.call_sid.to_owned(), (row.status.to_owned(), row.turns));
    rows.into_iter().map(row).collect()
}
