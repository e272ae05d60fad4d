//! The shipped policies, as components, through the whole host.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::{Bench, NOW, month, requests, shipped};
use serde_json::json;

/// `quota` in force gives one lease for each request, in order.
#[test]
fn quota_grants_leases() {
    let bench = Bench::new();
    bench.put_in_force(&shipped("quota"), json!({}));
    let decided = bench
        .registry
        .policies()
        .grant(NOW, month(), requests(64))
        .unwrap();
    assert_eq!(decided.value.len(), 64);
    assert_eq!(decided.by.plugin, "quota");
}
