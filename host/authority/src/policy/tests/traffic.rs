//! Leases and rules.

use super::*;

/// ARCHITECTURE 4: a first query wants a lease, the plugin grants it, the native path spends it exactly.
#[test]
fn lease_is_granted_and_spent() {
    let mut fixture = Fixture::new();
    fixture.script.units.store(10, Ordering::SeqCst);
    fixture.round();
    assert_eq!(fixture.query(), Verdict::Answer);
    fixture.round();
    assert_eq!(fixture.script.grants.load(Ordering::SeqCst), 1);
    let answered = (0..50)
        .filter(|_| fixture.query() == Verdict::Answer)
        .count();
    assert!((9..=10).contains(&answered), "{answered}");
    let request = fixture.script.requests.lock()[0].clone();
    assert_eq!(
        (request.zone, request.allowance, request.node),
        (zone_id(&name(ZONE)), u64::MAX, 1)
    );
}

/// ARCHITECTURE 4, `quota`: if it fails, keep answering, keep counting; and a fresh decision comes within a
/// second of its recovery.
#[test]
fn failed_grant_is_asked_again() {
    let mut fixture = Fixture::new();
    fixture.round();
    fixture.script.broken.store(true, Ordering::SeqCst);
    assert_eq!(fixture.query(), Verdict::Answer);
    fixture.round();
    assert!(fixture.loops.leases.lock().last_error.is_some());
    assert!((0..100).all(|_| fixture.query() == Verdict::Answer));
    fixture.script.broken.store(false, Ordering::SeqCst);
    let began = Instant::now();
    while fixture.script.grants.load(Ordering::SeqCst) == 0 {
        fixture.round();
        thread::yield_now();
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(
        fixture
            .loops
            .options
            .meter
            .leases_in_force(fixture.loops.options.meter.now()),
        1
    );
}

/// The month's totals of zone and account come with the request.
#[test]
fn requests_carry_the_months_totals() {
    let mut fixture = Fixture::new();
    fixture.script.units.store(5, Ordering::SeqCst);
    fixture.round();
    for _ in 0..3 {
        fixture.query();
    }
    fixture.round();
    let request = fixture.script.requests.lock()[0].clone();
    assert_eq!(
        (request.zone_month.answered, request.pool_month.answered),
        (3, 3)
    );
}

/// Point 6: a rule that the plugin returned is in force, counts as attack, and ends at its TTL.
#[test]
fn rule_is_in_force_until_its_ttl() {
    let mut fixture = Fixture::new();
    fixture.window();
    fixture
        .script
        .changes
        .lock()
        .push(Change::Put(rule(7, 150)));
    fixture.window();
    assert_eq!(fixture.query(), Verdict::Drop);
    let report = fixture.report();
    assert_eq!(
        (report.rules.len(), report.rules[0].matches.as_str()),
        (1, "zone example.org.")
    );
    let began = Instant::now();
    while fixture.query() == Verdict::Drop {
        assert!(began.elapsed() < Duration::from_secs(5));
        thread::yield_now();
    }
    fixture.window();
    assert!(fixture.report().rules.is_empty());
}

/// A plugin that dies takes no rule away, and cannot keep one.
#[test]
fn rules_outlive_a_failing_plugin() {
    let mut fixture = Fixture::new();
    fixture.window();
    fixture
        .script
        .changes
        .lock()
        .push(Change::Put(rule(7, 60_000)));
    fixture.window();
    fixture.script.broken.store(true, Ordering::SeqCst);
    fixture.window();
    assert_eq!(fixture.query(), Verdict::Drop);
    assert!(fixture.report().rule_error.is_some());
}

/// A rule for another node, for a zone that is gone, or removed again, is not in force.
#[test]
fn rules_that_cannot_match_are_left_out() {
    let fixture = Fixture::new();
    fixture.window();
    let mut elsewhere = rule(1, 60_000);
    elsewhere.when.nodes = vec![99];
    let mut gone = rule(2, 60_000);
    gone.when.zone = Some(12345);
    let changes = vec![
        Change::Put(elsewhere),
        Change::Put(gone),
        Change::Put(rule(3, 60_000)),
        Change::Remove(3),
    ];
    *fixture.script.changes.lock() = changes;
    fixture.window();
    assert!(fixture.loops.rules.lock().rules.is_empty());
    assert!(fixture.loops.options.meter.rules().is_empty());
}

/// No rule holds longer than the ceiling, whatever a plugin says.
#[test]
fn rule_ttl_has_a_ceiling() {
    let fixture = Fixture::new();
    fixture.window();
    fixture
        .script
        .changes
        .lock()
        .push(Change::Put(rule(7, u32::MAX)));
    fixture.window();
    assert!(fixture.report().rules[0].ends_in_ms <= u64::from(window::RULE_TTL_MAX_MS));
}

/// Windows carry what was asked, under the numbers that plugins know.
#[test]
fn windows_carry_the_traffic() {
    let mut fixture = Fixture::new();
    fixture.window();
    for _ in 0..20 {
        fixture.query();
    }
    fixture.window();
    let windows = fixture.script.windows.lock();
    let last = windows.last().unwrap();
    assert_eq!(last.total.answered, 20);
    assert_eq!(last.zones.zone, [zone_id(&name(ZONE))]);
    assert!(last.start <= last.end && last.sources.source.len() == 1);
}

/// S10: a case that cannot wait suspends the zone; a person ends that.
#[test]
fn case_that_cannot_wait_suspends_the_zone() {
    let mut fixture = Fixture::new();
    fixture.window();
    let matter = Matter {
        zone: zone_id(&name(ZONE)),
        findings: Vec::new(),
        suspend: true,
        reason: "phishing".to_owned(),
    };
    fixture.script.changes.lock().push(Change::Raise(matter));
    fixture.window();
    assert!(matches!(fixture.query(), Verdict::Deny { .. }));
    assert_eq!(fixture.report().cases[0].zone, ZONE);
    let slot = fixture.slot();
    fixture.loops.options.meter.set_suspended(slot, false);
    assert_eq!(fixture.query(), Verdict::Answer);
}
