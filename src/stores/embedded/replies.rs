//! Replies to webhooks. Each has a key of its own before it: its call may not be known here.

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use switchhook_actors::domain::{ids::CallSid, time::Timestamp};

use super::{
    Trouble,
    tables::{Tables, unreadable},
};
use crate::stores::sealed::Place;

/// Sid, space and key to expiry, and to length of the wrapped key, wrapped key and reply.
pub(super) const REPLIES: TableDefinition<'_, &str, (u64, &[u8])> =
    TableDefinition::new("sealed_replies");
/// The same of format 1: expiry and reply.
const OLD: TableDefinition<'_, &str, (u64, &str)> = TableDefinition::new("replies");
/// Expiry and name of the replies, for their deletion.
pub(super) const EXPIRIES: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiries");

/// Takes over the replies of a file of format 1; how many.
pub(super) fn bring_up(write: &WriteTransaction) -> Result<usize, Trouble> {
    let mut moved = 0;
    {
        let (old, mut replies) = (write.open_table(OLD)?, write.open_table(REPLIES)?);
        for row in old.iter()? {
            let (name, reply) = row?;
            let (expires, reply) = reply.value();
            replies.insert(name.value(), (expires, with_key(&[], reply.as_bytes()).as_slice()))?;
            moved += 1;
        }
    }
    write.delete_table(OLD)?;
    Ok(moved)
}

impl Tables<'_> {
    /// A reply and when its time is over.
    pub(super) fn reply(
        &self,
        sid: CallSid,
        key: &str,
    ) -> Result<Option<(Timestamp, String)>, Trouble> {
        let replies = self.write.open_table(REPLIES)?;
        let Some(row) = replies.get(reply_name(sid, key).as_str())? else { return Ok(None) };
        let (expires, value) = row.value();
        let wrong = || unreadable(sid, &"a reply is damaged");
        let (wrapped, sealed) = split(value).ok_or_else(wrong)?;
        let own = self.keys.vault().unwrap(sid, wrapped);
        let place = Place::Reply { sid, key: key.to_owned() };
        let plain = own.and_then(|own| own.open(&place, sealed));
        let plain = plain.map_err(|error| unreadable(sid, &error))?;
        let reply = String::from_utf8(plain).map_err(|_| wrong())?;
        Ok(Some((Timestamp(expires), reply)))
    }

    /// Stores a reply in place of any older one under that key.
    pub(super) fn put_reply(
        &self,
        sid: CallSid,
        key: &str,
        reply: &str,
        expires: Timestamp,
    ) -> Result<(), Trouble> {
        let (own, wrapped) = self.keys.vault().fresh(sid);
        let place = Place::Reply { sid, key: key.to_owned() };
        let value = with_key(&wrapped, &own.seal(&place, reply.as_bytes()));
        let name = reply_name(sid, key);
        let name = name.as_str();
        let mut expiries = self.write.open_table(EXPIRIES)?;
        let mut replies = self.write.open_table(REPLIES)?;
        if let Some(old) = replies.insert(name, (expires.0, value.as_slice()))? {
            expiries.remove((old.value().0, name))?;
        }
        expiries.insert((expires.0, name), ())?;
        Ok(())
    }

    /// Deletes what was replied about a call; how many.
    pub(super) fn delete_replies_of(&self, sid: &str) -> Result<usize, Trouble> {
        let mut replies = self.write.open_table(REPLIES)?;
        let mut gone = Vec::new();
        // `!` is the character behind the space.
        for row in replies.range(format!("{sid} ").as_str()..format!("{sid}!").as_str())? {
            let (name, reply) = row?;
            gone.push((reply.value().0, name.value().to_owned()));
        }
        let mut expiries = self.write.open_table(EXPIRIES)?;
        for (expires, name) in &gone {
            replies.remove(name.as_str())?;
            expiries.remove((*expires, name.as_str()))?;
        }
        Ok(gone.len())
    }

    /// Deletes up to `most` replies whose time was over at `now`.
    pub(super) fn delete_replies(&self, now: Timestamp, most: usize) -> Result<usize, Trouble> {
        let mut expiries = self.write.open_table(EXPIRIES)?;
        let mut replies = self.write.open_table(REPLIES)?;
        let mut over = Vec::new();
        for row in expiries.range(..(now.0.saturating_add(1), ""))?.take(most) {
            let (key, _) = row?;
            let (expires, name) = key.value();
            over.push((expires, name.to_owned()));
        }
        for (expires, name) in &over {
            expiries.remove((*expires, name.as_str()))?;
            replies.remove(name.as_str())?;
        }
        Ok(over.len())
    }
}

/// How a reply about that call is named.
fn reply_name(sid: CallSid, key: &str) -> String {
    format!("{sid} {key}")
}

fn with_key(wrapped: &[u8], sealed: &[u8]) -> Vec<u8> {
    [&(wrapped.len() as u64).to_be_bytes()[..], wrapped, sealed].concat()
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = value.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
}
