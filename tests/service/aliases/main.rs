//! ALIAS (issue 3, FEATURES 1.3): what a name outside has for addresses is served as ordinary data. Outside
//! are real NSD, Knot and BIND behind a root of their own.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod bounds;
mod flattened;
mod scene;
mod trouble;
