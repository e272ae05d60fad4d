//! What a lease does to the queries of its zone, from first use to failure.

mod common;

use bailiwick_meter::{
    Action, AskReason, Class, Fallback, LeaseGrant, Outcome, Query, Transport, Verdict, Weights,
};
use bailiwick_zone::RecordType;
use common::{answered, answers, ask, hard, lookup, meter, ms, query};

#[test]
fn without_a_quota_policy_everything_is_answered_and_counted() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    assert_eq!(
        answers(&mut thread, &query("192.0.2.1", 4, &name), ms(1), 5000),
        5000
    );
    assert_eq!(meter.zone(4).0.answered, 5000);
    assert!(meter.lease_wants(ms(2)).is_empty());
}

#[test]
fn first_use_asks_once_and_answers_meanwhile() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    assert_eq!(
        answers(&mut thread, &query("192.0.2.1", 9, &name), ms(1), 100),
        100
    );
    let wants = meter.lease_wants(ms(50));
    assert_eq!(wants.len(), 1);
    assert_eq!(
        (wants[0].slot, wants[0].reason, wants[0].remaining),
        (9, AskReason::FirstUse, 0)
    );
    answers(&mut thread, &query("192.0.2.1", 9, &name), ms(60), 100);
    assert!(meter.lease_wants(ms(70)).is_empty(), "asked for already");
    answers(&mut thread, &query("192.0.2.1", 9, &name), ms(1100), 1);
    assert_eq!(
        meter.lease_wants(ms(1101)).len(),
        1,
        "nobody answered: asked for again"
    );
}

#[test]
fn a_lease_gives_exactly_its_units_and_then_what_it_says() {
    for units in [1, 7, 64, 1000, 100_000] {
        let (meter, name) = (meter(), lookup("www.example.com"));
        meter.set_leasing(true);
        let mut thread = meter.register();
        meter.install_leases(ms(1), &[(3, hard(units))]);
        let query = query("192.0.2.1", 3, &name);
        assert_eq!(
            answers(&mut thread, &query, ms(2), units as usize + 50),
            units as usize
        );
        assert_eq!(
            (meter.zone(3).0.answered, meter.zone(3).0.limited),
            (units, 50)
        );
        assert!(
            meter.lease_wants(ms(3)).is_empty(),
            "no low water: there is no more before the end"
        );
    }
}

/// Never more than was granted, whoever asks; what idle threads hold back is a portion each.
#[test]
fn threads_share_a_lease_and_never_exceed_it() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut threads: Vec<_> = (0..4).map(|_| meter.register()).collect();
    meter.install_leases(ms(1), &[(3, hard(10_000))]);
    let query = query("192.0.2.1", 3, &name);
    for thread in &mut threads[1..] {
        answers(thread, &query, ms(2), 1);
    }
    let answered = 3 + answers(&mut threads[0], &query, ms(2), 20_000);
    let held = 3 * (10_000 / 16 / 4);
    assert!((10_000 - held..=10_000).contains(&answered), "{answered}");
    let rest: usize = threads[1..]
        .iter_mut()
        .map(|thread| answers(thread, &query, ms(3), 1000))
        .sum();
    assert_eq!(answered + rest, 10_000);
}

#[test]
fn low_water_asks_for_more_while_answering_goes_on() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    meter.install_leases(
        ms(1),
        &[(
            3,
            LeaseGrant {
                low_water: Some(500),
                ..hard(1000)
            },
        )],
    );
    let query = query("192.0.2.1", 3, &name);
    answers(&mut thread, &query, ms(2), 100);
    assert!(meter.lease_wants(ms(3)).is_empty(), "most of it is left");
    answers(&mut thread, &query, ms(4), 500);
    let wants = meter.lease_wants(ms(5));
    assert_eq!(
        (wants[0].reason, wants[0].remaining),
        (AskReason::LowWater, 400)
    );
    assert_eq!(
        answers(&mut thread, &query, ms(6), 2000),
        2000,
        "no reply yet: `native` answers"
    );
    assert_eq!(meter.lease_wants(ms(7))[0].reason, AskReason::Exhausted);
}

