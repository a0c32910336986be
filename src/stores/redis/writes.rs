//! The one task that writes. It takes what waits, sends it as one pipeline with a `WAIT` at its end,
//! and answers everybody: the round trip itself makes the groups. Only drafts wait for company.
//!
//! `WAIT` counts for the connection that it is sent on, so nothing else goes over that one.

use std::time::Duration;

use redis::{Cmd, RedisError, RedisResult, Value};
use switchhook_actors::{clock::Stopwatch, registry::store::StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    link::{Link, LinkError, Wires, in_words},
    tasks::Tasks,
};

/// How many writes may wait: what 1,000 calls write in ten seconds.
const QUEUE: usize = 4_096;

/// How many writes share a pipeline at most.
const BATCH: usize = 512;

/// How many replicas must have a durable write.
const REPLICAS: u64 = 1;

/// How long they may take, ms. The server looks at its clock ten times a second: up to 180.
const WAIT_MS: u64 = 80;

/// How long drafts of answers wait for others, ms: a pipeline and its `WAIT` cost as much for one as for
/// ten. A caller's words behind such a draft have most of their 80 ms left.
const LEISURE: Duration = Duration::from_millis(15);

/// How often replicas that were not there are asked after. Meanwhile nobody waits for them.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How a write was taken.
#[derive(Debug)]
pub(super) struct Done {
    /// What the function answered.
    pub(super) value: Value,
    /// Whether a replica has it, or none is wanted.
    pub(super) durable: bool,
}

struct Write {
    order: Cmd,
    /// It may wait for others.
    at_leisure: bool,
    done: oneshot::Sender<Result<Done, StoreError>>,
}

/// Takes writes, in order.
#[derive(Clone)]
pub(super) struct Writes(mpsc::Sender<Write>);

impl Writes {
    /// Begins to write.
    pub(super) fn start(tasks: &mut Tasks, link: Link) -> Self {
        let (send, asked) = mpsc::channel(QUEUE);
        tasks.spawn(Writer { link, weak: None, on: None }.run(asked));
        Self(send)
    }

    /// Queues a write at once: the order of the calls is the order of their effects.
    pub(super) fn put(&self, order: Cmd) -> oneshot::Receiver<Result<Done, StoreError>> {
        self.queue(order, false)
    }

    /// The same for a write that nobody waits for.
    pub(super) fn put_at_leisure(&self, order: Cmd) -> oneshot::Receiver<Result<Done, StoreError>> {
        self.queue(order, true)
    }

    fn queue(&self, order: Cmd, at_leisure: bool) -> oneshot::Receiver<Result<Done, StoreError>> {
        let (done, answer) = oneshot::channel();
        if let Err(refused) = self.0.try_send(Write { order, at_leisure, done }) {
            let text = match refused {
                mpsc::error::TrySendError::Full(_) => "Redis is behind: too many writes wait",
                mpsc::error::TrySendError::Closed(_) => "the registry is closed",
            };
            let write = refused.into_inner();
            let _ = write.done.send(Err(StoreError::Unavailable(text.to_owned())));
        }
        answer
    }
}

struct Writer {
    link: Link,
    /// When replicas were last asked in vain.
    weak: Option<Stopwatch>,
    /// The connections in use.
    on: Option<u64>,
}

impl Writer {
    async fn run(mut self, mut asked: mpsc::Receiver<Write>) {
        let mut batch = Vec::with_capacity(BATCH);
        while asked.recv_many(&mut batch, BATCH).await > 0 {
            gather(&mut asked, &mut batch).await;
            match self.link.wires() {
                Ok(wires) => self.write(wires, std::mem::take(&mut batch)).await,
                Err(error) => {
                    for write in batch.drain(..) {
                        let _ = write.done.send(Err(unavailable(&error)));
                    }
                }
            }
        }
    }

    async fn write(&mut self, mut wires: Wires, batch: Vec<Write>) {
        if self.on.replace(wires.number) != Some(wires.number) {
            self.weak = None;
        }
        let ask =
            wires.replicated && self.weak.as_ref().is_none_or(|weak| weak.elapsed() >= PROBE_EVERY);
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for write in &batch {
            pipe.add_command(write.order.clone());
        }
        if ask {
            pipe.cmd("WAIT").arg(REPLICAS).arg(WAIT_MS);
        }
        let answers: RedisResult<Vec<RedisResult<Value>>> =
            pipe.query_async(&mut wires.durable).await;
        match answers {
            Err(error) => {
                self.link.report(wires.number, &error);
                let error = StoreError::Unavailable(in_words(&error));
                for write in batch {
                    let _ = write.done.send(Err(error.clone()));
                }
            }
            Ok(mut answers) => {
                let durable = !wires.replicated || (ask && self.replicated(answers.pop()));
                for (write, answer) in batch.into_iter().zip(answers) {
                    let done = answer
                        .map(|value| Done { value, durable })
                        .map_err(|error| self.refused(wires.number, &error));
                    let _ = write.done.send(done);
                }
            }
        }
    }

    /// Reads the answer to `WAIT`.
    fn replicated(&mut self, answer: Option<RedisResult<Value>>) -> bool {
        let replicas = match answer {
            Some(Ok(Value::Int(replicas))) => u64::try_from(replicas).unwrap_or(0),
            _ => 0,
        };
        let enough = replicas >= REPLICAS;
        if enough && self.weak.is_some() {
            tracing::info!("replicas confirm what is written again");
        } else if !enough && self.weak.is_none() {
            tracing::warn!(
                "no replica confirms what is written: it is kept in the journal as well"
            );
        }
        self.weak = (!enough).then(Stopwatch::start);
        enough
    }

    fn refused(&self, number: u64, error: &RedisError) -> StoreError {
        self.link.report(number, error);
        StoreError::Unavailable(in_words(error))
    }
}

/// Waits for others as long as all in the batch can.
async fn gather(asked: &mut mpsc::Receiver<Write>, batch: &mut Vec<Write>) {
    let until = Instant::now() + LEISURE;
    while batch.len() < BATCH && batch.iter().all(|write| write.at_leisure) {
        let room = BATCH - batch.len();
        match timeout_at(until, asked.recv_many(batch, room)).await {
            Ok(came) if came > 0 => {}
            _ => return,
        }
    }
}

pub(super) fn unavailable(error: &LinkError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
