#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authsome::fuzzing::sealed_record(bytes));
