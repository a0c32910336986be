//! Three Sentinels that watch a master and its replicas.

use std::time::Duration;

use tempfile::TempDir;

use super::{
    free_port,
    process::Running,
    proxy::{Cut, Proxy},
    redis::{PASSWORD, Replicated, ask, log, script},
    waiting::{STARTS_WITHIN, answer},
};

/// Under which name they know the master.
const NAME: &str = "switchhook";

/// Three Sentinels.
#[derive(Debug)]
pub(crate) struct Sentinels {
    /// Each of them.
    pub(crate) sentinels: Vec<Sentinel>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Sentinel {
    running: Running,
    /// Where it listens, on loopback.
    pub(crate) port: u16,
    /// The way that the engines take to it.
    door: Proxy,
    master: u16,
    dir: TempDir,
}

impl Sentinels {
    /// Starts three over these servers. They know each other and all servers when this returns.
    pub(crate) fn over(servers: &Replicated) -> Self {
        let master = servers.master().port;
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::start(master)).collect();
        let all = Self { sentinels };
        all.wait_until_complete();
        all
    }

    /// For `REDIS_URL`.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.sentinels.iter().map(|each| format!("127.0.0.1:{}", each.door.port)).collect();
        format!("redis+sentinel://switchhook:{PASSWORD}@{}/{NAME}/0", hosts.join(","))
    }

    /// Waits until each knows two replicas and two others, and all say that the master is well: from
    /// then on a failover can succeed.
    #[track_caller]
    pub(crate) fn wait_until_complete(&self) {
        for each in &self.sentinels {
            let complete = answer(STARTS_WITHIN, || {
                let info = each.order(&["INFO", "sentinel"]).ok()?;
                (info.contains("status=ok") && info.contains("slaves=2,sentinels=3")).then_some(())
            });
            let told = || each.order(&["INFO", "sentinel"]);
            assert!(complete.is_some(), "a Sentinel is not ready: {:?}\n{}", told(), each.log());
        }
    }

    /// The port of the master, as most of those who answer say.
    pub(crate) fn master(&self) -> Option<u16> {
        let told: Vec<_> = self.sentinels.iter().filter_map(Sentinel::master).collect();
        let most = self.sentinels.len() / 2 + 1;
        told.iter().copied().find(|port| told.iter().filter(|told| *told == port).count() >= most)
    }

    /// Waits until most say that another server than that one is the master, and it says so itself.
    /// Tells its port.
    #[track_caller]
    pub(crate) fn wait_for_another(&self, old: u16, within: Duration) -> u16 {
        let elected = answer(within, || {
            let now = self.master().filter(|port| *port != old)?;
            let login = Some(("switchhook", PASSWORD));
            ask(now, login, &["ROLE"]).is_ok_and(|role| role.starts_with("master")).then_some(now)
        });
        let logs = || self.sentinels.iter().map(Sentinel::log).collect::<Vec<_>>().join("\n");
        elected
            .unwrap_or_else(|| panic!("after {within:?} no other master than {old}:\n{}", logs()))
    }

    /// Orders a failover without a fault.
    #[track_caller]
    pub(crate) fn fail_over(&self) {
        let asked = self.sentinels.first().expect("three").order(&["SENTINEL", "FAILOVER", NAME]);
        assert_eq!(asked.as_deref(), Ok("OK"));
    }
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let running = run(&dir, port, master);
        Self { running, port, door: Proxy::before(port), master, dir }
    }

    /// Cuts the way that the engines take to it; those of the other Sentinels and of Redis stay.
    pub(crate) fn cut(&self, cut: Cut) {
        self.door.cut(cut);
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it answers.
    pub(crate) fn order(&self, words: &[&str]) -> Result<String, String> {
        ask(self.port, None, words)
    }

    /// The port of the master, as it says.
    pub(crate) fn master(&self) -> Option<u16> {
        let told = self.order(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).ok()?;
        told.lines().nth(1)?.parse().ok()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log(self.dir.path())).unwrap_or_default()
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

    /// Starts it again: same port, same folder.
    pub(crate) fn restart(&mut self) {
        self.running.kill();
        self.running = run(&self.dir, self.port, self.master);
    }
}

fn run(dir: &TempDir, port: u16, master: u16) -> Running {
    let mut command = script("sentinel", dir.path(), port);
    command.env("REDIS_MASTER", format!("127.0.0.1 {master}")).env("REDIS_BIND", "127.0.0.1");
    Running::start(command, &log(dir.path()))
}
