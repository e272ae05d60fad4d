//! Issue point 8, RELIABILITY X1 to X6: whatever a primary does, the version in force stays, it is answered,
//! and the reason is said in words.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::primary::{Answer, Primary, asks_for_axfr, send, soa_answer, whole_zone};
use super::{Node, quick_limits};
use crate::testing::name;
use crate::{TransferLimits, ZoneState};

const ZONE: &str = "example.org.";

/// A zone at serial 1; then the primary misbehaves as `tcp` says while it offers serial 2. The zone must
/// stay, and the error must hold `words`.
fn transfer_fails(words: &str, tcp: impl Fn(&[u8], &mut TcpStream) + Send + Sync + 'static) {
    probe_and_transfer_fail(words, soa_answer(ZONE, 2), tcp);
}

fn probe_and_transfer_fail(
    words: &str,
    udp: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    tcp: impl Fn(&[u8], &mut TcpStream) + Send + Sync + 'static,
) {
    with_limits(quick_limits(), words, udp, tcp);
}

fn with_limits(
    limits: TransferLimits,
    words: &str,
    udp: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    tcp: impl Fn(&[u8], &mut TcpStream) + Send + Sync + 'static,
) {
    let data = tempfile::tempdir().unwrap();
    let node = Node::with(data.path(), limits, None);
    let primary = Primary::serving(ZONE, 1);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 1);
    primary.script(udp, tcp);
    assert!(node.authority.refresh(&name(ZONE)));
    let status = node.wait(ZONE, |status| {
        status.last_error.is_some() && status.state != ZoneState::Transferring
    });
    let error = status.last_error.clone().unwrap();
    assert!(error.contains(words), "`{error}` does not say `{words}`");
    assert_eq!(
        (status.serial, node.serial(ZONE)),
        (Some(1), Some(1)),
        "{error}"
    );
    // The primary comes to its senses and everything is well again.
    primary.serve(ZONE, 2);
    node.authority.refresh(&name(ZONE));
    assert_eq!(node.wait_serial(ZONE, 2).last_error, None);
}

/// One whole answer to the AXFR.
fn axfr(
    answer: impl Fn(Answer) -> Answer + Send + Sync + 'static,
) -> impl Fn(&[u8], &mut TcpStream) + Send + Sync {
    move |request, stream| {
        send(stream, &answer(Answer::to(request)).0);
    }
}

#[test]
fn primary_that_refuses_the_transfer() {
    transfer_fails("REFUSED", axfr(|answer| answer.flags(0x8405)));
}

#[test]
fn primary_that_refuses_the_soa_question() {
    let refuse = |request: &[u8]| Some(Answer::to(request).flags(0x8405).0);
    probe_and_transfer_fail("access list", refuse, whole_zone(ZONE, 2));
}

#[test]
fn primary_that_is_not_authoritative() {
    let no_aa = |request: &[u8]| Some(Answer::to(request).flags(0x8000).soa(ZONE, 2).0);
    probe_and_transfer_fail("not authoritative", no_aa, whole_zone(ZONE, 2));
}

#[test]
fn primary_that_says_nothing() {
    probe_and_transfer_fail(
        "does not answer",
        |_| None,
        |_, stream| {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = std::io::Read::read(stream, &mut [0]);
        },
    );
}

#[test]
fn primary_that_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 1);
    let address = primary.address;
    node.authority.add_secondary(&name(ZONE), &[address]);
    node.wait_serial(ZONE, 1);
    drop(primary);
    node.authority.refresh(&name(ZONE));
    let status = node.wait(ZONE, |status| status.last_error.is_some());
    assert!(status.last_error.unwrap().contains("nothing listens there"));
    assert_eq!(node.serial(ZONE), Some(1));
}

#[test]
fn transfer_that_begins_with_another_soa() {
    transfer_fails(
        "begins with SOA",
        axfr(|answer| answer.soa("example.com.", 2).soa("example.com.", 2)),
    );
}

