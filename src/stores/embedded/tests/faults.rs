//! A disk that fails, a queue that is full, an operation that panics.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
};

use futures_util::future::join_all;
use redb::{Database, StorageBackend};

use super::*;

/// What the test does to the disk, and sees of it.
#[derive(Debug, Default)]
struct FaultyDisk {
    broken: AtomicBool,
    syncs: AtomicUsize,
    /// Opening panics, as nothing ever should.
    cursed: AtomicBool,
}

#[derive(Debug)]
struct FaultyFile(File, Arc<FaultyDisk>);

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|about| about.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        if self.1.broken.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.sync_data()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
}

/// A store on a disk that can be broken. The file goes with the directory.
fn on_a_faulty_disk() -> (Embedded, Arc<FaultyDisk>, tempfile::TempDir) {
    let (disk, dir) = (Arc::new(FaultyDisk::default()), tempfile::tempdir().unwrap());
    let (shared, path) = (Arc::clone(&disk), dir.path().join(FILE));
    let opener = move || {
        assert!(!shared.cursed.load(Ordering::SeqCst), "the disk is cursed");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = FaultyFile(file.unwrap(), Arc::clone(&shared));
        let unreadable = |why: &dyn fmt::Display| OpenError::Unreadable {
            path: path.clone(),
            why: why.to_string(),
        };
        let database =
            Database::builder().create_with_backend(file).map_err(|error| unreadable(&error))?;
        tables::prepare(&database).map_err(|trouble| unreadable(&trouble))?;
        Ok(database)
    };
    let home = Disk { open: Box::new(opener), file: None };
    (Embedded::on_disk(home, Vault::new(&[]), BEGIN).unwrap(), disk, dir)
}

/// Stops the store's thread; resolves when it stands still. Dropping the sender lets it go on.
async fn halt(store: &Embedded) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (halted, halt) = tokio::sync::oneshot::channel();
    let mut halted = Some(halted);
    drop(store.ask(move |_| {
        if let Some(halted) = halted.take() {
            halted.send(()).unwrap();
        }
        let _ = released.recv();
        Ok(())
    }));
    halt.await.unwrap();
    release
}

#[tokio::test]
async fn a_failed_commit_is_told_and_leaves_no_trace_in_memory() {
    let (store, disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    let position = store.follow(None).await.unwrap().position;
    disk.broken.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let appends = [1, 2].map(|seq| store.append(sid(), FIRST, seq, says(seq)));
        for answer in join_all(appends).await {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        assert_eq!(store.live().await.unwrap()[0].turns, 0);
    }
    assert!(store.is_alive() && store.is_failing());

    disk.broken.store(false, Ordering::SeqCst);
    // It finds out by itself, though nobody asks.
    while store.is_failing() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Whether the first landed was not known, so it is repeated under the same number.
    let repeated = store.append(sid(), FIRST, 1, says(1)).await.unwrap();
    assert!(matches!(repeated, Appended::Appended | Appended::Duplicate), "{repeated:?}");
    assert_eq!(found(&store).await.transcript.get(TurnId(1), Role::Customer), Some(&says(1)));
    assert_eq!(store.live().await.unwrap()[0].turns, found(&store).await.transcript.turns().len());
    let feed = store.follow(Some(position)).await.unwrap();
    assert!(matches!(feed.news, News::Snapshot(_)), "events may have been missed");
}

#[tokio::test]
async fn many_writes_share_a_commit() {
    let (store, disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    let release = halt(&store).await;
    let before = disk.syncs.load(Ordering::SeqCst);
    let appends: Vec<_> = (1..=200).map(|seq| store.append(sid(), FIRST, seq, says(seq))).collect();
    drop(release);
    assert!(join_all(appends).await.iter().all(|answer| *answer == Ok(Appended::Appended)));
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!((1..=4).contains(&syncs), "{syncs} syncs for 200 writes");
}

#[tokio::test]
async fn a_turn_saves_its_call_from_the_sweep_behind_it() {
    let (store, _disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    let release = halt(&store).await;
    let now = BEGIN + 1_000;
    let appended = store.append(sid(), FIRST, 1, Turn { at: now, ..says(1) });
    let sweep = Sweep { attended: vec![], now, silence: 1_000, retention: 1_000 };
    let swept = store.sweep(sweep);
    drop(release);
    assert_eq!(swept.await, Ok(Swept::default()));
    assert_eq!(appended.await, Ok(Appended::Appended));
    assert_eq!(store.live().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_behind_says_so_at_once() {
    let (store, _disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    let release = halt(&store).await;
    let waiting: Vec<_> = (0..writer::QUEUE).map(|_| store.flush()).collect();
    // Answered although the thread stands still.
    let refused = store.append(sid(), FIRST, 1, says(1)).await.unwrap_err();
    assert!(refused.to_string().contains("is behind"), "{refused}");
    // Lists do not wait for the disk.
    assert_eq!(store.live().await.unwrap().len(), 1);
    drop(release);
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!(store.append(sid(), FIRST, 1, says(1)).await, Ok(Appended::Appended));
}

#[tokio::test]
async fn a_panic_is_the_failure_of_one_asker() {
    let (store, _disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    let release = halt(&store).await;
    let before = store.append(sid(), FIRST, 1, says(1));
    let panicked = store.ask(|round| -> Result<(), Trouble> {
        // What it has written by then must not stay.
        round.append(sid(), FIRST, 2, &says(9)).unwrap();
        panic!("a fault in an operation");
    });
    let after = store.append(sid(), FIRST, 2, says(2));
    drop(release);
    assert_eq!(before.await, Ok(Appended::Appended));
    assert!(matches!(panicked.await, Err(StoreError::Unavailable(_))));
    assert_eq!(after.await, Ok(Appended::Appended));
    assert_eq!(found(&store).await.transcript.turns(), [says(1), says(2)]);
    assert_eq!(store.live().await.unwrap()[0].turns, 2);
    assert!(store.is_alive());
}

#[tokio::test]
async fn a_dead_thread_is_seen_and_every_later_operation_refused() {
    let (store, disk, _dir) = on_a_faulty_disk();
    claimed(&store).await;
    disk.broken.store(true, Ordering::SeqCst);
    disk.cursed.store(true, Ordering::SeqCst);
    // The first finds the disk broken; a moment later the file is opened again.
    for seq in [1, 1, 1] {
        let answer = store.append(sid(), FIRST, seq, says(seq)).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    store.ended.clone().changed().await.unwrap_err();
    assert!(!store.is_alive());
    assert!(matches!(store.find(Key::Sid(sid())).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.follow(None).await, Err(StoreError::Unavailable(_))));
    store.close().await;
}
