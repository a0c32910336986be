//! Configuration: every variable of the environment, read once, checked together.
//!
//! It imports nobody but `twilio::twiml`, whose types know what Twilio takes; the others take their
//! section by value. Reading has two steps: each section has a flat struct of optional text that
//! envy fills and that cannot fail, and a pure `parse` that turns it into types and writes down
//! what is wrong. So all problems come at once.
//! Empty variables count as unset, and blanks around a value are not part of it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::de::DeserializeOwned;

mod access;
mod environment;
mod keys;
mod limits;
mod listen;
mod log;
mod model;
mod problems;
mod redis;
mod relay;
mod store;
mod twilio;
mod values;
mod variables;

pub use access::{Access, Role, UnknownRole};
pub use keys::{KEY_BYTES, Key};
pub use limits::{CALLS_MAX, Limits};
pub use listen::{Listen, PublicUrl};
pub use log::{Format, Log};
pub use model::Model;
pub use problems::{Problem, Problems};
pub use redis::RedisAddress;
pub use relay::RelayConfig;
pub use store::Store;
pub use twilio::Twilio;
pub(crate) use values::is_phone;
pub use variables::{VARIABLES, Variable};

/// Everything an operator decides. Secrets in it are redacted in `Debug`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where the world finds us.
    pub public_url: PublicUrl,
    /// Whether anybody outside can connect: `BIND` or `PUBLIC_URL` is not loopback.
    pub is_public: bool,
    /// Who may look, act and erase.
    pub access: Access,
    /// `CORS_ORIGINS`, as browsers send them.
    pub cors_origins: Vec<String>,
    /// The Twilio account, and who takes escalated calls.
    pub twilio: Twilio,
    /// How Twilio listens and speaks.
    pub relay: RelayConfig,
    /// The language model.
    pub model: Model,
    /// `PERSONA_FILE`. None: the one inside.
    pub persona_file: Option<PathBuf>,
    /// Limits of a call and of an instance.
    pub limits: Limits,
    /// Where calls are kept, and under which keys.
    pub store: Store,
    /// What is logged.
    pub log: Log,
    /// What is legal and probably not meant, for the operator to read at the start.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the environment of the process and the `.env` file of the working directory.
    ///
    /// # Errors
    /// Everything that is wrong with them. It shows no secret.
    pub fn load() -> Result<Self, Problems> {
        Self::from_pairs(environment::read()?)
    }

    /// Reads names and values. Of two values of one name the last counts.
    ///
    /// # Errors
    /// Everything that is wrong with them. It shows no secret.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problems> {
        let mut warnings = Vec::new();
        let mut known = BTreeMap::new();
        for (name, value) in pairs {
            warnings.extend(variables::warning(&name));
            if variables::is_known(&name) {
                known.insert(name, value.trim().to_owned());
            }
        }
        known.retain(|_, value: &mut String| !value.is_empty());
        let mut problems = Problems::default();
        let config = Self::parse(&Pairs(known), &mut problems, warnings);
        if problems.0.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn parse(pairs: &Pairs, problems: &mut Problems, mut warnings: Vec<String>) -> Self {
        let (listen, public_url) = listen::parse(pairs.section(problems), problems);
        let is_public = listen.is_public() || !public_url.is_loopback();
        if listen.is_public() && public_url.is_loopback() {
            warnings.push(format!(
                "BIND is not loopback, but PUBLIC_URL is {}: Twilio cannot call it",
                public_url.origin()
            ));
        }
        let (access, cors_origins) = access::parse(pairs.section(problems), is_public, problems);
        let twilio = twilio::parse(pairs.section(problems), is_public, problems, &mut warnings);
        let relay = relay::parse(pairs.prefixed("RELAY_", problems), problems, &mut warnings);
        let model = model::parse(pairs.section(problems), problems, &mut warnings);
        let persona_file =
            values::words("PERSONA_FILE", pairs.0.get("PERSONA_FILE").cloned(), problems);
        Self {
            listen,
            public_url,
            is_public,
            access,
            cors_origins,
            twilio,
            relay,
            model,
            persona_file: persona_file.map(PathBuf::from),
            limits: limits::parse(pairs.section(problems), problems),
            store: store::parse(pairs.section(problems), problems),
            log: log::parse(pairs.section(problems), problems),
            warnings,
        }
    }
}

/// Known variables that are set.
struct Pairs(BTreeMap<String, String>);

impl Pairs {
    /// The flat struct of a section.
    fn section<T: Default + DeserializeOwned>(&self, problems: &mut Problems) -> T {
        unfailing(envy::from_iter(self.0.clone()), problems)
    }

    /// The variables that begin with `prefix`, by the rest of their names in lower case.
    fn prefixed(&self, prefix: &str, problems: &mut Problems) -> BTreeMap<String, String> {
        unfailing(envy::prefixed(prefix).from_iter(self.0.clone()), problems)
    }
}

/// Text always becomes optional text; should that ever change, the start stops.
fn unfailing<T: Default>(read: envy::Result<T>, problems: &mut Problems) -> T {
    read.unwrap_or_else(|_| {
        problems.add("environment", "cannot be read");
        T::default()
    })
}

#[cfg(test)]
mod tests;
