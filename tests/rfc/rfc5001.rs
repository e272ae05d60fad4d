//! RFC 5001: NSID; RFC 4892: identity in class CHAOS.

use super::message::{Ask, Host};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.test.
";
const NSID: u16 = 3;

fn host() -> Host {
    Host::new(&[ZONE])
}

fn named() -> Host {
    host().with(|settings| {
        settings.nsid = Some((*b"ns1\x00\xff").into());
        settings.identity = Some("ns1 in Sydney".to_owned());
        settings.version = Some("Bailiwick".to_owned());
    })
}

/// 2.1, 2.2: the identifier goes to those who ask for it, as it is, with every kind of answer.
#[test]
fn s2_2_nsid_comes_where_it_is_asked_for() {
    for ask in [
        Ask::new("example.", "SOA"),
        Ask::new("none.example.", "A"),
        Ask::new("elsewhere.", "A"),
        Ask::new("example.", "TKEY"),
    ] {
        let reply = named().udp(&ask.clone().option(NSID, &[]));
        assert_eq!(reply.option(NSID), Some(&b"ns1\x00\xff"[..]), "{ask:?}");
        assert_eq!(named().udp(&ask.edns()).option(NSID), None);
    }
}

/// 2.2: a server may choose not to say; then nothing is sent, not even an empty one.
#[test]
fn s2_2_without_an_identifier_there_is_no_option() {
    let reply = host().udp(&Ask::new("example.", "SOA").option(NSID, &[]));
    assert_eq!(
        (reply.rcode().as_str(), reply.option(NSID)),
        ("NOERROR", None)
    );
}

/// 2.4: what a query has in the option does not come back.
#[test]
fn s2_4_data_in_the_query_do_not_matter() {
    let reply = named().udp(&Ask::new("example.", "SOA").option(NSID, b"you"));
    assert_eq!(reply.option(NSID), Some(&b"ns1\x00\xff"[..]));
}

/// The strings of a TXT answer in class CHAOS.
fn chaos(host: &Host, name: &str, rtype: &str) -> (String, Vec<u8>) {
    let reply = host.udp(&Ask::new(name, rtype).class(3));
    let rdata = if reply.counts[1] == 0 {
        Vec::new()
    } else {
        // Behind the question: a pointer, TXT, CH, TTL 0, length.
        let record = &reply.octets[12 + reply.question.len()..];
        assert_eq!(record[..10], [0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0]);
        record[13..].to_vec()
    };
    (format!("{} {}", reply.rcode(), reply.set()), rdata)
}

/// RFC 4892 2: `id.server` in class CHAOS says which server it is, as `hostname.bind` always did; the
/// version has names of its own. Case does not matter.
#[test]
fn rfc4892_s2_servers_say_who_they_are() {
    for name in ["id.server.", "hostname.bind.", "ID.Server."] {
        let said = ("NOERROR aa".to_owned(), b"ns1 in Sydney".to_vec());
        assert_eq!(chaos(&named(), name, "TXT"), said);
    }
    for name in ["version.server.", "version.bind.", "VERSION.bind."] {
        let said = ("NOERROR aa".to_owned(), b"Bailiwick".to_vec());
        assert_eq!(chaos(&named(), name, "TXT"), said);
    }
}

/// RFC 4892 3: an operator may keep it to himself: REFUSED, as for every other name in class CHAOS.
#[test]
fn rfc4892_s3_switched_off_they_are_refused() {
    for name in [
        "id.server.",
        "hostname.bind.",
        "version.server.",
        "version.bind.",
    ] {
        assert_eq!(
            chaos(&host(), name, "TXT"),
            ("REFUSED ".to_owned(), Vec::new())
        );
    }
    for name in [
        "authors.bind.",
        "server.",
        "bind.",
        ".",
        "x.id.server.",
        "example.",
    ] {
        assert_eq!(
            chaos(&named(), name, "TXT"),
            ("REFUSED ".to_owned(), Vec::new()),
            "{name}"
        );
    }
}

/// Another type of a name that is there is NODATA.
#[test]
fn another_type_of_a_chaos_name_is_nodata() {
    assert_eq!(
        chaos(&named(), "id.server.", "A"),
        ("NOERROR aa".to_owned(), Vec::new())
    );
}

/// The names mean nothing in class IN.
#[test]
fn in_class_in_they_are_ordinary_names() {
    assert_eq!(
        named().udp(&Ask::new("id.server.", "TXT")).rcode(),
        "REFUSED"
    );
}
