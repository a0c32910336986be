//! `switchhook twilio`, as an operator runs it against an account.

mod playing;
mod recovery;
mod undoing;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    fake_twilio::{AUTH_TOKEN, FakeTwilio, Misbehaviour, NUMBER, Options, WORKSPACE_SID},
    harness::engine::{command, finished},
};

const SETTINGS: &str = "public_url = \"https://calls.example.com\"\nnumbers = [\"+15550100001\"]\n";

/// An account, and a folder with the settings for it.
struct House {
    fake: FakeTwilio,
    home: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl House {
    async fn start() -> Self {
        Self::with(Options::default(), SETTINGS).await
    }

    async fn with(options: Options, settings: &str) -> Self {
        let fake = FakeTwilio::start(options).await;
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("twilio.toml"), settings).expect("a file");
        let env = fake.env();
        Self { fake, home, env }
    }

    fn settings(&self, settings: &str) {
        std::fs::write(self.home.path().join("twilio.toml"), settings).expect("a file");
    }

    fn kept(&self) -> PathBuf {
        self.home.path().join("twilio.kept.json")
    }

    /// The program, ready to run.
    fn command(&self, order: &str) -> std::process::Command {
        let mut command = command(self.home.path(), &self.env);
        command.args(["twilio", order, "--config", "twilio.toml"]);
        command
    }

    /// Runs it: its code, and all that it said.
    async fn run(&self, order: &str) -> (Option<i32>, String) {
        let output = finished(&mut self.command(order)).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs it, and it must succeed.
    async fn runs(&self, order: &str) -> String {
        let (code, text) = self.run(order).await;
        assert_eq!(code, Some(0), "{order}: {text}");
        text
    }

    /// How many things of that name and kind there are.
    fn count(&self, segment: &str, name: &str) -> usize {
        let named = |thing: &&Value| thing["friendly_name"] == name;
        self.fake.things(segment).iter().filter(named).count()
    }

    /// Whether everything is there, once.
    fn assert_whole(&self) {
        for (segment, name) in [
            ("Workspaces", "Flex Task Assignment"),
            ("Activities", "Available"),
            ("Activities", "Missed a call"),
            ("TaskQueues", "Everyone"),
            ("TaskQueues", "Escalations, skilled"),
            ("Workflows", "Switchhook"),
            ("Applications", "Switchhook"),
        ] {
            assert_eq!(self.count(segment, name), 1, "{segment} {name}");
        }
        let number = &self.fake.things("IncomingPhoneNumbers")[0];
        let url = number["voice_url"].as_str().unwrap_or_default();
        assert!(url.starts_with("https://calls.example.com/voice/incoming#rc=2"), "{url}");
        assert_eq!(number["status_callback"], "https://calls.example.com/voice/status");
    }
}

/// A row of the table.
fn row<'a>(text: &'a str, what: &str) -> &'a str {
    text.lines().find(|line| line.contains(what)).unwrap_or_default()
}

#[actix_web::test]
async fn apply_sets_everything_up_and_the_second_time_changes_nothing() {
    let house = House::start().await;
    let text = house.runs("apply").await;
    house.assert_whole();
    assert!(row(&text, "Missed a call").starts_with("created"), "{text}");
    assert!(row(&text, "Everyone").starts_with("kept"), "{text}");
    assert!(text.contains("VoiceUrl: https://old.example.com/answer → https://calls."), "{text}");
    assert!(text.contains(&format!("TWILIO_WORKSPACE_SID={WORKSPACE_SID}")), "{text}");
    assert!(text.contains("TWILIO_WORKFLOW_SID=WW") && !text.contains(AUTH_TOKEN), "{text}");
    let workspace = &house.fake.things("Workspaces")[0];
    assert_eq!(workspace["event_callback_url"], "https://calls.example.com/taskrouter/events");
    let queues = house.fake.things("Queues");
    assert!(queues.iter().any(|queue| queue["max_size"] == 1_000), "{queues:?}");

    house.fake.forget_requests();
    let text = house.runs("apply").await;
    assert!(house.fake.changes().is_empty(), "{:?}", house.fake.changes());
    assert!(text.contains("0 made or changed"), "{text}");
    house.runs("verify").await;
}

#[actix_web::test]
async fn plan_says_what_apply_would_do_and_changes_nothing() {
    let house = House::start().await;
    let text = house.runs("plan").await;
    assert!(row(&text, "workflow ").starts_with("created"), "{text}");
    assert!(row(&text, "+15550100001").starts_with("updated"), "{text}");
    assert!(house.fake.changes().is_empty() && !house.kept().exists());
}

