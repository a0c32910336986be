//! Twilio: whose signatures count, how its REST interface is reached, and to whom calls go on.

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    problems::{Problems, found},
    values::{entries, is_phone, is_word, secret, secret_entries, service, sid, whole},
};

/// How long a caller waits for a person at most, s, and what may be configured: the task itself is
/// given up after an hour.
const WAIT: u64 = 1_200;
const WAITS: std::ops::RangeInclusive<u64> = 30..=3_500;

/// Hexadecimal digits of an auth token as Twilio makes them.
const AUTH_TOKEN_DIGITS: usize = 32;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    twilio_account_sid: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    twilio_auth_token: Option<SecretString>,
    twilio_api_key_sid: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    twilio_api_key_secret: Option<SecretString>,
    twilio_workspace_sid: Option<String>,
    twilio_workflow_sid: Option<String>,
    twilio_api_url: Option<String>,
    twilio_taskrouter_url: Option<String>,
    escalation_number: Option<String>,
    escalation_allow: Option<String>,
    escalation_wait_seconds: Option<String>,
    hold_music: Option<String>,
}

/// What is known of the Twilio account, and who takes escalated calls.
#[derive(Debug, Clone, Default)]
pub struct Twilio {
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: Option<String>,
    /// `TWILIO_AUTH_TOKEN`: each of them may have signed. Empty: signatures are not checked.
    pub auth_tokens: Vec<SecretString>,
    /// `TWILIO_API_KEY_SID`; never without its secret.
    pub api_key_sid: Option<String>,
    /// `TWILIO_API_KEY_SECRET`.
    pub api_key_secret: Option<SecretString>,
    /// `TWILIO_WORKSPACE_SID`.
    pub workspace_sid: Option<String>,
    /// `TWILIO_WORKFLOW_SID`: enough by itself to hand a call off in TwiML.
    pub workflow_sid: Option<String>,
    /// `TWILIO_API_URL`, without a slash at the end. None: Twilio's own.
    pub api_url: Option<String>,
    /// `TWILIO_TASKROUTER_URL`, without a slash at the end. None: Twilio's own.
    pub taskrouter_url: Option<String>,
    /// `ESCALATION_NUMBER`, E.164: dialled when there is no workflow.
    pub escalation_number: Option<String>,
    /// `ESCALATION_ALLOW`, E.164. Not empty: no other number may be dialled.
    pub escalation_allow: Vec<String>,
    /// `ESCALATION_WAIT_SECONDS`: after so long nobody will come.
    pub escalation_wait_seconds: u64,
    /// `HOLD_MUSIC`: addresses that Twilio plays in turn to callers who wait.
    pub hold_music: Vec<String>,
}

