use std::io::{BufRead, BufReader, Write};

use redb::{Database, TableDefinition};
use switchhook_actors::{
    domain::{ids::TurnId, record::Status, transcript::Role},
    registry::store::News,
};

use super::*;
use crate::stores::{
    contract::{BEGIN, Home, contract},
    sealed::tests::vault,
};

#[cfg(unix)]
mod faults;
mod secrecy;

async fn home() -> Home {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), BEGIN).unwrap();
    Home { store: Arc::new(store), _keep: Box::new(dir) }
}

mod rules {
    use super::*;
    contract!(home);
}

async fn sealed_home() -> Home {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap();
    Home { store: Arc::new(store), _keep: Box::new(dir) }
}

mod sealed_rules {
    use super::*;
    contract!(sealed_home);
}

fn open(dir: &Path, now: Timestamp) -> Result<Embedded, OpenError> {
    Embedded::open(dir, Vault::new(&[]), now)
}

fn sid() -> CallSid {
    format!("CA{:032x}", 7).parse().unwrap()
}

fn says(seq: u64) -> Turn {
    let exchange = TurnId(u32::try_from(seq).unwrap());
    Turn::new(exchange, Role::Customer, format!("words {seq}"), BEGIN)
}

/// The first claim of a call, at [`BEGIN`].
const FIRST: Epoch = Epoch(BEGIN.0);

async fn claimed(store: &Embedded) {
    store.claim(sid(), InstanceId("a".into()), BEGIN).await.unwrap();
}

async fn found(store: &Embedded) -> CallRecord {
    store.find(Key::Sid(sid())).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), BEGIN).unwrap();
    claimed(&store).await;
    store.append(sid(), FIRST, 1, says(1)).await.unwrap();
    store.link("WT1".parse().unwrap(), sid()).await.unwrap();
    store.remember(sid(), "k".into(), "reply".into(), BEGIN, 100).await.unwrap();
    let (before, listed) = (found(&store).await, store.live().await);
    store.close().await;
    assert!(!store.is_alive());
    assert!(matches!(store.live().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.flush().await, Err(StoreError::Unavailable(_))));

    let store = open(dir.path(), BEGIN + 50).unwrap();
    assert_eq!(found(&store).await, before);
    assert_eq!(store.live().await, listed);
    assert_eq!(store.find(Key::Alias("WT1".parse().unwrap())).await, Ok(Some(before)));
    assert_eq!(store.answered(sid(), "k".into(), BEGIN + 50).await, Ok(Some("reply".into())));
    assert_eq!(store.append(sid(), FIRST, 1, says(1)).await, Ok(Appended::Duplicate));
    assert_eq!(store.append(sid(), FIRST, 2, says(2)).await, Ok(Appended::Appended));
    store.claim(sid(), InstanceId("b".into()), BEGIN).await.unwrap();
    assert_eq!(found(&store).await.epoch, Epoch(FIRST.0 + 1));
}

#[tokio::test]
async fn after_a_restart_a_live_call_is_given_its_time_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), BEGIN).unwrap();
    claimed(&store).await;
    let position = store.follow(None).await.unwrap().position;
    store.close().await;

    let start = BEGIN + 86_400_000;
    let store = open(dir.path(), start).unwrap();
    let sweep = |now| Sweep { attended: vec![], now, silence: 1_000, retention: 1_000 };
    assert_eq!(store.sweep(sweep(start + 999)).await, Ok(Swept::default()));
    // A reader of the run before is not taken for one of this run, however much happens in it.
    for _ in 0..=1 {
        claimed(&store).await;
    }
    let feed = store.follow(Some(position)).await.unwrap();
    assert!(matches!(feed.news, News::Snapshot(calls) if calls.len() == 1));
    assert_eq!(store.sweep(sweep(start + 1_000)).await.unwrap().closed, [sid()]);
    assert_eq!(found(&store).await.status, Status::Failed);
    store.close().await;
    let store = open(dir.path(), start).unwrap();
    assert_eq!(store.live().await, Ok(vec![]));
}

