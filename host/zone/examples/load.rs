//! What a zone costs to load and to hold: `load FILE [ROUNDS]` with a master file.
//!
//! Prints the seconds from text and from a snapshot, step by step, and the octets for each record.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it prints, and stops where it cannot go on"
)]

use std::time::Instant;

use bailiwick_zone::{HashKey, Zone, master};

fn main() {
    let mut args = std::env::args().skip(1);
    let file = args.next().expect("a master file");
    let rounds = args.next().map_or(3, |n| n.parse().unwrap());
    let key = HashKey::from_bytes(*b"an ordinary key of 32 octets <-!");
    for _ in 0..rounds {
        let mut clock = Clock(Instant::now());
        let parsed = master::parse_file(file.as_ref(), None).unwrap();
        let parse = clock.lap();
        let zone = parsed.build(&key).unwrap();
        let build = clock.lap();
        drop(parsed);
        let mut snapshot = Vec::new();
        clock.lap();
        zone.write_snapshot(&mut snapshot).unwrap();
        let write = clock.lap();
        let again = Zone::read_snapshot(&snapshot, &key).unwrap();
        let read = clock.lap();
        assert_eq!(again.record_count(), zone.record_count());
        println!(
            "text {:.3} s (read {parse:.3}, build {build:.3}); snapshot {} octets, write {write:.3} s, read {read:.3} s; {:.1} octets a record",
            parse + build,
            snapshot.len(),
            zone.size_bytes() as f64 / zone.record_count() as f64,
        );
    }
}

struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> f64 {
        let lap = self.0.elapsed().as_secs_f64();
        self.0 = Instant::now();
        lap
    }
}
