//! The target `rdata_wire` of `bailiwick-targets` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| (bailiwick_targets::target("rdata_wire").run)(octets));
