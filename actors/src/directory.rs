//! Which session of this process holds which call.
//!
//! One map for all worker threads, so that a socket finds the session of its call wherever that
//! runs. A session is found or started under one lock: two sockets never start two.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use actix::{Actor, Addr};

use crate::domain::ids::{CallSid, LineId};

/// The sessions of this process.
pub struct Directory<Session: Actor> {
    /// Held for a look-up or an insertion, never across a wait.
    seats: Mutex<HashMap<CallSid, Seat<Session>>>,
    lines: AtomicU64,
}

struct Seat<Session: Actor> {
    session: Addr<Session>,
    /// The caller is gone; the session only stores what was said last.
    retired: bool,
}

impl<Session: Actor> Seat<Session> {
    fn is_live(&self) -> bool {
        !self.retired && self.session.connected()
    }
}

impl<Session: Actor> Default for Directory<Session> {
    fn default() -> Self {
        Self { seats: Mutex::default(), lines: AtomicU64::default() }
    }
}

impl<Session: Actor> Directory<Session> {
    /// The number of a new line: higher than any before it.
    pub fn next_line(&self) -> LineId {
        LineId(self.lines.fetch_add(1, Ordering::Relaxed))
    }

    /// The live session of that call, or the one that `start` makes: a caller who comes back to one that
    /// only stores its last words gets another.
    pub fn seat(&self, sid: CallSid, start: impl FnOnce() -> Addr<Session>) -> Addr<Session> {
        let mut seats = self.seats();
        match seats.get(&sid) {
            Some(seat) if seat.is_live() => seat.session.clone(),
            _ => {
                let session = start();
                seats.insert(sid, Seat { session: session.clone(), retired: false });
                session
            }
        }
    }

    /// The live session of that call, if it is here.
    pub fn find(&self, sid: CallSid) -> Option<Addr<Session>> {
        let seats = self.seats();
        let seat = seats.get(&sid).filter(|seat| seat.is_live());
        seat.map(|seat| seat.session.clone())
    }

    /// A session is gone. One that took its seat since then keeps it.
    pub fn leave(&self, sid: CallSid, session: &Addr<Session>) {
        let mut seats = self.seats();
        if seats.get(&sid).is_some_and(|seat| seat.session == *session) {
            seats.remove(&sid);
        }
    }

    /// The call is over; its session stays until its last words are stored.
    pub fn retire(&self, sid: CallSid, session: &Addr<Session>) {
        let mut seats = self.seats();
        if let Some(seat) = seats.get_mut(&sid).filter(|seat| seat.session == *session) {
            seat.retired = true;
        }
    }

    /// The calls that have a session here.
    pub fn calls(&self) -> Vec<CallSid> {
        self.seats().keys().copied().collect()
    }

    /// How many calls are going on here. A store that is away keeps no place from a new caller.
    pub fn held(&self) -> usize {
        self.seats().values().filter(|seat| !seat.retired).count()
    }

    /// How many calls have a session here.
    pub fn len(&self) -> usize {
        self.seats().len()
    }

    /// Whether no call has a session here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<CallSid, Seat<Session>>> {
        // A panic while the lock was held left the map as it was: no step of ours is half done.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
