//! Issue point 7, RELIABILITY S1: a process killed at any moment leaves the last good versions.
//!
//! The test starts itself again as a child that transfers and reloads without end, kills it at random, and
//! looks at what a new start makes of the data folder.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Node;
use super::primary::{Answer, Primary, asks_for_axfr, send};
use crate::testing::name;

const ZONE: &str = "example.org.";
const DATA: &str = "BAILIWICK_TEST_VICTIM_DATA";
const PRIMARY: &str = "BAILIWICK_TEST_VICTIM_PRIMARY";
const KILLS: usize = 25;

/// The child's life; as a test of its own it has nothing to do.
#[test]
fn victim() {
    let (Ok(data), Ok(primary)) = (std::env::var(DATA), std::env::var(PRIMARY)) else {
        return;
    };
    let node = Node::start(&PathBuf::from(data));
    node.authority
        .add_secondary(&name(ZONE), &[primary.parse().unwrap()]);
    loop {
        node.authority.refresh(&name(ZONE));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Every version that was put in force is there after the kill, or a later one; never none, never a mix.
#[test]
fn killed_process_leaves_the_last_good_version() {
    let data = tempfile::tempdir().unwrap();
    // Each question finds a newer version, so the child is always in the middle of something.
    let serial = Arc::new(AtomicU32::new(1));
    let primary = Primary::serving(ZONE, 1);
    let (asked, transferred) = (Arc::clone(&serial), Arc::clone(&serial));
    primary.script(
        move |request| {
            Some(
                Answer::to(request)
                    .soa(ZONE, asked.fetch_add(1, Ordering::SeqCst) + 1)
                    .0,
            )
        },
        move |request, stream| {
            let serial = transferred.load(Ordering::SeqCst);
            let mut answer = Answer::to(request).soa(ZONE, serial);
            if asks_for_axfr(request) {
                answer = answer.ns(ZONE);
                for host in 0..500 {
                    answer = answer.record(
                        &format!("h{host}.example.org."),
                        1,
                        1,
                        &serial.to_be_bytes(),
                    );
                }
                answer = answer.soa(ZONE, serial);
            }
            send(stream, &answer.0);
        },
    );
    let mut last = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::victim", "--nocapture"])
            .env(DATA, data.path())
            .env(PRIMARY, primary.address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not before it has transferred anything at all; then at a random moment.
        let transfers = primary.transfers();
        while primary.transfers() < transfers + 1 + fastrand::usize(..4) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(fastrand::u64(..8000)));
        child.kill().unwrap();
        child.wait().unwrap();
        if kill == 0 {
            // The very first version may not have been in force yet.
            continue;
        }
        last = look(data.path(), last);
    }
    assert!(last > 0);
}

/// What a start finds: a whole version, not older than the last one seen.
fn look(data: &std::path::Path, last: u32) -> u32 {
    let node = Node::start(data);
    // No primary is needed: nobody listens at this address.
    node.authority
        .add_secondary(&name(ZONE), &["127.0.0.1:1".parse().unwrap()]);
    let zone = node.zones.load().get(&name(ZONE)).cloned();
    let Some(zone) = zone else {
        assert_eq!(last, 0, "the zone is lost");
        return 0;
    };
    let serial = zone.serial().0;
    assert!(serial >= last, "serial {serial} after {last}");
    for record in zone.to_records().iter() {
        if record.rtype == bailiwick_zone::RecordType::A {
            assert_eq!(record.rdata, serial.to_be_bytes(), "a mix of versions");
        }
    }
    serial
}
