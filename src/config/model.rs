//! The language model, and how long an answer may take.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    problems::Problems,
    values::{decimal, is_word, secret, service, truth, whole, words},
};

/// `OPENAI_BASE_URL` when only a key is set.
const BASE_URL: &str = "https://api.openai.com/v1";

/// `OPENAI_MODEL`: cheap and quick to its first word.
const NAME: &str = "gpt-4o-mini";

/// `OPENAI_TEMPERATURE`.
const TEMPERATURE: f64 = 0.7;

/// `OPENAI_MAX_TOKENS`: about half a minute of speech.
const MAX_TOKENS: u32 = 150;

/// `OPENAI_HISTORY_TOKENS`: the conversation that goes along with each question.
const HISTORY_TOKENS: usize = 6000;

/// `OPENAI_TOOLS`: most servers take them, and a model uses them more surely than a mark.
const TOOLS: bool = true;

/// `FIRST_TOKEN_MS`: a caller takes longer silence for a lost connection.
const FIRST_TOKEN_MS: u64 = 4000;

/// `TOKEN_GAP_MS`: what was said lasts about so long.
const TOKEN_GAP_MS: u64 = 2500;

/// `TURN_MS`.
const TURN_MS: u64 = 20_000;

/// `FILLER_MS`.
const FILLER_MS: u64 = 1500;

/// The longest of these deadlines: ten minutes is longer than any caller waits.
const DEADLINE_MS: u64 = 600_000;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    #[serde(default, deserialize_with = "secret")]
    openai_api_key: Option<SecretString>,
    openai_base_url: Option<String>,
    openai_model: Option<String>,
    openai_temperature: Option<String>,
    openai_max_tokens: Option<String>,
    openai_history_tokens: Option<String>,
    openai_tools: Option<String>,
    first_token_ms: Option<String>,
    token_gap_ms: Option<String>,
    turn_ms: Option<String>,
    filler_ms: Option<String>,
}

/// Which model answers, and within which times.
#[derive(Debug, Clone)]
pub struct Model {
    /// `OPENAI_API_KEY`.
    pub api_key: Option<SecretString>,
    /// `OPENAI_BASE_URL`, without a slash at the end.
    pub base_url: String,
    /// `OPENAI_MODEL`.
    pub name: String,
    /// `OPENAI_TEMPERATURE`, 0 to 2.
    pub temperature: f64,
    /// `OPENAI_MAX_TOKENS` of one answer.
    pub max_tokens: u32,
    /// `OPENAI_HISTORY_TOKENS`: the part of the conversation that goes along, in tokens.
    pub history_tokens: usize,
    /// `OPENAI_TOOLS`: whether the model is offered tools.
    pub tools: bool,
    /// Whether neither key nor base URL is set: the model is the one inside.
    pub offline: bool,
    /// `FIRST_TOKEN_MS`: from the question to the first token, in milliseconds.
    pub first_token_ms: u64,
    /// `TOKEN_GAP_MS`: from token to token, in milliseconds.
    pub token_gap_ms: u64,
    /// `TURN_MS`: for the whole answer, in milliseconds.
    pub turn_ms: u64,
    /// `FILLER_MS`: until a filler is spoken, in milliseconds. Above `first_token_ms`: never.
    pub filler_ms: u64,
}

pub(super) fn parse(raw: Raw, problems: &mut Problems, warnings: &mut Vec<String>) -> Model {
    let offline = raw.openai_api_key.is_none() && raw.openai_base_url.is_none();
    if offline && raw.openai_model.is_some() {
        warnings.push(
            "OPENAI_MODEL is set, but neither OPENAI_API_KEY nor OPENAI_BASE_URL: the offline \
             model answers"
                .to_owned(),
        );
    }
    let key = raw.openai_api_key.as_ref();
    if key.is_some_and(|key| !is_word(key.expose_secret(), 1..usize::MAX)) {
        problems.add("OPENAI_API_KEY", "expected visible ASCII characters without spaces");
    }
    let base_url = service("OPENAI_BASE_URL", raw.openai_base_url, problems);
    if key.is_some() && base_url.as_ref().is_some_and(|(_, clear)| *clear) {
        warnings.push("OPENAI_BASE_URL is http: the API key travels in the clear".to_owned());
    }
    let mut deadline = |variable, raw, usual: u64| {
        whole(variable, raw, 1..=DEADLINE_MS, problems).unwrap_or(usual)
    };
    let first_token_ms = deadline("FIRST_TOKEN_MS", raw.first_token_ms, FIRST_TOKEN_MS);
    let token_gap_ms = deadline("TOKEN_GAP_MS", raw.token_gap_ms, TOKEN_GAP_MS);
    let turn_ms = deadline("TURN_MS", raw.turn_ms, TURN_MS);
    let filler_ms = deadline("FILLER_MS", raw.filler_ms, FILLER_MS);
    if turn_ms < first_token_ms {
        let text = format!("expected at least FIRST_TOKEN_MS, which is {first_token_ms}");
        problems.add("TURN_MS", text);
    }
    let max_tokens = whole("OPENAI_MAX_TOKENS", raw.openai_max_tokens, 1..=100_000, problems);
    let history = raw.openai_history_tokens;
    let history = whole("OPENAI_HISTORY_TOKENS", history, 1..=10_000_000, problems);
    let temperature = raw.openai_temperature;
    let temperature = decimal("OPENAI_TEMPERATURE", temperature, 0.0..=2.0, problems);
    Model {
        api_key: raw.openai_api_key,
        base_url: base_url.map_or_else(|| BASE_URL.to_owned(), |(url, _)| url),
        name: words("OPENAI_MODEL", raw.openai_model, problems).unwrap_or_else(|| NAME.to_owned()),
        temperature: temperature.unwrap_or(TEMPERATURE),
        max_tokens: max_tokens.unwrap_or(MAX_TOKENS),
        history_tokens: history.unwrap_or(HISTORY_TOKENS),
        tools: truth("OPENAI_TOOLS", raw.openai_tools, problems).unwrap_or(TOOLS),
        offline,
        first_token_ms,
        token_gap_ms,
        turn_ms,
        filler_ms,
    }
}