#[test]
fn units_spent_while_the_policy_thinks_are_part_of_its_grant() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    answers(&mut thread, &query, ms(1), 10);
    assert_eq!(meter.lease_wants(ms(2)).len(), 1);
    answers(&mut thread, &query, ms(3), 300);
    meter.install_leases(ms(4), &[(3, hard(1000))]);
    assert_eq!(answers(&mut thread, &query, ms(5), 5000), 700);
}

#[test]
fn a_lease_that_ended_is_asked_for_and_falls_back_as_it_says() {
    for (on_failure, then) in [(Fallback::Native, 100), (Fallback::Last, 0)] {
        let (meter, name) = (meter(), lookup("www.example.com"));
        meter.set_leasing(true);
        let mut thread = meter.register();
        meter.install_leases(
            ms(0),
            &[(
                3,
                LeaseGrant {
                    on_failure,
                    ..hard(10)
                },
            )],
        );
        let query = query("192.0.2.1", 3, &name);
        assert_eq!(answers(&mut thread, &query, ms(1), 100), 10);
        assert_eq!(
            answers(&mut thread, &query, ms(1001), 100),
            0,
            "a grant may be on its way"
        );
        assert_eq!(meter.lease_wants(ms(1010))[0].reason, AskReason::Expired);
        assert_eq!(
            answers(&mut thread, &query, ms(1500), 100),
            then,
            "{on_failure:?}"
        );
    }
}

/// Queries that cost nothing were once, after leases had been off and on again, as free as without
/// leases: for ever, and nobody asked for the next lease.
#[test]
fn a_lease_whose_queries_cost_nothing_is_asked_for_too_when_it_ended() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    let weights = Weights {
        base: 0,
        ..Weights::default()
    };
    // Another zone is suspended, so that tables are asked without leases too.
    meter.set_suspended(700, true);
    meter.set_leasing(true);
    meter.install_leases(
        ms(0),
        &[(
            3,
            LeaseGrant {
                weights,
                ..hard(10)
            },
        )],
    );
    assert_eq!(answers(&mut thread, &query, ms(1), 100), 100);
    meter.set_leasing(false);
    assert_eq!(answers(&mut thread, &query, ms(2), 100), 100);
    meter.set_leasing(true);
    assert_eq!(answers(&mut thread, &query, ms(3), 100), 100);
    assert!(meter.lease_wants(ms(4)).is_empty());
    assert_eq!(answers(&mut thread, &query, ms(1001), 100), 100);
    let wants = meter.lease_wants(ms(1010));
    assert_eq!(wants.len(), 1);
    assert_eq!(wants[0].reason, AskReason::Expired);
}

#[test]
fn a_lease_that_ended_with_units_left_goes_on_answering() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    meter.install_leases(
        ms(0),
        &[(
            3,
            LeaseGrant {
                on_failure: Fallback::Last,
                ..hard(1000)
            },
        )],
    );
    let query = query("192.0.2.1", 3, &name);
    answers(&mut thread, &query, ms(1), 10);
    assert_eq!(answers(&mut thread, &query, ms(2000), 5000), 5000);
    assert_eq!(meter.leases_in_force(ms(2000)), 0);
}

#[test]
fn a_new_lease_takes_the_place_of_the_old_at_once() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    meter.install_leases(ms(0), &[(3, hard(10))]);
    assert_eq!(answers(&mut thread, &query, ms(1), 100), 10);
    meter.install_leases(
        ms(2),
        &[(
            3,
            LeaseGrant {
                on_empty: Action::Deny {
                    rcode: 5,
                    ede: Some(18),
                },
                ..hard(20)
            },
        )],
    );
    assert_eq!(answers(&mut thread, &query, ms(3), 20), 20);
    let denied = ask(&mut thread, &query, ms(3));
    assert_eq!(
        denied.verdict,
        Verdict::Deny {
            rcode: 5,
            ede: Some(18)
        }
    );
    assert_eq!(denied.class, Some(Class::Limited));
}

