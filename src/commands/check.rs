//! `switchhook check`: what is configured, what can be reached, what is missing, and what to do
//! about it.
//!
//! It exits with 0 only when the engine would serve with this configuration. A running engine is
//! asked about its store, which only it may open.

mod engine;
mod outside;

use std::{fmt, process::ExitCode};

use crate::{
    app,
    config::Config,
    limits::{self, CallLimit},
    twilio::session,
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How it is.
    pub state: State,
    /// In words.
    pub text: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works; somebody should know.
    Note,
    /// The engine would not serve.
    Bad,
}

impl Finding {
    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, state: State::Good, text: text.into(), remedy: None }
    }

    fn note(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Note, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn bad(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Bad, text: text.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Good => "ok",
            State::Note => "note",
            State::Bad => "BAD",
        };
        write!(f, "{state:<5} {:<14} {}", self.what, self.text)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n{:21}→ {remedy}", ""),
            None => Ok(()),
        }
    }
}

/// Looks, and says what it found.
pub fn run(config: &Config) -> ExitCode {
    let findings = actix::System::new().block_on(look(config));
    findings.iter().for_each(|finding| println!("{finding}"));
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    if bad == 0 {
        println!("\nThe engine would serve.");
        return ExitCode::SUCCESS;
    }
    println!("\nThe engine would not serve: {bad} to mend.");
    ExitCode::FAILURE
}

async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", "every variable is understood")];
    let warnings = config.warnings.iter().cloned();
    findings.extend(warnings.map(|text| Finding::note("configuration", text, "see .env.example")));
    findings.extend(voice(config));
    findings.push(desk(config));
    findings.push(capacity(config));
    let client = outside::client();
    findings.extend(engine::look(config, &client).await);
    findings.push(outside::model(config, &client).await);
    findings.extend(outside::twilio(config, &client).await);
    findings.extend(outside::workflow(config).await);
    findings
}

/// The persona, and the session that is made of it.
fn voice(config: &Config) -> Vec<Finding> {
    const REMEDY: &str = "mend the file, or unset PERSONA_FILE for the embedded OWL Bank";
    let persona = match app::persona(config) {
        Ok(persona) => persona,
        Err(error) => return vec![Finding::bad("persona", error.to_string(), REMEDY)],
    };
    let sections = persona.knowledge.len();
    let text = format!("{}, {sections} sections of knowledge", persona.name);
    let session = match session::relay(&config.relay, &persona) {
        Ok(_) => Finding::good("voice", "the ConversationRelay attributes go together"),
        Err(problems) => {
            let remedy = "mend the RELAY_ variables or the persona's header";
            Finding::bad("voice", problems.join("; "), remedy)
        }
    };
    vec![Finding::good("persona", text), session]
}

/// Who takes calls.
fn desk(config: &Config) -> Finding {
    let text = app::desk_in_words(config);
    if config.twilio.workflow_sid.is_some() || config.twilio.escalation_number.is_some() {
        return Finding::good("hand-off", text);
    }
    Finding::note(
        "hand-off",
        text,
        "callers who want a person leave a message: it stands in the call's transcript alone, for RETENTION_HOURS",
    )
}

fn capacity(config: &Config) -> Finding {
    let nofile = limits::raise_nofile();
    let CallLimit { calls, warning } = limits::max_calls(config.limits.max_calls, nofile.soft);
    match warning {
        None => Finding::good("capacity", format!("{calls} calls at once")),
        Some(warning) => Finding::note("capacity", warning, "raise the nofile limit (LimitNOFILE)"),
    }
}
