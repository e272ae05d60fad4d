//! Tests by RFC and section: what the standards say of answering. One file an RFC, or one for a few
//! that belong together; the name of a test begins with the section.
//!
//! What another test already proves is named here and not repeated. `answer/` is `host/answer/tests/`,
//! `server/` is `host/server/tests/`; the files beside this one have no folder.
//!
//! | RFC | where |
//! |---|---|
//! | 1034, 1035 | `rfc1035.rs`; `answer/answers.rs`, `answer/referrals.rs`, `answer/header.rs`; master files: `host/zone/src/master/tests.rs` |
//! | 1123 6.1 | both transports: `server/tcp.rs` (`both_transports_give_the_same_answer`) |
//! | 1982 | `host/zone/src/serial.rs` |
//! | 1995 | `served.rs`, `answer/answers.rs` (`ixfr_over_udp_gets_the_soa`), `host/transfer/src/axfr_out/tests.rs` |
//! | 1996 | `server/udp.rs` (`a_notify_reaches_the_control`), `host/transfer/src/notify.rs`, `tests/interop/primaries.rs` |
//! | 2136 | not served: `served.rs`, `server/udp.rs` (`update_is_not_implemented`) |
//! | 2181 | `rfc2308.rs`; 5, 9: `answer/limits.rs`; 10: `answer/aliases.rs` |
//! | 2308 | `rfc2308.rs`, `answer/answers.rs` |
//! | 3225 | `rfc8906.rs` |
//! | 3596, 8659, 9460 and other types | `host/zone/src/rdata/tests.rs`; additional records: `answer/answers.rs` |
//! | 3597 | `rfc2308.rs`, `host/zone/src/rdata/tests.rs` |
//! | 4033–4035, 6840 | `answer/nsec.rs` (the examples of RFC 4035 appendix B), `tests/interop/signed_zones.rs`, `tests/interop/signed_root.rs` |
//! | 4343 | `rfc4343.rs` |
//! | 4592 | `rfc2308.rs`, `answer/wildcards.rs` |
//! | 4892, 5001 | `rfc5001.rs`, `served.rs` |
//! | 5155, 9276 | `answer/nsec3.rs` |
//! | 5358 | `rfc1035.rs` |
//! | 5936 | `served.rs`, `host/transfer/src/axfr_out/tests.rs`, `server/tcp.rs` |
//! | 6604, 6672 | `answer/aliases.rs` |
//! | 6891, 6895 | `rfc6891.rs`, `rfc1035.rs`, `answer/header.rs` |
//! | 7766, 9210 | `server/tcp.rs` |
//! | 7828, 7830, 8467 | `rfc7828.rs`, `server/options.rs` |
//! | 7873, 9018 | `rfc7873.rs`, `served.rs`; the vectors: `host/answer/src/cookie/tests.rs` |
//! | 8020 | `rfc2308.rs` |
//! | 8482 | `rfc2308.rs`, `answer/answers.rs` |
//! | 8906 | `rfc8906.rs`, `served.rs` |
//! | 8914 | `rfc8914.rs`, `server/tables.rs` |
//! | 8945 | `rfc8945.rs` (no keys are served yet) |
//! | 9077 | `answer/nsec.rs`: the TTL of NSEC is the signer's; it is sent as it is stored |
//! | 9471 | `answer/referrals.rs` |
//! | 9567 | `rfc9567.rs`, `served.rs`, `host/answer/src/report.rs` |
//! | 9619 | `rfc9619.rs`, `answer/header.rs` |
//! | 9660 | `rfc9660.rs` |
//! | 9715 | `answer/limits.rs`, `host/server/src/bind.rs` (`path_mtu_discovery_is_left_out`) |
//!
//! Elsewhere altogether: what peers answer, for every name and type of many zones
//! (`tests/interop/`, `host/answer/tests/ferret.rs`).

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod message;
mod rfc1035;
mod rfc2308;
mod rfc4343;
mod rfc5001;
mod rfc6891;
mod rfc7828;
mod rfc7873;
mod rfc8906;
mod rfc8914;
mod rfc8945;
mod rfc9567;
mod rfc9619;
mod rfc9660;
mod served;
