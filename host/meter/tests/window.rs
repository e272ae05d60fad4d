//! What a closed window of traffic shows.

mod common;

use bailiwick_meter::{Action, Effect, Outcome, Tick, TrafficRule};
use common::{answered, ask, lookup, meter, ms, query};

#[test]
fn a_water_torture_shows_in_all_three_tables() {
    let meter = meter();
    let mut thread = meter.register();
    let quiet = lookup("www.example.com");
    for n in 0..1000u32 {
        let name = lookup(&format!("r{n:x}.www.example.com"));
        let flood = query(&format!("127.1.0.{}", n % 250), 3, &name);
        thread.begin(ms(1));
        let decision = thread.decide(&flood);
        thread.settle(
            &flood,
            &decision,
            &Outcome {
                rcode: 3,
                nxdomain: true,
                ..answered()
            },
        );
        if n % 20 == 0 {
            ask(&mut thread, &query("127.2.0.1", 3, &quiet), ms(1));
        }
    }
    let window = meter.close_window(ms(1000));
    assert_eq!(
        (window.id, window.start, window.end),
        (0, Tick(0), ms(1000))
    );
    assert_eq!(window.total.answered, 1050);
    let worst = window.sources[0];
    assert_eq!(worst.prefix, "127.1.0.0/24".parse().unwrap());
    assert_eq!(
        (worst.queries, worst.nxdomain),
        (1000, 1000),
        "exact at a low rate"
    );
    assert!(
        (750..=1000).contains(&worst.distinct_names),
        "{}",
        worst.distinct_names
    );
    let suffix = |name: &str| {
        window
            .names
            .iter()
            .find(|row| row.suffix.to_string() == name)
            .unwrap()
    };
    let (apex, below) = (suffix("example.com."), suffix("www.example.com."));
    assert_eq!((apex.queries, apex.nxdomain), (1050, 1000));
    assert!(
        (750..=1050).contains(&below.distinct_labels),
        "{}",
        below.distinct_labels
    );
    assert_eq!((window.zones[0].slot, window.zones[0].queries), (3, 1050));
    assert!(
        (180..=320).contains(&window.zones[0].distinct_sources),
        "{}",
        window.zones[0].distinct_sources
    );
}

#[test]
fn a_closed_window_is_gone_and_the_next_begins_empty() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    ask(&mut thread, &query("192.0.2.1", 3, &name), ms(1));
    assert_eq!(meter.close_window(ms(1000)).sources.len(), 1);
    for id in 1..4 {
        let window = meter.close_window(ms(1000 + id * 1000));
        assert_eq!(
            (window.id, window.total.total(), window.sources.len()),
            (id, 0, 0)
        );
    }
}

#[test]
fn threads_are_added_up() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut threads = [meter.register(), meter.register(), meter.register()];
    for thread in &mut threads {
        for _ in 0..50 {
            ask(thread, &query("2001:db8:1:201::7", 3, &name), ms(1));
        }
    }
    let window = meter.close_window(ms(1000));
    assert_eq!(window.sources.len(), 1);
    assert_eq!(
        window.sources[0].prefix,
        "2001:db8:1:200::/56".parse().unwrap()
    );
    assert_eq!(
        (window.sources[0].queries, window.sources[0].distinct_names),
        (150, 1)
    );
}

#[test]
fn hits_are_those_of_the_window() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    let rule = TrafficRule {
        id: 5,
        source: None,
        zone: Some(3),
        suffix: None,
        rtype: None,
        transport: None,
        effect: Effect::Act(Action::Drop),
        priority: 0,
        ends: Tick::NEVER,
        attack: true,
        dry_run: false,
    };
    meter.install_rules(vec![rule.clone()]);
    for n in [3, 4] {
        for _ in 0..n {
            ask(&mut thread, &query("192.0.2.1", 3, &name), ms(1));
        }
        let window = meter.close_window(ms(1000));
        assert_eq!(
            window
                .hits
                .iter()
                .map(|hits| (hits.rule, hits.matched))
                .collect::<Vec<_>>(),
            [(5, n)]
        );
        meter.install_rules(vec![rule.clone()]);
    }
}

/// At a rate above the budget rows are samples; they still tell the shares.
#[test]
fn sampled_windows_keep_the_proportions() {
    let meter = meter();
    let mut thread = meter.register();
    let (heavy, light) = (lookup("a.example.com"), lookup("b.example.net"));
    for window in 0..4u64 {
        for n in 0..100_000u32 {
            let now = ms(window * 1000 + u64::from(n / 100));
            if n % 10 == 0 {
                ask(&mut thread, &query("192.0.2.1", 1, &light), now);
            } else {
                ask(
                    &mut thread,
                    &query(if n % 2 == 0 { "10.0.0.1" } else { "10.0.1.1" }, 2, &heavy),
                    now,
                );
            }
        }
        let tables = meter.close_window(ms(window * 1000 + 1000));
        let queries = |slot| {
            tables
                .zones
                .iter()
                .find(|row| row.slot == slot)
                .map_or(0, |row| row.queries)
        };
        assert!(
            (80_000..=100_000).contains(&queries(2)),
            "{} in window {window}",
            queries(2)
        );
        assert!(
            (7_000..=13_000).contains(&queries(1)),
            "{} in window {window}",
            queries(1)
        );
        assert_eq!(tables.total.answered, 100_000, "totals are exact");
    }
}

/// After a flood a quiet zone is seen again, query by query.
#[test]
fn sampling_ends_with_the_flood() {
    let (meter, name) = (meter(), lookup("www.example.com"));
    let mut thread = meter.register();
    for n in 0..200_000u64 {
        ask(&mut thread, &query("192.0.2.1", 1, &name), ms(n / 200));
    }
    let _ = meter.close_window(ms(1000));
    for n in 0..20 {
        ask(
            &mut thread,
            &query("198.51.100.1", 2, &name),
            ms(1500 + n * 20),
        );
    }
    let window = meter.close_window(ms(2000));
    assert_eq!((window.zones[0].slot, window.zones[0].queries), (2, 20));
}
