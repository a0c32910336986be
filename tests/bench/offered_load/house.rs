//! The processes of a measurement: the model, what is measured, the callers.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use switchhook::load::process::Process;
use tempfile::TempDir;

/// The program under measurement; [`build`] puts the released one there.
const PROGRAM: &str = env!("CARGO_BIN_EXE_switchhook");

/// Nothing of a run takes longer than the callers' own deadlines allow; this is the net below.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);

/// Longer than any request takes that is answered.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How often a question is put to a process that is to become ready.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Builds the program as it is released. What cargo has built for benches takes faults on order, as
/// tests need it, and asks for them at every word.
#[expect(clippy::disallowed_methods, reason = "it is cargo's environment, not the engine's")]
pub(crate) fn build() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--bin", "switchhook"]);
    // What cargo tells this process about itself would make it build everything anew.
    let told = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_"));
    told.filter(|name| !matches!(name.as_str(), "CARGO_HOME" | "CARGO_TARGET_DIR")).for_each(
        |name| {
            build.env_remove(name);
        },
    );
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "the program cannot be built");
}

/// A process that is killed when it is dropped.
pub(crate) struct Started {
    child: Child,
    /// The address it said it listens on.
    pub(crate) url: String,
    /// From its start to that word.
    pub(crate) ready: Duration,
}

impl Started {
    /// Starts a program and waits until it says where it listens.
    fn of(command: &mut Command) -> Self {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().expect("a program that starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = lines.find_map(|line| {
            line.ok()?.split_once("listens on ").map(|(_, url)| url.trim().to_owned())
        });
        let ready = began.elapsed();
        let Some(url) = url else { panic!("{command:?} does not listen: {:?}", child.wait()) };
        // A full pipe must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, ready }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn look(&self) -> Process {
        Process::look(self.pid()).expect("a process that can be looked at")
    }

    /// A number of its `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let (_, metrics) = ask(&self.url, "GET", "/metrics")?;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Whether it takes calls.
    pub(crate) fn is_ready(&self) -> bool {
        ask(&self.url, "GET", "/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Waits until it holds no call any more.
    pub(crate) fn settle(&self) {
        let began = Instant::now();
        while self.metric("switchhook_calls_live ").is_some_and(|live| live > 0.0) {
            assert!(began.elapsed() < SETTLES_WITHIN, "calls are left over");
            pause(ASK_EVERY * 100);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request without a body: status and text of its answer. None: there was no answer in time.
pub(crate) fn ask(url: &str, method: &str, path: &str) -> Option<(u16, String)> {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN)).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::with_capacity(1 << 16);
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.get(9..12)?.parse().ok()?;
    let body = answer.find("\r\n\r\n")? + 4;
    Some((status, answer.split_off(body)))
}

/// What the model says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub(crate) tokens: u32,
    pub(crate) first_ms: u32,
    pub(crate) gap_ms: u32,
}

/// The offered load's.
pub(crate) const MODEL: Model = Model { tokens: 40, first_ms: 300, gap_ms: 25 };

impl Model {
    pub(crate) fn start(self) -> Started {
        let numbers = [self.tokens, self.first_ms, self.gap_ms].map(|number| number.to_string());
        let [tokens, first, gap] = &numbers;
        let mut command = bare(PROGRAM);
        command.args(["load", "--model-stub", "--port", "0", "--tokens", tokens]);
        Started::of(command.args(["--first-ms", first, "--gap-ms", gap]))
    }
}

/// The engine in front of that model, with a new store.
pub(crate) fn engine(model: &Started, home: &TempDir, env: &[(&str, &str)]) -> Started {
    let mut command = bare(PROGRAM);
    command.current_dir(home.path()).env("DATA_DIR", home.path().join("data"));
    command.envs(env.iter().copied());
    Started::of(
        command.env("PORT", "0").env("OPENAI_BASE_URL", &model.url).env("OPENAI_API_KEY", "none"),
    )
}

/// The floor in front of that model: this very program, told to be it.
pub(crate) fn floor(model: &Started) -> Started {
    let program = std::env::current_exe().expect("this program");
    Started::of(bare(program).args(["--floor", &model.url]))
}

/// Has it called; the callers' report.
pub(crate) fn call(engine: &Started, arguments: &[String]) -> Value {
    let mut command = bare(PROGRAM);
    command.args(["load", "--url", &engine.url, "--json", "-"]);
    command.args(["--engine-pid", &engine.pid().to_string()]).args(arguments);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.expect("callers that start");
    let report = serde_json::from_slice(&output.stdout);
    report.unwrap_or_else(|error| panic!("the callers report nothing ({error}): {command:?}"))
}

/// A program without the variables of whoever measures.
fn bare(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

#[expect(clippy::disallowed_methods, reason = "there are no calls on this thread")]
pub(crate) fn pause(length: Duration) {
    std::thread::sleep(length);
}
