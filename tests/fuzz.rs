//! What arbitrary input must never do, tried on the committed inputs and on thousands made of them.
//!
//! The checks are the fuzz targets of cargo-fuzz, whose folder this is; the same checks under a
//! fuzzer: `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz -s none TARGET CORPUS
//! tests/fuzz/seeds/TARGET`. An input that broke something goes to `tests/fuzz/seeds/TARGET`, where
//! it is tried for ever after.

#![expect(clippy::expect_used, clippy::panic, reason = "what must not happen fails the test")]

#[path = "fuzz/answer_streams.rs"]
mod answer_streams;
#[path = "fuzz/configuration.rs"]
mod configuration;
#[path = "fuzz/forms.rs"]
mod forms;
#[path = "fuzz/frame_sequences.rs"]
mod frame_sequences;
#[path = "fuzz/inputs.rs"]
mod inputs;
#[path = "fuzz/persona_file.rs"]
mod persona_file;
#[path = "fuzz/relay_messages.rs"]
mod relay_messages;

#[test]
fn any_frame_is_read_and_any_text_is_one_frame() {
    inputs::try_all("relay_messages", relay_messages::check);
}

#[test]
fn any_sequence_of_frames_leaves_a_call_in_order() {
    inputs::try_all("frame_sequences", frame_sequences::check);
}

#[test]
fn an_answer_reads_the_same_however_it_was_cut() {
    inputs::try_all("answer_streams", answer_streams::check);
}

#[test]
fn any_persona_file_is_sound_or_told_what_is_wrong() {
    inputs::try_all("persona_file", persona_file::check);
}

#[test]
fn any_form_is_read_and_only_what_was_signed_is_believed() {
    inputs::try_all("forms", forms::check);
}

#[test]
fn any_environment_is_sound_or_told_what_is_wrong() {
    inputs::try_all("configuration", configuration::check);
}
