//! The policy as the host calls it: windows in, rules out; subjects in, rulings out.

use std::collections::BTreeMap;

use bailiwick_plugin_sdk::abuse::{
    Abuse as _, Change, Effect, HitColumns, NameColumns, Rule, SignUp, SourceColumns, Subject,
    Window, ZoneChange, ZoneClaim, ZoneColumns,
};
use bailiwick_plugin_sdk::rows::{HitRow, NameRow, SourceRow};
use bailiwick_plugin_sdk::{
    AccountFacts, Action, Call, Difference, Plugin as _, Prefix, Ruling, Usage, Verdict, ZoneFacts,
    ZoneKind, testing,
};

use crate::Policy;
use crate::settings::Settings;

fn policy() -> Policy {
    Policy::start(&Call::new(0, Settings::default())).unwrap()
}

fn source(prefix: &str, queries: u64, nxdomain: u64) -> SourceRow {
    SourceRow {
        source: prefix.parse().unwrap(),
        queries,
        nxdomain,
        limited: 0,
        any: 0,
        tcp: 0,
        bytes_in: queries * 40,
        bytes_out: queries * 110,
        distinct_names: nxdomain,
        distinct_zones: 1,
        main_zone: 0,
    }
}

fn below(suffix: &str, queries: u64, nxdomain: u64, labels: u64) -> NameRow {
    NameRow {
        zone: 7,
        suffix: suffix.into(),
        queries,
        nxdomain,
        distinct_sources: 3,
        distinct_labels: labels,
    }
}

/// One second of traffic.
fn window(
    start: u64,
    sources: Vec<SourceRow>,
    names: Vec<NameRow>,
    hits: Vec<(u64, u64)>,
) -> Window {
    Window {
        id: start,
        node: 1,
        start,
        end: start + 1000,
        total: Usage::none(),
        sources: SourceColumns::of(sources),
        names: NameColumns::of(names),
        zones: ZoneColumns::empty(),
        hits: HitColumns::of(
            hits.into_iter()
                .map(|(rule, matched)| HitRow { rule, matched }),
        ),
    }
}

fn inspect_with(policy: &mut Policy, settings: Settings, window: &Window) -> Vec<Change> {
    policy
        .inspect(&Call::new(window.end, settings), window)
        .unwrap()
}

fn inspect(policy: &mut Policy, window: &Window) -> Vec<Change> {
    inspect_with(policy, Settings::default(), window)
}

fn rules(changes: &[Change]) -> Vec<&Rule> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Put(rule) => Some(rule),
            _ => None,
        })
        .collect()
}

/// A flood from one prefix beside a quiet client.
fn torture(start: u64) -> Window {
    window(
        start,
        vec![
            source("127.1.0.0/24", 5000, 5000),
            source("127.2.0.0/24", 50, 2),
        ],
        vec![below("example.", 5050, 5002, 3000)],
        vec![],
    )
}

