//! No allocation when warm: what was answered once is answered again without asking for memory.

mod common;

use bailiwick_answer::{Cookies, Job, Secret, Secrets, Settings, Transport, Workspace};
use bailiwick_zone::{LookupName, Name};
use common::{query, signed, zones};

const ZONE: &str = "\
example. 60 SOA ns.test. host.test. 1 2 3 4 60
example. 60 NS ns.example.
example. 60 DNSKEY 256 3 13 AAAA
example. 60 NSEC a.example. NS SOA RRSIG NSEC DNSKEY
ns.example. 60 A 192.0.2.1
ns.example. 60 NSEC sub.example. A RRSIG NSEC
a.example. 60 CNAME b.example.
a.example. 60 NSEC b.example. CNAME RRSIG NSEC
b.example. 60 CNAME ns.example.
b.example. 60 NSEC d.example. CNAME RRSIG NSEC
d.example. 60 DNAME ns.example.
d.example. 60 NSEC ns.example. DNAME RRSIG NSEC
sub.example. 60 NS ns.sub.example.
sub.example. 60 NSEC *.w.example. NS RRSIG NSEC
ns.sub.example. 60 A 192.0.2.2
*.w.example. 60 A 192.0.2.3
*.w.example. 60 NSEC example. A RRSIG NSEC";

/// One NSEC3 that matches nothing and covers everything.
const ZONE3: &str = "\
hashed. 60 SOA ns.test. host.test. 1 2 3 4 60
hashed. 60 NS ns.test.
hashed. 60 DNSKEY 256 3 13 AAAA
hashed. 60 NSEC3PARAM 1 0 2 AABB
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.hashed. 60 NSEC3 1 1 2 AABB 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NS
*.w.hashed. 60 A 192.0.2.3";

/// The promise of this crate, for every kind of answer, with and without proofs.
#[test]
fn a_warm_answer_allocates_nothing() {
    let zones = zones(&[&signed(ZONE), &signed(ZONE3)]);
    let questions = [
        "ns.example. A",
        "NS.example. TXT",
        "nothing.example. A",
        "a.example. A",
        "x.d.example. A",
        "www.sub.example. A",
        "any.w.example. A",
        "any.w.example. TXT",
        "ns.example. ANY",
        "ns.elsewhere. A",
        "nothing.hashed. A",
        "hashed. MX",
        "any.w.hashed. A",
        "any.w.hashed. TXT",
    ];
    let mut work = Workspace::default();
    let mut name = LookupName::new();
    let mut out = [0; 4096];
    let settings = Settings::default();
    for question in questions {
        for edns in [None, Some((1232, false)), Some((1232, true))] {
            let message = query(question, edns);
            let mut answer = || {
                let job =
                    Job::prepare(&zones, &message, Transport::Udp, &mut name).expect("a query");
                job.prefetch(&name);
                assert!(
                    job.answer(&message, &name, &mut work, &settings, &mut out)
                        .len
                        > 0
                );
            };
            answer();
            let counted = allocation_counter::measure(answer);
            assert_eq!(counted.count_total, 0, "{question} {edns:?}");
        }
    }
}

/// The same with every option asked for and given.
#[test]
fn a_warm_answer_to_options_allocates_nothing() {
    let zones = zones(&[ZONE]);
    let settings = Settings {
        cookies: Cookies::Answer(Secrets::only(Secret::new([1; 16]))),
        nsid: Some((*b"here").into()),
        report_agent: Some(Name::parse("agent.test.").unwrap()),
        ..Settings::default()
    };
    let mut message = query("ns.example. A", Some((1232, true)));
    let options = b"\x00\x03\x00\x00\x00\x13\x00\x00\x00\x0a\x00\x08a client";
    let length_at = message.len() - 1;
    message[length_at] = options.len() as u8;
    message.extend_from_slice(options);
    let (mut work, mut name, mut out) = (Workspace::default(), LookupName::new(), [0; 4096]);
    let mut answer = || {
        let job = Job::prepare(&zones, &message, Transport::Udp, &mut name).expect("a query");
        let asked = job.heed(&message, [192, 0, 2, 1].into(), 1_700_000_000, &settings);
        let job = job.heeding(&asked, &settings);
        job.answer(&message, &name, &mut work, &settings, &mut out)
            .len
    };
    // The record, and in OPT the cookie, the identifier, the version and the channel.
    let expected = message.len() - options.len() + 16 + 28 + 8 + 10 + 16;
    assert_eq!(answer(), expected);
    let counted = allocation_counter::measure(|| assert!(answer() > 0));
    assert_eq!(counted.count_total, 0);
}
