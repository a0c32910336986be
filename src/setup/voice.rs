//! What brings callers to the engine: the application, the numbers, and the queue in which they wait.

use serde_json::Value;

use super::{
    Action, Resource, Settings, SetupError,
    resource::{text, value},
    run::{Run, Settled, Wanted, find, list},
};

/// Twilio asks three times within 15 s, on a lost connection, a late answer or a 5xx. It is neither
/// sent nor signed, and the engine answers a repetition with the same bytes.
const THRICE: &str = "#rc=2&rp=ct,rt,5xx&ct=1000&rt=4000&tt=15000";

/// The account's numbers that are to be set up. Reads only.
pub(super) async fn numbers(run: &Run<'_>, settings: &Settings) -> Result<Vec<Value>, SetupError> {
    const KIND: Resource = Resource::Number;
    let mut numbers = Vec::new();
    for wanted in &settings.numbers {
        let place = KIND.place("").with("PhoneNumber", wanted.as_str());
        let found = list(run.rest, KIND, &place).await?;
        // The filter takes patterns.
        let number = found.into_iter().find(|number| value(number, "PhoneNumber") == *wanted);
        let number = number.ok_or_else(|| SetupError::UnknownNumber(wanted.clone()))?;
        if !text(&value(&number, "TrunkSid")).is_empty() {
            return Err(SetupError::Trunk(wanted.clone()));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// Lets the numbers ring at the engine.
pub(super) async fn webhooks(
    run: &mut Run<'_>,
    settings: &Settings,
    numbers: Vec<Value>,
) -> Result<(), SetupError> {
    for number in numbers {
        let mut fields = urls(settings);
        // Where there is an application, a number's own addresses are ignored.
        fields.push(("VoiceApplicationSid", String::new()));
        let wanted = Wanted {
            resource: Resource::Number,
            workspace: String::new(),
            name: text(&value(&number, "PhoneNumber")),
            fields,
            fixed: &[],
        };
        run.change(&wanted, &number).await?;
    }
    Ok(())
}

/// The application, for softphones and other numbers that shall reach the engine.
pub(super) async fn application(run: &mut Run<'_>, settings: &Settings) -> Result<(), SetupError> {
    let wanted = Wanted {
        resource: Resource::Application,
        workspace: String::new(),
        name: settings.application.clone(),
        fields: urls(settings),
        fixed: &[],
    };
    run.settle(wanted).await.map(|_| ())
}

fn urls(settings: &Settings) -> Vec<(&'static str, String)> {
    let post = || "POST".to_owned();
    vec![
        ("VoiceUrl", settings.route("/voice/incoming") + THRICE),
        ("VoiceMethod", post()),
        ("VoiceFallbackUrl", settings.fallback()),
        ("VoiceFallbackMethod", post()),
        ("StatusCallback", settings.route("/voice/status")),
        ("StatusCallbackMethod", post()),
    ]
}

/// The size of the queue in which callers of the workflow wait. It has the workflow's SID for its
/// name, and Twilio makes it.
pub(super) async fn queue(
    run: &mut Run<'_>,
    settings: &Settings,
    workflow: &Settled,
) -> Result<(), SetupError> {
    const KIND: Resource = Resource::CallQueue;
    let queue = match workflow.is_new() {
        true => None,
        false => find(run.rest, KIND, "", &workflow.sid).await?,
    };
    let Some(queue) = queue else {
        let row = run.rows.add(KIND, &settings.workflow, "", Action::Waits);
        row.note = Some(
            "Twilio makes it with the workflow or its first caller: apply once more then, for its \
             size"
                .to_owned(),
        );
        return Ok(());
    };
    let wanted = Wanted {
        resource: KIND,
        workspace: String::new(),
        name: workflow.sid.clone(),
        fields: vec![("MaxSize", settings.queue_size.to_string())],
        fixed: &[],
    };
    run.change(&wanted, &queue).await.map(|_| ())
}
