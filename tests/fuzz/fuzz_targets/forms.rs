//! `forms` for libFuzzer: what is checked stands in `tests/fuzz/forms.rs`.

#![no_main]

#[path = "../forms.rs"]
mod forms;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| forms::check(bytes));
