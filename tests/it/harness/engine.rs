//! The real program, started by a story with a directory and a port of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;
use switchhook::caller::{Caller, Pace, RingOptions};
use tempfile::TempDir;

use super::{model::ScriptedModel, provider};

/// The program under test, as cargo built it.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_switchhook");

/// How long anything that should happen at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A running engine. Dropping it kills it, and fails the story when it had panicked.
pub(crate) struct Engine {
    child: Child,
    /// Scheme, host and port.
    pub(crate) url: String,
    env: Vec<(String, String)>,
    home: Arc<TempDir>,
    log: Arc<Mutex<String>>,
    said: Arc<Mutex<String>>,
    /// Read what it says, to its end.
    readers: Vec<JoinHandle<()>>,
    /// The last of its access tokens, if it has any: the story's own.
    token: Option<String>,
    /// What its shell is told before it begins, such as `ulimit -n 64`.
    under: Option<String>,
}

impl Engine {
    /// Starts with these variables and no others, on a free port and in a new directory.
    pub(crate) fn start(env: &[(&str, &str)]) -> Self {
        provider();
        let home = Arc::new(TempDir::new().expect("a directory"));
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_in(home, env.collect(), "0", None)
    }

    /// Starts with a scripted model behind it, under a limit that a shell sets.
    pub(crate) fn under(limit: &str, model: &ScriptedModel, env: &[(&str, &str)]) -> Self {
        provider();
        let home = Arc::new(TempDir::new().expect("a directory"));
        let url = model.url();
        let model = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "sk-test")];
        let env = model.iter().chain(env);
        let env = env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_in(home, env.collect(), "0", Some(limit.to_owned()))
    }

    /// Starts with a scripted model behind it.
    pub(crate) fn with_model(model: &ScriptedModel, env: &[(&str, &str)]) -> Self {
        let url = model.url();
        let model = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "sk-test")];
        Self::start(&[&model, env].concat())
    }

    fn start_in(
        home: Arc<TempDir>,
        env: Vec<(String, String)>,
        port: &str,
        under: Option<String>,
    ) -> Self {
        let mut child = command_under(under.as_deref(), home.path(), &env)
            .env("PORT", port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = child.stderr.take().expect("its log");
        let logged = std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut chunk = [0; 4_096];
                while let Ok(read @ 1..) = stderr.read(&mut chunk) {
                    let text = String::from_utf8_lossy(chunk.get(..read).unwrap_or_default());
                    log.lock().expect("the log").push_str(&text);
                }
            }
        });
        let said = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = lines.find_map(|line| {
            let line = line.ok()?;
            note(&said, &line);
            line.split_once("listens on ").map(|(_, url)| url.to_owned())
        });
        let Some(url) = url else {
            let status = child.wait().expect("its end");
            panic!("the engine did not start ({status}): {}", log.lock().expect("the log"));
        };
        // A full pipe must not stop the engine.
        let printed = std::thread::spawn({
            let said = Arc::clone(&said);
            move || lines.map_while(Result::ok).for_each(|line| note(&said, &line))
        });
        let tokens = env.iter().find(|(name, _)| name == "ACCESS_TOKENS");
        let token = tokens.and_then(|(_, list)| list.rsplit_once(':'));
        let token = token.map(|(_, token)| token.to_owned());
        Self { child, url, env, home, log, said, readers: vec![logged, printed], token, under }
    }

    /// Kills it as a crash does: no signal is handled, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("its end");
    }

    /// Starts it again after [`Engine::kill`], on the same directory and port.
    pub(crate) fn restart(&mut self) {
        let port = self.url.rsplit(':').next().unwrap_or("0").to_owned();
        let again =
            Self::start_in(Arc::clone(&self.home), self.env.clone(), &port, self.under.clone());
        *self = again;
    }

    /// Its directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it ever held, KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        figure.and_then(|figure| figure.parse().ok()).expect("a figure")
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// What it printed so far.
    pub(crate) fn printed(&self) -> String {
        self.said.lock().expect("its output").clone()
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Orders a fault, such as `store=pause`; it is in force when this returns. Only an engine that
    /// was started with `FAILPOINTS` takes orders: see `src/faults.rs`.
    pub(crate) async fn order(&mut self, fault: &str) {
        let taken = format!("a fault on order: {fault}");
        let before = self.log().matches(&taken).count();
        let orders = self.child.stdin.as_mut().expect("its input");
        writeln!(orders, "{fault}").expect("it listens");
        let begun = Instant::now();
        while self.log().matches(&taken).count() == before {
            assert!(begun.elapsed() < SOON, "{fault} is not taken\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it is still there.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Waits for its end, which must come [`SOON`]; then all that it said can be read.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                self.readers.drain(..).for_each(|reader| reader.join().expect("a reader"));
                return status;
            }
            assert!(begun.elapsed() < SOON, "it does not stop\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// An ordinary caller with a voice that speaks at once.
    pub(crate) fn caller(&self) -> RingOptions {
        RingOptions { url: self.url.clone(), pace: Pace::Instant, ..RingOptions::default() }
    }

    /// Rings, with everything as usual.
    pub(crate) async fn ring(&self) -> Caller {
        self.ring_as(self.caller()).await
    }

    pub(crate) async fn ring_as(&self, options: RingOptions) -> Caller {
        match Caller::ring(options).await {
            Ok(caller) => caller,
            Err(error) => panic!("{error}\n{}", self.log()),
        }
    }

    /// GETs a path, with the engine's last access token: the status and the body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let mut request = switchhook::caller::client().get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.expect("an answer");
        let body = response.body().await.expect("a body");
        (response.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    pub(crate) async fn transcript(&self, sid: &str) -> Value {
        self.json(&format!("/api/transcript/{sid}")).await
    }

    /// The transcript once it is as the story wants it: what is said about a call lands a moment
    /// after it was heard.
    pub(crate) async fn transcript_when(&self, sid: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.when(&format!("/api/transcript/{sid}"), fits).await
    }

    /// Asks again and again until the answer fits, for [`SOON`].
    pub(crate) async fn when(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.json(path).await;
            if fits(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < SOON, "{path} stays {answer:#}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A series of `/metrics`, by its name and labels as they are written there; 0 when absent.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let ordered = self.env.iter().any(|(name, _)| name == "FAILPOINTS");
        if !std::thread::panicking() && !ordered {
            let log = self.log();
            assert!(!log.contains("panic"), "the engine panicked:\n{log}");
        }
    }
}

/// The program with these variables and no others.
pub(crate) fn command(home: &Path, env: &[(String, String)]) -> Command {
    command_under(None, home, env)
}

fn command_under(under: Option<&str>, home: &Path, env: &[(String, String)]) -> Command {
    let mut command = Command::new(if under.is_some() { "/bin/sh" } else { PROGRAM });
    if let Some(limit) = under {
        command.args(["-c", &format!("{limit} && exec {PROGRAM}")]);
    }
    command.current_dir(home).env_clear().env("LOG", "info").env("DATA_DIR", home.join("data"));
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command
}

/// Runs a program to its end, which must come [`SOON`].
pub(crate) async fn finished(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let pid = child.id();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    match tokio::time::timeout(SOON, output).await {
        Ok(output) => output.expect("a thread").expect("its end"),
        Err(_) => {
            signal(pid, "KILL");
            panic!("it does not end: {command:?}");
        }
    }
}

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name} {pid}");
}

fn note(text: &Mutex<String>, line: &str) {
    let mut text = text.lock().expect("its output");
    text.push_str(line);
    text.push('\n');
}

/// The words of a transcript, by role: `("agent", "Hello.")`.
pub(crate) fn words(transcript: &Value) -> Vec<(String, String)> {
    let text = |turn: &Value, field: &str| turn[field].as_str().unwrap_or_default().to_owned();
    let turns = transcript["transcript"].as_array().expect("turns");
    turns.iter().map(|turn| (text(turn, "role"), text(turn, "text"))).collect()
}

/// How many turns a transcript has.
pub(crate) fn turns(transcript: &Value) -> usize {
    let whole = |line: &&Value| line["unfinished"] != true;
    transcript["transcript"].as_array().map_or(0, |lines| lines.iter().filter(whole).count())
}
