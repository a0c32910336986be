//! A model whose answers tell which question they are for. Of an answer that a caller has heard the
//! beginning of it gives the rest. It writes down when it was asked about what.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use crate::words::{answer, matter_of};

/// From the question to the first word.
pub(crate) const FIRST: Duration = Duration::from_millis(100);

/// From word to word.
const GAP: Duration = Duration::from_millis(25);

/// When it was asked about each matter, ms since 1970.
pub(crate) type Asked = HashMap<String, Vec<u64>>;

/// What every request meets.
#[derive(Debug)]
struct Desk {
    asked: Mutex<Asked>,
    /// What the engine says behind a break.
    resume: String,
}

/// A server that answers until it is stopped.
pub(crate) struct Model {
    pub(crate) url: String,
    desk: Arc<Desk>,
    handle: ServerHandle,
}

impl Model {
    /// Starts one for engines that say so behind a break.
    pub(crate) fn start(resume: &str) -> std::io::Result<Self> {
        let desk = Arc::new(Desk { asked: Mutex::default(), resume: resume.to_owned() });
        let shared = web::Data::from(Arc::clone(&desk));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::JsonConfig::default().limit(8 << 20))
                .app_data(shared.clone())
                .route("/v1/chat/completions", web::post().to(complete))
        })
        .workers(1)
        .bind(("127.0.0.1", 0))?;
        let address =
            server.addrs().first().copied().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let server = server.disable_signals().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Self { url: format!("http://{address}/v1"), desk, handle })
    }

    /// When it was asked about what until now.
    pub(crate) fn asked(&self) -> Asked {
        self.desk.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn complete(body: web::Json<Value>, desk: web::Data<Desk>) -> HttpResponse {
    let talk = Talk::of(&body);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    for matter in &talk.matters {
        let mut asked = desk.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(matter.clone()).or_default().push(now);
    }
    let text = talk.rest(&desk.resume);
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

/// What it was asked last, and what the caller has heard since.
struct Talk {
    matters: Vec<String>,
    heard: Vec<String>,
}

impl Talk {
    fn of(body: &Value) -> Self {
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
        let asked = messages.iter().rposition(|message| message["role"] == "user");
        let question = asked.and_then(|asked| messages.get(asked)).map(text).unwrap_or_default();
        let matters = question.split_whitespace().filter_map(matter_of).map(str::to_owned);
        let later = messages.iter().skip(asked.map_or(messages.len(), |asked| asked + 1));
        Self { matters: matters.collect(), heard: later.map(text).collect() }
    }

    /// What is still to be said: all of the answer, or what comes behind its parts that were heard.
    fn rest(&self, resume: &str) -> String {
        if self.matters.is_empty() {
            return "I do not know.".to_owned();
        }
        let all = self.matters.iter().map(|matter| answer(matter)).collect::<Vec<_>>().join(" ");
        let mut rest = all.as_str();
        for said in &self.heard {
            // Behind what was heard stands why it broke off, in brackets, before it perhaps a word
            // about the break before.
            let heard = said.split(" [").next().unwrap_or_default().trim();
            let heard = heard.strip_prefix(resume).unwrap_or(heard).trim_start();
            rest = rest.strip_prefix(heard).unwrap_or(rest).trim_start();
        }
        // It broke off behind the last word.
        if rest.is_empty() { "That is all.".to_owned() } else { rest.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESUME: &str = "Sorry, I am back.";

    fn rest(asked: &str, heard: &[&str]) -> String {
        let user = json!({"role": "user", "content": asked});
        let heard = heard.iter().map(|text| json!({"role": "assistant", "content": text}));
        let messages: Vec<_> = [user].into_iter().chain(heard).collect();
        Talk::of(&json!({"messages": messages})).rest(RESUME)
    }

    #[test]
    fn behind_what_was_heard_comes_the_rest_however_often_it_broke_off() {
        let asked = "Please look at matter 3x1.";
        assert_eq!(rest(asked, &[]), answer("3x1"));
        let once = ["Matter3x1 was [the line failed here]", RESUME];
        let left = "seen, and 3x1 is settled, it is over3x1now, I think.";
        assert_eq!(rest(asked, &once), left);
        let again = format!("{RESUME} seen, and [the line failed here]");
        assert_eq!(rest(asked, &[once[0], &again]), "3x1 is settled, it is over3x1now, I think.");
    }

    #[test]
    fn two_questions_in_one_are_both_answered() {
        let asked = "Please look at matter 3x1. Please look at matter 3x2.";
        assert_eq!(rest(asked, &[]), format!("{} {}", answer("3x1"), answer("3x2")));
    }
}
