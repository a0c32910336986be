//! What an account with Flex has before anybody sets it up: the example of `deploy/twilio/README.md`.

use super::state::State;

/// The account.
pub const ACCOUNT_SID: &str = "AC0000000000000000000000000000000a";
/// Its auth token.
pub const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// An API key.
pub const API_KEY_SID: &str = "SK0000000000000000000000000000000a";
/// Its secret.
pub const API_KEY_SECRET: &str = "example-secret-of-the-fake-key-1";
/// Flex's workspace.
pub const WORKSPACE_SID: &str = "WS0000000000000000000000000000000a";
/// A workflow in it, which sends every task to everyone.
pub const WORKFLOW_SID: &str = "WW0000000000000000000000000000000a";
/// A telephone number of the account.
pub const NUMBER: &str = "+15550100001";
/// What answers that number before.
pub const OLD_VOICE_URL: &str = "https://old.example.com/answer";
/// Where the workspace's events go before.
pub const OLD_EVENTS_URL: &str = "https://old.example.com/events";

/// The queue of that workflow.
const EVERYONE: &str = "WQ0000000000000000000000000000000a";

/// Puts it there.
pub fn plant(state: &mut State) {
    let account = state.options.account_sid.clone();
    let events = state.options.event_callback_url.clone();
    state.put(
        "Workspaces",
        &account,
        WORKSPACE_SID,
        &[("FriendlyName", "Flex Task Assignment"), ("EventCallbackUrl", &events)],
    );
    let activities =
        [("Offline", "false"), ("Available", "true"), ("Unavailable", "false"), ("Break", "false")];
    for (number, (name, available)) in (0xa..).zip(activities) {
        let sid = format!("WA{number:032x}");
        let fields = [("FriendlyName", name), ("Available", available)];
        state.put("Activities", WORKSPACE_SID, &sid, &fields);
    }
    state.put("TaskQueues", WORKSPACE_SID, EVERYONE, &[("FriendlyName", "Everyone")]);
    let configuration =
        format!(r#"{{"task_routing":{{"filters":[],"default_filter":{{"queue":"{EVERYONE}"}}}}}}"#);
    state.put(
        "Workflows",
        WORKSPACE_SID,
        WORKFLOW_SID,
        &[("FriendlyName", "Assign to Anyone"), ("Configuration", &configuration)],
    );
    state.put(
        "Workers",
        WORKSPACE_SID,
        "WK0000000000000000000000000000000a",
        &[
            ("FriendlyName", "ada"),
            ("ActivitySid", "WA0000000000000000000000000000000b"),
            ("Attributes", r#"{"full_name":"Ada","contact_uri":"client:ada","routing":{"skills":["voice","billing"],"languages":["en"]}}"#),
        ],
    );
    state.put(
        "IncomingPhoneNumbers",
        &account,
        "PN0000000000000000000000000000000a",
        &[
            ("PhoneNumber", NUMBER),
            ("FriendlyName", "Main line"),
            ("VoiceUrl", OLD_VOICE_URL),
            ("VoiceMethod", "GET"),
            ("VoiceFallbackUrl", ""),
            ("VoiceFallbackMethod", "POST"),
            ("StatusCallback", ""),
            ("StatusCallbackMethod", "POST"),
            ("VoiceApplicationSid", ""),
        ],
    );
}
