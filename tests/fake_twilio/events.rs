//! Tells the workspace's callback what happens, signed as Twilio signs, one event after another.

use std::{sync::Arc, time::Duration};

use switchhook::twilio::signature::Signatures;
use url::form_urlencoded;

use super::{Shared, state::Event};

/// Twilio waits some seconds for a callback and does not repeat it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Delivers for ever, in the order of the outbox.
pub(super) async fn deliver(shared: Arc<Shared>) {
    switchhook::tls::install_provider();
    let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let token = shared.state().options.auth_token.clone();
    let signatures = Signatures::new([token.into()]).expect("an auth token");
    let mut news = shared.news.subscribe();
    loop {
        news.borrow_and_update();
        let next = {
            let state = shared.state();
            if state.held { None } else { state.outbox.front().cloned() }
        };
        match next {
            Some(event) => {
                send(&client, &signatures, &event).await;
                // Only now it is no longer on its way.
                shared.write(|state| state.outbox.pop_front());
            }
            None if news.changed().await.is_err() => return,
            None => {}
        }
    }
}

async fn send(client: &awc::Client, signatures: &Signatures, event: &Event) {
    let Some(url) = &event.url else { return };
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&event.fields).finish();
    let request = client
        .post(url)
        .insert_header(("X-Twilio-Signature", signatures.sign_form(url, &event.fields)))
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    // Whoever does not listen is not told again.
    let _ = request.send_body(body).await;
}
