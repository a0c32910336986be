use proptest::prelude::*;

use super::*;
use crate::config::Config;

/// A vault of keys with these names.
pub(crate) fn vault(names: &[&str]) -> Vault {
    let key = |name: &&str| {
        let letter = name.bytes().next().map_or('A', char::from);
        format!("{name}:{}A=", letter.to_ascii_uppercase().to_string().repeat(42))
    };
    let list: Vec<_> = names.iter().map(key).collect();
    let pairs = [("TRANSCRIPT_KEYS".to_owned(), list.join(","))];
    let pairs = pairs.into_iter().filter(|(_, list)| !list.is_empty());
    Vault::new(&Config::from_pairs(pairs).unwrap().store.transcript_keys)
}

fn sid(n: u32) -> CallSid {
    format!("CA{n:032x}").parse().unwrap()
}

fn turn(seq: u64, role: Role) -> Place {
    Place::Turn { sid: sid(1), epoch: Epoch(7), seq, role }
}

#[test]
fn what_was_sealed_is_read_in_its_place_and_in_no_other() {
    let (key, _) = vault(&["a"]).fresh(sid(1));
    let sealed = key.seal(&turn(1, Role::Customer), b"my card number");
    assert_eq!(key.open(&turn(1, Role::Customer), &sealed).unwrap(), b"my card number");
    let elsewhere = [
        turn(2, Role::Customer),
        turn(1, Role::Agent),
        Place::Turn { sid: sid(1), epoch: Epoch(8), seq: 1, role: Role::Customer },
        Place::Turn { sid: sid(2), epoch: Epoch(7), seq: 1, role: Role::Customer },
        Place::Late { sid: sid(1), epoch: Epoch(7), seq: 1 },
        Place::Record(sid(1)),
        Place::Reply { sid: sid(1), key: "7 1 customer".into() },
    ];
    for place in elsewhere {
        assert_eq!(key.open(&place, &sealed), Err(SealError::Damaged), "{place:?}");
    }
}

#[test]
fn a_rotation_wraps_the_keys_of_calls_anew_and_leaves_their_words_alone() {
    let (key, wrapped) = vault(&["a"]).fresh(sid(1));
    let sealed = key.seal(&turn(1, Role::Agent), b"hello");
    let both = vault(&["b", "a"]);
    let anew = both.rewrap(sid(1), &wrapped).unwrap().expect("another key is the first now");
    assert_eq!(both.rewrap(sid(1), &anew), Ok(None));
    let key = vault(&["b"]).unwrap(sid(1), &anew).unwrap();
    assert_eq!(key.open(&turn(1, Role::Agent), &sealed).unwrap(), b"hello");
    let gone = vault(&["b"]).unwrap(sid(1), &wrapped).unwrap_err();
    assert_eq!(gone, SealError::UnknownKey("a".into()));
    assert!(both.unwrap(sid(2), &wrapped).is_err(), "a key belongs to its call");
}

#[test]
fn without_keys_a_call_is_kept_readable_and_stays_so() {
    let (key, wrapped) = vault(&[]).fresh(sid(1));
    assert!(wrapped.is_empty());
    assert_eq!(key.seal(&turn(1, Role::Agent), b"hello"), b"hello");
    let key = vault(&["a"]).unwrap(sid(1), &wrapped).unwrap();
    assert_eq!(key.open(&turn(1, Role::Agent), b"hello").unwrap(), b"hello");
    assert_eq!(vault(&["a"]).rewrap(sid(1), &wrapped), Ok(None));
    // A call that has a key takes no readable words.
    let (key, _) = vault(&["a"]).fresh(sid(1));
    assert!(key.open(&turn(1, Role::Agent), br#"{"text":"forged"}"#).is_err());
}

#[test]
fn a_letter_is_read_by_whom_it_was_written_to_and_written_by_who_has_a_key() {
    let place = |id: &str, to: &str| Place::Letter { sid: sid(1), id: id.into(), to: to.into() };
    let sealed = vault(&["a"]).enclose(&place("1", "b"), b"order");
    let rotating = vault(&["b", "a"]);
    assert_eq!(rotating.disclose(&place("1", "b"), &sealed).unwrap(), b"order");
    let other_call = Place::Letter { sid: sid(2), id: "1".into(), to: "b".into() };
    for elsewhere in [place("2", "b"), place("1", "c"), other_call] {
        assert_eq!(rotating.disclose(&elsewhere, &sealed), Err(SealError::Damaged));
    }
    let open = vault(&[]).enclose(&place("1", "b"), b"order");
    assert_eq!(vault(&[]).disclose(&place("1", "b"), &open).unwrap(), b"order");
    assert_eq!(rotating.disclose(&place("1", "b"), &open), Err(SealError::Open));
    for cut in 0..8 {
        assert_eq!(rotating.disclose(&place("1", "b"), &sealed[..cut]), Err(SealError::Damaged));
    }
}

#[test]
fn a_callers_names_do_not_show_the_number_and_depend_on_the_key() {
    let names = vault(&["b", "a"]).caller_names("+15550001111");
    assert_eq!(names.len(), 3);
    assert_eq!(names[2..], vault(&[]).caller_names("+15550001111")[..]);
    assert_eq!(names[1..], vault(&["a"]).caller_names("+15550001111")[..]);
    assert_ne!(names[0], names[1]);
    assert_ne!(vault(&["a"]).caller_names("+15550001112")[0], names[1]);
    assert!(names.iter().all(|name| name.len() == NAME_DIGITS && !name.contains("5550001111")));
    assert_eq!(vault(&[]).caller_names("+1").len(), 1);
}

proptest! {
    #[test]
    fn any_flipped_bit_is_an_error(
        plain in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let vault = vault(&["a"]);
        let (key, wrapped) = vault.fresh(sid(1));
        let place = turn(1, Role::Customer);
        let sealed = key.seal(&place, &plain);
        prop_assert_eq!(key.open(&place, &sealed).unwrap(), plain.clone());
        for (bytes, is_key) in [(sealed, false), (wrapped, true)] {
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] ^= 1 << bit;
            let read = if is_key {
                vault.unwrap(sid(1), &damaged).map(drop)
            } else {
                key.open(&place, &damaged).map(drop)
            };
            prop_assert!(read.is_err());
        }
        let shorter = key.seal(&place, &plain);
        prop_assert!(key.open(&place, &shorter[..at.index(shorter.len())]).is_err());
    }
}
