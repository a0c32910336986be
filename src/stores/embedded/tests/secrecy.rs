//! What is in the file: nothing readable with keys, and nothing at all of what was erased.

use std::fs;

use redb::ReadableTable;
use switchhook_actors::domain::{
    escalation::{Escalation, Grounds, ReasonCode},
    ids::EscalationId,
};

use super::*;

const CALLER: &str = "+15557770001";
const PHRASES: [&str; 5] = [
    CALLER,
    "my mother is Hortensia",
    "we keep marmalade",
    "lost a zeppelin",
    "<Say>Umbrella</Say>",
];

fn second() -> CallSid {
    format!("CA{:032x}", 8).parse().unwrap()
}

/// A call in which every phrase is said, written or answered.
async fn confide(store: &Embedded, sid: CallSid) {
    let call = NewCall {
        sid,
        caller: CALLER.into(),
        called: "+15550002222".into(),
        greeting: None,
        at: BEGIN,
    };
    store.open(call).await.unwrap();
    store.claim(sid, InstanceId("a".into()), BEGIN).await.unwrap();
    let epoch = FIRST;
    for (seq, role, words) in [(1, Role::Customer, PHRASES[1]), (2, Role::Agent, PHRASES[2])] {
        let turn = Turn::new(TurnId(1), role, words, BEGIN);
        assert_eq!(store.append(sid, epoch, seq, turn.clone()).await, Ok(Appended::Appended));
        let turn = Turn { at: BEGIN + 1, ..turn };
        let late = LateTurn { instance: InstanceId("b".into()), epoch, seq: 9, turn };
        assert_eq!(store.add_late(sid, vec![late]).await, Ok(true));
    }
    let id = EscalationId { call: sid, number: 1 };
    let grounds = Grounds::new(ReasonCode::CallerAsked, PHRASES[3]);
    let escalation = Box::new(Escalation::new(id, grounds, BEGIN));
    store.settle(sid, epoch, Change::Escalated { escalation }, BEGIN).await.unwrap();
    store.remember(sid, "k".into(), PHRASES[4].into(), BEGIN, 1_000_000).await.unwrap();
}

/// Which phrases can be read in the directory's files.
fn readable(dir: &Path) -> Vec<&'static str> {
    let files = fs::read_dir(dir).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let all: Vec<u8> = files.flatten().collect();
    PHRASES.into_iter().filter(|phrase| contains(&all, phrase.as_bytes())).collect()
}

fn contains(all: &[u8], wanted: &[u8]) -> bool {
    all.windows(wanted.len()).any(|window| window == wanted)
}

/// The wrapped key of a call.
fn wrapped(dir: &Path, sid: CallSid) -> Vec<u8> {
    let database = Database::create(dir.join(FILE)).unwrap();
    let read = redb::ReadableDatabase::begin_read(&database).unwrap();
    read.open_table(tables::KEYS).unwrap().get(sid.as_str()).unwrap().unwrap().value().to_vec()
}

#[tokio::test]
async fn nothing_of_a_call_is_readable_in_the_file_where_there_are_keys() {
    for (keys, wanted) in [(vault(&[]), PHRASES.to_vec()), (vault(&["a"]), vec![])] {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(dir.path(), keys, BEGIN).unwrap();
        confide(&store, sid()).await;
        assert_eq!(readable(dir.path()), wanted);
        let record = found(&store).await;
        assert_eq!((record.caller.as_str(), record.late.len()), (CALLER, 1));
        assert_eq!(record.transcript.turns()[1].text, PHRASES[2]);
        let reply = store.answered(sid(), "k".into(), BEGIN).await;
        assert_eq!(reply, Ok(Some(PHRASES[4].into())));
        store.close().await;
        assert_eq!(readable(dir.path()), wanted);
    }
}

