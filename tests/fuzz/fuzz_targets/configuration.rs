//! `configuration` for libFuzzer: what is checked stands in `tests/fuzz/configuration.rs`.

#![no_main]

#[path = "../configuration.rs"]
mod configuration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| configuration::check(bytes));
