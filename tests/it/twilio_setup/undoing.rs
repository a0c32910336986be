//! `switchhook twilio destroy`: what was made goes, what was there stays or comes back.

use serde_json::json;

use super::{House, Misbehaviour, SETTINGS};
use crate::fake_twilio::{OLD_EVENTS_URL, OLD_VOICE_URL};

const NUMBER_SID: &str = "PN0000000000000000000000000000000a";

/// Whether the account is as it was planted.
pub(super) fn assert_as_before(house: &House) {
    let number = &house.fake.things("IncomingPhoneNumbers")[0];
    assert_eq!(number["voice_url"], OLD_VOICE_URL);
    assert_eq!((&number["voice_method"], &number["status_callback"]), (&json!("GET"), &json!("")));
    let workspace = &house.fake.things("Workspaces")[0];
    assert_eq!(workspace["event_callback_url"], OLD_EVENTS_URL);
    let names = |segment| {
        let things = house.fake.things(segment);
        things.iter().map(|thing| thing["friendly_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("Activities"), ["Offline", "Available", "Unavailable", "Break"]);
    assert_eq!(names("TaskQueues"), ["Everyone"]);
    assert_eq!(names("Workflows"), ["Assign to Anyone"]);
    assert!(names("Applications").is_empty());
    assert!(!house.kept().exists());
}

#[actix_web::test]
async fn destroy_restores_what_was_and_leaves_what_is_foreign() {
    let house = House::start().await;
    house.runs("apply").await;
    // A second apply with another address must not take ours for the old one.
    house.settings(&SETTINGS.replace("calls.example.com", "other.example.com"));
    house.runs("apply").await;
    let text = house.runs("destroy").await;
    assert!(text.contains(&format!("→ {OLD_VOICE_URL}")), "{text}");
    assert_as_before(&house);
    let text = house.runs("destroy").await;
    assert!(text.contains("nothing to undo"), "{text}");
}

#[actix_web::test]
async fn a_number_leaves_its_application_for_the_engine_and_comes_back_to_it() {
    let house = House::start().await;
    let application = house.fake.new_sid("AP");
    let account = "AC0000000000000000000000000000000a";
    house.fake.put("Applications", account, &application, &[("FriendlyName", "Somebody's")]);
    house.fake.set(NUMBER_SID, "voice_application_sid", json!(application));
    house.runs("apply").await;
    let number = || house.fake.things("IncomingPhoneNumbers")[0]["voice_application_sid"].clone();
    assert_eq!(number(), "");
    house.runs("destroy").await;
    assert_eq!(number(), application.as_str());
    assert_eq!(house.count("Applications", "Somebody's"), 1);

    house.fake.set(NUMBER_SID, "trunk_sid", json!("TK1"));
    let (code, text) = house.run("apply").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("belongs to a SIP trunk"), "{text}");
}

#[actix_web::test]
async fn destroy_leaves_what_somebody_has_changed_since() {
    let house = House::start().await;
    house.runs("apply").await;
    house.fake.set(NUMBER_SID, "voice_url", json!("https://newer.test/"));
    let text = house.runs("destroy").await;
    assert!(text.contains("changed by somebody since, and left: VoiceUrl"), "{text}");
    assert_eq!(house.fake.things("IncomingPhoneNumbers")[0]["voice_url"], "https://newer.test/");
}

#[actix_web::test]
async fn destroy_goes_on_after_it_was_refused_at_any_step() {
    let whole = House::start().await;
    whole.runs("apply").await;
    whole.fake.forget_requests();
    whole.runs("destroy").await;
    let steps = whole.fake.changes().len();
    for step in 0..steps {
        let house = House::start().await;
        house.runs("apply").await;
        house.fake.allow_changes(Some((step, Misbehaviour::Status(403))));
        house.run("destroy").await;
        house.fake.allow_changes(None);
        house.runs("destroy").await;
        assert_as_before(&house);
    }
}

#[actix_web::test]
async fn the_credentials_of_another_account_undo_nothing() {
    let mut house = House::start().await;
    house.runs("apply").await;
    house.env.retain(|(name, _)| name != "TWILIO_ACCOUNT_SID");
    house.env.push(("TWILIO_ACCOUNT_SID".to_owned(), format!("AC{}", "b".repeat(32))));
    let (code, text) = house.run("destroy").await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("belongs to another account"), "{text}");
}