#[test]
fn transfer_that_is_cut_off_between_messages() {
    transfer_fails("cut off after", axfr(|answer| answer.soa(ZONE, 2).ns(ZONE)));
}

#[test]
fn transfer_that_is_cut_off_inside_a_message() {
    transfer_fails("closed in the middle", |request, stream| {
        let message = Answer::to(request).soa(ZONE, 2).ns(ZONE).0;
        let _ = stream.write_all(&[0xFF, 0]);
        let _ = stream.write_all(&message);
    });
}

/// RELIABILITY X1.
#[test]
fn transfer_without_end() {
    transfer_fails("larger than the limit", |request, stream| {
        let mut answer = Answer::to(request).soa(ZONE, 2).ns(ZONE);
        loop {
            for i in 0..200 {
                answer = answer.a(&format!("h{i}.example.org."));
            }
            if !send(stream, &answer.0) {
                return;
            }
            answer = Answer::to(request);
        }
    });
}

/// RELIABILITY X2.
#[test]
fn transfer_that_drips() {
    transfer_fails("too slowly", |request, stream| {
        let mut answer = Answer::to(request).soa(ZONE, 2).ns(ZONE);
        while send(stream, &answer.0) {
            std::thread::sleep(Duration::from_millis(50));
            answer = Answer::to(request).a("www.example.org.");
        }
    });
}

#[test]
fn transfer_that_stops_without_closing() {
    let limits = TransferLimits {
        rate_span: Duration::from_secs(60),
        ..quick_limits()
    };
    with_limits(
        limits,
        "sent nothing for",
        soa_answer(ZONE, 2),
        |request, stream| {
            send(stream, &Answer::to(request).soa(ZONE, 2).ns(ZONE).0);
            let _ = std::io::Read::read(stream, &mut [0]);
        },
    );
}

#[test]
fn transfer_that_takes_too_long() {
    let limits = TransferLimits {
        rate_span: Duration::from_secs(60),
        total_timeout: Duration::from_millis(500),
        ..quick_limits()
    };
    with_limits(
        limits,
        "was not done after",
        soa_answer(ZONE, 2),
        |request, stream| {
            let mut answer = Answer::to(request).soa(ZONE, 2).ns(ZONE);
            while send(stream, &answer.0) {
                std::thread::sleep(Duration::from_millis(50));
                answer = Answer::to(request).a("www.example.org.");
            }
        },
    );
}

#[test]
fn transfer_with_another_message_id() {
    transfer_fails("message id", |request, stream| {
        let mut message = Answer::to(request).soa(ZONE, 2).ns(ZONE).soa(ZONE, 2).0;
        message[0] ^= 0xFF;
        send(stream, &message);
    });
}

#[test]
fn transfer_marked_as_truncated() {
    transfer_fails(
        "truncated",
        axfr(|answer| answer.flags(0x8600).soa(ZONE, 2).ns(ZONE).soa(ZONE, 2)),
    );
}

#[test]
fn transfer_with_records_of_another_zone() {
    transfer_fails(
        "outside the zone",
        axfr(|answer| answer.soa(ZONE, 2).ns(ZONE).a("example.com.").soa(ZONE, 2)),
    );
}

#[test]
fn transfer_whose_last_soa_differs() {
    transfer_fails(
        "ends with another SOA",
        axfr(|answer| answer.soa(ZONE, 2).ns(ZONE).soa(ZONE, 3)),
    );
}

#[test]
fn transfer_with_a_broken_record() {
    transfer_fails(
        "is broken",
        axfr(|answer| {
            answer
                .soa(ZONE, 2)
                .ns(ZONE)
                .record(ZONE, 28, 1, &[1, 2, 3])
                .soa(ZONE, 2)
        }),
    );
}

#[test]
fn transfer_of_another_class() {
    transfer_fails(
        "class 3",
        axfr(|answer| {
            answer
                .soa(ZONE, 2)
                .record(ZONE, 1, 3, &[1, 2, 3, 4])
                .soa(ZONE, 2)
        }),
    );
}

