//! The environment: any pairs make a configuration or a list of problems, and neither shows a
//! secret.
//!
//! An input is written like a `.env` file, a pair a line; a name may be given as `#` and its place
//! in the table of variables.

use switchhook::config::{Config, VARIABLES};

/// Variables whose values are secrets.
const SECRET: [&str; 6] = [
    "ACCESS_TOKENS",
    "LINK_KEYS",
    "OPENAI_API_KEY",
    "TRANSCRIPT_KEYS",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN",
];

/// In the value of a secret: what must be seen nowhere. No other text of the engine has it.
const MARK: &str = "zq8vKx3w";

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs: Vec<_> = text.lines().filter_map(pair).collect();
    // A mark in another value may well be shown: the names of its variable are no secret's.
    let misplaced = pairs.iter().any(|(name, value)| {
        !SECRET.contains(&name.as_str()) && (name.contains(MARK) || value.contains(MARK))
    });
    let shown = match Config::from_pairs(pairs.clone()) {
        Ok(config) => {
            is_sound(&config);
            format!("{config:?}")
        }
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused without a reason");
            for problem in &problems.0 {
                assert!(VARIABLES.iter().any(|known| known.name == problem.variable), "{problem}");
                assert!(!problem.text.is_empty() && !problem.text.contains('\n'), "{problem}");
            }
            problems.to_string()
        }
    };
    assert!(misplaced || !shown.contains(MARK), "a secret is shown: {shown}");
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let place = name.strip_prefix('#').and_then(|place| place.parse::<usize>().ok());
    let by_place = place.and_then(|place| VARIABLES.get(place));
    let name = by_place.map_or(name, |variable| variable.name);
    let mark = if SECRET.contains(&name) { MARK } else { "" };
    Some((name.to_owned(), value.replace('$', mark)))
}

fn is_sound(config: &Config) {
    assert!(config.model.first_token_ms <= config.model.turn_ms);
    assert!((0.0..=2.0).contains(&config.model.temperature));
    assert!(!config.public_url.origin().is_empty());
    assert!(!config.access.open || !config.is_public, "open to the world");
}
