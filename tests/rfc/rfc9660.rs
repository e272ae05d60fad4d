//! RFC 9660: ZONEVERSION.

use super::message::{Ask, Host};

const PARENT: &str = "\
example. 60 SOA ns.example. host.example. 2026112201 2 3 4 60
example. 60 NS ns.test.
www.example. 60 A 192.0.2.1
ent.ent.example. 60 A 192.0.2.1
cut.example. 60 NS ns.elsewhere.
alias.example. 60 CNAME a.sub.example.
";
const CHILD: &str = "\
sub.example. 60 SOA ns.example. host.example. 4294967295 2 3 4 60
sub.example. 60 NS ns.test.
a.sub.example. 60 A 192.0.2.1
";
const ROOT: &str = ". 60 SOA ns. host. 7 2 3 4 60\n. 60 NS ns.\nns. 60 A 192.0.2.1\n";
const ZONEVERSION: u16 = 19;

fn version(zones: &[&str], name: &str, rtype: &str) -> Option<Vec<u8>> {
    let ask = Ask::new(name, rtype).option(ZONEVERSION, &[]);
    Host::new(zones)
        .udp(&ask)
        .option(ZONEVERSION)
        .map(<[u8]>::to_vec)
}

/// 2.1: label count of the zone, type SOA-SERIAL, the serial.
fn serial(labels: u8, serial: u32) -> Option<Vec<u8>> {
    Some([&[labels, 0][..], &serial.to_be_bytes()].concat())
}

/// 3.2: answers, NODATA, NXDOMAIN and referrals carry the serial of the zone they are from.
#[test]
fn s3_2_every_answer_of_a_zone_carries_its_serial() {
    for (name, rtype) in [
        ("www.example.", "A"),
        ("www.example.", "MX"),
        ("ent.example.", "A"),
        ("none.example.", "A"),
        ("x.cut.example.", "A"),
    ] {
        assert_eq!(
            version(&[PARENT], name, rtype),
            serial(1, 2_026_112_201),
            "{name}"
        );
    }
}

/// 2.1: LABELCOUNT tells which of the enclosing zones it is; the root has none.
#[test]
fn s2_1_the_label_count_names_the_zone() {
    let zones = [PARENT, CHILD, ROOT];
    assert_eq!(version(&zones, "a.sub.example.", "A"), serial(2, u32::MAX));
    assert_eq!(
        version(&zones, "www.example.", "A"),
        serial(1, 2_026_112_201)
    );
    assert_eq!(version(&zones, "none.", "A"), serial(0, 7));
    // RFC 4035 3.1.4.1: DS is the parent's.
    assert_eq!(
        version(&zones, "sub.example.", "DS"),
        serial(1, 2_026_112_201)
    );
}

/// 2: the zone is that of the question's name, wherever an alias leads.
#[test]
fn s2_an_alias_does_not_change_the_zone() {
    assert_eq!(
        version(&[PARENT, CHILD], "alias.example.", "A"),
        serial(1, 2_026_112_201)
    );
}

/// 3.2: where no zone encloses the name there is no version.
#[test]
fn s3_2_without_a_zone_there_is_no_version() {
    assert_eq!(version(&[PARENT], "elsewhere.", "A"), None);
}

/// 3.1, 3.2: it has to be asked for; data in the query are ignored; the operator may switch it off.
#[test]
fn s3_it_has_to_be_asked_for_and_can_be_switched_off() {
    let ask = Ask::new("www.example.", "A");
    let host = Host::new(&[PARENT]);
    assert_eq!(host.udp(&ask.clone().edns()).option(ZONEVERSION), None);
    let full = ask.clone().option(ZONEVERSION, &[9; 6]);
    assert_eq!(
        host.udp(&full).option(ZONEVERSION).map(<[u8]>::to_vec),
        serial(1, 2_026_112_201)
    );
    let off = host.with(|settings| settings.zone_version = false);
    assert_eq!(off.udp(&full).option(ZONEVERSION), None);
}
