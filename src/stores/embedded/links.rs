//! The ids under which a call is found besides its own.

use redb::{ReadableTable, TableDefinition};
use switchhook_actors::domain::ids::{Alias, CallSid};

use super::{
    Trouble,
    tables::{Tables, parse_sid},
};

/// Linked id to sid.
pub(super) const ALIASES: TableDefinition<'_, &str, &str> = TableDefinition::new("aliases");
/// Sid and linked id: what to unlink when the call goes.
pub(super) const LINKS: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("links");

impl Tables<'_> {
    /// Takes all links from a call.
    pub(super) fn unlink_all(&self, sid: &str) -> Result<(), Trouble> {
        let mut links = self.write.open_table(LINKS)?;
        let mut aliases = self.write.open_table(ALIASES)?;
        let mut gone = Vec::new();
        for row in links.range((sid, "")..)? {
            let (key, _) = row?;
            let (owner, alias) = key.value();
            if owner != sid {
                break;
            }
            gone.push(alias.to_owned());
        }
        for alias in gone {
            links.remove((sid, alias.as_str()))?;
            aliases.remove(alias.as_str())?;
        }
        Ok(())
    }

    /// Makes the call findable under that id; the id's older link goes.
    pub(super) fn link(&self, alias: &Alias, sid: CallSid) -> Result<(), Trouble> {
        let mut links = self.write.open_table(LINKS)?;
        let mut aliases = self.write.open_table(ALIASES)?;
        if let Some(old) = aliases.insert(alias.as_str(), sid.as_str())? {
            links.remove((old.value(), alias.as_str()))?;
        }
        links.insert((sid.as_str(), alias.as_str()), ())?;
        Ok(())
    }

    /// The call that is linked to that id.
    pub(super) fn linked(&self, alias: &Alias) -> Result<Option<CallSid>, Trouble> {
        let aliases = self.write.open_table(ALIASES)?;
        let Some(sid) = aliases.get(alias.as_str())? else { return Ok(None) };
        parse_sid(sid.value()).map(Some)
    }
}
