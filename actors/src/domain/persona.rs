//! Who the agent is: one Markdown file with a TOML header, written by the people who run the line.

/// The persona of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// Name of the agent or the company, as the monitor shows it.
    pub name: String,
    /// What the caller hears first.
    pub greeting: String,
    /// Overrides `RELAY_VOICE`, same form.
    pub voice: Option<String>,
    /// Overrides `RELAY_LANGUAGE`, BCP-47.
    pub language: Option<String>,
    /// Spoken when an answer takes its time.
    pub fillers: Vec<String>,
    /// Spoken when an answer failed. The caller is asked to say it again.
    pub apology: String,
    /// Spoken when the call cannot go on: an apology and a goodbye in one.
    pub unavailable: String,
    /// Spoken before hanging up.
    pub goodbye: String,
    /// Spoken after the line was lost and found again.
    pub resume: String,
    /// Spoken when nobody says anything, in order.
    pub silence: Vec<String>,
    /// Words that the recogniser should expect.
    pub hints: Vec<String>,
    /// Spoken when a person is asked for and none can be reached yet: honest, and offers to go on.
    pub escalation: String,
    /// Spoken when a hand-off was wished for but the caller stays with the agent.
    pub stay: String,
    /// Caller's words that mean that a person is wanted, lower case: for rules and the offline model.
    pub escalation_phrases: Vec<String>,
    /// Caller's words that end the call, lower case: for the offline model.
    pub goodbye_phrases: Vec<String>,
    /// The body as written: character, boundaries, style and knowledge, for the system prompt.
    pub body: String,
    /// The knowledge, section by section, for retrieval.
    pub knowledge: Vec<Section>,
}

/// A piece of knowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading, without `#`.
    pub title: String,
    /// Its text, as written.
    pub text: String,
}
