use proptest::prelude::*;

use super::*;

/// The events of a stream that comes in these pieces, and the fault that ended it, if any.
fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Result<(), SseError>) {
    let mut parser = SseParser::new();
    let mut events = Vec::new();
    let mut on_event = |data: &str| events.push(data.to_owned());
    for piece in pieces {
        if let Err(error) = parser.push(piece, &mut on_event) {
            return (events, Err(error));
        }
    }
    parser.end(&mut on_event);
    (events, Ok(()))
}

#[track_caller]
fn assert_events(stream: &[u8], events: &[&str]) {
    let (whole, result) = parse([stream]);
    assert_eq!(result, Ok(()), "{}", stream.escape_ascii());
    assert_eq!(whole, events, "{}", stream.escape_ascii());
    let (single, result) = parse(stream.chunks(1));
    assert_eq!(result, Ok(()), "byte by byte: {}", stream.escape_ascii());
    assert_eq!(single, events, "byte by byte: {}", stream.escape_ascii());
}

#[test]
fn every_line_end_of_the_format_ends_a_line() {
    assert_events(b"data: a\n\ndata: b\n\n", &["a", "b"]);
    assert_events(b"data: a\r\rdata: b\r\r", &["a", "b"]);
    assert_events(b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
    assert_events(b"data: a\r\n\ndata: b\n\r\n", &["a", "b"]);
}

#[test]
fn a_crlf_is_one_line_end() {
    assert_events(b"data: a\r\ndata: b\r\n\r\n", &["a\nb"]);
}

#[test]
fn several_data_lines_are_one_event_of_several_lines() {
    assert_events(b"data: a\ndata:\ndata:  b\n\n", &["a\n\n b"]);
}

#[test]
fn the_space_after_the_colon_is_optional() {
    assert_events(b"data:a\n\ndata: b\n\ndata:  c\n\n", &["a", "b", " c"]);
}

#[test]
fn a_data_field_without_a_value_is_an_empty_event() {
    assert_events(b"data\n\ndata:\n\n", &["", ""]);
}

#[test]
fn what_is_not_data_is_passed_over() {
    assert_events(
        b": ping\n\nevent: x\nid: 7\nretry: 10\ndata: a\nunknown\ndatabase: b\n Data: c\n\n\n\n",
        &["a"],
    );
}

#[test]
fn a_byte_order_mark_opens_the_stream_only() {
    assert_events(b"\xEF\xBB\xBFdata: a\n\n", &["a"]);
    assert_events(b"data: a\n\n\xEF\xBB\xBFdata: b\n\n", &["a"]);
    assert_events(b"\xEF\xBB\xBF\ndata: a\n\n", &["a"]);
}

#[test]
fn an_event_without_its_blank_line_counts_but_half_a_line_does_not() {
    assert_events(b"data: a\n\ndata: [DONE]\n", &["a", "[DONE]"]);
    assert_events(b"data: a\n\ndata: {\"cho", &["a"]);
    assert_events(b"", &[]);
}

#[test]
fn a_line_within_a_piece_is_not_copied() {
    let piece = b"data: Gr\xC3\xBC\xC3\x9F Gott\n\n: note\n\ndata: b\n\n".as_slice();
    let mut parser = SseParser::new();
    let mut seen = 0;
    let inside = piece.as_ptr_range();
    parser
        .push(piece, &mut |data| {
            seen += 1;
            assert!(inside.contains(&data.as_ptr()), "{data} was copied");
        })
        .unwrap();
    assert_eq!(seen, 2);
}

#[test]
fn a_line_has_a_bound_whether_it_ends_or_not() {
    let fits = [b"data:".as_slice(), &vec![b'x'; MAX_LINE - 5]].concat();
    let (events, result) = parse([fits.as_slice(), b"\n\n"]);
    assert_eq!((events.len(), result), (1, Ok(())));
    let over = [fits.as_slice(), b"x"].concat();
    assert_eq!(parse([over.as_slice()]).1, Err(SseError::LineTooLong));
    assert_eq!(parse([over.as_slice(), b"\n\n"]).1, Err(SseError::LineTooLong));
    assert_eq!(
        parse([[over.as_slice(), b"\n\n"].concat().as_slice()]).1,
        Err(SseError::LineTooLong)
    );
    assert_eq!(parse(over.chunks(1000)).1, Err(SseError::LineTooLong));
}

#[test]
fn an_event_of_endless_lines_has_a_bound() {
    let line = [b"data:".as_slice(), &vec![b'x'; MAX_LINE / 2], b"\n"].concat();
    let stream = line.repeat(MAX_EVENT / MAX_LINE * 2);
    assert_eq!(parse([stream.as_slice()]).1, Err(SseError::EventTooLong));
    assert_eq!(parse(stream.chunks(777)).1, Err(SseError::EventTooLong));
}

#[test]
fn what_is_not_utf8_is_no_event_stream() {
    let (events, result) = parse([b"data: a\n\ndata: \xFF\n\n".as_slice()]);
    assert_eq!((events, result), (vec!["a".to_owned()], Err(SseError::NotUtf8)));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(b"data: ".to_vec()),
        1 => Just(b"data:".to_vec()),
        1 => Just(b"event: x".to_vec()),
        1 => Just(b": note".to_vec()),
        1 => Just(BOM.to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b"\r".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        4 => Just(b"\n\n".to_vec()),
        4 => "\\PC{0,8}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_events_of_the_whole(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        let whole = parse([stream.as_slice()]);
        prop_assert_eq!(&parse(pieces), &whole);
        prop_assert_eq!(&parse(stream.chunks(1)), &whole);
    }
}