#[tokio::test]
async fn after_an_erasure_neither_key_nor_words_are_in_the_file() {
    for (keys, by_number) in [(vault(&[]), false), (vault(&["a"]), false), (vault(&["a"]), true)] {
        let dir = tempfile::tempdir().unwrap();
        let open = || Embedded::open(dir.path(), keys.clone(), BEGIN).unwrap();
        let store = open();
        claimed(&store).await;
        confide(&store, second()).await;
        store.append(sid(), FIRST, 1, says(1)).await.unwrap();
        store.close().await;
        let key = keys.fresh(sid()).1.is_empty().then(Vec::new);
        let key = key.unwrap_or_else(|| wrapped(dir.path(), second()));
        let store = open();
        if by_number {
            assert_eq!(store.erase_caller(CALLER.into()).await, Ok(1));
        } else {
            assert_eq!(store.erase(second()).await, Ok(true));
        }
        store.close().await;
        assert_eq!(readable(dir.path()), [""; 0]);
        let file = fs::read(dir.path().join(FILE)).unwrap();
        assert!(key.is_empty() || !contains(&file, &key));
        assert!(!contains(&file, second().as_str().as_bytes()));
        let store = open();
        assert_eq!(found(&store).await.transcript.turns(), [says(1)]);
        assert_eq!(store.append(sid(), FIRST, 2, says(2)).await, Ok(Appended::Appended));
    }
}

#[tokio::test]
async fn the_file_that_is_written_anew_is_used_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap();
    claimed(&store).await;
    confide(&store, second()).await;
    assert_eq!(store.erase(second()).await, Ok(true));
    store.flush().await.unwrap();
    assert_eq!(store.append(sid(), FIRST, 1, says(1)).await, Ok(Appended::Appended));
    assert_eq!(found(&store).await.transcript.turns(), [says(1)]);
    let refused = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap_err();
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    assert!(!compaction::beside(&dir.path().join(FILE)).exists());
}

#[tokio::test]
async fn a_journal_that_was_copied_back_leaves_nothing_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), vault(&[]), BEGIN).unwrap();
    confide(&store, sid()).await;
    confide(&store, second()).await;
    assert_eq!(store.discard(sid()).await, Ok(true));
    assert_eq!(store.discard(second()).await, Ok(true));
    store.flush().await.unwrap();
    assert_eq!(readable(dir.path()), [PHRASES[4]]);
    // Twilio may repeat a webhook still; after that, or with the call, the reply goes as well.
    let reply = |sid| store.answered(sid, "k".into(), BEGIN);
    assert_eq!(reply(sid()).await, Ok(Some(PHRASES[4].into())));
    assert_eq!(store.erase(sid()).await, Ok(false));
    assert_eq!(reply(sid()).await, Ok(None));
    let sweep = Sweep { attended: vec![], now: BEGIN + 1_000_000, silence: 1, retention: 1 };
    store.sweep(sweep).await.unwrap();
    assert_eq!(reply(second()).await, Ok(None));
    store.close().await;
    let store = Embedded::open(dir.path(), vault(&[]), BEGIN).unwrap();
    store.close().await;
    assert_eq!(readable(dir.path()), [""; 0]);
}

#[tokio::test]
async fn a_flipped_byte_is_an_error_and_never_wrong_text() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap();
    confide(&store, sid()).await;
    store.close().await;
    let flip = |at: usize| {
        let database = Database::create(dir.path().join(FILE)).unwrap();
        let write = database.begin_write().unwrap();
        let place = (sid().to_string(), 1);
        let place = (place.0.as_str(), place.1);
        let mut value =
            write.open_table(tables::TURNS).unwrap().get(place).unwrap().unwrap().value().to_vec();
        let length = value.len();
        value[at % length] ^= 1;
        write.open_table(tables::TURNS).unwrap().insert(place, value.as_slice()).unwrap();
        write.commit().unwrap();
        length
    };
    let length = flip(0);
    flip(0);
    for at in (0..length).step_by(7) {
        flip(at);
        let store = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap();
        let read = store.find(Key::Sid(sid())).await;
        let Err(StoreError::Unreadable(why)) = read else { panic!("byte {at} was read: {read:?}") };
        assert!(why.contains("damaged"), "{why}");
        store.close().await;
        flip(at);
    }
}

