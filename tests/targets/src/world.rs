//! The zones that are asked, and a server that has them.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use bailiwick_answer::{Cookies, Secret, Secrets, Settings};
use bailiwick_meter::{Action, Effect, Limit, Meter, Tick, TrafficRule};
use bailiwick_server::{Control, Limits, NotifyReply, ServerOptions};
use bailiwick_zone::master::{self, ParseOptions};
use bailiwick_zone::{HashKey, Name, Serial, Zone, ZoneSet};

/// Master files of zones with the hard cases in them: unsigned, with NSEC, with NSEC3 and opt-out.
pub(crate) const TEXTS: [&str; 3] = [
    include_str!("../data/plain.zone"),
    include_str!("../data/nsec.zone"),
    include_str!("../data/nsec3.zone"),
];

/// Those zones.
pub(crate) static ZONES: LazyLock<Arc<ZoneSet>> = LazyLock::new(|| {
    let zones = TEXTS
        .iter()
        .zip(0..)
        .map(|(text, slot)| Arc::new(build(text).with_slot(slot)));
    Arc::new(ZoneSet::new(&key()).with_all(zones))
});

/// The key that all of this is hashed with: the same in every run, so that findings repeat.
pub(crate) fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn build(text: &str) -> Zone {
    let parsed = master::parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    Zone::build(&parsed.apex, &parsed.records, &key()).unwrap()
}

/// Options of a server that answers for [`ZONES`] with traffic rules of every kind in force, and
/// lets 127.0.0.0/8 transfer.
pub(crate) fn options(listen: Vec<SocketAddr>) -> ServerOptions {
    let meter = Arc::new(Meter::new(key()));
    meter.install_rules(rules());
    ServerOptions {
        listen,
        threads: 1,
        zones: Arc::new(ArcSwap::new(Arc::clone(&ZONES))),
        meter,
        allow_transfer: Arc::new(ArcSwap::from_pointee(vec!["127.0.0.0/8".parse().unwrap()])),
        control: Arc::new(Primary),
        answers: Arc::new(ArcSwap::from_pointee(answers())),
        unix_now: || NOW,
        rate_limiter: Arc::default(),
        limits: Limits {
            connections_per_address: 1000,
            ..Limits::default()
        },
        encrypted: None,
    }
}

/// Every option of an answer switched on.
pub(crate) fn answers() -> Settings {
    Settings {
        cookies: Cookies::Require(Secrets {
            previous: Some(Secret::new([2; 16])),
            ..Secrets::only(Secret::new([1; 16]))
        }),
        nsid: Some((*b"target").into()),
        identity: Some("target".to_owned()),
        version: Some("x".repeat(255)),
        report_agent: Some(Name::parse("agent.plain.").unwrap()),
        ..Settings::default()
    }
}

/// The time, seconds since 1970: it stands still, so that findings repeat.
pub(crate) const NOW: u64 = 0x7fff_ffff;

fn rules() -> Vec<TrafficRule> {
    let limit = Limit {
        per_second: 1,
        burst: 1,
        v4_len: 24,
        v6_len: 56,
        over: Action::Slip(2),
    };
    let effects = [
        (
            "denied.plain.",
            Effect::Act(Action::Deny {
                rcode: 5,
                ede: Some(15),
            }),
        ),
        ("dropped.plain.", Effect::Act(Action::Drop)),
        ("truncated.plain.", Effect::Act(Action::Truncate)),
        ("slow.plain.", Effect::Limit(limit)),
    ];
    effects
        .into_iter()
        .zip(1..)
        .map(|((suffix, effect), id)| TrafficRule {
            id,
            source: None,
            zone: None,
            suffix: Some(Name::parse(suffix).unwrap()),
            rtype: None,
            transport: None,
            effect,
            priority: 0,
            ends: Tick::NEVER,
            attack: false,
            dry_run: false,
        })
        .collect()
}

/// Takes every NOTIFY and gives every zone away in one short message.
struct Primary;

impl Control for Primary {
    fn notify(&self, _: &Name, _: Option<Serial>, _: SocketAddr) -> NotifyReply {
        NotifyReply::Accepted
    }

    fn transfer_out(
        &self,
        _: Arc<Zone>,
        request: &[u8],
        _: SocketAddr,
    ) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let mut message = request.get(..12).unwrap_or_default().to_vec();
        if let Some(flags) = message.get_mut(2) {
            *flags |= 0x80;
        }
        Box::new(std::iter::once(message))
    }
}
