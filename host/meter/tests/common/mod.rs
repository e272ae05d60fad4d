//! A client and a zone for the meter's tests: no sockets, no zones, a clock that is a number.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    reason = "a broken helper fails the test that uses it"
)]

use std::net::IpAddr;

use bailiwick_meter::{
    Action, Class, Decision, Fallback, LeaseGrant, Meter, Outcome, Query, Source, ThreadMeter,
    Tick, Transport, Verdict, Weights,
};
use bailiwick_zone::hash::{HashKey, LookupName};
use bailiwick_zone::{Name, RecordType};

pub(crate) fn key() -> HashKey {
    HashKey::from_bytes(*b"an ordinary key of 32 octets <-!")
}

pub(crate) fn meter() -> Meter {
    Meter::new(key())
}

pub(crate) fn lookup(name: &str) -> LookupName {
    let mut lookup = LookupName::new();
    lookup
        .set_wire(Name::parse(name).unwrap().as_wire(), &key())
        .unwrap();
    lookup
}

/// A question for `name` in zone `slot`, whose apex has two labels.
pub(crate) fn query<'a>(source: &str, slot: u32, name: &'a LookupName) -> Query<'a> {
    Query {
        source: Source::from(source.parse::<IpAddr>().unwrap()),
        slot: Some(slot),
        apex_labels: 2,
        name: Some(name),
        qtype: RecordType::A,
        transport: Transport::Udp,
    }
}

pub(crate) fn answered() -> Outcome {
    Outcome {
        class: Class::Answered,
        rcode: 0,
        nxdomain: false,
        nodata: false,
        referral: false,
        truncated: false,
        signed: false,
        bytes_in: 40,
        bytes_out: 100,
    }
}

/// Sends one query through and returns what was decided.
pub(crate) fn ask(thread: &mut ThreadMeter, query: &Query<'_>, now: Tick) -> Decision {
    thread.begin(now);
    let decision = thread.decide(query);
    let sent = decision.verdict != Verdict::Drop;
    let outcome = Outcome {
        bytes_out: if sent { 100 } else { 0 },
        ..answered()
    };
    thread.settle(query, &decision, &outcome);
    decision
}

/// How many of `n` queries are answered.
pub(crate) fn answers(thread: &mut ThreadMeter, query: &Query<'_>, now: Tick, n: usize) -> usize {
    (0..n)
        .filter(|_| ask(thread, query, now).verdict == Verdict::Answer)
        .count()
}

/// A lease of so many units for a second, then nothing.
pub(crate) fn hard(units: u64) -> LeaseGrant {
    LeaseGrant {
        units,
        ttl_ms: 1000,
        low_water: None,
        weights: Weights::default(),
        on_empty: Action::Drop,
        on_failure: Fallback::Native,
    }
}

pub(crate) const fn ms(ms: u64) -> Tick {
    Tick::from_millis(ms)
}
