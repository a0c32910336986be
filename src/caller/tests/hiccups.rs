//! Webhooks that come twice.

use super::*;
use crate::caller::hiccups::Hiccup;

/// A seed with which the first webhook of a call, and no other, is sent at once again.
fn doubling_the_first() -> Hiccups {
    let at = |seed, number| Hiccups { percent: 30, seed }.at(number);
    let twice = Hiccup::Twice(Duration::ZERO);
    let fits = |seed: &u64| at(*seed, 0) == twice && at(*seed, 1) == Hiccup::None;
    Hiccups { percent: 30, seed: (0..10_000).find(fits).unwrap() }
}

#[actix_web::test]
async fn a_webhook_that_is_sent_twice_has_one_token_and_one_answer_counts() {
    let document = connect("");
    let mut engine = Engine::start(&[&document, &document, ""]).await;
    let options = RingOptions { hiccups: doubling_the_first(), ..options(&engine) };
    let (caller, _peer, _) = ring(&mut engine, options).await;
    let (first, again) = (engine.posted().await, engine.posted().await);
    assert_eq!((first.path.as_str(), again.path.as_str()), ("/voice/incoming", "/voice/incoming"));
    assert_eq!(first.form, again.form);
    let token = first.header("i-twilio-idempotency-token");
    assert_eq!(token, again.header("i-twilio-idempotency-token"));
    assert!(!token.is_empty());
    assert_eq!(caller.webhook_times().len(), 1);
}
