//! What shall be set up: `twilio.toml`, which a person writes.

use std::path::Path;

use serde::Deserialize;
use url::Url;

use super::SetupError;

/// The settings. `deploy/twilio/twilio.example.toml` explains each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Scheme and host; empty until [`Settings::load`] has looked at `PUBLIC_URL`.
    #[serde(default)]
    pub public_url: String,
    /// E.164, of numbers that the account has.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// What is asked when the engine does not answer. None: the engine.
    pub voice_fallback_url: Option<String>,
    /// The name of the workspace. None: Flex's, else our own.
    pub workspace: Option<String>,
    /// Whether a workspace may be made.
    #[serde(default)]
    pub create_workspace: bool,
    /// The name of the workflow.
    #[serde(default = "product")]
    pub workflow: String,
    /// The name of the TwiML application.
    #[serde(default = "product")]
    pub application: String,
    /// How long an agent's telephone rings, s.
    #[serde(default = "ring")]
    pub reservation_timeout_s: u32,
    /// Callers that may wait at once.
    #[serde(default = "queue")]
    pub queue_size: u32,
    /// Tells TaskRouter how to reach a worker. None: Flex does.
    pub assignment_callback_url: Option<String>,
    /// `TWILIO_WORKSPACE_SID` of the environment; it decides where it is set.
    #[serde(skip)]
    pub workspace_sid: Option<String>,
}

/// The name of what is ours.
pub(super) fn product() -> String {
    "Switchhook".to_owned()
}

fn ring() -> u32 {
    30
}

fn queue() -> u32 {
    1_000
}

impl Settings {
    /// Reads a file. `public_url` stands in for one that it leaves out.
    ///
    /// # Errors
    /// When it cannot be read, or a setting is wrong.
    pub fn load(
        file: &Path,
        public_url: Option<&str>,
        workspace_sid: Option<&str>,
    ) -> Result<Self, SetupError> {
        let unreadable = |why: String| SetupError::Unreadable { file: file.to_owned(), why };
        let text = std::fs::read_to_string(file).map_err(|error| {
            let is_missing = error.kind() == std::io::ErrorKind::NotFound;
            let hint =
                if is_missing { "; begin with deploy/twilio/twilio.example.toml" } else { "" };
            unreadable(format!("{error}{hint}"))
        })?;
        let mut settings: Self =
            toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if settings.public_url.is_empty() {
            settings.public_url = public_url.unwrap_or_default().to_owned();
        }
        settings.public_url = settings.public_url.trim_end_matches('/').to_owned();
        settings.workspace_sid = workspace_sid.map(str::to_owned);
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SetupError> {
        let wrong =
            |name, expected: &str| Err(SetupError::Setting { name, expected: expected.to_owned() });
        let is_origin = Url::parse(&self.public_url).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.query().is_none()
                && url.username().is_empty()
        });
        if !is_origin {
            return wrong(
                "public_url",
                "expected https:// and the host where Twilio finds the engine",
            );
        }
        if let Some(number) = self.numbers.iter().find(|number| !is_phone(number)) {
            let expected = format!("expected E.164 such as +15550100001, found {number:?}");
            return Err(SetupError::Setting { name: "numbers", expected });
        }
        for (name, value) in [("workflow", &self.workflow), ("application", &self.application)] {
            if !(1..=64).contains(&value.chars().count()) {
                return wrong(name, "expected a name of at most 64 characters");
            }
        }
        if !(1..=86_400).contains(&self.reservation_timeout_s) {
            return wrong("reservation_timeout_s", "expected 1 to 86400");
        }
        if !(1..=5_000).contains(&self.queue_size) {
            return wrong("queue_size", "expected 1 to 5000");
        }
        let urls = [
            ("voice_fallback_url", &self.voice_fallback_url),
            ("assignment_callback_url", &self.assignment_callback_url),
        ];
        for (name, url) in urls {
            if url.as_ref().is_some_and(|url| Url::parse(url).is_err()) {
                return wrong(name, "expected a URL such as https://host/path");
            }
        }
        Ok(())
    }

    /// Where Twilio finds a route of the engine.
    pub(super) fn route(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// What is asked when the engine does not answer.
    pub(super) fn fallback(&self) -> String {
        self.voice_fallback_url.clone().unwrap_or_else(|| self.route("/voice/incoming"))
    }
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("twilio.toml");
        std::fs::write(&file, text).expect("a file");
        Settings::load(&file, None, None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_right() {
        let settings = read(include_str!("../../deploy/twilio/twilio.example.toml"));
        let settings = settings.expect("settings");
        assert_eq!(settings.numbers, ["+15550100001"]);
        assert_eq!(settings.fallback(), "https://calls.example.com/voice/incoming");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("", "public_url"),
            ("public_url = \"https://a.test/path\"", "public_url"),
            ("public_url = \"https://a.test\"\nnumbers = [\"555\"]", "numbers"),
            ("public_url = \"https://a.test\"\nqueue_size = 5001", "queue_size"),
            ("public_url = \"https://a.test\"\nnumber = \"+1\"", "number"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(named), "{error}");
        }
    }
}
