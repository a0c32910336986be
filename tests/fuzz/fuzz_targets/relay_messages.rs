//! `relay_messages` for libFuzzer: what is checked stands in `tests/fuzz/relay_messages.rs`.

#![no_main]

#[path = "../relay_messages.rs"]
mod relay_messages;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| relay_messages::check(bytes));
