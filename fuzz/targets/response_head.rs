#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authsome::fuzzing::response_head(bytes));
