//! Snapshot files: whatever a file holds, it is refused or it is a zone that can be asked.
//!
//! The checksum at the end keeps damage out, and every mutation with it; so the octets are read once
//! as they are and once with the checksum they ought to have.

use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_answer::text;
use bailiwick_zone::{Name, RecordType, Zone, ZoneSet};
use xxhash_rust::xxh3::xxh3_64;

use crate::world::{ZONES, key};

/// A file.
pub(crate) fn run(file: &[u8]) {
    ask(file);
    if let Some((body, _)) = file.split_last_chunk::<8>() {
        ask(&[body, &xxh3_64(body).to_le_bytes()].concat());
    }
}

fn ask(file: &[u8]) {
    let Ok(zone) = Zone::read_snapshot(file, &key()) else {
        return;
    };
    let mut names = vec![zone.apex().clone()];
    zone.for_each_record(&mut |record| {
        if let Ok(name) = Name::from_wire(record.owner) {
            names.push(name);
        }
        if names.len() < 20 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let below: Vec<Name> = names
        .iter()
        .filter_map(|name| name.child(b"x").ok())
        .collect();
    let zones = ZoneSet::new(&key()).with(Arc::new(zone));
    for name in names.iter().chain(&below) {
        for rtype in [RecordType::A, RecordType::MX, RecordType::DS] {
            // A block with a right checksum and wrong contents may answer nonsense, but answers.
            let _ = text::respond(&zones, name, rtype, true);
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let snapshot = |zone: &Arc<Zone>| {
        let mut file = Vec::new();
        zone.write_snapshot(&mut file).unwrap();
        file
    };
    ZONES.iter().map(snapshot).collect()
}
