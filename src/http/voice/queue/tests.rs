use super::*;

fn persona() -> Persona {
    Persona::parse(include_str!("../../../../deploy/personas/owl-bank.md")).unwrap()
}

fn waiting(waited: u64, position: Option<u32>, average: Option<u64>) -> Waiting {
    let sid = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
    Waiting {
        sid,
        call_status: crate::twilio::forms::CallStatus::InProgress,
        position,
        waited: Duration::from_secs(waited),
        average: average.map(Duration::from_secs),
        key: None,
    }
}

#[test]
fn a_caller_is_told_their_place_and_an_honest_wait_at_first_and_every_minute() {
    let persona = persona();
    let at = |waited, position, average| words(&persona, &waiting(waited, position, average), true);
    let first = at(0, Some(3), Some(240));
    assert_eq!(
        first[1..3],
        ["Your place in the line is number 3.", "It should take less than five minutes."]
    );
    assert_eq!(first.len(), 5, "{first:?}");
    assert_eq!(at(30, Some(3), Some(240)).len(), 1, "talk alone");
    assert_eq!(at(60, Some(2), Some(240)).len(), 5);
    let longer = at(300, Some(1), Some(240));
    assert!(
        !longer.iter().any(|words| words.contains("minutes")),
        "nothing is made up: {longer:?}"
    );
    assert_eq!(at(0, None, None).len(), 3, "what is not known is not told");
}

#[test]
fn the_talk_varies_and_offers_only_what_there_is() {
    let persona = persona();
    let talk: Vec<_> =
        [0, 9, 19, 26].map(|at| words(&persona, &waiting(at, None, None), true)[0].clone()).into();
    assert!(talk.windows(2).all(|pair| pair[0] != pair[1]), "{talk:?}");
    let keys = words(&persona, &waiting(0, None, None), false);
    assert!(!keys.iter().any(|words| words.contains("press 1")), "{keys:?}");
    assert!(keys.iter().any(|words| words.contains("press 2")));
}
