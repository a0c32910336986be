//! Redis servers with the configuration and the users of `deploy/`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    DEPLOY, free_port,
    process::{Running, guarded, need},
    proxy::{Cut, Proxy},
    waiting::{STARTS_WITHIN, answer},
};

/// The password of the engines; the other users have ones that begin with their names.
pub(crate) const PASSWORD: &str = "switchhook-secret";

/// The user that may do everything.
const ADMIN: (&str, &str) = ("admin", "admin-secret");

/// Longer than any order of a story takes, seconds: a stopped server answers nothing.
const PATIENCE: &str = "5";

/// How long replicas may take to follow: Sentinels that were kept waiting for the machine tell nobody
/// whom to follow for half a minute.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(90);

/// A server of the test's own.
#[derive(Debug)]
pub(crate) struct Redis {
    running: Running,
    /// Where everybody reaches it, on loopback: its own port, or the one of its door.
    pub(crate) port: u16,
    /// Where it listens, and where it is asked what the tests want to know.
    pub(crate) inner: u16,
    door: Option<Proxy>,
    master: Option<u16>,
    settings: String,
    dir: TempDir,
}

impl Redis {
    /// One server without replicas, with these settings on top of the deployment's.
    pub(crate) fn single(settings: &[(&str, &str)]) -> Self {
        Self::start(None, &[&[("min-replicas-to-write", "0")], settings].concat())
    }

    /// A master, or the replica of the master at that port. It answers when this returns.
    pub(crate) fn start(master: Option<u16>, settings: &[(&str, &str)]) -> Self {
        Self::begin(free_port(), None, master, settings)
    }

    /// The same behind a door, which is what it and the others know as its port.
    pub(crate) fn behind_a_door(master: Option<u16>) -> Self {
        let inner = free_port();
        let door = Proxy::before(inner);
        let port = door.port.to_string();
        let settings = [("replica-announce-ip", "127.0.0.1"), ("replica-announce-port", &*port)];
        Self::begin(inner, Some(door), master, &settings)
    }

    fn begin(
        inner: u16,
        door: Option<Proxy>,
        master: Option<u16>,
        settings: &[(&str, &str)],
    ) -> Self {
        for program in ["redis-server", "redis-cli"] {
            need(program, if program == "redis-cli" { "redis-tools" } else { "redis-server" });
        }
        let dir = tempfile::tempdir().expect("a folder");
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let settings = format!("bind 127.0.0.1\n{}", settings.join("\n"));
        let running = run(dir.path(), inner, master, &settings);
        let port = door.as_ref().map_or(inner, |door| door.port);
        let mut server = Self { running, port, inner, door, master, settings, dir };
        server.wait_until_ready();
        server
    }

    /// Cuts its door.
    pub(crate) fn cut(&self, cut: Cut) {
        self.door.as_ref().expect("a door").cut(cut);
    }

    /// Has its door hold back what it is asked for so long.
    pub(crate) fn slow(&self, delay: Duration) {
        self.door.as_ref().expect("a door").slow(delay);
    }

    fn wait_until_ready(&mut self) {
        let ready = answer(STARTS_WITHIN, || {
            let pong = self.try_order(&["PING"]).is_ok_and(|answer| answer == "PONG");
            (pong || self.running.ended().is_some()).then_some(pong)
        });
        assert!(ready == Some(true), "redis-server does not start: {}", self.log());
    }

    /// Its folder: what it writes at rest.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log(self.dir.path())).unwrap_or_default()
    }

    /// For `REDIS_URL`.
    pub(crate) fn url(&self) -> String {
        format!("redis://switchhook:{PASSWORD}@127.0.0.1:{}/0", self.port)
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

    /// Starts it again, after a kill if it still runs: same port, same folder.
    pub(crate) fn restart(&mut self) {
        self.running.kill();
        self.running = run(self.dir.path(), self.inner, self.master, &self.settings);
        self.wait_until_ready();
    }

    /// An order of the user who may do everything; its answer, a line each.
    #[track_caller]
    pub(crate) fn order(&self, words: &[&str]) -> String {
        self.try_order(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same, refused or not.
    pub(crate) fn try_order(&self, words: &[&str]) -> Result<String, String> {
        self.order_as(ADMIN, words)
    }

    /// Name and password of the user who may do everything.
    pub(crate) fn admin(&self) -> (&'static str, &'static str) {
        ADMIN
    }

    /// An order of the engines' user.
    pub(crate) fn order_as_engine(&self, words: &[&str]) -> Result<String, String> {
        self.order_as(("switchhook", PASSWORD), words)
    }

    /// An order of that user with that password.
    pub(crate) fn order_as(
        &self,
        (user, password): (&str, &str),
        words: &[&str],
    ) -> Result<String, String> {
        ask(self.inner, Some((user, password)), words)
    }

    /// An order of somebody who has not said who he is.
    pub(crate) fn order_as_nobody(&self, words: &[&str]) -> Result<String, String> {
        ask(self.inner, None, words)
    }

    /// A line of `INFO`.
    pub(crate) fn fact(&self, name: &str) -> Option<String> {
        let info = self.try_order(&["INFO"]).ok()?;
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim().to_owned())
    }

    /// Whether it is a master now.
    pub(crate) fn is_master(&self) -> bool {
        self.fact("role").as_deref() == Some("master")
    }
}

/// A question to a server or a Sentinel.
pub(super) fn ask(
    port: u16,
    login: Option<(&str, &str)>,
    words: &[&str],
) -> Result<String, String> {
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "redis-cli", "-e", "-p", &port.to_string()]);
    if let Some((user, password)) = login {
        command.args(["--user", user, "--pass", password, "--no-auth-warning"]);
    }
    let done = command.args(words).output().expect("redis-cli");
    let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    if done.status.success() {
        return Ok(said);
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&done.stderr).trim()))
}