#[tokio::test]
async fn a_rotation_wraps_keys_anew_and_the_old_one_can_go() {
    let dir = tempfile::tempdir().unwrap();
    let open = |keys: &[&str]| Embedded::open(dir.path(), vault(keys), BEGIN).unwrap();
    let store = open(&["a"]);
    claimed(&store).await;
    confide(&store, second()).await;
    store.close().await;
    let store = open(&["b", "a"]);
    store.claim(sid(), InstanceId("b".into()), BEGIN).await.unwrap();
    store.close().await;
    let named = |sid| wrapped(dir.path(), sid)[2];
    assert_eq!((named(sid()), named(second())), (b'b', b'a'));
    let store = open(&["b", "a"]);
    let sweep = Sweep { attended: vec![], now: BEGIN, silence: 1_000, retention: 1_000 };
    store.sweep(sweep).await.unwrap();
    store.close().await;
    assert_eq!((named(sid()), named(second())), (b'b', b'b'));
    let store = open(&["b"]);
    let record = store.find(Key::Sid(second())).await.unwrap().unwrap();
    assert_eq!(record.transcript.turns()[0].text, PHRASES[1]);
    store.close().await;
    let store = open(&["c"]);
    let refused = store.find(Key::Sid(second())).await;
    assert!(matches!(&refused, Err(StoreError::Unreadable(why)) if why.contains("wrapped by b")));
    // Whose key is lost is erased all the same.
    assert_eq!(store.erase(second()).await, Ok(true));
}

#[tokio::test]
async fn a_file_of_format_1_is_read_and_stays_readable_beside_sealed_calls() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), vault(&[]), BEGIN).unwrap();
    claimed(&store).await;
    store.append(sid(), FIRST, 1, says(1)).await.unwrap();
    store.close().await;
    {
        let database = Database::create(dir.path().join(FILE)).unwrap();
        let write = database.begin_write().unwrap();
        write.delete_table(replies::REPLIES).unwrap();
        write.delete_table(tables::KEYS).unwrap();
        write.open_table(tables::META).unwrap().insert("format", 1).unwrap();
        let old = TableDefinition::<&str, (u64, &str)>::new("replies");
        let name = format!("{} k", sid());
        write.open_table(old).unwrap().insert(name.as_str(), (BEGIN.0 + 9, "old reply")).unwrap();
        write.commit().unwrap();
    }
    let store = Embedded::open(dir.path(), vault(&["a"]), BEGIN).unwrap();
    assert_eq!(store.append(sid(), FIRST, 2, says(2)).await, Ok(Appended::Appended));
    assert_eq!(found(&store).await.transcript.turns(), [says(1), says(2)]);
    assert_eq!(store.answered(sid(), "k".into(), BEGIN).await, Ok(Some("old reply".into())));
    confide(&store, second()).await;
    assert_eq!(readable(dir.path()), [""; 0]);
}

#[tokio::test]
async fn a_live_call_that_cannot_be_read_is_deleted_with_its_retention_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let open = |keys: &[&str]| Embedded::open(dir.path(), vault(keys), BEGIN).unwrap();
    let store = open(&["a"]);
    claimed(&store).await;
    store.close().await;
    let store = open(&["b"]);
    let sweep =
        |now| store.sweep(Sweep { attended: vec![], now, silence: 1_000, retention: 5_000 });
    assert_eq!(sweep(BEGIN).await, Ok(Swept::default()));
    assert_eq!(sweep(BEGIN + 4_999).await, Ok(Swept::default()));
    assert_eq!(sweep(BEGIN + 5_000).await.map(|swept| swept.deleted), Ok(1));
    assert_eq!(store.all().await, Ok(vec![]));
}
