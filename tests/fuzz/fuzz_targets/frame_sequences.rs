//! `frame_sequences` for libFuzzer: what is checked stands in `tests/fuzz/frame_sequences.rs`.

#![no_main]

#[path = "../frame_sequences.rs"]
mod frame_sequences;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frame_sequences::check(bytes));