#[actix_web::test]
async fn verify_finds_what_somebody_has_changed() {
    let house = House::start().await;
    house.runs("apply").await;
    house.fake.set("PN0000000000000000000000000000000a", "voice_url", json!("https://x.test/"));
    let (code, text) = house.run("verify").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("VoiceUrl: https://x.test/ → https://calls.example.com"), "{text}");
    assert!(text.contains("1 differ"), "{text}");
}

#[actix_web::test]
async fn an_account_without_flex_gets_a_workspace_only_when_that_is_allowed() {
    let empty = || Options { empty: true, ..Options::default() };
    let settings = "public_url = \"https://calls.example.com\"\n";
    let house = House::with(empty(), settings).await;
    let (code, text) = house.run("apply").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("create_workspace = true"), "{text}");
    assert!(house.fake.changes().is_empty());
    house.settings(&format!("{settings}create_workspace = true\n"));
    house.runs("apply").await;
    house.runs("apply").await;
    assert_eq!(house.count("Workspaces", "Switchhook"), 1);
    house.runs("destroy").await;
    assert!(house.fake.things("Workspaces").is_empty() && !house.kept().exists());
}

#[actix_web::test]
async fn flex_s_workspace_is_never_joined_by_a_second_one() {
    let house = House::start().await;
    house.settings(&format!("{SETTINGS}create_workspace = true\n"));
    house.runs("apply").await;
    assert_eq!(house.fake.things("Workspaces").len(), 1);
    house.fake.put(
        "Workspaces",
        "AC0000000000000000000000000000000a",
        "WS0000000000000000000000000000000b",
        &[("FriendlyName", "Flex Task Assignment")],
    );
    let (code, text) = house.run("apply").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there are 2 of that name"), "{text}");
}

#[actix_web::test]
async fn a_queue_that_twilio_has_not_made_yet_waits_for_the_next_time() {
    let house = House::start().await;
    house.runs("apply").await;
    let workflows = house.fake.things("Workflows");
    let ours = workflows.iter().find(|workflow| workflow["friendly_name"] == "Switchhook");
    let ours = &ours.expect("a workflow")["sid"];
    let queues = house.fake.things("Queues");
    let queue = queues.iter().find(|queue| queue["friendly_name"] == *ours).expect("a queue");
    house.fake.remove(queue["sid"].as_str().unwrap_or_default());
    house.fake.forget_requests();
    let text = house.runs("apply").await;
    assert!(row(&text, "call queue").starts_with("waits"), "{text}");
    assert!(house.fake.changes().is_empty());
}

#[actix_web::test]
async fn a_list_of_several_pages_is_read_to_its_end() {
    let options = Options { page_size: 1, ..Options::default() };
    let house = House::with(options, SETTINGS).await;
    house.runs("apply").await;
    house.fake.forget_requests();
    house.runs("apply").await;
    house.assert_whole();
    assert!(house.fake.changes().is_empty());
}

#[actix_web::test]
async fn wrong_credentials_and_unknown_numbers_are_said_so() {
    let mut house = House::start().await;
    house.env.retain(|(name, _)| name != "TWILIO_AUTH_TOKEN");
    house.env.push(("TWILIO_AUTH_TOKEN".to_owned(), "f".repeat(32)));
    let (code, text) = house.run("apply").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not accept the credentials") && text.contains("mend"), "{text}");
    assert!(!text.contains(&"f".repeat(32)), "{text}");

    let house = House::start().await;
    house.settings(&SETTINGS.replace(NUMBER, "+15550100009"));
    let (code, text) = house.run("apply").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("+15550100009 is not a number of this account"), "{text}");
    assert!(house.fake.changes().is_empty());

    let mut house = House::start().await;
    house.env.retain(|(name, _)| name != "TWILIO_ACCOUNT_SID");
    let (code, text) = house.run("plan").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("TWILIO_ACCOUNT_SID"), "{text}");
}

#[actix_web::test]
async fn a_busy_and_failing_twilio_is_outlived() {
    let house = House::start().await;
    house.fake.misbehave("GET", "TaskQueues", Misbehaviour::Status(503), 1);
    house.fake.misbehave("POST", "Workflows", Misbehaviour::Status(429), 1);
    house.fake.misbehave("POST", "Applications", Misbehaviour::Status(500), 1);
    house.fake.misbehave("POST", "IncomingPhoneNumbers", Misbehaviour::Status(500), 1);
    house.runs("apply").await;
    house.assert_whole();
    house.runs("verify").await;
}