pub(super) fn parse(
    raw: Raw,
    is_public: bool,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Twilio {
    if is_public && raw.twilio_auth_token.is_none() {
        problems.add(
            "TWILIO_AUTH_TOKEN",
            "required, since BIND or PUBLIC_URL is not loopback: expected the account's auth token",
        );
    }
    belong_together(&raw, problems, warnings);
    let escalation_allow = allowed(raw.escalation_allow.as_deref(), problems);
    let escalation_number = number(raw.escalation_number, &escalation_allow, problems);
    Twilio {
        account_sid: sid("TWILIO_ACCOUNT_SID", "AC", raw.twilio_account_sid, problems),
        auth_tokens: auth_tokens(raw.twilio_auth_token.as_ref(), problems, warnings),
        api_key_sid: sid("TWILIO_API_KEY_SID", "SK", raw.twilio_api_key_sid, problems),
        api_key_secret: raw.twilio_api_key_secret,
        workspace_sid: sid("TWILIO_WORKSPACE_SID", "WS", raw.twilio_workspace_sid, problems),
        workflow_sid: sid("TWILIO_WORKFLOW_SID", "WW", raw.twilio_workflow_sid, problems),
        api_url: address("TWILIO_API_URL", raw.twilio_api_url, problems, warnings),
        taskrouter_url: address(
            "TWILIO_TASKROUTER_URL",
            raw.twilio_taskrouter_url,
            problems,
            warnings,
        ),
        escalation_number,
        escalation_allow,
        escalation_wait_seconds: whole(
            "ESCALATION_WAIT_SECONDS",
            raw.escalation_wait_seconds,
            WAITS,
            problems,
        )
        .unwrap_or(WAIT),
        hold_music: music(raw.hold_music.as_deref(), problems),
    }
}

/// Variables that are of no use without another.
fn belong_together(raw: &Raw, problems: &mut Problems, warnings: &mut Vec<String>) {
    let pair = (raw.twilio_api_key_sid.is_some(), raw.twilio_api_key_secret.is_some());
    match pair {
        (true, false) => {
            problems.add("TWILIO_API_KEY_SECRET", "required, since TWILIO_API_KEY_SID is set");
        }
        (false, true) => {
            problems.add("TWILIO_API_KEY_SID", "required, since TWILIO_API_KEY_SECRET is set");
        }
        _ => {}
    }
    if pair.0 && raw.twilio_account_sid.is_none() {
        problems.add("TWILIO_ACCOUNT_SID", "required, since TWILIO_API_KEY_SID is set");
    }
    if raw.twilio_workspace_sid.is_some() && raw.twilio_account_sid.is_none() {
        warnings.push(
            "TWILIO_WORKSPACE_SID is set without TWILIO_ACCOUNT_SID: TaskRouter cannot be asked"
                .to_owned(),
        );
    }
}

fn auth_tokens(
    raw: Option<&SecretString>,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<SecretString> {
    const VARIABLE: &str = "TWILIO_AUTH_TOKEN";
    let mut tokens = Vec::new();
    for (number, token) in secret_entries(VARIABLE, raw, problems) {
        if !is_word(token, 1..usize::MAX) {
            problems.add(VARIABLE, format!("entry {number}: expected visible ASCII characters"));
            continue;
        }
        let usual = token.len() == AUTH_TOKEN_DIGITS
            && token.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !usual {
            warnings.push(format!(
                "{VARIABLE}: entry {number} is not {AUTH_TOKEN_DIGITS} hexadecimal digits, as \
                 Twilio's auth tokens are"
            ));
        }
        tokens.push(token.into());
    }
    tokens
}

fn address(
    variable: &str,
    raw: Option<String>,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let (url, clear) = service(variable, raw, problems)?;
    if clear {
        warnings.push(format!("{variable} is http: Twilio's credentials travel in the clear"));
    }
    Some(url)
}

fn music(raw: Option<&str>, problems: &mut Problems) -> Vec<String> {
    const VARIABLE: &str = "HOLD_MUSIC";
    let mut addresses = Vec::new();
    for (number, entry) in raw.map(|raw| entries(VARIABLE, raw, problems)).unwrap_or_default() {
        if url::Url::parse(entry).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            addresses.push(entry.to_owned());
        } else {
            let text = format!(
                "entry {number}: expected an address such as https://host/a.mp3, {}",
                found(entry)
            );
            problems.add(VARIABLE, text);
        }
    }
    addresses
}

fn allowed(raw: Option<&str>, problems: &mut Problems) -> Vec<String> {
    const VARIABLE: &str = "ESCALATION_ALLOW";
    let mut numbers = Vec::new();
    for (number, entry) in raw.map(|raw| entries(VARIABLE, raw, problems)).unwrap_or_default() {
        if is_phone(entry) {
            numbers.push(entry.to_owned());
        } else {
            problems.add(
                VARIABLE,
                format!("entry {number}: expected E.164 such as +15551234567, {}", found(entry)),
            );
        }
    }
    numbers
}

fn number(raw: Option<String>, allowed: &[String], problems: &mut Problems) -> Option<String> {
    const VARIABLE: &str = "ESCALATION_NUMBER";
    let raw = raw?;
    if !is_phone(&raw) {
        let expected = "expected E.164 such as +15551234567";
        problems.add(VARIABLE, format!("{expected}, {}", found(&raw)));
    } else if !allowed.is_empty() && !allowed.contains(&raw) {
        problems.add(VARIABLE, "expected one of the numbers in ESCALATION_ALLOW");
    }
    Some(raw)
}
