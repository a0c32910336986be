//! `answer_streams` for libFuzzer: what is checked stands in `tests/fuzz/answer_streams.rs`.

#![no_main]

#[path = "../answer_streams.rs"]
mod answer_streams;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| answer_streams::check(bytes));