#[tokio::test]
async fn a_directory_belongs_to_one_engine() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), BEGIN).unwrap();
    let refused = open(dir.path(), BEGIN).unwrap_err();
    let line = format!("the data directory {} is in use by another engine", dir.path().display());
    assert_eq!(refused.to_string(), line);
    store.close().await;
    assert!(open(dir.path(), BEGIN).is_ok());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_callers_said() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    let _store = open(&inner, BEGIN).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&inner.join(FILE))), (0o700, 0o600));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("file/data");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let refused = open(&inner, BEGIN).unwrap_err().to_string();
    assert!(refused.contains(&inner.display().to_string()), "{refused}");

    std::fs::write(dir.path().join(FILE), "no store at all").unwrap();
    let refused = open(dir.path(), BEGIN).unwrap_err().to_string();
    assert!(refused.contains("cannot be read as a call store"), "{refused}");
}

#[test]
fn a_file_of_a_newer_engine_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let write = |format: u64| {
        let meta = TableDefinition::<&str, u64>::new("meta");
        let database = Database::create(dir.path().join(FILE)).unwrap();
        let write = database.begin_write().unwrap();
        let old =
            write.open_table(meta).unwrap().insert("format", format).unwrap().map(|v| v.value());
        write.commit().unwrap();
        old
    };
    let newer = tables::FORMAT + 1;
    write(newer);
    let refused = open(dir.path(), BEGIN).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found, .. } if found == newer), "{refused}");
    assert_eq!(write(tables::FORMAT), Some(newer));
    assert!(open(dir.path(), BEGIN).is_ok());
}

#[tokio::test]
async fn an_unreadable_call_harms_no_other_and_can_be_erased() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), BEGIN).unwrap();
    claimed(&store).await;
    let other: CallSid = format!("CA{:032x}", 8).parse().unwrap();
    store.claim(other, InstanceId("a".into()), BEGIN).await.unwrap();
    store.close().await;
    let database = Database::create(dir.path().join(FILE)).unwrap();
    let write = database.begin_write().unwrap();
    let calls = TableDefinition::<&str, &[u8]>::new("calls");
    write.open_table(calls).unwrap().insert(sid().as_str(), b"{\"secret\"".as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);

    let store = open(dir.path(), BEGIN).unwrap();
    let live: Vec<_> = store.live().await.unwrap().iter().map(|call| call.sid).collect();
    assert_eq!(live, [other]);
    let both = (store.find(Key::Sid(sid())), store.append(other, FIRST, 1, says(1)));
    let Err(StoreError::Unreadable(why)) = both.0.await else { panic!("it was read") };
    assert!(why.contains(sid().as_str()) && !why.contains("secret"), "{why}");
    assert_eq!(both.1.await, Ok(Appended::Appended));
    assert_eq!(store.erase(sid()).await, Ok(true));
    assert_eq!(store.find(Key::Sid(sid())).await, Ok(None));
}

/// Appends until it is killed, and prints each sequence number that was acknowledged. The
/// directory comes on its standard input; without one there is nothing to do.
#[tokio::test]
#[ignore = "it is the child process of the test below"]
async fn an_engine_that_is_going_to_be_killed() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).unwrap();
    if dir.trim().is_empty() {
        return;
    }
    let store = open(Path::new(dir.trim()), BEGIN).unwrap();
    claimed(&store).await;
    for seq in 1.. {
        assert_eq!(store.append(sid(), FIRST, seq, says(seq)).await, Ok(Appended::Appended));
        // Past the capture of the test harness, which would keep it until the end.
        writeln!(std::io::stdout(), "\nstored {seq}").unwrap();
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_engine_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stores::embedded::tests::an_engine_that_is_going_to_be_killed"])
        .args(["--ignored", "--nocapture"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", dir.path().display()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stored = 0;
    for line in lines.map_while(Result::ok) {
        let Some(seq) = line.strip_prefix("stored ") else { continue };
        // The pipe may end in the middle of the last number.
        stored = seq.parse::<u64>().unwrap().max(stored);
        if stored == 100 {
            let refused = open(dir.path(), BEGIN).unwrap_err();
            assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(stored >= 100, "the child stored {stored} turns");
    let store = open(dir.path(), BEGIN).unwrap();
    let record = found(&store).await;
    assert!(record.next_seq > stored, "{stored} stored, {} is next", record.next_seq);
    let expected: Vec<_> = (1..record.next_seq).map(says).collect();
    assert_eq!(record.transcript.turns(), expected);
}
