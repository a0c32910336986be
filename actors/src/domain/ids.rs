//! Names of things, parsed once at the edge and trusted from then on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Length of a Twilio CallSid: `CA` and 32 hexadecimal digits.
const CALL_SID_LEN: usize = 34;

/// Bound on an [`Alias`]: every Twilio and Salesforce id is far shorter.
const ALIAS_MAX: usize = 128;

/// A string that is not the id it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `CA` followed by 32 hexadecimal digits.
    #[error("a call sid is CA followed by 32 hexadecimal digits")]
    CallSid,
    /// Not a call sid, `.e` and a number.
    #[error("an escalation id is a call sid, `.e` and a number from 1 on")]
    Escalation,
    /// Empty, too long, or holds something besides letters, digits, `_`, `-` and `.`.
    #[error("an id is 1 to 128 letters, digits, `_`, `-` or `.`")]
    Alias,
}

/// Twilio's name of a call: `CA` and 32 hexadecimal digits.
///
/// It is kept in place (34 bytes, `Copy`), since every message about a call carries it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallSid([u8; CALL_SID_LEN]);

impl CallSid {
    /// The sid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets past `from_str`, so the default is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for CallSid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; CALL_SID_LEN] = text.as_bytes().try_into().map_err(|_| IdError::CallSid)?;
        match bytes.strip_prefix(b"CA") {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(Self(bytes)),
            _ => Err(IdError::CallSid),
        }
    }
}

impl fmt::Display for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CallSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CallSid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CallSid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Any other name under which a call can be found: a TaskSid, a ConferenceSid, a CRM record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Alias(String);

impl Alias {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if text.is_empty() || text.len() > ALIAS_MAX || !text.bytes().all(fits) {
            return Err(IdError::Alias);
        }
        Ok(Self(text.to_owned()))
    }
}

/// One exchange of a call: what the caller said and the answer to it share a number.
///
/// Turn 0 is the greeting. A token that carries the id of an earlier turn is never spoken.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TurnId(pub u32);

impl TurnId {
    /// The turn after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One escalation of a call: its sid and a count from 1, as text `CA….e1`.
///
/// It is made from what the record knows, so that two engines that come to the same wish, one after
/// the other's death, name the same escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EscalationId {
    /// Which call.
    pub call: CallSid,
    /// Which of the call's escalations, from 1.
    pub number: u32,
}

impl fmt::Display for EscalationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.e{}", self.call, self.number)
    }
}

impl FromStr for EscalationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (call, number) = text.split_once(".e").ok_or(IdError::Escalation)?;
        let plain = number.bytes().all(|digit| digit.is_ascii_digit());
        match (call.parse(), number.parse::<u32>()) {
            (Ok(call), Ok(number)) if number > 0 && plain => Ok(Self { call, number }),
            _ => Err(IdError::Escalation),
        }
    }
}

impl Serialize for EscalationId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EscalationId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// How often a call has been claimed. The highest epoch owns it; writes of a lower one are fenced.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which socket of a call: every new one gets a higher number, and only the newest may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u64);

/// Which running engine: made anew at each start, so that a restarted one is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_sid_is_ca_and_32_hexadecimal_digits() {
        let sid = "CA0123456789abcdefABCDEF0123456789";
        assert_eq!(sid.parse::<CallSid>().map(|sid| sid.to_string()), Ok(sid.to_owned()));
        for wrong in [
            "",
            "CA",
            "CA0123",
            "XX0123456789abcdefABCDEF0123456789",
            "CAé123456789abcdefABCDEF012345678",
            "CA0123456789abcdefABCDEF012345678g",
        ] {
            assert_eq!(wrong.parse::<CallSid>(), Err(IdError::CallSid), "{wrong}");
        }
    }

    #[test]
    fn an_alias_cannot_smuggle_a_path_or_a_key() {
        for right in ["WT0123", "a-b_c.d", &"x".repeat(128)] {
            assert_eq!(right.parse::<Alias>().as_ref().map(Alias::as_str), Ok(right));
        }
        for wrong in ["", "a/b", "a b", "a:b", "ä", &"x".repeat(129)] {
            assert_eq!(wrong.parse::<Alias>(), Err(IdError::Alias), "{wrong}");
        }
    }

    #[test]
    fn an_escalation_is_named_by_its_call_and_a_count() {
        let name = "CA0123456789abcdef0123456789abcdef.e2";
        let id = name.parse::<EscalationId>().unwrap();
        assert_eq!((id.number, id.to_string()), (2, name.to_owned()));
        assert_eq!(serde_json::to_value(id).unwrap(), name);
        assert!(name.parse::<Alias>().is_ok(), "a call is found by it");
        let sid = id.call;
        for wrong in [
            "",
            "CA.e1",
            &format!("{sid}.e0"),
            &format!("{sid}.e+1"),
            &format!("{sid}.e"),
            sid.as_str(),
        ] {
            assert_eq!(wrong.parse::<EscalationId>(), Err(IdError::Escalation), "{wrong}");
        }
    }

    #[test]
    fn a_log_shows_numbers_and_names_bare() {
        assert_eq!(TurnId(7).to_string(), "7");
        assert_eq!(Epoch(8).to_string(), "8");
        assert_eq!(InstanceId("one".to_owned()).to_string(), "one");
    }
}
