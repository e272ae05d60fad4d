//! The policy as the host calls it.

use bailiwick_plugin_sdk::brand_ns::{Ask, BrandNs as _, Cause, Outcome, Plan, Server};
use bailiwick_plugin_sdk::{AccountFacts, Call, Evidence, Ruling, Verdict, ZoneFacts, ZoneKind};

use crate::Policy;
use crate::settings::Settings;

fn server(node: u32) -> Server {
    Server {
        node,
        fleet_name: format!("n{node}.fleet.net."),
        v4: vec![0xC000_0200 + node],
        v6: vec![std::net::Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, node as u16).into()],
    }
}

fn ask(wanted: &[&str]) -> Ask {
    Ask {
        cause: Cause::Asked,
        zone: ZoneFacts {
            zone: 1,
            apex: "example.com.".into(),
            kind: ZoneKind::Hosted,
            account: 1,
            plan: "premium".into(),
            serial: 1,
            records: 10,
            signed: false,
            created: 0,
            tags: vec![],
            extra: vec![],
        },
        account: AccountFacts {
            account: 1,
            plan: "premium".into(),
            created: 0,
            activated: true,
            zones: 1,
            held: 0,
            cases: 0,
            tags: vec![],
            extra: vec![],
        },
        wanted: wanted.iter().map(|&name| name.into()).collect(),
        servers: vec![server(1), server(2), server(3)],
        taken: vec![],
        present: None,
        present_servers: vec![],
        parent_ns: vec![],
        extra: vec![],
    }
}

fn outcome(settings: Settings, ask: &Ask) -> Outcome {
    Policy.plan_zone(&Call::new(0, settings), ask).unwrap()
}

fn refused(ask: &Ask) -> Vec<String> {
    match outcome(Settings::default(), ask) {
        Outcome::Refuse(findings) => findings.into_iter().map(|finding| finding.code).collect(),
        Outcome::Plan(plan) => panic!("{plan:?}"),
    }
}

fn planned(ask: &Ask) -> Plan {
    match outcome(Settings::default(), ask) {
        Outcome::Plan(plan) => plan,
        Outcome::Refuse(findings) => panic!("{findings:?}"),
    }
}

fn nodes(plan: &Plan) -> Vec<(&str, u32)> {
    let hosts = plan.hosts.iter();
    hosts.map(|host| (host.name.as_str(), host.node)).collect()
}

/// P4.2: the same brand as the zone. A common ending, a longer name and another domain are outside.
#[test]
fn names_outside_the_zone_are_refused() {
    for outside in [
        "ns1.example.org.",
        "ns1.notexample.com.",
        "example.com.evil.net.",
        "com.",
    ] {
        assert_eq!(
            refused(&ask(&["ns1.example.com.", outside])),
            ["outside-zone"],
            "{outside}"
        );
    }
}

/// P4.2: the finding names the rule, the name, and is in words.
#[test]
fn refusals_name_the_rule_and_the_name() {
    let Outcome::Refuse(findings) = outcome(
        Settings::default(),
        &ask(&["ns1.example.com.", "ns1.example.org."]),
    ) else {
        panic!()
    };
    assert_eq!(findings[0].about.as_deref(), Some("ns1.example.org."));
    assert!(
        findings[0]
            .message
            .contains("outside the zone example.com.")
    );
}

/// A name server needs a name below the apex.
#[test]
fn apex_itself_is_refused() {
    assert_eq!(
        refused(&ask(&["example.com.", "ns1.example.com."])),
        ["not-below-apex"]
    );
}

/// Names with other data, names twice, and names that are no hosts.
#[test]
fn unusable_names_are_refused() {
    let mut taken = ask(&["www.example.com.", "ns2.example.com."]);
    taken.taken = vec!["www.example.com.".into()];
    assert_eq!(refused(&taken), ["taken"]);
    assert_eq!(
        refused(&ask(&["NS1.example.com", "ns1.example.com."])),
        ["duplicate"]
    );
    for name in ["*.example.com.", "_ns.example.com.", "-a.example.com."] {
        assert_eq!(
            refused(&ask(&[name, "ns2.example.com."])),
            ["not-a-host-name"],
            "{name}"
        );
    }
}

/// Two names at least; no more than nodes.
#[test]
fn number_of_names_is_bounded() {
    assert_eq!(refused(&ask(&["ns1.example.com."])), ["too-few"]);
    let four = [
        "a.example.com.",
        "b.example.com.",
        "c.example.com.",
        "d.example.com.",
    ];
    assert_eq!(refused(&ask(&four)), ["too-many"]);
    let mut lonely = ask(&[]);
    lonely.servers.truncate(1);
    assert_eq!(refused(&lonely), ["too-few-servers"]);
}

/// P4.1: plans without brands are told which have them.
#[test]
fn plans_without_brands_are_refused() {
    let settings = Settings {
        plans: vec!["enterprise".into()],
        ..Settings::default()
    };
    let Outcome::Refuse(findings) = outcome(settings, &ask(&[])) else {
        panic!()
    };
    assert_eq!(findings[0].code, "plan-without-brand");
    assert!(findings[0].message.contains("enterprise"));
}

