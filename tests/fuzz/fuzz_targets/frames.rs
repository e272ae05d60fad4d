//! The target `frames` of `bailiwick-targets` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| (bailiwick_targets::target("frames").run)(octets));
