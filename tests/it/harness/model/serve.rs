//! The thread of the scripted model: accepts, reads, performs.

use std::{io, net::TcpListener, ops::ControlFlow, sync::Arc, time::Instant};

use serde_json::json;
use tokio::{net::TcpStream, sync::watch};

use super::{
    End, Shared, Step,
    wire::{Ear, Mouth},
};

/// Serves until `stopped` is closed; then the runtime is dropped, and every connection with it.
pub(super) fn run(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("no runtime").block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("no listener");
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                accepted = listener.accept() => {
                    let (socket, _) = accepted.expect("out of sockets");
                    tokio::spawn(connection(socket, Arc::clone(&shared)));
                }
            }
        }
    });
}

async fn connection(socket: TcpStream, shared: Arc<Shared>) {
    socket.set_nodelay(true).expect("a socket that delays");
    let number = shared.write(|book| {
        book.connections += 1;
        book.connections - 1
    });
    let (read, write) = socket.into_split();
    let (mut ear, mut mouth) = (Ear::new(read), Mouth::new(write));
    while let Some(mut request) = ear.request().await {
        request.connection = number;
        let request = shared.write(|book| {
            request.nth = book.requests.len();
            book.requests.push(request.clone());
            request
        });
        let steps = (shared.script)(&request, request.nth);
        let result = tokio::select! {
            biased;
            result = perform(steps, &mut mouth) => result,
            () = ear.gone() => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let end = if result.is_ok() { End::Answered } else { End::Aborted };
        shared.write(|book| book.ends.push((request.nth, end, Instant::now())));
        if !matches!(result, Ok(ControlFlow::Continue(()))) {
            return;
        }
    }
}

/// Breaks when the connection shall be closed.
async fn perform(steps: Vec<Step>, mouth: &mut Mouth) -> io::Result<ControlFlow<()>> {
    let mut said = false;
    for step in steps {
        match step {
            Step::Token(text) => say(&text, &mut said, mouth).await?,
            Step::Tokens(text, gap) => {
                for word in words(&text) {
                    if gap.is_zero() {
                        tokio::task::yield_now().await;
                    } else {
                        tokio::time::sleep(gap).await;
                    }
                    say(word, &mut said, mouth).await?;
                }
            }
            Step::Pause(pause) => tokio::time::sleep(pause).await,
            Step::WaitFor(gate) => gate.passed().await,
            Step::Head => mouth.head().await?,
            Step::Status(status, headers, body) => {
                mouth.status(status, &headers, &body).await?;
                return Ok(ControlFlow::Continue(()));
            }
            Step::Raw(bytes) => mouth.piece(&bytes).await?,
            Step::Delta(delta) => mouth.choice(delta, None).await?,
            Step::Finish(reason) => mouth.choice(json!({}), Some(&reason)).await?,
            Step::Usage => mouth.usage().await?,
            Step::Done => mouth.piece(b"data: [DONE]\n\n").await?,
            Step::Labelled(kind) => mouth.head_of(&kind).await?,
            Step::Unframed(body) => {
                mouth.unframed(&body).await?;
                return Ok(ControlFlow::Break(()));
            }
            Step::Wire(bytes) => mouth.wire(&bytes).await?,
            Step::Decline(text) => mouth.choice(json!({"refusal": text}), None).await?,
            Step::Cut => return Ok(ControlFlow::Break(())),
            Step::Reset => {
                mouth.reset()?;
                return Ok(ControlFlow::Break(()));
            }
            Step::Close => {
                mouth.end().await?;
                return Ok(ControlFlow::Break(()));
            }
            Step::Hang => std::future::pending().await,
        }
    }
    mouth.end().await?;
    Ok(ControlFlow::Continue(()))
}

/// One piece of text; the first is preceded by the chunk that says who speaks.
async fn say(text: &str, said: &mut bool, mouth: &mut Mouth) -> io::Result<()> {
    if !std::mem::replace(said, true) {
        let role = json!({"role": "assistant", "content": "", "refusal": null});
        mouth.choice(role, None).await?;
    }
    mouth.choice(json!({"content": text}), None).await
}

/// The words of a text, each but the first with its leading space.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.len_utf8();
        let end = rest.get(first..)?.find(' ').map_or(rest.len(), |space| first + space);
        let (word, tail) = rest.split_at(end);
        rest = tail;
        Some(word)
    })
}

#[test]
fn words_keep_every_character() {
    for text in ["", " ", "a", "Hello there  friend.", " ä ö", "ß"] {
        assert_eq!(words(text).collect::<String>(), text);
    }
    assert_eq!(words("Hello there friend").collect::<Vec<_>>(), ["Hello", " there", " friend"]);
}
