//! Every variable the engine knows, with its default, and what to say about one it does not know.

/// A variable of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What stands for it when it is unset or empty; none when there is nothing, or when it
    /// depends on something else.
    pub default: Option<&'static str>,
    /// What it does.
    pub meaning: &'static str,
}

const fn variable(
    name: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
) -> Variable {
    Variable { name, default, meaning }
}

/// All variables, in the order of `.env.example`.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    // Where to listen.
    variable("BIND", Some("127.0.0.1"), "address to listen on"),
    variable("PORT", Some("3000"), "port to listen on; 0 takes any free one"),
    variable("PUBLIC_URL", Some("http://127.0.0.1:3000"), "scheme, host and port, as Twilio sees them; https unless loopback"),
    // Twilio.
    variable("TWILIO_ACCOUNT_SID", None, "AC and 32 hexadecimal digits"),
    variable("TWILIO_AUTH_TOKEN", None, "checks signatures; comma-separated during a rotation"),
    variable("TWILIO_API_KEY_SID", None, "SK and 32 hexadecimal digits, for the REST interface"),
    variable("TWILIO_API_KEY_SECRET", None, "the secret of the API key"),
    variable("TWILIO_WORKSPACE_SID", None, "WS and 32 hexadecimal digits, of TaskRouter"),
    variable("TWILIO_WORKFLOW_SID", None, "WW and 32 hexadecimal digits: takes escalated calls"),
    variable("TWILIO_API_URL", None, "another address of the REST interface"),
    variable("TWILIO_TASKROUTER_URL", None, "another address of TaskRouter"),
    variable("ESCALATION_NUMBER", None, "E.164, dialled when there is no workflow"),
    variable("ESCALATION_ALLOW", None, "the only E.164 numbers that may be dialled, comma-separated"),
    variable("ESCALATION_WAIT_SECONDS", Some("1200"), "30 to 3500: after so long a caller who waits for a person is back with the agent"),
    variable("HOLD_MUSIC", None, "addresses of music for callers who wait, comma-separated; without any there are short pauses between the talk"),
    // The model. With neither key nor base URL the offline model answers.
    variable("OPENAI_API_KEY", None, "key of the model's provider"),
    variable("OPENAI_BASE_URL", Some("https://api.openai.com/v1"), "any endpoint that is compatible with OpenAI's"),
    variable("OPENAI_MODEL", Some("gpt-4o-mini"), "name of the model"),
    variable("OPENAI_TEMPERATURE", Some("0.7"), "0 to 2"),
    variable("OPENAI_MAX_TOKENS", Some("150"), "tokens of one answer"),
    variable("OPENAI_HISTORY_TOKENS", Some("6000"), "tokens of the conversation that go along with a question"),
    variable("OPENAI_TOOLS", Some("true"), "true or false: whether the model is offered tools; false for a server that refuses them"),
    variable("FIRST_TOKEN_MS", Some("4000"), "milliseconds until an answer begins, 1 to 600000"),
    variable("TOKEN_GAP_MS", Some("2500"), "milliseconds from token to token, 1 to 600000"),
    variable("TURN_MS", Some("20000"), "milliseconds for a whole answer, 1 to 600000, at least FIRST_TOKEN_MS"),
    variable("FILLER_MS", Some("1500"), "milliseconds until a filler is spoken, 1 to 600000; above FIRST_TOKEN_MS: never"),
    variable("PERSONA_FILE", None, "who the agent is; unset: the OWL Bank persona inside"),
    // ConversationRelay: attributes of the session. Unset ones are left to Twilio or to the engine.
    variable("RELAY_VOICE", Some("Google.en-US-Journey-F"), "Google., Amazon. or ElevenLabs. and the voice; the default is for en-US alone"),
    variable("RELAY_LANGUAGE", Some("en-US"), "BCP-47, or multi"),
    variable("RELAY_WELCOME_GREETING", None, "said first; unset: the persona's greeting"),
    variable("RELAY_WELCOME_GREETING_INTERRUPTIBLE", None, "none, dtmf, speech or any"),
    variable("RELAY_TTS_PROVIDER", None, "Google, Amazon or ElevenLabs; RELAY_VOICE says it too"),
    variable("RELAY_TTS_LANGUAGE", None, "BCP-47, or multi: what the agent speaks"),
    variable("RELAY_TRANSCRIPTION_PROVIDER", None, "Google or Deepgram"),
    variable("RELAY_TRANSCRIPTION_LANGUAGE", None, "BCP-47, or multi: what the caller speaks"),
    variable("RELAY_SPEECH_MODEL", None, "the transcription provider's model"),
    variable("RELAY_INTERRUPTIBLE", None, "what stops the voice: none, dtmf, speech or any; unset: any"),
    variable("RELAY_INTERRUPT_SENSITIVITY", None, "low, medium or high"),
    variable("RELAY_REPORT_INPUT_DURING_AGENT_SPEECH", None, "none, dtmf, speech or any; unset: any"),
    variable("RELAY_DTMF_DETECTION", None, "true or false; unset: true"),
    variable("RELAY_HINTS", None, "phrases to expect, comma-separated; not confidential"),
    variable("RELAY_SPEECH_TIMEOUT", None, "600 to 5000 milliseconds of silence, or auto"),
    variable("RELAY_EOT_THRESHOLD", None, "0.5 to 0.9, with Deepgram's flux"),
    variable("RELAY_PARTIAL_PROMPTS", None, "true or false, with Deepgram's flux"),
    variable("RELAY_IGNORE_BACKCHANNEL", None, "true or false"),
    variable("RELAY_PREEMPTIBLE", None, "true or false"),
    variable("RELAY_PROFANITY_FILTER", None, "true or false"),
    variable("RELAY_DEEPGRAM_SMART_FORMAT", None, "true or false"),
    variable("RELAY_ELEVENLABS_TEXT_NORMALIZATION", None, "on, auto or off"),
    variable("RELAY_BACKGROUND_NOISE_REDUCTION", None, "as Twilio documents it"),
    variable("RELAY_ECHO_PROMPT_FILTERING", None, "as Twilio documents it"),
    variable("RELAY_APPLICATION_RECONNECT", None, "true or false; unset: true"),
    variable("RELAY_EVENTS", None, "speaker-events, tokens-played, config-updated; unset: the first two"),
    variable("RELAY_DEBUG", None, "debugging"),
    variable("RELAY_INTELLIGENCE_SERVICE", None, "a Conversational Intelligence service"),
    variable("RELAY_CONVERSATION_CONFIGURATION", None, "a Conversation Orchestrator configuration"),
    variable("RELAY_CONVERSATION_ID", None, "a Conversation Orchestrator conversation"),
    variable("RELAY_LANGUAGES", None, "further languages: [{\"code\":\"sv-SE\",\"voice\":\"Amazon.Elin-Neural\"}]"),
    variable("RELAY_PARAMETERS", None, "custom parameters of a session: {\"tenant\":\"42\"}; not confidential"),
    // Limits of a call and of an instance.
    variable("SILENCE_SECONDS", Some("12"), "silence until the caller is asked"),
    variable("MAX_CALL_SECONDS", Some("3600"), "length of a call"),
    variable("MAX_TURNS", Some("200"), "turns of a call"),
    variable("LINE_GRACE_SECONDS", Some("30"), "how long a call waits for a lost line"),
    variable("LINE_PING_SECONDS", Some("10"), "how often a line's peer is pinged, 1 to 60"),
    variable("LINE_SILENT_SECONDS", Some("25"), "a peer that answers no ping for so long is dead, 1 to 600, more than LINE_PING_SECONDS"),
    variable("LINE_STALL_SECONDS", Some("20"), "how long a peer may leave unread what it is sent, 1 to 600"),
    variable("DRAIN_SECONDS", Some("1800"), "how long a stop waits for calls to end; with REDIS_URL those that are left are moved to other engines then"),
    variable("MAX_CALLS", None, "calls at the same time; unset: what the file descriptors allow"),
    // What is kept.
    variable("REDIS_URL", None, "where several engines share their calls: redis://[user:password@]host:6379/db, rediss:// for TLS, or redis+sentinel://[user:password@]host:26379,host:26379/master/db (rediss+sentinel:// for TLS); unset: this engine keeps its own"),
    variable("REDIS_CA_FILE", None, "PEM file of the authority behind the certificates of a rediss server; unset: the public ones"),
    variable("DATA_DIR", Some("./data"), "the embedded store, or the journal for when Redis is away; one for each instance"),
    variable("TRANSCRIPT_KEYS", None, "encrypt transcripts: kid:base64key of 32 bytes, comma-separated, the first writes"),
    variable("LINK_KEYS", None, "sign transcript links, in the same form, the same on all instances"),
    variable("RETENTION_HOURS", Some("24"), "how long an ended call is kept"),
    // Access.
    variable("ACCESS_TOKENS", None, "role:token, comma-separated; viewer, supervisor or admin; 16 characters or more"),
    variable("CORS_ORIGINS", None, "exact origins of pages that may ask, comma-separated"),
    // Log.
    variable("LOG", Some("info"), "a level, or filters such as info,switchhook=debug"),
    variable("LOG_FORMAT", None, "pretty or json; unset: pretty on a terminal, else json"),
];