/// All broken rules at once, so that a form is filled in once.
#[test]
fn every_broken_rule_is_told() {
    let wanted = ["ns1.example.org.", "example.com.", "_x.example.com."];
    assert_eq!(
        refused(&ask(&wanted)),
        ["outside-zone", "not-below-apex", "not-a-host-name"]
    );
}

/// P4.1: nothing wanted gives ns1, ns2 … below the apex, one for each node, passing by taken names.
#[test]
fn names_are_chosen_where_none_are_wanted() {
    let mut ask = ask(&[]);
    ask.taken = vec!["ns2.example.com.".into()];
    let plan = planned(&ask);
    assert_eq!(
        nodes(&plan),
        [
            ("ns1.example.com.", 1),
            ("ns3.example.com.", 2),
            ("ns4.example.com.", 3)
        ]
    );
    assert_eq!(plan.mname, "ns1.example.com.");
    assert_eq!(plan.rname, "hostmaster.example.com.");
}

/// Wanted names stand in the order in which they were given.
#[test]
fn wanted_names_are_taken() {
    let plan = planned(&ask(&["dns-b.example.com.", "a.dns.example.com."]));
    assert_eq!(
        nodes(&plan),
        [("dns-b.example.com.", 1), ("a.dns.example.com.", 2)]
    );
}

/// P2.3: a parent that points elsewhere has to be changed, and shows when it has been.
#[test]
fn parent_that_differs_is_an_action() {
    let mut ask = ask(&[]);
    ask.parent_ns = vec!["ns1.elsewhere.net.".into()];
    let plan = planned(&ask);
    assert_eq!(plan.actions[0].code, "delegate");
    assert_eq!(plan.actions[0].cleared_by, Evidence::NS | Evidence::GLUE);
    assert_eq!(plan.actions[0].due, 14 * 86_400_000);
    ask.parent_ns = plan.ns;
    assert_eq!(planned(&ask).actions, []);
}

/// A zone that is served already, and its parent knows.
fn settled() -> Ask {
    let mut ask = ask(&[]);
    let plan = planned(&ask);
    ask.parent_ns = plan.ns.clone();
    ask.present = Some(plan);
    ask.present_servers = ask.servers.clone();
    ask.cause = Cause::Renumbered;
    ask
}

/// Nothing has changed: the same set, no work for anybody.
#[test]
fn settled_sets_stay_as_they_are() {
    let ask = settled();
    let plan = planned(&ask);
    assert_eq!(Some(&plan.ns), ask.present.as_ref().map(|plan| &plan.ns));
    assert_eq!(plan.actions, []);
    assert_eq!(plan.hosts[0].ttl, 3600);
}

/// A node got another address: the names stay, addresses are kept shorter, and the glue is due.
#[test]
fn renumbering_keeps_names_and_asks_for_glue() {
    let mut ask = settled();
    ask.servers[1].v4 = vec![0xC633_6401];
    let plan = planned(&ask);
    assert_eq!(nodes(&plan), nodes(&planned(&settled())));
    assert_eq!(plan.actions[0].code, "update-glue");
    assert_eq!(plan.actions[0].cleared_by, Evidence::GLUE);
    assert!(plan.actions[0].message.contains("of ns2.example.com."));
    assert_eq!(plan.hosts[0].ttl, 300);
}

/// The same addresses in another order are no renumbering.
#[test]
fn order_of_addresses_does_not_matter() {
    let mut ask = settled();
    ask.present_servers[0].v4 = vec![1, 2];
    ask.servers[0].v4 = vec![2, 1];
    assert_eq!(planned(&ask).actions, []);
}

/// A node is replaced: the others keep their names, the newcomer takes the one that is free.
#[test]
fn replaced_nodes_hand_their_name_on() {
    let mut ask = settled();
    ask.servers = vec![server(9), server(1), server(3)];
    let plan = planned(&ask);
    let mut pairs = nodes(&plan);
    pairs.sort_unstable();
    assert_eq!(
        pairs,
        [
            ("ns1.example.com.", 1),
            ("ns2.example.com.", 9),
            ("ns3.example.com.", 3)
        ]
    );
    assert_eq!(plan.actions[0].code, "update-glue");
}

/// The fleet shrinks: the name whose node is gone goes, and the parent has to drop it.
#[test]
fn names_without_a_node_go() {
    let mut ask = settled();
    ask.servers.remove(0);
    let plan = planned(&ask);
    assert_eq!(
        nodes(&plan),
        [("ns2.example.com.", 2), ("ns3.example.com.", 3)]
    );
    assert_eq!(plan.actions[0].code, "delegate");
}

/// Forms ask the same rules and change nothing; a family that is missing is only mentioned.
#[test]
fn forms_are_told_by_the_same_rules() {
    let check = |ask: &Ask| -> Ruling {
        let call = Call::new(0, Settings::default());
        Policy.check(&call, ask).unwrap()
    };
    let bad = check(&ask(&["ns1.example.org.", "ns1.example.com."]));
    assert!(matches!(bad.verdict, Verdict::Refuse(_)));
    let mut good = ask(&["ns1.example.com.", "ns2.example.com."]);
    good.servers[0].v6.clear();
    let good = check(&good);
    assert_eq!(good.verdict, Verdict::Accept);
    assert_eq!(good.notes[0].code, "family-missing");
}
