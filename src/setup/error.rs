//! What keeps the set-up from going on, in words for the person at the terminal.

use std::path::PathBuf;

use crate::twilio::rest::RestError;

/// Why the set-up ended.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file of settings cannot be read.
    #[error("{file} cannot be read: {why}")]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// In the system's or the parser's words.
        why: String,
    },
    /// A setting is wrong.
    #[error("{name}: {expected}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: String,
    },
    /// What is kept for undoing cannot be written.
    #[error("{file} cannot be written: {why}; nothing was changed without it")]
    Unwritable {
        /// Which.
        file: PathBuf,
        /// In the system's words.
        why: String,
    },
    /// The file of another account.
    #[error("{file} belongs to another account; move it away, or use that account's credentials")]
    OtherAccount {
        /// Which.
        file: PathBuf,
    },
    /// Twilio did not do something.
    #[error("{what}: {why}{}", more(.why))]
    Twilio {
        /// What was tried.
        what: String,
        /// What came of it.
        why: RestError,
    },
    /// Several things have one name.
    #[error("{what}: there are {count} of that name; rename or delete all but one")]
    Ambiguous {
        /// Which.
        what: String,
        /// How many.
        count: usize,
    },
    /// No workspace to use.
    #[error(
        "there is no workspace \"{wanted}\" (there {}); name one with `workspace`, or \
         allow a new one with `create_workspace = true`", listed(.there)
    )]
    NoWorkspace {
        /// The name that was looked for.
        wanted: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// A number that is not the account's.
    #[error(
        "{0} is not a number of this account; buy it in Twilio's console, nothing is bought here"
    )]
    UnknownNumber(String),
    /// A number whose webhooks count for nothing.
    #[error("{0} belongs to a SIP trunk, which ignores its webhooks; take it off the trunk first")]
    Trunk(String),
    /// Something has a value that cannot be changed.
    #[error(
        "{what}: {field} is {is}, and Twilio does not let it be changed; rename it or delete it"
    )]
    Fixed {
        /// Which.
        what: String,
        /// The field.
        field: &'static str,
        /// Its value.
        is: String,
    },
    /// A file of the program's own is wrong.
    #[error("the built-in {0} is wrong")]
    BuiltIn(&'static str),
}

fn listed(there: &[String]) -> String {
    if there.is_empty() { "is none".to_owned() } else { format!("are: {}", there.join(", ")) }
}

/// What Twilio said, and what to do about it.
fn more(why: &RestError) -> String {
    let words = why.said().map(|said| said.words.as_str()).filter(|words| !words.is_empty());
    let words = words.map(|words| format!(": {words}")).unwrap_or_default();
    let remedy = match why {
        RestError::Unauthorized(_) => {
            "; mend TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET, or TWILIO_AUTH_TOKEN"
        }
        RestError::Unreachable => "; check the network, TWILIO_API_URL and TWILIO_TASKROUTER_URL",
        why if why.maybe_done() => "; run it again, it goes on from there",
        _ => "",
    };
    format!("{words}{remedy}")
}