/// Beginnings that belong to us: a variable with one of them is meant for the engine.
const PREFIXES: [&str; 4] = ["RELAY_", "OPENAI_", "TWILIO_", PRODUCT];

/// The product's own beginning, which no variable has and some people expect.
const PRODUCT: &str = "SWITCHHOOK_";

/// Changes of one letter up to which a name counts as misspelt.
const MISSPELT: usize = 3;

/// Whether the engine knows a variable.
pub(super) fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// Whether a variable is, or was meant to be, one of the engine's.
pub(super) fn is_ours(name: &str) -> bool {
    is_known(name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What to say about a variable that is meant for the engine and that it does not know.
pub(super) fn warning(name: &str) -> Option<String> {
    if is_known(name) || !is_ours(name) {
        return None;
    }
    let bare = name.strip_prefix(PRODUCT).unwrap_or(name);
    let near = VARIABLES
        .iter()
        .map(|variable| (distance(bare, variable.name), variable.name))
        .min()
        .filter(|(distance, _)| *distance <= MISSPELT);
    Some(match near {
        Some((_, near)) => format!("{name} is not a variable of the engine; did you mean {near}?"),
        None => format!("{name} is not a variable of the engine"),
    })
}

/// How many letters must be added, removed or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, letter) in a.bytes().enumerate() {
        let (mut diagonal, mut left) = (line, line + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(a.len())
}
