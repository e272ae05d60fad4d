//! The loops with a scripted judge: what is asked, what is put in force, what a failure leaves.

mod traffic;
mod zone_wishes;

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

impl Fixture {
    fn report(&self) -> TablesReport {
        report(self.inner(), &self.loops)
    }
}
