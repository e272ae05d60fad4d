//! Leases and rules, end to end: what is installed in the meter shows on the wire.

mod common;

use std::net::{IpAddr, Ipv4Addr};

use bailiwick_meter::{
    Action, AskReason, Effect, Fallback, LeaseGrant, Limit, Tick, TrafficRule, Weights,
};
use common::{
    Fixture, SLOT, exchange, is_silent, is_truncated, query, rcode, read_frame, send_frame,
    udp_from,
};

const A: u16 = 1;

fn rule(effect: Effect) -> TrafficRule {
    TrafficRule {
        id: 1,
        source: None,
        zone: None,
        suffix: None,
        rtype: None,
        transport: None,
        effect,
        priority: 0,
        ends: Tick::NEVER,
        attack: false,
        dry_run: false,
    }
}

#[test]
fn a_rule_for_a_prefix_stops_it_and_nobody_else() {
    let fixture = Fixture::start();
    let bad = udp_from(IpAddr::V4(Ipv4Addr::new(127, 1, 0, 9)), fixture.address());
    let good = udp_from(IpAddr::V4(Ipv4Addr::new(127, 2, 0, 9)), fixture.address());
    let ends = fixture.meter.now().after_millis(600_000);
    fixture.meter.install_rules(vec![TrafficRule {
        source: Some("127.1.0.0/16".parse().unwrap()),
        ends,
        attack: true,
        ..rule(Effect::Act(Action::Deny {
            rcode: 5,
            ede: Some(18),
        }))
    }]);
    assert_eq!(rcode(&exchange(&bad, &query(1, "www.example.com", A))), 5);
    assert_eq!(rcode(&exchange(&good, &query(1, "www.example.com", A))), 0);
    fixture.until("both are counted", |fixture| {
        fixture.meter.totals().classes.total() == 2
    });
    assert_eq!(fixture.meter.zone(SLOT).0.attack, 1);
    fixture.meter.install_rules(Vec::new());
    assert_eq!(rcode(&exchange(&bad, &query(2, "www.example.com", A))), 0);
}

#[test]
fn drop_says_nothing_and_truncate_sends_clients_to_tcp() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let on = |effect| TrafficRule {
        suffix: Some(bailiwick_zone::Name::parse("a.example.com").unwrap()),
        ..rule(effect)
    };
    fixture
        .meter
        .install_rules(vec![on(Effect::Act(Action::Drop))]);
    assert!(is_silent(&client, &query(1, "x.a.example.com", A)));
    fixture
        .meter
        .install_rules(vec![on(Effect::Act(Action::Truncate))]);
    let answer = exchange(&client, &query(2, "x.a.example.com", A));
    assert!(is_truncated(&answer) && common::answer_count(&answer) == 0 && rcode(&answer) == 0);
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(3, "x.a.example.com", A));
    let answer = read_frame(&mut stream).unwrap();
    assert!(!is_truncated(&answer) && rcode(&answer) == 3);
}

/// RELIABILITY P12: over the limit a client is told to come by TCP.
#[test]
fn a_limit_slips() {
    let fixture = Fixture::start();
    let limit = Limit {
        per_second: 1,
        burst: 10,
        v4_len: 24,
        v6_len: 56,
        over: Action::Slip(1),
    };
    fixture
        .meter
        .install_rules(vec![rule(Effect::Limit(limit))]);
    let client = fixture.udp();
    let whole = (0..110)
        .filter(|id| !is_truncated(&exchange(&client, &query(*id, "www.example.com", A))))
        .count();
    // The burst, and perhaps what came back in a few seconds.
    assert!((10..=14).contains(&whole), "{whole}");
}

#[test]
fn a_lease_ends_exactly_and_the_next_begins_where_it_ended() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let lease = LeaseGrant {
        units: 100,
        ttl_ms: 600_000,
        low_water: None,
        weights: Weights::default(),
        on_empty: Action::Deny {
            rcode: 5,
            ede: Some(15),
        },
        on_failure: Fallback::Native,
    };
    fixture.meter.set_leasing(true);
    assert_eq!(
        rcode(&exchange(&client, &query(0, "www.example.com", A))),
        0
    );
    let wants = fixture.meter.lease_wants(fixture.meter.now());
    assert_eq!(
        (wants.len(), wants[0].slot, wants[0].reason),
        (1, SLOT, AskReason::FirstUse)
    );
    fixture
        .meter
        .install_leases(fixture.meter.now(), &[(SLOT, lease)]);
    let answered = |n: u16| {
        (0..n)
            .filter(|id| rcode(&exchange(&client, &query(*id, "www.example.com", A))) == 0)
            .count()
    };
    assert_eq!(answered(150), 100);
    // The same pool serves TCP.
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(3, "www.example.com", A));
    assert_eq!(rcode(&read_frame(&mut stream).unwrap()), 5);
    fixture
        .meter
        .install_leases(fixture.meter.now(), &[(SLOT, lease)]);
    assert_eq!(answered(30), 30);
}

#[test]
fn a_suspended_zone_is_refused() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    fixture.meter.set_suspended(SLOT, true);
    assert_eq!(
        rcode(&exchange(&client, &query(1, "www.example.com", A))),
        5
    );
    fixture.meter.set_suspended(SLOT, false);
    assert_eq!(
        rcode(&exchange(&client, &query(2, "www.example.com", A))),
        0
    );
    fixture.until("both are counted", |fixture| {
        fixture.meter.totals().classes.total() == 2
    });
    assert_eq!(fixture.meter.zone(SLOT).0.suspended, 1);
}

/// The data of the Extended DNS Error in the answer to a question with EDNS.
fn reason(client: &std::net::UdpSocket, name: &str) -> Vec<u8> {
    let mut message = query(9, name, A);
    message[11] = 1;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let answer = exchange(client, &message);
    assert_eq!(rcode(&answer), 5);
    // Behind the question: OPT and, in it, one option of code 15.
    let options = &answer[message.len()..];
    assert_eq!(options[..2], [0, 15]);
    assert_eq!(usize::from(options[3]), options.len() - 4);
    options[4..].to_vec()
}

/// RFC 8914 2: what policy refuses is refused with a reason, for programs and in words.
#[test]
fn refusals_by_policy_say_why() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    for (ede, expected) in [
        (Some(15), &b"\x00\x0fblocked by policy"[..]),
        (Some(18), b"\x00\x12refused by policy"),
        (Some(17), b"\x00\x11"),
        (None, b"\x00\x12refused by policy"),
    ] {
        let deny = Effect::Act(Action::Deny { rcode: 5, ede });
        fixture.meter.install_rules(vec![rule(deny)]);
        assert_eq!(reason(&client, "www.example.com"), expected);
    }
    fixture.meter.install_rules(Vec::new());
    fixture.meter.set_suspended(SLOT, true);
    assert_eq!(
        reason(&client, "www.example.com"),
        b"\x00\x0fthe zone is suspended"
    );
    fixture.meter.set_suspended(SLOT, false);
    assert_eq!(reason(&client, "www.elsewhere.test"), b"\x00\x14");
}
