//! `persona_file` for libFuzzer: what is checked stands in `tests/fuzz/persona_file.rs`.

#![no_main]

#[path = "../persona_file.rs"]
mod persona_file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persona_file::check(bytes));
