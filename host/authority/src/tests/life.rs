//! A secondary zone's life: first transfer, changes, restart, expiry, removal.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_store::{MemoryStore, Store};
use bailiwick_zone::Serial;

use super::primary::{Primary, whole_zone};
use super::{Node, quick_limits};
use crate::testing::name;
use crate::{NotifyReply, ZoneState};

const ZONE: &str = "example.org.";

/// SERVICE S6: a new zone is transferred at once and the list says so.
#[test]
fn new_zone_is_transferred_at_once() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    let status = node.wait_serial(ZONE, 7);
    assert_eq!((status.state, status.records), (ZoneState::Ok, 3));
    assert_eq!(status.words.split(';').next(), Some("serial 7 is answered"));
}

/// RFC 1996 4.7, issue point 2: a NOTIFY of the primary is followed.
#[test]
fn notify_is_followed() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    primary.serve(ZONE, 8);
    assert_eq!(
        node.authority
            .notify(&name(ZONE), Some(Serial(8)), primary.address),
        NotifyReply::Accepted
    );
    node.wait_serial(ZONE, 8);
}

/// RFC 1996 3.10, RELIABILITY X8, X9: strangers and unknown zones get nothing going.
#[test]
fn notify_of_strangers_and_for_unknown_zones_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    let stranger = "192.0.2.66:53".parse().unwrap();
    assert_eq!(
        node.authority.notify(&name(ZONE), None, stranger),
        NotifyReply::Refused
    );
    assert_eq!(
        node.authority
            .notify(&name("other.org."), None, primary.address),
        NotifyReply::NotAuth
    );
    assert_eq!(primary.probes(), 0);
}

/// RELIABILITY X8: a flood of NOTIFYs is a handful of SOA questions.
#[test]
fn notify_flood_is_few_questions() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    // No answer over UDP or TCP in a hurry: all NOTIFYs meet a running attempt.
    primary.script(|_| None, whole_zone(ZONE, 8));
    for _ in 0..10_000 {
        node.authority.notify(&name(ZONE), None, primary.address);
    }
    node.wait_serial(ZONE, 8);
    node.wait(ZONE, |status| status.state == ZoneState::Ok);
    assert!(primary.probes() <= 3, "{}", primary.probes());
}

/// RELIABILITY R13: after a restart the zone is answered from its snapshot, with every primary dead.
#[test]
fn restart_needs_no_primary() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    node.stop();
    let address = primary.address;
    drop(primary);
    let node = Node::start(data.path());
    node.authority.add_secondary(&name(ZONE), &[address]);
    assert_eq!(node.serial(ZONE), Some(7));
}

/// RELIABILITY R7, D9: the time a server was down counts, by the store and by the file alone.
#[test]
fn zone_that_expired_while_the_server_was_down_is_not_answered() {
    for with_store in [true, false] {
        let data = tempfile::tempdir().unwrap();
        let store = with_store.then(|| Arc::new(MemoryStore::new()) as Arc<dyn Store>);
        let node = Node::with(data.path(), quick_limits(), store.clone());
        let primary = Primary::serving(ZONE, 7);
        let address = primary.address;
        node.authority.add_secondary(&name(ZONE), &[address]);
        node.wait_serial(ZONE, 7);
        node.stop();
        drop(primary);
        // The SOA says seven days; eight have passed.
        age_snapshots(data.path(), 8 * 86_400, store.as_deref());
        let node = Node::with(data.path(), quick_limits(), store);
        node.authority.add_secondary(&name(ZONE), &[address]);
        // The state tells by the clock; the answers follow with the next look of the timers.
        let is_marked = || {
            let zones = node.zones.load();
            zones.get(&name(ZONE)).is_some_and(|zone| zone.is_expired())
        };
        node.wait(ZONE, |status| {
            status.state == ZoneState::Expired && is_marked()
        });
        // It lives again with the first success.
        drop(node);
    }
}

