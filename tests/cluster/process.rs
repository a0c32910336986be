//! A process of a cluster, and what may befall it.

use std::{
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{Sender, channel},
    },
};

/// Runs until it is killed or dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts it; what it prints goes to that file, behind what is there.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log);
        // What a terminal sends to the one who started it is not for it.
        command.process_group(0);
        let shown = format!("{command:?}");
        let child = spawn(command).unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self { child }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is over.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// `kill -9`: a crash.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP: frozen, with its sockets open.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
    }

    /// SIGCONT: goes on as if nothing had been.
    pub(crate) fn cont(&self) {
        self.signal("CONT");
    }

    /// SIGTERM: it is asked to end.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name} is not delivered");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that the system kills when this process ends, however it ends.
pub(crate) fn guarded(program: &str) -> Command {
    need("setpriv", "util-linux");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Fails with the name of the package when a program is not there.
pub(crate) fn need(program: &str, package: &str) {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    if asked.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        panic!("{program} is not installed: it is in the package {package}");
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// Has it started by a thread that stays: the system takes the end of the thread that started a
/// process for the end of its parent.
fn spawn(command: Command) -> io::Result<Child> {
    static PARENT: OnceLock<Sender<Order>> = OnceLock::new();
    let parent = PARENT.get_or_init(|| {
        let (orders, ordered) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in ordered {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, answered) = channel();
    parent.send((command, answer)).expect("it stays");
    answered.recv().expect("it answers")
}
