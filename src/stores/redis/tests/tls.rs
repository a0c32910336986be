//! Redis and Sentinel behind TLS, with certificates of an authority of the test's own.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{
    cluster::{Running, STARTS_WITHIN, free_port, guarded, need, wait_for},
    *,
};

/// What the certificates are for: the address that the engines are told.
const NAMES: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost";

/// An authority, and a certificate that it has signed.
struct Papers {
    dir: TempDir,
}

impl Papers {
    fn issue() -> Self {
        need("openssl", "openssl");
        let papers = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(papers.path("names"), NAMES).unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj";
        papers
            .openssl(&format!("req -x509 -days 2 {key} /CN=authority -keyout ca.key -out ca.pem"));
        papers.openssl(&format!("req {key} /CN=localhost -keyout redis.key -out redis.csr"));
        papers.openssl(
            "x509 -req -days 2 -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile \
             names -out redis.pem",
        );
        papers
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        let done = command.args(words.split(' ')).current_dir(self.dir.path()).output().unwrap();
        assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }
}

/// A server or a Sentinel that speaks TLS alone.
struct Secured {
    _running: Running,
    port: u16,
    _dir: TempDir,
}

impl Secured {
    fn server(papers: &Papers) -> Self {
        Self::start(papers, &["databases 64", "save \"\"", "appendonly yes"], &[])
    }

    /// Knows that server as the master.
    fn sentinel(papers: &Papers, master: u16) -> Self {
        let monitor = format!("sentinel monitor switchhook 127.0.0.1 {master} 1");
        Self::start(papers, &["tls-replication yes", &monitor], &["--sentinel"])
    }

    fn start(papers: &Papers, settings: &[&str], arguments: &[&str]) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let path = |name: &str| papers.path(name).display().to_string();
        let lines = [
            format!("bind 127.0.0.1\nport 0\ntls-port {port}\ntls-auth-clients no"),
            format!("dir {}", dir.path().display()),
            format!("tls-cert-file {}\ntls-key-file {}", path("redis.pem"), path("redis.key")),
            format!("tls-ca-cert-file {}", path("ca.pem")),
            settings.join("\n"),
        ];
        let file = dir.path().join("redis.conf");
        fs::write(&file, lines.join("\n")).unwrap();
        let mut command = guarded("redis-server");
        command.arg(&file).args(arguments);
        let running = Running::start(command, &dir.path().join("log"));
        listens(port);
        Self { _running: running, port, _dir: dir }
    }
}

fn listens(port: u16) {
    let connected = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
    wait_for("a server listens", STARTS_WITHIN, connected);
}

/// One server for all rules; each has a database of its own in it.
fn shared() -> &'static (Papers, Secured) {
    static SHARED: OnceLock<(Papers, Secured)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let papers = Papers::issue();
        let server = Secured::server(&papers);
        (papers, server)
    })
}

/// As an operator writes it.
fn store(url: &str, ca_file: &Path, database: i64) -> Redis {
    let ca_file = ca_file.display().to_string();
    let pairs = [("REDIS_URL", url.to_owned()), ("REDIS_CA_FILE", ca_file)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
    let config = crate::config::Config::from_pairs(pairs).unwrap();
    let address = RedisAddress { database, ..config.store.redis.unwrap() };
    let engine = Engine {
        instance: InstanceId("me".into()),
        calls: Calls(Arc::new(|| 0)),
        hands: Hands::idle(),
    };
    Redis::start(address, vault(&["a"]), engine, BEGIN).unwrap()
}

async fn home() -> Home {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let (papers, server) = shared();
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let store = store(&url, &papers.ca(), NEXT.fetch_add(1, Ordering::Relaxed));
    store.ready().await.unwrap();
    Home { store: Arc::new(store), _keep: Box::new(()) }
}

mod rules {
    super::contract! { super::home:
        ownership::a_call_that_rings_twice_is_opened_once,
        ownership::each_claim_has_a_higher_epoch_and_the_words_so_far,
        ownership::a_fenced_owner_changes_nothing,
        ownership::a_later_version_of_a_turn_replaces_it,
        ownership::a_final_status_never_changes_again,
        ownership::what_is_settled_is_found,
        copies::what_was_lost_is_restored_from_a_copy,
        lookups::the_first_reply_to_a_webhook_stands_until_its_time_is_over,
        lookups::an_erased_call_leaves_no_trace,
        lookups::flush_resolves_after_what_was_accepted_before,
        feed::live_calls_are_listed_by_their_start,
        feed::a_reader_gets_a_snapshot_and_then_what_happens,
    }
}

/// Why it is not reached, once the server has been asked.
async fn refused(store: &Redis) -> String {
    let mut state = store.core.link.watch();
    let first = state.borrow_and_update().clone();
    if matches!(&first, State::Down(LinkError::Unreachable(why)) if why == "not connected yet") {
        state.changed().await.unwrap();
    }
    let State::Down(error) = &*state.borrow() else { panic!("it is reached") };
    error.to_string()
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused_and_the_operator_reads_why() {
    let (_, server) = shared();
    let others = Papers::issue();
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let told = refused(&store(&url, &others.ca(), 0)).await;
    assert!(told.starts_with("Redis cannot be reached: invalid peer certificate"), "{told}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_refused() {
    let ((papers, _), server) = (shared(), Server::start());
    listens(server.port);
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let told = refused(&store(&url, &papers.ca(), 0)).await;
    assert_eq!(told, "Redis cannot be reached: timed out");
}

#[tokio::test]
async fn a_file_of_certificates_that_has_none_stops_the_start_with_its_name() {
    let (papers, server) = shared();
    let url = format!("rediss://127.0.0.1:{}", server.port);
    for (name, why) in [("nowhere", "is not read: "), ("names", "holds no certificate in PEM")] {
        let error = store(&url, &papers.path(name), 0).ready().await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("Redis cannot be used: REDIS_CA_FILE {why}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_master_is_found_through_a_sentinel_that_speaks_tls() {
    let papers = Papers::issue();
    let server = Secured::server(&papers);
    let sentinel = Secured::sentinel(&papers, server.port);
    let url = format!("rediss+sentinel://127.0.0.1:{}/switchhook", sentinel.port);
    let store = store(&url, &papers.ca(), 0);
    store.ready().await.unwrap();
    let sid: CallSid = format!("CA{:032x}", 1).parse().unwrap();
    let claimed = store.claim(sid, InstanceId("me".into()), BEGIN).await.unwrap();
    assert!(matches!(claimed, Claimed::Yours(_)));
}