#[test]
fn slip_truncates_one_in_n_and_means_nothing_to_a_stream() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    let udp = query("192.0.2.1", 3, &name);
    meter.install_leases(
        ms(0),
        &[(
            3,
            LeaseGrant {
                on_empty: Action::Slip(4),
                ..hard(0)
            },
        )],
    );
    let verdicts: Vec<_> = (0..400)
        .map(|_| ask(&mut thread, &udp, ms(1)).verdict)
        .collect();
    let count = |wanted| {
        verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    };
    assert_eq!((count(Verdict::Truncate), count(Verdict::Drop)), (100, 300));
    let tcp = Query {
        transport: Transport::Tcp,
        ..udp
    };
    assert_eq!(answers(&mut thread, &tcp, ms(1), 400), 400);
}

#[test]
fn weights_add_up() {
    let weights = Weights {
        base: 2,
        nxdomain: 10,
        any: 100,
        tcp: 1000,
        signed: 3,
        per_kib_out: 7,
    };
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    meter.install_leases(
        ms(0),
        &[(
            3,
            LeaseGrant {
                weights,
                ..hard(1_000_000)
            },
        )],
    );
    let plain = query("192.0.2.1", 3, &name);
    let costs = [
        (plain, answered(), 2),
        (
            plain,
            Outcome {
                nxdomain: true,
                ..answered()
            },
            12,
        ),
        (
            Query {
                qtype: RecordType::ANY,
                ..plain
            },
            answered(),
            102,
        ),
        (
            Query {
                transport: Transport::Tcp,
                ..plain
            },
            answered(),
            1002,
        ),
        (
            plain,
            Outcome {
                signed: true,
                bytes_out: 2100,
                ..answered()
            },
            2 + 3 + 14,
        ),
    ];
    let mut spent = 0;
    for (query, outcome, cost) in costs {
        thread.begin(ms(1));
        let decision = thread.decide(&query);
        thread.settle(&query, &decision, &outcome);
        spent += cost;
        assert_eq!(meter.zone(3).1.units, spent);
    }
    assert_eq!(meter.lease(3).unwrap().0, 1_000_000 - spent);
}

#[test]
fn a_forgotten_lease_leaves_nothing_to_the_next_zone_in_its_slot() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    meter.install_leases(ms(0), &[(3, hard(0))]);
    let query = query("192.0.2.1", 3, &name);
    assert_eq!(answers(&mut thread, &query, ms(1), 10), 0);
    meter.forget_lease(3);
    assert_eq!(answers(&mut thread, &query, ms(2), 10), 10);
    assert_eq!(meter.lease_wants(ms(3))[0].reason, AskReason::FirstUse);
}

#[test]
fn the_rate_is_told_in_thousandths_of_a_query_a_second() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    let query = query("192.0.2.1", 3, &name);
    for second in 1..=120 {
        answers(&mut thread, &query, ms(second * 1000), 50);
        let wants = meter.lease_wants(ms(second * 1000 + 999));
        let rate = wants[0].rate_milli;
        assert!(
            second < 5 || (40_000..=60_000).contains(&rate),
            "{rate} after {second} s"
        );
    }
}

/// RELIABILITY 2.5: a slot no table has room for is answered, and counted in the totals.
#[test]
fn a_slot_past_the_tables_is_answered() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    meter.set_leasing(true);
    let mut thread = meter.register();
    assert_eq!(
        answers(&mut thread, &query("192.0.2.1", u32::MAX, &name), ms(1), 10),
        10
    );
    assert_eq!(meter.totals().classes.answered, 10);
}
