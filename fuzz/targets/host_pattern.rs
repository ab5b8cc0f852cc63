#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authsome::fuzzing::host_pattern(bytes));