fn run(dir: &Path, port: u16, master: Option<u16>, settings: &str) -> Running {
    let mut command = script("server", dir, port);
    let master = master.map(|port| format!("127.0.0.1 {port}"));
    command.env("REDIS_REPLICA_OF", master.unwrap_or_default());
    command.env("REDIS_SETTINGS", settings);
    Running::start(command, &log(dir))
}

/// `redis.sh`, as the deployment calls it.
pub(super) fn script(what: &str, dir: &Path, port: u16) -> Command {
    let mut command = guarded("sh");
    command.arg(format!("{DEPLOY}/redis.sh")).arg(what);
    command.env("REDIS_DIR", dir).env("REDIS_PORT", port.to_string());
    command.env("REDIS_PASSWORD", PASSWORD).env("REDIS_ADMIN_PASSWORD", ADMIN.1);
    command.env("REDIS_REPLICA_PASSWORD", "replica-secret");
    command.env("REDIS_SENTINEL_PASSWORD", "sentinel-secret");
    command
}

pub(super) fn log(dir: &Path) -> PathBuf {
    dir.join("log")
}

/// A master and two replicas.
#[derive(Debug)]
pub(crate) struct Replicated {
    /// All three; the first is the master at the start.
    pub(crate) servers: Vec<Redis>,
}

impl Replicated {
    /// Starts them, with these settings on top of the deployment's. The replicas have caught up,
    /// and the master takes writes.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::of(|master| Redis::start(master, settings))
    }

    /// The same, each behind a door through which all others reach it.
    pub(crate) fn behind_doors() -> Self {
        Self::of(Redis::behind_a_door)
    }

    fn of(start: impl Fn(Option<u16>) -> Redis) -> Self {
        let master = start(None);
        let replica = || start(Some(master.port));
        let replicas = [replica(), replica()];
        let servers: Vec<_> = [master].into_iter().chain(replicas).collect();
        let set = Self { servers };
        set.wait_for_replicas(2);
        set
    }

    /// The one at that port.
    pub(crate) fn at(&mut self, port: u16) -> &mut Redis {
        let mut servers = self.servers.iter_mut();
        servers.find(|server| server.port == port).expect("a server at that port")
    }

    /// The one that says it is the master; after a failover and before the old one learns of it, two
    /// say so, and [`Sentinels`](super::Sentinels) know better.
    pub(crate) fn master(&self) -> &Redis {
        self.servers.iter().find(|server| server.is_master()).expect("a master")
    }

    /// Those that say they are replicas.
    pub(crate) fn replicas(&self) -> Vec<&Redis> {
        self.servers.iter().filter(|server| !server.is_master()).collect()
    }

    /// Waits until so many replicas follow the master closely enough for it to take writes.
    #[track_caller]
    pub(crate) fn wait_for_replicas(&self, count: usize) {
        let master = self.master().port;
        self.wait_for_replicas_of(count, || Some(master));
    }

    /// The same for the master that somebody else knows, and who it is: Sentinels may elect twice in
    /// a row.
    #[track_caller]
    pub(crate) fn wait_for_replicas_of(
        &self,
        count: usize,
        mut master: impl FnMut() -> Option<u16>,
    ) -> u16 {
        let good = answer(FOLLOWS_WITHIN, || {
            let port = master()?;
            let server = self.servers.iter().find(|server| server.port == port)?;
            let good = server.fact("min_slaves_good_slaves")?;
            (server.is_master() && good.parse() == Ok(count)).then_some(port)
        });
        let told = |server: &Redis| {
            let log = server.log();
            let lines: Vec<_> = log.lines().rev().take(15).collect();
            format!("{}: {}", server.port, lines.join("\n  "))
        };
        let logs = || self.servers.iter().map(told).collect::<Vec<_>>().join("\n");
        good.unwrap_or_else(|| panic!("{count} replicas do not follow {:?}:\n{}", master(), logs()))
    }
}
