//! Where calls are kept, for how long, and under which keys.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    keys::{Key, keys},
    problems::Problems,
    redis::{RedisAddress, redis},
    values::{secret, whole, words},
};

/// `DATA_DIR`.
const DATA_DIR: &str = "./data";

/// `RETENTION_HOURS`.
const RETENTION_HOURS: u64 = 24;

/// Ten years: longer than any rule asks for.
const RETENTION_MAX_HOURS: u64 = 87_600;

#[derive(Default, Deserialize)]
pub(super) struct Raw {
    data_dir: Option<String>,
    retention_hours: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    redis_url: Option<SecretString>,
    redis_ca_file: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    transcript_keys: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    link_keys: Option<SecretString>,
}

/// Where calls are kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// `DATA_DIR`.
    pub data_dir: PathBuf,
    /// `RETENTION_HOURS` of a call that has ended.
    pub retention_hours: u64,
    /// `REDIS_URL`: where several engines share their calls; none: this engine keeps its own.
    pub redis: Option<RedisAddress>,
    /// `TRANSCRIPT_KEYS`: the first encrypts, all decrypt. Empty: transcripts are kept readable.
    pub transcript_keys: Vec<Key>,
    /// `LINK_KEYS`: the first signs `transcript_url`, all check.
    pub link_keys: Vec<Key>,
}

pub(super) fn parse(raw: Raw, problems: &mut Problems) -> Store {
    let ca_file = words("REDIS_CA_FILE", raw.redis_ca_file, problems).map(PathBuf::from);
    let data_dir = words("DATA_DIR", raw.data_dir, problems);
    let hours = whole("RETENTION_HOURS", raw.retention_hours, 1..=RETENTION_MAX_HOURS, problems);
    Store {
        data_dir: data_dir.map_or_else(|| PathBuf::from(DATA_DIR), PathBuf::from),
        retention_hours: hours.unwrap_or(RETENTION_HOURS),
        redis: redis(raw.redis_url.as_ref(), ca_file, problems),
        transcript_keys: keys("TRANSCRIPT_KEYS", raw.transcript_keys.as_ref(), problems),
        link_keys: keys("LINK_KEYS", raw.link_keys.as_ref(), problems),
    }
}
