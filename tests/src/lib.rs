//! The harness: what the tests that need more than one crate are written with.
//!
//! A test here starts the real program ([`server`]) and, where the point is that others agree,
//! real name servers beside it ([`peers`]): everything on loopback, on ports nobody else has, in a
//! folder that goes away, ended by the process id it was given. Questions are built and answers
//! read by code of this crate ([`wire`], [`client`]) and, once more, by hickory-proto, so that a
//! mistake shared by our encoder and our decoder does not pass for agreement. What counts as the
//! same answer is said in one place ([`compare`]); what zones are tried, in another ([`zones`]).
//!
//! Nothing sleeps to let something happen: [`process::wait_until`] asks until a condition holds or
//! a limit has passed, and says what it was waiting for.

#![allow(
    clippy::unwrap_used,
    reason = "the whole crate is test code; a panic is a failed test"
)]

pub mod agreement;
pub mod client;
pub mod compare;
pub mod differ;
pub mod encrypted;
pub mod ferret;
pub mod generate;
pub mod guests;
pub mod hostile;
pub mod http;
pub mod load;
pub mod outside;
pub mod peers;
pub mod pipeline;
pub mod place;
pub mod process;
pub mod server;
pub mod sign;
pub mod tcp;
pub mod volley;
pub mod well;
pub mod wire;
pub mod zones;
