//! Engines that share a Redis, each a process with a folder of its own.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    process::{Running, guarded},
    waiting::{STARTS_WITHIN, answer},
};

/// Longer than an engine takes to say how it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// A running engine.
#[derive(Debug)]
pub(crate) struct Engine {
    running: Running,
    program: PathBuf,
    /// Where it listens, on loopback.
    pub(crate) port: u16,
    env: Vec<(String, String)>,
    dir: TempDir,
}

impl Engine {
    /// Starts that program at that port, with these variables on top of the ones of this process.
    /// It is ready when this returns.
    pub(crate) fn start(program: &Path, port: u16, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: Vec<_> = env.collect();
        let running = run(program, port, &env, dir.path());
        let mut engine = Self { running, program: program.to_owned(), port, env, dir };
        engine.wait_until_ready();
        engine
    }

    fn wait_until_ready(&mut self) {
        let ready = answer(STARTS_WITHIN, || {
            let ready = self.readiness() == Some(200);
            (ready || self.running.ended().is_some()).then_some(ready)
        });
        assert!(ready == Some(true), "an engine does not start: {}", self.log());
    }

    /// The status of `/readyz`; none when it does not answer.
    pub(crate) fn readiness(&self) -> Option<u16> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        socket.set_read_timeout(Some(ANSWERS_WITHIN)).ok()?;
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Scheme, host and port, past the balancer.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its folder: `data` in it is its `DATA_DIR`.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// SIGSTOP.
    pub(crate) fn stop(&self) {
        self.running.stop();
    }

    /// SIGCONT.
    pub(crate) fn cont(&self) {
        self.running.cont();
    }

    /// SIGTERM: it drains.
    pub(crate) fn drain(&self) {
        self.running.terminate();
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.ended().is_some()
    }

    /// Starts it again, after a kill if it still runs: same port, same folder.
    pub(crate) fn restart(&mut self) {
        self.running.kill();
        self.running = run(&self.program, self.port, &self.env, self.dir.path());
        self.wait_until_ready();
    }
}

fn run(program: &Path, port: u16, env: &[(String, String)], dir: &Path) -> Running {
    let mut command = guarded(&program.to_string_lossy());
    // Not where a person's `.env` may lie.
    command.current_dir(dir).env("PORT", port.to_string()).env("DATA_DIR", dir.join("data"));
    command.envs(env.iter().map(|(name, value)| (name, value)));
    Running::start(command, &dir.join("log"))
}
