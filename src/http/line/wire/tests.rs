use proptest::prelude::*;

use super::*;

/// A masked frame, as clients send it.
fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(fin, opcode, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

fn head(fin: bool, opcode: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// What passes of these bytes, in pieces of this size, and what is refused.
fn passed(bytes: &[u8], piece: usize) -> (usize, Option<Refusal>) {
    let now = Instant::now();
    let mut wire = Wire::new(now);
    let mut passed = 0;
    for piece in bytes.chunks(piece) {
        passed += wire.follow(piece, now);
        if wire.refused().is_some() {
            break;
        }
    }
    (passed, wire.refused())
}

#[test]
fn a_frame_that_announces_a_gigabyte_is_refused_by_its_head() {
    let hello = frame(true, 1, b"hello");
    for length in [MESSAGE_MAX as u64 + 1, 1 << 30, u64::MAX] {
        let bytes = [hello.clone(), head(true, 1, length), vec![0; 4_096]].concat();
        // What came before it is heard.
        assert_eq!(passed(&bytes, usize::MAX), (hello.len(), Some(Refusal::Oversize)), "{length}");
        let bytewise = passed(&bytes, 1);
        assert!(bytewise.0 <= hello.len() + HEAD_MAX && bytewise.1 == Some(Refusal::Oversize));
    }
    let longest = frame(true, 1, &vec![0; MESSAGE_MAX]);
    assert_eq!(passed(&longest, 1_000), (longest.len(), None));
}

#[test]
fn fragments_count_together_and_control_frames_between_them_do_not() {
    let half = vec![0; MESSAGE_MAX / 2];
    let whole = [
        frame(false, 1, &half),
        frame(true, 9, b"are you there"),
        frame(false, 0, &half),
        frame(true, 0, b""),
        frame(true, 1, b"the next message"),
    ];
    let bytes = whole.concat();
    assert_eq!(passed(&bytes, 777), (bytes.len(), None));
    let over = [frame(false, 1, &half), frame(false, 0, &half), head(true, 0, 1)].concat();
    assert_eq!(passed(&over, 777).1, Some(Refusal::Oversize));
}

#[test]
fn what_the_protocol_does_not_have_is_refused_before_its_payload() {
    let unmasked = vec![0x81, 0x05, b'h', b'e', b'l', b'l', b'o'];
    let reserved = vec![0xc1, 0x80, 0, 0, 0, 0];
    let long_ping = [vec![0x89, 0x80 | 127], (1_u64 << 40).to_be_bytes().to_vec()].concat();
    for bytes in
        [unmasked, reserved, long_ping, head(false, 9, 1), head(true, 3, 1), head(true, 11, 1)]
    {
        for piece in [1, usize::MAX] {
            assert_eq!(passed(&bytes, piece).1, Some(Refusal::Protocol), "{bytes:?}");
        }
    }
}

#[test]
fn every_frame_counts_and_those_before_the_flood_are_heard() {
    for opcode in [1, 9, 10] {
        let one = frame(true, opcode, b"{}");
        let bytes = one.repeat(10_000);
        assert_eq!(passed(&bytes, 1_500), (550 * one.len(), Some(Refusal::Flood)));
    }
}

#[test]
fn a_message_that_trickles_in_is_unfinished_until_its_last_byte() {
    let begun = Instant::now();
    let later = |seconds| begun + Duration::from_secs(seconds);
    let mut wire = Wire::new(begun);
    assert_eq!(wire.unfinished(later(9)), None);
    let bytes = [frame(false, 1, b"a"), frame(true, 10, b""), frame(true, 0, b"bc")].concat();
    for (second, byte) in (0..).zip(&bytes) {
        assert_eq!(wire.follow(&[*byte], later(second)), 1);
        let last = second + 1 == bytes.len() as u64;
        assert_eq!(wire.unfinished(later(second)), (!last).then(|| Duration::from_secs(second)));
    }
    assert_eq!(wire.refused(), None);
}

fn any_frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![0_usize..200, 30_000_usize..70_000];
    let one =
        (any::<bool>(), prop_oneof![Just(0_u8), Just(1), Just(2), 8_u8..11, 0_u8..16], payload);
    let frames = one.prop_map(|(fin, opcode, length)| frame(fin, opcode, &vec![b'x'; length]));
    prop::collection::vec(frames, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn how_the_bytes_were_cut_changes_nothing(bytes in any_frames(), piece in 1_usize..5_000) {
        let (whole, refused) = passed(&bytes, usize::MAX);
        let (pieces, same) = passed(&bytes, piece);
        prop_assert_eq!(refused, same);
        // A head that came in pieces has passed in part.
        prop_assert!(pieces >= whole && pieces < whole + HEAD_MAX);
    }

    #[test]
    fn noise_is_followed_without_trouble(bytes in any::<Vec<u8>>(), piece in 1_usize..64) {
        let (passed, _) = passed(&bytes, piece);
        prop_assert!(passed <= bytes.len());
    }
}
