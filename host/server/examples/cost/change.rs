//! How soon a change is seen under load, and what it costs the load: a zone replaced, added and
//! removed among many, while one UDP thread answers as fast as it can.
//!
//! Each change is made in the set and swapped in, then asked for over the socket until it is there;
//! what comes before (a file read, a transfer, a snapshot synced) is not in these figures. Rates are
//! taken in turns, with and without changes.
#![allow(clippy::print_stdout, reason = "the figures go there")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bailiwick_meter::Meter;
use bailiwick_server::Server;
use bailiwick_zone::{HashKey, Name, SharedZones, Zone, ZoneSet, master};

use crate::serve;

/// Makes so many changes to a server of `count` zones, in five turns.
pub(crate) fn run(count: usize, changes: usize) {
    let key = HashKey::from_bytes(*b"an ordinary key of 32 octets <-!");
    let clock = Instant::now();
    let all = ZoneSet::new(&key).with_all((0..count).map(|n| zone(n, 1, &key)));
    println!(
        "{count} zones built in {:.2} s",
        clock.elapsed().as_secs_f64()
    );
    let zones = Arc::new(ArcSwap::from_pointee(all));
    let options = serve::options(Arc::clone(&zones), Arc::new(Meter::new(key)));
    let server = Server::start(&options).unwrap();
    let address = server.addresses()[0];
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || flood(address, count, &stop))
    };
    let probe = client(address);
    for round in 0..5 {
        let quiet = rate(&options.meter, || thread::sleep(Duration::from_secs(1)));
        let (mut swaps, mut seen) = (Vec::new(), Vec::new());
        let busy = rate(&options.meter, || {
            for change in 0..changes / 5 {
                let (swap, visible) = one_change(&zones, &key, &probe, count, round, change);
                swaps.push(swap);
                seen.push(visible);
                thread::sleep(Duration::from_millis(1000 / (changes as u64 / 5).max(1)));
            }
        });
        println!(
            "{quiet:.0} queries a second without changes, {busy:.0} with; made in {}, visible after {}",
            spread(&mut swaps),
            spread(&mut seen)
        );
    }
    stop.store(true, Relaxed);
    load.join().unwrap();
}

/// Replaces, adds or removes a zone; how long making the set took, and how long until it was seen.
fn one_change(
    zones: &SharedZones,
    key: &HashKey,
    probe: &UdpSocket,
    count: usize,
    round: usize,
    change: usize,
) -> (Duration, Duration) {
    let serial = (round * 1000 + change + 2) as u32;
    let (n, removed) = match change % 3 {
        0 => (change * 7 % count, false),
        1 => (count + 1, false),
        _ => (count + 1, true),
    };
    let next = zone(n, serial, key);
    let start = Instant::now();
    let set = zones.load();
    let set = if removed {
        set.without(next.apex())
    } else {
        set.with(next)
    };
    zones.store(Arc::new(set));
    let swapped = Instant::now();
    let asked = query(&format!("z{n}.test."), 6);
    let mut answer = [0; 512];
    loop {
        probe.send(&asked).unwrap();
        let Ok(len) = probe.recv(&mut answer) else {
            continue;
        };
        let is_there = answer[3] & 15 == 0 && answer[..len].ends_with(&fields(serial));
        if is_there != removed {
            return (swapped - start, swapped.elapsed());
        }
    }
}

/// Keeps 64 queries in flight, spread over all zones.
fn flood(address: SocketAddr, count: usize, stop: &AtomicBool) {
    let socket = client(address);
    let queries: Vec<Vec<u8>> = (0..20_000)
        .map(|n| query(&format!("www.z{}.test.", n * 7919 % count), 1))
        .collect();
    let (mut at, mut in_flight, mut answer) = (0, 0, [0; 512]);
    while !stop.load(Relaxed) {
        while in_flight < 64 {
            socket.send(&queries[at % queries.len()]).unwrap();
            at += 1;
            in_flight += 1;
        }
        // What is lost is lost.
        in_flight -= if socket.recv(&mut answer).is_ok() {
            1
        } else {
            in_flight
        };
    }
}

/// Answers a second while `work` is done.
fn rate(meter: &Meter, work: impl FnOnce()) -> f64 {
    let (before, start) = (meter.totals().classes.total(), Instant::now());
    work();
    (meter.totals().classes.total() - before) as f64 / start.elapsed().as_secs_f64()
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    format!("{:.0} µs (99 %: {:.0})", at(50), at(99))
}

fn zone(n: usize, serial: u32, key: &HashKey) -> Arc<Zone> {
    let text = format!(
        "z{n}.test. 300 SOA ns1 hostmaster {serial} 7200 3600 86400 300\n 300 NS ns1\n 300 NS ns2\n\
         ns1 300 A 192.0.2.1\nns2 300 A 192.0.2.2\n@ 300 A 192.0.2.3\n@ 300 MX 10 mail\n\
         www 300 A 192.0.2.4\nmail 300 A 192.0.2.5\n@ 300 TXT \"v=spf1 mx -all\"\n"
    );
    let options = master::ParseOptions {
        origin: Some(Name::parse(&format!("z{n}.test.")).unwrap()),
        ..Default::default()
    };
    let parsed = master::parse(text.as_bytes(), &options).unwrap();
    Arc::new(parsed.build(key).unwrap().with_slot(n as u32))
}

/// The end of the SOA record that `zone` writes.
fn fields(serial: u32) -> Vec<u8> {
    let numbers = [serial, 7200, 3600, 86400, 300];
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(Name::parse(name).unwrap().as_wire());
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(to).unwrap();
    let patience = Some(Duration::from_millis(200));
    socket.set_read_timeout(patience).unwrap();
    socket
}
