//! RFC 9567: DNS error reporting. What the name of a report says is tested beside the code that reads
//! it (`host/answer/src/report.rs`); that reports are counted and shown, in `served.rs`.

use bailiwick_zone::Name;

use super::message::{Ask, Host};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.test.
medium.example. 60 TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
medium.example. 60 TXT \"1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
medium.example. 60 TXT \"2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
medium.example. 60 TXT \"31234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
";
const AGENT: &str = "\
agent.test. 60 SOA ns.example. host.example. 1 2 3 4 60
agent.test. 60 NS ns.test.
*._er.agent.test. 60 TXT \"received\"
";
const CHANNEL: u16 = 18;

fn host() -> Host {
    let agent = Name::parse("agent.test.").unwrap();
    Host::new(&[ZONE, AGENT]).with(|settings| settings.report_agent = Some(agent))
}

/// 6.2: answers from our zones to those who speak EDNS carry the agent domain, without being asked.
#[test]
fn s6_2_answers_name_the_agent_domain() {
    for name in ["example.", "none.example."] {
        let reply = host().udp(&Ask::new(name, "SOA").edns());
        assert_eq!(reply.option(CHANNEL), Some(&b"\x05agent\x04test\x00"[..]));
        assert!(host().udp(&Ask::new(name, "SOA")).opt.is_none());
    }
}

/// 6.2: where no agent is configured the option is not sent.
#[test]
fn s6_2_without_an_agent_there_is_no_channel() {
    let reply = Host::new(&[ZONE]).udp(&Ask::new("example.", "SOA").edns());
    assert!(reply.opt.unwrap().options.is_empty());
}

/// Only the servers of a zone speak for it: a refusal names no agent.
#[test]
fn a_refusal_names_no_agent() {
    assert_eq!(
        host()
            .udp(&Ask::new("elsewhere.", "A").edns())
            .option(CHANNEL),
        None
    );
}

/// 6.2: the option does not push records out of an answer.
#[test]
fn s6_2_nothing_is_cut_for_the_option() {
    let ask = Ask::new("medium.example.", "TXT").edns_with(|edns| edns.size = 512);
    let reply = host().udp(&ask);
    assert_eq!((reply.set().as_str(), reply.counts[1]), ("aa", 4));
    assert!(
        reply.octets.len() > 512 - 4 - 12,
        "the zone leaves no room: {}",
        reply.octets.len()
    );
    assert_eq!(reply.option(CHANNEL), None);
    assert!(host().tcp(&ask).option(CHANNEL).is_some());
}

/// 6.1: the answer to a report names no agent, so that reports about reports do not go round;
/// 6.3: a report gets a positive answer from the zone.
#[test]
fn s6_3_a_report_is_answered_from_the_zone() {
    let reply = host().tcp(&Ask::new("_er.1.broken.example.7._er.agent.test.", "TXT").edns());
    assert_eq!((reply.rcode().as_str(), reply.counts[1]), ("NOERROR", 1));
    assert_eq!(reply.option(CHANNEL), None);
}
