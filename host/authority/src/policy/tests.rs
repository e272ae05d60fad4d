//! The loops with a scripted judge: what is asked, what is put in force, what a failure leaves.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use bailiwick_meter::{Class, Meter, Outcome, Query, Source, ThreadMeter, Transport, Verdict};
use bailiwick_plugin::types::abuse::{Change, Effect, Matcher, Matter, Rule, Window};
use bailiwick_plugin::types::brand_ns::{Ask, Host, Outcome as BrandOutcome, Plan};
use bailiwick_plugin::types::dnssec_policy::{DenialKind, Policy};
use bailiwick_plugin::types::quota::{Fallback, Lease, Request, Weights};
use bailiwick_plugin::types::{Action, Finding, Month, UnixMs, ZoneFacts};
use bailiwick_plugin::{Kind, PolicyError};
use bailiwick_store::{MemoryStore, Store};
use bailiwick_zone::{LookupName, RecordType, SharedZones, ZoneSet};

use super::*;
use crate::testing::{key, name, records};
use crate::{Authority, AuthorityOptions};

const ZONE: &str = "example.org.";

/// Says what the test wants, or fails.
#[derive(Default)]
struct Script {
    broken: AtomicBool,
    grants: AtomicUsize,
    requests: Lock<Vec<Request>>,
    windows: Lock<Vec<Window>>,
    changes: Lock<Vec<Change>>,
    asks: Lock<Vec<Ask>>,
    units: AtomicUsize,
    refuse_brand: AtomicBool,
}

impl Script {
    fn check(&self) -> Result<(), PolicyError> {
        if self.broken.load(Ordering::SeqCst) {
            Err(PolicyError::Trap("test".to_owned()))
        } else {
            Ok(())
        }
    }
}

impl Judge for Script {
    fn is_bound(&self, _: Kind) -> bool {
        true
    }

    fn origin(&self, kind: Kind) -> Option<String> {
        Some(format!("script {kind}"))
    }

    fn grant(
        &self,
        _: UnixMs,
        month: Month,
        requests: Vec<Request>,
    ) -> Result<Vec<Lease>, PolicyError> {
        self.check()?;
        assert!(month.start < month.end && requests.len() <= 1024);
        self.grants.fetch_add(1, Ordering::SeqCst);
        self.requests.lock().extend(requests.iter().cloned());
        let units = self.units.load(Ordering::SeqCst) as u64;
        Ok(requests.iter().map(|_| lease(units)).collect())
    }

    fn inspect(&self, _: UnixMs, window: Window) -> Result<Vec<Change>, PolicyError> {
        self.check()?;
        self.windows.lock().push(window);
        Ok(std::mem::take(&mut *self.changes.lock()))
    }

    fn brand_plan(&self, _: UnixMs, ask: Ask) -> Result<BrandOutcome, PolicyError> {
        self.check()?;
        self.asks.lock().push(ask.clone());
        if self.refuse_brand.load(Ordering::SeqCst) {
            let finding = Finding {
                code: "outside-zone".to_owned(),
                message: "names must be below the apex".to_owned(),
                about: None,
                category: None,
                extra: Vec::new(),
            };
            return Ok(BrandOutcome::Refuse(vec![finding]));
        }
        let host = |(name, server): (&String, &bailiwick_plugin::types::brand_ns::Server)| Host {
            name: name.clone(),
            node: server.node,
            ttl: 60,
        };
        Ok(BrandOutcome::Plan(Plan {
            ns: ask.wanted.clone(),
            ns_ttl: 3600,
            mname: ask.wanted[0].clone(),
            rname: "hostmaster.example.org.".to_owned(),
            hosts: ask.wanted.iter().zip(&ask.servers).map(host).collect(),
            actions: Vec::new(),
            reason: String::new(),
            extra: Vec::new(),
        }))
    }

    fn dnssec_policy_for(&self, _: UnixMs, _: ZoneFacts) -> Result<Policy, PolicyError> {
        self.check()?;
        Ok(Policy {
            sign: true,
            keys: Vec::new(),
            denial: DenialKind::Nsec,
            validity_s: 1,
            refresh_s: 1,
            jitter_s: 0,
            inception_offset_s: 0,
            dnskey_ttl: 60,
            ttl_max: 60,
            publish_cds: false,
            cds_digests: Vec::new(),
            parent_propagation_s: 0,
            zone_propagation_s: 0,
            notes: Vec::new(),
            reason: "standard".to_owned(),
            extra: Vec::new(),
        })
    }
}

fn lease(units: u64) -> Lease {
    Lease {
        units,
        ttl_ms: 60_000,
        low_water: None,
        weights: Weights {
            base: 1,
            nxdomain: 0,
            any: 0,
            tcp: 0,
            signed: 0,
            per_kib_out: 0,
        },
        on_empty: Action::Drop,
        on_failure: Fallback::Native,
        reason: String::new(),
    }
}

