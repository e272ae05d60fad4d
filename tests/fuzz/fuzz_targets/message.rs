//! The target `message` of `bailiwick-targets` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| (bailiwick_targets::target("message").run)(octets));
