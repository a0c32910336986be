//! A model whose answers tell which question they are for. Of an answer that a caller has heard the
//! beginning of it gives the rest.

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

/// From the question to the first word.
pub(crate) const FIRST: Duration = Duration::from_millis(100);

/// From word to word.
const GAP: Duration = Duration::from_millis(25);

/// What the caller says to be asked about that matter.
pub(crate) fn question(matter: &str) -> String {
    format!("Please look at matter {matter}.")
}

/// What is answered.
pub(crate) fn answer(matter: &str) -> String {
    format!("Matter {matter} was looked at this morning, and we are through with {matter}.")
}

/// The end of the answer: whoever has heard it has heard all.
pub(crate) fn end_of(matter: &str) -> String {
    format!("through with {matter}.")
}

/// A server that answers until it is stopped.
pub(crate) struct Model {
    pub(crate) url: String,
    handle: ServerHandle,
}

impl Model {
    pub(crate) fn start() -> std::io::Result<Self> {
        let server = HttpServer::new(|| {
            App::new()
                .app_data(web::JsonConfig::default().limit(8 << 20))
                .route("/v1/chat/completions", web::post().to(complete))
        })
        .workers(1)
        .bind(("127.0.0.1", 0))?;
        let address =
            server.addrs().first().copied().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let server = server.disable_signals().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Self { url: format!("http://{address}/v1"), handle })
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn complete(body: web::Json<Value>) -> HttpResponse {
    let text = rest(&body);
    let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let chunks = words.into_iter().enumerate().map(|(nth, word)| {
        let delta = json!({"choices": [{"delta": {"content": word}, "finish_reason": null}]});
        (if nth == 0 { FIRST } else { GAP }, format!("data: {delta}\n\n"))
    });
    let stop = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
    let last = (Duration::ZERO, format!("data: {stop}\n\ndata: [DONE]\n\n"));
    let chunks: Vec<_> = chunks.chain([last]).collect();
    let body = stream::unfold(chunks.into_iter(), |mut chunks| async move {
        let (pause, chunk) = chunks.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, actix_web::Error>(Bytes::from(chunk)), chunks))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(body)
}

/// What is still to be said: all of the answer, or what comes behind its part that was heard.
fn rest(body: &Value) -> String {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    let Some(asked) = messages.iter().rposition(|message| message["role"] == "user") else {
        return "Hello.".to_owned();
    };
    let asked_text = messages.get(asked).map(text).unwrap_or_default();
    let Some((_, matter)) = asked_text.split_once("matter ") else {
        return "I do not know.".to_owned();
    };
    let matter = matter.trim_end_matches(['.', '\n', ' ']);
    let all = answer(matter);
    // Behind what was heard stands why it broke off, in brackets, and perhaps a word about the break.
    let mut said = messages.iter().skip(asked + 1).map(text);
    let begun = said.find_map(|said| {
        let heard = said.split(" [").next().unwrap_or_default().trim();
        all.strip_prefix(heard)
            .filter(|_| !heard.is_empty())
            .map(|rest| rest.trim_start().to_owned())
    });
    begun.unwrap_or(all)
}
