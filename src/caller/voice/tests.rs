use super::{VoiceEvent::Speaking, *};

/// Ten characters a second: a character is 100 ms.
const PACE: Pace = Pace::CharsPerSecond(10.0);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn words(text: &str, last: bool) -> Piece {
    Piece { text: text.to_owned(), last, ..Piece::default() }
}

fn spoken(words: impl Into<String>) -> VoiceEvent {
    VoiceEvent::Played(words.into())
}

fn voice() -> Voice {
    Voice::new(PACE, Played::Sentence)
}

#[test]
fn words_are_heard_one_after_the_other_at_the_pace_of_the_voice() {
    let mut voice = voice();
    voice.push(ms(0), words("Hello there, ", false));
    voice.push(ms(10), words("caller.", true));
    for (now, heard) in [
        (0, ""),
        (499, ""),
        (500, "Hello"),
        (1_199, "Hello"),
        (1_200, "Hello there,"),
        (1_300, "Hello there, "),
        (1_999, "Hello there, "),
        (2_000, "Hello there, caller."),
        (9_000, "Hello there, caller."),
    ] {
        voice.advance(ms(now));
        assert_eq!(voice.heard(ms(now)), heard, "at {now} ms");
    }
    assert!(voice.is_quiet());
}

#[test]
fn the_next_wake_up_is_the_end_of_a_word_or_of_the_silence() {
    let mut voice = voice();
    assert_eq!(voice.wakes_at(ms(0)), None);
    voice.push(ms(0), words("ab cd", false));
    for (now, next) in [(0, 200), (200, 500), (499, 500), (500, 1_000), (999, 1_000)] {
        voice.advance(ms(now));
        assert_eq!(voice.wakes_at(ms(now)), Some(ms(next)), "at {now} ms");
    }
    voice.advance(ms(1_000));
    assert_eq!(voice.wakes_at(ms(1_000)), None);
    assert!(!voice.is_speaking() && !voice.is_quiet(), "the cycle is still open");
}

#[test]
fn events_frame_the_speech_and_report_sentences() {
    let mut voice = voice();
    voice.push(ms(0), words("One", false));
    assert_eq!(voice.take_events(), [Speaking(true)]);
    voice.push(ms(0), words(". Tw", false));
    voice.push(ms(0), words("o.", false));
    voice.push(ms(0), words("", true));
    voice.advance(ms(899));
    assert_eq!(voice.take_events(), []);
    voice.advance(ms(900));
    assert_eq!(voice.take_events(), [spoken("One. Two."), Speaking(false)]);
}

#[test]
fn events_can_follow_every_frame() {
    let mut voice = Voice::new(Pace::Instant, Played::Frame);
    voice.push(ms(5), words("One ", false));
    voice.push(ms(5), words("two", true));
    assert_eq!(
        voice.take_events(),
        [Speaking(true), spoken("One "), spoken("two"), Speaking(false)]
    );
    assert_eq!(voice.heard(ms(5)), "One two");
}

#[test]
fn a_short_gap_between_tokens_is_no_silence() {
    let mut voice = voice();
    voice.push(ms(0), words("Hm", false));
    voice.advance(ms(600));
    voice.push(ms(600), words(" yes", true));
    voice.advance(ms(1_000));
    let played = spoken("Hm yes");
    assert_eq!(voice.take_events(), [Speaking(true), played, Speaking(false)]);
}

#[test]
fn an_interrupt_tells_the_whole_words_spoken_and_for_how_long() {
    for (now, utterance) in [
        (100, ""),
        (350, "One"),
        (750, "One two"),
        (1_390, "One two three"),
        (1_850, "One two three four"),
    ] {
        let mut voice = voice();
        voice.push(ms(0), words("One two ", false));
        voice.push(ms(1), words("three four five", false));
        let cut = voice.interrupt(ms(now), false);
        assert_eq!(cut, Some(Cut { utterance: utterance.to_owned(), after: ms(now) }));
        assert_eq!(voice.heard(ms(9_000)).trim_end(), utterance, "nothing is said afterwards");
        assert!(voice.is_quiet());
    }
}

#[test]
fn only_the_cycle_that_is_heard_counts_as_the_interrupted_utterance() {
    let mut voice = voice();
    voice.push(ms(0), words("Welcome.", true));
    voice.push(ms(0), words("How can I help?", true));
    let cut = voice.interrupt(ms(1_550), false).unwrap();
    assert_eq!(cut, Cut { utterance: "How can".to_owned(), after: ms(750) });
    assert_eq!(voice.heard(ms(1_550)), "Welcome.\nHow can");
}

#[test]
fn a_cycle_cut_before_its_first_word_was_not_heard_at_all() {
    let mut voice = voice();
    voice.push(ms(0), words("Welcome.", true));
    voice.push(ms(0), words("How can I help?", true));
    let cut = voice.interrupt(ms(900), false).unwrap();
    assert_eq!(cut, Cut { utterance: String::new(), after: ms(100) });
    assert_eq!(voice.heard(ms(900)), "Welcome.");
}

#[test]
fn a_silent_voice_cannot_be_interrupted() {
    let mut voice = voice();
    assert_eq!(voice.interrupt(ms(0), false), None);
    voice.push(ms(0), words("Hi", true));
    assert_eq!(voice.interrupt(ms(200), false), None);
}

#[test]
fn the_caller_can_cut_in_before_a_word_of_a_fast_voice_is_followed_by_the_next() {
    let mut voice = Voice::new(Pace::Instant, Played::Sentence);
    voice.push(ms(0), words("One two", false));
    let cut = voice.interrupt(ms(40), false).unwrap();
    assert_eq!(cut, Cut { utterance: "One two".to_owned(), after: ms(40) });
}

#[test]
fn interruptible_decides_what_cuts() {
    for (by, by_speech, by_key) in [
        (By::None, false, false),
        (By::Dtmf, false, true),
        (By::Speech, true, false),
        (By::Any, true, true),
    ] {
        for (key, allowed) in [(false, by_speech), (true, by_key)] {
            let mut voice = voice();
            voice.push(ms(0), Piece { interruptible: by, ..words("Listen to me", true) });
            assert_eq!(voice.interrupt(ms(100), key).is_some(), allowed, "{by:?}, key {key}");
        }
    }
}

#[test]
fn a_preemptible_cycle_gives_way_to_the_next_one() {
    let mut voice = voice();
    voice.push(ms(0), Piece { preemptible: true, ..words("One moment please", true) });
    voice.push(ms(550), words("Done.", true));
    voice.advance(ms(1_050));
    assert_eq!(voice.heard(ms(1_050)), "One\nDone.");
    assert!(voice.is_quiet());
}

#[test]
fn tokens_of_one_cycle_do_not_preempt_each_other() {
    let mut voice = voice();
    for token in ["One ", "moment ", "please"] {
        voice.push(ms(0), Piece { preemptible: true, ..words(token, token == "please") });
    }
    voice.advance(ms(5_000));
    assert_eq!(voice.heard(ms(5_000)), "One moment please");
}

#[test]
fn an_empty_terminator_of_a_silent_voice_makes_no_sound() {
    let mut voice = voice();
    voice.push(ms(0), words("", true));
    assert_eq!(voice.take_events(), []);
    assert!(voice.is_quiet());
}

#[test]
fn an_audio_file_takes_its_time() {
    let mut voice = voice();
    voice.play(ms(0), 2, Piece::default());
    voice.advance(ms(3_999));
    assert!(voice.is_speaking());
    voice.advance(ms(4_000));
    assert!(voice.is_quiet());
}
