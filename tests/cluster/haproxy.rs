//! HAProxy with the configuration of `deploy/`, and a certificate that it signed itself.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
};

use tempfile::TempDir;

use super::{
    DEPLOY, free_port,
    process::{Running, guarded, need},
    waiting::{STARTS_WITHIN, answer, wait_for},
};

/// A balancer of the test's own.
#[derive(Debug)]
pub(crate) struct Haproxy {
    running: Running,
    /// The port without TLS.
    pub(crate) port: u16,
    /// The port with TLS.
    pub(crate) tls_port: u16,
    engines: [u16; 3],
    dir: TempDir,
}

impl Haproxy {
    /// Starts it before three engines at these ports, which need not be there yet.
    pub(crate) fn before(engines: [u16; 3]) -> Self {
        Self::at(free_port(), engines)
    }

    /// The same at a port that was chosen before, such as for the `PUBLIC_URL` of the engines.
    pub(crate) fn at(port: u16, engines: [u16; 3]) -> Self {
        let (dir, tls_port) = (tempfile::tempdir().expect("a folder"), free_port());
        certify(dir.path());
        let running = run(dir.path(), [port, tls_port], engines);
        let mut balancer = Self { running, port, tls_port, engines, dir };
        let open = answer(STARTS_WITHIN, || {
            let open = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            (open || balancer.running.ended().is_some()).then_some(open)
        });
        assert!(open == Some(true), "haproxy does not start: {}", balancer.log());
        balancer
    }

    /// Kills it as soon as another one listens beside it, as a hurried reload does: every socket is
    /// lost at once, and none finds the door closed.
    pub(crate) fn replace(&mut self) {
        let before = listening(self.port);
        let next = run(self.dir.path(), [self.port, self.tls_port], self.engines);
        wait_for("another haproxy listens", STARTS_WITHIN, || {
            (listening(self.port) > before).then_some(())
        });
        self.running = next;
    }

    /// What `haproxy -c` says of the file; an error is its complaint.
    pub(crate) fn check() -> Result<String, String> {
        let dir = tempfile::tempdir().expect("a folder");
        certify(dir.path());
        let mut command = Command::new(program());
        command.arg("-c");
        configure(&mut command, dir.path(), [free_port(), free_port()], [1, 2, 3]);
        let done = command.output().expect("haproxy");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if done.status.success() { Ok(said) } else { Err(said) }
    }

    /// Scheme, host and port, without TLS.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The certificate that its door with TLS shows, PEM.
    pub(crate) fn certificate(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("cert.pem")).expect("a certificate")
    }

    /// What it logged: engines that came and went.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

fn run(dir: &Path, ports: [u16; 2], engines: [u16; 3]) -> Running {
    let mut command = guarded(program());
    command.arg("-db");
    configure(&mut command, dir, ports, engines);
    Running::start(command, &dir.join("log"))
}

/// How many sockets listen at a port of this machine.
fn listening(port: u16) -> usize {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let end = format!("0100007F:{port:04X}");
    let is_it = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(1) == Some(&end.as_str()) && fields.get(3) == Some(&"0A")
    };
    sockets.lines().filter(is_it).count()
}

fn configure(command: &mut Command, dir: &Path, [port, tls]: [u16; 2], engines: [u16; 3]) {
    command.arg("-f").arg(format!("{DEPLOY}/haproxy.cfg")).env("TLS_PEM", dir.join("tls.pem"));
    command.env("HTTP_BIND", format!("127.0.0.1:{port}"));
    command.env("HTTPS_BIND", format!("127.0.0.1:{tls}"));
    for (number, engine) in (1..).zip(engines) {
        command.env(format!("ENGINE_{number}"), format!("127.0.0.1:{engine}"));
    }
}

/// Users find it on their path or, where that is only for administrators, not.
fn program() -> &'static str {
    let everywhere = "/usr/sbin/haproxy";
    if Path::new(everywhere).exists() {
        return everywhere;
    }
    need("haproxy", "haproxy");
    "haproxy"
}

fn certify(dir: &Path) {
    need("openssl", "openssl");
    let [key, cert] = ["key.pem", "cert.pem"].map(|name| dir.join(name));
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '));
    command.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]);
    let done = command.arg("-keyout").arg(&key).arg("-out").arg(&cert).output().expect("openssl");
    assert!(done.status.success(), "no certificate: {}", String::from_utf8_lossy(&done.stderr));
    let both = [cert, key].map(|path| std::fs::read(path).expect("a file")).concat();
    std::fs::write(dir.join("tls.pem"), both).expect("a file");
}
