//! Brands, signing policies, facts.

use super::*;

/// P4.1: the zone's name servers carry its own name, with the addresses of the fleet.
#[test]
fn brand_is_laid_over_the_zone() {
    let fixture = Fixture::new();
    fixture.brand(&["ns1", "ns2"]);
    fixture.zones();
    assert_eq!(fixture.rrset(ZONE, RecordType::NS), 2);
    assert_eq!(fixture.rrset("ns1.example.org.", RecordType::A), 1);
    assert_eq!(fixture.rrset("ns2.example.org.", RecordType::AAAA), 1);
    // A new version of the zone keeps it, and asks nobody.
    fixture.publish(2);
    fixture.zones();
    assert_eq!(
        (
            fixture.rrset(ZONE, RecordType::NS),
            fixture.script.asks.lock().len()
        ),
        (2, 1)
    );
    assert_eq!(fixture.inner().live.get(&name(ZONE)).unwrap().serial().0, 2);
    // Without the wish the zone has its own again.
    fixture.brand(&[]);
    fixture.zones();
    assert_eq!(fixture.rrset(ZONE, RecordType::NS), 1);
    assert_eq!(fixture.rrset("ns1.example.org.", RecordType::A), 0);
}

/// P4.2: a refusal names its rule and leaves the zone as it is.
#[test]
fn refused_brand_leaves_the_zone() {
    let fixture = Fixture::new();
    fixture.script.refuse_brand.store(true, Ordering::SeqCst);
    fixture.brand(&["ns1.example.com."]);
    fixture.zones();
    assert_eq!(fixture.script.asks.lock()[0].wanted, ["ns1.example.com."]);
    assert_eq!(fixture.rrset(ZONE, RecordType::NS), 1);
    let report = fixture.report();
    assert!(
        report.brands[0]
            .refused
            .as_ref()
            .is_some_and(|words| words.contains("outside-zone"))
    );
}

/// ARCHITECTURE 4, `brand-ns`: if it fails, keep the present set; over a restart too.
#[test]
fn brand_survives_failure_and_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let fixture = Fixture::with_store(Arc::clone(&store));
    fixture.brand(&["ns1", "ns2"]);
    fixture.zones();
    fixture.script.broken.store(true, Ordering::SeqCst);
    fixture.brand(&["ns1", "ns2", "ns3"]);
    fixture.zones();
    assert_eq!(fixture.rrset(ZONE, RecordType::NS), 2);
    assert!(fixture.report().zone_error.is_some());
    drop(fixture);
    let fixture = Fixture::with_store(store);
    fixture.brand(&["ns1", "ns2"]);
    *fixture.loops.zones.lock() = zones::ZoneTables::load(fixture.inner());
    assert_eq!(fixture.rrset(ZONE, RecordType::NS), 2);
}

/// The answer of `dnssec-policy` is kept as a table.
#[test]
fn signing_policy_is_kept() {
    let fixture = Fixture::new();
    fixture.authority.set_zone_policy(
        &name(ZONE),
        ZonePolicy {
            signing: true,
            ..ZonePolicy::default()
        },
    );
    fixture.zones();
    let report = fixture.report();
    assert_eq!(
        (report.signing[0].zone.as_str(), report.signing[0].sign),
        (ZONE, true)
    );
}

/// The numbers of zones and accounts are stable: plugins remember things under them.
#[test]
fn ids_are_stable_and_ignore_case() {
    assert_eq!(
        zone_id(&name("Example.ORG.")),
        zone_id(&name("example.org."))
    );
    assert_ne!(
        zone_id(&name("example.org.")),
        zone_id(&name("example.com."))
    );
    assert_ne!(account_id("a"), account_id("b"));
    assert_ne!(zone_id(&name(ZONE)), 0);
}

/// Facts are those of the served version.
#[test]
fn facts_say_what_is_served() {
    let fixture = Fixture::new();
    let facts = fixture.authority.facts();
    let id = facts.find_zone("www.example.org.").unwrap();
    assert_eq!(
        facts.zone(id).map(|zone| (zone.serial, zone.records)),
        Some((1, 3))
    );
    let version = bailiwick_plugin::facts::Version::Served;
    let rrset = facts.lookup(id, version, "example.org.", 1).unwrap();
    assert_eq!(rrset.rdata, [vec![192, 0, 2, 1]]);
    assert!(facts.lookup(id, version, "example.org.", 16).is_none());
    assert!(facts.find_zone("example.com.").is_none());
}
