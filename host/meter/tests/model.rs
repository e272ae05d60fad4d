//! Random traffic against a plain model: counters add up, leases give exactly what they hold.

mod common;

use std::collections::HashMap;

use bailiwick_meter::{Class, Transport, Verdict};
use common::{ask, hard, lookup, meter, ms, query};

/// FEATURES 5.4: classes partition the total, and the number does not depend on threads or order.
#[test]
fn counters_and_leases_agree_with_a_model() {
    let meter = meter();
    meter.set_leasing(true);
    let mut threads: Vec<_> = (0..3).map(|_| meter.register()).collect();
    let name = lookup("www.example.com");
    let mut state = 77u64;
    let mut random = move |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut granted: HashMap<u32, u64> = HashMap::new();
    let mut answered_of_lease: HashMap<u32, u64> = HashMap::new();
    let mut totals: HashMap<(u32, bool), u64> = HashMap::new();
    let slots = 40;
    for slot in 0..slots {
        let units = random(2000);
        granted.insert(slot, units);
        meter.install_leases(ms(0), &[(slot, hard(units))]);
    }
    for _ in 0..200_000u32 {
        let slot = random(u64::from(slots)) as u32;
        let thread = &mut threads[random(3) as usize];
        if random(5000) == 0 {
            let units = random(2000);
            granted.insert(slot, units);
            answered_of_lease.insert(slot, 0);
            meter.install_leases(ms(0), &[(slot, hard(units))]);
        }
        let answered =
            ask(thread, &query("192.0.2.1", slot, &name), ms(1)).verdict == Verdict::Answer;
        *totals.entry((slot, answered)).or_default() += 1;
        let given = answered_of_lease.entry(slot).or_default();
        *given += u64::from(answered);
        assert!(
            *given <= granted[&slot],
            "zone {slot} was given {given} of {}",
            granted[&slot]
        );
    }
    for slot in 0..slots {
        let (usage, detail) = meter.zone(slot);
        let model = |answered| totals.get(&(slot, answered)).copied().unwrap_or(0);
        assert_eq!(
            (usage.answered, usage.limited),
            (model(true), model(false)),
            "zone {slot}"
        );
        assert_eq!(detail.units, model(true), "zone {slot}");
        assert_eq!(detail.bytes_in, 40 * usage.total());
    }
    let sum = meter.totals();
    assert_eq!(sum.classes.total(), 200_000);
    assert_eq!(
        sum.classes.of(Class::Answered),
        (0..slots)
            .map(|slot| meter.zone(slot).0.answered)
            .sum::<u64>()
    );
    assert_eq!(sum.by_transport(Transport::Udp, false), 200_000);
    assert_eq!(sum.silent, sum.classes.limited);
}

/// The same with real threads and a lease that is replaced under them. Whoever meets terms half
/// written waits a moment and then answers: a few in a thousand, if the writer lost its core.
#[test]
fn racing_threads_take_no_more_than_was_granted() {
    const LEASES: u64 = 64;
    const UNITS: u64 = 5000;
    let meter = meter();
    meter.set_leasing(true);
    let threads: Vec<_> = (0..3).map(|_| meter.register()).collect();
    meter.install_leases(ms(0), &[(3, hard(UNITS))]);
    let answered: u64 = std::thread::scope(|scope| {
        let work = |mut thread: bailiwick_meter::ThreadMeter| {
            let name = lookup("www.example.com");
            let query = query("192.0.2.1", 3, &name);
            let ask = |_: &u32| ask(&mut thread, &query, ms(1)).verdict == Verdict::Answer;
            (0..400_000u32).filter(ask).count() as u64
        };
        let workers: Vec<_> = threads
            .into_iter()
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        for _ in 1..LEASES {
            meter.install_leases(ms(0), &[(3, hard(UNITS))]);
            std::thread::yield_now();
        }
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert_eq!(meter.zone(3).0.answered, answered);
    let granted = LEASES * UNITS;
    assert!(
        answered >= UNITS && answered <= granted + granted / 200,
        "{answered} of {granted}"
    );
}