/// Water torture from few sources: each is limited below the suffix, marked as attack, and nobody
/// else is touched.
#[test]
fn torture_from_one_prefix_limits_that_prefix() {
    let changes = inspect(&mut policy(), &torture(0));
    let [rule] = rules(&changes)[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(rule.when.source, Some("127.1.0.0/24".parse().unwrap()));
    assert_eq!(rule.when.suffix.as_deref(), Some("example."));
    assert!(rule.attack && !rule.dry_run);
    assert_eq!(rule.ttl_ms, 10_000);
    let Effect::Limit(limit) = rule.then else {
        panic!()
    };
    assert_eq!((limit.per_second, limit.over), (20, Action::Slip(4)));
}

/// From everywhere at once: the suffix gets a bucket over UDP, so that resolvers come by TCP.
#[test]
fn torture_from_everywhere_limits_the_suffix() {
    let many = (0..200).map(|i| source(&format!("10.0.{i}.0/24"), 30, 30));
    let names = vec![below("www.example.", 6000, 6000, 4000)];
    let changes = inspect(&mut policy(), &window(0, many.collect(), names, vec![]));
    let [rule] = rules(&changes)[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(rule.when.source, None);
    assert_eq!(rule.when.suffix.as_deref(), Some("www.example."));
    assert_eq!(rule.when.zone, Some(7));
    assert!(rule.when.transport.is_some());
}

/// Neither a busy zone, nor one that is asked for one missing name again and again, nor a crawl of
/// moderate speed is torture.
#[test]
fn ordinary_traffic_makes_no_rules() {
    let busy = window(
        0,
        vec![source("192.0.2.0/24", 20_000, 1000)],
        vec![
            below("example.", 20_000, 1000, 900),
            below("wpad.example.", 5000, 5000, 1),
            below("crawled.example.", 199, 199, 199),
        ],
        vec![],
    );
    assert_eq!(inspect(&mut policy(), &busy), []);
}

/// A rule that holds is renewed by its matches (limited names are not looked up, so nothing else
/// shows), each time for twice as long, and not before half its life is over.
#[test]
fn rules_are_renewed_while_they_match() {
    let mut policy = policy();
    let id = rules(&inspect(&mut policy, &torture(0)))[0].id;
    let calm = |start| window(start, vec![], vec![], vec![(id, 4000)]);
    assert_eq!(inspect(&mut policy, &calm(2000)), []);
    let changes = inspect(&mut policy, &calm(6000));
    let renewed = rules(&changes);
    assert_eq!((renewed[0].id, renewed[0].ttl_ms), (id, 20_000));
}

/// The flood is over: no renewal, so the rule ends at its time.
#[test]
fn quiet_rules_are_left_to_end() {
    let mut policy = policy();
    let id = rules(&inspect(&mut policy, &torture(0)))[0].id;
    for start in (1000..11_000).step_by(1000) {
        assert_eq!(
            inspect(&mut policy, &window(start, vec![], vec![], vec![(id, 30)])),
            []
        );
    }
}

/// What returns soon after its rule ended is limited for twice as long, under the same id.
#[test]
fn returning_attacks_are_held_for_longer() {
    let mut policy = policy();
    let first = rules(&inspect(&mut policy, &torture(0)))[0].id;
    let changes = inspect(&mut policy, &torture(60_000));
    let again = rules(&changes);
    assert_eq!((again[0].id, again[0].ttl_ms), (first, 20_000));
    let changes = inspect(&mut policy, &torture(60_000 + 400_000));
    assert_eq!(rules(&changes)[0].ttl_ms, 10_000, "forgotten by then");
}

/// Ids depend on the pattern alone: another instance gives the same.
#[test]
fn rule_ids_are_stable() {
    let one = rules(&inspect(&mut policy(), &torture(0)))[0].id;
    testing::host(|host| host.kv.clear());
    let changes = inspect(&mut policy(), &torture(999_000));
    assert_eq!(rules(&changes)[0].id, one);
}

/// A new version goes on with the rules of the one before and puts them with limits of its own.
#[test]
fn reload_goes_on_with_rules_and_changes_them() {
    let id = rules(&inspect(&mut policy(), &torture(0)))[0].id;
    let mut settings = Settings::default();
    settings.torture.source_per_second = 3;
    let hits = window(1500, vec![], vec![], vec![(id, 4000)]);
    let changes = inspect_with(&mut policy(), settings, &hits);
    let [rule] = rules(&changes)[..] else {
        panic!("{changes:?}")
    };
    let Effect::Limit(limit) = rule.then else {
        panic!()
    };
    assert_eq!((rule.id, limit.per_second), (id, 3));
}

/// Large answers to somebody who keeps asking ANY over UDP.
#[test]
fn reflection_is_limited_by_type_and_transport() {
    let victim = SourceRow {
        any: 990,
        bytes_out: 3_000_000,
        distinct_names: 1,
        ..source("203.0.113.0/24", 1000, 0)
    };
    let changes = inspect(&mut policy(), &window(0, vec![victim], vec![], vec![]));
    let [rule] = rules(&changes)[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(rule.when.rr_type, Some(255));
    assert!(rule.when.transport.is_some());
}

/// Many different names with large signed answers are a resolver at work; so is TCP.
#[test]
fn resolvers_of_signed_zones_are_no_victims() {
    let resolver = SourceRow {
        bytes_out: 3_000_000,
        distinct_names: 800,
        ..source("203.0.113.0/24", 1000, 0)
    };
    let over_tcp = SourceRow {
        bytes_out: 3_000_000,
        distinct_names: 1,
        tcp: 900,
        ..source("203.0.113.0/24", 1000, 0)
    };
    for row in [resolver, over_tcp] {
        assert_eq!(
            inspect(&mut policy(), &window(0, vec![row], vec![], vec![])),
            []
        );
    }
}

/// One source beyond measure is limited to the measure; a source with a fitting rule gets no second.
#[test]
fn floods_are_limited_to_the_threshold() {
    let flood = source("198.51.100.0/24", 80_000, 0);
    let changes = inspect(&mut policy(), &window(0, vec![flood], vec![], vec![]));
    let [rule] = rules(&changes)[..] else {
        panic!("{changes:?}")
    };
    let Effect::Limit(limit) = rule.then else {
        panic!()
    };
    assert_eq!(limit.per_second, 50_000);
    let mut both = torture(0);
    both.sources = SourceColumns::of([source("127.1.0.0/24", 90_000, 90_000)]);
    testing::host(|host| host.kv.clear());
    assert_eq!(rules(&inspect(&mut policy(), &both)).len(), 1);
}

/// No rule is made for whom the operator trusts.
#[test]
fn trusted_sources_are_left_alone() {
    let mut settings = Settings::default();
    settings.rules.trusted = vec!["198.51.0.0/16".into()];
    let flood = source("198.51.100.0/24", 80_000, 0);
    let window = window(0, vec![flood], vec![], vec![]);
    assert_eq!(inspect_with(&mut policy(), settings, &window), []);
}

/// Who measures from this machine, even with random names, is no attack; a neighbour on the loopback
/// network is one.
#[test]
fn measuring_from_this_machine_makes_no_rules() {
    let from = |prefix| {
        let rows = vec![source(prefix, 300_000, 300_000)];
        let names = vec![below("example.", 300_000, 300_000, 3000)];
        inspect(&mut policy(), &window(0, rows, names, vec![]))
    };
    assert_eq!(from("127.0.0.0/24"), []);
    assert_eq!(from("::/56"), []);
    assert_eq!(rules(&from("127.1.1.0/24")).len(), 1);
}

/// However many suffixes are attacked, a window changes no more than the host takes.
#[test]
fn changes_stay_within_the_limit() {
    let names = (0..256).map(|i| below(&format!("z{i}.example."), 9000, 9000, 3000));
    let changes = inspect(&mut policy(), &window(0, vec![], names.collect(), vec![]));
    assert!(!changes.is_empty() && changes.len() <= 256);
    let ids: BTreeMap<_, _> = rules(&changes).iter().map(|rule| (rule.id, ())).collect();
    assert_eq!(ids.len(), rules(&changes).len(), "an id twice");
}

/// A suffix that keeps being attacked is told to a person, once.
#[test]
fn lasting_attacks_are_raised_once() {
    let mut policy = policy();
    let distributed = |start| {
        window(
            start,
            vec![],
            vec![below("example.", 9000, 9000, 3000)],
            vec![],
        )
    };
    let mut raised = 0;
    let mut start = 0;
    for _ in 0..8 {
        let changes = inspect(&mut policy, &distributed(start));
        raised += changes
            .iter()
            .filter(|change| matches!(change, Change::Raise(_)))
            .count();
        start += u64::from(rules(&changes)[0].ttl_ms);
    }
    assert_eq!(raised, 1);
}

fn admit(subject: Subject) -> Ruling {
    policy()
        .admit(&Call::new(OLD, Settings::default()), &subject)
        .unwrap()
}

fn codes(ruling: &Ruling) -> (&'static str, Vec<&str>) {
    let (kind, findings) = match &ruling.verdict {
        Verdict::Accept => ("accept", &[][..]),
        Verdict::Hold(findings) => ("hold", &findings[..]),
        Verdict::Refuse(findings) => ("refuse", &findings[..]),
    };
    (
        kind,
        findings
            .iter()
            .map(|finding| finding.code.as_str())
            .collect(),
    )
}

const OLD: u64 = 100 * 86_400_000;

fn account() -> AccountFacts {
    AccountFacts {
        account: 1,
        plan: "basic".into(),
        created: 0,
        activated: true,
        zones: 1,
        held: 0,
        cases: 0,
        tags: vec![],
        extra: vec![],
    }
}

fn claim(apex: &str, registrable: Option<&str>) -> ZoneClaim {
    ZoneClaim {
        zone: 1,
        apex: apex.into(),
        registrable: registrable.map(Into::into),
        kind: ZoneKind::Secondary,
        account: account(),
        network: "192.0.2.0/24".parse().unwrap(),
        primaries: vec![],
        rivals: 0,
        parent_ns: vec![],
        extra: vec![],
    }
}

fn sign_up(domain: &str, network_recent: u32, domain_recent: u32) -> Subject {
    Subject::SignUp(SignUp {
        account: 1,
        email_domain: domain.into(),
        email_local_hash: vec![],
        network: "192.0.2.0/24".parse::<Prefix>().unwrap(),
        network_recent,
        domain_recent,
        extra: vec![],
    })
}

/// Bursts from one network are held, then refused; providers of the public have many customers.
#[test]
fn sign_up_bursts_are_held_and_refused() {
    assert_eq!(codes(&admit(sign_up("shop.com", 1, 1))).0, "accept");
    assert_eq!(
        codes(&admit(sign_up("shop.com", 5, 1))),
        ("hold", vec!["sign-up-burst"])
    );
    assert_eq!(
        codes(&admit(sign_up("shop.com", 50, 1))),
        ("refuse", vec!["sign-up-burst"])
    );
    assert_eq!(
        codes(&admit(sign_up("shop.com", 1, 20))),
        ("hold", vec!["mail-domain-burst"])
    );
    assert_eq!(codes(&admit(sign_up("gmail.com", 1, 2000))).0, "accept");
    assert_eq!(
        codes(&admit(sign_up("Mailinator.com", 1, 1))),
        ("hold", vec!["throwaway-address"])
    );
}

/// Public suffixes and special-use names are nobody's; ours are ours.
#[test]
fn impossible_names_are_refused() {
    let refused = |apex, registrable| {
        let ruling = admit(Subject::ZoneClaim(claim(apex, registrable)));
        let (kind, codes) = codes(&ruling);
        assert_eq!(kind, "refuse", "{apex}");
        codes.join(" ")
    };
    assert_eq!(refused("co.uk.", None), "public-suffix");
    assert_eq!(
        refused("shop.example.", Some("shop.example.")),
        "special-use-name"
    );
    assert_eq!(refused("home.arpa.", None), "special-use-name");
    let mut settings = Settings::default();
    settings.claims.own_names = vec!["bailiwick.dev".into()];
    let subject = Subject::ZoneClaim(claim("ns.bailiwick.dev.", Some("bailiwick.dev.")));
    let ruling = policy().admit(&Call::new(OLD, settings), &subject).unwrap();
    assert_eq!(codes(&ruling), ("refuse", vec!["our-own-name"]));
}

/// S10: look-alikes are held under trademark violation; whose name it is may claim it.
#[test]
fn look_alikes_are_held_with_their_category() {
    use bailiwick_plugin_sdk::AbuseCategory;
    for (apex, code) in [
        ("paypa1.com.", "disguised-name"),
        ("paypal-login.net.", "name-with-keyword"),
        ("paypal.xyz.", "protected-name"),
        ("micorsoft.org.", "misspelt-name"),
    ] {
        let ruling = admit(Subject::ZoneClaim(claim(apex, Some(apex))));
        assert_eq!(codes(&ruling), ("hold", vec![code]), "{apex}");
        let Verdict::Hold(findings) = &ruling.verdict else {
            panic!()
        };
        assert_eq!(
            findings[0].category,
            Some(AbuseCategory::TrademarkCopyright)
        );
    }
    let own = admit(Subject::ZoneClaim(claim(
        "paypal.com.",
        Some("paypal.com."),
    )));
    assert_eq!(codes(&own).0, "accept");
    let below = admit(Subject::ZoneClaim(claim(
        "login.paypa1.com.",
        Some("paypa1.com."),
    )));
    assert_eq!(
        codes(&below).0,
        "hold",
        "every label that was chosen counts"
    );
}

/// An ordinary claim of an ordinary account goes through, and rivals are only mentioned.
#[test]
fn ordinary_claims_are_accepted() {
    let mut claim = claim("my-little-shop24.com.", Some("my-little-shop24.com."));
    claim.rivals = 2;
    let ruling = admit(Subject::ZoneClaim(claim));
    assert_eq!(codes(&ruling).0, "accept");
    assert_eq!(ruling.notes[0].code, "claimed-by-others");
}

/// Throwaway claims: generated names and many zones in young accounts, and what happened before.
#[test]
fn throwaway_claims_are_held() {
    let with = |change: &dyn Fn(&mut ZoneClaim)| {
        let mut claim = claim("a7f3k9d2q8.com.", Some("a7f3k9d2q8.com."));
        change(&mut claim);
        let ruling = admit(Subject::ZoneClaim(claim));
        let (kind, codes) = codes(&ruling);
        (kind, codes.join(" "))
    };
    assert_eq!(with(&|_| {}).0, "accept", "an old account may");
    let young = with(&|claim| {
        claim.account.created = OLD - 1000;
        claim.account.zones = 20;
    });
    assert_eq!(
        young,
        (
            "hold",
            "many-zones-young-account random-looking-name".into()
        )
    );
    assert_eq!(
        with(&|claim| claim.account.cases = 1),
        ("hold", "earlier-abuse".into())
    );
    assert_eq!(
        with(&|claim| claim.account.cases = 3),
        ("refuse", "earlier-abuse".into())
    );
    assert_eq!(
        with(&|claim| claim.account.held = 10),
        ("refuse", "too-many-waiting".into())
    );
    assert_eq!(
        with(&|claim| claim.account.activated = false),
        ("hold", "not-activated".into())
    );
}

/// The thirty-first claim of an hour from one network is held; an hour later nothing is.
#[test]
fn claim_bursts_are_held_for_an_hour() {
    let mut policy = policy();
    let mut at = |now| {
        let subject = Subject::ZoneClaim(claim("shop.com.", Some("shop.com.")));
        let ruling = policy.admit(&Call::new(now, Settings::default()), &subject);
        codes(&ruling.unwrap()).0
    };
    for _ in 0..30 {
        assert_eq!(at(OLD), "accept");
    }
    assert_eq!(at(OLD), "hold");
    assert_eq!(at(OLD + 3_600_000), "accept");
}

/// Bait below an accepted zone is held; a host named after a provider is not.
#[test]
fn changes_that_add_bait_are_held() {
    let zone = ZoneFacts {
        zone: 1,
        apex: "shop.com.".into(),
        kind: ZoneKind::Hosted,
        account: 1,
        plan: "basic".into(),
        serial: 1,
        records: 5,
        signed: false,
        created: 0,
        tags: vec![],
        extra: vec![],
    };
    let change = |added: &str| {
        admit(Subject::ZoneChange(ZoneChange {
            zone: zone.clone(),
            account: account(),
            difference: Difference {
                names_added: vec![added.into()],
                ..Difference::empty()
            },
            findings: vec![],
            extra: vec![],
        }))
    };
    assert_eq!(
        codes(&change("paypal-login.shop.com.")),
        ("hold", vec!["name-with-keyword"])
    );
    assert_eq!(codes(&change("google.shop.com.")).0, "accept");
    assert_eq!(codes(&change("www.shop.com.")).0, "accept");
}
