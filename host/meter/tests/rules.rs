//! What traffic rules do to queries, and how they are counted.

mod common;

use bailiwick_meter::{Action, Class, Effect, Limit, Query, Tick, TrafficRule, Transport, Verdict};
use bailiwick_zone::Name;
use common::{answers, ask, hard, lookup, meter, ms, query};

fn rule(id: u64, effect: Effect) -> TrafficRule {
    TrafficRule {
        id,
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
fn a_rule_applies_from_the_next_batch_and_ends_at_its_time() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    assert_eq!(answers(&mut thread, &query, ms(1), 10), 10);
    let drop = TrafficRule {
        source: Some("192.0.2.0/24".parse().unwrap()),
        ends: ms(100),
        ..rule(1, Effect::Act(Action::Drop))
    };
    meter.install_rules(vec![drop]);
    assert_eq!(answers(&mut thread, &query, ms(2), 10), 0);
    assert_eq!(
        answers(
            &mut thread,
            &common::query("198.51.100.1", 3, &name),
            ms(2),
            10
        ),
        10
    );
    assert_eq!(answers(&mut thread, &query, ms(100), 10), 10);
    assert_eq!(
        (meter.zone(3).0.limited, meter.zone(3).0.answered),
        (10, 30)
    );
}

/// FEATURES 5.4: what matches an attack rule is of class attack, answered or not.
#[test]
fn attack_rules_set_the_class_whatever_their_effect() {
    let (meter, name) = (meter(), lookup("x.www.example.com"));
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    for (effect, verdict) in [
        (Effect::Act(Action::Allow), Verdict::Answer),
        (
            Effect::Act(Action::Deny {
                rcode: 5,
                ede: None,
            }),
            Verdict::Deny {
                rcode: 5,
                ede: None,
            },
        ),
    ] {
        let suffix = Some(Name::parse("www.example.com").unwrap());
        meter.install_rules(vec![TrafficRule {
            attack: true,
            suffix,
            ..rule(1, effect)
        }]);
        let decision = ask(&mut thread, &query, ms(1));
        assert_eq!(
            (decision.verdict, decision.class),
            (verdict, Some(Class::Attack))
        );
    }
    assert_eq!(meter.zone(3).0.attack, 2);
}

#[test]
fn a_limit_lets_its_rate_through_and_survives_being_put_again() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    let limit = Limit {
        per_second: 50,
        burst: 50,
        v4_len: 24,
        v6_len: 56,
        over: Action::Truncate,
    };
    let query = query("192.0.2.1", 3, &name);
    let mut through = 0;
    for millisecond in 1000..3000 {
        // The policy says the same each window.
        if millisecond % 100 == 0 {
            meter.install_rules(vec![TrafficRule {
                zone: Some(3),
                ..rule(7, Effect::Limit(limit))
            }]);
        }
        through += answers(&mut thread, &query, ms(millisecond), 1);
    }
    assert!(
        (145..=155).contains(&through),
        "burst 50 and 2 s of 50: {through}"
    );
    assert_eq!(meter.rules().hits().collect::<Vec<_>>(), [(7, 2000)]);
    let tcp = Query {
        transport: Transport::Tcp,
        ..query
    };
    assert_eq!(
        answers(&mut thread, &tcp, ms(3000), 500),
        500,
        "a retry over TCP is answered"
    );
}

#[test]
fn dropped_queries_take_nothing_from_the_lease() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    meter.install_leases(ms(0), &[(3, hard(100))]);
    meter.install_rules(vec![TrafficRule {
        source: Some("192.0.2.0/24".parse().unwrap()),
        ..rule(1, Effect::Act(Action::Drop))
    }]);
    answers(&mut thread, &query("192.0.2.1", 3, &name), ms(1), 1000);
    assert_eq!(
        answers(&mut thread, &query("198.51.100.1", 3, &name), ms(1), 200),
        100
    );
}

#[test]
fn a_suffix_rule_needs_a_readable_name() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    let suffix = Some(Name::parse("example.com").unwrap());
    meter.install_rules(vec![TrafficRule {
        suffix,
        ..rule(1, Effect::Act(Action::Drop))
    }]);
    let unreadable = Query {
        name: None,
        slot: None,
        ..query("192.0.2.1", 3, &name)
    };
    assert_eq!(answers(&mut thread, &unreadable, ms(1), 10), 10);
    assert_eq!(
        answers(&mut thread, &query("192.0.2.1", 3, &name), ms(1), 10),
        0
    );
}

/// FEATURES 5.4: queries of a suspended zone are a class of their own.
#[test]
fn a_suspended_zone_is_refused_by_every_thread_until_it_is_not() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut threads = [meter.register(), meter.register()];
    meter.set_suspended(700, true);
    for thread in &mut threads {
        let decision = ask(thread, &query("192.0.2.1", 700, &name), ms(1));
        assert_eq!(
            decision.verdict,
            Verdict::Deny {
                rcode: 5,
                ede: Some(15)
            }
        );
        assert_eq!(
            answers(thread, &query("192.0.2.1", 701, &name), ms(1), 10),
            10
        );
    }
    meter.set_suspended(700, false);
    assert_eq!(
        answers(&mut threads[0], &query("192.0.2.1", 700, &name), ms(1), 10),
        10
    );
    assert_eq!(
        (meter.zone(700).0.suspended, meter.zone(700).0.answered),
        (2, 10)
    );
}

/// FEATURES 5.4: our own measurements are not billed to anybody.
#[test]
fn probes_are_a_class_of_their_own() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    meter.set_probes(&["192.0.2.0/28".parse().unwrap()]);
    answers(&mut thread, &query("192.0.2.3", 3, &name), ms(1), 5);
    answers(&mut thread, &query("192.0.2.16", 3, &name), ms(1), 7);
    meter.set_probes(&[]);
    answers(&mut thread, &query("192.0.2.3", 3, &name), ms(2), 2);
    assert_eq!((meter.zone(3).0.probe, meter.zone(3).0.answered), (5, 9));
}
