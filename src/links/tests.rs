use super::*;
use crate::config::Config;

const NOW: Timestamp = Timestamp(1_792_000_000_123);
const KEYS: [&str; 2] = [
    "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "2026-11.b_c:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
];

fn sid() -> CallSid {
    "CA0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn links(keys: &[&str]) -> Links {
    let pairs = match keys {
        [] => Vec::new(),
        keys => vec![("LINK_KEYS".to_owned(), keys.join(","))],
    };
    Links::new(&Config::from_pairs(pairs).unwrap().store.link_keys, "https://calls.example")
}

/// The query of a fresh link.
fn query(keys: &[&str]) -> String {
    links(keys).link(sid(), NOW).unwrap().split_once('?').unwrap().1.to_owned()
}

#[test]
fn a_link_has_the_documented_form() {
    let link = links(&KEYS).link(sid(), NOW).unwrap();
    // printf 'GET\n/api/transcript/CA…\n1792086400' | openssl dgst -sha256 -mac HMAC
    //   -macopt hexkey:00… -binary | base64, in the URL's alphabet
    let expected = "https://calls.example/api/transcript/CA0123456789abcdef0123456789abcdef\
        ?exp=1792086400&kid=old&sig=cDUUWTtxBD14ylVYP40godIofpkwgjMAeWDopI36-h0";
    assert_eq!(link, expected);
}

#[test]
fn a_link_reads_its_call_for_a_day() {
    let (links, query) = (links(&KEYS), query(&KEYS));
    assert!(links.permits(sid(), &query, NOW));
    assert!(links.permits(sid(), &format!("since=4&{query}&x=y"), NOW));
    assert!(links.permits(sid(), &query, Timestamp(1_792_086_399_999)));
    for late in [1_792_086_400_000, 1_892_086_400_000, u64::MAX] {
        assert!(!links.permits(sid(), &query, Timestamp(late)), "{late}");
    }
}

#[test]
fn a_link_reads_no_other_call() {
    for other in ["CA0123456789abcdef0123456789abcdee", "CA0123456789ABCDEF0123456789abcdef"] {
        assert!(!links(&KEYS).permits(other.parse().unwrap(), &query(&KEYS), NOW), "{other}");
    }
}

#[test]
fn a_link_with_one_bit_changed_anywhere_reads_nothing() {
    let (links, query) = (links(&KEYS), query(&KEYS));
    for at in 0..query.len() {
        for bit in 0..7 {
            let mut bytes = query.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!links.permits(sid(), &changed, NOW), "{changed}");
        }
    }
}

#[test]
fn a_link_without_one_of_its_parts_or_with_one_twice_reads_nothing() {
    let (links, query) = (links(&KEYS), query(&KEYS));
    let parts: Vec<&str> = query.split('&').collect();
    for part in &parts {
        let others: Vec<&str> = parts.iter().copied().filter(|other| other != part).collect();
        assert!(!links.permits(sid(), &others.join("&"), NOW), "without {part}");
        assert!(!links.permits(sid(), &format!("{query}&{part}"), NOW), "{part} twice");
    }
    assert!(!links.permits(sid(), "", NOW));
}

#[test]
fn keys_can_be_rotated() {
    let [old, new] = KEYS;
    let by_old = query(&[old]);
    for keys in [&[old][..], &[old, new], &[new, old]] {
        assert!(links(keys).permits(sid(), &by_old, NOW), "{keys:?}");
    }
    assert!(query(&[new, old]).contains("&kid=2026-11.b_c&"), "the first signs");
    assert!(links(&[old, new]).permits(sid(), &query(&[new, old]), NOW), "all check");
    assert!(!links(&[new]).permits(sid(), &by_old, NOW), "a key that is gone");
    let renamed = new.replace("2026-11.b_c", "old");
    assert!(!links(&[&renamed]).permits(sid(), &by_old, NOW), "another key of that name");
}

#[test]
fn without_keys_there_are_no_links() {
    assert_eq!(links(&[]).link(sid(), NOW), None);
    assert!(!links(&[]).permits(sid(), &query(&KEYS), NOW));
}

#[test]
fn a_log_shows_no_key() {
    let said = format!("{:?}", links(&KEYS));
    assert_eq!(said, r#"Links { keys: ["old", "2026-11.b_c"], .. }"#);
}