#[test]
fn transfer_of_random_bytes() {
    transfer_fails("not an answer", |_, stream| {
        send(stream, &[0x5A; 300]);
    });
}

/// A zone that breaks the rules of zones is not put in force, however well it was transferred.
#[test]
fn transfer_of_a_zone_that_breaks_rules() {
    transfer_fails(
        "was refused",
        axfr(|answer| {
            let alias = b"\x01x\x07example\x03org\x00";
            let host = "www.example.org.";
            answer
                .soa(ZONE, 2)
                .ns(ZONE)
                .a(host)
                .record(host, 5, 1, alias)
                .soa(ZONE, 2)
        }),
    );
}

/// FEATURES 1.4: the newer version stays, the state says so, and an order takes the older one.
#[test]
fn serial_that_goes_back_is_held_until_forced() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 9);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 9);
    primary.serve(ZONE, 5);
    node.authority.refresh(&name(ZONE));
    let status = node.wait(ZONE, |status| status.state == ZoneState::Held);
    assert!(
        status.words.contains("serial went back from 9 to 5"),
        "{}",
        status.words
    );
    assert_eq!(node.serial(ZONE), Some(9));
    assert!(node.authority.retransfer(&name(ZONE)));
    assert_eq!(node.wait_serial(ZONE, 5).state, ZoneState::Ok);
}

/// RELIABILITY X6: a primary that says "newer" and then sends the same is believed once, not in a loop.
#[test]
fn newer_serial_that_is_not_delivered_is_no_change() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 1);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 1);
    primary.script(soa_answer(ZONE, 2), whole_zone(ZONE, 1));
    node.authority.refresh(&name(ZONE));
    node.wait(ZONE, |status| {
        primary.transfers() == 2 && status.state == ZoneState::Ok
    });
    assert_eq!(node.serial(ZONE), Some(1));
}

/// RELIABILITY X16: packets of others are ignored; where only such come, TCP decides.
#[test]
fn forged_answers_do_not_stop_a_refresh() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 1);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 1);
    let forged = |request: &[u8]| {
        let mut answer = Answer::to(request).soa(ZONE, 77).0;
        answer[0] ^= 1;
        Some(answer)
    };
    primary.script(forged, whole_zone(ZONE, 2));
    node.authority.refresh(&name(ZONE));
    node.wait_serial(ZONE, 2);
}

/// A truncated SOA answer is asked again over TCP.
#[test]
fn truncated_probe_goes_to_tcp() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 1);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 1);
    primary.script(
        |request| Some(Answer::to(request).flags(0x8600).0),
        whole_zone(ZONE, 2),
    );
    node.authority.refresh(&name(ZONE));
    node.wait_serial(ZONE, 2);
}

/// RELIABILITY X2: dripping primaries do not hold up an honest one.
#[test]
fn dripping_primaries_do_not_hold_up_an_honest_one() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let dripping: Vec<_> = (0..10)
        .map(|_| Primary::serving("drip.example.", 1))
        .collect();
    for (i, primary) in dripping.iter().enumerate() {
        primary.script(
            |_| None,
            |request, stream| {
                let mut answer = Answer::to(request).soa("drip.example.", 1);
                while asks_for_axfr(request) && send(stream, &answer.0) {
                    std::thread::sleep(Duration::from_millis(50));
                    answer = Answer::to(request).a("www.drip.example.");
                }
            },
        );
        for zone in 0..5 {
            node.authority.add_secondary(
                &name(&format!("z{zone}.p{i}.drip.example.")),
                &[primary.address],
            );
        }
    }
    let honest = Primary::serving(ZONE, 1);
    // Another address of loopback: places are counted per address.
    node.authority.add_secondary(&name(ZONE), &[honest.address]);
    node.wait_serial(ZONE, 1);
}