/// Moves everything that tells a zone's age into the past.
fn age_snapshots(data: &std::path::Path, seconds: u64, store: Option<&dyn Store>) {
    for entry in fs::read_dir(data.join("zones")).unwrap() {
        let path = entry.unwrap().path();
        let octets = fs::read(&path).unwrap();
        let (note, body) = crate::snapshots::split(&octets).unwrap();
        let past = note.saved - seconds;
        let header = serde_json::to_vec(&crate::snapshots::Note {
            saved: past,
            ..note
        })
        .unwrap();
        fs::write(&path, crate::snapshots::frame(&header, body)).unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(past))
            .unwrap();
    }
    if let Some(store) = store {
        for (zone, mut state) in store.zone_states().unwrap() {
            state.last_success = state.last_success.map(|at| at - seconds);
            store.put_zone_states(&[(zone, state)]).unwrap();
        }
    }
}

/// RELIABILITY S6: a damaged snapshot is named, set aside, and the zone fetched again.
#[test]
fn damaged_snapshot_is_set_aside_and_fetched_again() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    node.stop();
    let place = fs::read_dir(data.path().join("zones"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut octets = fs::read(&place).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(&place, octets).unwrap();
    let node = Node::start(data.path());
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    assert!(place.with_extension("damaged").exists());
    assert!(place.exists());
}

/// What is removed is not answered, and does not come back.
#[test]
fn removed_zone_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    assert!(node.authority.remove(&name(ZONE)));
    assert!(!node.authority.remove(&name(ZONE)));
    assert_eq!(node.serial(ZONE), None);
    assert_eq!(fs::read_dir(data.path().join("zones")).unwrap().count(), 0);
}

/// The second primary helps where the first is dead.
#[test]
fn second_primary_helps() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let dead = Primary::serving(ZONE, 7);
    let dead_address = dead.address;
    drop(dead);
    let alive = Primary::serving(ZONE, 8);
    node.authority
        .add_secondary(&name(ZONE), &[dead_address, alive.address]);
    node.wait_serial(ZONE, 8);
}

/// A zone with new primaries is fetched from them at once.
#[test]
fn changed_primary_is_asked_at_once() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let (old, new) = (Primary::serving(ZONE, 7), Primary::serving(ZONE, 8));
    node.authority.add_secondary(&name(ZONE), &[old.address]);
    node.wait_serial(ZONE, 7);
    node.authority.add_secondary(&name(ZONE), &[new.address]);
    node.wait_serial(ZONE, 8);
}

/// Transfer states reach the store, in words.
#[test]
fn states_reach_the_store() {
    let data = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let node = Node::with(
        data.path(),
        quick_limits(),
        Some(Arc::clone(&store) as Arc<dyn Store>),
    );
    let primary = Primary::serving(ZONE, 7);
    node.authority
        .add_secondary(&name(ZONE), &[primary.address]);
    node.wait_serial(ZONE, 7);
    node.wait(ZONE, |status| status.state == ZoneState::Ok);
    node.stop();
    let rows = bailiwick_store::ZoneStates::zone_states(&*store).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].1.serial, rows[0].1.primary.as_deref()),
        (Some(7), Some(primary.address.to_string().as_str()))
    );
}

/// Fifty zones of one primary come in although only two are fetched at once.
#[test]
fn many_zones_of_one_primary_all_come() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let primary = Primary::serving(ZONE, 7);
    // One server, many zones: it answers for whatever is asked.
    primary.script(
        |_| None,
        |request, stream| {
            let (zone, _) = bailiwick_zone::Name::read(request, 12).unwrap();
            let zone = zone.to_string();
            let answer = super::primary::Answer::to(request)
                .soa(&zone, 3)
                .ns(&zone)
                .soa(&zone, 3);
            super::primary::send(stream, &answer.0);
        },
    );
    let zones: Vec<_> = (0..50)
        .map(|i| (name(&format!("z{i}.example.")), vec![primary.address]))
        .collect();
    node.authority.add_secondary_all(&zones);
    for i in 0..50 {
        node.wait_serial(&format!("z{i}.example."), 3);
    }
}