fn rule(id: u64, ttl_ms: u32) -> Rule {
    Rule {
        id,
        when: Matcher {
            zone: Some(zone_id(&name(ZONE))),
            ..Matcher::default()
        },
        then: Effect::Act(Action::Drop),
        priority: 0,
        ttl_ms,
        attack: true,
        dry_run: false,
        category: None,
        reason: "water torture".to_owned(),
        extra: Vec::new(),
    }
}

/// An authority with one zone, its loops run by hand.
struct Fixture {
    _runtime: tokio::runtime::Runtime,
    _data: tempfile::TempDir,
    authority: Authority,
    loops: Loops,
    script: Arc<Script>,
    thread: ThreadMeter,
}

impl Fixture {
    fn new() -> Self {
        Self::with_store(Arc::new(MemoryStore::new()))
    }

    fn with_store(store: Arc<dyn Store>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let data = tempfile::tempdir().unwrap();
        let zones = Arc::new(SharedZones::from_pointee(ZoneSet::new(&key())));
        let mut options = AuthorityOptions::new(data.path().to_owned(), zones, key());
        options.store = Some(store);
        let authority = Authority::start(options, runtime.handle()).unwrap();
        let script = Arc::new(Script::default());
        script.units.store(100, Ordering::SeqCst);
        let meter = Arc::new(Meter::new(key()));
        let thread = meter.register();
        let mut options = PolicyOptions::new(Arc::clone(&script) as Arc<dyn Judge>, meter);
        options.fleet = vec![
            FleetServer {
                node: 1,
                name: "a.fleet.example.".into(),
                addresses: vec!["192.0.2.53".parse().unwrap()],
            },
            FleetServer {
                node: 2,
                name: "b.fleet.example.".into(),
                addresses: vec!["2001:db8::53".parse().unwrap()],
            },
        ];
        let loops = Loops {
            totals: Lock::new(totals::Totals::new(10)),
            leases: Lock::default(),
            rules: Lock::default(),
            zones: Lock::default(),
            options,
            stop: AtomicBool::new(false),
            pause: (Mutex::new(()), Condvar::new()),
        };
        let fixture = Self {
            _runtime: runtime,
            _data: data,
            authority,
            loops,
            script,
            thread,
        };
        fixture.publish(1);
        fixture
    }

    fn inner(&self) -> &Arc<Inner> {
        self.authority.inner()
    }

    fn publish(&self, serial: u32) {
        let zone =
            bailiwick_zone::Zone::build(&name(ZONE), &records(ZONE, serial), &key()).unwrap();
        self.inner()
            .live
            .publish(vec![zone], self.inner().clock.now());
    }

    fn slot(&self) -> u32 {
        self.inner().live.slot_of_id(zone_id(&name(ZONE))).unwrap()
    }

    /// One query for the zone; what tables say of it.
    fn query(&mut self) -> Verdict {
        let mut lookup = LookupName::new();
        lookup
            .set_wire(name("www.example.org.").as_wire(), &key())
            .unwrap();
        let slot = self.slot();
        let query = Query {
            source: Source::from_v4(u32::from(Ipv4Addr::new(192, 0, 2, 7))),
            name: Some(&lookup),
            slot: Some(slot),
            apex_labels: 2,
            qtype: RecordType::A,
            transport: Transport::Udp,
        };
        self.thread.begin(self.loops.options.meter.now());
        let decision = self.thread.decide(&query);
        let outcome = Outcome {
            class: Class::Answered,
            rcode: 0,
            nxdomain: false,
            nodata: false,
            referral: false,
            truncated: false,
            signed: false,
            bytes_in: 30,
            bytes_out: 100,
        };
        self.thread.settle(&query, &decision, &outcome);
        decision.verdict
    }

    fn round(&self) {
        leases::round(self.inner(), &self.loops);
    }

    fn window(&self) {
        window::round(self.inner(), &self.loops);
    }

    fn zones(&self) {
        zones::round(self.inner(), &self.loops);
    }

    fn brand(&self, names: &[&str]) {
        let brand = names.iter().map(|&name| name.to_owned()).collect();
        self.authority.set_zone_policy(
            &name(ZONE),
            ZonePolicy {
                brand,
                ..ZonePolicy::default()
            },
        );
    }

    fn rrset(&self, owner: &str, rtype: RecordType) -> usize {
        let zone = self.inner().live.get(&name(ZONE)).unwrap();
        let records = zone.to_records();
        records
            .iter()
            .filter(|record| record.owner == name(owner).as_wire() && record.rtype == rtype)
            .count()
    }
}

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

impl Fixture {
    fn report(&self) -> TablesReport {
        report(self.inner(), &self.loops)
    }
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
