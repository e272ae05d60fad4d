//! Zones from files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Node;
use crate::ZoneState;
use crate::hosted::{SETTLED, folder_of};
use crate::testing::name;

const ZONE: &str = "example.org.";

fn write_zone(file: &Path, serial: u32) {
    let text =
        format!("$TTL 300\n@ SOA ns admin {serial} 3600 600 604800 300\n@ NS ns\nns A 192.0.2.1\n");
    fs::write(file, text).unwrap();
}

fn write_broken(file: &Path) {
    fs::write(
        file,
        "$TTL 300\n@ SOA ns admin 3 3600 600 604800 300\n@ NS ns\nns A 192.0.2.999\n",
    )
    .unwrap();
}

/// P2.2: a good file is answered.
#[test]
fn file_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let file = data.path().join("zone");
    write_zone(&file, 4);
    node.authority.add_hosted(&name(ZONE), &file).unwrap();
    assert_eq!(
        (node.serial(ZONE), node.status(ZONE).state),
        (Some(4), ZoneState::Ok)
    );
}

/// P2.2: a bad file is refused with line, column and reason, and nothing of it is taken over.
#[test]
fn bad_file_keeps_the_last_good_version() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let file = data.path().join("zone");
    write_zone(&file, 4);
    node.authority.add_hosted(&name(ZONE), &file).unwrap();
    write_broken(&file);
    let report = node.authority.reload(None);
    assert_eq!((report.loaded, report.refused.len()), (0, 1));
    let status = node.status(ZONE);
    assert_eq!((status.serial, status.state), (Some(4), ZoneState::Failing));
    assert!(status.words.contains(":4:"), "{}", status.words);
    write_zone(&file, 5);
    assert_eq!(node.authority.reload(None).loaded, 1);
    assert_eq!(
        (node.serial(ZONE), node.status(ZONE).state),
        (Some(5), ZoneState::Ok)
    );
}

/// The last good version of a file that has gone bad survives a restart.
#[test]
fn last_good_version_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("zone");
    write_zone(&file, 4);
    let node = Node::start(data.path());
    node.authority.add_hosted(&name(ZONE), &file).unwrap();
    node.stop();
    write_broken(&file);
    let node = Node::start(data.path());
    assert!(node.authority.add_hosted(&name(ZONE), &file).is_err());
    assert_eq!(node.serial(ZONE), Some(4));
}

/// A restart does not read a file again that its snapshot was made of, and reads one that was touched,
/// or that had only just been written when it was read: a change within the same tick of the file
/// system's clock would not show.
#[test]
fn a_restart_takes_unchanged_files_from_their_snapshots() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("zone");
    let zones = [(name(ZONE), file.clone())];
    let start = || {
        let node = Node::start(data.path());
        let report = node.authority.add_hosted_all(&zones);
        assert_eq!((report.loaded, report.refused.len()), (1, 0));
        (node, report.restored)
    };
    write_zone(&file, 4);
    let (node, restored) = start();
    assert_eq!(restored, 0);
    node.stop();
    let (node, restored) = start();
    assert_eq!(
        restored, 0,
        "it may have been written again in the same tick"
    );
    node.stop();
    let touched = || fs::metadata(&file).unwrap().modified().unwrap();
    let wait_until_settled = || {
        while touched().elapsed().unwrap() < SETTLED + Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_until_settled();
    start().0.stop();
    let (node, restored) = start();
    assert_eq!((restored, node.serial(ZONE)), (1, Some(4)));
    assert_eq!(node.status(ZONE).state, ZoneState::Ok);
    node.stop();
    // As long as before, and with the time of the old one: only its change time tells.
    let before = touched();
    write_zone(&file, 5);
    fs::File::options()
        .append(true)
        .open(&file)
        .unwrap()
        .set_modified(before)
        .unwrap();
    let (node, restored) = start();
    assert_eq!((restored, node.serial(ZONE)), (0, Some(5)));
}

/// Only files that changed are read again.
#[test]
fn unchanged_files_are_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let zones: Vec<(_, PathBuf)> = (0..20)
        .map(|i| {
            (
                name(&format!("z{i}.example.")),
                data.path().join(format!("z{i}")),
            )
        })
        .collect();
    for (_, file) in &zones {
        write_zone(file, 1);
    }
    assert_eq!(node.authority.add_hosted_all(&zones).loaded, 20);
    write_zone(&zones[7].1, 22);
    let report = node.authority.reload(None);
    assert_eq!((report.loaded, report.unchanged), (1, 19));
    assert_eq!(
        (node.serial("z7.example."), node.serial("z8.example.")),
        (Some(22), Some(1))
    );
}

/// A missing file is an error for its zone alone; when it appears a reload takes it.
#[test]
fn missing_file_hurts_its_zone_alone() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let (good, missing) = (data.path().join("good"), data.path().join("missing"));
    write_zone(&good, 1);
    let report = node.authority.add_hosted_all(&[
        (name("a.example."), good),
        (name("b.example."), missing.clone()),
    ]);
    assert_eq!((report.loaded, report.refused.len()), (1, 1));
    write_zone(&missing, 2);
    node.authority.reload(None);
    assert_eq!(node.serial("b.example."), Some(2));
}

/// Slots stay with their zones over reloads and are not shared.
#[test]
fn slots_stay_with_their_zones() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let file = data.path().join("zone");
    write_zone(&file, 1);
    node.authority
        .add_hosted(&name("a.example."), &file)
        .unwrap();
    node.authority
        .add_hosted(&name("b.example."), &file)
        .unwrap();
    let before = (
        node.status("a.example.").slot,
        node.status("b.example.").slot,
    );
    assert_ne!(before.0, before.1);
    write_zone(&file, 2);
    node.authority.reload(None);
    assert_eq!(
        (
            node.status("a.example.").slot,
            node.status("b.example.").slot
        ),
        before
    );
}

/// RFC 1035 5.1: what a file includes lies beside it, also where the file is named without a folder.
#[test]
fn a_bare_file_name_lies_in_the_working_folder() {
    assert_eq!(folder_of(Path::new("zone")), Path::new("."));
    assert_eq!(folder_of(Path::new("zones/zone")), Path::new("zones"));
}
